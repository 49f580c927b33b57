"""What the import page reads: each calendar, how it is, and what it last brought."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer, joinedload

from portal import clock
from portal.models import Booking, BookingStatus, Feed, Property


@dataclass(frozen=True, kw_only=True)
class Card:
    """A calendar as the import page shows it. Its address is a secret: only the host is here."""

    id: int
    name: str
    source: str
    host: str
    property_id: int
    property_name: str
    zone: str
    has_address: bool
    is_paused: bool
    due_at: datetime | None
    tried_at: datetime | None
    good_at: datetime | None
    failures: int
    error_words: str
    held_until: datetime | None
    held_reason: str
    held: tuple[str, ...]  # the days of the stays that are held
    is_accepted: bool
    changed_at: datetime | None
    changes: tuple[dict[str, Any], ...]
    skipped: tuple[dict[str, Any], ...]

    @property
    def is_well(self) -> bool:
        return not self.error_words and self.held_until is None and self.good_at is not None


def cards(session: Session) -> tuple[Card, ...]:
    """The account's calendars by property: three queries, whatever their number."""
    rows = session.scalars(
        select(Feed)
        .join(Feed.property)
        .options(joinedload(Feed.property), defer(Feed.address))
        .order_by(func.lower(Property.name), Feed.id)
    ).all()
    with_address = set(session.scalars(select(Feed.id).where(Feed.address.is_not(None))))
    held: dict[int | None, list[str]] = {}
    for feed_id, arrives_on, departs_on in session.execute(
        select(Booking.feed_id, Booking.arrives_on, Booking.departs_on)
        .where(Booking.feed_id.is_not(None), Booking.status == BookingStatus.CONFIRMED)
        .where(Booking.held_until > clock.now())
        .order_by(Booking.starts_at)
    ):
        held.setdefault(feed_id, []).append(f"{arrives_on.isoformat()} - {departs_on.isoformat()}")
    return tuple(
        Card(
            id=row.id,
            name=row.name,
            source=row.source,
            host=row.host,
            property_id=row.property_id,
            property_name=row.property.name,
            zone=row.property.time_zone,
            has_address=row.id in with_address,
            is_paused=row.is_paused,
            due_at=row.due_at,
            tried_at=row.tried_at,
            good_at=row.good_at,
            failures=row.failures,
            error_words=row.error_words,
            held_until=row.held_until if row.hold_accepted_at is None else None,
            held_reason=row.held_reason,
            held=tuple(held.get(row.id, ())),
            is_accepted=row.hold_accepted_at is not None,
            changed_at=row.changed_at,
            changes=tuple(row.last_changes or ()),
            skipped=tuple(row.skipped or ()),
        )
        for row in rows
    )
