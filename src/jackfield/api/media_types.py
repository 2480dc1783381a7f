"""Whether a request, and whoever waits for its answer, speak JSON (wire contract 3)."""

from __future__ import annotations

import re
from typing import Final

from jackfield.api.authentication import PrivateHandler
from jackfield.api.http import Request, Response
from jackfield.auth import Caller
from jackfield.problems import Problem

_WITH_A_BODY: Final = {"POST", "PUT"}

# What covers JSON, the most specific first: that one decides (RFC 9110, section 12.5.1).
_COVERING: Final = ("application/json", "application/*", "*/*", "*")
_NOT_WANTED = re.compile(r"q=0(?:\.0{0,3})?")


class NotAcceptable(Problem):
    """The client says that it cannot read JSON."""


class NotJson(Problem):
    """The body says that it is something else than JSON."""


def speaking_json(handler: PrivateHandler) -> PrivateHandler:
    """Return `handler` for those who speak JSON; who says nothing of it is taken to.

    Raises `NotAcceptable` where Accept excludes JSON, and `NotJson` where a body that is not
    empty has a Content-Type that is not JSON: unchanged clients send that of JSON on an empty
    body, and accept anything.
    """

    async def answer(request: Request, caller: Caller) -> Response:
        if not _accepts_json(request):
            raise NotAcceptable
        sent = request.header("content-type")
        is_read = request.method in _WITH_A_BODY
        if sent and is_read and not _is_json(sent) and await request.body():
            raise NotJson
        return await handler(request, caller)

    return answer


def _accepts_json(request: Request) -> bool:
    ranges = [one for line in request.headers("accept") for one in line.split(",") if one.strip()]
    wanted: dict[str, bool] = {}
    for each in ranges:
        name, *parameters = [part.strip().lower() for part in each.split(";")]
        is_wanted = not any(map(_NOT_WANTED.fullmatch, parameters))
        wanted[name] = wanted.get(name, False) or is_wanted
    covering = [wanted[name] for name in _COVERING if name in wanted]
    return covering[0] if covering else not ranges


def _is_json(content_type: str) -> bool:
    name = content_type.partition(";")[0].strip().lower()
    return name == "application/json" or (
        name.startswith("application/") and name.endswith("+json")
    )
