"""The `people` command: erasing what is kept of one person."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jackfield.cli.asking import YesOption, be_clear, be_sure, operate
from jackfield.cli.options import DataOption, JsonOption, hint, next_command, print_json
from jackfield.cli.provider_names import ExternalIdArgument, ProviderArgument

if TYPE_CHECKING:
    from jackfield.console.people_orders import ErasePerson

people = typer.Typer(help="The people who write to accounts.", no_args_is_help=True)

_COUNTS = ("deliveries", "undelivered", "messages", "pieces")


@people.command("erase")
def erase_person(
    provider: ProviderArgument,
    external_id: ExternalIdArgument,
    person: Annotated[str, typer.Argument(help="Any id under which the account knows them.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be erased.")
    ] = False,
    yes: YesOption = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase what one person wrote to one account, whatever became of it.

    What is not delivered yet is never delivered. A person who wrote to several accounts is erased
    at each.

    \b
    jackfield people erase whatsapp 447700900123 447700900456 --dry-run
    jackfield people erase whatsapp 447700900123 447700900456
    """  # noqa: D301 - \b keeps the lines of the examples
    from jackfield.accounts import Provider  # noqa: PLC0415 - see options
    from jackfield.console.people_orders import ErasePerson  # noqa: PLC0415 - see options

    be_clear(dry_run=dry_run, yes=yes)
    order = ErasePerson(
        provider=Provider(provider.value), external_id=external_id, person=person, rehearse=True
    )
    if dry_run:
        done = _to_its_end(order, data=data)
    else:
        be_sure(lambda: _question(order, data=data), yes=yes)
        done = _to_its_end(_in_earnest(order), data=data)
    if as_json:
        print_json(done | {"dry_run": dry_run})
        return
    typer.echo(f"{'There are' if dry_run else 'Erased:'} {_in_words(done)}.")
    if done["elsewhere"]:
        numbers = ", ".join(map(str, done["elsewhere"]))
        hint(
            "The person is also named in what could not be told from others' words; look at these "
            f"kept pieces yourself: {numbers}",
        )
    elif not any(done[name] for name in _COUNTS):
        show = next_command("jackfield accounts show", provider, external_id, data=data)
        hint(
            "Nothing that this person wrote is kept at this account. Are both the right ones? "
            f"{show}",
        )


def _question(order: ErasePerson, *, data: Path | None) -> str:
    there = _to_its_end(order, data=data)
    return (
        f"{_in_words(there)}. What is not delivered yet never will be, and nothing of it "
        "comes back. Erase it?"
    )


def _in_earnest(order: ErasePerson) -> ErasePerson:
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    return replace(order, rehearse=False)


def _to_its_end(order: ErasePerson, *, data: Path | None) -> dict[str, Any]:
    """Have it done moment by moment; return the sums, and say on a terminal how far it is."""
    from msgspec.structs import replace  # noqa: PLC0415 - see options

    from jackfield.console.people_orders import PersonErased  # noqa: PLC0415 - see options

    sums: dict[str, Any] = dict.fromkeys(_COUNTS, 0) | {"elsewhere": []}
    place: str | None = ""
    while place is not None:
        done = operate("people.erase", replace(order, place=place), gives=PersonErased, data=data)
        for name in _COUNTS:
            sums[name] += getattr(done, name)
        sums["elsewhere"] += done.elsewhere
        place = done.place
        if place is not None and sys.stderr.isatty():
            trail, _, behind = place.partition("/")
            typer.echo(f"Looking through {trail} ({behind or 0}) ...", err=True)
    return sums


def _in_words(sums: dict[str, Any]) -> str:
    return (
        f"{sums['messages']} messages and {sums['deliveries']} deliveries, {sums['undelivered']} "
        f"of these not delivered, and {sums['pieces']} kept pieces"
    )
