"""The tables of tenants and their secrets: pages, at most two secrets, marks for release."""

from __future__ import annotations

import asyncio

from databases import look, open_store
from jackfield.auth import SecretKind
from jackfield.clock import now
from jackfield.storage import tenants
from jackfield.storage.opening import OpenStore
from jackfield.tenants import TenantChange
from jackfield.units import Steps, unit
from small_units import rename_slowly, tenant
from world import World, said

WHEN = now()


@unit
def claim_and_add(api_key: str, digest: bytes) -> Steps[bool]:
    """Add an API secret as a command does."""
    yield from tenants.claim(api_key)
    return (yield from tenants.add_api_secret(api_key, SecretKind.KEYED, digest, now=WHEN))


@unit
def claim_and_add_slowly(api_key: str, digest: bytes) -> Steps[bool]:
    """Do so, and keep the transaction open a while (PostgreSQL only)."""
    is_added = yield from claim_and_add(api_key, digest)
    yield from rename_slowly("nobody", name="", seconds=0.5)
    return is_added


@unit
def rotate(api_key: str, sealed: bytes) -> Steps[None]:
    """Rotate the signature secret as a command does."""
    yield from tenants.claim(api_key)
    yield from tenants.add_signature_secret(api_key, sealed, now=WHEN)
    yield from tenants.drop_old_signature_secrets(api_key)


async def test_pages_show_every_tenant_once(store: OpenStore) -> None:
    keys = {"acme", "b1", "c", "zenith", "0000aaaa"}
    for key in keys:
        await store.commit(tenants.add(tenant(key)))

    pages: list[list[str]] = []
    after = ""
    while page := await store.read(tenants.page(after=after, limit=2)):
        pages.append([one.api_key for one in page])
        after = pages[-1][-1]

    seen = [key for page in pages for key in page]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len(seen) == len(keys)
    assert set(seen) == keys


async def test_of_many_who_add_a_secret_at_once_two_succeed(store: OpenStore) -> None:
    await store.commit(tenants.add(tenant("acme")))

    work = [claim_and_add("acme", bytes([n]) * 32) for n in range(8)]
    added = await asyncio.gather(*map(store.commit, work))

    assert added.count(True) == 2
    assert len(await store.read(tenants.api_secret_rows("acme"))) == 2


async def test_two_processes_that_add_a_secret_at_once_do_not_make_three(
    postgres_url: str,
) -> None:
    ours, theirs = await open_store(postgres_url), await open_store(postgres_url)
    try:
        await ours.commit(tenants.add(tenant("acme")))
        await ours.commit(claim_and_add("acme", b"0" * 32))

        added = await asyncio.gather(
            *(store.commit(claim_and_add_slowly("acme", b"1" * 32)) for store in (ours, theirs)),
        )

        rows = await ours.read(tenants.api_secret_rows("acme"))
    finally:
        await ours.close()
        await theirs.close()
    assert sorted(added) == [False, True]
    assert len(rows) == 2


async def test_a_secret_is_revoked_by_its_own_tenant_only(store: OpenStore) -> None:
    for key in ("acme", "zenith"):
        await store.commit(tenants.add(tenant(key)))
        await store.commit(claim_and_add(key, b"x" * 32))
    (theirs,) = await store.read(tenants.api_secret_rows("zenith"))

    await store.commit(tenants.revoke_api_secret("acme", theirs.id))
    before = await store.read(tenants.live_api_secrets("zenith"))
    await store.commit(tenants.revoke_api_secret("zenith", theirs.id))
    after = await store.read(tenants.live_api_secrets("zenith"))

    assert (len(before), len(after)) == (1, 0)


async def test_two_signature_secrets_are_kept_the_newest_first(store: OpenStore) -> None:
    for key in ("acme", "zenith"):
        await store.commit(tenants.add(tenant(key)))
    await store.commit(rotate("zenith", b"theirs"))

    for sealed in (b"one", b"two", b"three"):
        await store.commit(rotate("acme", sealed))

    assert list(await store.read(tenants.signature_secrets_of("acme"))) == [b"three", b"two"]
    assert list(await store.read(tenants.signature_secrets_of("zenith"))) == [b"theirs"]


async def test_a_change_stores_every_value_and_touches_nobody_else(store: OpenStore) -> None:
    for key in ("acme", "zenith"):
        await store.commit(tenants.add(tenant(key)))
    change = TenantChange(name="New", inbound_url="https://a.example/in", status_url=None)

    await store.commit(tenants.change("acme", change))
    await store.commit(tenants.disable("acme", since=WHEN))

    changed = await store.read(tenants.find("acme"))
    other = await store.read(tenants.find("zenith"))
    assert changed is not None
    assert (changed.name, changed.inbound_url) == ("New", "https://a.example/in")
    assert changed.is_disabled
    assert other == tenant("zenith")


async def test_only_accounts_that_hold_something_are_marked_for_release(
    world: World,
    database_url: str,
) -> None:
    await world.tenant()
    await world.tenant("zenith01")
    holding = await world.page("1")
    await world.page("2")
    another = await world.page("3", api_key="zenith01")
    await world.hear(said("hello", to=holding), said("hello", to=another))

    marked = await world.store.commit(tenants.release_held("acme0001"))

    releasing = await look(database_url, "SELECT external_id FROM accounts WHERE releasing = 1")
    assert marked == 1
    assert releasing == [("1",)]
