"""What comes of a request: a reply, or why there is none."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from aiohttp import (
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientResponseError,
    ClientTimeout,
    ConnectionTimeoutError,
    InvalidURL,
)


class Failure(StrEnum):
    """Why there is no complete answer."""

    BAD_URL = "bad_url"
    BAD_HEADER = "bad_header"
    NOT_ALLOWED = "not_allowed"
    NAME_NOT_RESOLVED = "name_not_resolved"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMED_OUT = "timed_out"
    BROKEN = "broken"
    BAD_RESPONSE = "bad_response"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other side answered, whatever the status; a redirect is an answer too.

    `headers` have lower-case names; repeated ones are joined with `, `. Of the body there are
    at most as many bytes as were asked for; `is_cut` says that there was more.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Unreached:
    """No complete answer, which does not always mean that the request was not seen.

    `detail` is a short sentence for people; it repeats nothing that was sent or received.
    """

    failure: Failure
    detail: str


class NotAllowed(OSError):
    """Raised instead of making a socket.

    It does not name the address: nobody is to learn here what a private name resolves to.
    """

    def __init__(self) -> None:
        super().__init__(errno.EACCES, "not allowed")


class HeadersTooLarge(Exception):
    """The headers of one answer are larger together than is accepted."""


class OutOfTurn(Exception):
    """The server does not give one answer to each request; the text, for people, says how."""


_DETAILS: Mapping[Failure, str] = MappingProxyType({
    Failure.BAD_URL: "The URL cannot be used.",
    Failure.BAD_HEADER: "A header has a character that cannot be sent.",
    Failure.NOT_ALLOWED: "The address is in a network that may not be reached from here.",
    Failure.NAME_NOT_RESOLVED: "The host name could not be resolved.",
    Failure.REFUSED: "The connection was refused.",
    Failure.UNREACHABLE: "There is no way to the host.",
    Failure.TLS: "No secure connection could be made.",
    Failure.BROKEN: "The connection broke before the answer was complete.",
    Failure.BAD_RESPONSE: "The answer is not HTTP as it should be, or its headers are too large.",
})  # fmt: skip


def unreached(error: Exception, *, timeout: ClientTimeout) -> Unreached:
    """Say what `error` means. A `ValueError` is about a header: the URL was checked before."""
    if isinstance(error, ConnectionTimeoutError):
        return Unreached(Failure.TIMED_OUT, f"No connection within {timeout.sock_connect:g} s.")
    if isinstance(error, TimeoutError):
        return Unreached(Failure.TIMED_OUT, f"No complete answer within {timeout.total:g} s.")
    if isinstance(error, ClientConnectorError):
        return _unconnected(error)
    match error:
        case OutOfTurn():
            return Unreached(Failure.BAD_RESPONSE, str(error))
        case ClientResponseError() | HeadersTooLarge():
            failure = Failure.BAD_RESPONSE
        case InvalidURL():
            failure = Failure.BAD_URL
        case ValueError():
            failure = Failure.BAD_HEADER
        case _:
            failure = Failure.BROKEN
    return Unreached(failure, _DETAILS[failure])


def _unconnected(error: ClientConnectorError) -> Unreached:
    cause = error.os_error
    match cause:
        case ssl.SSLCertVerificationError():
            detail = f"The certificate was not accepted: {cause.verify_message}"
            return Unreached(Failure.TLS, f"{detail.rstrip('.')}.")
        case ssl.SSLError():
            failure = Failure.TLS
        case NotAllowed():
            failure = Failure.NOT_ALLOWED
        case ConnectionRefusedError():
            failure = Failure.REFUSED
        case ConnectionError():
            failure = Failure.BROKEN
        case _ if isinstance(error, ClientConnectorDNSError):
            failure = Failure.NAME_NOT_RESOLVED
        case _:
            failure = Failure.UNREACHABLE
    return Unreached(failure, _DETAILS[failure])
