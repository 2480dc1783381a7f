"""What a provider must do; read this before you write one.

A provider is one module with the names of `Provider`: it says what an account must bring to be
registered. One whose callbacks are understood is a `Reader` too: it reads what people wrote to
its accounts; without that, its accounts are registered and linked and hear nothing. Where
providers call us is a `Webhook`: it proves who called, and finds the provider a body is for. One
webhook may carry several providers (a Meta app has one URL for Pages and numbers), and both may
be one module.

Both are listed by hand in `providers/__init__.py`; `docs/adding-a-provider.md` has the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from jackfield.messages import Reading


@dataclass(frozen=True, slots=True)
class Registration:
    """What a provider makes of an account's credentials.

    `routing_key` names the account inside the provider's callbacks, unique per provider.
    `secrets` is to be sealed as it stands. `provider_app` names the operator's registration
    with the provider that the account is to be served by, or None for any that may, and
    `provider_app_kind` its kind where that is not the kind of the provider's `Webhook`.
    """

    routing_key: str
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    provider_app: str | None = None
    provider_app_kind: str | None = None


class Provider(Protocol):
    """One kind of account."""

    @property
    def NAME(self) -> str:  # noqa: N802 - a constant of the module that fulfils this
        """The word that accounts have: `messenger`, `whatsapp` and so on."""
        ...

    def registration(
        self, external_id: object, *, access_token: object, credentials: object
    ) -> Registration:
        """Return what is to be kept of a new account's credentials; nothing is asked online.

        The arguments come as the caller's JSON had them, None where it had nothing. Unknown
        members of `credentials` are ignored. Raises `Invalid`, naming every parameter that
        cannot be used (`external_id`, `access_token`, `credentials.…`).
        """
        ...


class Reader(Provider, Protocol):
    """A provider whose callbacks are understood."""

    def read(self, body: bytes) -> Reading:
        """Return all that `body`, a verified callback, says. Never raises, whatever the bytes.

        Every item becomes an event, an unread piece or a count, in the order of the body; an item
        that cannot be read harms none of its neighbours. What a person said and we have no
        word for is an event with `Unsupported`, never dropped. Ids and keys are text that any
        database keeps (`reading.identifier`).
        """
        ...


class Webhook(Protocol):
    """A place where a provider calls us."""

    @property
    def KIND(self) -> str:  # noqa: N802 - a constant of the module that fulfils this
        """The word in `/webhooks/KIND/NAME` and in `provider-apps add KIND`."""
        ...

    @property
    def PROVIDERS(self) -> Sequence[Reader]:  # noqa: N802 - the same
        """Whose accounts are called about here."""
        ...

    def verify(
        self, body: bytes, headers: Mapping[str, str], secrets: Sequence[bytes | str]
    ) -> bool:
        """Return whether one of `secrets` (several while one is rotated) signed `body`.

        `body` is what came over the wire, not what a parser made of it. `headers` has names in
        lower case. Compares in constant time; no header makes it raise; an empty secret
        proves nothing.
        """
        ...

    def challenge(
        self, query: Mapping[str, str], verify_tokens: Sequence[bytes | str]
    ) -> str | None:
        """Return the bare body (as `text/plain`) that answers a handshake, or None to refuse."""
        ...

    def read(self, body: bytes) -> Reading:
        """Return all that `body` says, read by the provider it is for. Never raises."""
        ...
