"""Commands that make and delete applications, by the rules of the API."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from gateway import SECRET, Client, Doors, basic, public_key
from jackfield.accounts import Provider
from jackfield.applications import Application
from jackfield.console import applications
from jackfield.console.application_orders import CreateApplication, DeleteApplication
from jackfield.problems import Invalid, NotFound
from jackfield.storage.tables import applications as table
from jackfield.storage.tables import deliveries
from world import World, said

IN = "https://desk.example/in"


async def stored(doors: Doors, application_id: str) -> Application:
    found = await doors.gateway.store.read(doors.gateway.applications.find(application_id))
    assert found is not None
    return found


async def test_an_application_made_here_is_what_the_api_would_have_made(both: Doors) -> None:
    acme = await both.tenant()
    order = CreateApplication(
        api_key="acme0001",
        name="Desk",
        inbound_url=IN,
        status_url="https://desk.example/status",
        public_key=public_key(),
    )
    body = {
        "name": "Desk",
        "keys": {"public_key": public_key()},
        "capabilities": {
            "messages": {
                "webhooks": {
                    "inbound_url": {"address": IN, "http_method": "POST"},
                    "status_url": {
                        "address": "https://desk.example/status",
                        "http_method": "POST",
                    },
                },
            },
        },
    }

    made = await applications.create_application(both.gateway, order)
    shown = (await acme.get(f"/v2/applications/{made.id}")).json
    by_the_api = (await acme.post("/v2/applications", body)).json

    assert made.private_key is None
    assert {**shown, "id": "", "_links": ""} == {**by_the_api, "id": "", "_links": ""}


async def test_a_private_key_made_here_fits_the_public_one_that_is_kept(both: Doors) -> None:
    await both.tenant()
    order = CreateApplication(api_key="acme0001", name="Desk", inbound_url=IN)

    made = await applications.create_application(both.gateway, order)

    assert made.private_key is not None
    key = load_pem_private_key(made.private_key.encode(), password=None).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert (await stored(both, made.id)).public_key == pem


@pytest.mark.parametrize(
    ("given", "said_why"),
    [
        ({"inbound_url": "desk.example"}, "inbound_url cannot be used"),
        ({"status_url": "ftp://desk.example"}, "status_url cannot be used"),
        ({"name": " Desk"}, "name is 1 to 255 visible characters"),
        ({"public_key": "no key"}, "must be an RSA key of 2048 to 8192 bits"),
    ],
)
async def test_what_cannot_be_used_is_not_stored(
    both: Doors, given: dict[str, str], said_why: str
) -> None:
    await both.tenant()
    members = {"api_key": "acme0001", "name": "Desk", "inbound_url": IN, **given}

    with pytest.raises(Invalid, match=said_why):
        await applications.create_application(both.gateway, CreateApplication(**members))

    assert await both.count(table) == 0


async def test_nobody_has_no_applications(both: Doors) -> None:
    order = CreateApplication(
        api_key="nobody", name="Desk", inbound_url=IN, public_key=public_key()
    )

    with pytest.raises(NotFound, match="`jackfield tenants list` shows"):
        await applications.create_application(both.gateway, order)
    with pytest.raises(NotFound, match="`jackfield applications list` shows"):
        await applications.delete_application(both.gateway, DeleteApplication(id="x"))


async def test_what_waited_for_a_deleted_application_is_held(both: Doors) -> None:
    world = await World(both.gateway.store, both.gateway.keys).open()
    await world.tenant()
    desk, other = await world.application(IN), await world.application(IN)
    account = await world.page("1", application=desk)
    await world.page("2", application=desk)
    beside = await world.page("3", application=other)
    await world.hear(said("one", to=account), said("two", to=beside))

    deleted = await applications.delete_application(both.gateway, DeleteApplication(id=desk.id))

    assert (deleted.id, deleted.api_key, deleted.accounts) == (desk.id, "acme0001", 2)
    assert await both.count(table) == 1
    assert await both.count(deliveries, state="held", account_id=account.id) == 1
    assert await both.count(deliveries, state="pending", account_id=beside.id) == 1
    await both.secret("acme0001", SECRET)
    acme = Client(both.asgi, (basic("acme0001", SECRET),))
    path = f"/beta/chatapp-accounts/{Provider.MESSENGER}/1"
    assert (await acme.get(path)).json["applications"] == []
