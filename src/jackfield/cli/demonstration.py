"""The demo: a gateway and a receiver in one process, and what to type next."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from jackfield.cli import front, serving, stage
from jackfield.cli.front import HttpServer
from jackfield.cli.options import demo_directory
from jackfield.cli.ports import bind, listen
from jackfield.cli.serving import Ready
from jackfield.http_side import http_side
from jackfield.problems import Unavailable
from jackfield.sandbox import demo_file
from jackfield.sandbox.demo_file import DemoFile
from jackfield.sandbox.receiver import Received, Receiver
from jackfield.settings import LogLevel, Settings

_LOOPBACK = "127.0.0.1"
_PORT = 8080
_RECEIVER_PORT = 8081


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the demo tells: where it is, and four commands to copy, in their order."""

    url: str
    receiver_url: str
    data: str
    list_accounts: str
    link_number: str
    send_message: str
    list_deliveries: str
    is_number_linked: bool


def settings_for(data: Path | None) -> Settings:
    """Return the demo's own settings; the environment only says where data is kept.

    A demo never touches another database, so that nobody's gateway gets a demo tenant.
    """
    return Settings.from_environment(
        {},
        data=demo_directory(data),
        ownership="trust",
        egress_allow="127.0.0.0/8",
        log_level=LogLevel.WARNING,
    )


async def demo(settings: Settings, ready: Ready[Shown], told: asyncio.Event) -> None:
    """Run the demo until it is told to stop; `ready` gets what to show once all is there.

    Raises what `serving.serve` raises, and Unavailable where the data directory holds a
    database that no demo made.
    """
    _refuse_foreign(settings)
    with serving.held(settings) as directory:
        earlier = demo_file.load(settings.data)
        receiver = Receiver(arrived=_print_arrival)
        ports = _bind(_PORT), _bind(_port_of(earlier), _RECEIVER_PORT)
        async with (
            serving.gateway_of(settings) as gateway,
            front.open_to_operators(gateway, directory),
        ):
            server = HttpServer(http_side(gateway), ports[0])
            page = HttpServer(receiver.app(), ports[1])

            async def prepare() -> None:
                await server.is_ready.wait()
                await page.is_ready.wait()
                made = await stage.prepare(gateway, earlier, url=server.url, receiver_url=page.url)
                receiver.expect(made.signature_secret, made.webhook_secret)
                gateway.start()
                is_linked = await stage.is_number_linked(made)
                ready(_shown(made, settings.data, is_number_linked=is_linked))

            await front.until(told, [server, page], meanwhile=prepare())


def print_guide(shown: Shown) -> None:
    """Print for a person what to do next."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"\n  Messages arrive on this page   [bold cyan]{shown.receiver_url}[/]")
    console.print(f"  The gateway answers at         [cyan]{shown.url}[/]")
    console.print("\nOpen the page, then paste these into a second terminal, one by one.\n")
    linked = " (it is, since an earlier run)" if shown.is_number_linked else ""
    steps = {
        "List the accounts: a Messenger Page and a WhatsApp number.": shown.list_accounts,
        f"Link the number to the demo application{linked}.": shown.link_number,
        "Write to the number, as a person's phone would.": shown.send_message,
        "Ask the gateway what became of it.": shown.list_deliveries,
    }
    for number, (what, command) in enumerate(steps.items(), start=1):
        console.print(f"[bold]{number}[/]  {what}\n")
        console.print(f"{command}\n", markup=False)
    console.print(
        "The Page is linked already: with [bold]messenger[/] for [bold]whatsapp[/] "
        "the third command writes to it.\n"
        "Every command of [bold]jackfield[/] looks into the demo with the [bold]--data[/] of the "
        "fourth.\n"
        "Ctrl-C stops the demo; the next run goes on from here.\n",
    )


def _shown(made: DemoFile, directory: Path, *, is_number_linked: bool) -> Shown:
    accounts = f"{made.url}/beta/chatapp-accounts"
    user = f"{made.api_key}:{made.api_secret}"
    message = [*_ourselves(), "sandbox", "message", "whatsapp"]
    if directory != demo_directory(None):
        message += ["--data", str(directory)]
    return Shown(
        url=made.url,
        receiver_url=made.receiver_url,
        data=str(directory),
        list_accounts=f"curl -s -u {user} {accounts}",
        link_number=(
            f"curl -s -u {user} -H 'Content-Type: application/json' "
            f"""-d '{{"application":"{made.application_id}"}}' """
            f"{accounts}/whatsapp/{made.number}/applications"
        ),
        send_message=shlex.join([*message, "Hello from my phone"]),
        list_deliveries=shlex.join(
            [*_ourselves(), "deliveries", "list", "--data", str(directory)]
        ),
        is_number_linked=is_number_linked,
    )


def _ourselves() -> list[str]:
    """Return how to call this program again, as short as it works from this directory."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return [sys.executable, "-m", "jackfield"]
    if shutil.which(called.name) == str(called):
        return [called.name]
    whole = called.absolute()
    here = Path.cwd()
    return [str(whole.relative_to(here) if whole.is_relative_to(here) else whole)]


def _print_arrival(received: Received) -> None:
    at = datetime.fromtimestamp(received.at / 1_000).astimezone()
    text = received.text or f"({received.kind})"
    proofs = f"signature {received.vonage}, signature {received.standard}"
    line = (
        f"{at:%H:%M:%S}  {received.channel}  {received.sender} → {received.account}  "
        f"{text[:200]}  [{proofs}]"
    )
    # What people write may hold what a terminal obeys.
    sys.stdout.write("".join(each if each.isprintable() else "?" for each in line) + "\n")
    sys.stdout.flush()


def _refuse_foreign(settings: Settings) -> None:
    file = settings.sqlite_file
    if file is not None and file.exists() and not settings.data.joinpath(demo_file.NAME).exists():
        raise Unavailable(
            f"{settings.data} holds a database that no demo made; choose another place "
            "with --data.",
        )


def _port_of(earlier: DemoFile | None) -> int:
    """Return the port the receiver had: the demo application's messages go there."""
    if earlier is None or not earlier.receiver_url:
        return _RECEIVER_PORT
    return urlsplit(earlier.receiver_url).port or _RECEIVER_PORT


def _bind(*ports: int) -> socket.socket:
    """Return a socket that listens on the first port that is free, else on any."""
    for port in (*ports, 0):
        with suppress(Unavailable):
            bound = bind(_LOOPBACK, port)
            listen(bound)
            return bound
    raise Unavailable(f"No port of {_LOOPBACK} is free.")
