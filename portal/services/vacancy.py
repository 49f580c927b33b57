"""Doors that open while nobody stays: whether one is alerted, and what still stands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.door_event import INSIDE_FOR, How, Opening, What, Whose, is_uncalled_for
from portal.domain.sentences import Sentence
from portal.domain.stay import Window
from portal.models import Alert, Booking, BookingStatus, DoorEvent, Mapping, Property

CAUSE: Final = "opened_while_vacant"
ALERTED_FOR: Final = timedelta(hours=8)
# Told later than this it is history: the entry log has it.
STALE_AFTER: Final = timedelta(hours=26)
_LONGEST_BUFFER: Final = timedelta(days=1)

_FROM_INSIDE: Final = Sentence("{lock} was opened from inside while nobody stays there.")
_WITH_A_CODE: Final = Sentence("{lock} was opened with a code while nobody stays there.")
_WITH_THE_CODE: Final = Sentence(
    "{lock} was opened with the code “{name}” while nobody stays there."
)


@dataclass(frozen=True, kw_only=True)
class Uncalled:
    """An opening that a person should know of."""

    account_id: int
    lock_id: int
    key: str
    words: str


def alert_until(session: Session, row: DoorEvent, now: datetime) -> datetime | None:
    """Until when this opening is alerted; None where it is nothing unusual or nobody asked."""
    if now - row.at > STALE_AFTER or not _is_watched(session, row.lock_id):
        return None
    opening = Opening(row.at, row.how, row.whose)
    stays, before = _stays(session, row), _before(session, row)
    return now + ALERTED_FOR if is_uncalled_for(opening, stays, before) else None


def standing(session: Session, opened: Iterable[tuple[DoorEvent, str]]) -> list[Uncalled]:
    """Of these openings, each with its lock's name, those that nobody has seen yet."""
    found = {f"{CAUSE}:{event.id}": (event, name) for event, name in opened}
    if not found:
        return []
    done = set(
        session.scalars(
            select(Alert.key).where(
                Alert.key.in_(found), Alert.seen_at.is_not(None) | Alert.closed_at.is_not(None)
            )
        )
    )
    return [
        Uncalled(
            account_id=event.account_id,
            lock_id=event.lock_id,
            key=key,
            words=_words(event, name),
        )
        for key, (event, name) in found.items()
        if key not in done
    ]


def _words(event: DoorEvent, lock_name: str) -> str:
    if event.how is How.THUMB_TURN:
        return _FROM_INSIDE(lock=lock_name)
    if event.whose is Whose.GUEST or not event.name:
        return _WITH_A_CODE(lock=lock_name)
    return _WITH_THE_CODE(lock=lock_name, name=event.name)


def _is_watched(session: Session, lock_id: int) -> bool:
    watched = (
        select(Mapping.id)
        .join(Property, Property.id == Mapping.property_id)
        .where(Mapping.lock_id == lock_id, Property.alerts_when_vacant.is_(True))
        .limit(1)
    )
    return session.scalar(watched) is not None


def _stays(session: Session, row: DoorEvent) -> list[Window]:
    """The stays at any property behind the door, with their buffers: shared doors are shared."""
    rows = session.execute(
        select(
            Booking.starts_at,
            Booking.ends_at,
            Property.buffer_before_minutes,
            Property.buffer_after_minutes,
        )
        .join(Property, Property.id == Booking.property_id)
        .join(Mapping, Mapping.property_id == Property.id)
        .where(
            Mapping.lock_id == row.lock_id,
            Booking.status == BookingStatus.CONFIRMED,
            Booking.starts_at <= row.at + _LONGEST_BUFFER,
            Booking.ends_at >= row.at - _LONGEST_BUFFER,
        )
    )
    return [
        Window(
            starts_at - timedelta(minutes=before),
            ends_at + timedelta(minutes=after),
        )
        for starts_at, ends_at, before, after in rows
    ]


def _before(session: Session, row: DoorEvent) -> list[Opening]:
    rows = session.execute(
        select(DoorEvent.at, DoorEvent.how, DoorEvent.whose).where(
            DoorEvent.lock_id == row.lock_id,
            DoorEvent.what == What.OPENED,
            DoorEvent.at >= row.at - INSIDE_FOR,
            DoorEvent.at <= row.at,
        )
    )
    return [Opening(*each) for each in rows]
