"""Deliveries, URLs and what became no message, from the command line as real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cli.programs import Ended, Programs
from databases import change
from gateway import MASTER_KEY, Doors, opened
from receiver import Receiver
from world import World, said

INBOUND = "https://desk.example/in"


@asynccontextmanager
async def prepared(programs: Programs, database_url: str) -> AsyncIterator[tuple[Doors, World]]:
    """Open the database that the commands will use, before they do."""
    programs.environ["JACKFIELD_DATABASE_URL"] = database_url
    programs.environ["JACKFIELD_MASTER_KEY"] = MASTER_KEY
    async with opened(database_url) as doors:
        world = await World(doors.gateway.store, doors.gateway.keys).open()
        await world.tenant()
        yield doors, world


async def dead_messages(
    programs: Programs, database_url: str, *, url: str = INBOUND, number: int = 3
) -> None:
    """Leave so many dead deliveries behind, and two that are held."""
    async with prepared(programs, database_url) as (_, world):
        page = await world.page("1001", application=await world.application(url))
        unlinked = await world.page("1002")
        await world.hear(*[said(f"text {n}", to=page) for n in range(number)])
        await world.hear(said("held", to=unlinked), said("held", to=unlinked))
    await change(database_url, "DELETE FROM pending")
    await change(database_url, "UPDATE deliveries SET state = 'dead' WHERE state = 'pending'")


async def test_deliveries_are_listed_shown_and_replayed(
    programs: Programs, database_url: str
) -> None:
    await dead_messages(programs, database_url)

    def run(*arguments: str) -> Ended:
        return programs.run("deliveries", *arguments)

    page = run("list", "--state", "dead", "--limit", "2")
    command = page.err.strip().removeprefix("There are more: jackfield ")
    rest = programs.run(*command.split())
    listed = run("list", "--tenant", "acme0001", "--json")
    delivery_id = listed.json["deliveries"][-1]["id"]
    shown = run("show", delivery_id)
    counted = run("replay", "--tenant", "acme0001", "--dry-run")
    one = run("replay", delivery_id)
    again = run("replay", delivery_id)
    unsure = run("replay", "--state", "dead")
    many = run("replay", "--state", "dead", "--yes", "--json")
    after = run("show", delivery_id, "--json")

    assert page.out.startswith("ID ")
    assert (len(page.out.splitlines()), len(rest.out.splitlines())) == (3, 2)
    assert len(listed.json["deliveries"]) == 5
    assert "text" not in page.out + listed.out + shown.out
    assert f"jackfield deliveries replay {delivery_id}" in shown.err
    assert counted.out.splitlines() == [
        "Would go to where they were bound: 3",
        "Would go to whoever hears their account now: 0",
    ]
    assert one.out == f"The delivery {delivery_id} is on its way again.\n"
    assert (again.code, again.out) == (1, "")
    assert "still on its way" in again.err
    assert (unsure.code, "--yes" in unsure.err) == (2, True)
    assert many.json == {"dry_run": False, "matched": 2, "replayed": 2, "held": 0, "next": None}
    assert after.json["waits_for"] in {"behind", "due"}


async def test_a_replay_beside_a_server_reaches_the_application(
    programs: Programs, database_url: str
) -> None:
    async with Receiver() as receiver, Receiver() as trial:
        await dead_messages(programs, database_url, url=receiver.url)
        programs.environ["JACKFIELD_EGRESS_ALLOW"] = "127.0.0.0/8"
        server = await asyncio.to_thread(programs.start, "serve", "--port", "0")
        await asyncio.to_thread(server.line)

        copies = await asyncio.to_thread(
            programs.run,
            *("deliveries", "replay", "--state", "dead", "--to", trial.url, "--yes", "--json"),
        )
        await trial.until(3)
        sent = await asyncio.to_thread(
            programs.run, "deliveries", "replay", "--tenant", "acme0001", "--yes"
        )
        await receiver.until(3)

    assert copies.json["replayed"] == 3
    assert "On their way to where they were bound: 3" in sent.out
    assert receiver.texts == trial.texts == ["text 0", "text 1", "text 2"]
    ids = {one.webhook_id for one in receiver.received}
    assert ids.isdisjoint({one.webhook_id for one in trial.received})


@pytest.mark.parametrize(
    ("arguments", "said_"),
    [
        (("deliveries", "replay"), "say which ones are meant"),
        (("deliveries", "replay", "x", "--dry-run"), "needs no counting"),
        (("deliveries", "list", "--account", "1"), "--provider"),
        (("deliveries", "rebind", "--provider", "rcs"), "--provider and --account together"),
        (("deliveries", "rebind"), "say what is meant"),
        (("deliveries", "rebind", "--application", "x", "--dry-run", "--yes"), "--dry-run"),
        (("deliveries", "replay", "--state", "dead", "--dry-run", "--yes"), "--dry-run"),
        (("deliveries", "replay", "x", "--tenant", "acme0001"), "not both"),
        (("unknown", "assign", "rcs", "x", "--dry-run", "--yes"), "does not go with --dry-run"),
        (("unread", "list", "--kind", "x"), "unread or differs"),
        (("unread", "discard", "--kind", "x"), "unread or differs"),
        (("unread", "discard", "7", "--kind", "unread"), "not both"),
        (("unread", "discard", "--dry-run", "--yes"), "does not go with --dry-run"),
        (("unknown", "discard", "rcs", "x", "--dry-run", "--yes"), "does not go with --dry-run"),
    ],
)
def test_an_order_that_is_not_clear_is_refused_before_anything_is_done(
    programs: Programs, arguments: tuple[str, ...], said_: str
) -> None:
    ended = programs.run(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert said_ in " ".join(ended.err.split())


async def test_what_waits_for_an_old_application_is_moved(
    programs: Programs, database_url: str
) -> None:
    async with prepared(programs, database_url) as (doors, world):
        page = await world.page("1001", application=await world.application(INBOUND))
        await world.hear(said("one", to=page), said("two", to=page))
        heir = await world.application("https://heir.example/in")
        await doors.secret("acme0001", "a secret of some length")
        caller = doors.caller("acme0001", "a secret of some length")
        path = "/beta/chatapp-accounts/messenger/1001"
        await caller.ask("PATCH", path, body={"applications": [heir.id]})
    named = ("deliveries", "rebind", "--provider", "messenger", "--account", "1001")

    counted = programs.run(*named, "--dry-run")
    moved = programs.run(*named, "--yes", "--json")

    assert counted.out == "Deliveries that would move: 2\n"
    assert moved.json == {"dry_run": False, "moved": 2, "next": None}


async def test_urls_are_paused_listed_and_resumed_and_applications_tested(
    programs: Programs, database_url: str
) -> None:
    async with prepared(programs, database_url) as (_, world):
        application = await world.application(INBOUND)

    paused = programs.run("destinations", "pause", "acme0001", INBOUND)
    listed = programs.run("destinations", "list")
    tested = programs.run("applications", "test", application.id, "--json")
    shown = programs.run("deliveries", "show", tested.json["id"])
    resumed = programs.run("destinations", "resume", "acme0001", INBOUND, "--json")
    unused = programs.run("destinations", "pause", "acme0001", "https://x.example/")

    assert paused.out == f"The URL {INBOUND} of acme0001 is paused.\n"
    assert "requested" in listed.out
    assert f"jackfield destinations resume acme0001 {INBOUND}" in listed.err
    assert tested.json["waits_for"] == "paused"
    assert "jackfield destinations list" in shown.err
    assert (resumed.json["state"], resumed.json["paused_at"]) == ("up", None)
    assert (unused.code, "hears nothing at" in unused.err) == (1, True)


async def test_what_became_no_message_is_listed_and_brought_back(
    programs: Programs, database_url: str
) -> None:
    async with prepared(programs, database_url) as (doors, _):
        await doors.provider_app()
        item = {"sender": {"id": "7"}, "timestamp": 1767323045678}
        body = {"object": "page", "entry": [{"id": "2001", "messaging": [
            item | {"message": {"mid": "m_1", "text": "hello"}}, item]}]}  # fmt: skip
        assert (await doors.webhook(body)).status == 200

    unread = programs.run("unread", "list", "--json")
    piece = str(unread.json["pieces"][0]["id"])
    shown = programs.run("unread", "show", piece)
    again = programs.run("unread", "reparse", "--json")
    nobody = programs.run("unknown", "assign", "messenger", "2001", "--yes")
    async with opened(database_url) as doors:
        await World(doors.gateway.store).page("2001")
    listed = programs.run("unknown", "list")
    counted = programs.run("unknown", "assign", "messenger", "2001", "--dry-run")
    unsure = programs.run("unknown", "assign", "messenger", "2001")
    assigned = programs.run("unknown", "assign", "messenger", "2001", "--yes", "--json")
    nothing_left = [
        programs.run("unknown", "assign", "messenger", "2001", *yes) for yes in ([], ["--yes"])
    ]
    empty = programs.run("unknown", "list")

    assert [each["reason"] for each in unread.json["pieces"]] == ["nothing in it that we know"]
    assert '"messaging"' in shown.out
    assert (again.json["pieces"], again.json["still_unread"]) == (1, 1)
    assert (nobody.code, "registers it first" in nobody.err) == (1, True)
    assert "2001" in listed.out
    assert counted.out == "Messages that would go to messenger 2001 of acme0001: 1\n"
    assert (unsure.code, "add --yes" in unsure.err) == (2, True)
    assert (assigned.json["held"], assigned.json["left"]) == (1, 0)
    said_so = "There is nothing to assign to messenger 2001 of acme0001.\n"
    assert [(each.code, each.out) for each in nothing_left] == [(0, said_so)] * 2
    assert (empty.out, empty.err) == ("", "Nobody wrote to an account that is not here.\n")
