"""What a lock's page reads of the codes on it: guests', staff, spares, and those of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, defer, joinedload

from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.week import WeeklyWindow
from portal.models import Booking, DoorCode, ForeignCode, Property, StaffCode
from portal.services import guests
from portal.services.guests import Guest


@dataclass(frozen=True, kw_only=True)
class Code:
    """A code of ours that is, may be or will be on the lock."""

    door_code_id: int
    booking_id: int
    guest: Guest
    property_name: str
    zone: str
    status: Status
    status_at: datetime
    due_at: datetime | None
    problem: ProblemKey | None
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Spare:
    """A spare of the lock: in stock, or given to a guest."""

    door_code_id: int
    status: Status
    problem: ProblemKey | None
    ends_at: datetime
    booking_id: int | None
    guest: Guest | None


@dataclass(frozen=True, kw_only=True)
class StaffDoor:
    """A staff code's standing on the lock."""

    door_code_id: int
    staff_code_id: int
    name: str
    windows: tuple[WeeklyWindow, ...]
    ends_on: date | None
    status: Status
    problem: ProblemKey | None


@dataclass(frozen=True)
class Foreign:
    """A code on the lock that no booking knows: others', or an old one of ours by its tag."""

    label: str
    schedule: str
    first_seen_at: datetime
    last_seen_at: datetime
    has_our_tag: bool


def of_bookings(session: Session, lock_id: int) -> tuple[Code, ...]:
    """The codes of bookings that are, may be or will be on the lock, by their beginning."""
    rows = session.execute(
        select(
            DoorCode.id,
            Booking.id,
            Property.name,
            Property.time_zone,
            DoorCode.status,
            DoorCode.status_at,
            DoorCode.due_at,
            DoorCode.problem,
            DoorCode.starts_at,
            DoorCode.ends_at,
            Booking.guest_name,
            Booking.guest_phone,
            Booking.source,
            Booking.reservation_code,
            Booking.pin,
            Booking.pin_origin,
        )
        .join(Booking, Booking.id == DoorCode.booking_id)
        .join(Property, Property.id == Booking.property_id)
        .where(
            DoorCode.lock_id == lock_id,
            or_(DoorCode.status != Status.REMOVED, DoorCode.due_at.is_not(None)),
        )
        .order_by(DoorCode.starts_at, DoorCode.id)
        .limit(200)
    )
    return tuple(
        Code(
            door_code_id=row[0],
            booking_id=row[1],
            guest=guests.of(row),
            property_name=row[2],
            zone=row[3],
            status=row[4],
            status_at=row[5],
            due_at=row[6],
            problem=row[7],
            starts_at=row[8],
            ends_at=row[9],
        )
        for row in rows
    )


def of_no_booking(session: Session, lock_id: int) -> Sequence[DoorCode]:
    """The spares and staff codes that are, may be or will be on the lock."""
    return session.scalars(
        select(DoorCode)
        .where(
            DoorCode.lock_id == lock_id,
            DoorCode.booking_id.is_(None),
            DoorCode.status != Status.REMOVED,
        )
        .options(
            defer(DoorCode.own_pin),
            joinedload(DoorCode.given_to),
            joinedload(DoorCode.staff_code).defer(StaffCode.pin),
        )
        .order_by(DoorCode.given_to_id, DoorCode.id)
    ).all()


def spare_of(code: DoorCode) -> Spare:
    return Spare(
        door_code_id=code.id,
        status=code.status,
        problem=code.problem,
        ends_at=code.ends_at,
        booking_id=code.given_to_id,
        guest=guests.of(code.given_to) if code.given_to is not None else None,
    )


def staff_of(code: DoorCode, staff: StaffCode) -> StaffDoor:
    return StaffDoor(
        door_code_id=code.id,
        staff_code_id=staff.id,
        name=staff.name,
        windows=staff.windows,
        ends_on=staff.ends_on,
        status=code.status,
        problem=code.problem,
    )


def of_others(session: Session, lock_id: int) -> tuple[Foreign, ...]:
    """The codes on the lock that no booking knows, by their names."""
    rows = session.execute(
        select(
            ForeignCode.label,
            ForeignCode.schedule_type,
            ForeignCode.first_seen_at,
            ForeignCode.last_seen_at,
            ForeignCode.has_our_tag,
        )
        .where(ForeignCode.lock_id == lock_id)
        .order_by(ForeignCode.label)
    )
    return tuple(Foreign(*row) for row in rows)
