"""How PostgreSQL would run the statements of the storage layer, without running them."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
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
    def is_filtered(self) -> bool:
        """Whether it reads rows that it does not give."""
        return "Filter" in self.says

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


# What puts statements together when they are asked for, and by what each can be narrowed.
_PUT_TOGETHER = {
    ("rebinding", "_misplaced"): ("account", "api_key", "application_id"),
    ("overview", "_account_page"): ("api_key", "provider"),
    ("overview", "_application_page"): ("api_key",),
    ("destination_pages", "_page"): ("api_key", "application_id"),
    ("delivery_pages", "_count"): (
        *("api_key", "application_id", "dead", "external_id", "held", "own_held", "provider"),
        *("reason", "since", "state", "until", "without_tests"),
    ),
    ("delivery_pages", "_next_accepted"): ("api_key",),
}
_BY_DIRECTION = ("api_key", "dead", "held", "own_held")


def built() -> Iterator[tuple[str, Prepared]]:
    """Give the statements that are put together, narrowed by nothing, each thing, and any two."""
    for has_account in (False, True):
        span = _made_by("rebinding", "_span", has_account=has_account)
        yield f"rebinding._span({has_account})", span
    for (module, function), can in _PUT_TOGETHER.items():
        for names in _some(can):
            made = _made_by(module, function, names)
            yield f"{module}.{function}({', '.join(sorted(names))})", made
    for names in _some(_BY_DIRECTION):
        for is_upward in (False, True):
            for function in ("_page", "_span"):
                made = _made_by("delivery_pages", function, names, is_upward=is_upward)
                yield f"delivery_pages.{function}({', '.join(sorted(names))}, {is_upward})", made


def _some(names: Sequence[str]) -> Iterator[frozenset[str]]:
    for number in (0, 1, 2):
        yield from map(frozenset, combinations(names, number))


def _made_by(module: str, function: str, *names: object, **how: bool) -> Prepared:
    making = vars(importlib.import_module(f"jackfield.storage.{module}"))[function]
    made: Prepared = making(*names, **how)
    return made


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
