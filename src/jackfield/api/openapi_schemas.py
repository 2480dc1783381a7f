"""What is sent and what is answered, as schemas: from the types where there are types."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from jackfield.accounts import Provider
from jackfield.api.application_bodies import ApplicationPageBody
from jackfield.api.application_fields import LONGEST_KEY, LONGEST_NAME, LONGEST_URL
from jackfield.api.openapi_delivery_schemas import delivery_schemas
from jackfield.api.openapi_refusal import Schema, exactly
from jackfield.api.representations import AccountBody, AccountPageBody
from jackfield.applications import WebhookVersion
from jackfield.providers.credentials import (
    LONGEST_EXTERNAL_ID,
    LONGEST_PROVIDER_ID,
    LONGEST_TOKEN,
)

REF: Final = "#/components/schemas/"

KINDS: Final = {
    Provider.MESSENGER: ("Messenger", "a Messenger"),
    Provider.VIBER: ("VSM", "a Viber"),
    Provider.WHATSAPP: ("WA", "a WhatsApp"),
    Provider.RCS: ("RCS", "an RCS"),
}
"""What operation ids and people call each kind of account."""


def ref(name: str) -> Schema:
    """Return a reference to a schema of this document."""
    return {"$ref": REF + name}


def text(longest: int, *, shortest: int = 1, **more: object) -> Schema:
    """Return the schema of a text that a database keeps: without NUL; `more` says more of it."""
    return {
        "type": "string",
        "minLength": shortest,
        "maxLength": longest,
        "pattern": "^[^\\u0000]*$",
        **more,
    }


def members(*required: str, **properties: Schema) -> Schema:
    """Return the schema of an object that is sent: unknown members are ignored."""
    schema: Schema = {"type": "object", "properties": properties}
    return schema | ({"required": list(required)} if required else {})


def nullable(schema: Schema) -> Schema:
    """Return the schema of what may be null, which is then as good as left out."""
    return schema | {"type": [schema["type"], "null"]}


_AT_A_PARTNER: Final = (
    "It must not begin with `infobip:`, whatever the connector: what Infobip's callbacks name "
    "is kept so. With the connector `infobip` they name the `sender`, and this is only what the "
    "account is called here, by a name of your choice."
)


def schemas() -> dict[str, Schema]:
    """Return every schema of the document by name."""
    _, found = msgspec.json.schema_components(
        [AccountBody, AccountPageBody, ApplicationPageBody],
        ref_template=REF + "{name}",
        schema_hook=_anything,
    )
    made: dict[str, Schema] = dict(found)
    account = made.pop("AccountBody")
    for provider, (short, _) in KINDS.items():
        made[f"{short}Account"] = _account(account, provider)
        made[f"New{short}Account"] = _new_account(provider)
        made[f"{short}AccountChange"] = _account_change(provider)
    kinds = [ref(f"{short}Account") for short, _ in KINDS.values()]
    made["Account"] = {
        "oneOf": kinds,
        "discriminator": {
            "propertyName": "provider",
            "mapping": {p.value: f"{REF}{short}Account" for p, (short, _) in KINDS.items()},
        },
    }
    made["AccountPage"] = _page(made.pop("AccountPageBody"), {"type": "array"}, ref("Account"))
    made["Application"] = _application()
    made["ApplicationDescription"] = _application_description()
    listed = {"type": "array", "items": ref("Application")}
    page = _page(made.pop("ApplicationPageBody"), {"type": "object"}, None)
    page["properties"]["_embedded"] = exactly(applications=listed)
    made["ApplicationPage"] = page
    made["Link"] = exactly(application=text(LONGEST_EXTERNAL_ID)) | {"additionalProperties": True}
    return made | delivery_schemas(REF + "{name}")


def external_id(provider: Provider) -> Schema:
    """Return what an account of this kind may be called."""
    if provider is Provider.WHATSAPP:
        return {"type": "string", "pattern": "^[0-9]{7,15}$", "examples": ["447700900123"]}
    if provider in {Provider.VIBER, Provider.RCS}:
        return text(LONGEST_EXTERNAL_ID, description=_AT_A_PARTNER, examples=["12345678"])
    return text(LONGEST_EXTERNAL_ID, examples=["12345678"])


def _anything(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"description": "Anything."}
    raise NotImplementedError


def _account(account: Schema, provider: Provider) -> Schema:
    """Return how one kind of account looks: our type, as narrow as its answers are."""
    properties = dict(account["properties"])
    # What is None is left out, never null.
    properties["name"] = {"type": "string"}
    properties["provider"] = {"const": provider.value}
    properties["applications"] = {
        "type": "array",
        "items": {"type": "string"},
        "maxItems": 1,
        "description": "The linked application, if one is.",
    }
    required = list(account["required"])
    del properties["access_token"]
    if provider is Provider.MESSENGER:
        properties["access_token"] = {
            "type": "string",
            "description": "In clear, or masked where the installation wants it so.",
        }
        required.append("access_token")
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _new_account(provider: Provider) -> Schema:
    own = {"external_id": external_id(provider)}
    own["name"] = nullable(text(LONGEST_NAME, shortest=0))
    own["applications"] = _applications()
    own |= _token(provider)
    own["credentials"] = _credentials(provider, is_whole=True)
    second = "access_token" if provider is Provider.MESSENGER else "credentials"
    return members("external_id", second, **own)


def _account_change(provider: Provider) -> Schema:
    name = nullable(text(LONGEST_NAME, shortest=0))
    name["description"] = "Null or an empty text takes the name away."
    own: dict[str, Schema] = {"name": name, "applications": _applications()}
    own["applications"]["description"] = "Replaces the link in one step; an empty array unlinks."
    own |= _token(provider)
    own["credentials"] = _credentials(provider, is_whole=False)
    schema = members(**own)
    schema["description"] = (
        "What is not sent stays. `external_id`, `api_key` and `provider` cannot be changed."
    )
    return schema


def _applications() -> Schema:
    return {"type": "array", "items": text(LONGEST_EXTERNAL_ID), "maxItems": 1}


def _token(provider: Provider) -> dict[str, Schema]:
    """Return the token beside the credentials, where one may stand there."""
    match provider:
        case Provider.MESSENGER:
            return {"access_token": text(LONGEST_TOKEN)}
        case Provider.WHATSAPP:
            told = "The same as in `credentials`, which win."
            return {"access_token": nullable(text(LONGEST_TOKEN, description=told))}
        case _:
            return {}


def _credentials(provider: Provider, *, is_whole: bool) -> Schema:
    """Return what opens an account at its provider; a change may send a part of it, or none."""
    forms = _credential_forms(provider)
    for form in forms:
        form["writeOnly"] = True
        if not is_whole:
            form.pop("required", None)
    if not is_whole or "required" not in forms[0]:
        forms[0] = nullable(forms[0])
    return forms[0] if len(forms) == 1 else {"anyOf": forms, "writeOnly": True}


def _credential_forms(provider: Provider) -> list[Schema]:
    told = "A provider app the operator granted you."
    app = text(LONGEST_NAME, description=told, examples=["main"])
    number = {"type": "string", "pattern": f"^[0-9]{{1,{LONGEST_PROVIDER_ID}}}$"}
    token = text(LONGEST_TOKEN)
    infobip = members(
        "connector",
        "provider_app",
        "sender",
        connector={"const": "infobip"},
        provider_app=app,
        sender=text(LONGEST_EXTERNAL_ID),
    )
    match provider:
        case Provider.MESSENGER:
            return [members(provider_app=nullable(app))]
        case Provider.WHATSAPP:
            own = {"waba_id": number, "access_token": token, "provider_app": app}
            own = {name: nullable(schema) for name, schema in own.items()}
            return [members("phone_number_id", phone_number_id=number, **own)]
        case Provider.VIBER:
            bot = {"connector": {"const": "bot"}, "auth_token": token}
            return [members("connector", "auth_token", **bot), infobip]
        case _:
            google = {"connector": {"const": "google"}, "provider_app": app}
            return [members("connector", "provider_app", **google), infobip]


def _page(page: Schema, embedded: Schema, item: Schema | None) -> Schema:
    properties = dict(page["properties"])
    properties["_embedded"] = embedded | ({} if item is None else {"items": item})
    properties["_links"] = {
        "type": "object",
        "properties": {
            name: ref("LinkBody") for name in ("self", "first", "last", "prev", "next")
        },
        "required": ["self", "first", "last"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": properties,
        "required": page["required"],
        "additionalProperties": False,
    }


def _messages_capability(*, is_sent: bool) -> Schema:
    """Return what hearing messages means; of what is sent, null is as good as left out."""
    perhaps = nullable if is_sent else dict
    webhook = members(
        "address",
        address=text(LONGEST_URL, format="uri"),
        http_method={"const": "POST"},
    )
    webhooks = members(inbound_url=perhaps(webhook), status_url=perhaps(webhook))
    return members(
        version={"enum": [each.value for each in WebhookVersion], "default": "v1"},
        authenticate_inbound_media={"description": "Comes back as it was given."},
        webhooks=perhaps(webhooks),
    )


def _application() -> Schema:
    key = {"type": "string"}
    link = {"type": "object", "properties": {"self": ref("LinkBody")}, "required": ["self"]}
    capabilities = members(messages=_messages_capability(is_sent=False))
    capabilities["description"] = "Those beside messages come back as they were given."
    return exactly(
        id={"type": "string", "format": "uuid"},
        name={"type": "string"},
        keys={
            "type": "object",
            "properties": {
                "public_key": key,
                "private_key": key | {"description": "Shown once, when it was made for you."},
            },
            "additionalProperties": False,
        },
        capabilities=capabilities,
        _links=link,
        privacy={"type": "object"},
    ) | {"required": ["id", "name", "keys", "capabilities", "_links"]}


def _application_description() -> Schema:
    keys = nullable(members(public_key=nullable(text(LONGEST_KEY))))
    keys["description"] = (
        "Your RSA key of 2048 to 8192 bits in PEM. In PUT, left out takes the key away and an "
        "empty object asks for a new pair."
    )
    return members(
        "name",
        name=text(LONGEST_NAME),
        keys=keys,
        privacy=nullable({"type": "object"}),
        capabilities=nullable(members(messages=nullable(_messages_capability(is_sent=True)))),
    )
