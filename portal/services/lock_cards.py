"""What lists read of locks: how each is, how many codes it holds, and how much room is left."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session, joinedload

from portal.domain.entry import EntryState, Evidence
from portal.domain.health import battery_word, signal_word
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.models import (
    ConnectionState,
    DoorCode,
    ForeignCode,
    Lock,
    LockEntry,
    Mapping,
    Property,
)
from portal.zones import zone_or_utc

# "Holds up to 100 codes", the vendor's product pages say of these locks.
CODES_PER_LOCK: Final = 100


@dataclass(frozen=True, kw_only=True)
class Health:
    """A lock as lists show it."""

    id: int
    name: str
    model: str
    firmware: str
    zone: str | None
    connection_id: int
    connection_name: str
    is_connected: bool
    is_online: bool | None
    online_changed_at: datetime | None
    battery_state: str | None
    battery_level: int | None
    wifi_signal: int | None
    bolt_state: str | None
    code_length: int | None
    has_vlac: bool
    seen_at: datetime | None
    read_at: datetime | None
    missing_since: datetime | None
    breaker_until: datetime | None
    failure_problem: ProblemKey | None
    ours: int
    foreign: int
    needs_you: int
    is_split: bool  # its memory and Schlage's list disagree, as far as a code of ours has shown
    properties: tuple[str, ...]

    @property
    def used(self) -> int:
        return self.ours + self.foreign

    @property
    def room(self) -> int:
        return max(0, CODES_PER_LOCK - self.used)

    @property
    def signal(self) -> str:
        """strong, fair, weak, or empty where Schlage has not said."""
        return signal_word(self.wifi_signal)

    @property
    def battery(self) -> str:
        """critical, low, good, or empty where Schlage has not said."""
        return battery_word(self.battery_state, self.battery_level)

    @property
    def problem(self) -> ProblemKey | None:
        """The worst thing to know of this lock, where there is one."""
        if not self.is_connected:
            return ProblemKey.SIGNED_OUT
        if self.missing_since is not None:
            return ProblemKey.LOCK_MISSING
        if self.is_online is False:
            return ProblemKey.LOCK_OFFLINE
        if self.is_split:
            return ProblemKey.SPLIT_BRAIN
        if self.breaker_until is not None and self.failure_problem is not None:
            return self.failure_problem
        if self.battery in {"critical", "low"}:
            return ProblemKey.LOW_BATTERY
        return ProblemKey.LOCK_FULL if self.room == 0 else None


def every(session: Session) -> tuple[Health, ...]:
    """Every lock of the account by name: five queries, whatever their number."""
    return _health(session, session.scalars(_locks()).all())


def one(session: Session, lock_id: int) -> Health | None:
    """One lock, or None where the account has no such lock."""
    found = session.scalars(_locks().where(Lock.id == lock_id)).all()
    return _health(session, found)[0] if found else None


def zone_of(session: Session, lock_id: int, own: str | None) -> str:
    """The zone in which the lock's history is told: a property's of its own, else the lock's."""
    found = session.scalar(
        select(Property.time_zone)
        .join(Mapping, Mapping.property_id == Property.id)
        .where(Mapping.lock_id == lock_id)
        .limit(1)
    )
    return found or zone_or_utc(own).key


def _locks() -> Any:
    return select(Lock).options(joinedload(Lock.connection)).order_by(func.lower(Lock.name))


def _health(session: Session, locks: Sequence[Lock]) -> tuple[Health, ...]:
    ids = [lock.id for lock in locks]
    ours = _counted(
        session,
        select(LockEntry.lock_id, func.count())
        .where(
            LockEntry.lock_id.in_(ids),
            LockEntry.state != EntryState.GONE,
            LockEntry.evidence != Evidence.NOT_SENT,
        )
        .group_by(LockEntry.lock_id),
    )
    foreign = _counted(
        session,
        select(ForeignCode.lock_id, func.count())
        .where(ForeignCode.lock_id.in_(ids))
        .group_by(ForeignCode.lock_id),
    )
    is_split = DoorCode.problem == ProblemKey.SPLIT_BRAIN
    stuck = {
        lock_id: (number, bool(split))
        for lock_id, number, split in session.execute(
            select(DoorCode.lock_id, func.count(), func.count(case((is_split, 1))))
            .where(
                DoorCode.lock_id.in_(ids),
                or_(
                    DoorCode.status == Status.NEEDS_YOU,
                    and_(DoorCode.status == Status.REMOVING, is_split),
                ),
            )
            .group_by(DoorCode.lock_id)
        )
    }
    names: dict[int, list[str]] = {}
    for lock_id, name in session.execute(
        select(Mapping.lock_id, Property.name)
        .join(Property, Property.id == Mapping.property_id)
        .where(Mapping.lock_id.in_(ids))
        .order_by(Property.name)
    ):
        names.setdefault(lock_id, []).append(name)
    return tuple(
        _card(
            lock,
            ours.get(lock.id, 0),
            foreign.get(lock.id, 0),
            *stuck.get(lock.id, (0, False)),
            names.get(lock.id, ()),
        )
        for lock in locks
    )


def _counted(session: Session, statement: Any) -> dict[int, int]:
    return {row[0]: row[1] for row in session.execute(statement)}


def _card(
    lock: Lock, ours: int, foreign: int, needs_you: int, is_split: bool, names: Sequence[str]
) -> Health:
    return Health(
        id=lock.id,
        name=lock.name,
        model=lock.model,
        firmware=lock.firmware,
        zone=lock.time_zone,
        connection_id=lock.connection_id,
        connection_name=lock.connection.name,
        is_connected=lock.connection.state is ConnectionState.CONNECTED,
        is_online=lock.is_online,
        online_changed_at=lock.online_changed_at,
        battery_state=lock.battery_state,
        battery_level=lock.battery_level,
        wifi_signal=lock.wifi_signal,
        bolt_state=lock.bolt_state,
        code_length=lock.code_length,
        has_vlac=lock.has_vlac,
        seen_at=lock.seen_at,
        read_at=lock.read_at,
        missing_since=lock.missing_since,
        breaker_until=lock.breaker_until,
        failure_problem=lock.failure_problem,
        ours=ours,
        foreign=foreign,
        needs_you=needs_you,
        is_split=is_split,
        properties=tuple(names),
    )
