"""The `settings` command: what this installation chose, and where."""

from __future__ import annotations

from typing import Annotated

import typer

from jackfield.cli.options import DataOption, JsonOption, hint, print_json, settings_from


def show_settings(
    *,
    host: Annotated[str | None, typer.Option(help="As `serve` would be given it.")] = None,
    port: Annotated[int | None, typer.Option(help="As `serve` would be given it.")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every setting, its value and where that comes from.

    Secrets are masked. Variables that look like settings and are none are told.

    \b
    jackfield settings
    JACKFIELD_PORT=9000 jackfield settings --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import print_table  # noqa: PLC0415 - see options
    from jackfield.settings import sources, unknown_variables  # noqa: PLC0415 - see options

    settings = settings_from(data=data, host=host, port=port)
    source_by_variable = sources(data=data, host=host, port=port)
    shown = [
        {"name": name, "value": value or None, "source": source_by_variable[name]}
        for name, value in settings.listing()
    ]
    unknown = unknown_variables()
    if as_json:
        told = [{"name": name, "nearest": nearest} for name, nearest in unknown.items()]
        print_json({"settings": shown, "unknown": told})
    else:
        print_table(("SETTING", "VALUE", "FROM"), [tuple(one.values()) for one in shown])
    for name, nearest in unknown.items():
        meant = f"; is {nearest} meant?" if nearest else "."
        hint(f"{name} is no setting and changes nothing{meant}")
