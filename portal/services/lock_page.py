"""What the pages of locks read: health, the codes on each, and how much room is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer, joinedload

from portal.domain.command import OPEN, Kind, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.health import battery_word, signal_word
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.week import WeeklyWindow
from portal.models import (
    Booking,
    Command,
    ConnectionState,
    DoorCode,
    ForeignCode,
    Lock,
    LockEntry,
    Mapping,
    Property,
    StaffCode,
)
from portal.services import booking_page, guests
from portal.services.booking_page import Line
from portal.services.guests import Guest
from portal.zones import zone_or_utc

# "Holds up to 100 codes", the vendor's product pages say of these locks.
CODES_PER_LOCK: Final = 100
TIMELINE_SIZE: Final = 40


@dataclass(frozen=True, kw_only=True)
class Health:
    """A lock as lists show it."""

    id: int
    name: str
    model: str
    firmware: str
    zone: str | None
    connection_id: int
    connection_name: str
    is_connected: bool
    is_online: bool | None
    online_changed_at: datetime | None
    battery_state: str | None
    battery_level: int | None
    wifi_signal: int | None
    bolt_state: str | None
    code_length: int | None
    has_vlac: bool
    seen_at: datetime | None
    read_at: datetime | None
    missing_since: datetime | None
    breaker_until: datetime | None
    failure_problem: ProblemKey | None
    ours: int
    foreign: int
    needs_you: int
    properties: tuple[str, ...]

    @property
    def used(self) -> int:
        return self.ours + self.foreign

    @property
    def room(self) -> int:
        return max(0, CODES_PER_LOCK - self.used)

    @property
    def signal(self) -> str:
        """strong, fair, weak, or empty where Schlage has not said."""
        return signal_word(self.wifi_signal)

    @property
    def battery(self) -> str:
        """critical, low, good, or empty where Schlage has not said."""
        return battery_word(self.battery_state, self.battery_level)

    @property
    def problem(self) -> ProblemKey | None:
        """The worst thing to know of this lock, where there is one."""
        if not self.is_connected:
            return ProblemKey.SIGNED_OUT
        if self.missing_since is not None:
            return ProblemKey.LOCK_MISSING
        if self.is_online is False:
            return ProblemKey.LOCK_OFFLINE
        if self.breaker_until is not None and self.failure_problem is not None:
            return self.failure_problem
        if self.battery in {"critical", "low"}:
            return ProblemKey.LOW_BATTERY
        return ProblemKey.LOCK_FULL if self.room == 0 else None


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


@dataclass(frozen=True)
class OpenCommand:
    """A write that the lock has not answered."""

    kind: Kind
    state: State
    sent_at: datetime | None
    look_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class LockPage:
    """One lock's page."""

    health: Health
    codes: tuple[Code, ...]
    foreign: tuple[Foreign, ...]
    commands: tuple[OpenCommand, ...]
    lines: tuple[Line, ...]
    zone: str
    spares: tuple[Spare, ...] = ()
    spares_wanted: int = 0
    staff: tuple[StaffDoor, ...] = ()

    @property
    def spares_ready(self) -> int:
        """How many spares are confirmed and not given to anybody."""
        return sum(s.status is Status.CONFIRMED and s.booking_id is None for s in self.spares)

    @property
    def is_in_flight(self) -> bool:
        return bool(self.commands)


def health(session: Session) -> tuple[Health, ...]:
    """Every lock of the account by name: five queries, whatever their number."""
    return _health(session, session.scalars(_locks()).all())


