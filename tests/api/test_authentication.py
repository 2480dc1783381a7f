"""Who is calling is known before anything else is looked at, and looked up every time."""

from __future__ import annotations

import pytest
from sqlalchemy import Delete, Update, delete, update

from auth.signing import (
    claims_of,
    public_pem,
    signed,
)
from gateway import Client, Doors, basic
from jackfield.api.http import Header
from jackfield.clock import now
from jackfield.storage.dialects import Prepared
from jackfield.storage.tables import api_secrets, applications, tenants
from jackfield.units import Steps, unit

ACCOUNTS = "/beta/chatapp-accounts"


def authorization(value: bytes) -> tuple[Header, ...]:
    return ((b"authorization", value),)


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
def do(statement: Delete | Update) -> Steps[None]:
    yield Prepared(statement)()


async def test_a_revoked_secret_opens_nothing_any_more(doors: Doors) -> None:
    caller = await doors.tenant()
    before = await caller.get(ACCOUNTS)

    await doors.gateway.store.commit(do(delete(api_secrets)))

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


@pytest.mark.parametrize("path", ["/", "/else", "/webhooks/meta", "/beta", "/v3/messages"])
async def test_elsewhere_nobody_needs_to_be_known(sqlite_doors: Doors, path: str) -> None:
    assert (await sqlite_doors.anybody().get(path)).status == 404


async def test_a_wrong_verb_is_told_the_right_ones(sqlite_doors: Doors) -> None:
    caller = await sqlite_doors.tenant()

    answer = await caller.ask("PUT", ACCOUNTS + "/messenger/12345678")

    assert answer.status == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_the_application_api_refuses_in_its_own_words(sqlite_doors: Doors) -> None:
    answer = await sqlite_doors.anybody().post("/v2/applications", b"{")

    assert answer.status == 401
    assert answer.json == {
        "type": "https://developer.nexmo.com/api-errors#unauthorized",
        "title": "Invalid credentials supplied",
        "detail": "You did not provide correct credentials.",
        "instance": answer.headers["x-request-id"],
    }


ACCOUNT = ACCOUNTS + "/messenger/12345678"
UNKNOWN = 404
"""What a known caller hears about this account: that it is not there."""

NO_REASON = {"title": "Wrong authentication - You are not authorised to access this resource"}


async def application(caller: Client, *, key: str | None = None) -> str:
    """Make an application that calls with a key of ours, and return its id."""
    body = {"name": "Desk", "keys": {"public_key": key or public_pem()}}
    answer = await caller.post("/v2/applications", body)
    assert answer.status == 201
    return str(answer.json["id"])


def bearer(doors: Doors, token: str) -> Client:
    return Client(doors.asgi, authorization(b"Bearer " + token.encode()))


async def with_claims(doors: Doors, **claims: object) -> Client:
    """Return an application that calls with a right token and these claims."""
    made = await application(await doors.tenant())
    return bearer(doors, signed(claims_of(made, **claims)))


async def test_an_application_is_known_by_its_token_as_often_as_it_shows_it(
    doors: Doors,
) -> None:
    caller = await with_claims(doors)

    answers = [await caller.get(ACCOUNT) for _ in range(3)]

    assert [answer.status for answer in answers] == [UNKNOWN] * 3


async def test_a_token_speaks_for_the_tenant_whose_application_signed_it(doors: Doors) -> None:
    await doors.provider_app()
    ours = await doors.tenant("acme0001")
    theirs = await doors.tenant("other001")
    with_our_token = bearer(doors, signed(claims_of(await application(ours))))
    with_their_token = bearer(doors, signed(claims_of(await application(theirs))))
    body = {"external_id": "12345678", "access_token": "EAAB"}

    created = await with_our_token.post(ACCOUNTS + "/messenger", body)

    assert created.status == 201
    assert [
        (await caller.get(ACCOUNT)).status
        for caller in (with_our_token, ours, with_their_token, theirs)
    ] == [200, 200, 404, 404]


CLOSED: dict[str, Delete | Update] = {
    "the application is deleted": delete(applications),
    "its key is another": update(applications).values(public_key=public_pem("theirs")),
    "it has no key": update(applications).values(public_key=None),
    "its tenant is disabled": update(tenants).values(disabled_at=now()),
}


@pytest.mark.parametrize("change", CLOSED.values(), ids=CLOSED)
async def test_a_token_that_opened_is_refused_as_soon_as(
    doors: Doors, change: Delete | Update
) -> None:
    caller = await with_claims(doors)
    before = await caller.get(ACCOUNT)

    await doors.gateway.store.commit(do(change))

    assert before.status == UNKNOWN
    assert (await caller.get(ACCOUNT)).status == 401


async def test_a_new_key_opens_as_soon_as_the_application_has_it(doors: Doors) -> None:
    made = await application(await doors.tenant())
    caller = bearer(doors, signed(claims_of(made), key="theirs"))
    before = await caller.get(ACCOUNT)

    await doors.gateway.store.commit(do(CLOSED["its key is another"]))

    assert before.status == 401
    assert (await caller.get(ACCOUNT)).status == UNKNOWN


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/applications"),
        ("GET", "/v2/applications/{id}"),
        ("DELETE", "/v2/applications"),
        ("GET", "/v2/else"),
    ],
)
async def test_no_token_opens_the_application_api(
    sqlite_doors: Doors, method: str, path: str
) -> None:
    owner = await sqlite_doors.tenant()
    made = await application(owner)
    caller = bearer(sqlite_doors, signed(claims_of(made)))

    with_token = await caller.ask(method, path.format(id=made), body={"name": "Desk"})
    with_secret = await owner.ask(method, path.format(id=made), body={"name": "Desk"})

    assert (with_token.status, with_secret.status == 401) == (401, False)
    assert with_token.json["title"] == "Invalid credentials supplied"


