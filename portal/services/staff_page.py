"""What the pages of staff codes read: each person, and how their code stands on every lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session, defer, joinedload, selectinload

from portal.domain.entry import NameOnLock
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.week import WeeklyWindow
from portal.models import (
    Connection,
    DoorCode,
    Lock,
    Property,
    StaffCode,
    StaffGrant,
    TimelineEntry,
)
from portal.services import booking_page, entry_names, refusals
from portal.services.booking_page import Line
from portal.services.stays import Door, door_of
from portal.services.timeline import Kind

TIMELINE_SIZE: Final = 40
# These stand in the person's own history already, and once more in each lock's.
_TOLD_ONCE: Final = (
    str(Kind.STAFF_CODE_MADE),
    str(Kind.STAFF_CODE_CHANGED),
    str(Kind.STAFF_CODE_REVOKED),
)


@dataclass(frozen=True, kw_only=True)
class StaffCard:
    """A staff code as the list shows it."""

    id: int
    name: str
    phone: str
    email: str
    windows: tuple[WeeklyWindow, ...]
    ends_on: date | None
    revoked_at: datetime | None
    places: tuple[str, ...]
    doors: tuple[Door, ...]
    zone: str

    @property
    def is_over(self) -> bool:
        """Revoked or past its last day, and proven off every lock."""
        return all(door.status is Status.REMOVED for door in self.doors) and (
            self.revoked_at is not None or bool(self.doors)
        )


@dataclass(frozen=True, kw_only=True)
class StaffPage:
    """One staff code's page."""

    card: StaffCard
    lines: tuple[Line, ...]
    names: dict[int, tuple[NameOnLock, ...]]  # on the locks, by the code's id
    led_by: dict[int, frozenset[ProblemKey]]  # what led to a split brain, by the code's id


@dataclass(frozen=True)
class Place:
    """A property or a lock to choose from; `value` is what the form sends."""

    value: str
    name: str
    note: str = ""


def cards(session: Session) -> tuple[StaffCard, ...]:
    """The account's staff codes by name, those that are over last: a fixed number of queries."""
    found = _cards(session, session.scalars(_codes()).all())
    return tuple(sorted(found, key=lambda card: card.is_over))


def find(session: Session, staff_code_id: int) -> StaffPage | None:
    """One staff code's page, or None where the account has no such code."""
    codes = session.scalars(_codes().where(StaffCode.id == staff_code_id)).all()
    if not codes:
        return None
    (card,) = _cards(session, codes)
    lines = booking_page.timeline(
        session,
        or_(
            TimelineEntry.staff_code_id == staff_code_id,
            TimelineEntry.door_code_id.in_([door.id for door in card.doors])
            & TimelineEntry.kind.not_in(_TOLD_ONCE),
        ),
        TIMELINE_SIZE,
    )
    names = entry_names.of_codes(session, [door.id for door in card.doors])
    of_locks = session.scalars(select(DoorCode).where(DoorCode.staff_code_id == staff_code_id))
    return StaffPage(
        card=card,
        lines=booking_page.calm(lines),
        names=names,
        led_by=refusals.led_to(session, of_locks),
    )


def places(session: Session) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """The properties and the locks that a staff code can be made for."""
    properties = session.execute(
        select(Property.id, Property.name).order_by(func.lower(Property.name))
    )
    locks = session.execute(
        select(Lock.id, Lock.name, Connection.name)
        .join(Connection, Connection.id == Lock.connection_id)
        .order_by(func.lower(Lock.name))
    )
    return (
        tuple(Place(f"property-{row[0]}", row[1]) for row in properties),
        tuple(Place(f"lock-{row[0]}", row[1], row[2]) for row in locks),
    )


def _codes() -> Select[StaffCode]:
    return (
        select(StaffCode)
        .options(selectinload(StaffCode.grants), defer(StaffCode.pin))
        .order_by(func.lower(StaffCode.name), StaffCode.id)
    )


def _cards(session: Session, codes: Sequence[StaffCode]) -> list[StaffCard]:
    doors: dict[int, list[DoorCode]] = {}
    for code in session.scalars(
        select(DoorCode)
        .where(DoorCode.staff_code_id.in_([staff.id for staff in codes]))
        .options(joinedload(DoorCode.lock).joinedload(Lock.connection).load_only(Connection.state))
    ):
        doors.setdefault(code.staff_code_id or 0, []).append(code)
    grants = [grant for staff in codes for grant in staff.grants]
    names = _names(session, grants)
    return [
        StaffCard(
            id=staff.id,
            name=staff.name,
            phone=staff.phone,
            email=staff.email,
            windows=staff.windows,
            ends_on=staff.ends_on,
            revoked_at=staff.revoked_at,
            places=tuple(sorted(names[grant.id] for grant in staff.grants if grant.id in names)),
            doors=tuple(door_of(code) for code in _by_name(doors.get(staff.id, []))),
            zone=_zone(doors.get(staff.id, [])),
        )
        for staff in codes
    ]


def _by_name(codes: Sequence[DoorCode]) -> list[DoorCode]:
    return sorted(codes, key=lambda code: (code.lock.name.casefold(), code.id))


def _zone(codes: Sequence[DoorCode]) -> str:
    return next((code.lock.time_zone for code in codes if code.lock.time_zone), "UTC")


def _names(session: Session, grants: Sequence[StaffGrant]) -> dict[int, str]:
    """What each grant is for, in words."""
    locks: dict[int | None, str] = dict(
        session.execute(
            select(Lock.id, Lock.name).where(Lock.id.in_([g.lock_id for g in grants if g.lock_id]))
        ).all()
    )
    homes: dict[int | None, str] = dict(
        session.execute(
            select(Property.id, Property.name).where(
                Property.id.in_([g.property_id for g in grants if g.property_id])
            )
        ).all()
    )
    return {
        grant.id: homes.get(grant.property_id, "") or locks.get(grant.lock_id, "")
        for grant in grants
    }
