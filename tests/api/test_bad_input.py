"""What cannot be used, in one table: each gets its documented answer, word for word, and no row.

Every request is sent to the same gateway on each database: as nothing is stored, each finds the
world as it was.
"""

from __future__ import annotations

import base64
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as made_by
from pathlib import Path
from typing import Any, Final, TypeAlias

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from auth.signing import (
    HOUR,
    MINUTE,
    by_hand,
    claims_of,
    public_pem,
    signed,
    with_the_public_key_as_secret,
)
from databases import Look, looking
from external_accounts import BASE, NO_ACCESS, NUMBER, PAGE, page
from gateway import SECRET, Answer, Client, Doors, basic, opened, public_key
from jackfield.api.http import Header
from jackfield.storage.tables import metadata
from postgres_databases import PostgresDatabases

pytestmark = pytest.mark.asyncio(loop_scope="module")

APPS: Final = "/v2/applications"
ONE: Final = BASE + "/messenger/12345678"
LINKS: Final = ONE + "/applications"
MESSAGES: Final = "https://www.nexmo.com/messages/Errors#"
ERRORS: Final = "https://developer.nexmo.com/api-errors"
NOBODY: Final = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
ID: Final = object()
"""Stands for the request's own id in a body."""

Body: TypeAlias = Mapping[str, object] | None
Token: TypeAlias = Callable[[str], str]


@dataclass(frozen=True)
class Bad:
    """A request that is refused, and how; `{app}` in its target is the caller's application."""

    method: str
    target: str
    body: object
    status: int
    answer: Body
    headers: tuple[Header, ...] = (basic("acme0001", SECRET),)
    token: Token | None = None
    """Makes the token of a further Authorization header from the application's id."""


Rows: TypeAlias = Iterator[tuple[str, Bad]]


# The documented answers --------------------------------------------------------------------


