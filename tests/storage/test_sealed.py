"""Everything that is sealed is found, whatever the size of a slice, and put back with care."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import LargeBinary, bindparam

from jackfield.accounts import Draft, Provider, Standing, credentials_place
from jackfield.clock import now
from jackfield.provider_apps import SecretRole, secret_place
from jackfield.sealing import CHECK_PLACE, HEAD_BYTES, Keyring, Place, key_id
from jackfield.storage import accounts, keyring, provider_apps, sealed, tenants
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.opening import OpenStore
from jackfield.storage.sealed import Position, SealedValue
from jackfield.storage.tables import idempotency_keys, metadata
from jackfield.tenants import Tenant, signature_secret_place
from jackfield.units import Steps, unit

OLD, NEW = bytes(range(32)), bytes(range(32, 64))

NOT_SEALED = {
    "api_secrets.digest": "a hash",
    "applications.document": "what the tenant may read",
    "inbound_bodies.body": "what people wrote",
    "inbound_bodies.digest": "a hash",
    "messages.content": "what people wrote",
    "provider_message_ids.digest": "a hash",
    "deliveries.body": "what people wrote",
    "workflows.steps": "not written yet",
    "idempotency_keys.request_digest": "a hash",
}


def test_no_column_of_bytes_is_forgotten() -> None:
    """Whoever adds one says here that it is not sealed, or has it walked."""
    columns = {
        str(column)
        for table in metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary)
    }

    assert columns - NOT_SEALED.keys() == {
        "provider_app_secrets.sealed",
        "signature_secrets.sealed",
        "accounts.credentials",
        "idempotency_keys.answer",
        "keyring.check_value",
    }
    assert NOT_SEALED.keys() <= columns
    assert {column.partition(".")[0] for column in columns - NOT_SEALED.keys()} == set(
        sealed.TABLES
    )
    assert sealed.TABLES[-1] == "keyring"


async def fill(store: OpenStore, keys: Keyring) -> dict[Place, bytes]:
    """Seal something of every kind, and return what opens where."""
    said: dict[Place, bytes] = {}

    def seal(plaintext: str, place: Place) -> bytes:
        said[place] = plaintext.encode()
        return keys.seal(plaintext.encode(), place=place)

    for kind, name in (("meta", "main"), ("google", "main"), ("infobip", "other")):
        made = {
            role: seal(f"{kind} {role}", secret_place(kind, name, role)) for role in SecretRole
        }
        await store.commit(provider_apps.add(kind, name, sealed=made, now=now()))
    for api_key in ("acme0001", "zenith01"):
        await store.commit(tenants.add(Tenant(api_key, api_key, now())))
        place = signature_secret_place(api_key)
        work = tenants.add_signature_secret(api_key, seal(api_key, place), now=now())
        await store.commit(work)
    for number in range(7):
        provider = list(Provider)[number % 4]
        place = credentials_place(provider, f"{number}")
        credentials = seal(f"token {number}", place) if number != 3 else None
        await store.commit(accounts.add(draft(provider, f"{number}", credentials)))
    for row in (("acme0001", "POST", "/v2/applications", f"{n}") for n in range(3)):
        place = Place("idempotency_keys", " ".join(row), "answer")
        await store.commit(kept(row, seal(f"answer {row[3]}", place)))
    check = await store.commit(keyring.establish(keys.check_value(), now=now()))
    said[CHECK_PLACE] = keys.unseal(check, place=CHECK_PLACE)
    return said


_KEEP = Prepared(
    insert(idempotency_keys).values({each: bindparam(each.name) for each in idempotency_keys.c})
)


@unit
def kept(row: tuple[str, str, str, str], answer: bytes) -> Steps[None]:
    """Keep an answer as the API keeps it."""
    api_key, method, path, key = row
    yield _KEEP(
        api_key=api_key,
        method=method,
        path=path,
        key=key,
        request_digest=b"",
        status=201,
        answer=answer,
        created_at=now(),
    )


def draft(provider: Provider, external_id: str, credentials: bytes | None) -> Draft:
    return Draft(
        provider=provider,
        external_id=external_id,
        routing_key=external_id,
        api_key="acme0001",
        name=None,
        standing=Standing.CLAIMED,
        provider_app_id=None,
        credentials=credentials,
        application_id=None,
        created_at=now(),
    )


async def walk(store: OpenStore, *, size: int) -> list[SealedValue]:
    found: list[SealedValue] = []
    for table in sealed.TABLES:
        after: Position | None = ()
        while after is not None:
            some = await store.read(sealed.values(table, after=after, limit=size))
            found += some
            after = some[-1].position if some else None
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 100])
async def test_every_value_is_found_once_and_opens_at_its_place(
    store: OpenStore, size: int
) -> None:
    keys = Keyring([OLD])
    said = await fill(store, keys)

    found = await walk(store, size=size)

    assert {one.place: keys.unseal(one.envelope, place=one.place) for one in found} == said
    assert len(found) == len(said) == await store.read(sealed.count())


@pytest.mark.parametrize("size", [1, 4, 100])
async def test_values_are_counted_by_the_key_they_name(store: OpenStore, size: int) -> None:
    said = await fill(store, Keyring([OLD]))
    both = Keyring([NEW, OLD])
    some = (await walk(store, size=100))[::3]
    for one in some:
        anew = both.reseal(one.envelope, place=one.place)
        assert anew is not None
        assert await store.commit(sealed.put(one.place.table, [(one, anew)])) == 1

    counts: Counter[bytes] = Counter()
    for table in sealed.TABLES:
        after: Position | None = ()
        while after is not None:
            heads = await store.read(sealed.heads(table, after=after, limit=size))
            counts.update(head for _, head in heads)
            after = heads[-1][0] if heads else None

    assert counts == {
        b"\x01" + bytes.fromhex(key_id(NEW)): len(some),
        b"\x01" + bytes.fromhex(key_id(OLD)): len(said) - len(some),
    }
    assert {len(head) for head in counts} == {HEAD_BYTES}


async def test_what_was_changed_meanwhile_is_not_overwritten(store: OpenStore) -> None:
    keys = Keyring([OLD])
    await fill(store, keys)
    first, *others = await store.read(sealed.values("accounts", after=(), limit=3))
    meanwhile = keys.seal(b"a newer token", place=first.place)
    await store.commit(sealed.put("accounts", [(first, meanwhile)]))

    anew = [(one, Keyring([NEW]).seal(b"x", place=one.place)) for one in (first, *others)]
    stored = await store.commit(sealed.put("accounts", anew))

    now_there = await store.read(sealed.values("accounts", after=(), limit=3))
    assert stored == 2
    assert [one.envelope for one in now_there] == [meanwhile, anew[1][1], anew[2][1]]


async def test_what_is_gone_meanwhile_does_not_come_back(store: OpenStore) -> None:
    await fill(store, Keyring([OLD]))
    (value,) = await store.read(sealed.values("accounts", after=(), limit=1))
    account = await store.read(accounts.find(Provider.MESSENGER, "0"))
    assert account is not None
    await store.commit(accounts.delete(account, now=now()))

    stored = await store.commit(sealed.put("accounts", [(value, b"anew")]))

    assert stored == 0
    assert value.place not in {one.place for one in await walk(store, size=100)}


async def test_nothing_that_is_sealed_is_nothing_to_walk(store: OpenStore) -> None:
    found = [await store.read(sealed.values(each, after=(), limit=9)) for each in sealed.TABLES]
    counted = [await store.read(sealed.heads(each, after=(), limit=9)) for each in sealed.TABLES]

    assert found == [[]] * len(sealed.TABLES)
    assert counted == [[]] * len(sealed.TABLES)
    assert await store.read(sealed.count()) == 0
