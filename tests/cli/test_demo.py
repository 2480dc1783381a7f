"""The first run: the demo as a real process, and the commands it prints, pasted."""

from __future__ import annotations

import json
import re
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.programs import Programs, Running
from jackfield.sandbox.calls import Call


def guide(demo: Running) -> str:
    """Return what the demo prints for a person, up to its last line."""
    lines = [demo.line()]
    while "Ctrl-C" not in lines[-1]:
        lines.append(demo.line())
    return "".join(lines)


def commands(printed: str) -> list[str]:
    """Return the commands in it: the lines that a numbered sentence announces."""
    return re.findall(r"^[1-4]  .*\n\n(.+)$", printed, re.MULTILINE)


def arrived(demo: Running) -> str:
    """Return the next line that is not part of the guide."""
    line = demo.line()
    while not re.match(r"\d\d:\d\d:\d\d  ", line):
        line = demo.line()
    return line


def told(demo: Running) -> dict[str, Any]:
    """Return what the demo tells a program."""
    document: dict[str, Any] = json.loads(demo.line())
    return document


@pytest.mark.slow
def test_the_printed_commands_bring_a_message_to_the_page_and_show_its_delivery(
    programs: Programs,
) -> None:
    demo = programs.start("demo")
    printed = guide(demo)

    *first, show_deliveries = commands(printed)
    listed, linked, sent = map(programs.paste, first)

    page, number = listed.json["_embedded"]
    assert (page["provider"], len(page["applications"])) == ("messenger", 1)
    assert (number["provider"], number["applications"]) == ("whatsapp", [])
    assert linked.json["applications"] == page["applications"]
    assert sent.code == 0, sent.err
    line = arrived(demo)
    assert "447700900456 → 447700900123  Hello from my phone" in line
    assert "[signature ok, signature ok]" in line
    url = re.findall(r"on this page +(\S+)", printed)[0]
    shown = json.loads(Call(method="GET", url=f"{url}/messages").send().body)["messages"]
    assert [each["text"] for each in shown] == ["Hello from my phone"]
    assert "delivered" in programs.paste(show_deliveries).out
    assert demo.stop(signal.SIGINT) == 0
    assert programs.logged == ""


@pytest.mark.slow
def test_a_message_before_the_link_arrives_once_there_is_one(programs: Programs) -> None:
    demo = programs.start("demo", "--json")
    said = told(demo)
    written = programs.paste(said["send_message"])

    programs.paste(said["link_number"])

    assert written.code == 0
    assert "Hello from my phone" in arrived(demo)


@pytest.mark.slow
def test_the_next_run_goes_on_with_what_the_first_one_made(programs: Programs) -> None:
    first = programs.start("demo", "--json")
    before = told(first)
    programs.paste(before["link_number"])
    first.stop()

    second = programs.start("demo", "--json")
    after = told(second)
    programs.paste(after["send_message"])

    assert not before["is_number_linked"]
    assert after["is_number_linked"]
    assert after["list_accounts"].split()[3] == before["list_accounts"].split()[3]
    assert "Hello from my phone" in arrived(second)


@pytest.mark.slow
def test_where_the_receivers_port_is_taken_a_new_world_is_made(programs: Programs) -> None:
    first = programs.start("demo", "--json")
    before = told(first)
    first.stop()
    port = int(before["receiver_url"].rpartition(":")[2])
    with closing(socket.create_server(("127.0.0.1", port))):
        second = programs.start("demo", "--json")
        after = told(second)

        programs.paste(after["link_number"])
        programs.paste(after["send_message"])

        assert after["receiver_url"] != before["receiver_url"]
        assert "→ 447700900124  Hello from my phone" in arrived(second)


@pytest.mark.slow
def test_a_start_that_was_cut_short_is_begun_anew(programs: Programs, tmp_path: Path) -> None:
    data = tmp_path / "demo"
    first = programs.start("demo", "--json", "--data", str(data))
    told(first)
    first.stop(signal.SIGKILL)
    file = data / "demo.json"
    half = {**json.loads(file.read_text()), "application_id": "", "api_secret": ""}
    file.write_text(json.dumps(half))

    second = programs.start("demo", "--json", "--data", str(data))
    said = told(second)

    assert f"--data {data}" in said["send_message"]
    assert len(programs.paste(said["list_accounts"]).json["_embedded"]) == 2


def test_a_demo_too_logs_a_variable_that_is_no_setting(programs: Programs) -> None:
    programs.environ["JACKFIELD_FOO"] = "1"
    demo = programs.start("demo")
    guide(demo)
    demo.stop()

    assert '"event":"setting.unknown"' in programs.logged
    assert '"variable":"JACKFIELD_FOO"' in programs.logged


def test_a_demo_leaves_another_gateways_database_alone(programs: Programs, tmp_path: Path) -> None:
    programs.run("tenants", "create", "Acme", "--data", str(tmp_path / "data"))

    ended = programs.run("demo", "--data", str(tmp_path / "data"))

    assert ended.code == 1
    assert "holds a database that no demo made" in ended.err


def test_the_phone_says_what_it_needs_where_there_is_no_demo(programs: Programs) -> None:
    ended = programs.run("sandbox", "message", "whatsapp", "Hello")

    assert ended.code == 2
    assert "--to is needed, as there is no demo to take it from" in ended.err


@pytest.mark.slow
def test_the_phone_writes_to_any_gateway_with_all_options_given(
    programs: Programs,
    tmp_path: Path,
) -> None:
    programs.environ["JACKFIELD_DATA"] = str(tmp_path / "data")
    secrets = ("--app-secret", "s3cret", "--verify-token", "t")
    programs.run("provider-apps", "add", "meta", "main", *secrets)
    url = programs.start("serve", "--port", "0").line().split()[-1]
    whatsapp = ("sandbox", "message", "whatsapp", "Hello", "--to", "447700900999", "--json")
    rest = ("--from", "447700900456", "--phone-number-id", "1")

    right = programs.run(
        *whatsapp, *rest, "--url", f"{url}/webhooks/meta/main", "--app-secret", "s3cret"
    )
    wrong = programs.run(
        *whatsapp, *rest, "--url", f"{url}/webhooks/meta/main", "--app-secret", "other"
    )
    lost = programs.run(*whatsapp, *rest, "--url", f"{url}/webhooks/meta/x", "--app-secret", "s")

    assert right.json["status"] == 200
    assert (wrong.code, lost.code) == (1, 1)
    assert "refused the signature (401)" in wrong.err
    assert "knows no such webhook (404)" in lost.err
