"""Keypads that locked themselves after wrong tries, while a guest may stand before them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.domain.door_event import (
    PAUSE_BEFORE,
    PAUSE_TOLD_FOR,
    Event,
    Expected,
    What,
    Whose,
    paused_until,
    who_waits,
)
from portal.domain.notices import KEYPAD_LOCKED
from portal.domain.sentences import Sentence
from portal.domain.stay import Window
from portal.models import Booking, BookingStatus, DoorCode, DoorEvent
from portal.models.base import one_of

CAUSE: Final = KEYPAD_LOCKED

_OPENINGS: Final = select(DoorEvent.lock_id, DoorEvent.at).where(
    DoorEvent.lock_id.in_(bindparam("lock_ids", expanding=True)),
    DoorEvent.at > bindparam("since"),
    DoorEvent.what == What.OPENED,
    # By a guest's code, or because somebody pressed Unlock here.
    one_of(DoorEvent.whose, [Whose.GUEST, Whose.PORTAL]),
)
_EXPECTED: Final = (
    select(
        DoorCode.lock_id,
        Booking.id,
        DoorCode.starts_at,
        DoorCode.ends_at,
        Booking.proven_at,
    )
    .join(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.lock_id.in_(bindparam("lock_ids", expanding=True)),
        DoorCode.is_wanted.is_(True),
        DoorCode.starts_at <= bindparam("soon"),
        DoorCode.ends_at > bindparam("now"),
        Booking.status == BookingStatus.CONFIRMED,
    )
)

_LOCKED_ITSELF: Final = Sentence("The keypad of {lock} locked itself after wrong tries.")


@dataclass(frozen=True, kw_only=True)
class Locked:
    """A keypad that a guest may stand before, and the guest who most likely does."""

    account_id: int
    lock_id: int
    booking_id: int
    words: str

    @property
    def key(self) -> str:
        return f"{CAUSE}:{self.lock_id}"


def alert_until(row: DoorEvent, now: datetime) -> datetime | None:
    """Until when this pause may be alerted; None for anything else, and for one told too late."""
    until = row.at + PAUSE_TOLD_FOR
    return until if row.what is What.KEYPAD_PAUSED and until > now else None


def standing(
    session: Session, paused: Sequence[tuple[DoorEvent, str]], now: datetime
) -> list[Locked]:
    """Of these pauses, each with its lock's name, what is alerted now: one for each lock."""
    if not paused:
        return []
    events: dict[int, list[Event]] = {}
    for event, _ in paused:
        events.setdefault(event.lock_id, []).append(Event(event.at, event.what))
    openings = {"lock_ids": list(events), "since": now - PAUSE_TOLD_FOR}
    for lock_id, at in session.execute(_OPENINGS, openings):
        events[lock_id].append(Event(at, What.OPENED, is_own=True))
    waiting = _waiting(session, events, now)
    locks = {event.lock_id: (event.account_id, name) for event, name in paused}
    return [
        Locked(
            account_id=account_id,
            lock_id=lock_id,
            booking_id=waiting[lock_id],
            words=_LOCKED_ITSELF(lock=name),
        )
        for lock_id, (account_id, name) in locks.items()
        if lock_id in waiting and (until := paused_until(events[lock_id])) and now < until
    ]


def _waiting(session: Session, lock_ids: Collection[int], now: datetime) -> dict[int, int]:
    """Whose guest most likely stands before each of these locks; only those with anybody."""
    asked = {"lock_ids": list(lock_ids), "now": now, "soon": now + PAUSE_BEFORE}
    expected: dict[int, list[Expected]] = {}
    for lock_id, booking_id, starts_at, ends_at, proven_at in session.execute(_EXPECTED, asked):
        stay = Expected(booking_id, Window(starts_at, ends_at), has_arrived=proven_at is not None)
        expected.setdefault(lock_id, []).append(stay)
    found = {lock_id: who_waits(stays, now) for lock_id, stays in expected.items()}
    return {lock_id: booking_id for lock_id, booking_id in found.items() if booking_id is not None}
