"""The table of pieces that became no message and wait for an operator."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.inbound import KeptBody, digest
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import inbound_bodies
from jackfield.units import Steps, tally, unit

# Last of all that a webhook brings. What was written to an account before it was here is given to
# it in this order one day.
_KEEP = Prepared(
    insert(inbound_bodies)
    .values(
        kind=bindparam("kind"),
        provider_app_id=bindparam("provider_app_id"),
        provider=bindparam("provider"),
        routing_key=bindparam("routing_key"),
        reason=bindparam("reason"),
        body=bindparam("body"),
        digest=bindparam("digest"),
        received_at=bindparam("received_at"),
    )
    .on_conflict_do_nothing()
    .returning(inbound_bodies.c.id),
    turn=3,
)


@unit
def keep(bodies: Sequence[KeptBody], *, provider_app_id: int, now: Moment) -> Steps[None]:
    """See `Arrivals.keep`."""
    rows = yield _KEEP.many(
        [
            {
                "kind": kept.kind,
                "provider_app_id": provider_app_id,
                "provider": kept.provider,
                "routing_key": kept.routing_key,
                "reason": kept.reason,
                "body": kept.body,
                "digest": digest(kept),
                "received_at": now,
            }
            for kept in bodies
        ],
    )
    if rows:
        yield tally(Tally.ACCEPTED, len(rows))
