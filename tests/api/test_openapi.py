"""What the document says is what the gateway answers, and it leaves nothing out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.test_delivery_paths import INBOUND, desk_of, give_up
from external_accounts import BASE, NUMBER, PAGE
from gateway import APP_SECRET, Answer, Client, Doors, application, signature
from jackfield.api import openapi
from jackfield.api.http import StillRunning
from jackfield.api.openapi_operations import operations
from jackfield.api.problem_details import answer as refused
from jackfield.problems import Unavailable
from json_schemas import RULES, TOLD, faults, resolved

PUBLISHED = {
    "GetAllAccounts": ("get", BASE),
    "CreateMessengerAccount": ("post", BASE + "/messenger"),
    "GetMessengerAccount": ("get", BASE + "/messenger/{external_id}"),
    "UpdateMessengerAccount": ("patch", BASE + "/messenger/{external_id}"),
    "DeleteMessengerAccount": ("delete", BASE + "/messenger/{external_id}"),
    "GetVSMAccount": ("get", BASE + "/viber_service_msg/{external_id}"),
    "GetWAAccount": ("get", BASE + "/whatsapp/{external_id}"),
    "LinkApplication": ("post", BASE + "/{provider}/{external_id}/applications"),
    "UnliWithoutApplicationnkApplication": (
        "delete",
        BASE + "/{provider}/{external_id}/applications/{application_id}",
    ),
}
UNKNOWN = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
BOT = {"external_id": "bot", "credentials": {"connector": "bot", "auth_token": "token"}}


def by_id(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """Return each operation's method, path and object."""
    return {
        operation["operationId"]: (method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def misfit(document: dict[str, Any], operation_id: str, answer: Answer) -> list[str]:
    """Return how an answer differs from what is documented of an operation."""
    operation = by_id(document)[operation_id][2]
    if str(answer.status) not in operation["responses"]:
        return [f"{answer.status} is not documented: {answer.body!r}"]
    response = resolved(document, operation["responses"][str(answer.status)])
    headers = {n: resolved(document, each) for n, each in response.get("headers", {}).items()}
    needed = [name for name, each in headers.items() if each["required"]]
    found = [f"no {name}" for name in needed if name.lower() not in answer.headers]
    if "content" not in response:
        return found + ([f"a body: {answer.body!r}"] if answer.body else [])
    ((content_type, content),) = response["content"].items()
    if answer.headers["content-type"].partition(";")[0] != content_type:
        found.append(answer.headers["content-type"])
    is_json = content_type.endswith("json")
    value = answer.json if is_json else answer.body.decode()
    return found + faults(document, content["schema"], value)


async def the_document(doors: Doors) -> dict[str, Any]:
    answer = await doors.anybody().get("/openapi.json")
    assert answer.status == 200
    document: dict[str, Any] = answer.json
    return document


async def test_the_published_operations_have_their_published_ids(sqlite_doors: Doors) -> None:
    told = by_id(await the_document(sqlite_doors))

    assert {name: told[name][:2] for name in PUBLISHED} == PUBLISHED


def test_a_route_without_an_operation_is_refused() -> None:
    rows = {each.row for each in operations()}

    openapi.check(rows)

    with pytest.raises(ValueError, match="/new"):
        openapi.check({*rows, ("GET", "/new")})


@pytest.mark.parametrize("row", sorted({each.row for each in operations()}))
def test_an_operation_without_its_route_is_refused(row: tuple[str, str]) -> None:
    rows = {each.row for each in operations()} - {row}

    with pytest.raises(ValueError, match=re.escape(row[1])):
        openapi.check(rows)


async def test_each_path_has_the_methods_that_are_documented(sqlite_doors: Doors) -> None:
    document = await the_document(sqlite_doors)
    caller = await sqlite_doors.tenant()
    there = {}

    for path in document["paths"]:
        concrete = path.replace("{provider}", "rcs").replace("{", "").replace("}", "")
        answer = await caller.ask("TRACE", concrete)
        there[path] = set(answer.headers["allow"].split(", ")) - {"HEAD"}

    told = {path: {m.upper() for m in methods} for path, methods in document["paths"].items()}
    assert there == told


def parts(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Return every object inside."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from parts(inner)


def test_the_document_is_whole() -> None:
    document = openapi.document()
    told = by_id(document)

    assert document["openapi"] == "3.1.0"
    assert len(told) == sum(len(methods) for methods in document["paths"].values())
    for part in parts(document):
        assert resolved(document, part) is not None
    for _, path, operation in told.values():
        given = [resolved(document, each) for each in operation.get("parameters", [])]
        in_path = {each["name"] for each in given if each["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        assert all(name in document["components"]["securitySchemes"]
                   for each in operation["security"] for name in each)  # fmt: skip
        for response in operation["responses"].values():
            assert resolved(document, response)["description"]


def test_every_refusal_shows_each_of_its_bodies() -> None:
    document = openapi.document()

    for response in document["components"]["responses"].values():
        for content in response.get("content", {}).values():
            schema, examples = content["schema"], content["examples"].values()
            assert len(examples) == len(schema.get("oneOf", [schema]))
            for example in examples:
                assert faults(document, schema, example["value"]) == []


def test_every_schema_uses_words_that_the_checks_here_understand() -> None:
    document = openapi.document()
    used = [document["components"]["schemas"]]
    used += [part["schema"] for part in parts(document) if "schema" in part]

    words = set()
    for schema in [*used[0].values(), *used[1:]]:
        words |= set(words_of(schema))

    assert words - RULES.keys() - TOLD - {"$ref"} == set()


def words_of(schema: dict[str, Any]) -> Iterator[str]:
    yield from schema
    inner = [*schema.get("properties", {}).values(), *schema.get("oneOf", [])]
    inner += [*schema.get("anyOf", [])]
    inner += [schema["items"]] if "items" in schema else []
    for each in inner:
        yield from words_of(each)


def test_the_secret_needs_no_token_and_the_token_is_for_accounts_only() -> None:
    told = by_id(openapi.document()).values()

    ways = {path.split("/")[1]: operation["security"] for _, path, operation in told
            if not path.endswith("/ping")}  # fmt: skip

    assert ways["beta"] == [{"basic": []}, {"bearer": []}]
    assert ways["v1"] == [{"basic": []}, {"bearer": []}]
    assert ways["v2"] == [{"basic": []}]


async def test_answers_about_accounts_are_as_documented(doors: Doors) -> None:
    caller, other = await doors.tenant(), await doors.tenant("other001")
    own, foreign = await application(caller), await application(other)
    page, link = BASE + "/messenger/12345678", BASE + "/messenger/12345678/applications"
    asked = [
        ("CreateMessengerAccount", 201, await keyed(caller, BASE + "/messenger", PAGE)),
        ("CreateMessengerAccount", 201, await keyed(caller, BASE + "/messenger", PAGE)),
        ("CreateMessengerAccount", 422, await keyed(caller, BASE + "/messenger", {})),
        ("CreateMessengerAccount", 400, await keyed(caller, BASE + "/messenger", PAGE, key="")),
        ("CreateMessengerAccount", 400, await caller.post(BASE + "/messenger", PAGE)),
        ("CreateMessengerAccount", 400, await caller.post(BASE + "/messenger", b"{")),
        ("CreateMessengerAccount", 403, await other.post(BASE + "/messenger", PAGE)),
        ("CreateMessengerAccount", 413, await caller.post(BASE + "/messenger", b" " * 1048577)),
        ("CreateWAAccount", 201, await caller.post(BASE + "/whatsapp", NUMBER)),
        ("CreateVSMAccount", 201, await caller.post(BASE + "/viber_service_msg", BOT)),
        ("CreateRCSAccount", 400, await caller.post(BASE + "/rcs", BOT)),
        ("GetAllAccounts", 200, await caller.get(BASE)),
        ("GetAllAccounts", 200, await caller.get(BASE + "/?page_size=1&page_number=2")),
        ("GetAllAccounts", 400, await caller.get(BASE + "?page_size=0")),
        ("GetAllAccounts", 401, await doors.anybody().get(BASE)),
        ("GetMessengerAccount", 200, await caller.get(page)),
        ("GetMessengerAccount", 404, await other.get(page)),
        ("GetWAAccount", 200, await caller.get(BASE + "/whatsapp/447700900123")),
        ("GetVSMAccount", 200, await caller.get(BASE + "/viber_service_msg/bot")),
        ("UpdateMessengerAccount", 200, await caller.ask("PATCH", page, body={"name": None})),
        ("UpdateMessengerAccount", 400, await caller.ask("PATCH", page, body={"api_key": "x"})),
        ("UpdateMessengerAccount", 403, await other.ask("PATCH", page, body={})),
        (
            "UpdateMessengerAccount",
            412,
            await caller.ask("PATCH", page, body={}, headers={"if-match": '"99"'}),
        ),
        ("LinkApplication", 403, await caller.post(link, {"application": foreign})),
        ("LinkApplication", 400, await caller.post(link, {})),
        ("LinkApplication", 200, await keyed(caller, link, {"application": own})),
        ("LinkApplication", 200, await keyed(caller, link, {"application": own})),
        ("LinkApplication", 422, await keyed(caller, link, {"application": foreign})),
        ("LinkApplication", 409, await caller.post(link, {"application": own})),
        ("LinkApplication", 404, await other.post(link, {"application": foreign})),
        ("LinkApplication", 405, await caller.ask("PUT", link)),
        (
            "UnliWithoutApplicationnkApplication",
            403,
            await caller.ask("DELETE", f"{link}/{foreign}"),
        ),
        (
            "UnliWithoutApplicationnkApplication",
            409,
            await caller.ask("DELETE", f"{link}/{UNKNOWN}"),
        ),
        ("UnliWithoutApplicationnkApplication", 204, await caller.ask("DELETE", f"{link}/{own}")),
        ("DeleteMessengerAccount", 403, await other.ask("DELETE", page)),
        ("DeleteMessengerAccount", 204, await caller.ask("DELETE", page)),
        ("DeleteMessengerAccount", 404, await caller.ask("DELETE", page)),
    ]

    await held_against_the_document(doors, asked)


async def test_answers_about_applications_are_as_documented(sqlite_doors: Doors) -> None:
    caller, base = await sqlite_doors.tenant(), "/v2/applications"
    hook = {"inbound_url": {"address": "https://example.com/in"}}
    body = {"name": "Desk", "capabilities": {"messages": {"webhooks": hook}, "voice": {}}}
    made = await caller.post(base, body)
    one = f"{base}/{made.json['id']}"
    asked = [
        ("createApplication", 201, made),
        ("createApplication", 201, await keyed(caller, base, body)),
        ("createApplication", 201, await keyed(caller, base, body)),
        ("createApplication", 422, await keyed(caller, base, {})),
        ("createApplication", 415, await caller.post(base, body, content_type="text/plain")),
        ("createApplication", 406, await caller.post(base, body, accept="text/plain")),
        ("listApplication", 406, await caller.get(base, accept="text/plain")),
        ("createApplication", 400, await caller.post(base, {})),
        ("createApplication", 401, await sqlite_doors.anybody().post(base, {})),
        ("createApplication", 405, await caller.ask("PATCH", base)),
        ("createApplication", 413, await caller.post(base, b" " * 1048577)),
        ("listApplication", 200, await caller.get(base)),
        ("listApplication", 400, await caller.get(base + "?page_size=101")),
        ("getApplication", 200, await caller.get(one)),
        ("getApplication", 404, await caller.get(f"{base}/{UNKNOWN}")),
        ("updateApplication", 200, await caller.ask("PUT", one, body={"name": "Shop"})),
        ("updateApplication", 400, await caller.ask("PUT", one, body={"name": 1})),
        (
            "updateApplication",
            412,
            await caller.ask("PUT", one, body={"name": "Shop"}, headers={"if-match": '"9"'}),
        ),
        (
            "deleteApplication",
            412,
            await caller.ask("DELETE", one, headers={"if-match": '"9"'}),
        ),
        ("deleteApplication", 204, await caller.ask("DELETE", one)),
        ("deleteApplication", 404, await caller.ask("DELETE", one)),
    ]

    await held_against_the_document(sqlite_doors, asked)


async def test_answers_about_deliveries_are_as_documented(doors: Doors, database_url: str) -> None:
    desk = await desk_of(doors)
    silent = await desk.world.application(None)
    newest, held, _ = await desk.ids()
    await give_up(database_url)
    tenant, base, urls = desk.tenant, "/v1/deliveries", "/v1/destinations"
    test = f"/v1/applications/{desk.application}/test"
    asked = [
        ("listDeliveries", 200, await tenant.get(base)),
        ("listDeliveries", 400, await tenant.get(base + "?state=lost")),
        ("listDeliveries", 401, await doors.anybody().get(base)),
        ("listDeliveries", 405, await tenant.ask("PUT", base)),
        ("getDelivery", 200, await tenant.get(f"{base}/{held}")),
        ("getDelivery", 404, await tenant.get(f"{base}/nothing")),
        ("replayDelivery", 200, await tenant.post(f"{base}/{newest}/replay")),
        ("replayDelivery", 409, await tenant.post(f"{base}/{held}/replay")),
        ("replayDelivery", 404, await tenant.post(f"{base}/nothing/replay")),
        ("replayDelivery", 400, await tenant.post(f"{base}/{newest}/replay", {"to": "x"})),
        ("replayDeliveries", 200, await tenant.post(f"{base}/replay", {"state": "dead"})),
        ("replayDeliveries", 400, await tenant.post(f"{base}/replay", {"dry_run": True})),
        ("replayDeliveries", 400, await tenant.post(f"{base}/replay")),
        ("replayDeliveries", 413, await tenant.post(f"{base}/replay", b" " * 1048577)),
        ("rebindDeliveries", 200, await tenant.post(f"{base}/rebind", {"application_id": "x"})),
        ("rebindDeliveries", 400, await tenant.post(f"{base}/rebind", {})),
        ("testApplication", 202, await tenant.post(test)),
        ("testApplication", 404, await tenant.post("/v1/applications/x/test")),
        ("testApplication", 409, await tenant.post(f"/v1/applications/{silent.id}/test")),
        ("pauseDestination", 200, await tenant.post(f"{urls}/pause", {"url": INBOUND})),
        ("pauseDestination", 404, await tenant.post(f"{urls}/pause", {"url": "x"})),
        ("listDestinations", 200, await tenant.get(urls)),
        ("listDestinations", 400, await tenant.get(urls + "?limit=5")),
        ("resumeDestination", 200, await tenant.post(f"{urls}/resume", {"url": INBOUND})),
        ("resumeDestination", 400, await tenant.post(f"{urls}/resume", {})),
    ]

    await held_against_the_document(doors, asked)


async def test_answers_to_providers_and_operators_are_as_documented(sqlite_doors: Doors) -> None:
    await sqlite_doors.provider_app()
    anybody, here = sqlite_doors.anybody(), sqlite_doors.anybody(address="127.0.0.1")
    hook, body = "/webhooks/meta/main", b'{"object":"page","entry":[]}'
    signed = {"x-hub-signature-256": signature(body, secret=APP_SECRET)}
    word = "the%20word%20for%20the%20handshake"
    handshake = f"?hub.mode=subscribe&hub.verify_token={word}&hub.challenge=17"
    asked = [
        ("answerChallenge", 200, await anybody.get(hook + handshake)),
        ("answerChallenge", 403, await anybody.get(hook)),
        ("answerChallenge", 400, await anybody.get(hook + "?a=%00")),
        ("answerChallenge", 404, await anybody.get("/webhooks/meta/none")),
        ("receiveWebhook", 200, await anybody.ask("POST", hook, body=body, headers=signed)),
        ("receiveWebhook", 401, await anybody.post(hook, body)),
        ("receiveWebhook", 405, await anybody.ask("PUT", hook)),
        ("receiveWebhook", 413, await anybody.post(hook, b" " * ((8 << 20) + 1))),
        ("isAlive", 200, await anybody.get("/healthz")),
        ("isReady", 200, await anybody.get("/readyz")),
        ("ping", 200, await anybody.get(BASE + "/ping")),
        ("getMetrics", 200, await here.get("/metrics")),
        ("getMetrics", 403, await anybody.get("/metrics")),
        ("getDocument", 200, await anybody.get("/openapi.json")),
        ("getPage", 200, await anybody.get("/docs")),
    ]

    await held_against_the_document(sqlite_doors, asked)


async def keyed(caller: Client, path: str, body: object, *, key: str = "key") -> Answer:
    return await caller.post(path, body, idempotency_key=key)


async def held_against_the_document(doors: Doors, asked: list[tuple[str, int, Answer]]) -> None:
    document = await the_document(doors)
    found = [
        (name, status, fault)
        for name, status, answer in asked
        for fault in misfit(document, name, answer)
    ]

    assert [(name, answer.status) for name, _, answer in asked] == [each[:2] for each in asked]
    assert found == []


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        (BASE, "GetAllAccounts"),
        ("/v2/applications", "listApplication"),
        ("/webhooks/meta/main", "receiveWebhook"),
    ],
)
@pytest.mark.parametrize("error", [RuntimeError("a bug"), Unavailable("Try again.")])
def test_faults_of_ours_are_as_documented(path: str, operation: str, error: Exception) -> None:
    assert misfit(openapi.document(), operation, refusal(error, path)) == []


def refusal(error: Exception, path: str) -> Answer:
    """Return what a POST on this path is told about an error."""
    state = {"request_id": "0" * 32}
    told = refused(error, {"type": "http", "method": "POST", "path": path, "state": state})
    headers = {k.decode(): v.decode() for k, v in told.headers} | {"x-request-id": "0" * 32}
    return Answer(told.status, headers, told.body)


@pytest.mark.parametrize(
    ("path", "operation"),
    [
        (BASE + "/messenger", "CreateMessengerAccount"),
        (BASE + "/messenger/1/applications", "LinkApplication"),
        ("/v2/applications", "createApplication"),
    ],
)
def test_who_is_told_that_the_first_one_runs_is_told_as_documented(
    path: str, operation: str
) -> None:
    assert misfit(openapi.document(), operation, refusal(StillRunning(), path)) == []


async def test_an_answer_with_other_words_does_not_fit(sqlite_doors: Doors) -> None:
    document = await the_document(sqlite_doors)
    good = await sqlite_doors.anybody().get(BASE)

    wrong = Answer(401, good.headers, good.body.replace(b"Unauthorised", b"Unauthorized"))
    unknown = Answer(418, good.headers, good.body)

    assert misfit(document, "GetAllAccounts", good) == []
    assert misfit(document, "GetAllAccounts", wrong)
    assert misfit(document, "GetAllAccounts", unknown)


@pytest.mark.parametrize(
    ("schema", "body", "fits"),
    [
        ("NewMessengerAccount", PAGE, True),
        ("NewMessengerAccount", {"external_id": "1"}, False),
        ("NewWAAccount", NUMBER, True),
        ("NewWAAccount", NUMBER | {"external_id": "+447700900123"}, False),
        ("NewVSMAccount", BOT, True),
        ("NewRCSAccount", BOT, False),
        (
            "NewRCSAccount",
            {"external_id": "a", "credentials": {"connector": "google", "provider_app": "g"}},
            True,
        ),
        ("RCSAccountChange", {"applications": ["a", "b"]}, False),
        ("MessengerAccountChange", {"name": None}, True),
        ("MessengerAccountChange", {"access_token": None}, False),
        (
            "NewMessengerAccount",
            PAGE | {"name": None, "credentials": {"provider_app": None}},
            True,
        ),
        ("NewWAAccount", NUMBER | {"access_token": None}, True),
        ("NewWAAccount", NUMBER | {"access_token": 7}, False),
        ("NewVSMAccount", BOT | {"credentials": None}, False),
        ("VSMAccountChange", {"credentials": None}, True),
        ("ApplicationDescription", {"name": "Desk", "keys": None, "capabilities": None}, True),
        ("ApplicationDescription", {"name": "Desk", "keys": {"public_key": None}}, True),
        ("ApplicationDescription", {"name": None}, False),
    ],
)
def test_what_may_be_sent_is_what_is_taken(schema: str, body: object, *, fits: bool) -> None:
    document = openapi.document()

    found = faults(document, {"$ref": f"#/components/schemas/{schema}"}, body)

    assert (found == []) is fits


async def test_what_an_id_must_not_begin_with_is_said_of_the_kinds_it_is_refused_for(
    sqlite_doors: Doors,
) -> None:
    caller = await sqlite_doors.tenant()
    kinds = {"messenger": "Messenger", "viber_service_msg": "VSM", "whatsapp": "WA", "rcs": "RCS"}
    refused_for, said_of = set(), set()

    for kind, short in kinds.items():
        answer = await caller.post(f"{BASE}/{kind}", {"external_id": "infobip:Shop"})
        reasons = [each["reason"] for each in answer.json["invalid_params"]]
        if "`external_id` must not begin with infobip:" in reasons:
            refused_for.add(kind)
        schema = openapi.document()["components"]["schemas"][f"New{short}Account"]
        said = schema["properties"]["external_id"].get("description", "")
        if "must not begin with `infobip:`" in said:
            said_of.add(kind)

    assert refused_for == said_of == {"viber_service_msg", "rcs"}


async def test_the_page_shows_every_operation_and_needs_nothing_else(sqlite_doors: Doors) -> None:
    answer = await sqlite_doors.anybody().get("/docs")

    text = answer.body.decode()
    assert all(f'id="{name}"' in text for name in by_id(openapi.document()))
    assert "{{" not in text
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!#|data:,|/openapi\.json)[^"]*"', text) == []
    assert "default-src 'none'; style-src 'sha256-" in answer.headers["content-security-policy"]
