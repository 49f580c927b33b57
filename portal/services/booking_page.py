"""What the booking page reads, beside the stay itself: each door in detail, and the history."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from portal.domain import resync
from portal.domain.command import OPEN, Kind, Lane, State
from portal.domain.entry import NameOnLock
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.stay import Window, crosses_clock_change, zone_of
from portal.models import (
    Booking,
    BookingStatus,
    Command,
    DoorCode,
    Lock,
    LockEntry,
    PinOrigin,
    TimelineEntry,
)
from portal.models.base import one_of
from portal.services import entry_names, guests, refusals, resync_steps, stays
from portal.services.guests import Guest
from portal.services.stays import Door, Stay
from portal.services.timeline import Kind as Happening
from portal.services.timeline import names_of

TIMELINE_SIZE: Final = 60
MOST_OVERLAPPING: Final = 5
# The status is written by the next step on the lock, a moment after the command's end.
SAME_MOMENT: Final = timedelta(minutes=1)
# Which successes say by themselves that a code has this status.
_SAID_BY: Final = {
    str(Status.CONFIRMED): frozenset({str(Kind.ADD), str(Kind.UPDATE)}),
    str(Status.REMOVED): frozenset({str(Kind.DELETE)}),
}


@dataclass(frozen=True, kw_only=True)
class Travelling:
    """A command of this door's code that the lock has not answered."""

    kind: Kind
    state: State
    sent_at: datetime | None
    accepted_at: datetime | None
    raw_state: str


@dataclass(frozen=True, kw_only=True)
class DoorDetail:
    """One door of the booking, with all that is known of its code."""

    door: Door
    names: tuple[NameOnLock, ...]
    starts_at: datetime
    ends_at: datetime
    send_at: datetime
    confirmed_at: datetime | None
    removed_at: datetime | None
    proven_at: datetime | None
    problem_text: str
    problem_at: datetime | None
    led_by: frozenset[ProblemKey]  # what the lock said before its problem was called what it is
    failures: int
    is_wanted: bool
    is_online: bool | None
    has_own_pin: bool
    resync_at: datetime | None  # while one runs
    resync_ended_at: datetime | None
    resync_steps: tuple[resync.StepState, ...]  # while one runs, and a little longer
    travelling: Travelling | None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a history: who or what, when, and the facts of it (never a secret)."""

    id: int
    at: datetime
    kind: str
    door_code_id: int | None
    actor: str
    who: str
    lock_name: str
    data: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Overlapping:
    """Another booking that has nights of this one at the same property."""

    id: int
    guest: Guest
    arrives_on: date
    departs_on: date


@dataclass(frozen=True, kw_only=True)
class Details:
    """A booking's page, but for its verdict, which is the stay's."""

    stay: Stay
    phone: str
    email: str
    language: str
    note: str
    reservation_code: str
    external_id: str
    has_pin: bool
    pin_origin: PinOrigin | None
    pin_note: str
    pin_shown_at: datetime | None
    missing_since: datetime | None
    held_until: datetime | None
    has_clock_change: bool
    is_kept: bool
    overlapping: tuple[Overlapping, ...]
    doors: tuple[DoorDetail, ...]
    spares: tuple[DoorDetail, ...]  # spare codes that the guest was given
    lines: tuple[Line, ...]
    has_more_lines: bool

    @property
    def is_resyncing(self) -> bool:
        return any(door.resync_at is not None for door in self.doors)

    def resync_turns(self) -> tuple[datetime, ...]:
        """When what is told of Resyncs that have ended goes away."""
        return tuple(
            door.resync_ended_at + resync.SHOWN_AFTER
            for door in self.doors
            if door.resync_steps and door.resync_ended_at is not None
        )


def find(
    session: Session,
    booking_id: int,
    now: datetime,
    *,
    is_staff: bool = False,
    with_all_lines: bool = False,
) -> Details | None:
    """The booking's page, or None where the account (or its staff today) has no such booking."""
    stay = stays.find(session, booking_id, now, is_staff=is_staff)
    if stay is None:
        return None
    booking = session.get_one(Booking, booking_id)
    codes = {code.id: code for code in (*booking.door_codes, *booking.spares)}
    names = entry_names.of_codes(session, list(codes))
    travelling = _travelling(session, list(codes))
    led_by = refusals.led_to(session, codes.values())
    limit = None if with_all_lines else TIMELINE_SIZE + 1
    lines = timeline_of_booking(session, booking_id, limit)

    def details(doors: Sequence[Door]) -> tuple[DoorDetail, ...]:
        return tuple(
            _detail(
                door,
                codes[door.id],
                names.get(door.id, ()),
                travelling.get(door.id),
                resync_steps.of(session, codes[door.id], now),
                led_by.get(door.id, frozenset()),
            )
            for door in doors
        )

    return Details(
        stay=stay,
        phone=booking.guest_phone,
        email=booking.guest_email,
        language=booking.guest_language,
        note=booking.note,
        reservation_code=booking.reservation_code or "",
        external_id=booking.external_id,
        has_pin=booking.pin is not None,
        pin_origin=booking.pin_origin,
        pin_note=booking.pin_note,
        pin_shown_at=booking.pin_shown_at,
        missing_since=booking.missing_since,
        held_until=booking.held_until,
        has_clock_change=_has_clock_change(stay, codes.values()),
        is_kept=booking.is_kept and not stay.is_cancelled,
        overlapping=_overlapping(session, booking),
        doors=details(stay.doors),
        spares=details(stay.spares),
        lines=calm(lines if with_all_lines else lines[:TIMELINE_SIZE]),
        has_more_lines=not with_all_lines and len(lines) > TIMELINE_SIZE,
    )


