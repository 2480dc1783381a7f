"""The operator erases a person moment by moment, and may count before."""

from __future__ import annotations

import pytest

from databases import look
from gateway import Doors
from jackfield.accounts import Provider
from jackfield.console import people
from jackfield.console.people_orders import ErasePerson, PersonErased
from jackfield.problems import Invalid
from world import World, said


async def to_its_end(doors: Doors, *, rehearse: bool, moment: float = 60) -> list[PersonErased]:
    place: str | None = ""
    answers = []
    while place is not None:
        order = ErasePerson(
            provider=Provider.MESSENGER,
            external_id="2001",
            person="7",
            rehearse=rehearse,
            place=place,
        )
        answers.append(await people.erase_person(doors.gateway, order, moment=moment))
        place = answers[-1].place
    return answers


async def test_a_rehearsal_counts_what_is_then_erased(both: Doors, database_url: str) -> None:
    world = await World(both.gateway.store).open()
    await world.tenant()
    page = await world.page("2001")
    await world.hear(said("hers", to=page, by="7"), said("his", to=page, by="8"))

    (rehearsed,) = await to_its_end(both, rehearse=True)
    (erased,) = await to_its_end(both, rehearse=False)
    (nothing,) = await to_its_end(both, rehearse=False)

    hers = PersonErased(
        deliveries=1, undelivered=1, messages=1, pieces=0, elsewhere=[], place=None
    )
    assert rehearsed == erased == hers
    assert (nothing.deliveries, nothing.messages) == (0, 0)
    assert await look(database_url, "SELECT address FROM messages") == [("8",)]


async def test_it_answers_after_a_moment_and_goes_on_from_there(
    both: Doors, database_url: str
) -> None:
    world = await World(both.gateway.store).open()
    await world.tenant()
    page = await world.page("2001")
    await world.hear(*[said("hers", to=page, by="7") for _ in range(3)])

    answers = await to_its_end(both, rehearse=False, moment=0)

    assert len(answers) > 3
    assert sum(answer.deliveries for answer in answers) == 3
    assert sum(answer.messages for answer in answers) == 3
    assert await look(database_url, "SELECT count(*) FROM messages") == [(0,)]


@pytest.mark.parametrize("person", ["", " 7", "7\n"])
async def test_an_id_that_nobody_can_have_is_refused(both: Doors, person: str) -> None:
    order = ErasePerson(provider=Provider.MESSENGER, external_id="2001", person=person)

    with pytest.raises(Invalid, match="person is 1 to 255 visible characters"):
        await people.erase_person(both.gateway, order)
