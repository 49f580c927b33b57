"""Which locks open which property: what the page of the mapping reads, with what to mind."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.domain import naming
from portal.domain.other_systems import Sign, sign_of
from portal.domain.pin import LengthRule, common_length
from portal.domain.stay import zone_of
from portal.models import ForeignCode, Lock, Mapping, Property
from portal.services import banners


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A lock that may open a property."""

    lock_id: int
    name: str
    connection_name: str
    is_mapped: bool
    is_suggested: bool
    is_usable: bool
    shared_with: tuple[str, ...]
    rule: LengthRule
    zone: str | None  # as the lock has it
    other_zone: str | None  # the lock's zone, where it is not the property's
    missing_since: datetime | None  # Schlage does not list it since then
    sign: Sign | None  # of another program that writes codes to it

    @property
    def is_first(self) -> bool:
        """Whether it is shown at once, and not among the other locks."""
        return self.is_mapped or self.is_suggested


@dataclass(frozen=True, kw_only=True)
class Place:
    """A property with the locks to choose from."""

    id: int
    name: str
    zone: str
    choices: tuple[Choice, ...]
    stays: int = 0
    first_at: datetime | None = None

    @property
    def mapped(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.is_mapped)

    @property
    def suggested(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.is_suggested)

    @property
    def is_mapped(self) -> bool:
        return bool(self.mapped)

    @property
    def has_usable_lock(self) -> bool:
        return any(choice.is_usable for choice in self.mapped)

    @property
    def contradicting(self) -> tuple[Choice, ...]:
        """Its locks whose rules allow no PIN of one length for all of them."""
        fixed = [c for c in self.mapped if not c.rule.has_vlac and c.rule.code_length is not None]
        return tuple(fixed) if common_length(choice.rule for choice in fixed) is None else ()


@dataclass(frozen=True, kw_only=True)
class Spare:
    """A lock that opens no property."""

    lock_id: int
    name: str
    connection_name: str
    missing_since: datetime | None


@dataclass(frozen=True)
class Mappings:
    """Properties with coming guests and no lock first, then by name; and locks without property."""

    places: tuple[Place, ...]
    spares: tuple[Spare, ...]


def read(
    session: Session, names: dict[int, str], usable: Collection[int], now: datetime
) -> Mappings:
    """The mapping; `names` are the connections' by id, `usable` those that are signed in."""
    locks = _locks(session)
    mapped: dict[int, set[int]] = {}
    for property_id, lock_id in session.execute(select(Mapping.property_id, Mapping.lock_id)):
        mapped.setdefault(property_id, set()).add(lock_id)
    used = {lock_id for lock_ids in mapped.values() for lock_id in lock_ids}
    spares = (
        Spare(
            lock_id=lock.id,
            name=lock.name,
            connection_name=names[lock.connection_id],
            missing_since=lock.missing_since,
        )
        for lock in locks
        if lock.id not in used
    )
    return Mappings(_places(session, locks, mapped, names, usable, now), tuple(spares))


def _locks(session: Session) -> Sequence[Any]:
    return session.execute(
        select(
            Lock.id,
            Lock.name,
            Lock.time_zone,
            Lock.connection_id,
            Lock.code_length,
            Lock.has_vlac,
            Lock.missing_since,
        ).order_by(func.lower(Lock.name), Lock.id)
    ).all()


def _places(
    session: Session,
    locks: Sequence[Any],
    mapped: dict[int, set[int]],
    names: dict[int, str],
    usable: Collection[int],
    now: datetime,
) -> tuple[Place, ...]:
    rows = session.execute(
        select(Property.id, Property.name, Property.time_zone).order_by(func.lower(Property.name))
    ).all()
    shared: dict[int, list[str]] = {}
    for row in rows:
        for lock_id in mapped.get(row.id, ()):
            shared.setdefault(lock_id, []).append(row.name)
    urgent = {place.property_id: place for place in banners.unmapped(session, now)}
    signs = _signs(session)
    suggested = naming.suggestions(
        {row.id: row.name for row in rows if row.id not in mapped},
        {
            lock.id: lock.name
            for lock in locks
            if lock.id not in shared and lock.missing_since is None
        },
    )
    places = []
    for row in rows:
        chosen, offered = mapped.get(row.id, set()), suggested.get(row.id, ())
        choices = (
            Choice(
                lock_id=lock.id,
                name=lock.name,
                connection_name=names[lock.connection_id],
                is_mapped=lock.id in chosen,
                is_suggested=lock.id in offered,
                is_usable=lock.connection_id in usable,
                shared_with=tuple(sorted(set(shared.get(lock.id, ())) - {row.name})),
                rule=LengthRule(lock.code_length, lock.has_vlac),
                zone=lock.time_zone,
                other_zone=_other_zone(lock.time_zone, row.time_zone, now),
                missing_since=lock.missing_since,
                sign=signs.get(lock.id),
            )
            for lock in locks
        )
        places.append(
            Place(
                id=row.id,
                name=row.name,
                zone=row.time_zone,
                choices=tuple(choices),
                stays=urgent[row.id].stays if row.id in urgent else 0,
                first_at=urgent[row.id].first_at if row.id in urgent else None,
            )
        )
    return tuple(sorted(places, key=lambda p: (p.first_at is None, p.first_at or now)))


def _signs(session: Session) -> dict[int, Sign]:
    """The sign of another program on each lock that shows one."""
    labels: dict[int, list[str]] = {}
    rows = session.execute(
        select(ForeignCode.lock_id, ForeignCode.label).where(ForeignCode.has_our_tag.is_(False))
    )
    for lock_id, label in rows:
        labels.setdefault(lock_id, []).append(label)
    signs = {lock_id: sign_of(names) for lock_id, names in labels.items()}
    return {lock_id: sign for lock_id, sign in signs.items() if sign is not None}


def _other_zone(of_lock: str | None, of_property: str, now: datetime) -> str | None:
    """The lock's zone where its clock shows, now or in half a year, another time than the
    property's; zones that only have different names are the same."""
    if of_lock is None or of_lock == of_property:
        return None
    try:
        lock, place = zone_of(of_lock), zone_of(of_property)
    except ValueError:
        return of_lock
    moments = (now, now + timedelta(days=182))
    is_same = all(
        at.astimezone(lock).utcoffset() == at.astimezone(place).utcoffset() for at in moments
    )
    return None if is_same else of_lock
