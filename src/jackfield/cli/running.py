"""The commands that run a gateway: `serve` and `demo`."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Annotated

import typer

from jackfield.cli.options import DataOption, JsonOption, print_json, settings_from

HostOption = Annotated[
    str | None,
    typer.Option(metavar="H", help="The address to listen on; else JACKFIELD_HOST."),
]
PortOption = Annotated[
    int | None,
    typer.Option(metavar="P", help="The port; 0 takes a free one; else JACKFIELD_PORT."),
]


TlsOption = Annotated[
    bool,
    typer.Option("--tls", help="Serve https, certified by an authority of its own."),
]
CertificateOption = Annotated[
    Path | None,
    typer.Option("--tls-cert", metavar="FILE", help="Serve https with this certificate (PEM)."),
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--tls-key", metavar="FILE", help="The private key of that certificate."),
]


def serve(
    *,
    host: HostOption = None,
    port: PortOption = None,
    tls: TlsOption = False,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the gateway until it is told to stop.

    It brings the database up to date, and prints one line with its URL when it is ready.

    \b
    jackfield serve
    jackfield serve --host 0.0.0.0 --port 8080 --data /var/lib/jackfield
    jackfield serve --tls
    """  # noqa: D301 - \b keeps the lines of the examples
    _load_quickly()
    from jackfield.cli import serving  # noqa: PLC0415 - `--help` need not wait for it

    def ready(url: str) -> None:
        if as_json:
            print_json({"url": url})
        else:
            typer.echo(f"Jackfield is ready at {url}")

    settings = settings_from(
        host=host, port=port, data=data, tls=tls or None, tls_cert=tls_cert, tls_key=tls_key
    )
    if settings.tls and settings.tls_cert is None:
        authority = settings.data / "tls" / "ca.pem"
        typer.echo(f"Clients must trust the authority in {authority}", err=True)
    serving.run(serving.serve, settings, ready)


def demo(
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a gateway to try, with two accounts and an application.

    The application shows what it gets on a page. What the demo makes is kept in the data
    directory's `demo`, or in --data, and used again.

    \b
    jackfield demo
    """  # noqa: D301 - \b keeps the lines of the examples
    _load_quickly()
    from jackfield.cli import demonstration, serving  # noqa: PLC0415 - as above

    def show(shown: demonstration.Shown) -> None:
        if as_json:
            print_json(shown)
        else:
            demonstration.print_guide(shown)

    settings = demonstration.settings_for(data)
    serving.run(demonstration.demo, settings, show)


def _load_quickly() -> None:
    """Have what follows loaded in four fifths of the time; see decision 0015."""
    gc.disable()  # nothing of it is garbage; `front` looks again when all is there
    if "structlog" in sys.modules:
        return
    # structlog takes rich along, for tracebacks that show local variables, and with them secrets.
    sys.modules["rich"] = None  # type: ignore[assignment] # so that it seems not to be there
    import structlog  # noqa: F401, PLC0415 -- as above

    del sys.modules["rich"]
