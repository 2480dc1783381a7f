"""The command `sandbox`: what stands in for the world outside."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.options import DataOption, JsonOption, demo_directory, print_json

if TYPE_CHECKING:
    from jackfield.sandbox.demo_file import DemoFile
    from jackfield.sandbox.phone import Webhook

app = typer.Typer(
    help="Stand-ins for what is outside: a phone to write with.",
    no_args_is_help=True,
)


class Channel(StrEnum):
    """Where the phone writes."""

    MESSENGER = "messenger"
    WHATSAPP = "whatsapp"


@app.callback()
def _sandbox() -> None:
    """Keep `message` a word of its own while it is the only one."""


ToOption = Annotated[
    str | None,
    typer.Option(help="The Page's id or the number; else the demo's."),
]
FromOption = Annotated[
    str | None,
    typer.Option("--from", help="Who writes: a number, or an id at the Page."),
]
NameOption = Annotated[str, typer.Option(help="The person's name at WhatsApp.")]
UrlOption = Annotated[
    str | None,
    typer.Option(help="The gateway's webhook, such as http://HOST:PORT/webhooks/meta/NAME."),
]
AppSecretOption = Annotated[
    str | None,
    typer.Option(help="The secret of the Meta app; else the demo's."),
]
PhoneNumberIdOption = Annotated[
    str | None,
    typer.Option(help="What Meta calls the number by; else the demo's."),
]


@app.command()
def message(
    channel: Annotated[Channel, typer.Argument(help="Where the phone writes.")],
    text: Annotated[str, typer.Argument(help="What it writes.")],
    *,
    to: ToOption = None,
    sender: FromOption = None,
    name: NameOption = "Ann",
    url: UrlOption = None,
    app_secret: AppSecretOption = None,
    phone_number_id: PhoneNumberIdOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write to an account as a person's phone would.

    It posts what Meta would post, signed. What is not given is read from the demo that runs, or
    ran, in the data directory.

    \b
    jackfield sandbox message whatsapp "Hello"
    jackfield sandbox message whatsapp --to 447700900123 --from 447700900456 "Hello"
    jackfield sandbox message messenger --to 200000000000002 "Hello"
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.sandbox import phone  # noqa: PLC0415 - see options

    demo = _demo(data)
    number_id = phone_number_id or _number_id(demo, to)
    to = _given(to, _account(demo, channel), "--to")
    sender = _given(sender, _person(demo, channel), "--from")
    webhook = _webhook(channel, text, to=to, sender=sender, name=name, number_id=number_id)
    url = _given(url, demo.webhook_url, "--url")
    app_secret = _given(app_secret, demo.app_secret, "--app-secret")
    answer = phone.post(webhook, url=url, app_secret=app_secret)
    _tell(answer.status, webhook.message_id, as_json=as_json)


def _webhook(
    channel: Channel,
    text: str,
    *,
    to: str,
    sender: str,
    name: str,
    number_id: str,
) -> Webhook:
    from jackfield.clock import now  # noqa: PLC0415 - see options
    from jackfield.sandbox import phone  # noqa: PLC0415

    if channel is Channel.MESSENGER:
        return phone.messenger_text(text, sender=sender, page_id=to, now=now())
    number = phone.WhatsAppNumber(
        digits=to,
        phone_number_id=_given(number_id, "", "--phone-number-id"),
        waba_id="102000000000001",
    )
    return phone.whatsapp_text(text, sender=sender, name=name, to=number, now=now())


def _tell(status: int, message_id: str, *, as_json: bool) -> None:
    """Print what became of the message; raises Problem unless the gateway took it."""
    from jackfield.problems import Problem  # noqa: PLC0415 - see options

    if status == 401:
        raise Problem("The gateway refused the signature (401): is it this app's secret?")
    if status == 404:
        raise Problem("The gateway knows no such webhook (404): is the URL's last word its name?")
    if status != 200:
        raise Problem(f"The gateway did not take the message ({status}); Meta would try again.")
    if as_json:
        print_json({"status": status, "message_id": message_id})
    else:
        typer.echo(f"Sent; the gateway took it. Its id at Meta: {message_id}")


def _demo(data: Path | None) -> DemoFile:
    """Return the demo, or one with nothing in it where there is none."""
    from jackfield.sandbox import demo_file  # noqa: PLC0415 - see options

    demo = demo_file.load(demo_directory(data))
    return demo if demo is not None and demo.is_complete else demo_file.DemoFile()


def _account(demo: DemoFile, channel: Channel) -> str:
    return demo.page_id if channel is Channel.MESSENGER else demo.number


def _person(demo: DemoFile, channel: Channel) -> str:
    is_messenger = channel is Channel.MESSENGER
    return demo.person_at_messenger if is_messenger else demo.person_at_whatsapp


def _number_id(demo: DemoFile, to: str | None) -> str:
    """Return the demo's phone number id, which is right for the demo's number only."""
    return demo.phone_number_id if to in {None, demo.number} else ""


def _given(value: str | None, otherwise: str, option: str) -> str:
    chosen = value or otherwise
    if not chosen:
        raise typer.BadParameter(f"{option} is needed, as there is no demo to take it from")
    return chosen
