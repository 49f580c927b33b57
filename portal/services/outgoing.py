"""What goes out, moved from intended to sent: claimed by one worker at a time, tried again, ended.

The steps of a sending: the row is claimed and committed; the call is made, with no transaction
open; what came of it is written, unless another worker took the row over meanwhile. A crash after
the call sends a second time; nothing is ever lost.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from portal import jitter
from portal.domain.outgoing import CLAIM, OPEN, RING_AGAIN, State, pause_after
from portal.models import EndpointCall, Notice
from portal.models.base import one_of
from portal.models.outgoing import Outgoing
from portal.network.errors import CallFailed, CallProblem, CallRefused

KEPT_FOR: Final = timedelta(days=30)
JITTER: Final = 0.1

# What is said of a row whose every try ended without a word, such as by a crash of ours.
BROKE_OFF: Final = CallFailed("broke_off", "Every try broke off on our side.")

# Built once, because they run every 30 s and mostly find nothing.
_TABLES: Final[tuple[type[Outgoing], ...]] = (Notice, EndpointCall)
_DUE: Final = {
    of: select(of.id)
    .where(of.ring_at <= bindparam("now"))
    .order_by(of.ring_at, of.id)
    .limit(bindparam("page"))
    for of in _TABLES
}
# Settled is what is not due. (Asked by `ring_at`, the index would find all that is settled.)
_OLD: Final = {
    of: delete(of)
    .where(of.created_at < bindparam("before"), of.due_at.is_(None))
    .execution_options(synchronize_session=False)
    for of in _TABLES
}

Row = TypeVar("Row", bound=Outgoing)


def intend(row: Outgoing, now: datetime) -> None:
    """The row is due now; it starts from the first try."""
    row.state, row.attempts = State.INTENDED, 0
    row.due_at, row.ring_at, row.done_at = now, now, None
    row.error_key, row.error_words = "", ""


def due(session: Session, of: type[Row], now: datetime, page: int) -> list[int]:
    """The ids to ring for, oldest first, moved on so that no other sweep rings for them."""
    ids = list(session.scalars(_DUE[of], {"now": now, "page": page}))
    if ids:
        session.execute(
            update(of)
            .where(of.id.in_(ids), of.ring_at <= now)
            .values(ring_at=now + RING_AGAIN)
            .execution_options(synchronize_session=False)
        )
    return ids


def claim(session: Session, of: type[Row], row_id: int, now: datetime) -> Row | None:
    """The row, for this worker alone until `CLAIM` is over; None where it is not (or not yet) due,
    or another worker was faster."""
    taken: Any = session.execute(
        update(of)
        .where(of.id == row_id, one_of(of.state, OPEN), of.due_at <= now)
        .values(
            state=State.SENDING,
            attempts=of.attempts + 1,
            due_at=now + CLAIM,
            ring_at=now + CLAIM,
        )
        .execution_options(synchronize_session=False)
    )
    if not taken.rowcount:
        return None
    return session.get(of, row_id, populate_existing=True)


def is_worn_out(attempts: int, pauses: Sequence[timedelta]) -> bool:
    """Whether this try is one more than there are: those before it never came to an end."""
    return attempts > len(pauses) + 1


def held(session: Session, of: type[Row], row_id: int, attempts: int) -> Row | None:
    """The claimed row to write the outcome to; None where another worker took it over since."""
    return session.scalars(
        select(of)
        .where(of.id == row_id, of.state == State.SENDING, of.attempts == attempts)
        .execution_options(populate_existing=True)
    ).one_or_none()


def settle(row: Outgoing, state: State, now: datetime) -> None:
    """The row is done with."""
    row.state, row.done_at = state, now
    row.due_at = row.ring_at = None


def failed(row: Outgoing, problem: CallProblem, pauses: Sequence[timedelta], now: datetime) -> bool:
    """The row is tried again later; True where that was its last try, and it is dead."""
    row.error_key, row.error_words = problem.key[:60], problem.words[:300]
    pause = None if isinstance(problem, CallRefused) else pause_after(row.attempts, pauses)
    if pause is None:
        settle(row, State.DEAD, now)
        return True
    row.state = State.INTENDED
    row.due_at = row.ring_at = now + jitter.beyond(pause, JITTER)
    return False


def drop(session: Session, of: type[Row], now: datetime, *conditions: Any) -> None:
    """The open rows that meet the conditions are sent no more."""
    session.execute(
        update(of)
        .where(one_of(of.state, OPEN), *conditions)
        .values(state=State.DROPPED, done_at=now, due_at=None, ring_at=None)
        .execution_options(synchronize_session="fetch")
    )


def forget_old(session: Session, of: type[Row], now: datetime) -> None:
    """What was settled long ago is forgotten."""
    session.execute(_OLD[of], {"before": now - KEPT_FOR})
