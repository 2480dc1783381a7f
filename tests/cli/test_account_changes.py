"""Accounts linked, unlinked and deleted by real processes, alone and beside a server."""

from __future__ import annotations

import base64
import json
import os
import pty
from pathlib import Path

import pytest

from cli.programs import Ended, Programs
from gateway import public_key
from jackfield.sandbox.calls import Call

PAGE = "200000000000002"
NOBODY = "78d335fa-323d-4114-9c3d-d6f0d48968cf"


@pytest.fixture(params=["sqlite", "postgres"])
def somewhere(programs: Programs, tmp_path: Path, request: pytest.FixtureRequest) -> Programs:
    """Programs with a database of each kind."""
    programs.environ["JACKFIELD_DATA"] = str(tmp_path / "data")
    if request.param == "postgres":
        programs.environ["JACKFIELD_DATABASE_URL"] = request.getfixturevalue("postgres_url")
        programs.environ["JACKFIELD_MASTER_KEY"] = "ab" * 32
    return programs


def answered_at_a_terminal(programs: Programs, *arguments: str, answer: str) -> Ended:
    """Run a command as a person at a terminal who gives `answer`."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "wb", buffering=0) as keyboard, os.fdopen(its, "rb") as terminal:
        keyboard.write(f"{answer}\n".encode())
        return programs.run(*arguments, stdin=terminal)


def made(programs: Programs) -> str:
    """Make a tenant with a Page and an application, and return the application's id."""
    programs.run("tenants", "create", "Acme", "--api-key", "acme")
    programs.run(
        *("accounts", "create", "messenger", PAGE, "--tenant", "acme", "--access-token", "-"),
        stdin="canary\n",
    )
    desk = programs.run(
        *("applications", "create", "--tenant", "acme", "--name", "Desk", "--json"),
        *("--inbound-url", "https://desk.example/in"),
    )
    return str(desk.json["id"])


@pytest.mark.parametrize("has_server", [False, True])
def test_an_account_is_made_linked_unlinked_and_deleted(
    somewhere: Programs, *, has_server: bool
) -> None:
    if has_server:
        somewhere.start("serve", "--port", "0").line()
    desk = made(somewhere)

    linked = somewhere.run("accounts", "link", "messenger", PAGE, desk, "--json")
    again = somewhere.run("accounts", "link", "messenger", PAGE, desk)
    unlinked = somewhere.run("accounts", "unlink", "messenger", PAGE, "--json")
    kept = somewhere.run("accounts", "delete", "messenger", PAGE)
    deleted = somewhere.run("accounts", "delete", "messenger", PAGE, "--yes", "--json")
    gone = somewhere.run("accounts", "delete", "messenger", PAGE, "--yes")

    named = {"provider": "messenger", "external_id": PAGE, "api_key": "acme"}
    assert linked.json == {**named, "application_id": desk, "standing": "claimed", "held": 0}
    assert again.code == 1
    assert again.err.endswith(f"{desk}; first: jackfield accounts unlink messenger {PAGE}.\n")
    assert unlinked.json == {**named, "application_id": desk}
    assert (kept.code, kept.out) == (2, "")
    assert "add --yes" in kept.err
    assert deleted.json == {**named, "application_id": None, "held": 0, "pending": 0}
    assert gone.code == 1
    assert "`jackfield accounts list --provider messenger` shows" in gone.err


def test_an_account_that_a_command_made_is_what_the_tenant_sees(
    programs: Programs, tmp_path: Path
) -> None:
    programs.environ["JACKFIELD_DATA"] = str(tmp_path / "data")
    url = programs.start("serve", "--port", "0").line().split()[-1]
    tenant = programs.run("tenants", "create", "Acme", "--api-key", "acme", "--json").json
    file = tmp_path / "number.json"
    file.write_text('{"phone_number_id": "106000000000001", "waba_id": "102000000000001"}')

    account = programs.run(
        *("accounts", "create", "whatsapp", "447700900123", "--tenant", "acme", "--json"),
        *("--name", "Desk", "--access-token", "-", "--credentials", str(file)),
        stdin="canary\n",
    )

    user = base64.b64encode(f"acme:{tenant['api_secret']}".encode()).decode()
    seen = Call(
        method="GET",
        url=f"{url}/beta/chatapp-accounts/whatsapp/447700900123",
        headers={"Authorization": f"Basic {user}"},
        body=None,
    ).send()
    assert (account.code, account.err) == (0, "")
    assert account.json["standing"] == "claimed"
    assert seen.status == 200
    assert json.loads(seen.body)["name"] == "Desk"
    assert "canary" not in account.out + programs.logged


