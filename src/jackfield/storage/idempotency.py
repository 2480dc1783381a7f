"""The answers that are kept to be repeated, each under its Idempotency-Key (ruling R24)."""

from __future__ import annotations

from sqlalchemy import Integer, bindparam, delete, select, tuple_

from jackfield.clock import Moment
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import idempotency_keys
from jackfield.units import Steps, unit

_KEY = (
    idempotency_keys.c.api_key,
    idempotency_keys.c.method,
    idempotency_keys.c.path,
    idempotency_keys.c.key,
)

_FIND = Prepared(
    select(idempotency_keys.c.request_digest, idempotency_keys.c.answer).where(
        *(column == bindparam(f"of_{column.name}") for column in _KEY),
        idempotency_keys.c.created_at > bindparam("since"),
    ),
)

_KEPT = ("request_digest", "status", "answer", "created_at")
_add = insert(idempotency_keys).values(
    {column: bindparam(column.name) for column in idempotency_keys.c}
)
# One that is kept no longer is in nobody's way, whether or not it has been swept out yet.
_ADD = Prepared(
    _add.on_conflict_do_update(
        index_elements=_KEY,
        set_={name: _add.excluded[name] for name in _KEPT},
        where=idempotency_keys.c.created_at <= bindparam("since"),
    ).returning(idempotency_keys.c.created_at),
)

# Two processes that sweep at once take different rows. Looked up once, in a CTE: a look for every
# row would pass over what this statement has deleted already, and take more than the limit.
_oldest = (
    select(*_KEY)
    .where(idempotency_keys.c.created_at <= bindparam("until"))
    .order_by(idempotency_keys.c.created_at)
    .limit(bindparam("limit", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("oldest")
)
_EXPIRE = Prepared(
    delete(idempotency_keys)
    .where(tuple_(*_KEY).in_(select(_oldest)))
    .returning(idempotency_keys.c.created_at),
)


@unit
def find(
    api_key: str, method: str, path: str, key: str, *, since: Moment
) -> Steps[tuple[bytes, bytes] | None]:
    """See `IdempotencyKeys.find`."""
    rows = yield _FIND(of_api_key=api_key, of_method=method, of_path=path, of_key=key, since=since)
    for digest, answer in rows:
        return digest, answer
    return None


@unit
def add(
    api_key: str,
    method: str,
    path: str,
    key: str,
    *,
    digest: bytes,
    status: int,
    answer: bytes,
    now: Moment,
    since: Moment,
) -> Steps[bool]:
    """See `IdempotencyKeys.add`."""
    rows = yield _ADD(
        api_key=api_key,
        method=method,
        path=path,
        key=key,
        request_digest=digest,
        status=status,
        answer=answer,
        created_at=now,
        since=since,
    )
    return bool(rows)


@unit
def expire(*, until: Moment, limit: int) -> Steps[int]:
    """Remove at most `limit` of those kept at `until` or before, the oldest; return how many."""
    rows = yield _EXPIRE(until=until, limit=limit)
    return len(rows)
