"""Each kind of provider app has secrets of its own, which are looked at before they are kept."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway import Doors
from jackfield.console import provider_app_secrets, provider_apps
from jackfield.console.app_secrets import ROLES
from jackfield.console.orders import AddProviderApp, GrantProviderApp, ProviderAppAdded
from jackfield.console.provider_app_orders import (
    AddProviderAppSecret,
    RevokeProviderApp,
    RevokeProviderAppSecret,
    ShowProviderApp,
)
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.provider_apps import ProviderAppKind, SecretRole, secret_place
from jackfield.storage.tables import provider_app_secrets as secrets_table
from jackfield.storage.tables import provider_apps as table

META, INFOBIP, GOOGLE = ProviderAppKind.META, ProviderAppKind.INFOBIP, ProviderAppKind.GOOGLE


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA_KEY = pem(rsa.generate_private_key(public_exponent=65_537, key_size=2048))
SERVICE_ACCOUNT = json.dumps(
    {
        "type": "service_account",
        "project_id": "invented",
        "client_email": "gateway@invented.example",
        "private_key": RSA_KEY,
    }
)
WHOLE = {
    META: {SecretRole.APP_SECRET: "canary-s", SecretRole.VERIFY_TOKEN: "canary-t"},
    INFOBIP: {
        SecretRole.BASE_URL: "https://abc12.api.infobip.example",
        SecretRole.API_KEY: "canary-key",
        SecretRole.WEBHOOK_TOKEN: "canary-token-0123456789",
    },
    GOOGLE: {
        SecretRole.SERVICE_ACCOUNT: SERVICE_ACCOUNT,
        SecretRole.CLIENT_TOKEN: "canary-client",
    },
}


async def add(
    doors: Doors, kind: ProviderAppKind, name: str = "partner", **secrets: str
) -> ProviderAppAdded:
    given = {SecretRole(role): secret for role, secret in secrets.items()}
    order = AddProviderApp(kind=kind, name=name, secrets=given)
    return await provider_apps.add_provider_app(doors.gateway, order)


@pytest.mark.parametrize("kind", ProviderAppKind)
async def test_all_its_secrets_are_kept_sealed(both: Doors, kind: ProviderAppKind) -> None:
    added = await add(both, kind, **WHOLE[kind])

    app = await both.gateway.store.read(both.gateway.provider_apps.find(kind, "partner"))
    assert app is not None
    opened = {
        role: both.gateway.keys.unseal(sealed[0], place=secret_place(kind, "partner", role))
        for role, sealed in app.sealed.items()
        if sealed
    }
    assert opened == {role: secret.encode() for role, secret in WHOLE[kind].items()}
    assert not any(b"canary" in each for sealed in app.sealed.values() for each in sealed)
    assert (added.missing, added.kind) == ([], kind)
    assert opened.keys() == set(ROLES[kind])


async def test_only_a_kind_whose_webhooks_are_understood_is_told_where_to_post(
    both: Doors,
) -> None:
    paths = {kind: (await add(both, kind, **WHOLE[kind])).webhook_path for kind in WHOLE}

    assert paths == {META: "/webhooks/meta/partner", INFOBIP: None, GOOGLE: None}


@pytest.mark.parametrize("kind", [INFOBIP, GOOGLE])
async def test_what_nobody_asks_for_yet_may_come_later(both: Doors, kind: ProviderAppKind) -> None:
    added = await add(both, kind)
    before = await provider_apps.show_provider_app(both.gateway, ShowProviderApp(name="partner"))
    for role, secret in WHOLE[kind].items():
        order = AddProviderAppSecret(name="partner", role=role, secret=secret)
        await provider_app_secrets.add_secret(both.gateway, order)
    after = await provider_apps.show_provider_app(both.gateway, ShowProviderApp(name="partner"))

    assert added.missing == before.missing == list(ROLES[kind])
    assert (after.missing, after.kind) == ([], kind)


@pytest.mark.parametrize("role", WHOLE[META])
async def test_a_meta_app_needs_both_its_secrets_at_once(both: Doors, role: SecretRole) -> None:
    others = {each: secret for each, secret in WHOLE[META].items() if each is not role}

    with pytest.raises(Invalid, match=f"a meta provider app needs --{role.replace('_', '-')}"):
        await add(both, META, **others)

    assert await both.count(table) == 0


WRONG = {
    "of another kind": (META, SecretRole.API_KEY, "x"),
    "of yet another kind": (GOOGLE, SecretRole.APP_SECRET, "x"),
    "an empty key": (INFOBIP, SecretRole.API_KEY, ""),
    "a key with a line end": (INFOBIP, SecretRole.API_KEY, "x\n"),
    "no URL": (INFOBIP, SecretRole.BASE_URL, "abc12.api.infobip.example"),
    "a URL in clear": (INFOBIP, SecretRole.BASE_URL, "http://abc12.api.infobip.example"),
    "a URL with a path": (INFOBIP, SecretRole.BASE_URL, "https://infobip.example/viber"),
    "a URL with a query": (INFOBIP, SecretRole.BASE_URL, "https://infobip.example?a=b"),
    "a URL with a password": (INFOBIP, SecretRole.BASE_URL, "https://a:canary@infobip.example"),
    "a short word": (INFOBIP, SecretRole.WEBHOOK_TOKEN, "canary-short"),
    "a word that no path holds": (INFOBIP, SecretRole.WEBHOOK_TOKEN, "canary/0123456789abcdef"),
    "no JSON": (GOOGLE, SecretRole.SERVICE_ACCOUNT, "canary"),
    "no object": (GOOGLE, SecretRole.SERVICE_ACCOUNT, '["canary"]'),
    "deep JSON": (GOOGLE, SecretRole.SERVICE_ACCOUNT, "[" * 9_000),
    "no key": (GOOGLE, SecretRole.SERVICE_ACCOUNT, '{"client_email": "canary"}'),
    "a key that is none": (
        GOOGLE,
        SecretRole.SERVICE_ACCOUNT,
        '{"client_email": "a@invented.example", "private_key": "canary"}',
    ),
    "another kind of key": (
        GOOGLE,
        SecretRole.SERVICE_ACCOUNT,
        json.dumps(
            {"client_email": "a", "private_key": pem(ec.generate_private_key(ec.SECP256R1()))}
        ),
    ),
    "half a surrogate pair": (GOOGLE, SecretRole.SERVICE_ACCOUNT, "\ud800"),
    "too long": (GOOGLE, SecretRole.SERVICE_ACCOUNT, SERVICE_ACCOUNT + " " * 16_384),
    "an empty client token": (GOOGLE, SecretRole.CLIENT_TOKEN, ""),
}


@pytest.mark.parametrize(("kind", "role", "secret"), WRONG.values(), ids=WRONG)
async def test_a_secret_that_cannot_be_used_is_named_and_neither_kept_nor_quoted(
    both: Doors, kind: ProviderAppKind, role: SecretRole, secret: str
) -> None:
    with pytest.raises(Invalid, match=role) as on_adding:
        await add(both, kind, **{**WHOLE[kind], role: secret})
    await add(both, kind, **WHOLE[kind])
    order = AddProviderAppSecret(name="partner", role=role, secret=secret)
    with pytest.raises(Invalid, match=role) as later:
        await provider_app_secrets.add_secret(both.gateway, order)

    assert "canary" not in f"{on_adding.value}{later.value}"
    assert await both.count(secrets_table) == len(WHOLE[kind])


async def test_a_name_that_several_kinds_have_is_asked_about(both: Doors) -> None:
    await both.tenant()
    for kind in (INFOBIP, GOOGLE):
        await add(both, kind, **WHOLE[kind])
    gateway = both.gateway

    with pytest.raises(Conflict, match="say --kind infobip or --kind google"):
        await provider_apps.show_provider_app(gateway, ShowProviderApp(name="partner"))
    grant = GrantProviderApp(name="partner", kind=GOOGLE, api_key="acme0001")
    await provider_apps.grant_provider_app(gateway, grant)
    shown = {
        kind: await provider_apps.show_provider_app(
            gateway, ShowProviderApp(name="partner", kind=kind)
        )
        for kind in (INFOBIP, GOOGLE)
    }
    with pytest.raises(NotFound, match="no meta provider app named partner"):
        await provider_apps.show_provider_app(gateway, ShowProviderApp(name="partner", kind=META))
    taken = RevokeProviderApp(name="partner", kind=INFOBIP, api_key="acme0001")
    with pytest.raises(Conflict, match="show partner --kind infobip` shows whom"):
        await provider_apps.revoke_provider_app(gateway, taken)
    revoked = RevokeProviderAppSecret(name="partner", kind=GOOGLE, id=4711)
    with pytest.raises(NotFound, match="show partner --kind google` shows those"):
        await provider_app_secrets.revoke_secret(gateway, revoked)

    assert [list(each.tenants) for each in shown.values()] == [[], ["acme0001"]]