def test_a_token_and_credentials_are_both_read_from_standard_input(programs: Programs) -> None:
    programs.run("tenants", "create", "Acme", "--api-key", "acme")
    number = ("accounts", "create", "whatsapp", "447700900123", "--tenant", "acme")

    wrong = programs.run(*number, "--credentials", "-", stdin="canary")
    missing = programs.run(*number, "--credentials", "nowhere.json")
    account = programs.run(
        *(*number, "--access-token", "-", "--credentials", "-"),
        stdin='canary\n{"phone_number_id": "106000000000001",\n"waba_id": "102000000000001"}\n',
    )

    assert wrong.code == 2
    assert "standard input holds no JSON object" in wrong.err
    assert "canary" not in wrong.err
    assert missing.err == "jackfield: nowhere.json: No such file or directory.\n"
    assert account.code == 0, account.err
    assert account.out == "The account whatsapp 447700900123 of acme is made.\n"
    assert "jackfield accounts vouch whatsapp 447700900123" in account.err
    assert "jackfield accounts link whatsapp 447700900123 APPLICATION_ID" in account.err


def test_a_person_at_a_terminal_is_asked_before_something_is_deleted(programs: Programs) -> None:
    desk = made(programs)
    linked = programs.run("accounts", "link", "messenger", PAGE, desk)
    account = ("accounts", "delete", "messenger", PAGE)
    application = ("applications", "delete", desk)

    no = answered_at_a_terminal(programs, *application, answer="n")
    shown = programs.run("applications", "show", desk)
    yes = answered_at_a_terminal(programs, *application, answer="y")
    deleted = answered_at_a_terminal(programs, *account, answer="y")

    assert f"jackfield accounts vouch messenger {PAGE}" in linked.err
    assert "hears 1 accounts" in no.err
    assert (no.code, no.out.strip(), shown.code) == (1, "", 0)
    assert yes.out.endswith("Accounts that lost their link: 1\n")
    assert "0 messages held and 0 pending" in deleted.err
    assert deleted.out.endswith("Messages that are dead now: 0 held, 0 pending\n")


def test_an_application_is_made_with_a_key_of_ones_own_or_with_a_new_one(
    programs: Programs, tmp_path: Path
) -> None:
    programs.run("tenants", "create", "Acme", "--api-key", "acme")
    create = ("applications", "create", "--tenant", "acme", "--name", "Desk")
    urls = ("--inbound-url", "https://desk.example/in")
    public = tmp_path / "public.pem"
    public.write_text(public_key())

    made_here = programs.run(*create, *urls)
    brought = programs.run(*create, *urls, "--key", str(public), "--json")
    private = programs.run(*create, *urls, "--key", "-", stdin=made_here.out)
    not_a_url = programs.run(*create, "--inbound-url", "desk.example")

    assert "-----BEGIN PRIVATE KEY-----" in made_here.out
    assert "it is not shown again" in made_here.err
    assert brought.json["private_key"] is None
    assert private.code == 2
    assert "openssl rsa -in FILE -pubout" in private.err
    assert "inbound_url cannot be used" in not_a_url.err


def test_an_application_is_deleted_without_being_asked_only_by_saying_so(
    somewhere: Programs,
) -> None:
    desk = made(somewhere)

    kept = somewhere.run("applications", "delete", desk)
    deleted = somewhere.run("applications", "delete", desk, "--yes", "--json")
    gone = somewhere.run("applications", "delete", NOBODY, "--yes")

    assert kept.code == 2
    assert deleted.json == {"id": desk, "api_key": "acme", "name": "Desk", "accounts": 0}
    assert gone.code == 1
    assert "`jackfield applications list` shows" in gone.err
