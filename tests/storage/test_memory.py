"""What is remembered of the database is what is in it."""

from __future__ import annotations

import asyncio
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield import storage
from jackfield.auth import SecretKind
from jackfield.clock import now
from jackfield.metrics import Metrics
from jackfield.storage import tenants
from jackfield.storage.dialects import Prepared
from jackfield.storage.memory import Memory
from jackfield.storage.opening import OpenStore, open_sqlite
from jackfield.storage.schema import migrate_sqlite
from jackfield.storage.tables import metadata
from jackfield.units import Steps, Unit, alone, unit
from small_units import tenant

KEYS = ("acme0001", "umbr0002")


def statements() -> Iterator[tuple[str, Prepared]]:
    """Give every statement of the storage, and what it is called."""
    for module in pkgutil.iter_modules(storage.__path__, "jackfield.storage."):
        if not module.ispkg:
            for name, value in vars(import_module(module.name)).items():
                held = value.values() if isinstance(value, dict) else [value]
                yield from ((name, each) for each in held if isinstance(each, Prepared))


def test_every_statement_knows_its_tables() -> None:
    found = list(statements())

    assert len(found) > 50
    for name, prepared in found:
        text = prepared.sqlite[0]
        if prepared.writes:
            named = re.findall(r"(?:INTO|UPDATE|DELETE FROM) (\w+)", text)[:1]
        else:
            named = re.findall(r"(?:FROM|JOIN|,) (\w+)(?=[ \n,]|$)", text)
        wanted = {word for word in named if word in metadata.tables}
        assert wanted, (name, text)
        assert wanted <= prepared.tables, (name, text)


def test_what_goes_with_a_tenant_is_known_to_go() -> None:
    gone = Prepared(metadata.tables["tenants"].delete()).tables

    assert {"tenants", "api_secrets", "signature_secrets", "provider_app_grants"} <= gone


@pytest.fixture
async def known(store: OpenStore) -> OpenStore:
    """A store with one tenant and one secret, which was asked for before."""
    await store.commit(tenants.add(tenant(KEYS[0])))
    await store.commit(added(KEYS[0]))
    assert len(await store.recall(tenants.live_api_secrets(KEYS[0]))) == 1
    return store


def added(key: str) -> Unit[bool]:
    return tenants.add_api_secret(key, SecretKind.KEYED, b"digest", now=now())


async def test_a_revoked_secret_is_not_remembered(known: OpenStore) -> None:
    (secret,) = await known.recall(tenants.live_api_secrets(KEYS[0]))

    await known.commit(tenants.revoke_api_secret(KEYS[0], secret.id))

    assert await known.recall(tenants.live_api_secrets(KEYS[0])) == []


async def test_a_disabled_tenants_secrets_are_not_remembered(known: OpenStore) -> None:
    await known.commit(tenants.disable(KEYS[0], since=now()))

    assert await known.recall(tenants.live_api_secrets(KEYS[0])) == []


async def test_a_unit_that_fails_after_it_wrote_leaves_nothing_behind(known: OpenStore) -> None:
    @unit
    def revoke_and_fail(secret_id: int) -> Steps[None]:
        yield from tenants.revoke_api_secret(KEYS[0], secret_id)
        raise ZeroDivisionError

    (secret,) = await known.recall(tenants.live_api_secrets(KEYS[0]))
    with pytest.raises(ZeroDivisionError):
        await known.commit(revoke_and_fail(secret.id))

    assert await known.recall(tenants.live_api_secrets(KEYS[0])) == [secret]


async def test_a_unit_without_a_question_is_read_each_time(known: OpenStore) -> None:
    work = alone(tenants.live_api_secrets(KEYS[0]))

    assert work.question is None
    assert await known.recall(work) == await known.read(work)


async def test_an_answer_is_remembered_until_a_table_of_its_own_is_written(
    sqlite_url: str,
) -> None:
    reads: list[None] = []

    @unit
    def counted() -> Steps[int]:
        reads.append(None)
        rows = yield from tenants.live_api_secrets(KEYS[0])
        return len(rows)

    opened = await open_sqlite(Path(sqlite_url.removeprefix("sqlite:///")), metrics=Metrics())
    await opened.commit(tenants.add(tenant(KEYS[0])))
    await opened.commit(added(KEYS[0]))

    await opened.recall(counted())
    await opened.commit(tenants.add_signature_secret(KEYS[0], b"sealed", now=now()))
    await opened.recall(counted())
    assert len(reads) == 1

    await opened.commit(added(KEYS[0]))
    assert await opened.recall(counted()) == 2
    assert len(reads) == 2
    await opened.close()


async def take(step: str, store: OpenStore, key: str) -> None:
    """Take one step of a history of a tenant that is there."""
    match step:
        case "add":
            await store.commit(added(key))
        case "revoke":
            for secret in await store.recall(tenants.live_api_secrets(key)):
                await store.commit(tenants.revoke_api_secret(key, secret.id))
        case "disable":
            await store.commit(tenants.disable(key, since=now()))
        case _:
            await store.commit(tenants.disable(key, since=None))


STEPS = st.sampled_from(["add", "revoke", "disable", "enable"])


@given(st.lists(st.tuples(STEPS, st.sampled_from(KEYS)), max_size=30))
@settings(max_examples=40, deadline=None)
def test_memory_says_what_the_database_says(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    async def run() -> None:
        path = tmp_path_factory.mktemp("memory") / "jackfield.sqlite3"
        migrate_sqlite(path)
        store = await open_sqlite(path, metrics=Metrics())
        for key in KEYS:
            await store.commit(tenants.add(tenant(key)))
        for step, key in steps:
            await take(step, store, key)
            for each in KEYS:
                work = tenants.live_api_secrets(each)
                assert await store.recall(work) == await store.read(work)
        await store.close()

    asyncio.run(run())


def test_memory_has_room_for_so_many_and_forgets_the_oldest() -> None:
    memory = Memory(room=2)
    read = [Prepared(metadata.tables["tenants"].select())]

    for question in ("first", "second", "third"):
        memory.keep(question, ["row"], read=read)

    held = [memory.recall(question) is not None for question in ("first", "second", "third")]
    assert held == [False, True, True]


def test_what_was_not_found_takes_no_room() -> None:
    memory = Memory()

    memory.keep("a stranger's", [], read=[])

    assert memory.recall("a stranger's") is None


def test_what_was_read_before_a_writing_does_not_outlive_it() -> None:
    memory = Memory()
    read = [Prepared(metadata.tables["tenants"].select())]

    memory.keep("question", ["before"], read=read)
    memory.wrote({"accounts"})
    assert memory.recall("question") is not None
    memory.wrote({"tenants"})

    assert memory.recall("question") is None
