"""Checks what a new account brings, and names every parameter that cannot be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from jackfield.problems import Invalid, InvalidParameter
from jackfield.providers.contract import Registration

LONGEST_EXTERNAL_ID: Final = 128
LONGEST_TOKEN: Final = 4096
LONGEST_NAME: Final = 255
LONGEST_PROVIDER_ID: Final = 64

_AT_INFOBIP: Final = "infobip:"
"""Before a sender's name in its routing key."""

Check = Callable[[str], str | None]
"""Returns why a text cannot be used, or None."""


class Checked:
    """The parameters looked at so far, and the faults among them."""

    def __init__(self, credentials: object) -> None:
        self._faults: list[InvalidParameter] = []
        self._credentials: Mapping[str, object] = {}
        if isinstance(credentials, dict):
            self._credentials = credentials
        elif credentials is not None:
            self._refuse("credentials", "must be an object")

    def required(self, name: str, value: object, check: Check) -> str:
        """Return `value`, or an empty text after noting why not."""
        if value is None:
            self._faults.append(InvalidParameter(name, f"Missing `{name}` field"))
            return ""
        return self._text(name, value, check) or ""

    def optional(self, name: str, value: object, check: Check) -> str | None:
        """Return `value`, or None when there is none or after noting why not."""
        return None if value is None else self._text(name, value, check)

    def required_credential(self, name: str, check: Check) -> str:
        return self.required(f"credentials.{name}", self._credentials.get(name), check)

    def optional_credential(self, name: str, check: Check) -> str | None:
        return self.optional(f"credentials.{name}", self._credentials.get(name), check)

    def at_infobip(self) -> Registration:
        """Return the registration of a sender at Infobip; raise `Invalid` with every fault.

        Infobip's callbacks name the sender: it is the routing key, marked so that it is
        never taken for the id of an account that has no partner.
        """
        name = self.required_credential("provider_app", text(LONGEST_NAME))
        sender = self.required_credential("sender", text(LONGEST_EXTERNAL_ID))
        self.close()
        return Registration(
            _AT_INFOBIP + sender,
            secrets={"connector": "infobip", "sender": sender},
            provider_app=name,
            provider_app_kind="infobip",
        )

    def own_id(self, external_id: object) -> str:
        """Return the id of an account that callbacks name by it, or "" after noting why not.

        What a partner's sender is named by must not be taken by somebody who is none.
        """
        given = self.required("external_id", external_id, text(LONGEST_EXTERNAL_ID))
        if given.startswith(_AT_INFOBIP):
            self._refuse("external_id", f"must not begin with {_AT_INFOBIP}")
        return given

    def close(self) -> None:
        """Raise `Invalid` with every fault noted, if any."""
        if self._faults:
            raise Invalid(*self._faults)

    def _text(self, name: str, value: object, check: Check) -> str | None:
        fault = check(value) if isinstance(value, str) else "must be a string"
        if fault is None:
            return str(value)
        self._refuse(name, fault)
        return None

    def _refuse(self, name: str, fault: str) -> None:
        self._faults.append(InvalidParameter(name, f"`{name}` {fault}"))


def text(longest: int) -> Check:
    """Return a check for 1 to `longest` characters that a database can keep."""

    def check(value: str) -> str | None:
        if not 1 <= len(value) <= longest:
            return f"must have 1 to {longest} characters"
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            return "must not contain NUL or half a surrogate pair"
        return None

    return check


def digits(shortest: int, longest: int) -> Check:
    """Return a check for `shortest` to `longest` ASCII digits."""

    def check(value: str) -> str | None:
        if value.isascii() and value.isdigit() and shortest <= len(value) <= longest:
            return None
        return f"must be {shortest} to {longest} digits"

    return check


def one_of(*words: str) -> Check:
    """Return a check for one of these words."""

    def check(value: str) -> str | None:
        return None if value in words else f"must be one of: {', '.join(words)}"

    return check
