"""How PostgreSQL would run the statements of the storage layer, without running them."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

import jackfield.storage
from jackfield.storage.dialects import Prepared
from jackfield.storage.postgres import ONE_PLAN

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan as EXPLAIN describes it, and whether the one above takes a few rows."""

    says: Mapping[str, Any]
    is_limited: bool

    @property
    def kind(self) -> str:
        return str(self.says["Node Type"])

    @property
    def index(self) -> str:
        return str(self.says.get("Index Name", ""))

    @property
    def table(self) -> str:
        return str(self.says.get("Relation Name", ""))

    @property
    def condition(self) -> str:
        """What narrows how much of its index is read."""
        return str(self.says.get("Index Cond", ""))


async def session_like_ours(database_url: str) -> Session:
    """Return a connection on which PostgreSQL plans as it does for the gateway."""
    return await asyncpg.connect(database_url, server_settings=ONE_PLAN)


def statements() -> Iterator[tuple[str, Prepared]]:
    """Give every statement of a module of `storage`, by its module's and its own name."""
    for module in pkgutil.iter_modules(jackfield.storage.__path__):
        if module.ispkg:
            continue
        there = vars(importlib.import_module(f"jackfield.storage.{module.name}"))
        for name, value in there.items():
            for prepared in _prepared_in(value):
                yield f"{module.name}.{name}", prepared


def _prepared_in(value: object) -> Iterator[Prepared]:
    if isinstance(value, Prepared):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _prepared_in(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _prepared_in(one)


async def steps_of(connection: Session, prepared: Prepared) -> list[Step]:
    """Return all steps of the plan of a statement."""
    text, order, _ = prepared.postgres
    await connection.execute(f"PREPARE it AS {text}")
    nulls = f"({', '.join(['NULL'] * len(order))})" if order else ""
    plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE it{nulls}")
    await connection.execute("DEALLOCATE it")
    return [step for each in json.loads(plan) for step in _steps(each["Plan"], is_limited=False)]


def _steps(step: Mapping[str, Any], *, is_limited: bool) -> Iterator[Step]:
    yield Step(step, is_limited=is_limited)
    for below in step.get("Plans", ()):
        yield from _steps(below, is_limited=step["Node Type"] == "Limit")
