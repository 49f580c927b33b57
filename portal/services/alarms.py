"""Alarms on lateness: what a person should know although nothing has failed for good."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session, joinedload

from portal.domain.command import State
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.status import Status
from portal.domain.verdict import REMOVAL_ALARM
from portal.models import (
    Alert,
    Booking,
    BookingStatus,
    Command,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
)
from portal.services import guest_help, vacancy

# How long before an arrival an unconfirmed code is alarmed, the most urgent first.
BEFORE_ARRIVAL: Final = (timedelta(hours=2), timedelta(hours=6), timedelta(hours=24))
WEBHOOKS_OFF_SHARE: Final = 0.2
WEBHOOKS_OFF_COMMANDS: Final = 5  # fewer commands in an hour say nothing
_BY_WEBHOOK: Final = "webhook"
_BY_LOOK_UP: Final = ("look_up", "deadline")

# Built once, because they run every 30 s and mostly find nothing.
_OPEN_ALERTS: Final = select(Alert).where(
    Alert.closed_at.is_(None),
    Alert.feed_id.is_(None),
    # What a guest said is over when a door opens for them, or a person says so.
    Alert.cause != guest_help.CAUSE,
)
_LATE_ARRIVALS: Final = (
    select(DoorCode)
    .join(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.is_wanted.is_(True),
        # Named one by one, so that the index leaves out the many that are over.
        DoorCode.status.in_(set(Status) - {Status.CONFIRMED, Status.REMOVED, Status.REMOVING}),
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= bindparam("soon"),
        Booking.ends_at > bindparam("now"),
        Booking.starts_at > DoorCode.created_at,
    )
    .options(joinedload(DoorCode.booking), joinedload(DoorCode.lock))
)
_LATE_REMOVALS: Final = (
    select(DoorCode)
    .where(DoorCode.status == Status.REMOVING, DoorCode.ends_at <= bindparam("before"))
    .options(joinedload(DoorCode.lock))
)
_CONNECTIONS: Final = select(Connection)
_CLOSED_BY: Final = (
    select(
        func.coalesce(func.sum(case((Command.closed_by.in_(_BY_LOOK_UP), 1), else_=0)), 0),
        func.coalesce(func.sum(case((Command.closed_by == _BY_WEBHOOK, 1), else_=0)), 0),
    )
    .join(Lock, Lock.id == Command.lock_id)
    .where(
        Lock.connection_id == bindparam("connection_id"),
        Command.closed_at > bindparam("after"),
        Command.state != State.SUPERSEDED,
    )
)


@dataclass(frozen=True, kw_only=True)
class _Condition:
    """Something that should stand on the alert page for as long as it is so."""

    account_id: int
    key: str
    cause: str
    words: str
    booking_id: int | None = None
    lock_id: int | None = None
    connection_id: int | None = None


def refresh(session: Session, now: datetime) -> None:
    """Open alerts are exactly the conditions that hold now; those that ended are closed."""
    found = {
        (c.account_id, c.key): c
        for c in (
            *_late_arrivals(session, now),
            *_late_removals(session, now),
            *_connections(session, now),
            *_uncalled_openings(session, now),
        )
    }
    open_now = {(a.account_id, a.key): a for a in session.scalars(_OPEN_ALERTS)}
    for key, alert in open_now.items():
        if key not in found:
            alert.closed_at = now
    for key, condition in found.items():
        if key not in open_now:
            session.add(Alert(opened_at=now, **condition.__dict__))


def _late_arrivals(session: Session, now: datetime) -> list[_Condition]:
    """Wanted codes that are not confirmed 24 h, 6 h or 2 h before the arrival."""
    codes = session.scalars(_LATE_ARRIVALS, {"now": now, "soon": now + BEFORE_ARRIVAL[-1]}).all()
    conditions = []
    for code in codes:
        left = code.booking.starts_at - now
        step = next((s for s in BEFORE_ARRIVAL if left <= s), None)
        # A booking that came in later than the step is told of when it was first tried in vain.
        if step is None or now - code.created_at < timedelta(minutes=15):
            continue
        hours = int(step.total_seconds() // 3600)
        conditions.append(
            _Condition(
                account_id=code.account_id,
                key=f"not_confirmed:{hours}h:{code.id}",
                cause="not_confirmed",
                words=f"The code for {code.lock.name} is not confirmed {hours} h before arrival.",
                booking_id=code.booking_id,
                lock_id=code.lock_id,
            )
        )
    return conditions


def _late_removals(session: Session, now: datetime) -> list[_Condition]:
    """Codes not proven gone 30 minutes after their window."""
    codes = session.scalars(_LATE_REMOVALS, {"before": now - REMOVAL_ALARM}).all()
    return [
        _Condition(
            account_id=code.account_id,
            key=f"{ProblemKey.REMOVAL_UNCONFIRMED}:{code.id}",
            cause=str(ProblemKey.REMOVAL_UNCONFIRMED),
            words=f"{code.lock.name}: {CATALOGUE[ProblemKey.REMOVAL_UNCONFIRMED].title}.",
            booking_id=code.booking_id,
            lock_id=code.lock_id,
        )
        for code in codes
    ]


def _connections(session: Session, now: datetime) -> list[_Condition]:
    conditions = []
    for connection in session.scalars(_CONNECTIONS).all():
        keys = []
        if connection.state is ConnectionState.SIGNED_OUT:
            keys.append(ProblemKey.SIGNED_OUT)
        if connection.outage_since is not None:
            keys.append(ProblemKey.SCHLAGE_OUTAGE)
        if _is_missing_webhooks(session, connection, now):
            keys.append(ProblemKey.WEBHOOKS_OFF)
        conditions += [
            _Condition(
                account_id=connection.account_id,
                key=f"{key}:{connection.id}",
                cause=str(key),
                words=f"{connection.name}: {CATALOGUE[key].title}.",
                connection_id=connection.id,
            )
            for key in keys
        ]
    return conditions


def _uncalled_openings(session: Session, now: datetime) -> list[_Condition]:
    """Doors that were opened while nobody stays there, until somebody has seen it."""
    return [
        _Condition(
            account_id=opening.account_id,
            key=opening.key,
            cause=vacancy.CAUSE,
            words=opening.words,
            lock_id=opening.lock_id,
        )
        for opening in vacancy.standing(session, now)
    ]


def _is_missing_webhooks(session: Session, connection: Connection, now: datetime) -> bool:
    """Whether over a fifth of the last hour's commands had to be looked up."""
    looked_up, told = session.execute(
        _CLOSED_BY, {"connection_id": connection.id, "after": now - timedelta(hours=1)}
    ).one()
    total = int(looked_up) + int(told)
    return total >= WEBHOOKS_OFF_COMMANDS and looked_up > WEBHOOKS_OFF_SHARE * total
