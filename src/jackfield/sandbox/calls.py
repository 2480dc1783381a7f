"""Calls over HTTP as a program outside would make them; they share nothing with the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from jackfield.problems import Unavailable

_PATIENCE = 30.0
_ANSWER_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to send: `url` is absolute, http or https."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def send(self) -> Answer:
        """Send it and wait for the answer; raises Unavailable when there is none."""
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
        target = parts._replace(scheme="", netloc="").geturl() or "/"
        try:
            connection.request(self.method, target, body=self.body, headers=dict(self.headers))
            response = connection.getresponse()
            return Answer(response.status, response.read(_ANSWER_LIMIT))
        except (OSError, HTTPException) as error:
            raise Unavailable(
                f"{parts.scheme}://{parts.netloc} does not answer ({error}); is it running?",
            ) from error
        finally:
            connection.close()
