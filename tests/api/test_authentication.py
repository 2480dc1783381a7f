"""Who is calling is known before anything else is looked at, and looked up every time."""

from __future__ import annotations

import base64

import pytest
from sqlalchemy import delete

from gateway import SECRET, Client, Doors, basic
from jackfield.api.http import Header
from jackfield.clock import now
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import api_secrets
from jackfield.units import Steps, unit

ACCOUNTS = "/beta/chatapp-accounts"
UNAUTHORISED = {
    "title": "Unauthorised",
    "detail": "Request header 'Authorization' missing / Invalid Token",
}
RIGHT = basic("acme0001", SECRET)


def authorization(value: bytes) -> tuple[Header, ...]:
    return ((b"authorization", value),)


def pair(text: bytes) -> bytes:
    return b"Basic " + base64.b64encode(text)


REFUSED: dict[str, tuple[Header, ...]] = {
    "no header": (),
    "an empty header": authorization(b""),
    "a wrong secret": (basic("acme0001", "0" * 32),),
    "an empty secret": (basic("acme0001", ""),),
    "an unknown key": (basic("acme0002", SECRET),),
    "an empty key": (basic("", SECRET),),
    "another case of the key": (basic("ACME0001", SECRET),),
    "no colon": authorization(pair(b"acme0001")),
    "a NUL in the key": (basic("acme\0", SECRET),),
    "no UTF-8": authorization(pair(b"\xff\xfe:\xff")),
    "no base64": authorization(b"Basic \xe9!!"),
    "a token": authorization(b"Bearer eyJhbGciOiJub25lIn0.e30."),
    "another scheme": authorization(b"Digest username=acme0001"),
    "two headers": (RIGHT, RIGHT),
    "two headers of two schemes": (RIGHT, (b"authorization", b"Bearer x")),
    "two schemes in one header": authorization(RIGHT[1] + b", Bearer x"),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
async def test_whoever_is_not_known_is_refused(
    sqlite_doors: Doors, headers: tuple[Header, ...]
) -> None:
    await sqlite_doors.tenant("acme0001")

    answer = await Client(sqlite_doors.asgi, headers).get(ACCOUNTS)

    assert answer.status == 401
    assert answer.json == UNAUTHORISED
    assert answer.headers["content-type"] == "application/json"


async def test_a_tenant_is_known_by_its_key_and_secret(doors: Doors) -> None:
    caller = await doors.tenant()

    assert (await caller.get(ACCOUNTS)).status == 200


async def test_a_chosen_secret_opens_too(doors: Doors) -> None:
    await doors.tenant()
    kind, digest = await doors.gateway.secrets.hash_chosen("Correct-Horse-1")
    work = doors.gateway.api_secrets.add_api_secret("acme0001", kind, digest, now=now())
    await doors.gateway.store.commit(work)

    right = await Client(doors.asgi, (basic("acme0001", "Correct-Horse-1"),)).get(ACCOUNTS)
    wrong = await Client(doors.asgi, (basic("acme0001", "Correct-Horse-2"),)).get(ACCOUNTS)

    assert (right.status, wrong.status) == (200, 401)


async def test_of_two_secrets_each_opens(doors: Doors) -> None:
    older = await doors.tenant()
    await doors.secret("acme0001", "f" * 32)

    newer = Client(doors.asgi, (basic("acme0001", "f" * 32),))

    assert (await older.get(ACCOUNTS)).status == 200
    assert (await newer.get(ACCOUNTS)).status == 200


@unit
def revoke_all() -> Steps[None]:
    yield Prepared(delete(api_secrets))()


async def test_a_revoked_secret_opens_nothing_any_more(doors: Doors) -> None:
    caller = await doors.tenant()
    before = await caller.get(ACCOUNTS)

    await doors.gateway.store.commit(revoke_all())

    assert before.status == 200
    assert (await caller.get(ACCOUNTS)).status == 401


@pytest.mark.parametrize(
    ("method", "path", "known"),
    [
        ("GET", ACCOUNTS + "/messenger/1/2/3", 404),
        ("GET", ACCOUNTS + "//", 404),
        ("GET", ACCOUNTS + "/messenger/12345678/", 404),
        ("GET", "/beta/else", 404),
        ("GET", "/v2/else", 404),
        ("PUT", ACCOUNTS, 405),
        ("GET", ACCOUNTS + "/messenger", 405),
        ("DELETE", "/v2/applications", 405),
        ("POST", ACCOUNTS + "/telegraph", 404),
    ],
)
async def test_strangers_are_not_told_which_paths_there_are(
    sqlite_doors: Doors, method: str, path: str, known: int
) -> None:
    caller = await sqlite_doors.tenant()

    stranger = await sqlite_doors.anybody().ask(method, path, body=b"{")
    tenant = await caller.ask(method, path)

    assert (stranger.status, tenant.status) == (401, known)


@pytest.mark.parametrize("path", ["/", "/else", "/webhooks/meta", "/beta", "/v1/messages"])
async def test_elsewhere_nobody_needs_to_be_known(sqlite_doors: Doors, path: str) -> None:
    assert (await sqlite_doors.anybody().get(path)).status == 404


async def test_a_wrong_verb_is_told_the_right_ones(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    answer = await caller.ask("PUT", ACCOUNTS + "/messenger/12345678")

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


async def test_the_application_api_refuses_in_its_own_words(sqlite_doors: Doors) -> None:
    answer = await sqlite_doors.anybody().post("/v2/applications", b"{")

    assert answer.status == 401
    assert answer.json == {
        "type": "https://developer.nexmo.com/api-errors#unauthorized",
        "title": "Invalid credentials supplied",
        "detail": "You did not provide correct credentials.",
        "instance": answer.headers["x-request-id"],
    }
