"""The operator compares both sides of the books, and settles what they differ by."""

from __future__ import annotations

from databases import change
from gateway import Doors
from jackfield.console import books
from jackfield.console.book_orders import Audit
from world import World, said


async def test_books_that_differ_are_shown_and_settled_only_when_asked(
    both: Doors, database_url: str
) -> None:
    world = await World(both.gateway.store).open()
    await world.tenant()
    page = await world.page()
    await world.hear(said("one", to=page), said("two", to=page))
    sound = await books.audit(both.gateway, Audit(settle=True))
    await change(database_url, "DELETE FROM deliveries")

    looked = await books.audit(both.gateway, Audit())
    settled = await books.audit(both.gateway, Audit(settle=True))
    again = await books.audit(both.gateway, Audit(settle=True))

    assert (sound.difference, sound.settled, sound.terms["held"]) == (0, 0, 2)
    assert (looked.difference, looked.settled, looked.terms["accepted"]) == (2, 0, 2)
    assert (settled.difference, settled.settled, settled.terms["adjusted"]) == (0, -2, -2)
    assert (again.difference, again.settled) == (0, 0)
