"""Conditions of all but codes: locks, connections, what happens at doors, and the ways to tell."""

from collections import Counter
from collections.abc import Set
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session

from portal.domain.command import State
from portal.domain.door_event import What
from portal.domain.notices import DISCONNECTED
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.reach import MISSING_CHECKS
from portal.models import (
    Booking,
    BookingStatus,
    Channel,
    Command,
    Connection,
    ConnectionState,
    DoorCode,
    DoorEvent,
    Endpoint,
    Lock,
)
from portal.models.base import one_of
from portal.services import keypads, vacancy
from portal.services.alert_page import (
    CALLED_NO_MORE,
    CHANNEL_DEAD,
    CODES_WAIT,
    ENDPOINT_OFF,
    NOTHING_ARRIVES,
    TROUBLE,
)
from portal.services.conditions import LACKING, Condition, of_lock

# How long before an arrival its lock's own trouble is alarmed, and how long it must last before.
OFFLINE_BEFORE: Final = timedelta(hours=24)
OFFLINE_FOR: Final = timedelta(minutes=15)
BATTERY_BEFORE: Final = timedelta(hours=72)
MISSING_BEFORE: Final = timedelta(days=7)  # it takes a person, who may have to bring a new lock
WEBHOOKS_OFF_SHARE: Final = 0.2
WEBHOOKS_OFF_COMMANDS: Final = 5  # fewer commands in an hour say nothing
_BY_WEBHOOK: Final = "webhook"
_BY_LOOK_UP: Final = ("look_up", "deadline")

# Built once, because they run every 30 s and mostly find nothing.
# Locks in trouble of their own, and then whoever comes to them next, or is inside.
_WEAK_LOCKS: Final = select(Lock).where(
    or_(
        Lock.is_online.is_(False),
        Lock.battery_state.ilike("%critical%"),
        Lock.missing_checks >= MISSING_CHECKS,
    )
)
_COMING: Final = (
    select(DoorCode.lock_id, Booking.id, Booking.starts_at)
    .join(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.lock_id.in_(bindparam("lock_ids", expanding=True)),
        DoorCode.is_wanted.is_(True),
        Booking.status == BookingStatus.CONFIRMED,
        Booking.ends_at > bindparam("now"),
        Booking.starts_at <= bindparam("soon"),
    )
    .order_by(Booking.starts_at <= bindparam("now"), Booking.starts_at, Booking.id)
)
# Columns and not rows here: nobody needs the addresses and tokens, which would be decrypted.
_DEAD_CHANNELS: Final = select(Channel.id, Channel.account_id, Channel.name).where(
    Channel.dead_since.is_not(None)
)
_OFF_ENDPOINTS: Final = select(Endpoint.id, Endpoint.account_id, Endpoint.name).where(
    Endpoint.disabled_at.is_not(None)
)
_CONNECTIONS: Final = select(
    Connection.id,
    Connection.account_id,
    Connection.name,
    Connection.state,
    Connection.outage_since,
)
# Which connections have codes behind them that are not on their locks, for guests who come soon.
_WAITED_FOR: Final = (
    select(Lock.connection_id)
    .join(DoorCode, DoorCode.lock_id == Lock.id)
    .outerjoin(Booking, Booking.id == DoorCode.booking_id)
    .where(
        Lock.connection_id.in_(bindparam("connections", expanding=True)),
        DoorCode.is_wanted.is_(True),
        DoorCode.is_spare.is_(False),
        one_of(DoorCode.status, LACKING),
        or_(
            and_(
                Booking.status == BookingStatus.CONFIRMED,
                Booking.starts_at <= bindparam("soon"),
                Booking.ends_at > bindparam("now"),
            ),
            and_(DoorCode.staff_code_id.is_not(None), DoorCode.ends_at > bindparam("now")),
        ),
    )
    .distinct()
)
# How the last hour's commands got their outcome, for all connections at once.
_CLOSED_BY: Final = (
    select(Lock.connection_id, Command.closed_by)
    .join(Lock, Lock.id == Command.lock_id)
    .where(Command.closed_at > bindparam("after"), Command.state != State.SUPERSEDED)
)
# What happened at doors and is alerted for a while; the index holds nothing else.
_ALERTED_EVENTS: Final = (
    select(DoorEvent, Lock.name)
    .join(Lock, Lock.id == DoorEvent.lock_id)
    .where(DoorEvent.alert_until > bindparam("now"))
)


def standing(session: Session, now: datetime) -> list[Condition]:
    """What is so in all accounts now."""
    return [
        *_weak_locks(session, now),
        *_connections(session, now),
        *_at_doors(session, now),
        *_ways_to_tell(session),
    ]


