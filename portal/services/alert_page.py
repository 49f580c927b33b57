"""What the alerts page reads: each alert with the place it leads to, open ones by their cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update
from sqlalchemy.orm import Session, joinedload

from portal.domain import notices
from portal.domain.notices import (
    DISCONNECTED,
    NEEDS_YOU,
    NOT_CONFIRMED,
    REMOVAL_CAUSES,
    STAFF_NEEDS_YOU,
    Topic,
)
from portal.domain.problems import ProblemKey
from portal.domain.sentences import Sentence
from portal.models import Alert, Booking, Connection, DoorCode, Feed, Lock, Property
from portal.services import guest_help, keypads, stays, vacancy
from portal.services.stays import Door, Stay
from portal.unit_of_work import touch

CLOSED_FOR: Final = timedelta(days=7)
CLOSED_SIZE: Final = 100

FEED_SICK: Final = "feed_sick"
FEED_HELD: Final = "feed_held"
CHANNEL_DEAD: Final = "channel_dead"
ENDPOINT_OFF: Final = "endpoint_off"
# What alerts say that no page makes: here, where every process that shows one knows it again.
NOT_YET: Final = Sentence("The code for {lock} is not confirmed {hours} h before arrival.")
STILL_NOT: Final = Sentence("The code for {lock} is not confirmed, and the stay has begun.")
NO_LOCK_YET: Final = Sentence("No lock opens {property}, {hours} h before arrival.")
STILL_NO_LOCK: Final = Sentence("No lock opens {property}, and the stay has begun.")
CODES_WAIT: Final = Sentence("Nothing is sent through “{connection}”, and codes wait for it.")
STAFF_TROUBLE: Final = Sentence("{name} at {lock}: {trouble}.", ours={"trouble"})
TROUBLE: Final = Sentence("{name}: {trouble}.", ours={"trouble"})
NOTHING_ARRIVES: Final = Sentence("Nothing gets through to “{channel}”.")
CALLED_NO_MORE: Final = Sentence("“{webhook}” took no call for days, and is called no more.")
# About a lock, although they name the guest who comes to it.
OF_LOCKS: Final = frozenset(
    {
        keypads.CAUSE,
        str(ProblemKey.LOCK_MISSING),
        str(ProblemKey.LOCK_OFFLINE),
        str(ProblemKey.LOW_BATTERY),
        str(ProblemKey.LOCK_FULL),
    }
)
# What keeps guests out stands first; a cause that is not named here stands last.
_ORDER: Final = (
    guest_help.CAUSE,
    keypads.CAUSE,
    NOT_CONFIRMED,
    ProblemKey.SIGNED_OUT,
    DISCONNECTED,
    ProblemKey.SCHLAGE_OUTAGE,
    NEEDS_YOU,
    ProblemKey.LOCK_MISSING,
    ProblemKey.LOCK_OFFLINE,
    ProblemKey.LOW_BATTERY,
    ProblemKey.LOCK_FULL,
    STAFF_NEEDS_YOU,
    FEED_HELD,
    ProblemKey.SPLIT_BRAIN,
    ProblemKey.REMOVAL_UNCONFIRMED,
    vacancy.CAUSE,
    CHANNEL_DEAD,
    ProblemKey.WEBHOOKS_OFF,
    FEED_SICK,
    ENDPOINT_OFF,
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One alert, with the booking, lock, calendar or connection that it is about."""

    id: int
    key: str
    cause: str
    words: str
    opened_at: datetime
    closed_at: datetime | None
    seen_at: datetime | None
    stay: Stay | None
    lock_id: int | None
    lock_name: str
    is_still_so: bool  # its lock is in this trouble now, whether or not anybody comes to it
    feed_id: int | None
    feed_name: str
    feed_property: str
    connection_id: int | None
    connection_name: str
    staff_door: Door | None = None  # of a staff code that needs somebody

    @property
    def thread(self) -> str:
        """The trouble it is about, the same through its escalation."""
        booking_id = self.stay.id if self.stay else None
        return notices.thread_of(self.cause, self.key, booking_id, self.lock_id)

    @property
    def place_id(self) -> int | None:
        """The id at the end of its key: of the channel, endpoint or staff code it may be about."""
        return _id_in(self.key)

    @property
    def lasted_seconds(self) -> float:
        """How long it was open; 0 while it is."""
        return (self.closed_at - self.opened_at).total_seconds() if self.closed_at else 0.0


@dataclass(frozen=True)
class Group:
    """The open alerts of one cause, the newest first."""

    cause: str
    items: tuple[Item, ...]

    @property
    def since(self) -> datetime:
        return min(item.opened_at for item in self.items)


@dataclass(frozen=True, kw_only=True)
class AlertPage:
    """The alerts page."""

    groups: tuple[Group, ...]
    closed: tuple[Item, ...]
    until: datetime

    @property
    def open(self) -> int:
        return sum(len(group.items) for group in self.groups)

    @property
    def unseen(self) -> int:
        return sum(item.seen_at is None for group in self.groups for item in group.items)


def unseen(session: Session) -> int:
    """How many open alerts nobody has marked as seen: one SELECT."""
    return session.scalars(
        select(func.count(Alert.id)).where(Alert.closed_at.is_(None), Alert.seen_at.is_(None))
    ).one()


