"""The operator's look at the books, and the only way to set them right."""

from __future__ import annotations

import structlog

from jackfield.app import Gateway
from jackfield.console.book_orders import Audit, Audited
from jackfield.storage import books
from jackfield.units import alone

log = structlog.get_logger()


async def audit(gateway: Gateway, order: Audit) -> Audited:
    """Compare both sides of the books now; settle what they differ by if that is asked for.

    What is settled is what is missing at that moment, in one statement, so nothing that arrives
    meanwhile is written off with it.
    """
    found = await gateway.store.survey(books.balance())
    if not (order.settle and found.difference):
        return Audited(difference=found.difference, settled=0, terms=found.terms)
    await gateway.store.commit(alone(books.settle()))
    left = await gateway.store.survey(books.balance())
    settled = left.adjusted - found.adjusted
    log.warning("audit.settled", difference=found.difference, settled=settled)
    return Audited(difference=left.difference, settled=settled, terms=left.terms)
