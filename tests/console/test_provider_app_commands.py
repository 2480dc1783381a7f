"""Commands about provider apps: rotating their secrets, and taking grants back."""

from __future__ import annotations

import msgspec
import pytest

from gateway import APP_SECRET, VERIFY_TOKEN, Doors, signature
from jackfield.console import provider_app_secrets, provider_apps
from jackfield.console.orders import GrantProviderApp
from jackfield.console.provider_app_orders import (
    AddProviderAppSecret,
    ListProviderApps,
    ProviderAppShown,
    RevokeProviderApp,
    RevokeProviderAppSecret,
    ShowProviderApp,
)
from jackfield.problems import Conflict, Invalid, NotFound
from jackfield.provider_apps import SecretRole

MAIN = ShowProviderApp(name="main")
BODY = msgspec.json.encode({"object": "page", "entry": []})


async def status(doors: Doors, secret: str) -> int:
    """Return how a webhook signed with `secret` is answered."""
    signed = signature(BODY, secret=secret)
    answer = await doors.anybody().post("/webhooks/meta/main", BODY, x_hub_signature_256=signed)
    return answer.status


async def add(doors: Doors, role: SecretRole, secret: str) -> int:
    order = AddProviderAppSecret(name="main", role=role, secret=secret)
    return (await provider_app_secrets.add_secret(doors.gateway, order)).id


async def show(doors: Doors) -> ProviderAppShown:
    return await provider_apps.show_provider_app(doors.gateway, MAIN)


async def old(doors: Doors, role: SecretRole) -> int:
    return min(one.id for one in (await show(doors)).secrets if one.role is role)


async def test_a_listing_goes_on_where_the_page_before_ended(both: Doors) -> None:
    for name in ("c", "b", "a"):
        await both.provider_app(name, for_all=name == "b")
    gateway = both.gateway

    first = await provider_apps.list_provider_apps(gateway, ListProviderApps(limit=2))
    after = ListProviderApps(after=first.next or "", limit=2)
    rest = await provider_apps.list_provider_apps(gateway, after)

    assert [(one.name, one.serves_all) for one in first.provider_apps] == [
        ("c", False),
        ("b", True),
    ]
    assert [one.webhook_path for one in rest.provider_apps] == ["/webhooks/meta/a"]
    assert rest.next is None


@pytest.mark.parametrize("after", ["b", "-1", "\N{ARABIC-INDIC DIGIT ONE}", "9" * 30])
async def test_a_page_begins_behind_a_number(both: Doors, after: str) -> None:
    with pytest.raises(Invalid, match="the page before ended with"):
        await provider_apps.list_provider_apps(both.gateway, ListProviderApps(after=after))


async def test_what_is_shown_names_the_secrets_and_holds_none(both: Doors) -> None:
    await both.provider_app()

    shown = await show(both)

    assert {one.role for one in shown.secrets} == {SecretRole.APP_SECRET, SecretRole.VERIFY_TOKEN}
    document = msgspec.json.encode(shown).decode()
    assert APP_SECRET not in document
    assert VERIFY_TOKEN not in document


async def test_both_secrets_of_a_role_prove_a_webhook_until_one_is_revoked(both: Doors) -> None:
    await both.provider_app()

    await add(both, SecretRole.APP_SECRET, "the next one")
    both_live = await status(both, APP_SECRET), await status(both, "the next one")
    order = RevokeProviderAppSecret(name="main", id=await old(both, SecretRole.APP_SECRET))
    revoked = await provider_app_secrets.revoke_secret(both.gateway, order)

    assert both_live == (200, 200)
    assert await status(both, APP_SECRET) in {401, 403}
    assert await status(both, "the next one") == 200
    assert (revoked.role, revoked.left) == (SecretRole.APP_SECRET, 1)


async def test_a_third_secret_of_a_role_is_refused(both: Doors) -> None:
    await both.provider_app()
    await add(both, SecretRole.VERIFY_TOKEN, "another")

    with pytest.raises(Conflict, match="Revoke one first: `jackfield provider-apps secrets"):
        await add(both, SecretRole.VERIFY_TOKEN, "a third")
    await add(both, SecretRole.APP_SECRET, "of the other role")

    assert len((await show(both)).secrets) == 4


async def test_the_last_secret_of_a_role_is_revoked_only_by_force(both: Doors) -> None:
    await both.provider_app()
    number = await old(both, SecretRole.APP_SECRET)
    order = RevokeProviderAppSecret(name="main", id=number)

    with pytest.raises(Conflict, match="or say --force"):
        await provider_app_secrets.revoke_secret(both.gateway, order)
    forced = RevokeProviderAppSecret(name="main", id=number, force=True)
    revoked = await provider_app_secrets.revoke_secret(both.gateway, forced)

    assert revoked.left == 0
    assert await status(both, APP_SECRET) in {401, 403}
    last = RevokeProviderAppSecret(
        name="main", id=await old(both, SecretRole.VERIFY_TOKEN), force=True
    )
    await provider_app_secrets.revoke_secret(both.gateway, last)
    assert (await show(both)).secrets == []
    await add(both, SecretRole.APP_SECRET, "from scratch")
    assert await status(both, "from scratch") == 200


async def test_what_is_not_there_is_said_with_what_to_do(both: Doors) -> None:
    with pytest.raises(NotFound, match="`jackfield provider-apps list` shows"):
        await show(both)
    await both.provider_app()
    with pytest.raises(NotFound, match="`jackfield provider-apps show main` shows"):
        await provider_app_secrets.revoke_secret(
            both.gateway, RevokeProviderAppSecret(name="main", id=4711)
        )


async def test_a_grant_is_taken_back_from_one_tenant_and_the_others_keep_theirs(
    both: Doors,
) -> None:
    await both.provider_app(for_all=False)
    for key in ("acme0001", "zenith01"):
        await both.tenant(key)
        order = GrantProviderApp(name="main", api_key=key)
        await provider_apps.grant_provider_app(both.gateway, order)

    taken = RevokeProviderApp(name="main", api_key="acme0001")
    revoked = await provider_apps.revoke_provider_app(both.gateway, taken)

    assert not revoked.still_serves
    assert (await show(both)).tenants == ["zenith01"]
    with pytest.raises(Conflict, match="was not granted to acme0001 by name"):
        await provider_apps.revoke_provider_app(both.gateway, taken)


async def test_the_grant_to_all_is_taken_back_and_those_by_name_stay(both: Doors) -> None:
    await both.provider_app(for_all=True)
    await both.tenant()
    order = GrantProviderApp(name="main", api_key="acme0001")
    await provider_apps.grant_provider_app(both.gateway, order)

    taken = RevokeProviderApp(name="main", api_key=None)
    revoked = await provider_apps.revoke_provider_app(both.gateway, taken)

    shown = await show(both)
    assert revoked.still_serves
    assert (shown.serves_all, shown.tenants) == (False, ["acme0001"])
    with pytest.raises(Conflict, match="was not granted to all"):
        await provider_apps.revoke_provider_app(both.gateway, taken)
