"""Bookings as pages show them: each with its doors and the judgement of this very moment.

Nothing here writes. A verdict is judged when it is read, so that a page is right even while the
sweep, which stores verdicts for filters and counts, is late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, contains_eager, selectinload

from portal.domain import spare
from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.domain.verdict import Judgement, Reason
from portal.models import (
    Booking,
    BookingStatus,
    Connection,
    DoorCode,
    Lock,
    Property,
    Source,
)
from portal.services import guests, spares, verdicts
from portal.services.guests import Guest

_WORRIED: Final = frozenset({Verdict.AT_RISK, Verdict.NOT_READY})
_AGEING: Final = frozenset({Status.SENT, Status.UNSURE, Status.REMOVING, Status.RETRYING})


@dataclass(frozen=True, kw_only=True)
class Door:
    """One door of a booking, as lists show it."""

    id: int
    lock_id: int
    lock_name: str
    connection_id: int
    status: Status
    status_at: datetime
    due_at: datetime | None
    problem: ProblemKey | None
    is_working: bool = False  # a spare that opens the door although a change to it travels

    @property
    def shows_age(self) -> bool:
        return self.status in _AGEING


@dataclass(frozen=True, kw_only=True)
class Stay:
    """One booking with its doors and what they say together."""

    id: int
    guest: Guest
    property_id: int
    property_name: str
    zone: str
    source: Source
    has_fallback: bool
    starts_at: datetime
    ends_at: datetime
    is_cancelled: bool
    doors: tuple[Door, ...]
    judgement: Judgement
    stored: Verdict  # the verdict as the last change or sweep left it
    arrived_at: datetime | None = None  # the guest's code first opened a door
    spares: tuple[Door, ...] = ()  # spare codes that the guest was given
    can_have_spare: bool = False  # a lock that lacks the guest's code has one to give now

    @property
    def verdict(self) -> Verdict:
        return self.judgement.verdict

    @property
    def problem(self) -> ProblemKey | None:
        return self.judgement.problem

    @property
    def door(self) -> Door | None:
        """The door behind the verdict, where there is one."""
        doors = (*self.doors, *self.spares)
        return next((d for d in doors if d.id == self.judgement.door_code_id), None)

    @property
    def overdue_since(self) -> datetime | None:
        """When its codes should have been off; None where none is late."""
        if self.judgement.reason is not Reason.REMOVAL_LATE:
            return None
        if not self.is_cancelled:
            return self.ends_at
        doors = (*self.doors, *self.spares)
        since = min(door.status_at for door in doors if door.status is Status.REMOVING)
        return max(since, self.starts_at)  # before that it opened nothing

    def turns(self, now: datetime) -> tuple[datetime, ...]:
        """The times at which time alone changes what is said of this stay."""
        times = [
            self.starts_at,
            self.ends_at,
            _tomorrow(self.zone, now),
            self.judgement.changes_at,
            *(door.due_at for door in (*self.doors, *self.spares)),
        ]
        return tuple(at for at in times if at is not None and at > now)


def next_turn(stays: Sequence[Stay], now: datetime) -> datetime:
    """When time alone next changes a page of these stays; within the hour at the latest."""
    return min((at for each in stays for at in each.turns(now)), default=now + timedelta(hours=1))


def find(
    session: Session, booking_id: int, now: datetime, *, is_staff: bool = False
) -> Stay | None:
    """One booking, or None where the account (or its staff today) has no such booking."""
    conditions = [Booking.id == booking_id]
    if is_staff:
        conditions.append(staff_scope(session, now))
    found = load(session, conditions, now)
    return found[0] if found else None


def load(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    now: datetime,
    *,
    limit: int | None = None,
    offset: int = 0,
    newest: bool = False,
    order: Sequence[ColumnElement[Any]] = (),
) -> list[Stay]:
    """The stays that meet the conditions, by arrival or in this order.

    A fixed number of queries, however many they are.
    """
    by_arrival = (Booking.starts_at, Booking.id)
    statement = _bookings().where(*conditions).limit(limit).offset(offset)
    statement = statement.order_by(
        *(order or ((o.desc() for o in by_arrival) if newest else by_arrival))
    )
    bookings = session.scalars(statement).all()
    judged = verdicts.judge_all(session, bookings, now) if bookings else {}
    helped = _with_spare_to_give(session, bookings, judged, now)
    return [
        _stay(booking, judged[booking.id], can_have_spare=booking.id in helped)
        for booking in bookings
    ]


def _with_spare_to_give(
    session: Session, bookings: Sequence[Booking], judged: dict[int, Judgement], now: datetime
) -> set[int]:
    """The stays whose guest could be given a spare now."""
    lacking = {
        booking.id: locks
        for booking in bookings
        if judged[booking.id].verdict in _WORRIED
        and booking.status is BookingStatus.CONFIRMED
        and spare.may_be_given(booking.starts_at, booking.ends_at, now)
        and (locks := _locks_to_help(booking, judged[booking.id]))
    }
    ready = spares.ready_on(session, {lock for locks in lacking.values() for lock in locks}, now)
    return {booking_id for booking_id, locks in lacking.items() if locks & ready.keys()}


def _locks_to_help(booking: Booking, judgement: Judgement) -> set[int]:
    """The locks that lack the guest's code and have given no spare for it yet."""
    given = {code.lock_id for code in booking.spares if code.is_wanted}
    doors = {code.lock_id for code in booking.door_codes if code.id in judgement.without_code}
    return doors - given


