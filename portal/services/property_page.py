"""What the pages of properties read."""

from dataclasses import dataclass
from datetime import datetime, time

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Booking, BookingStatus, Lock, Mapping, Property


@dataclass(frozen=True, kw_only=True)
class Card:
    """A property as the list shows it."""

    id: int
    name: str
    zone: str
    check_in: time
    check_out: time
    has_fallback: bool
    locks: tuple[str, ...]
    coming: int
    next_at: datetime | None


def cards(session: Session, now: datetime) -> tuple[Card, ...]:
    """The account's properties by name: three queries, whatever their number."""
    rows = session.execute(
        select(
            Property.id,
            Property.name,
            Property.time_zone,
            Property.check_in,
            Property.check_out,
            Property.fallback_entry.is_not(None),
        ).order_by(func.lower(Property.name))
    ).all()
    locks = lock_names(session)
    coming = {
        row[0]: (row[1], row[2])
        for row in session.execute(
            select(Booking.property_id, func.count(), func.min(Booking.starts_at))
            .where(Booking.starts_at > now, Booking.status == BookingStatus.CONFIRMED)
            .group_by(Booking.property_id)
        )
    }
    return tuple(
        Card(
            id=row[0],
            name=row[1],
            zone=row[2],
            check_in=row[3],
            check_out=row[4],
            has_fallback=bool(row[5]),
            locks=tuple(locks.get(row[0], ())),
            coming=coming.get(row[0], (0, None))[0],
            next_at=coming.get(row[0], (0, None))[1],
        )
        for row in rows
    )


def lock_names(session: Session) -> dict[int, list[str]]:
    """The names of the locks that open each property."""
    names: dict[int, list[str]] = {}
    for property_id, name in session.execute(
        select(Mapping.property_id, Lock.name)
        .join(Lock, Lock.id == Mapping.lock_id)
        .order_by(func.lower(Lock.name))
    ):
        names.setdefault(property_id, []).append(name)
    return names
