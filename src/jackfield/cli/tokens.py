"""The `token` command: what an application calls with, made from its private key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jackfield.cli.options import JsonOption, hint, print_json

if TYPE_CHECKING:
    from datetime import timedelta


def token(
    application_id: Annotated[str, typer.Argument(help="The application that calls.")],
    *,
    key: Annotated[
        str,
        typer.Option(metavar="FILE", help="Its private key in PEM. `-` reads standard input."),
    ],
    ttl: Annotated[str, typer.Option(help="How long it is good for: 30s to 24h.")] = "15m",
    acl: Annotated[
        str | None,
        typer.Option(metavar="FILE|JSON", help="What it may do; else everything."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token for `Authorization: Bearer`. It is made here; no server is asked.

    \b
    jackfield token 78d335fa-323d-4114-9c3d-d6f0d48968cf --key private.key
    jackfield token 78d335fa-323d-4114-9c3d-d6f0d48968cf --key - --ttl 1h \\
        --acl '{"paths": {"/*/chatapp-accounts/**": {"methods": ["GET"]}}}'
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield import clock  # noqa: PLC0415 - see options
    from jackfield.auth.making import make_token  # noqa: PLC0415 - see options

    lasting = _duration(ttl)
    now = clock.now()
    made = make_token(
        application_id,
        private_key=sys.stdin.buffer.read() if key == "-" else Path(key).read_bytes(),
        now=now,
        lasting=lasting,
        acl=None if acl is None else _acl(acl),
    )
    ends = clock.iso(clock.after(clock.Moment(now - now % clock.SECOND), lasting))
    if as_json:
        print_json({"token": made, "expires_at": ends})
        return
    typer.echo(made)
    hint(f"It is good until {ends}.")


def _duration(text: str) -> timedelta:
    from jackfield.settings.values import duration  # noqa: PLC0415 - see options

    try:
        return duration(text)
    except ValueError:
        raise typer.BadParameter("say it like 90s, 15m or 24h", param_hint="--ttl") from None


def _acl(text: str) -> bytes:
    """Return the JSON that is given, or that is in the file that is named."""
    return text.encode() if text.lstrip().startswith("{") else Path(text).read_bytes()
