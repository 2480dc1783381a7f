"""Stores tests of applications among what is to be done; no message stands behind them."""

from __future__ import annotations

from sqlalchemy import bindparam

from jackfield.balance import Tally
from jackfield.clock import Moment
from jackfield.deliveries import conversation_aside, lane, shard
from jackfield.delivery.records import Kind, State
from jackfield.delivery.trials import NOBODY, Trial
from jackfield.storage.arrivals import PENDING
from jackfield.storage.dialects import Prepared, insert
from jackfield.storage.tables import deliveries
from jackfield.units import Steps, tally, unit

_NO_ACCOUNT = 0

_ADD = Prepared(
    insert(deliveries).values(
        id=bindparam("id"),
        kind=Kind.TEST.value,
        message_id=bindparam("message_id"),
        api_key=bindparam("api_key"),
        account_id=_NO_ACCOUNT,
        person=NOBODY,
        state=State.PENDING.value,
        application_id=bindparam("application_id"),
        body=bindparam("body"),
        accepted_at=bindparam("now"),
        bound_at=bindparam("now"),
    ),
)


@unit
def add(trial: Trial, *, now: Moment) -> Steps[None]:
    """See `TrialStore.add`."""
    yield _ADD(
        id=trial.id,
        message_id=trial.message_id,
        api_key=trial.api_key,
        application_id=trial.application_id,
        body=trial.body,
        now=now,
    )
    yield tally(Tally.ACCEPTED)
    yield PENDING(
        subject=trial.id,
        shard=shard(_NO_ACCOUNT, NOBODY),
        lane=lane(trial.api_key, trial.application_id),
        # One test does not wait for another: each says how it is now.
        conversation=conversation_aside(trial.id),
        account_id=_NO_ACCOUNT,
        due_at=now,
        since=now,
    )
