"""Listings and changes as real processes: tables for people, one document for programs."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from cli.programs import Programs
from jackfield.sandbox.calls import Call

PAGE = "200000000000002"


def call(url: str, method: str, path: str, *, api_key: str, secret: str, body: bytes = b"") -> int:
    """Return the status of a call with Basic."""
    user = base64.b64encode(f"{api_key}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {user}", "Content-Type": "application/json"}
    made = Call(method=method, url=url + path, headers=headers, body=body or None).send()
    return made.status


def test_a_page_of_tenants_ends_with_the_command_for_the_next(programs: Programs) -> None:
    for key in ("a", "b", "c"):
        programs.run("tenants", "create", f"Tenant {key}", "--api-key", key)

    first = programs.run("tenants", "list", "--limit", "2")
    command = first.err.strip().removeprefix("There are more: jackfield ")
    rest = programs.run(*command.split())
    document = programs.run("tenants", "list", "--limit", "2", "--json")

    assert [line.split()[0] for line in first.out.splitlines()] == ["API", "a", "b"]
    assert "Tenant a" in first.out
    assert [line.split()[0] for line in rest.out.splitlines()] == ["API", "c"]
    assert rest.err == ""
    assert [one["api_key"] for one in document.json["tenants"]] == ["a", "b"]
    assert document.json["next"] == "b"
    assert document.err == ""


def test_nothing_is_cut_off_where_a_table_is_read_by_a_program(programs: Programs) -> None:
    name = "A name that goes on " * 12
    programs.run("tenants", "create", name.strip(), "--api-key", "acme")

    listed = programs.run("tenants", "list")

    assert name.strip() in listed.out


def test_an_empty_listing_says_what_to_do(programs: Programs, tmp_path: Path) -> None:
    programs.environ["JACKFIELD_DATA"] = str(tmp_path)
    programs.start("serve", "--port", "0").line()

    tenants = programs.run("tenants", "list")
    apps = programs.run("provider-apps", "list")
    accounts = programs.run("accounts", "list", "--json")

    assert (tenants.code, tenants.out) == (0, "")
    assert "jackfield tenants create NAME" in tenants.err
    assert "jackfield provider-apps add --help" in apps.err
    assert accounts.json == {"accounts": [], "next": None}


def test_secrets_of_a_tenant_are_rotated_without_a_server(programs: Programs) -> None:
    made = programs.run("tenants", "create", "Acme", "--api-key", "acme", "--json").json

    added = programs.run("tenants", "secrets", "add", "acme", "--json")
    third = programs.run("tenants", "secrets", "add", "acme")
    shown = programs.run("tenants", "show", "acme", "--json")
    old = str(shown.json["api_secrets"][1]["id"])
    revoked = programs.run("tenants", "secrets", "revoke", "acme", old, "--json")
    last = programs.run("tenants", "secrets", "revoke", "acme", str(added.json["id"]))
    rotated = programs.run("tenants", "signature", "rotate", "acme", "--json")

    assert (third.code, third.out) == (1, "")
    assert "`jackfield tenants secrets revoke acme SECRET_ID`" in third.err
    assert revoked.json == {"api_key": "acme", "id": int(old), "left": 1}
    assert last.code == 1
    assert "--force" in last.err
    assert rotated.json["signature_secret"] != made["signature_secret"]
    assert rotated.json["webhook_secret"].startswith("whsec_")
    assert made["api_secret"] not in shown.out


def test_a_set_of_nothing_says_what_could_be_set(programs: Programs) -> None:
    ended = programs.run("tenants", "set", "acme")

    assert ended.code == 2
    assert "--inbound-url" in ended.err


def test_secrets_and_grants_of_a_provider_app_are_changed(programs: Programs) -> None:
    secrets = ("--app-secret", "s", "--verify-token", "t")
    programs.run("provider-apps", "add", "meta", "main", *secrets)
    programs.run("provider-apps", "grant", "main", "--all")

    added = programs.run(
        *("provider-apps", "secrets", "add", "main", "app_secret", "--secret", "-", "--json"),
        stdin="the next one\n",
    )
    shown = programs.run("provider-apps", "show", "main")
    number = str(added.json["id"])
    revoked = programs.run("provider-apps", "secrets", "revoke", "main", number)
    taken = programs.run("provider-apps", "revoke", "main", "--all")
    listed = programs.run("provider-apps", "list", "--json")

    assert "Secrets: 3 live" in shown.out
    assert "the next one" not in shown.out
    assert revoked.out == f"The app_secret {number} of main is revoked.\n"
    assert taken.out == "The grant of main to every tenant is taken back.\n"
    assert listed.json["provider_apps"][0]["serves_all"] is False


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_beside_a_server_what_is_shut_is_shut_at_the_next_request(
    programs: Programs,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    engine: str,
) -> None:
    programs.environ["JACKFIELD_DATA"] = str(tmp_path / "data")
    if engine == "postgres":
        programs.environ["JACKFIELD_DATABASE_URL"] = request.getfixturevalue("postgres_url")
        programs.environ["JACKFIELD_MASTER_KEY"] = "ab" * 32
    url = programs.start("serve", "--port", "0").line().split()[-1]
    made = programs.run("tenants", "create", "Acme", "--api-key", "acme", "--json").json
    added = programs.run("tenants", "secrets", "add", "acme", "--json").json
    body = f'{{"external_id": "{PAGE}", "access_token": "canary"}}'.encode()

    def status(secret: str) -> int:
        path = "/beta/chatapp-accounts"
        return call(url, "GET", path, api_key="acme", secret=secret)

    pages = "/beta/chatapp-accounts/messenger"
    posted = call(url, "POST", pages, api_key="acme", secret=made["api_secret"], body=body)
    before = status(added["api_secret"])
    revoked = programs.run("tenants", "secrets", "revoke", "acme", str(added["id"]))
    after = status(added["api_secret"])
    programs.run("tenants", "disable", "acme")
    disabled = status(made["api_secret"])
    programs.run("tenants", "enable", "acme")
    enabled = status(made["api_secret"])
    shown = programs.run("accounts", "show", "messenger", PAGE)
    listed = programs.run("accounts", "list", "--tenant", "acme")

    assert (posted, before, revoked.code, after) == (201, 200, 0, 401)
    assert (disabled, enabled) == (401, 200)
    assert "claimed" in shown.out
    assert f"jackfield accounts vouch messenger {PAGE}" in shown.err
    assert PAGE in listed.out
    assert "canary" not in shown.out + listed.out
