"""What pages read of the entry log: who opened a door when, and who cannot get in."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from portal.domain.door_event import (
    TRIES_TOLD_FOR,
    Event,
    How,
    KeypadTrouble,
    What,
    Whose,
    keypad_trouble,
)
from portal.models import Booking, DoorEvent
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
    """Which guests seem not to get in by the keypad, of these stays by their ids: one query."""
    rows = session.execute(
        select(DoorEvent.booking_id, DoorEvent.at, DoorEvent.what).where(
            DoorEvent.booking_id.in_(bookings),
            DoorEvent.at > now - TRIES_TOLD_FOR,
        )
    )
    found: dict[int, list[Event]] = {}
    for booking_id, at, what in rows:
        if booking_id is not None:
            found.setdefault(booking_id, []).append(Event(at, what, is_own=what is What.OPENED))
    told = {booking_id: keypad_trouble(events, now) for booking_id, events in found.items()}
    return {booking_id: trouble for booking_id, trouble in told.items() if trouble is not None}


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
