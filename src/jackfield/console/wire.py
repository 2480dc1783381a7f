"""What is said on the command socket: one JSON document in a line, each way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import msgspec

from jackfield import problems
from jackfield.problems import Invalid, InvalidParameter, Problem

LINE_LIMIT = 64 * 1024
"""Bytes of a question, its line end included."""

ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer, its line end included: a page of the longest rows fits."""

_KINDS: Mapping[str, type[Problem]] = {
    "invalid": problems.Invalid,
    "not-found": problems.NotFound,
    "conflict": problems.Conflict,
    "too-large": problems.TooLarge,
    "outcome-unknown": problems.OutcomeUnknown,
    "unavailable": problems.Unavailable,
    "problem": problems.Problem,
}
"""The more special first: the first that fits names a problem."""


class Question(msgspec.Struct, frozen=True):
    """One command with its arguments."""

    command: str
    arguments: msgspec.Raw


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a command was not done."""

    kind: str
    detail: str
    parameters: Sequence[tuple[str, str]] = ()


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a command gave, or why it did not."""

    result: msgspec.Raw = msgspec.Raw(b"null")  # msgspec knows no `Raw | None`
    problem: Failure | None = None


def line(document: Question | Answer) -> bytes:
    """Return `document` as it goes over the socket."""
    return msgspec.json.encode(document) + b"\n"


def failure(problem: Problem) -> Failure:
    """Return how a problem travels."""
    kind = next(kind for kind, each in _KINDS.items() if isinstance(problem, each))
    if isinstance(problem, Invalid):
        parameters = [(each.name, each.reason) for each in problem.parameters]
        return Failure(kind, str(problem), parameters)
    return Failure(kind, str(problem))


def raise_failure(failed: Failure) -> NoReturn:
    """Raise the problem that travelled; one of a kind we have no word for is a plain Problem."""
    kind = _KINDS.get(failed.kind, Problem)
    if kind is Invalid:
        parameters = [InvalidParameter(*each) for each in failed.parameters]
        raise Invalid(*parameters, detail=failed.detail)
    raise kind(failed.detail)
