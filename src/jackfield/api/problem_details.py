"""Turns a Problem into a status and a body: one table for each dialect of the API.

Status numbers live here only. The words of the first two tables are the published ones (wire
contract 1.5 and 3); what is not published there is said in the same style.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.types import Scope

from jackfield.api.http import (
    Header,
    KeyReused,
    Response,
    StillRunning,
    TooSlow,
    WrongMethod,
    raw_path,
    request_id,
)
from jackfield.api.media_types import NotAcceptable, NotJson
from jackfield.problems import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Problem,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
)


class _Refused(Forbidden):
    """Forbidden without a reason: the answer tells nothing about what is there."""


class _InvalidQuestion(Invalid):
    """What was asked with GET cannot be used."""


class _Bug(Problem):
    """A fault of ours, as its caller sees it."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How one kind of problem looks; members that would be empty are left out."""

    status: int
    type: str = ""
    title: str = ""
    detail: str = ""
    """The words when the problem brings none; `{count}` and `{id}` are filled in."""
    is_fixed: bool = False
    """Whether these words stand, whatever the problem says."""
    has_instance: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class _Dialect:
    """The forms of one API, its name for the list of faults, and its way to ask for a login."""

    forms: Mapping[type[Problem], _Form]
    faults: str
    challenge: bytes
    content_type: bytes = b"application/json"
    has_status: bool = False


_SORRY = "The fault is ours. The operator finds it in the logs under this id."
_STALE = "It was changed since you read it: read it again, then decide."
_RUNNING = "The first request with this Idempotency-Key is still running: send it again shortly."
_REUSED = "This Idempotency-Key was used with another body: take a new key for a new request."

_ACCEPT = "Invalid Accept header provided. Must be one of the following: 'application/json'"
_CONTENT = _ACCEPT.replace("Accept", "Content-Type")

_MESSAGES = "https://www.nexmo.com/messages/Errors#"
_NO_ACCESS = "Wrong authentication - You are not authorised to access this resource"
_NO_TOKEN = "Request header 'Authorization' missing / Invalid Token"  # noqa: S105 - published words

_EXTERNAL_ACCOUNTS = _Dialect(
    faults="invalid_params",
    challenge=b'Basic realm="chatapp-accounts", Bearer',
    forms={
        Invalid: _Form(
            400,
            _MESSAGES + "InvalidParams",
            "Your request parameters didn't validate.",
            "Found errors validating {count} of your submitted parameters.",
            is_fixed=True,
        ),
        Unauthenticated: _Form(
            401, "", "Unauthorised", _NO_TOKEN, is_fixed=True, has_instance=False
        ),
        _Refused: _Form(403, "", _NO_ACCESS, is_fixed=True, has_instance=False),
        Forbidden: _Form(403, _MESSAGES + "Forbidden", "Forbidden", has_instance=False),
        NotFound: _Form(404, is_fixed=True, has_instance=False),
        WrongMethod: _Form(405, _MESSAGES + "WrongVerb", "Method not allowed"),
        NotAcceptable: _Form(406, _MESSAGES + "AcceptHeader", "Invalid Accept header", _ACCEPT),
        TooSlow: _Form(408, _MESSAGES + "Timeout", "Request timeout"),
        Conflict: _Form(409, _MESSAGES + "Conflict", "Application conflict", has_instance=False),
        StillRunning: _Form(
            409, _MESSAGES + "IdempotencyKeyInUse", "Idempotency key in use", _RUNNING
        ),
        Stale: _Form(412, _MESSAGES + "PreconditionFailed", "Precondition failed", _STALE),
        TooLarge: _Form(413, _MESSAGES + "TooLarge", "Request too large"),
        NotJson: _Form(
            415, _MESSAGES + "ContentTypeHeader", "Invalid Content-Type header", _CONTENT
        ),
        KeyReused: _Form(
            422, _MESSAGES + "IdempotencyKeyReused", "Idempotency key reused", _REUSED
        ),
        _Bug: _Form(500, _MESSAGES + "InternalError", "Internal error", _SORRY),
        Unavailable: _Form(503, _MESSAGES + "Unavailable", "Service unavailable"),
    },
)

_NOTHING_HERE = (
    "There is nothing at this path: `/docs` shows what there is, `/openapi.json` to programs."
)

# Ours, for the same callers with the same tokens. Only the published paths must not say a word
# about what is not there.
_DELIVERIES = replace(
    _EXTERNAL_ACCOUNTS,
    forms={
        **_EXTERNAL_ACCOUNTS.forms,
        NotFound: _Form(404, _MESSAGES + "NotFound", "Not found", _NOTHING_HERE),
    },
)

_ERRORS = "https://developer.nexmo.com/api-errors"
_FAULTY = "The request failed due to validation errors"

