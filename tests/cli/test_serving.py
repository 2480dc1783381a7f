"""`jackfield serve` as a real process."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import time
import urllib.request
from pathlib import Path

import pytest

from cli.programs import JACKFIELD, Programs
from jackfield.api.raw_path import refuse_path
from jackfield.cli.front import HttpServer
from jackfield.cli.ports import bind
from jackfield.problems import Unavailable
from jackfield.sandbox.calls import Call


def serve(data: Path, *more: str) -> list[str]:
    return ["serve", "--port", "0", "--data", str(data), *more]


def until_logged(programs: Programs, event: str) -> None:
    """Wait until a program has logged it; fail when none does."""
    give_up = time.monotonic() + 60
    while event not in programs.logged:
        assert time.monotonic() < give_up, programs.logged
        time.sleep(0.001)


def test_it_prints_one_line_with_the_url_at_which_it_answers(
    programs: Programs,
    tmp_path: Path,
) -> None:
    server = programs.start(*serve(tmp_path / "data"))

    said = server.line()
    url = said.split()[-1]
    answer = Call(method="GET", url=f"{url}/healthz").send()
    code = server.stop()

    assert said == f"Jackfield is ready at {url}\n"
    assert url.startswith("http://127.0.0.1:")
    assert answer.status == 200
    assert (code, server.line()) == (0, "")


def test_with_json_the_line_is_a_document(programs: Programs, tmp_path: Path) -> None:
    server = programs.start(*serve(tmp_path / "data", "--json"))

    assert json.loads(server.line())["url"].startswith("http://127.0.0.1:")


def test_an_ipv6_address_is_written_as_a_url_has_it(programs: Programs, tmp_path: Path) -> None:
    server = programs.start(*serve(tmp_path / "data", "--host", "::1"))

    url = server.line().split()[-1]

    assert url.startswith("http://[::1]:")
    assert Call(method="GET", url=f"{url}/healthz").send().status == 200


def test_it_does_not_say_what_it_is_made_of(programs: Programs, tmp_path: Path) -> None:
    url = programs.start(*serve(tmp_path / "data")).line().split()[-1]

    with urllib.request.urlopen(f"{url}/healthz") as answer:  # noqa: S310 - our own
        headers = {name.lower() for name in answer.headers}

    assert "server" not in headers


def test_told_to_stop_while_it_is_being_loaded_it_ends_in_order(
    programs: Programs, tmp_path: Path
) -> None:
    server = programs.start(*serve(tmp_path / "data"), program=[JACKFIELD])
    until_logged(programs, "gateway.started")
    code = server.stop()

    assert code == 0
    assert "gateway.stopped" in programs.logged


def test_told_twice_it_waits_for_nothing(programs: Programs, tmp_path: Path) -> None:
    server = programs.start(*serve(tmp_path / "data"))
    port = int(server.line().rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /webhooks/meta/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        answered = Call(method="GET", url=f"http://127.0.0.1:{port}/healthz").send()
        server.process.send_signal(signal.SIGTERM)
        until_logged(programs, "gateway.draining")

        code = server.stop()

    assert answered.status == 200
    assert code == 128 + signal.SIGTERM
    assert "gateway.cut_short" in programs.logged


def test_a_second_server_on_the_same_data_is_refused(programs: Programs, tmp_path: Path) -> None:
    programs.start(*serve(tmp_path / "data")).line()

    second = programs.run(*serve(tmp_path / "data"))

    assert (second.code, second.out) == (1, "")
    assert "is in use by another Jackfield (process " in second.err
    assert second.err.count("\n") == 1


def test_what_a_killed_server_held_is_free(programs: Programs, tmp_path: Path) -> None:
    first = programs.start(*serve(tmp_path / "data"))
    first.line()
    first.stop(signal.SIGKILL)

    programs.start(*serve(tmp_path / "data")).line()
    made = programs.run("tenants", "create", "Acme", "--data", str(tmp_path / "data"))

    assert made.code == 0


def test_a_port_in_use_is_said_in_words(programs: Programs, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ended = programs.run("serve", "--port", port, "--data", str(tmp_path))

    assert ended.code == 1
    assert ended.err == (
        f"jackfield: Port {port} on 127.0.0.1 is in use by another program; "
        "choose another with --port, 0 for a free one.\n"
    )


async def test_of_two_that_bind_a_port_at_once_the_second_to_listen_is_refused() -> None:
    ours = bind("127.0.0.1", 0)
    port = ours.getsockname()[1]
    with bind("127.0.0.1", port) as others:
        others.listen()

        with pytest.raises(Unavailable, match=f"Port {port} on 127.0.0.1 is in use by another"):
            await HttpServer(refuse_path, ours).run_until_told()


def test_an_address_of_another_machine_is_said_in_words(
    programs: Programs,
    tmp_path: Path,
) -> None:
    ended = programs.run(*serve(tmp_path, "--host", "192.0.2.1"))

    assert ended.code == 1
    assert "the address is not one of this machine's" in ended.err


def test_a_crash_point_that_is_not_there_stops_the_start(
    programs: Programs,
    tmp_path: Path,
) -> None:
    programs.environ["JACKFIELD_CRASH_AT"] = "nowhere"

    ended = programs.run(*serve(tmp_path))

    assert ended.code == 1
    assert ended.err.startswith("jackfield: JACKFIELD_CRASH_AT: 'nowhere' is not NAME")


def test_a_crash_point_kills_it_there(programs: Programs, tmp_path: Path) -> None:
    programs.environ["JACKFIELD_CRASH_AT"] = "draining"
    server = programs.start(*serve(tmp_path / "data"))
    server.line()

    assert server.stop() == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_under_way_is_answered_although_it_was_told_to_stop(
    programs: Programs,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    server = programs.start(*serve(tmp_path / "data"))
    host, _, port = server.line().rstrip().rpartition("/")[2].rpartition(":")
    head = b"POST /webhooks/meta/none HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{"

    with socket.create_connection((host, int(port)), timeout=60) as client:
        client.sendall(head)
        # One whole request more on another connection: the first one's head was read by now.
        Call(method="GET", url=f"http://{host}:{port}/healthz").send()
        server.process.send_signal(number)
        client.sendall(b"}")
        answer = client.recv(1024)

    assert answer.startswith(b"HTTP/1.1 4")
    assert server.process.wait(60) == 0


def test_logs_are_json_on_standard_error_with_no_library_chatter(
    programs: Programs,
    tmp_path: Path,
) -> None:
    server = programs.start(*serve(tmp_path / "data"))
    server.line()
    server.stop()

    events = [json.loads(line)["event"] for line in programs.logged.splitlines()]

    assert events == ["gateway.started", "gateway.draining", "gateway.stopped"]


def test_a_variable_that_is_no_setting_is_logged_with_the_nearest_that_is(
    programs: Programs, tmp_path: Path
) -> None:
    programs.environ["JACKFIELD_MESSAGE_RETENTON"] = "1h"
    server = programs.start(*serve(tmp_path / "data"))
    server.line()
    server.stop()

    first = json.loads(programs.logged.splitlines()[0])

    assert (first["event"], first["level"]) == ("setting.unknown", "warning")
    assert first["variable"] == "JACKFIELD_MESSAGE_RETENTON"
    assert first["nearest"] == "JACKFIELD_MESSAGE_RETENTION"


def test_the_level_and_the_form_of_logs_can_be_chosen(programs: Programs, tmp_path: Path) -> None:
    programs.environ["JACKFIELD_LOG_LEVEL"] = "warning"
    server = programs.start(*serve(tmp_path / "data"))
    server.line()
    server.stop()
    quiet = programs.logged
    programs.environ |= {"JACKFIELD_LOG_LEVEL": "info", "JACKFIELD_LOG_FORMAT": "console"}
    server = programs.start(*serve(tmp_path / "data"))
    server.line()
    server.stop()

    assert quiet == ""
    assert "gateway.started" in programs.logged
    assert not programs.logged.startswith("{")


async def test_commands_at_once_without_a_server_take_turns(
    programs: Programs,
    tmp_path: Path,
) -> None:
    command = ["tenants", "create", "Acme", "--json", "--data", str(tmp_path / "data")]

    ended = await asyncio.gather(
        *(asyncio.to_thread(programs.run, *command) for _ in range(4)),
    )

    assert [each.code for each in ended] == [0] * 4
    assert len({each.json["api_key"] for each in ended}) == 4
