"""Every place where SQLite and PostgreSQL differ in what is said to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache, cached_property
from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Delete,
    Dialect,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    bindparam,
    cast,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.dialects.sqlite.dml import OnConflictClause
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from jackfield.units import Statement

# SQLite's INSERT ... ON CONFLICT is compiled for PostgreSQL too; see `_postgres`.
__all__ = ["Engine", "Prepared", "by_its_key", "insert"]

ORDINAL = "ordinal_"


class Engine(StrEnum):
    """The two databases, by the scheme of their URL."""

    SQLITE = "sqlite"
    POSTGRES = "postgresql"


def by_its_key(column: Column[str]) -> ColumnElement[str]:
    """Return a column as no partial index speaks of it, for a row that is found by its key.

    A planner whose figures are older than a large change takes a partial index for empty, and
    would rather read all of it.
    """
    return column.concat("")


def _with_constants_written_out(dialect: Dialect) -> Dialect:
    """Return `dialect`, made to bind only what differs from run to run.

    A planner must know a constant to find the partial index that speaks of it, and SQLite plans
    a statement anew at each run whose bound values might decide that.
    """

    class Compiler(dialect.statement_compiler):  # type: ignore[name-defined,misc] # it is a class
        def visit_bindparam(self, bindparam: BindParameter[Any], **options: Any) -> str:  # noqa: ANN401 -- the compiler's own
            if not bindparam.required and isinstance(bindparam.value, int | str):
                options["literal_binds"] = True
            return super().visit_bindparam(bindparam, **options)  # type: ignore[no-any-return] # a string

    dialect.statement_compiler = Compiler
    return dialect


_SQLITE = _with_constants_written_out(sqlite.dialect(paramstyle="named"))


@cache
def _postgres() -> Dialect:
    # A tenth of the start of a process that is on SQLite and never needs it.
    from sqlalchemy.dialects.postgresql import asyncpg  # noqa: PLC0415 -- as above

    dialect = _with_constants_written_out(asyncpg.dialect())  # type: ignore[no-untyped-call] # untyped there

    class Compiler(dialect.statement_compiler):  # type: ignore[name-defined,misc] # it is a class
        def _on_conflict_target(self, clause: OnConflictClause, **options: Any) -> str:  # noqa: ANN401 -- the compiler's own
            clause.constraint_target = None  # type: ignore[attr-defined] # what only PostgreSQL's has
            return super()._on_conflict_target(clause, **options)  # type: ignore[no-any-return] # a string

    dialect.statement_compiler = Compiler
    return dialect


class Prepared:
    """One statement, written once in SQLAlchemy Core and compiled once for each engine.

    Call it with the values of this run to get what a unit yields; `many` runs it once for
    each mapping and gives all rows, one run's after the other's.

    A statement whose effect depends on the order of the units has a `turn`: it numbers rows, say.
    In a batch that runs in lockstep it waits until no neighbour stands before one of an earlier
    turn, so that all units run it together, whatever each had to do before.
    """

    def __init__(self, core: Select[Any] | Insert | Update | Delete, *, turn: int = 0) -> None:
        self._core = core
        self.turn = turn
        self.writes = not isinstance(core, Select)
        self.returns = isinstance(core, Select) or bool(core.exported_columns)

    def __call__(self, **values: object) -> Statement:
        return Statement(self, (values,))

    def many(self, values: Sequence[Mapping[str, Any]]) -> Statement:
        """Return the statement to be run once for each of `values`, in their order."""
        return Statement(self, values)

    @cached_property
    def tables(self) -> frozenset[str]:
        """The tables it reads, or for one that writes, those whose rows may be others after it."""
        if isinstance(self._core, Select):
            parts = visitors.iterate(self._core)
            return frozenset(part.name for part in parts if isinstance(part, Table))
        target = self._core.table
        assert isinstance(target, Table)  # noqa: S101 -- nothing else is written
        return _gone_with(target) if isinstance(self._core, Delete) else frozenset({target.name})

    @cached_property
    def sqlite(self) -> tuple[str, Mapping[str, Any]]:
        """The text for sqlite3, which takes values by name, and the values that stand in it."""
        compiled = self._core.compile(dialect=_SQLITE)
        return str(compiled), _constants(compiled)

    @cached_property
    def postgres(self) -> tuple[str, Sequence[str], Mapping[str, Any]]:
        """The text for asyncpg, the order of its values, and those that stand in it."""
        return _for_postgres(self._core)

    @cached_property
    def postgres_in_turn(self) -> tuple[str, Sequence[str], Mapping[str, Any]]:
        """The same with one more column, so that the rows of many runs can be told apart."""
        ordinal = cast(bindparam(ORDINAL), Integer)
        if isinstance(self._core, Select):
            return _for_postgres(self._core.add_columns(ordinal))
        return _for_postgres(self._core.returning(ordinal))


def _gone_with(target: Table) -> frozenset[str]:
    """Return the table that is deleted from, and those whose rows follow theirs."""
    changed, found = {target.name}, [target]
    while found:
        parent = found.pop()
        for table in parent.metadata.tables.values():
            follows = any(
                key.column.table is parent and key.ondelete for key in table.foreign_keys
            )
            if follows and table.name not in changed:
                changed.add(table.name)
                found.append(table)
    return frozenset(changed)


def _for_postgres(
    core: Select[Any] | Insert | Update | Delete,
) -> tuple[str, Sequence[str], Mapping[str, Any]]:
    compiled = core.compile(dialect=_postgres())
    return str(compiled), tuple(compiled.positiontup or ()), _constants(compiled)


def _constants(compiled: SQLCompiler) -> Mapping[str, Any]:
    names = compiled.bind_names
    return {name: bind.value for bind, name in names.items() if not bind.required}
