"""Looks over deliveries, range by range: no look walks further than `RANGE` rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, and_, bindparam, exists, func, literal_column, select

from jackfield.clock import Moment, after
from jackfield.delivery.records import RANGE, Chosen, Counted, DeliveryLine, Kind, Selection, State
from jackfield.storage.dialects import Prepared
from jackfield.storage.replaying import FORESEEN
from jackfield.storage.tables import accounts, attempts, deliveries, messages
from jackfield.units import Row, Rows, Steps, unit

_END = 2**63 - 1
_SKEW = timedelta(hours=1)
"""By how much a later place may have been accepted earlier: clocks of several machines differ."""

_number = deliveries.c.number

_of_it = attempts.c.delivery_id == deliveries.c.id
_last_outcome = (
    select(attempts.c.outcome)
    .where(_of_it)
    .order_by(attempts.c.number.desc())
    .limit(1)
    .scalar_subquery()
)
_reason = func.coalesce(deliveries.c.held_because, _last_outcome)

LINE_COLUMNS = (
    _number,
    deliveries.c.id,
    deliveries.c.kind,
    deliveries.c.state,
    _reason,
    deliveries.c.message_id,
    deliveries.c.api_key,
    messages.c.provider,
    messages.c.account_external_id,
    deliveries.c.application_id,
    deliveries.c.url,
    select(func.count()).where(_of_it).scalar_subquery(),
    deliveries.c.accepted_at,
    deliveries.c.finished_at,
)
"""The columns of a `DeliveryLine`, from deliveries and, outer, their messages."""

_its_message = messages.c.id == deliveries.c.message_id
_told = messages.alias("told")
_its = _told.c.id == deliveries.c.message_id
_account = select(accounts.c.id).where(
    accounts.c.provider == bindparam("provider"),
    accounts.c.external_id == bindparam("external_id"),
)
_own_account = _account.where(accounts.c.api_key == bindparam("api_key"))
_is_held = deliveries.c.state == literal_column("'held'")

_CONDITIONS = {
    "api_key": deliveries.c.api_key == bindparam("api_key"),
    "provider": exists().where(_its, _told.c.provider == bindparam("provider")),
    "external_id": exists().where(_its, _told.c.account_external_id == bindparam("external_id")),
    "application_id": deliveries.c.application_id == bindparam("application_id"),
    "state": deliveries.c.state == bindparam("state"),
    "reason": _reason == bindparam("reason"),
    "since": deliveries.c.accepted_at >= bindparam("since"),
    "until": deliveries.c.accepted_at < bindparam("until"),
    "without_tests": deliveries.c.kind != Kind.TEST.value,
    # The states are written out: only so do both engines use the indexes of what they are.
    "dead": deliveries.c.state == literal_column("'dead'"),
    "held": and_(_is_held, deliveries.c.account_id == _account.scalar_subquery()),
    # Whose the account is stands in its own row, so that no other index looks better.
    "own_held": and_(_is_held, deliveries.c.account_id == _own_account.scalar_subquery()),
}
_VALUES = (
    "api_key",
    "provider",
    "external_id",
    "application_id",
    "state",
    "reason",
    "since",
    "until",
)
_FAR = frozenset({"provider", "external_id", "reason"})
"""What has to be looked for in other tables, row by row."""

FAR_RANGE = 400
"""Rows of a range for those, so that a look takes no longer than any other."""

_WALKED = frozenset({"api_key", "dead", "held", "own_held"})
"""What an index finds; everything else is looked for within a range of what it finds."""

_LAST = Prepared(select(func.max(_number)))


@dataclass(frozen=True, slots=True)
class _Range:
    """The next places that are looked at, both included, and whether others may follow."""

    first: int
    last: int
    is_full: bool


@unit
def newest(
    selection: Selection, *, before: int | None, limit: int, reach: int = RANGE
) -> Steps[Chosen]:
    """See `DeliveryRecords.newest`."""
    low, high = yield from _edges(selection, low=0, high=_END if before is None else before)
    there = yield from _next_range(selection, low, high, reach, is_upward=False)
    if there is None:
        return Chosen([], None)
    rows = yield from _rows(selection, there, limit=limit, is_upward=False)
    return _chosen(rows, limit=limit, goes_on_at=there.first if there.is_full else None)


@unit
def oldest(
    selection: Selection, *, after: int, until: int, limit: int, reach: int = RANGE
) -> Steps[Chosen]:
    """See `DeliveryRecords.oldest`."""
    low, high = yield from _edges(selection, low=after + 1, high=until + 1)
    there = yield from _next_range(selection, low, high, reach, is_upward=True)
    if there is None:
        return Chosen([], None)
    rows = yield from _rows(selection, there, limit=limit, is_upward=True)
    return _chosen(rows, limit=limit, goes_on_at=there.last if there.is_full else None)


@unit
def count(
    selection: Selection, *, after: int, until: int, reach: int = FAR_RANGE
) -> Steps[Counted]:
    """See `DeliveryRecords.count`."""
    low, high = yield from _edges(selection, low=after + 1, high=until + 1)
    there = yield from _next_range(selection, low, high, reach, is_upward=True)
    if there is None:
        return Counted(0, 0, 0, 0, None)
    names, values = _narrowing(selection)
    (sums,) = yield _count(names)(**values, low=there.first, high=there.last + 1)
    found, again, held, copied = sums
    return Counted(found, again, held, copied, there.last if there.is_full else None)


@unit
def last() -> Steps[int]:
    """See `DeliveryRecords.last`."""
    ((number,),) = yield _LAST()
    return number or 0


def line(row: Row) -> DeliveryLine:
    """Return a delivery from a row of `LINE_COLUMNS`."""
    number, delivery_id, kind, state, *rest = row
    return DeliveryLine(number, delivery_id, kind, State(state), *rest)


def _chosen(rows: Rows, *, limit: int, goes_on_at: int | None) -> Chosen:
    """Return what was found; where one row more than `limit` was, there is more in this range."""
    if len(rows) > limit:
        goes_on_at = rows[limit - 1][0]
    return Chosen([line(row) for row in rows[:limit]], goes_on_at)


@unit
def _rows(selection: Selection, there: _Range, *, limit: int, is_upward: bool) -> Steps[Rows]:
    """Return the rows that are selected in a range, one more than `limit` at most."""
    names, values = _narrowing(selection)
    page = _page(names, is_upward=is_upward)
    return (yield page(**values, low=there.first, high=there.last + 1, limit=limit + 1))


@unit
def _next_range(
    selection: Selection, low: int, high: int, reach: int, *, is_upward: bool
) -> Steps[_Range | None]:
    """Return the next range from `low` to below `high`, or None when nothing is there."""
    names, values = _narrowing(selection)
    if names & _FAR:
        reach = min(reach, FAR_RANGE)
    span = _span(names & _WALKED, is_upward=is_upward)
    ((first, last, found),) = yield span(**values, low=low, high=high, reach=reach)
    return _Range(first, last, is_full=found == reach) if found else None


@unit
def _edges(selection: Selection, *, low: int, high: int) -> Steps[tuple[int, int]]:
    """Return the places between which everything accepted within the times stands.

    Places and times rise together, but for `_SKEW`.
    """
    if selection.since is not None:
        early = after(selection.since, -_SKEW)
        low = max(low, (yield from _first_accepted(selection.api_key, early)))
    if selection.until is not None:
        late = after(selection.until, _SKEW)
        high = min(high, (yield from _first_accepted(selection.api_key, late)))
    return low, high


@unit
def _first_accepted(api_key: str | None, moment: Moment) -> Steps[int]:
    """Return the first place from which on everything was accepted at `moment` or later.

    Halves what is left again and again: some thirty looks at one row, however many there are.
    """
    given = {} if api_key is None else {"api_key": api_key}
    beyond = (yield from last()) + 1
    low, high = 0, beyond
    while low < high:
        middle = (low + high) // 2
        rows = yield _next_accepted(frozenset(given))(**given, low=middle)
        if rows and rows[0][1] < moment:
            low = rows[0][0] + 1
        else:
            high = middle
    return low


def _narrowing(selection: Selection) -> tuple[frozenset[str], dict[str, object]]:
    """Return by which of `_CONDITIONS` it narrows, and the values they need."""
    named = {name: getattr(selection, name) for name in _VALUES}
    values = {name: value for name, value in named.items() if value is not None}
    names = set(values)
    if selection.state is State.DEAD and "api_key" in names:
        names = names - {"state"} | {"dead"}
    elif selection.state is State.HELD and names >= {"provider", "external_id"}:
        held = "own_held" if "api_key" in names else "held"
        names = names - {"state", "provider", "external_id", "api_key"} | {held}
    if selection.without_tests:
        names.add("without_tests")
    return frozenset(names), values


@cache
def _span(names: frozenset[str], *, is_upward: bool) -> Prepared:
    walk = _between(select(_number), names).order_by(_number if is_upward else _number.desc())
    walked = walk.limit(bindparam("reach", type_=Integer)).subquery()
    number = walked.c.number
    ends: list[Any] = [func.min(number), func.max(number), func.count()]
    return Prepared(select(*ends).select_from(walked))


@cache
def _page(names: frozenset[str], *, is_upward: bool) -> Prepared:
    lines = _between(select(*LINE_COLUMNS), names).outerjoin(messages, _its_message)
    ordered = lines.order_by(_number if is_upward else _number.desc())
    return Prepared(ordered.limit(bindparam("limit", type_=Integer)))


@cache
def _count(names: frozenset[str]) -> Prepared:
    counting: Select[Any] = select(func.count(), *FORESEEN).select_from(deliveries)
    return Prepared(_between(counting, names))


@cache
def _next_accepted(names: frozenset[str]) -> Prepared:
    step = select(_number, deliveries.c.accepted_at).where(
        _number >= bindparam("low"), *(_CONDITIONS[name] for name in names)
    )
    return Prepared(step.order_by(_number).limit(1))


def _between(columns: Select[Any], names: frozenset[str]) -> Select[Any]:
    return columns.where(
        _number >= bindparam("low"),
        _number < bindparam("high"),
        *(_CONDITIONS[name] for name in sorted(names)),
    )
