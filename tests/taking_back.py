"""What the tests of taking back share: URLs that come and go, and slices taken one by one."""

from __future__ import annotations

import msgspec

from databases import look
from due import due
from jackfield import links
from jackfield.accounts import Account
from jackfield.applications import Application, Description, change
from jackfield.clock import Moment
from jackfield.delivery.release import release_slice
from jackfield.delivery.withdrawing import Withdrawer
from jackfield.storage import accounts, applications, deliveries, held, tenants
from jackfield.storage import withdrawing as withdrawals
from jackfield.tenants import TenantChange
from jackfield.units import Steps, alone, unit
from world import World

THEN = Moment(1_700_000_000_000)
NOW = Moment(4_000_000_000_000)
DESK = "https://desk.example/in"
OWN = "https://own.example/in"


async def give(world: World, application: Application, url: str | None) -> None:
    """Let an application have this URL, or none."""
    there = await world.store.read(applications.find(application.id))
    assert there is not None
    described = Description(
        there.name,
        there.public_key,
        there.webhook_version,
        url,
        there.status_url,
        there.document,
    )
    work = change(there.id, described, api_key=there.api_key, applications=applications)
    await world.store.commit(work)


@unit
def _let(api_key: str, url: str | None) -> Steps[None]:
    """Give a tenant its own URL, or none, as its operator's command does."""
    before = yield from tenants.claim_to_let_in(api_key)
    assert before is not None
    wanted = TenantChange(name=before.name, inbound_url=url, status_url=None)
    yield from tenants.change(api_key, wanted)
    if before.inbound_url is None and url is not None:
        yield from tenants.release_held(api_key)
    elif before.inbound_url is not None and url is None:
        yield from tenants.hold(api_key)


async def let_tenant(world: World, url: str | None) -> None:
    await world.store.commit(alone(_let("acme0001", url)))


async def delete(world: World, account: Account) -> None:
    work = links.delete(
        account.provider,
        account.external_id,
        api_key=account.api_key,
        now=NOW,
        accounts=accounts,
    )
    await world.store.commit(alone(work))


async def unlink(world: World, account: Account, application: Application) -> None:
    work = links.unlink(
        account.provider,
        account.external_id,
        application_id=application.id,
        api_key=account.api_key,
        accounts=accounts,
        applications=applications,
    )
    await world.store.commit(work)


def withdrawer(world: World) -> Withdrawer:
    return Withdrawer(world.store, withdrawals, clock=lambda: NOW, ended=lambda: None)


async def take_all(world: World) -> None:
    one = withdrawer(world)
    while await one.take_slices():
        pass


async def release_all(world: World) -> None:
    for account_id in await world.store.read(held.releasing()):
        while await world.store.commit(alone(release_slice(account_id, now=NOW, held=held))):
            pass


async def owed(database_url: str) -> list[tuple[str, str | None]]:
    """Return what is to be done, in its order: what was said, and the application it is for."""
    rows = await look(
        database_url,
        "SELECT d.body, d.application_id FROM pending p JOIN deliveries d ON d.id = p.subject "
        "ORDER BY p.number",
    )
    return [(msgspec.json.decode(bytes(body))["text"], bound) for body, bound in rows]


async def take_back_what_is_nowhere(world: World) -> None:
    """Do as the dispatcher does with what it finds to go nowhere."""
    for item in await due(world.store, NOW):
        target = await world.store.read(deliveries.target(item.subject))
        if target is not None and target.url is None:
            await world.store.commit(deliveries.take_back(item, now=NOW))