def _has_clock_change(stay: Stay, codes: Iterable[DoorCode]) -> bool:
    """Whether the clocks change in a window of this stay: it is an hour wider then."""
    zone = zone_of(stay.zone)
    return any(
        crosses_clock_change(Window(code.starts_at, code.ends_at), zone)
        for code in codes
        if code.is_wanted
    )


def _overlapping(session: Session, booking: Booking) -> tuple[Overlapping, ...]:
    """The other confirmed bookings of the property at the same time: shown, never refused."""
    if booking.status is not BookingStatus.CONFIRMED:
        return ()
    others = session.scalars(
        select(Booking)
        .where(
            Booking.property_id == booking.property_id,
            Booking.id != booking.id,
            Booking.status == BookingStatus.CONFIRMED,
            Booking.starts_at < booking.ends_at,
            Booking.ends_at > booking.starts_at,
        )
        .order_by(Booking.starts_at, Booking.id)
        .limit(MOST_OVERLAPPING)
    )
    return tuple(
        Overlapping(
            id=other.id,
            guest=guests.of(other),
            arrives_on=other.arrives_on,
            departs_on=other.departs_on,
        )
        for other in others
    )


def timeline_of_booking(session: Session, booking_id: int, limit: int | None) -> tuple[Line, ...]:
    """The booking's history, the newest line first."""
    return timeline(session, TimelineEntry.booking_id == booking_id, limit)


def timeline_of_lock(session: Session, lock_id: int, limit: int | None) -> tuple[Line, ...]:
    """The lock's history, the newest line first."""
    return timeline(session, TimelineEntry.lock_id == lock_id, limit)


def timeline_of_account(
    session: Session, kinds: Collection[Happening], limit: int | None
) -> tuple[Line, ...]:
    """What was done of these kinds, none of them about a booking or lock; the newest line first."""
    # Nearly all lines of an account are about those, and the index of this question has none.
    condition = and_(
        TimelineEntry.booking_id.is_(None),
        TimelineEntry.lock_id.is_(None),
        TimelineEntry.kind.in_([str(kind) for kind in kinds]),
    )
    return timeline(session, condition, limit)