def staff_scope(session: Session, now: datetime) -> ColumnElement[bool]:
    """Stays that arrive today or tomorrow, or whose guest is inside, by each property's clock."""
    parts = []
    for zone in session.scalars(select(Property.time_zone).distinct()):
        here = ZoneInfo(zone)
        overmorrow = now.astimezone(here).date() + timedelta(days=2)
        end = datetime.combine(overmorrow, time(0), tzinfo=here)
        parts.append(
            and_(Property.time_zone == zone, Booking.starts_at < end, Booking.ends_at > now)
        )
    return or_(*parts) if parts else Booking.id < 0


def staff_scope_turns_at(session: Session, now: datetime) -> datetime | None:
    """When the next day begins at one of the properties: staff see other stays from then on."""
    zones = session.scalars(select(Property.time_zone).distinct())
    return min((_tomorrow(zone, now) for zone in zones), default=None)


def _tomorrow(zone: str, now: datetime) -> datetime:
    """When the next day begins there."""
    here = ZoneInfo(zone)
    return datetime.combine(now.astimezone(here).date() + timedelta(days=1), time(0), tzinfo=here)


def _bookings() -> Select[Booking]:
    locks = [
        selectinload(codes).joinedload(DoorCode.lock).joinedload(Lock.connection)
        for codes in (Booking.door_codes, Booking.spares)
    ]
    return (
        select(Booking)
        .join(Booking.property)
        .options(
            contains_eager(Booking.property),
            *(lock.load_only(Connection.state) for lock in locks),
        )
    )


def _stay(booking: Booking, judgement: Judgement, *, can_have_spare: bool) -> Stay:
    place = booking.property
    is_cancelled = booking.status is BookingStatus.CANCELLED
    codes = sorted(booking.door_codes, key=lambda code: (code.lock.name, code.id))
    return Stay(
        id=booking.id,
        guest=guests.of(booking),
        property_id=place.id,
        property_name=place.name,
        zone=place.time_zone,
        source=booking.source,
        has_fallback=place.fallback_entry is not None,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        is_cancelled=is_cancelled,
        # A door that the mapping no longer has is of interest until its code is off.
        doors=tuple(
            door_of(code)
            for code in codes
            if code.is_wanted or is_cancelled or code.status is not Status.REMOVED
        ),
        judgement=judgement,
        stored=booking.verdict,
        arrived_at=booking.proven_at,
        spares=tuple(
            replace(door_of(code), is_working=code.id in judgement.working_spares)
            for code in booking.spares
        ),
        can_have_spare=can_have_spare,
    )


def door_of(code: DoorCode) -> Door:
    """One door as lists show it; the code brings its lock and the lock's connection."""
    return Door(
        id=code.id,
        lock_id=code.lock_id,
        lock_name=code.lock.name,
        connection_id=code.lock.connection_id,
        status=code.status,
        status_at=code.status_at,
        due_at=code.due_at,
        problem=code.lock.connection.state.problem or code.problem,
    )
