"""What pages about messages to guests read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload

from portal.domain.guest_sending import OPEN, Hindrance, State, Way
from portal.models import Booking, GuestSend
from portal.services import guests
from portal.services.guests import Guest
from portal.services.timeline import names_of

LOG_SIZE: Final = 200
OWN_LOG_SIZE: Final = 20


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One message to a guest, or a test, as lists show it: never its text."""

    id: int
    booking_id: int | None
    guest: Guest | None
    property_name: str
    way: Way
    to: str
    language: str
    state: State
    why: Hindrance | None
    error_key: str
    error: str
    is_forced: bool
    made_by: str
    made_at: datetime
    done_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


def of_booking(session: Session, booking_id: int) -> tuple[Sent, ...]:
    """The newest messages to this guest."""
    return _read(session, select(GuestSend).where(GuestSend.booking_id == booking_id), OWN_LOG_SIZE)


def of_items(session: Session, item_ids: Sequence[int]) -> dict[int, Sent]:
    """The messages of a bulk run by its items."""
    rows = session.execute(
        select(GuestSend.bulk_item_id, GuestSend.id).where(GuestSend.bulk_item_id.in_(item_ids))
    ).all()
    items = {row.id: row.bulk_item_id for row in rows}
    found = _read(session, select(GuestSend).where(GuestSend.id.in_(items)), len(item_ids))
    return {items[each.id]: each for each in found}


def tests(session: Session, way: Way) -> tuple[Sent, ...]:
    """The newest tests of this way."""
    wanted = select(GuestSend).where(GuestSend.booking_id.is_(None), GuestSend.way == way)
    return _read(session, wanted, OWN_LOG_SIZE)


def sent(session: Session) -> tuple[Sent, ...]:
    """The newest of all."""
    return _read(session, select(GuestSend), LOG_SIZE)


def _read(session: Session, wanted: Select[Any], size: int) -> tuple[Sent, ...]:
    rows = session.scalars(
        wanted.options(joinedload(GuestSend.booking).joinedload(Booking.property))
        .order_by(GuestSend.id.desc())
        .limit(size)
    ).all()
    names = names_of(session, {row.made_by for row in rows})
    return tuple(
        Sent(
            id=row.id,
            booking_id=row.booking_id,
            guest=guests.of(row.booking) if row.booking is not None else None,
            property_name=row.booking.property.name if row.booking is not None else "",
            way=row.way,
            to=row.to,
            language=row.language,
            state=row.state,
            why=row.why,
            error_key=row.error_key,
            error=row.error_words,
            is_forced=row.is_forced,
            made_by=names.get(row.made_by, ""),
            made_at=row.made_at,
            done_at=row.done_at,
        )
        for row in rows
    )