_APPLICATIONS = _Dialect(
    faults="invalid_parameters",
    challenge=b'Basic realm="applications"',
    forms={
        Invalid: _Form(
            400, _ERRORS + "/application#payload-validation", "Bad Request", _FAULTY, is_fixed=True
        ),
        _InvalidQuestion: _Form(
            400, _ERRORS + "/application#list-validation", "Bad Request", _FAULTY, is_fixed=True
        ),
        Unauthenticated: _Form(
            401,
            _ERRORS + "#unauthorized",
            "Invalid credentials supplied",
            "You did not provide correct credentials.",
            is_fixed=True,
        ),
        Forbidden: _Form(403, _ERRORS + "#forbidden", "Forbidden"),
        NotFound: _Form(
            404,
            _ERRORS + "#not-found",
            "Not Found",
            "ID '{id}' does not exist, or you do not have access",
            is_fixed=True,
        ),
        WrongMethod: _Form(405, _ERRORS + "#wrong-verb", "Method Not Allowed"),
        NotAcceptable: _Form(406, _ERRORS + "#accept-header", "Invalid Accept header", _ACCEPT),
        TooSlow: _Form(408, _ERRORS + "#timeout", "Request Timeout"),
        Conflict: _Form(409, _ERRORS + "#conflict", "Conflict"),
        StillRunning: _Form(
            409, _ERRORS + "#idempotency-key-in-use", "Idempotency Key In Use", _RUNNING
        ),
        Stale: _Form(412, _ERRORS + "#precondition-failed", "Precondition Failed", _STALE),
        TooLarge: _Form(413, _ERRORS + "#too-large", "Request Too Large"),
        NotJson: _Form(
            415, _ERRORS + "#content-type-header", "Invalid Content-Type header", _CONTENT
        ),
        KeyReused: _Form(
            422, _ERRORS + "#idempotency-key-reused", "Idempotency Key Reused", _REUSED
        ),
        _Bug: _Form(500, _ERRORS + "#internal-error", "Internal Error", _SORRY),
        Unavailable: _Form(503, _ERRORS + "#unavailable", "Service Unavailable"),
    },
)

# Our own paths speak RFC 9457.
_PLAIN = _Dialect(
    faults="invalid_parameters",
    challenge=b"Bearer",
    content_type=b"application/problem+json",
    has_status=True,
    forms={
        Invalid: _Form(400, title="Bad Request"),
        Unauthenticated: _Form(401, title="Unauthorized"),
        Forbidden: _Form(403, title="Forbidden"),
        NotFound: _Form(404, title="Not Found"),
        WrongMethod: _Form(405, title="Method Not Allowed"),
        NotAcceptable: _Form(406, title="Invalid Accept header", detail=_ACCEPT),
        TooSlow: _Form(408, title="Request Timeout"),
        Conflict: _Form(409, title="Conflict"),
        StillRunning: _Form(409, title="Idempotency Key In Use", detail=_RUNNING),
        Stale: _Form(412, title="Precondition Failed", detail=_STALE),
        TooLarge: _Form(413, title="Request Too Large"),
        NotJson: _Form(415, title="Invalid Content-Type header", detail=_CONTENT),
        KeyReused: _Form(422, title="Idempotency Key Reused", detail=_REUSED),
        _Bug: _Form(500, title="Internal Error", detail=_SORRY),
        Unavailable: _Form(503, title="Service Unavailable"),
    },
)

_DIALECTS = (
    ("/beta/chatapp-accounts", _EXTERNAL_ACCOUNTS),
    ("/v2", _APPLICATIONS),
    ("/v1", _DELIVERIES),
)


def answer(error: Exception, scope: Scope) -> Response:
    """Return what a caller on this path is told about `error`; what is no Problem is a bug."""
    path = raw_path(scope).decode("latin-1")
    dialect = _spoken_at(path)
    problem = error if isinstance(error, Problem) else _Bug()
    form = _form(problem, dialect=dialect, method=scope["method"])
    body = _members(problem, form, asked_for=unquote(path.rpartition("/")[2]))
    if isinstance(problem, Invalid):
        faults = [{"name": p.name, "reason": p.reason} for p in problem.parameters]
        body[dialect.faults] = faults
    if form.has_instance:
        body["instance"] = request_id(scope)
    headers = _headers(problem, dialect=dialect)
    if not body:
        return Response(status=form.status, headers=headers)
    if dialect.has_status:
        body["status"] = form.status
    content: Header = (b"content-type", dialect.content_type)
    return Response(
        status=form.status, body=msgspec.json.encode(body), headers=(content, *headers)
    )


def _spoken_at(path: str) -> _Dialect:
    for prefix, dialect in _DIALECTS:
        if path == prefix or path.startswith(prefix + "/"):
            return dialect
    return _PLAIN


def _form(problem: Problem, *, dialect: _Dialect, method: str) -> _Form:
    kind: type[Problem] = type(problem)
    if isinstance(problem, Forbidden) and not problem.detail:
        kind = _Refused
    elif isinstance(problem, Invalid) and method in {"GET", "HEAD"}:
        kind = _InvalidQuestion
    forms = (dialect.forms[base] for base in kind.__mro__ if base in dialect.forms)
    return next(forms, dialect.forms[_Bug])


def _members(problem: Problem, form: _Form, *, asked_for: str) -> dict[str, Any]:
    """Return type, title and detail, without those that have nothing to say."""
    count = len(problem.parameters) if isinstance(problem, Invalid) else 0
    words = form.detail.format(count=count, id=asked_for)
    # A body that is no JSON has no parameters to count: then the problem's words say more.
    is_fixed = form.is_fixed and (count > 0 or not isinstance(problem, Invalid))
    members = {
        "type": form.type,
        "title": form.title if form.is_fixed else problem.title or form.title,
        "detail": words if is_fixed else problem.detail or words,
    }
    return {name: value for name, value in members.items() if value}


def _headers(problem: Problem, *, dialect: _Dialect) -> tuple[Header, ...]:
    match problem:
        case Unauthenticated():
            return ((b"www-authenticate", dialect.challenge),)
        case WrongMethod():
            return ((b"allow", ", ".join(problem.allowed).encode()),)
        case TooSlow():
            # The rest of the body may still come: it must not be read as the next request.
            return ((b"connection", b"close"),)
        case Unavailable():
            return ((b"retry-after", b"1"),)
        case _:
            return ()
