"""What is wrong for the whole account: links to Schlage, calendars, channels, and the sweep itself.

Each is a fact of the rows, read when a page is: a banner needs no alert, and none to be opened.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.domain.outlook import UNREAD_FOR, is_unread, stands_still_from
from portal.domain.problems import ProblemKey
from portal.models import (
    Alert,
    Booking,
    BookingStatus,
    Channel,
    Connection,
    ConnectionState,
    Feed,
    Lock,
    Mapping,
    Property,
)
from portal.services.alert_page import CHANNEL_DEAD, FEED_HELD, FEED_SICK

_UNMAPPED_AHEAD: Final = timedelta(days=14)

# A calendar that a person paused, or that is a file, is not read on purpose.
_IS_READ: Final = and_(Feed.address.is_not(None), Feed.is_paused.is_(False))


@dataclass(frozen=True)
class Trouble:
    """A link to Schlage that does not work as it should."""

    key: ProblemKey
    connection_id: int | None = None
    name: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Place:
    """A calendar or a channel, and since when something is wrong with it."""

    id: int
    name: str
    since: datetime


@dataclass(frozen=True)
class Unmapped:
    """A property with coming arrivals that no lock opens."""

    property_id: int
    name: str
    zone: str
    stays: int
    first_at: datetime


@dataclass(frozen=True, kw_only=True)
class Banners:
    """What stands above the lists for as long as it is so."""

    has_connection: bool = True  # the account is linked to Schlage at all
    still_since: datetime | None = None  # since when due work waits that nobody sees to
    turns_at: datetime | None = None  # when that would be so, if nobody sees to it by then
    troubles: tuple[Trouble, ...] = ()
    unread_at: datetime | None = None  # when one more calendar is unread, if none is read by then
    unread: tuple[Place, ...] = ()  # calendars: the lists may lack guests
    held: tuple[Place, ...] = ()  # calendars: somebody has to say what is gone
    channels: tuple[Place, ...] = ()  # that reach nobody

    @property
    def threads(self) -> frozenset[str]:
        """The matters of `domain.outlook` that these are, named as their alerts' threads are."""
        places = {FEED_SICK: self.unread, FEED_HELD: self.held, CHANNEL_DEAD: self.channels}
        found = {f"{cause}:{place.id}" for cause, of in places.items() for place in of}
        found |= {
            f"{trouble.key}:{trouble.connection_id}"
            for trouble in self.troubles
            if trouble.key is not ProblemKey.SCHLAGE_OUTAGE
        }
        return frozenset(found | ({"standstill"} if self.still_since else set()))

    def for_staff(self) -> Self:
        """Without what is seen to on pages that staff may not open: work that waits stays told."""
        return replace(
            self,
            has_connection=True,
            troubles=(),
            unread_at=None,
            unread=(),
            held=(),
            channels=(),
        )


def read(session: Session, now: datetime) -> Banners:
    """What is wrong for the whole account now: six queries."""
    troubles, has_connection = _troubles(session)
    due_at = session.scalars(select(func.min(Lock.due_at))).one()
    turns_at = stands_still_from(due_at) if due_at is not None else None
    still_since = due_at if turns_at is not None and turns_at <= now else None
    unread, held = _calendars(session, now)
    return Banners(
        has_connection=has_connection,
        still_since=still_since,
        turns_at=turns_at,
        troubles=troubles,
        unread_at=_next_unread_at(session, now),
        # Where nothing runs, that is why, and no calendar is to be looked after.
        unread=unread if still_since is None else (),
        held=held,
        channels=_channels(session),
    )


def unmapped(session: Session, now: datetime) -> tuple[Unmapped, ...]:
    """Properties that no lock opens and that expect guests within two weeks, the soonest first."""
    rows = session.execute(
        select(
            Property.id,
            Property.name,
            Property.time_zone,
            func.count(Booking.id),
            func.min(Booking.starts_at),
        )
        .join(Booking, Booking.property_id == Property.id)
        .where(
            ~exists().where(Mapping.property_id == Property.id),
            Booking.status == BookingStatus.CONFIRMED,
            Booking.ends_at > now,
            Booking.starts_at < now + _UNMAPPED_AHEAD,
        )
        .group_by(Property.id, Property.name, Property.time_zone)
        .order_by(func.min(Booking.starts_at))
    )
    return tuple(Unmapped(*row) for row in rows)


def unmapped_threads(places: Iterable[Unmapped], counted: Collection[int]) -> frozenset[str]:
    """The matters that these properties are, but for those of which a guest is counted already."""
    return frozenset(f"unmapped:{p.property_id}" for p in places if p.property_id not in counted)


def _troubles(session: Session) -> tuple[tuple[Trouble, ...], bool]:
    """The troubles of links, and whether there is a link at all."""
    rows = session.execute(
        select(
            Connection.id,
            Connection.name,
            Connection.state,
            Connection.state_at,
            Connection.outage_since,
        ).where(Connection.state != ConnectionState.DISCONNECTED)
    ).all()
    troubles = [trouble for row in rows if (trouble := _trouble(row)) is not None]
    alerts = session.execute(
        select(Alert.connection_id, Alert.opened_at).where(
            Alert.cause == str(ProblemKey.WEBHOOKS_OFF), Alert.closed_at.is_(None)
        )
    )
    troubles += [Trouble(ProblemKey.WEBHOOKS_OFF, a.connection_id, "", a.opened_at) for a in alerts]
    return tuple(troubles), bool(rows)


def _trouble(row: Any) -> Trouble | None:
    if row.state is ConnectionState.SIGNED_OUT:
        return Trouble(ProblemKey.SIGNED_OUT, row.id, row.name, row.state_at)
    if row.outage_since is not None:
        return Trouble(ProblemKey.SCHLAGE_OUTAGE, row.id, row.name, row.outage_since)
    return None


def _calendars(session: Session, now: datetime) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """The calendars that were not read for long, and those whose vanished stays are held."""
    read_at = _read_at()
    is_held = and_(Feed.held_until > now, Feed.hold_accepted_at.is_(None))
    rows = session.execute(
        select(
            Feed.id,
            Property.name,
            read_at.label("read_at"),
            _IS_READ.label("is_read"),
            is_held.label("is_held"),
            Feed.changed_at,
        )
        .join(Feed.property)
        .where(or_(and_(_IS_READ, read_at <= now - UNREAD_FOR), is_held))
        .order_by(read_at, Feed.id)
    ).all()
    return (
        tuple(
            Place(row.id, row.name, row.read_at)
            for row in rows
            if row.is_read and is_unread(row.read_at, now)
        ),
        tuple(
            Place(row.id, row.name, row.changed_at or row.read_at) for row in rows if row.is_held
        ),
    )


def _next_unread_at(session: Session, now: datetime) -> datetime | None:
    """When the next calendar counts as not read for long, if it is not read by then."""
    read_at = _read_at()
    oldest = select(func.min(read_at)).where(_IS_READ, read_at > now - UNREAD_FOR)
    first = session.scalars(oldest).one()
    return first + UNREAD_FOR if first is not None else None


def _read_at() -> ColumnElement[Any]:
    """When a calendar was last read, or made."""
    return func.coalesce(Feed.good_at, Feed.created_at)


def _channels(session: Session) -> tuple[Place, ...]:
    # Columns and not rows: nobody needs the addresses, which would be decrypted.
    rows = session.execute(
        select(Channel.id, Channel.name, Channel.dead_since)
        .where(Channel.dead_since.is_not(None))
        .order_by(Channel.dead_since, Channel.id)
    )
    return tuple(Place(row.id, row.name, row.dead_since) for row in rows)
