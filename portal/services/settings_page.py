"""What Settings > Door Locks > Schlage reads: connections, and which locks open which property."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.domain.problems import ProblemKey
from portal.models import Alert, Connection, ConnectionState, Lock, Mapping, Property
from portal.services import board

# Words that many properties and locks share, and that therefore say nothing.
_COMMON: Final = frozenset(
    {"the", "a", "of", "at", "door", "lock", "front", "back", "main", "schlage", "encode", "house"}
)


@dataclass(frozen=True, kw_only=True)
class Link:
    """A connection, in what a person wants to know of it."""

    id: int
    name: str
    state: ConnectionState
    state_at: datetime
    locks: int
    offline: int
    last_webhook_at: datetime | None
    has_subscription: bool
    checked_at: datetime | None
    check_error: str | None
    outage_since: datetime | None
    is_webhooks_off: bool

    @property
    def problem(self) -> ProblemKey | None:
        if self.state is ConnectionState.SIGNED_OUT:
            return ProblemKey.SIGNED_OUT
        if self.state is ConnectionState.DISCONNECTED:
            return None
        if self.outage_since is not None:
            return ProblemKey.SCHLAGE_OUTAGE
        return ProblemKey.WEBHOOKS_OFF if self.is_webhooks_off else None


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
    other_zone: str | None  # the lock's zone, where it is not the property's

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
    def is_mapped(self) -> bool:
        return any(choice.is_mapped for choice in self.choices)

    @property
    def has_usable_lock(self) -> bool:
        return any(choice.is_mapped and choice.is_usable for choice in self.choices)


@dataclass(frozen=True)
class Settings:
    """The whole page."""

    links: tuple[Link, ...]
    places: tuple[Place, ...]


def read(session: Session, now: datetime) -> Settings:
    """Connections by name; properties with coming guests and no lock first, then by name."""
    links = connections(session)
    return Settings(links, _places(session, links, now))


def connections(session: Session) -> tuple[Link, ...]:
    """The account's connections, those in use first."""
    rows = session.scalars(select(Connection).order_by(func.lower(Connection.name), Connection.id))
    locks = {
        row[0]: row[1]
        for row in session.execute(
            select(Lock.connection_id, func.count()).group_by(Lock.connection_id)
        )
    }
    offline = {
        row[0]: row[1]
        for row in session.execute(
            select(Lock.connection_id, func.count())
            .where(Lock.is_online.is_(False))
            .group_by(Lock.connection_id)
        )
    }
    silent = set(
        session.scalars(
            select(Alert.connection_id).where(
                Alert.cause == str(ProblemKey.WEBHOOKS_OFF), Alert.closed_at.is_(None)
            )
        )
    )
    found = [
        Link(
            id=row.id,
            name=row.name,
            state=row.state,
            state_at=row.state_at,
            locks=locks.get(row.id, 0),
            offline=offline.get(row.id, 0),
            last_webhook_at=row.last_webhook_at,
            has_subscription=row.subscription_id is not None,
            checked_at=row.checked_at,
            check_error=row.check_error,
            outage_since=row.outage_since,
            is_webhooks_off=row.id in silent,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda link: link.state is ConnectionState.DISCONNECTED))


def suggestion(property_name: str, lock_names: Sequence[str]) -> str | None:
    """The one lock name that shares the most telling words with the property's, or None."""
    wanted = _words(property_name)
    scores = Counter({name: len(wanted & _words(name)) for name in lock_names})
    best = scores.most_common(2)
    if not best or best[0][1] == 0:
        return None
    if len(best) > 1 and best[1][1] == best[0][1]:
        return None
    return best[0][0]


def _words(name: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", name.casefold())) - _COMMON


def _places(session: Session, links: Sequence[Link], now: datetime) -> tuple[Place, ...]:
    locks = session.execute(
        select(Lock.id, Lock.name, Lock.time_zone, Lock.connection_id).order_by(
            func.lower(Lock.name)
        )
    ).all()
    mapped: dict[int, set[int]] = {}
    for property_id, lock_id in session.execute(select(Mapping.property_id, Mapping.lock_id)):
        mapped.setdefault(property_id, set()).add(lock_id)
    rows = session.execute(
        select(Property.id, Property.name, Property.time_zone).order_by(func.lower(Property.name))
    ).all()
    names = {row.id: row.name for row in rows}
    shared: dict[int, list[str]] = {}
    for property_id, lock_ids in mapped.items():
        for lock_id in lock_ids:
            shared.setdefault(lock_id, []).append(names[property_id])
    urgent = {place.property_id: place for place in board.unmapped(session, now)}
    by_link = {link.id: link for link in links}
    lock_names = [lock.name for lock in locks]
    places = []
    for row in rows:
        chosen = mapped.get(row.id, set())
        suggested = None if chosen else suggestion(row.name, lock_names)
        choices = (
            _choice(lock, row, by_link[lock.connection_id], chosen, suggested, shared)
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


def _choice(
    lock: Any,
    place: Any,
    link: Link,
    chosen: set[int],
    suggested: str | None,
    shared: dict[int, list[str]],
) -> Choice:
    return Choice(
        lock_id=lock.id,
        name=lock.name,
        connection_name=link.name,
        is_mapped=lock.id in chosen,
        is_suggested=lock.name == suggested,
        is_usable=link.state is ConnectionState.CONNECTED,
        shared_with=tuple(sorted(set(shared.get(lock.id, ())) - {place.name})),
        other_zone=lock.time_zone if lock.time_zone and lock.time_zone != place.time_zone else None,
    )