def reasons(faults: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the list of faults as it is answered, from what is said of each parameter."""
    words = {"missing": "Missing `{0}` field", "must": "`{0}` {1}", "cannot": "`{0}` {1}"}
    return [
        {"name": name, "reason": words.get(said.split(" ")[0], "{1}").format(name, said)}
        for name, said in faults.items()
    ]


def faulty(target: str, faults: Mapping[str, str], *, asks: bool = False) -> Body:
    """Return the body of a 400 in the style of the API at `target`."""
    if target.startswith(BASE):
        detail = f"Found errors validating {len(faults)} of your submitted parameters."
        return {
            "type": MESSAGES + "InvalidParams",
            "title": "Your request parameters didn't validate.",
            "detail": detail,
            "invalid_params": reasons(faults),
            "instance": ID,
        }
    return {
        "type": f"{ERRORS}/application#{'list' if asks else 'payload'}-validation",
        "title": "Bad Request",
        "detail": "The request failed due to validation errors",
        "invalid_parameters": reasons(faults),
        "instance": ID,
    }


def unknown(target: str) -> Body:
    """Return the body of a 401 in the style of the API at `target`."""
    if target.startswith("/beta/"):
        words = "Request header 'Authorization' missing / Invalid Token"
        return {"title": "Unauthorised", "detail": words}
    return {
        "type": ERRORS + "#unauthorized",
        "title": "Invalid credentials supplied",
        "detail": "You did not provide correct credentials.",
        "instance": ID,
    }


def too_large(target: str) -> Body:
    """Return the body of a 413 in the style of the API at `target`."""
    detail = "The body may have at most 1048576 bytes."
    of_accounts = target.startswith(BASE)
    return {
        "type": MESSAGES + "TooLarge" if of_accounts else ERRORS + "#too-large",
        "title": "Request too large" if of_accounts else "Request Too Large",
        "detail": detail,
        "instance": ID,
    }


def not_there(target: str, named: str) -> Body:
    """Return the body of a 404 in the style of the API at `target`: none about accounts."""
    if target.startswith(BASE):
        return None
    detail = f"ID '{named}' does not exist, or you do not have access"
    return {"type": ERRORS + "#not-found", "title": "Not Found", "detail": detail, "instance": ID}


# Bodies ------------------------------------------------------------------------------------

NOT_JSON: Final = {"body": "The body is not JSON"}
NO_OBJECT: Final = {"body": "The body must be a JSON object"}
TAKERS: Final = {
    "a Page": ("POST", BASE + "/messenger"),
    "a number": ("POST", BASE + "/whatsapp"),
    "a change": ("PATCH", ONE),
    "a link": ("POST", LINKS),
    "an application": ("POST", APPS),
    "a replacement": ("PUT", APPS + "/{app}"),
}
UNREADABLE: Final[dict[str, tuple[bytes, dict[str, str]]]] = {
    "no JSON": (b"{", NOT_JSON),
    "more than one": (b"{}{}", NOT_JSON),
    "not a number": (b'{"name":NaN}', NOT_JSON),
    "no UTF-8": (b'{"name":"\xff"}', NOT_JSON),
    "no UTF-8 where nobody looks": (b'{"a":"\xff"}', NOT_JSON),
    "a byte order mark": (b"\xef\xbb\xbf{}", NOT_JSON),
    "the first half of a character": (rb'{"name":"\ud83d"}', NOT_JSON),
    "the second half of a character": (rb'{"name":"\udc4d "}', NOT_JSON),
    "half a character where nobody looks": (rb'{"a":["\ud83dxx"]}', NOT_JSON),
    "nested without end": (b'{"name":' * 100_000, NOT_JSON),
    "nested too deep": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", NOT_JSON),
    "a list": (b"[]", NO_OBJECT),
    "a text": (b'"x"', NO_OBJECT),
    "a number": (b"7", NO_OBJECT),
    "null": (b"null", NO_OBJECT),
}


def bodies() -> Rows:
    """Yield what no operation can read."""
    for into, (method, target) in TAKERS.items():
        for name, (body, faults) in UNREADABLE.items():
            yield f"{into}: {name}", Bad(method, target, body, 400, faulty(target, faults))
        large = b'{"a":"' + b"x" * ((1 << 20) - 7) + b'"}'
        assert len(large) == (1 << 20) + 1
        yield f"{into}: a byte too many", Bad(method, target, large, 413, too_large(target))


def field(name: str, value: object, said: str) -> tuple[object, dict[str, str]]:
    return PAGE | {name: value}, {name: said}


def credential(name: str, value: object, said: str) -> tuple[object, dict[str, str]]:
    given: Any = NUMBER["credentials"]
    return NUMBER | {"credentials": given | {name: value}}, {f"credentials.{name}": said}


BOTH_MISSING: Final = {"external_id": "missing", "access_token": "missing"}
UNKEPT: Final = "must not contain NUL or half a surrogate pair"
DIGITS: Final = "must be 7 to 15 digits"
NO_NUMBER_ID: Final = {"credentials.phone_number_id": "missing"}
OTHER_DIGITS: Final = "\u0664\u0664\u0667\u0667\u0660\u0660\u0669"

PAGES: Final[dict[str, tuple[object, dict[str, str]]]] = {
    "nothing": (b"", BOTH_MISSING),
    "an empty object": ({}, BOTH_MISSING),
    "no token": ({"external_id": "1"}, {"access_token": "missing"}),
    "a null id": field("external_id", None, "missing"),
    "an empty id": field("external_id", "", "must have 1 to 128 characters"),
    "a long id": field("external_id", "x" * 129, "must have 1 to 128 characters"),
    "an id that is a number": field("external_id", 12345678, "must be a string"),
    "an id that is a list": field("external_id", ["12345678"], "must be a string"),
    "a NUL in the id": field("external_id", "1234\x005678", UNKEPT),
    "an id that is there": field(
        "external_id",
        "12345678",
        "You have an account with this 'external_id' already; change it with PATCH",
    ),
    "an empty token": field("access_token", "", "must have 1 to 4096 characters"),
    "a long token": field("access_token", "x" * 4097, "must have 1 to 4096 characters"),
    "a token that is a list": field("access_token", [True], "must be a string"),
    "a NUL in the token": field("access_token", "\0", UNKEPT),
    "a long name": field("name", "x" * 256, "must have 0 to 255 characters"),
    "a name that is a number": field("name", 7, "must be a string"),
    "a NUL in the name": field("name", "a\0", "must not contain NUL"),
    "applications that are a text": field("applications", "78d335fa", "must be an array"),
    "applications that are an object": field("applications", {}, "must be an array"),
    "applications that are null": field("applications", None, "must be an array"),
    "two applications": field("applications", ["a", "b"], "must have at most 1 entry"),
    "an application that is a number": field("applications", [7], "must be a string"),
    "an application that is null": field("applications", [None], "must be a string"),
    "an empty application": field("applications", [""], "must have 1 to 128 characters"),
    "a NUL in the application": field("applications", ["a\0"], "must not contain NUL"),
    "credentials that are a text": field("credentials", "x", "must be an object"),
    "a member repeated, and wrong at last": (
        b'{"external_id":"1","access_token":"t","external_id":7}',
        {"external_id": "must be a string"},
    ),
    "everything": (
        {"access_token": 1, "name": 2, "applications": 3},
        {
            "external_id": "missing",
            "access_token": "must be a string",
            "name": "must be a string",
            "applications": "must be an array",
        },
    ),
}
NUMBERS: Final[dict[str, tuple[object, dict[str, str]]]] = {
    "a plus": (NUMBER | {"external_id": "+447700900123"}, {"external_id": DIGITS}),
    "a short number": (NUMBER | {"external_id": "447700"}, {"external_id": DIGITS}),
    "other digits": (NUMBER | {"external_id": OTHER_DIGITS}, {"external_id": DIGITS}),
    "no credentials": (NUMBER | {"credentials": None}, NO_NUMBER_ID),
    "no phone number id": credential("phone_number_id", None, "missing"),
    "an id that is a number": credential("phone_number_id", 106, "must be a string"),
    "an id that is a word": credential("phone_number_id", "one", "must be 1 to 64 digits"),
    "an empty token": credential("access_token", "", "must have 1 to 4096 characters"),
}
FIXED: Final = "'{}' parameter cannot be changed"
CHANGES: Final[dict[str, tuple[object, dict[str, str]]]] = {
    "another id": ({"external_id": "1"}, {"external_id": FIXED.format("external_id")}),
    "a null id": ({"external_id": None}, {"external_id": FIXED.format("external_id")}),
    "another owner": ({"api_key": "x", "name": "A"}, {"api_key": FIXED.format("api_key")}),
    "another kind": ({"provider": 7}, {"provider": FIXED.format("provider")}),
    "a long name": ({"name": "x" * 256}, {"name": "must have 0 to 255 characters"}),
    "a name that is a number": ({"name": 7}, {"name": "must be a string"}),
    "two applications": (
        {"applications": ["a", "b"]},
        {"applications": "must have at most 1 entry"},
    ),
    "null applications": ({"applications": None}, {"applications": "must be an array"}),
    "an application that is a number": (
        {"applications": [7]},
        {"applications": "must be a string"},
    ),
    "no token": ({"access_token": None}, {"access_token": "missing"}),
    "an empty token": (
        {"access_token": ""},
        {"access_token": "must have 1 to 4096 characters"},
    ),
    "a token that is a list": ({"access_token": ["x"]}, {"access_token": "must be a string"}),
    "credentials that are a text": ({"credentials": "x"}, {"credentials": "must be an object"}),
    "no such provider app": (
        {"credentials": {"provider_app": "main"}},
        {
            "credentials.provider_app": "There is no such provider app for you; "
            "ask the operator to grant it"
        },
    ),
    "several": (
        {"external_id": "1", "name": 7, "applications": 1},
        {
            "external_id": FIXED.format("external_id"),
            "name": "must be a string",
            "applications": "must be an array",
        },
    ),
}
LINK_BODIES: Final[dict[str, tuple[object, dict[str, str]]]] = {
    "nothing": (b"", {"application": "missing"}),
    "null": ({"application": None}, {"application": "missing"}),
    "another member": ({"applications": ["a"]}, {"application": "missing"}),
    "a number": ({"application": 7}, {"application": "must be a string"}),
    "a list": ({"application": ["a"]}, {"application": "must be a string"}),
    "an empty id": ({"application": ""}, {"application": "must have 1 to 128 characters"}),
    "a long id": ({"application": "x" * 129}, {"application": "must have 1 to 128 characters"}),
    "a NUL": ({"application": "a\0"}, {"application": "must not contain NUL"}),
}


def edwards_key() -> str:
    key = Ed25519PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def desk(name: str, value: object, said: str, *, at: str = "") -> tuple[object, dict[str, str]]:
    """Return an application that is right but for one member."""
    return {"name": "Desk", name: value}, {at or name: said}


def with_key(key: object, said: str) -> tuple[object, dict[str, str]]:
    return desk("keys", {"public_key": key}, said, at="keys.public_key")


def with_messages(messages: object, said: str, at: str = "") -> tuple[object, dict[str, str]]:
    place = f"capabilities.messages{at and '.'}{at}"
    return desk("capabilities", {"messages": messages}, said, at=place)


def with_url(address: object, said: str, **more: object) -> tuple[object, dict[str, str]]:
    webhook = {"inbound_url": {"address": address, **more}}
    at = "http_method" if more else "address"
    return with_messages({"webhooks": webhook}, said, f"webhooks.inbound_url.{at}")


NO_KEY: Final = "must be an RSA key of 2048 to 8192 bits in PEM"
NO_URL: Final = "cannot be used: The URL must begin with http:// or https://."
DESCRIPTIONS: Final[dict[str, tuple[object, dict[str, str]]]] = {
    "nothing": (b"", {"name": "missing"}),
    "a null name": desk("name", None, "missing"),
    "an empty name": desk("name", "", "must have 1 to 255 characters"),
    "a long name": desk("name", "x" * 256, "must have 1 to 255 characters"),
    "a name that is a number": desk("name", 1, "must be a string"),
    "a NUL in the name": desk("name", "\0", "must not contain NUL"),
    "keys that are a text": desk("keys", "x", "must be an object"),
    "a key that is no key": with_key("x", NO_KEY),
    "an empty key": with_key("", "must have 1 to 16384 characters"),
    "a key that is a number": with_key(7, "must be a string"),
    "a key of another kind": with_key(edwards_key(), NO_KEY),
    "a short key": with_key(public_key(bits=1024), NO_KEY),
    "a NUL behind the key": with_key(public_key() + "\0", "must not contain NUL"),
    "privacy that is a text": desk("privacy", "yes", "must be an object"),
    "a NUL in privacy": desk("privacy", {"a": ["\0"]}, "must not contain NUL"),
    "capabilities that are a list": desk("capabilities", [], "must be an object"),
    "a NUL in a capability's name": desk("capabilities", {"b\0": 1}, "must not contain NUL"),
    "capabilities nested too deep to keep": (
        b'{"name":"Desk","capabilities":' + b'{"a":' * 32 + b"1" + b"}" * 33,
        {"capabilities": "must not be nested deeper than 32 levels"},
    ),
    "messages that are a text": with_messages("v1", "must be an object"),
    "another version": with_messages({"version": "v2"}, "must be one of: v1, v0.1", "version"),
    "a version that is a number": with_messages(
        {"version": 1}, "must be one of: v1, v0.1", "version"
    ),
    "a null version": with_messages({"version": None}, "must be one of: v1, v0.1", "version"),
    "webhooks that are a list": with_messages({"webhooks": []}, "must be an object", "webhooks"),
    "a webhook that is a text": with_messages(
        {"webhooks": {"inbound_url": "x"}}, "must be an object", "webhooks.inbound_url"
    ),
    "a webhook without address": with_url(None, "missing"),
    "an address that is a number": with_url(1, "must be a string"),
    "an address that is no URL": with_url("app", NO_URL),
    "an address of a file": with_url("file:///etc/passwd", NO_URL),
    "an address with a password": with_url(
        "https://a:b@app.example/",
        "cannot be used: The URL must not contain a user name or a password.",
    ),
    "another verb": with_url("https://app.example/", "must be POST", http_method="GET"),
    "everything": (
        {
            "keys": {"public_key": "x"},
            "capabilities": {
                "messages": {"version": 2, "webhooks": {"inbound_url": {"http_method": "PUT"}}}
            },
        },
        {
            "name": "missing",
            "keys.public_key": NO_KEY,
            "capabilities.messages.version": "must be one of: v1, v0.1",
            "capabilities.messages.webhooks.inbound_url.address": "missing",
            "capabilities.messages.webhooks.inbound_url.http_method": "must be POST",
        },
    ),
}


def members() -> Rows:
    """Yield what can be read, and not used."""
    tables = [
        ("a Page", PAGES),
        ("a number", NUMBERS),
        ("a change", CHANGES),
        ("a link", LINK_BODIES),
        ("an application", DESCRIPTIONS),
        ("a replacement", DESCRIPTIONS),
    ]
    for into, table in tables:
        method, target = TAKERS[into]
        for name, (body, faults) in table.items():
            yield f"{into}: {name}", Bad(method, target, body, 400, faulty(target, faults))


# Questions ---------------------------------------------------------------------------------

ANY_PAGE: Final = f"must be a whole number from 1 to {2**53 - 1}"
UP_TO_100: Final = "must be a whole number from 1 to 100"
KINDS: Final = "must be one of: messenger, viber_service_msg, whatsapp, rcs"
FROM_A_LINK: Final = "must be taken from a `next` or `prev` link; or begin without it"
NO_NUL: Final = "A NUL character cannot be used"
NUMBER_TEXTS: Final = (
    *("0", "-1", "", "1.5", "one", "%2B1", "1_0", "%D9%A1", "%C2%B2", "0x1", "1e3", "null"),
    *("9" * 5_000, str(2**63), str(2**64)),
)
QUERIES: Final[dict[str, dict[str, str]]] = {
    f"page_number={2**53}": {"page_number": ANY_PAGE},
    "page_size=101": {"page_size": UP_TO_100},
    "page_size=1&page_size=x": {"page_size": UP_TO_100},
    "provider=pigeon": {"provider": KINDS},
    "provider=": {"provider": KINDS},
    "provider=MESSENGER": {"provider": KINDS},
    "provider=a%00": {"provider": NO_NUL},
    "colour=%FF": {"query": "Not UTF-8, or too many fields"},
    "&".join(["a=1"] * 101): {"query": "Not UTF-8, or too many fields"},
    "page_number=x&page_size=y&provider=z": {
        "page_number": ANY_PAGE,
        "page_size": UP_TO_100,
        "provider": KINDS,
    },
    "after=": {"after": FROM_A_LINK},
    "after=1": {"after": FROM_A_LINK},
    "after=AAAAAAAAAAB": {"after": FROM_A_LINK},
    "after=AAAAAAAAAAE=": {"after": FROM_A_LINK},
    "after=AAAAAAAAAA%2F": {"after": FROM_A_LINK},
    "after=__________8": {"after": FROM_A_LINK},
    "after=%C3%A9AAAAAAAAAA": {"after": FROM_A_LINK},
    "before=" + "A" * 5_000: {"before": FROM_A_LINK},
    "after=AAAAAAAAAAE&before=AAAAAAAAAAE": {"before": "cannot be used together with `after`"},
    "page_number=0&before=x": {"page_number": ANY_PAGE, "before": FROM_A_LINK},
}


def questions() -> Rows:
    """Yield pages that there cannot be."""
    asked = [(BASE, query, faults) for query, faults in QUERIES.items()]
    for text in NUMBER_TEXTS:
        asked += [
            (BASE, f"page_number={text}", {"page_number": ANY_PAGE}),
            (BASE + "/", f"page_size={text}", {"page_size": UP_TO_100}),
            (APPS, f"page={text}", {"page": ANY_PAGE}),
            (APPS + "/", f"page_size={text}", {"page_size": UP_TO_100}),
        ]
    asked += [
        (APPS, f"page={2**53}&page_size=101", {"page": ANY_PAGE, "page_size": UP_TO_100}),
        (APPS, "page=%00", {"page": NO_NUL}),
    ]
    for path, query, faults in asked:
        answer = faulty(path, faults, asks=True)
        yield f"{path}?{query[:60]}", Bad("GET", f"{path}?{query}", b"", 400, answer)


# Ids in the path ---------------------------------------------------------------------------

IDS: Final = {
    "an unknown one": "87654321",
    "another's": "other-page",
    "a slash": "a%2Fb",
    "two dots": "..",
    "encoded dots": "%2E%2E",
    "an encoded percent": "%252F",
    "a letter beyond ASCII": "%C3%A9%F0%9F%91%8D",
    "128 characters": "x" * 128,
    "129 characters": "x" * 129,
    "ten thousand characters": "x" * 10_000,
    "a line end": "%0D%0A",
    "a quote": "%27%20OR%20%271",
}
NO_IDS: Final = {"a NUL": "%00", "no UTF-8": "%FF", "half a character": "%ED%A0%BD"}


def paths() -> Rows:
    """Yield ids that nobody has."""
    for name, text in (IDS | NO_IDS).items():
        for kind in ("messenger", "whatsapp", "viber_service_msg", "rcs"):
            target = f"{BASE}/{kind}/{text}"
            yield f"GET {kind}: {name}", Bad("GET", target, b"", 404, None)
        for method, target, body in (
            ("POST", f"{BASE}/messenger/{text}/applications", {"application": NOBODY}),
            ("DELETE", f"{BASE}/messenger/{text}/applications/{NOBODY}", b""),
        ):
            yield f"{method} a link: {name}", Bad(method, target, body, 404, None)
        is_foreign = name == "another's"
        for method in ("PATCH", "DELETE"):
            answer = NO_ACCESS if is_foreign else None
            row = Bad(method, f"{BASE}/messenger/{text}", {}, 403 if is_foreign else 404, answer)
            yield f"{method} an account: {name}", row
    for kind in ("pigeon", "RCS", "%72cs%2F", "%00"):
        yield f"a kind: {kind}", Bad("POST", f"{BASE}/{kind}", PAGE, 404, None)
        yield f"a kind of one: {kind}", Bad("GET", f"{BASE}/{kind}/12345678", b"", 404, None)


def application_paths() -> Rows:
    """Yield ids that no application of the caller has."""
    shown = {"a%2Fb": "a/b", "%2E%2E": "..", "%252F": "%2F", "%0D%0A": "\r\n"}
    shown |= {"%C3%A9%F0%9F%91%8D": "\u00e9\U0001f44d", "%27%20OR%20%271": "' OR '1"}
    for name, text in IDS.items():
        for method in ("GET", "PUT", "DELETE"):
            target = f"{APPS}/{text}"
            answer = not_there(target, shown.get(text, text))
            row = Bad(method, target, {"name": "Desk"}, 404, answer)
            yield f"{method} an application: {name}", row


# Who is calling ----------------------------------------------------------------------------

RIGHT: Final = basic("acme0001", SECRET)


def authorization(value: bytes) -> tuple[Header, ...]:
    return ((b"authorization", value),)


def pair(text: bytes) -> tuple[Header, ...]:
    return authorization(b"Basic " + base64.b64encode(text))


STRANGERS: Final[dict[str, tuple[Header, ...]]] = {
    "no header": (),
    "an empty header": authorization(b""),
    "a wrong secret": (basic("acme0001", "0" * 32),),
    "an empty secret": (basic("acme0001", ""),),
    "an unknown key": (basic("acme0002", SECRET),),
    "an empty key": (basic("", SECRET),),
    "another case of the key": (basic("ACME0001", SECRET),),
    "no colon": pair(b"acme0001"),
    "a NUL in the key": (basic("acme\0", SECRET),),
    "no UTF-8": pair(b"\xff\xfe:\xff"),
    "no base64": authorization(b"Basic \xe9!!"),
    "another scheme": authorization(b"Digest username=acme0001"),
    "two headers": (RIGHT, RIGHT),
    "two headers of two schemes": (RIGHT, *authorization(b"Bearer x")),
    "two schemes in one header": authorization(RIGHT[1] + b", Bearer x"),
}


def ago(seconds: int) -> int:
    return int(time.time()) - seconds


# Each makes it from the application's id.
FORGERIES: Final[dict[str, Token]] = {
    "unsigned": lambda app: jwt.encode(claims_of(app), "", algorithm="none"),
    "HS256 with the public key": lambda app: with_the_public_key_as_secret(claims_of(app)),
    "RS512": lambda app: signed(claims_of(app), algorithm="RS512"),
    "another application's key": lambda app: signed(claims_of(app), key="theirs"),
    "an unknown application": lambda _: signed(claims_of()),
    "a NUL for an id": lambda _: by_hand({"alg": "RS256"}, claims_of("\0" * 36)),
    "no application": lambda _: signed({"iat": ago(0), "jti": NOBODY}),
    "expired": lambda app: signed(claims_of(app, iat=ago(60), exp=ago(1))),
    "15 minutes and a second, without exp": lambda app: signed(
        claims_of(app, iat=ago(15 * MINUTE + 1), exp=...)
    ),
    "24 hours and a second": lambda app: signed(
        claims_of(app, iat=ago(24 * HOUR + 1), exp=ago(-HOUR))
    ),
    "not yet": lambda app: signed(claims_of(app, nbf=ago(-2 * MINUTE))),
    "neither iat nor exp": lambda app: signed(claims_of(app, iat=..., exp=...)),
    "no jti": lambda app: signed(claims_of(app, jti=...)),
    "garbage": lambda _: "a.b.c",
    "oversized": lambda app: signed(claims_of(app, sub="x" * 50_000)),
}
EVERY_OPERATION: Final = (
    *(("GET", BASE), ("GET", BASE + "/"), ("POST", BASE + "/messenger"), ("GET", ONE)),
    *(("PATCH", ONE), ("DELETE", ONE), ("POST", LINKS), ("DELETE", LINKS + "/{app}")),
    *(("GET", APPS), ("POST", APPS), ("POST", APPS + "/"), ("GET", APPS + "/{app}")),
    *(("PUT", APPS + "/{app}"), ("DELETE", APPS + "/{app}"), ("GET", "/v2/else")),
    *(("PUT", BASE), ("PATCH", APPS)),
)


def strangers() -> Rows:
    """Yield callers who are not known: nothing else of their request is looked at."""
    for method, target in EVERY_OPERATION:
        row = Bad(method, target, b"{", 401, unknown(target), headers=())
        yield f"{method} {target}: nobody", row
    for name, headers in STRANGERS.items():
        for method, target in (("POST", BASE + "/messenger"), ("POST", APPS)):
            row = Bad(method, target, PAGE, 401, unknown(target), headers=headers)
            yield f"{target}: {name}", row
    for name, token in FORGERIES.items():
        target = BASE + "/messenger"
        row = Bad("POST", target, PAGE, 401, unknown(target), headers=(), token=token)
        yield f"a token: {name}", row
    right: Token = lambda app: signed(claims_of(app))  # noqa: E731 - it is one of those above
    both = Bad("GET", BASE, b"", 401, unknown(BASE), token=right)
    yield "a token: a right one beside a right secret", both
    on_other = Bad("POST", APPS, PAGE, 401, unknown(APPS), headers=(), token=right)
    yield "a token: a right one where none is good", on_other


TABLE: Final = {
    name: row
    for rows in (bodies, members, questions, paths, application_paths, strangers)
    for name, row in rows()
}


# The test ----------------------------------------------------------------------------------


@dataclass
class World:
    """A gateway with something in it: two tenants, a linked Page, applications."""

    doors: Doors
    ask: Look
    application: str
    stored: dict[str, list[tuple[Any, ...]]] = made_by(default_factory=dict)

    async def look(self) -> None:
        """Note everything that is stored."""
        self.stored = {
            table: sorted(await self.ask(f"SELECT * FROM {table}"), key=repr)  # noqa: S608 - our own names
            for table in metadata.tables
        }


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgres"])
async def world(
    request: pytest.FixtureRequest,
    postgres_databases: PostgresDatabases,
    sqlite_template: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    """One for all rows of the table, on each database."""
    if request.param == "postgres":
        url = await postgres_databases.take()
    else:
        file = tmp_path_factory.mktemp("bad-input") / "jackfield.sqlite3"
        shutil.copy(sqlite_template, file)
        url = f"sqlite:///{file}"
    async with opened(url) as doors, looking(url) as ask:
        acme, other = await doors.tenant("acme0001"), await doors.tenant("other001")
        body = {
            "name": "Desk",
            "keys": {"public_key": public_pem()},
            "capabilities": {"messages": {}},
        }
        application = (await acme.post(APPS, body)).json["id"]
        assert (await page(acme, applications=[application])).status == 201
        assert (await page(other, "other-page")).status == 201
        there = World(doors, ask, application)
        await there.look()
        yield there
    if request.param == "postgres":
        postgres_databases.give_back(url)


@pytest.mark.parametrize("bad", TABLE.values(), ids=TABLE)
async def test_it_is_refused_in_the_documented_words_and_nothing_is_stored(
    world: World, bad: Bad
) -> None:
    headers = bad.headers
    if bad.token is not None:
        headers += authorization(b"Bearer " + bad.token(world.application).encode())
    before = world.stored

    answer = await Client(world.doors.asgi, headers).ask(
        bad.method, bad.target.replace("{app}", world.application), body=bad.body
    )

    await world.look()
    assert world.stored == before
    assert answer.status == bad.status
    assert told(answer) == bad.answer
    assert answer.headers.get("content-type") == (bad.answer and "application/json")


def told(answer: Answer) -> Body:
    """Return the body, with `ID` where the request's own id is."""
    if not answer.body:
        return None
    body: dict[str, object] = answer.json
    return {
        name: ID if value == answer.headers["x-request-id"] else value
        for name, value in body.items()
    }
