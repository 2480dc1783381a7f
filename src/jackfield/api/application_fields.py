"""Reads what an owner says of an application, and finds every fault in it."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from jackfield.api.application_bodies import application_document
from jackfield.api.bodies import Fields, unkeepable
from jackfield.applications import Description, WebhookVersion
from jackfield.egress import check_url

LONGEST_NAME: Final = 255
LONGEST_KEY: Final = 16_384
LONGEST_URL: Final = 2_048

KEY_BITS: Final = 2_048
"""Bits of a key we make, and the fewest of one that is given."""

MOST_KEY_BITS: Final = 8_192
"""A larger key would make each signature cost its verifier milliseconds."""


def description(fields: Fields) -> Description:
    """Return what a body says of an application; raise `Invalid` with every fault in it."""
    name = fields.required_text("name", longest=LONGEST_NAME)
    public_key = _public_key(fields.nested("keys"))
    version, inbound_url, status_url, document = _capabilities(fields)
    fields.close()
    return Description(name, public_key, version, inbound_url, status_url, document)


def _public_key(keys: Fields | None) -> str | None:
    """Return the RSA key that is given, as it is spelt, or None when there is none."""
    pem = keys.text("public_key", longest=LONGEST_KEY) if keys is not None else None
    if keys is None or pem is None:
        return None
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or not KEY_BITS <= key.key_size <= MOST_KEY_BITS:
        keys.refuse(
            "public_key", f"must be an RSA key of {KEY_BITS} to {MOST_KEY_BITS} bits in PEM"
        )
    return pem


def _capabilities(
    fields: Fields,
) -> tuple[WebhookVersion | None, str | None, str | None, bytes]:
    """Return the version and the two URLs of the messages capability, and all the rest as JSON."""
    privacy = _kept(fields, "privacy")
    capabilities = _kept(fields, "capabilities")
    messages = capabilities.nested("messages") if capabilities is not None else None
    webhooks = messages.nested("webhooks") if messages is not None else None
    document = application_document(
        privacy=None if privacy is None else privacy.members,
        capabilities=_without(capabilities, "messages"),
        messages=_without(messages, "version", "webhooks"),
    )
    version = _version(messages)
    return version, _address(webhooks, "inbound_url"), _address(webhooks, "status_url"), document


def _kept(fields: Fields, name: str) -> Fields | None:
    """Return the members of an object that is kept as given, or None when there is none."""
    fault = unkeepable(fields.members.get(name))
    if fault is None:
        return fields.nested(name)
    fields.refuse(name, fault)
    return None


def _version(messages: Fields | None) -> WebhookVersion | None:
    if messages is None:
        return None
    given = messages.members.get("version", WebhookVersion.V1)
    version = next((each for each in WebhookVersion if each == given), None)
    if version is None:
        messages.refuse("version", f"must be one of: {', '.join(WebhookVersion)}")
    return version


def _address(webhooks: Fields | None, name: str) -> str | None:
    """Return the URL of one webhook, or None when there is none."""
    webhook = webhooks.nested(name) if webhooks is not None else None
    if webhook is None:
        return None
    address = webhook.required_text("address", longest=LONGEST_URL)
    fault = check_url(address) if address else None
    if fault is not None:
        webhook.refuse("address", f"cannot be used: {fault}")
    if webhook.members.get("http_method", "POST") != "POST":
        webhook.refuse("http_method", "must be POST")
    return address


def _without(fields: Fields | None, *names: str) -> dict[str, object]:
    members = {} if fields is None else fields.members
    return {name: value for name, value in members.items() if name not in names}