def timeline(session: Session, condition: Any, limit: int | None) -> tuple[Line, ...]:
    """The lines of history that meet the condition, the newest first."""
    rows = session.execute(
        select(TimelineEntry, Lock.name)
        .outerjoin(Lock, Lock.id == TimelineEntry.lock_id)
        .where(condition)
        .order_by(TimelineEntry.id.desc())
        .limit(limit)
    ).all()
    names = names_of(session, {row[0].actor for row in rows})
    return tuple(
        Line(
            id=entry.id,
            at=entry.at,
            kind=entry.kind,
            door_code_id=entry.door_code_id,
            actor=entry.actor,
            who=names.get(entry.actor, ""),
            lock_name=lock_name or "",
            data=entry.data,
        )
        for entry, lock_name in rows
    )


def calm(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines, newest first, without those that their neighbours say already.

    A lock's own confirmation says that the code is on it, or off it; how a write ended, that it
    was accepted; the second look into a list, that there was a first. The rows stay, and so does
    the export.
    """
    kept = []
    for line, before, after in _with_neighbours(lines):
        if not _repeats(line, before) and not _is_overtaken(line, after):
            kept.append(line)
    return tuple(kept)


def _with_neighbours(
    lines: Sequence[Line],
) -> Iterator[tuple[Line, Line | None, Line | None]]:
    """Each line with what happened just before and just after it to the same door's code."""
    after: dict[int, Line | None] = {}
    newer: dict[int | None, Line] = {}
    for line in lines:
        after[line.id] = newer.get(line.door_code_id)
        newer[line.door_code_id] = line
    before = {later.id: line for line in lines if (later := after[line.id]) is not None}
    for line in lines:
        yield line, before.get(line.id), after[line.id]


def _is_overtaken(line: Line, after: Line | None) -> bool:
    """Whether what came next on the same door says this too."""
    if line.door_code_id is None or after is None:
        return False
    overtakes = {
        str(Happening.COMMAND_ACCEPTED): Happening.COMMAND_CLOSED,
        str(Happening.ENTRY_ABSENT): Happening.ENTRY_ABSENT,
    }
    return after.kind == overtakes.get(line.kind)


def _repeats(line: Line, before: Line | None) -> bool:
    """Whether this line of a status only follows from the success before it, on the same door."""
    commands = _SAID_BY.get(str(line.data.get("after")))
    if line.kind != Happening.STATUS_CHANGED or line.door_code_id is None or commands is None:
        return False
    return (
        before is not None
        and before.kind == Happening.COMMAND_CLOSED
        and before.data.get("state") == State.SUCCEEDED
        and before.data.get("command") in commands
        and line.at - before.at <= SAME_MOMENT
    )


def _travelling(session: Session, code_ids: Sequence[int]) -> dict[int, Travelling]:
    rows = session.execute(
        select(
            LockEntry.door_code_id,
            Command.kind,
            Command.state,
            Command.sent_at,
            Command.accepted_at,
            Command.raw_state,
        )
        .join(Command, Command.lock_entry_id == LockEntry.id)
        .where(
            LockEntry.door_code_id.in_(code_ids),
            Command.lane == Lane.CODES,
            one_of(Command.state, OPEN),
        )
    )
    return {
        row.door_code_id: Travelling(
            kind=row.kind,
            state=row.state,
            sent_at=row.sent_at,
            accepted_at=row.accepted_at,
            raw_state=row.raw_state,
        )
        for row in rows
    }


def _detail(
    door: Door,
    code: DoorCode,
    names: tuple[NameOnLock, ...],
    travelling: Travelling | None,
    steps: tuple[resync.StepState, ...],
    led_by: frozenset[ProblemKey],
) -> DoorDetail:
    ended_at = resync_steps.ended_at(code)
    return DoorDetail(
        door=door,
        names=names,
        starts_at=code.starts_at,
        ends_at=code.ends_at,
        send_at=code.send_at,
        confirmed_at=code.confirmed_at,
        removed_at=code.removed_at,
        proven_at=code.proven_at,
        problem_text=code.problem_text,
        problem_at=code.problem_at,
        led_by=led_by,
        failures=code.failures,
        is_wanted=code.is_wanted,
        is_online=code.lock.is_online,
        has_own_pin=code.own_pin is not None,
        resync_at=code.resync_at if ended_at is None else None,
        resync_ended_at=ended_at,
        resync_steps=steps,
        travelling=travelling,
    )
