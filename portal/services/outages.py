"""Schlage's own trouble: seen over several locks of a connection, probed by one call at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import CursorResult, and_, bindparam, func, select, update
from sqlalchemy.orm import Session

from portal import jitter
from portal.domain import retry
from portal.domain.problems import ProblemKey
from portal.domain.reach import LATEST_PROBE
from portal.domain.status import Status
from portal.models import Booking, Connection, DoorCode, Lock
from portal.models.base import one_of
from portal.services import reach

# Failures that point at Schlage's servers rather than at one lock.
OF_SERVERS: Final = frozenset(
    {ProblemKey.OUTCOME_UNKNOWN, ProblemKey.SCHLAGE_OUTAGE, ProblemKey.RATE_LIMITED}
)
LOCKS: Final = 3
WITHIN: Final = timedelta(minutes=10)
PROBE_EVERY: Final = timedelta(minutes=2)
# A lock in an outage looks again this much later at the most: a probe put off twice, and its own.
HELD_UP_FOR: Final = 2 * PROBE_EVERY * (1 + retry.JITTER) + LATEST_PROBE
_OTHERS_FAILING: Final = select(func.count(Lock.id)).where(
    Lock.connection_id == bindparam("connection_id"),
    Lock.id != bindparam("lock_id"),
    one_of(Lock.failure_problem, OF_SERVERS),
    Lock.failed_at > bindparam("since"),
)


def failed(session: Session, lock: Lock, problem: ProblemKey, now: datetime) -> None:
    """Counts a lock's failure; several locks at once are an outage of the whole connection."""
    if problem not in OF_SERVERS:
        return
    connection = session.get_one(Connection, lock.connection_id)
    if connection.outage_since is not None:
        connection.probe_at = now + jitter.around(PROBE_EVERY, retry.JITTER)
        return
    with session.no_autoflush:  # this lock's own failure is at hand
        others = session.scalars(
            _OTHERS_FAILING,
            {"connection_id": connection.id, "lock_id": lock.id, "since": now - WITHIN},
        ).one()
    if others + 1 >= LOCKS:
        connection.outage_since = now
        connection.probe_at = now + jitter.around(PROBE_EVERY, retry.JITTER)


def answered(session: Session, connection_id: int, now: datetime) -> None:
    """Schlage answers: the outage is over, and what waited for it goes, nearest arrival first."""
    connection = session.get_one(Connection, connection_id)
    if connection.outage_since is None:
        return
    connection.outage_since = connection.probe_at = None
    locks = _held_up(session, connection_id, now)
    waiting = select(Lock.id).where(
        Lock.connection_id == connection_id, one_of(Lock.failure_problem, OF_SERVERS)
    )
    reach.free(session, DoorCode.lock_id.in_(waiting))
    session.execute(
        update(Lock)
        .where(Lock.id.in_(waiting))
        .values(breaker_until=None, read_after=None, failures=0, failure_problem=None)
        .execution_options(synchronize_session="fetch")
    )
    for place, lock_id in enumerate(locks):
        # The sweep takes first what is due longest.
        due_at = now - timedelta(milliseconds=len(locks) - place)
        session.execute(
            update(Lock)
            .where(Lock.id == lock_id)
            .values(due_at=due_at, is_rung=True)
            .execution_options(synchronize_session="fetch")
        )


def _held_up(session: Session, connection_id: int, now: datetime) -> Sequence[int]:
    """The locks that wait for the outage to end, first those that the soonest guest waits for.

    What is due later than any probe would have been waits for something else.
    """
    soonest = func.min(Booking.starts_at)
    waits = and_(
        DoorCode.lock_id == Lock.id,
        DoorCode.is_wanted.is_(True),
        DoorCode.status != Status.CONFIRMED,
        DoorCode.ends_at > now,
    )
    return session.scalars(
        select(Lock.id)
        .outerjoin(DoorCode, waits)
        .outerjoin(Booking, Booking.id == DoorCode.booking_id)
        .where(
            Lock.connection_id == connection_id,
            one_of(Lock.failure_problem, OF_SERVERS) | (Lock.due_at <= now + HELD_UP_FOR),
        )
        .group_by(Lock.id)
        .order_by(soonest.is_(None), soonest, Lock.id)
    ).all()


def claim_probe(session: Session, connection_id: int, now: datetime) -> bool:
    """Whether this caller may call Schlage now: always, or as the one probe of an outage."""
    connection = session.get_one(Connection, connection_id)
    if connection.outage_since is None:
        return True
    claimed = session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.probe_at <= now)
        .values(probe_at=now + PROBE_EVERY)
        .execution_options(synchronize_session="fetch")
    )
    assert isinstance(claimed, CursorResult)
    return bool(claimed.rowcount)
