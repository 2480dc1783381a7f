"""The `keys` commands: the master keys, under which credentials are sealed in the database."""

from __future__ import annotations

import typer

from jackfield.cli.asking import operate
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json

app = typer.Typer(
    help="The master keys that seal credentials in the database.",
    no_args_is_help=True,
)


@app.command("show")
def show_keys(
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the keys' ids and how much is sealed under each, never a key.

    \b
    jackfield keys show
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.showing import print_columns  # noqa: PLC0415 - see options
    from jackfield.console.key_orders import KeysShown, ShowKeys  # noqa: PLC0415 - see options

    shown = operate("keys.show", ShowKeys(), gives=KeysShown, data=data)
    if as_json:
        print_json(shown)
        return
    columns = {"KEY": "id", "AT HAND": "at_hand", "SEALS": "seals", "VALUES UNDER IT": "values"}
    print_columns(columns, shown.keys)
    typer.echo(f"\nThe keys come from {shown.file or 'JACKFIELD_MASTER_KEY'}.")
    if shown.damaged:
        typer.echo(f"Values that are damaged and name no key: {shown.damaged}")
    if any(each.values and not each.seals for each in shown.keys):
        rotate = next_command("jackfield keys rotate", data=data)
        hint(f"To seal everything under the newest key: {rotate}")


@app.command("rotate")
def rotate_keys(
    *,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal everything anew under a new master key.

    The server goes on meanwhile. Where the key is in the file beside the database, a new one is
    made, and the old one is taken out once nothing needs it. Where JACKFIELD_MASTER_KEY has the
    keys, put the new one first there beforehand, for every process. Cut short, run it again: it
    goes on where it stopped.

    \b
    jackfield keys rotate
    jackfield keys rotate --json
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.cli.rotating import Rotated, rotate, why_not_done  # noqa: PLC0415 - see options
    from jackfield.problems import Conflict  # noqa: PLC0415 - see options

    rotated: Rotated = rotate(data)
    if as_json:
        print_json(rotated)
    if rotated.left:
        raise Conflict(why_not_done(rotated))
    if as_json:
        return
    typer.echo(f"Everything is sealed under {rotated.newest}; sealed anew: {rotated.resealed}")
    old = ", ".join(rotated.old)
    if rotated.file is None:
        typer.echo(
            f"Nothing needs {old}: take it out of JACKFIELD_MASTER_KEY wherever a gateway or a "
            "command runs."
        )
        return
    typer.echo(f"Nothing needs {old}, which is out of {rotated.file} now.")
    hint(
        "Keep a copy of that file in a safe place. A backup of the database from before needs "
        "the file as it was then.",
    )
