"""What the PostgreSQL store does when others want the same rows, or the line goes dead."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from databases import look, tenants_there
from jackfield.metrics import Metrics
from jackfield.problems import OutcomeUnknown, Unavailable
from jackfield.storage import tenants
from jackfield.storage.dialects import Prepared
from jackfield.storage.postgres import PostgresStore
from jackfield.storage.undecided import Undecided
from jackfield.units import Steps, unit
from line import Line
from small_units import (
    Refusal,
    add_and_count,
    add_then_refuse,
    found_slowly,
    rename,
    rename_slowly,
    tenant,
)

_KILL_STORES = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE application_name = 'jackfield' AND datname = current_database()"
)


@contextlib.asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[PostgresStore]:  # noqa: ANN401 -- passed on
    store = PostgresStore(url, readers=1, metrics=Metrics(), **options)
    try:
        yield store
    finally:
        await store.close()


async def add_all(store: PostgresStore, *keys: str) -> list[object]:
    """Commit the tenants in one batch; give results and errors in order."""
    return await asyncio.gather(
        *[store.commit(tenants.add(tenant(key))) for key in keys], return_exceptions=True
    )


async def all_of(*work: Awaitable[object]) -> list[object]:
    return await asyncio.gather(*work, return_exceptions=True)


def reasons(logs: Sequence[Any]) -> list[str]:
    return [entry["reason"] for entry in logs if entry["event"] == "store.trouble"]


async def test_two_stores_that_lock_rows_in_opposite_order_both_commit(postgres_url: str) -> None:
    async with opened(postgres_url) as first, opened(postgres_url) as second:
        await add_all(first, "a", "b")
        await add_all(second, "warm")

        with capture_logs() as logs:
            ends = await all_of(
                first.commit(rename_slowly("a", "b", name="first", seconds=0.2)),
                second.commit(rename_slowly("b", "a", name="second", seconds=0.2)),
                add_all(first, "f0", "f1"),
                add_all(second, "s0", "s1"),
            )

    assert ends == [None, None, [True, True], [True, True]]
    assert reasons(logs)[:1] == ["DeadlockDetectedError"]
    names = await look(
        postgres_url, "SELECT DISTINCT name FROM tenants WHERE api_key IN ('a','b')"
    )
    assert names in ([("first",)], [("second",)])
    assert await tenants_there(postgres_url) == {"a", "b", "warm", "f0", "f1", "s0", "s1"}


async def test_what_cannot_be_serialised_is_tried_again(postgres_url: str) -> None:
    name = urlsplit(postgres_url).path.removeprefix("/")
    await look(
        postgres_url,
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'",
    )
    async with opened(postgres_url) as first, opened(postgres_url) as second:
        await add_all(first, "a")
        await add_all(second, "b")

        with capture_logs() as logs:
            ends = await all_of(
                first.commit(rename_slowly("a", "b", name="first", seconds=0.2)),
                second.commit(rename_slowly("b", "warm", "a", name="second", seconds=0.1)),
                second.commit(tenants.add(tenant("neighbour"))),
            )

    assert ends == [None, None, True]
    assert set(reasons(logs)) & {"SerializationError", "DeadlockDetectedError"}


async def test_who_waits_too_long_for_a_lock_is_told_and_its_neighbours_are_committed(
    postgres_url: str,
) -> None:
    other = await asyncpg.connect(postgres_url)
    async with opened(postgres_url, lock_timeout=timedelta(milliseconds=50)) as store:
        await add_all(store, "locked", "free")
        transaction = other.transaction()
        await transaction.start()
        await other.execute("UPDATE tenants SET name = 'mine' WHERE api_key = 'locked'")

        ends = await all_of(
            store.commit(rename("free", "renamed")),
            store.commit(rename("locked", "renamed")),
            store.commit(tenants.add(tenant("neighbour"))),
        )
        await transaction.rollback()
        await store.commit(rename("locked", "renamed"))

    await other.close()
    assert (ends[0], type(ends[1]), ends[2]) == (None, Unavailable, True)
    assert await look(
        postgres_url, "SELECT api_key FROM tenants WHERE name = 'renamed' ORDER BY 1"
    ) == [("free",), ("locked",)]


async def test_a_line_that_was_cut_between_batches_is_laid_anew(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        await add_all(store, "a")
        await store.read(tenants.find("a"))

        killed = await look(postgres_url, _KILL_STORES)
        added = await add_all(store, "b", "c")
        found = await store.read(tenants.find("b"))

    assert killed == [(2,)]
    assert added == [True, True]
    assert found == tenant("b")
    assert await tenants_there(postgres_url) == {"a", "b", "c"}


@pytest.mark.parametrize("how", ["terminate", "cancel"])
async def test_who_looks_while_the_line_is_cut_is_told_what_is_there(
    postgres_url: str, how: str
) -> None:
    async with opened(postgres_url) as store:
        await add_all(store, "a")
        await store.read(tenants.find("a"))
        looking = asyncio.create_task(store.read(found_slowly("a", seconds=0.3)))
        await asyncio.sleep(0.1)

        await look(postgres_url, _KILL_STORES.replace("terminate", how))
        found = await looking

    assert found == tenant("a")


async def test_a_line_that_is_cut_inside_a_transaction_loses_nothing_and_doubles_nothing(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as store:
        await add_all(store, "a")
        waiting = [
            asyncio.create_task(store.commit(work))
            for work in (
                rename_slowly("a", name="renamed", seconds=0.3),
                add_and_count("b"),
            )
        ]
        await asyncio.sleep(0.1)

        await look(postgres_url, _KILL_STORES)
        ends = await asyncio.gather(*waiting)

    assert ends == [None, True]
    assert await look(postgres_url, "SELECT count FROM totals") == [(1,)]
    assert await tenants_there(postgres_url) == {"a", "b"}


async def test_a_batch_that_an_operator_cancels_is_run_again_on_a_clean_connection(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as store:
        await add_all(store, "a")
        waiting = [
            asyncio.create_task(store.commit(work))
            for work in (rename_slowly("a", name="renamed", seconds=0.3), add_and_count("b"))
        ]
        await asyncio.sleep(0.1)

        await look(postgres_url, _KILL_STORES.replace("terminate", "cancel"))
        ends = await asyncio.gather(*waiting)

    assert ends == [None, True]
    assert await look(postgres_url, "SELECT count FROM totals") == [(1,)]


async def test_halves_of_a_batch_that_were_committed_are_not_run_again_when_the_line_is_cut(
    postgres_url: str,
) -> None:
    other = await asyncpg.connect(postgres_url)
    async with opened(postgres_url, lock_timeout=timedelta(milliseconds=200)) as store:
        await add_all(store, "a", "locked")
        transaction = other.transaction()
        await transaction.start()
        await other.execute("UPDATE tenants SET name = 'mine' WHERE api_key = 'locked'")

        ends = asyncio.create_task(
            all_of(
                store.commit(add_and_count("first")),
                store.commit(rename("locked", "renamed")),
            ),
        )
        while "first" not in await tenants_there(postgres_url):
            await asyncio.sleep(0.01)
        await look(postgres_url, _KILL_STORES)
        await transaction.rollback()
        results = await ends

    await other.close()
    assert results == [True, None]
    assert await look(postgres_url, "SELECT count FROM totals") == [(1,)]


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_a_lost_commit_is_unknown_to_every_unit_of_its_batch(
    postgres_url: str, lost: str
) -> None:
    async with Line(postgres_url) as line, opened(line.url) as store:
        await add_all(store, "a")
        line.cut_at(b"COMMIT\0", is_forwarded=lost == "answer")

        ends = await asyncio.gather(
            store.commit(tenants.add(tenant("b"))),
            store.commit(tenants.add(tenant("c"))),
            return_exceptions=True,
        )
        later = await add_all(store, "d")

    assert [type(end) for end in ends] == [OutcomeUnknown, OutcomeUnknown]
    assert later == [True]
    stored = {"b", "c"} if lost == "answer" else set()
    assert await tenants_there(postgres_url) == {"a", "d"} | stored


SLOW_COMMIT = """
    CREATE FUNCTION take_a_while() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER take_a_while AFTER INSERT ON tenants
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION take_a_while();
"""


@pytest.mark.parametrize("first", ["read", "commit"])
async def test_who_looks_again_sees_what_stays_so_although_the_server_was_still_committing(
    postgres_url: str, first: str
) -> None:
    other = await asyncpg.connect(postgres_url)
    await other.execute(SLOW_COMMIT)
    await other.close()
    async with Line(postgres_url) as line, opened(line.url) as store:
        await store.read(tenants.find("a"))
        line.cut_at(b"COMMIT\0", is_forwarded=True, is_answered=False)

        with pytest.raises(OutcomeUnknown):
            await store.commit(tenants.add(tenant("a")))
        look_again = store.read if first == "read" else store.commit
        found = await look_again(tenants.find("a"))
        await asyncio.sleep(1.5)  # the server would be through with it by now
        later = await store.read(tenants.find("a"))

    assert found == later


def forget(line: Line) -> None:
    """Cut the line before the next rest of `rename_slowly`, and let the server not know."""
    line.cut_at(b"pg_sleep", is_forwarded=False, is_forgotten=True)


async def test_what_a_lost_session_keeps_locked_is_free_for_those_who_write_it_again(
    postgres_url: str,
) -> None:
    short = timedelta(milliseconds=50)
    async with Line(postgres_url) as line, opened(line.url, lock_timeout=short) as store:
        await add_all(store, "a", "b")
        forget(line)

        with capture_logs() as logs:
            ends = await all_of(
                store.commit(rename_slowly("a", name="renamed", seconds=0)),
                store.commit(rename("b", "renamed")),
            )

    assert ends == [None, None]
    assert reasons(logs) == ["ConnectionDoesNotExistError"]
    assert await look(postgres_url, "SELECT DISTINCT name FROM tenants") == [("renamed",)]


async def test_a_session_that_has_the_number_of_a_lost_one_does_not_end_itself(
    postgres_url: str,
) -> None:
    connection = await asyncpg.connect(postgres_url)
    undecided = Undecided()
    undecided.add(connection.get_server_pid())

    await undecided.decide(connection)
    still_there = await connection.fetchval("SELECT 1")

    await connection.close()
    assert (bool(undecided), still_there) == (False, 1)


_IDLE_TIMEOUT = Prepared(select(func.current_setting("idle_in_transaction_session_timeout")))


@unit
def idle_timeout() -> Steps[str]:
    rows = yield _IDLE_TIMEOUT()
    return str(rows[0][0])


async def test_no_transaction_of_ours_may_stay_idle(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        answers = [
            await store.read(idle_timeout()),
            await store.commit(idle_timeout()),
            await store.survey(idle_timeout()),
        ]

    assert answers == ["1min"] * 3


async def test_a_database_that_is_not_there_is_unavailable_and_then_it_is_there_again(
    postgres_url: str,
) -> None:
    async with Line(postgres_url) as line, opened(line.url) as store:
        await add_all(store, "a")
        await line.hang_up()

        gone = await add_all(store, "b", "c")
        with pytest.raises(Unavailable):
            await store.read(tenants.find("a"))
        await line.listen()
        back = await add_all(store, "d")

    assert [type(end) for end in gone] == [Unavailable, Unavailable]
    assert back == [True]
    assert await tenants_there(postgres_url) == {"a", "d"}


async def test_a_server_that_refuses_us_is_unavailable_and_not_a_bug(
    postgres_server: str, postgres_url: str
) -> None:
    name = urlsplit(postgres_url).path.removeprefix("/")
    await look(postgres_server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    async with opened(postgres_url) as store:
        ends = await add_all(store, "a")

    assert [type(end) for end in ends] == [Unavailable]


async def test_a_reader_that_gives_up_waiting_leaves_its_connection_fit_for_the_next(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as store:
        await add_all(store, "a")
        impatient = asyncio.create_task(
            store.read(rename_slowly(name="none", seconds=5)),
        )
        await asyncio.sleep(0.05)

        impatient.cancel()
        found = await store.read(tenants.find("a"))

    assert found == tenant("a")


async def test_nothing_of_a_unit_that_failed_stays_when_the_batch_was_halved(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as first, opened(postgres_url) as second:
        await add_all(first, "a", "b")
        await add_all(second, "warm")

        ends = await asyncio.gather(
            first.commit(rename_slowly("a", "b", name="first", seconds=0.2)),
            first.commit(add_then_refuse("x")),
            second.commit(rename_slowly("b", "a", name="second", seconds=0.2)),
            second.commit(add_then_refuse("y")),
            return_exceptions=True,
        )

    assert [type(end) for end in ends] == [type(None), Refusal, type(None), Refusal]
    assert await tenants_there(postgres_url) == {"a", "b", "warm"}


_MAY_READ_ALL = Prepared(select(func.current_setting("enable_seqscan")))


@unit
def may_read_all() -> Steps[str]:
    rows = yield _MAY_READ_ALL()
    return str(rows[0][0])


async def test_only_a_survey_may_read_a_table_from_end_to_end(postgres_url: str) -> None:
    async with opened(postgres_url) as store:
        answers = [
            await store.read(may_read_all()),
            await store.commit(may_read_all()),
            await store.survey(may_read_all()),
        ]

    assert answers == ["off", "off", "on"]