def _weak_locks(session: Session, now: datetime) -> list[Condition]:
    """Locks that are gone, offline, or nearly without power, with a guest on the way to them.

    Or inside: they come and go while it is only offline, but batteries run out.
    """
    weak = {lock.id: lock for lock in session.scalars(_WEAK_LOCKS)}
    if not weak:
        return []
    conditions: dict[str, Condition] = {}
    coming = {"lock_ids": list(weak), "now": now, "soon": now + MISSING_BEFORE}
    for lock_id, booking_id, starts_at in session.execute(_COMING, coming):
        lock = weak[lock_id]
        if lock.is_missing:
            # What was last heard of it is old by now: nothing else is said of it.
            condition = of_lock(lock, booking_id, ProblemKey.LOCK_MISSING)
            conditions.setdefault(condition.key, condition)
            continue
        is_offline = lock.is_online is False and (
            lock.online_changed_at is None or lock.online_changed_at <= now - OFFLINE_FOR
        )
        if is_offline and now < starts_at <= now + OFFLINE_BEFORE:
            condition = of_lock(lock, booking_id, ProblemKey.LOCK_OFFLINE)
            conditions.setdefault(condition.key, condition)
        if lock.is_battery_critical and starts_at <= now + BATTERY_BEFORE:
            condition = of_lock(lock, booking_id, ProblemKey.LOW_BATTERY)
            conditions.setdefault(condition.key, condition)
    return list(conditions.values())


def _ways_to_tell(session: Session) -> list[Condition]:
    """Channels that reach nobody, and endpoints that are called no more."""
    return [
        *(
            Condition(
                account_id=channel.account_id,
                key=f"{CHANNEL_DEAD}:{channel.id}",
                cause=CHANNEL_DEAD,
                words=NOTHING_ARRIVES(channel=channel.name),
            )
            for channel in session.execute(_DEAD_CHANNELS)
        ),
        *(
            Condition(
                account_id=endpoint.account_id,
                key=f"{ENDPOINT_OFF}:{endpoint.id}",
                cause=ENDPOINT_OFF,
                words=CALLED_NO_MORE(webhook=endpoint.name),
            )
            for endpoint in session.execute(_OFF_ENDPOINTS)
        ),
    ]


def _connections(session: Session, now: datetime) -> list[Condition]:
    conditions = []
    missing = _missing_webhooks(session, now)
    connections = session.execute(_CONNECTIONS).all()
    ended = [c.id for c in connections if c.state is ConnectionState.DISCONNECTED]
    waited_for = _waited_for(session, ended, now) if ended else frozenset()
    for connection in connections:
        keys = []
        if connection.state is ConnectionState.SIGNED_OUT:
            keys.append(ProblemKey.SIGNED_OUT)
        if connection.outage_since is not None:
            keys.append(ProblemKey.SCHLAGE_OUTAGE)
        if connection.id in missing:
            keys.append(ProblemKey.WEBHOOKS_OFF)
        titles = {str(key): CATALOGUE[key].title for key in keys}
        told = {k: TROUBLE(name=connection.name, trouble=title) for k, title in titles.items()}
        if connection.id in waited_for:
            told[DISCONNECTED] = CODES_WAIT(connection=connection.name)
        conditions += [
            Condition(
                account_id=connection.account_id,
                key=f"{cause}:{connection.id}",
                cause=cause,
                words=words,
                connection_id=connection.id,
            )
            for cause, words in told.items()
        ]
    return conditions


def _waited_for(session: Session, connections: list[int], now: datetime) -> Set[int]:
    """Those of the connections that codes wait for: one may be ended for good, and nobody minds."""
    asked = {"connections": connections, "now": now, "soon": now + MISSING_BEFORE}
    return frozenset(session.scalars(_WAITED_FOR, asked))


def _at_doors(session: Session, now: datetime) -> list[Condition]:
    """Doors opened while nobody stays there, and keypads that locked themselves before a guest."""
    rows = [(event, name) for event, name in session.execute(_ALERTED_EVENTS, {"now": now})]
    opened = [row for row in rows if row[0].what is What.OPENED]
    paused = [row for row in rows if row[0].what is What.KEYPAD_PAUSED]
    return [
        *(
            Condition(
                account_id=opening.account_id,
                key=opening.key,
                cause=vacancy.CAUSE,
                words=opening.words[:300],
                lock_id=opening.lock_id,
            )
            for opening in vacancy.standing(session, opened)
        ),
        *(
            Condition(
                account_id=locked.account_id,
                key=locked.key,
                cause=keypads.CAUSE,
                words=locked.words[:300],
                booking_id=locked.booking_id,
                lock_id=locked.lock_id,
            )
            for locked in keypads.standing(session, paused, now)
        ),
    ]


def _missing_webhooks(session: Session, now: datetime) -> set[int]:
    """The connections of which over a fifth of the last hour's commands had to be looked up."""
    looked_up, total = Counter[int](), Counter[int]()
    for connection_id, by in session.execute(_CLOSED_BY, {"after": now - timedelta(hours=1)}):
        looked_up[connection_id] += by in _BY_LOOK_UP
        total[connection_id] += by in {_BY_WEBHOOK, *_BY_LOOK_UP}
    return {
        connection_id
        for connection_id, number in total.items()
        if number >= WEBHOOKS_OFF_COMMANDS
        and looked_up[connection_id] > WEBHOOKS_OFF_SHARE * number
    }