def rule(pattern: str, **members: object) -> dict[str, object]:
    return {"paths": {pattern: members}}


LINK = ("POST", ACCOUNT + "/applications", {"application": "desk"})

ALLOWED: dict[str, tuple[object, tuple[str, str, object]]] = {
    "everything below the collection": (rule("/*/chatapp-accounts/**"), ("GET", ACCOUNT, b"")),
    "the method": (rule("/**", methods=["GET"]), ("GET", ACCOUNT, b"")),
    "HEAD as GET": (rule("/**", methods=["GET"]), ("HEAD", ACCOUNT, b"")),
    "one of two rules": (
        {"paths": {"/v1/**": {}, "/*/*/messenger/*": {}}},
        ("GET", ACCOUNT, b""),
    ),
    "a member of the path": (rule("/**", filters={"provider": "messenger"}), LINK),
    "a member of the query": (rule("/**", filters={"a": "1"}), ("GET", ACCOUNT + "?a=1", b"")),
    "a member of the body": (rule("/**", filters={"application": "desk"}), LINK),
    "members of all three": (
        rule("/**", filters={"external_id": "12345678", "a": "1", "application": "desk"}),
        ("POST", LINK[1] + "?a=1", LINK[2]),
    ),
    "a member of the path, whatever the body is": (
        rule("/**", filters={"provider": "messenger"}),
        ("GET", ACCOUNT, b"{"),
    ),
}


@pytest.mark.parametrize(("acl", "asked"), ALLOWED.values(), ids=ALLOWED)
async def test_a_token_may_do_what_its_list_covers(
    sqlite_doors: Doors, acl: object, asked: tuple[str, str, object]
) -> None:
    caller = await with_claims(sqlite_doors, acl=acl)
    method, path, body = asked

    answer = await caller.ask(method, path, body=body)

    assert (answer.status, answer.body) == (UNKNOWN, b"")


MISSED: dict[str, tuple[object, tuple[str, str, object]]] = {
    "no rule": ({"paths": {}}, ("GET", ACCOUNT, b"")),
    "another path": (rule("/v1/messages/**"), ("GET", ACCOUNT, b"")),
    "another method": (rule("/**", methods=["POST"]), ("GET", ACCOUNT, b"")),
    "the path once decoded": (
        rule("/*/chatapp-accounts/messenger/**"),
        ("GET", ACCOUNTS + "/%6Dessenger/12345678", b""),
    ),
    "another provider": (rule("/**", filters={"provider": "whatsapp"}), ("GET", ACCOUNT, b"")),
    "another member in the body": (rule("/**", filters={"application": "bot"}), LINK),
    "the query vouches for the body": (
        rule("/**", filters={"application": "bot"}),
        ("POST", LINK[1] + "?application=bot", LINK[2]),
    ),
    "an unknown filter": (rule("/**", filters={"colour": "red"}), LINK),
    "a body that is no JSON": (rule("/**", filters={"application": "desk"}), (*LINK[:2], b"{")),
    "a body that is no object": (rule("/**", filters={"application": "desk"}), (*LINK[:2], [1])),
    "a body nested without end": (
        rule("/**", filters={"application": "desk"}),
        (*LINK[:2], b"[" * 100_000),
    ),
    "no list": ("all", ("GET", ACCOUNT, b"")),
    "null": (None, ("GET", ACCOUNT, b"")),
    "a list with something unknown": (rule("/**", roles=["admin"]), ("GET", ACCOUNT, b"")),
    "an unknown path": (rule("/*/chatapp-accounts/*"), ("GET", ACCOUNT + "/else/1", b"")),
    "a wrong verb": (rule("/**", methods=["GET"]), ("PUT", ACCOUNT, b"")),
}


@pytest.mark.parametrize(("acl", "asked"), MISSED.values(), ids=MISSED)
async def test_what_its_list_does_not_cover_is_refused_without_a_reason(
    sqlite_doors: Doors, acl: object, asked: tuple[str, str, object]
) -> None:
    caller = await with_claims(sqlite_doors, acl=acl)
    method, path, body = asked

    answer = await caller.ask(method, path, body=body)

    assert (answer.status, answer.json) == (403, NO_REASON)


async def test_the_list_of_a_token_that_is_not_right_is_not_looked_at(
    sqlite_doors: Doors,
) -> None:
    made = await application(await sqlite_doors.tenant())
    caller = bearer(sqlite_doors, signed(claims_of(made, acl={"paths": {}}), key="theirs"))

    assert (await caller.get(ACCOUNT)).status == 401


async def test_a_body_that_was_read_for_a_filter_is_there_for_its_handler(doors: Doors) -> None:
    await doors.provider_app()
    caller = await with_claims(doors, acl=rule("/**", filters={"external_id": "12345678"}))
    body = {"external_id": "12345678", "access_token": "EAAB"}

    created = await caller.post(ACCOUNTS + "/messenger", body)
    other = await caller.post(ACCOUNTS + "/messenger", body | {"external_id": "12345679"})

    assert (created.status, created.json["external_id"]) == (201, "12345678")
    assert (other.status, other.json) == (403, NO_REASON)
