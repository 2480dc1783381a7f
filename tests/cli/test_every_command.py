"""A day of an operator's: every command once, each of which gives one JSON document."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli.programs import Programs
from cli.test_operating import helps
from jackfield import cli

LONG_RUNNING = {"serve", "demo"}
TESTED_ELSEWHERE = {"sandbox message", "unread show", "unread reparse", "unknown assign"}
"""The last three need a message that could not be read or had no account; see test_afterwards."""

NAMES = {words.removeprefix("jackfield ") for words, _ in helps(cli.commands(), "jackfield")}
PAGE = ("messenger", "2001")


@dataclass
class Day:
    """Runs commands, and remembers which they were and what they said."""

    programs: Programs
    used: set[str] = field(default_factory=set)
    documents: list[object] = field(default_factory=list)

    def __call__(self, words: str, *arguments: str) -> dict[str, Any]:
        ended = self.programs.run(*words.split(), *arguments, "--json")
        assert (ended.code, ended.err) == (0, ""), (words, ended.err)
        self.used.add(words)
        self.documents.append(json.loads(ended.out))
        assert isinstance(self.documents[-1], dict)
        return self.documents[-1]


def with_tenants(day: Day) -> None:
    day("tenants create", "Acme", "--api-key", "acme")
    day("tenants set", "acme", "--name", "Acme Ltd")
    day("tenants disable", "acme")
    day("tenants enable", "acme")
    added = day("tenants secrets add", "acme")
    day("tenants secrets revoke", "acme", str(added["id"]))
    day("tenants signature rotate", "acme")
    day("tenants list")
    day("tenants show", "acme")


def with_provider_apps(day: Day) -> None:
    day("provider-apps add", "google", "agents")
    secret = ("client_token", "--secret", "canary-client")
    added = day("provider-apps secrets add", "agents", *secret)
    day("provider-apps secrets revoke", "agents", str(added["id"]), "--force")
    day("provider-apps grant", "agents", "acme")
    day("provider-apps revoke", "agents", "acme", "--kind", "google")
    day("provider-apps list")
    day("provider-apps show", "agents")


def with_accounts(day: Day, desk: str) -> None:
    day("accounts create", *PAGE, "--tenant", "acme", "--access-token", "canary-page")
    day("accounts vouch", *PAGE)
    day("accounts link", *PAGE, desk)
    day("accounts list", "--provider", "messenger")
    day("accounts show", *PAGE)
    day("accounts unlink", *PAGE)
    day("accounts delete", *PAGE, "--yes")


def with_deliveries(day: Day, desk: str) -> None:
    tested = day("applications test", desk)
    day("deliveries list", "--tenant", "acme")
    day("deliveries show", str(tested["id"]))
    day("deliveries replay", "--tenant", "acme", "--state", "dead", "--yes")
    day("deliveries rebind", "--application", desk, "--yes")
    day("destinations pause", "acme", "https://desk.example/in")
    day("destinations resume", "acme", "https://desk.example/in")
    day("destinations list")
    day("unread list")
    day("unread discard", "--yes")
    day("unknown list")
    day("unknown discard", *PAGE, "--yes")


@pytest.mark.slow
def test_every_command_gives_one_document_for_programs(programs: Programs, tmp_path: Path) -> None:
    programs.environ["JACKFIELD_DATA"] = str(tmp_path / "data")
    programs.start("serve", "--port", "0").line()
    day = Day(programs)

    day("settings")
    with_tenants(day)
    with_provider_apps(day)
    url = ("--inbound-url", "https://desk.example/in")
    desk = day("applications create", "--tenant", "acme", "--name", "Desk", *url)
    key = tmp_path / "private.key"
    key.write_text(desk["private_key"])
    day("token", desk["id"], "--key", str(key))
    day("applications list", "--tenant", "acme")
    day("applications show", desk["id"])
    with_accounts(day, desk["id"])
    with_deliveries(day, desk["id"])
    day("applications delete", desk["id"], "--yes")
    day("people erase", *PAGE, "700000000000007", "--yes")
    day("audit")
    day("backup", str(tmp_path / "copy.sqlite3"))
    day("keys show")
    day("keys rotate")

    assert NAMES - day.used == LONG_RUNNING | TESTED_ELSEWHERE
    assert "canary" not in json.dumps(day.documents)