def read(session: Session, now: datetime) -> AlertPage:
    """Open alerts grouped by cause, and those that ended within a week, the newest first."""
    is_recent = or_(Alert.closed_at.is_(None), Alert.closed_at > now - CLOSED_FOR)
    found = items(session, [is_recent], now)
    still_open = [item for item in found if item.closed_at is None]
    closed = sorted(_ended(found), key=lambda item: item.closed_at or now, reverse=True)
    shown = [item.stay for item in still_open if item.stay is not None]
    return AlertPage(
        groups=_grouped(still_open),
        closed=tuple(closed[:CLOSED_SIZE]),
        until=stays.next_turn(shown, now),
    )


def items(session: Session, conditions: Sequence[ColumnElement[bool]], now: datetime) -> list[Item]:
    """The alerts that meet the conditions, the newest first."""
    rows = session.execute(_alerts(and_(*conditions))).all()
    ids = {row.Alert.booking_id for row in rows} - {None}
    found = stays.load(session, [Booking.id.in_(ids)], now) if ids else []
    by_id = {stay.id: stay for stay in found}
    doors = _staff_doors(session, [row.Alert for row in rows])
    return [_item(row, by_id, doors) for row in rows]


def old_of(session: Session, booking_id: int, now: datetime) -> list[Item]:
    """The open alerts that something old of this booking may still open a door."""
    conditions = [
        Alert.booking_id == booking_id,
        Alert.closed_at.is_(None),
        Alert.cause.in_(sorted(REMOVAL_CAUSES)),
    ]
    return items(session, conditions, now)


def count_open(session: Session, account_id: int, topic: Topic) -> int:
    """How many alerts of this topic are open."""
    causes = session.scalars(
        select(Alert.cause).where(Alert.account_id == account_id, Alert.closed_at.is_(None))
    )
    return sum(notices.topic_of(cause) is topic for cause in causes)


def mark_seen(session: Session, account_id: int, now: datetime, alert_id: int | None = None) -> int:
    """Open alerts that nobody saw yet are seen now, or the one of this id; how many those were.

    Returns 0 for one that was seen or ended meanwhile: it is as the person wanted it.
    """
    chosen = [Alert.account_id == account_id, Alert.closed_at.is_(None), Alert.seen_at.is_(None)]
    if alert_id is not None:
        chosen.append(Alert.id == alert_id)
    changed: Any = session.execute(
        update(Alert)
        .where(*chosen)
        .values(seen_at=now)
        .execution_options(synchronize_session=False)
    )
    touch(session, account_id)
    return int(changed.rowcount)


def _alerts(condition: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Alert,
            Lock,
            Connection.name.label("connection_name"),
            Feed.name.label("feed_name"),
            Property.name.label("feed_property"),
        )
        .outerjoin(Lock, Lock.id == Alert.lock_id)
        .outerjoin(Connection, Connection.id == Alert.connection_id)
        .outerjoin(Feed, Feed.id == Alert.feed_id)
        .outerjoin(Property, Property.id == Feed.property_id)
        .where(condition)
        .order_by(Alert.opened_at.desc(), Alert.id.desc())
    )


def _staff_doors(
    session: Session, alerts: Sequence[Alert]
) -> dict[tuple[int | None, int | None], Door]:
    """The doors of staff codes that need somebody, by person and lock."""
    ids = {_id_in(alert.key) for alert in alerts if alert.cause == STAFF_NEEDS_YOU} - {None}
    if not ids:
        return {}
    codes = session.scalars(
        select(DoorCode)
        .where(DoorCode.staff_code_id.in_(ids))
        .options(joinedload(DoorCode.lock).joinedload(Lock.connection).load_only(Connection.state))
    )
    return {(code.staff_code_id, code.lock_id): stays.door_of(code) for code in codes}


def _id_in(key: str) -> int | None:
    end = key.rpartition(":")[2]
    return int(end) if end.isascii() and end.isdecimal() else None


def _item(
    row: Any, by_id: dict[int, Stay], doors: dict[tuple[int | None, int | None], Door]
) -> Item:
    alert: Alert = row.Alert
    lock: Lock | None = row.Lock
    return Item(
        id=alert.id,
        key=alert.key,
        cause=alert.cause,
        words=alert.words,
        opened_at=alert.opened_at,
        closed_at=alert.closed_at,
        seen_at=alert.seen_at,
        stay=by_id.get(alert.booking_id) if alert.booking_id is not None else None,
        lock_id=alert.lock_id,
        lock_name=lock.name if lock is not None else "",
        is_still_so=lock is not None and lock.has(alert.cause),
        feed_id=alert.feed_id,
        feed_name=row.feed_name or "",
        feed_property=row.feed_property or "",
        connection_id=alert.connection_id,
        connection_name=row.connection_name or "",
        staff_door=(
            doors.get((_id_in(alert.key), alert.lock_id))
            if alert.cause == STAFF_NEEDS_YOU
            else None
        ),
    )


def _grouped(items: Sequence[Item]) -> tuple[Group, ...]:
    causes: dict[str, list[Item]] = {}
    for item in items:
        causes.setdefault(item.cause, []).append(item)
    order = {str(cause): place for place, cause in enumerate(_ORDER)}
    groups = [Group(cause, tuple(of_cause)) for cause, of_cause in causes.items()]
    return tuple(sorted(groups, key=lambda g: (order.get(g.cause, len(order)), g.cause)))


def _ended(items: Sequence[Item]) -> list[Item]:
    """What is over: not an alert that at the same moment went on as a more urgent one."""
    went_on = {(item.thread, item.opened_at) for item in items}
    return [
        item
        for item in items
        if item.closed_at is not None and (item.thread, item.closed_at) not in went_on
    ]
