"""What a lock's page reads: its health, the codes on it, what travels, and its history."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.domain.command import OPEN, Kind, State
from portal.domain.entry import NameOnLock
from portal.domain.status import Status
from portal.models import Command, Mapping, Property
from portal.models.base import one_of
from portal.services import booking_page, entry_names, lock_cards, lock_codes
from portal.services.booking_page import Line
from portal.services.lock_cards import Health
from portal.services.lock_codes import Code, Foreign, Spare, StaffDoor

# How much of the history stands on the page, and how much where somebody asks for more.
NEWEST_LINES: Final = 6
LINES: Final = 200
# So many rows make one line, at most, once those are left out that their neighbours say.
_ROWS_PER_LINE: Final = 3


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
    has_older_lines: bool
    zone: str
    spares: tuple[Spare, ...] = ()
    spares_wanted: int = 0
    staff: tuple[StaffDoor, ...] = ()
    names: dict[int, tuple[NameOnLock, ...]]  # on the lock, by the code's id

    @property
    def spares_ready(self) -> int:
        """How many spares are confirmed and not given to anybody."""
        return sum(s.status is Status.CONFIRMED and s.booking_id is None for s in self.spares)


def find(session: Session, lock_id: int, lines: int = NEWEST_LINES) -> LockPage | None:
    """One lock's page with that many lines of its history, or None where there is no such lock."""
    card = lock_cards.one(session, lock_id)
    if card is None:
        return None
    codes = lock_codes.of_bookings(session, lock_id)
    others = lock_codes.of_no_booking(session, lock_id)
    shown = [code.door_code_id for code in codes] + [code.id for code in others]
    rows = _ROWS_PER_LINE * lines + 1
    history = booking_page.calm(booking_page.timeline_of_lock(session, lock_id, rows))
    return LockPage(
        health=card,
        codes=codes,
        foreign=lock_codes.of_others(session, lock_id),
        commands=_open_commands(session, lock_id),
        lines=history[:lines],
        has_older_lines=len(history) > lines,
        zone=lock_cards.zone_of(session, lock_id, card.zone),
        spares=tuple(lock_codes.spare_of(code) for code in others if code.is_spare),
        spares_wanted=_spares_wanted(session, lock_id),
        staff=tuple(
            lock_codes.staff_of(code, code.staff_code) for code in others if code.staff_code
        ),
        names=entry_names.of_codes(session, shown),
    )


def _open_commands(session: Session, lock_id: int) -> tuple[OpenCommand, ...]:
    rows = session.execute(
        select(Command.kind, Command.state, Command.sent_at, Command.look_at).where(
            Command.lock_id == lock_id, one_of(Command.state, OPEN)
        )
    )
    return tuple(OpenCommand(*row) for row in rows)


def _spares_wanted(session: Session, lock_id: int) -> int:
    return (
        session.scalar(
            select(func.coalesce(func.max(Property.spare_codes), 0))
            .join(Mapping, Mapping.property_id == Property.id)
            .where(Mapping.lock_id == lock_id)
        )
        or 0
    )