def find(session: Session, lock_id: int) -> LockPage | None:
    """One lock's page, or None where the account has no such lock."""
    locks = session.scalars(_locks().where(Lock.id == lock_id)).all()
    if not locks:
        return None
    card = _health(session, locks)[0]
    codes = _codes(session, lock_id)
    others = _of_no_booking(session, lock_id)
    foreign = session.execute(
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
    commands = session.execute(
        select(Command.kind, Command.state, Command.sent_at, Command.look_at).where(
            Command.lock_id == lock_id, Command.state.in_(OPEN)
        )
    )
    return LockPage(
        health=card,
        codes=codes,
        foreign=tuple(Foreign(*row) for row in foreign),
        commands=tuple(OpenCommand(*row) for row in commands),
        lines=booking_page.calm(booking_page.timeline_of_lock(session, lock_id, TIMELINE_SIZE)),
        zone=_zone(session, lock_id, card),
        spares=tuple(_spare(code) for code in others if code.is_spare),
        spares_wanted=session.scalar(
            select(func.coalesce(func.max(Property.spare_codes), 0))
            .join(Mapping, Mapping.property_id == Property.id)
            .where(Mapping.lock_id == lock_id)
        )
        or 0,
        staff=tuple(_staff(code, code.staff_code) for code in others if code.staff_code),
    )


def _locks() -> Any:
    return select(Lock).options(joinedload(Lock.connection)).order_by(func.lower(Lock.name))


def _health(session: Session, locks: Sequence[Lock]) -> tuple[Health, ...]:
    ids = [lock.id for lock in locks]
    ours = _counted(
        session,
        select(LockEntry.lock_id, func.count())
        .where(
            LockEntry.lock_id.in_(ids),
            LockEntry.state != EntryState.GONE,
            LockEntry.evidence != Evidence.NOT_SENT,
        )
        .group_by(LockEntry.lock_id),
    )
    foreign = _counted(
        session,
        select(ForeignCode.lock_id, func.count())
        .where(ForeignCode.lock_id.in_(ids))
        .group_by(ForeignCode.lock_id),
    )
    stuck = _counted(
        session,
        select(DoorCode.lock_id, func.count())
        .where(DoorCode.lock_id.in_(ids), DoorCode.status == Status.NEEDS_YOU)
        .group_by(DoorCode.lock_id),
    )
    names: dict[int, list[str]] = {}
    for lock_id, name in session.execute(
        select(Mapping.lock_id, Property.name)
        .join(Property, Property.id == Mapping.property_id)
        .where(Mapping.lock_id.in_(ids))
        .order_by(Property.name)
    ):
        names.setdefault(lock_id, []).append(name)
    return tuple(
        _card(lock, ours.get(lock.id, 0), foreign.get(lock.id, 0), stuck.get(lock.id, 0), names)
        for lock in locks
    )


def _counted(session: Session, statement: Any) -> dict[int, int]:
    return {row[0]: row[1] for row in session.execute(statement)}


def _card(lock: Lock, ours: int, foreign: int, stuck: int, names: dict[int, list[str]]) -> Health:
    return Health(
        id=lock.id,
        name=lock.name,
        model=lock.model,
        firmware=lock.firmware,
        zone=lock.time_zone,
        connection_id=lock.connection_id,
        connection_name=lock.connection.name,
        is_connected=lock.connection.state is ConnectionState.CONNECTED,
        is_online=lock.is_online,
        online_changed_at=lock.online_changed_at,
        battery_state=lock.battery_state,
        battery_level=lock.battery_level,
        wifi_signal=lock.wifi_signal,
        bolt_state=lock.bolt_state,
        code_length=lock.code_length,
        has_vlac=lock.has_vlac,
        seen_at=lock.seen_at,
        read_at=lock.read_at,
        missing_since=lock.missing_since,
        breaker_until=lock.breaker_until,
        failure_problem=lock.failure_problem,
        ours=ours,
        foreign=foreign,
        needs_you=stuck,
        properties=tuple(names.get(lock.id, ())),
    )


def _codes(session: Session, lock_id: int) -> tuple[Code, ...]:
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


def _of_no_booking(session: Session, lock_id: int) -> Sequence[DoorCode]:
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


def _spare(code: DoorCode) -> Spare:
    return Spare(
        door_code_id=code.id,
        status=code.status,
        problem=code.problem,
        ends_at=code.ends_at,
        booking_id=code.given_to_id,
        guest=guests.of(code.given_to) if code.given_to is not None else None,
    )


def _staff(code: DoorCode, staff: StaffCode) -> StaffDoor:
    return StaffDoor(
        door_code_id=code.id,
        staff_code_id=staff.id,
        name=staff.name,
        windows=staff.windows,
        ends_on=staff.ends_on,
        status=code.status,
        problem=code.problem,
    )


def _zone(session: Session, lock_id: int, card: Health) -> str:
    """The zone in which the lock's history is told: a property's of its own, else the lock's."""
    found = session.scalar(
        select(Property.time_zone)
        .join(Mapping, Mapping.property_id == Property.id)
        .where(Mapping.lock_id == lock_id)
        .limit(1)
    )
    return found or zone_or_utc(card.zone).key
