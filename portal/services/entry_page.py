"""What pages read of the entry log: who opened a door when, and who cannot get in."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from portal.domain.door_event import (
    TRIES_EARLY,
    TRIES_TOLD_FOR,
    Event,
    How,
    KeypadTrouble,
    What,
    Whose,
    keypad_trouble,
)
from portal.domain.notices import KEYPAD_LOCKED
from portal.models import Alert, Booking, DoorEvent
from portal.services import guests
from portal.services.guests import Guest
from portal.zones import zone_or_utc

PAGE_SIZE: Final = 50
RECENT: Final = 8


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a lock's entry log."""

    id: int
    at: datetime
    what: What
    how: How
    whose: Whose
    name: str
    booking_id: int | None
    guest: Guest | None
    is_first: bool  # the guest's first arrival
    is_alerted: bool  # it opened while nobody stayed there


@dataclass(frozen=True)
class LogPage:
    """One page of a lock's entry log, the newest first."""

    entries: tuple[Entry, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))


def recent(session: Session, lock_id: int) -> tuple[Entry, ...]:
    """The last things that happened at the door."""
    return _entries(session, [DoorEvent.lock_id == lock_id], limit=RECENT)


def page(session: Session, lock_id: int, zone: str, on: date | None, number: int) -> LogPage:
    """One page of the log, or of one day of it; a number beyond the last is the last."""
    conditions = [DoorEvent.lock_id == lock_id, *_day(on, zone)]
    total = session.scalars(select(func.count(DoorEvent.id)).where(*conditions)).one()
    last = max(1, -(-total // PAGE_SIZE))
    number = min(max(1, number), last)
    entries = _entries(session, conditions, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE)
    return LogPage(entries, total, number)


def everything(session: Session, lock_id: int, zone: str, on: date | None) -> tuple[Entry, ...]:
    """The whole log, or one day of it, the newest first."""
    return _entries(session, [DoorEvent.lock_id == lock_id, *_day(on, zone)])


def troubles(
    session: Session, bookings: Collection[int] | Select[int], now: datetime
) -> dict[int, KeypadTrouble]:
    """Which guests seem not to get in by the keypad, of these stays by their ids: three queries.

    By wrong tries and pauses that are theirs, and by the open alert of a keypad that locked itself:
    it names who waits also where no try tells whose it is. Whoever may come a day early is no guest
    at the door for that.
    """
    events = session.execute(
        select(DoorEvent.booking_id, DoorEvent.lock_id, DoorEvent.at, DoorEvent.what).where(
            DoorEvent.booking_id.in_(bookings),
            DoorEvent.at > now - TRIES_TOLD_FOR,
        )
    ).all()
    alerts = session.execute(
        select(Alert.booking_id, Alert.lock_id, Alert.opened_at)
        .join(Booking, Booking.id == Alert.booking_id)
        .where(
            Alert.cause == KEYPAD_LOCKED,
            Alert.closed_at.is_(None),
            Alert.booking_id.in_(bookings),
            Booking.starts_at <= now + TRIES_EARLY,
        )
    ).all()
    of_stay: dict[int, list[Event]] = {}
    doors: dict[int, set[int]] = {}
    for row in (*events, *alerts):
        doors.setdefault(row.booking_id, set()).add(row.lock_id)
    for row in events:
        event = Event(row.at, row.what, is_own=row.what is What.OPENED)
        of_stay.setdefault(row.booking_id, []).append(event)
    unlocked = _unlocked_here(session, {lock_id for of in doors.values() for lock_id in of}, now)
    locked_since = {row.booking_id: row.opened_at for row in alerts}
    told = {
        booking_id: keypad_trouble(
            [*of_stay.get(booking_id, ()), *(e for id_ in of for e in unlocked.get(id_, ()))],
            now,
            locked_since.get(booking_id),
        )
        for booking_id, of in doors.items()
    }
    return {booking_id: trouble for booking_id, trouble in told.items() if trouble is not None}


def _unlocked_here(
    session: Session, lock_ids: Collection[int], now: datetime
) -> dict[int, list[Event]]:
    """When somebody pressed Unlock here, by lock: whoever stood before the door was let in."""
    found: dict[int, list[Event]] = {}
    for lock_id, at in session.execute(
        select(DoorEvent.lock_id, DoorEvent.at).where(
            DoorEvent.lock_id.in_(lock_ids),
            DoorEvent.at > now - TRIES_TOLD_FOR,
            DoorEvent.what == What.OPENED,
            DoorEvent.whose == Whose.PORTAL,
        )
    ):
        found.setdefault(lock_id, []).append(Event(at, What.OPENED, is_own=True))
    return found


def _day(on: date | None, zone: str) -> list[ColumnElement[bool]]:
    """The condition that something happened on that day of the zone."""
    if on is None:
        return []
    here = zone_or_utc(zone)
    start = datetime.combine(on, time(0), tzinfo=here)
    end = datetime.combine(on + timedelta(days=1), time(0), tzinfo=here)
    return [DoorEvent.at >= start, DoorEvent.at < end]


def _entries(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    limit: int | None = None,
    offset: int = 0,
) -> tuple[Entry, ...]:
    rows = session.execute(
        select(DoorEvent, Booking)
        .outerjoin(Booking, Booking.id == DoorEvent.booking_id)
        .where(*conditions)
        .order_by(DoorEvent.at.desc(), DoorEvent.id.desc())
        .limit(limit)
        .offset(offset)
    ).all()
    firsts = _firsts(session, {row.DoorEvent.booking_id for row in rows} - {None})
    return tuple(_entry(row.DoorEvent, row.Booking, firsts) for row in rows)


def _firsts(session: Session, booking_ids: Iterable[int]) -> set[int]:
    """The events that were the first opening of these bookings, at whichever of their doors."""
    ids = sorted(booking_ids)
    if not ids:
        return set()
    first = (
        select(DoorEvent.booking_id, func.min(DoorEvent.at).label("at"))
        .where(DoorEvent.booking_id.in_(ids), DoorEvent.what == What.OPENED)
        .group_by(DoorEvent.booking_id)
        .subquery()
    )
    return set(
        session.scalars(
            select(func.min(DoorEvent.id))
            .join(
                first,
                and_(DoorEvent.booking_id == first.c.booking_id, DoorEvent.at == first.c.at),
            )
            .where(DoorEvent.what == What.OPENED)
            .group_by(DoorEvent.booking_id)
        )
    )


def _entry(event: DoorEvent, booking: Any, firsts: set[int]) -> Entry:
    is_guest = event.whose is Whose.GUEST or event.what is not What.OPENED
    return Entry(
        id=event.id,
        at=event.at,
        what=event.what,
        how=event.how,
        whose=event.whose,
        name=event.name,
        booking_id=event.booking_id if booking is not None else None,
        guest=guests.of(booking) if booking is not None and is_guest else None,
        is_first=event.id in firsts,
        is_alerted=event.what is What.OPENED and event.alert_until is not None,
    )
