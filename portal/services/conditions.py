"""What a person should know of now, although nothing has failed for good: found in the rows."""

from collections import Counter
from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session, contains_eager, joinedload

from portal.domain import notices
from portal.domain.command import State
from portal.domain.door_event import What
from portal.domain.entry import EntryState, Evidence
from portal.domain.notices import (
    DISCONNECTED,
    NEEDS_YOU,
    NOT_CONFIRMED,
    STAFF_NEEDS_YOU,
    STAFF_REMOVAL,
)
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.reach import MISSING_CHECKS
from portal.domain.sentences import word
from portal.domain.status import Status
from portal.domain.verdict import REMOVAL_ALARM
from portal.models import (
    Alert,
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
    LockEntry,
    Mapping,
    Property,
    StaffCode,
)
from portal.models.base import one_of
from portal.services import keypads, vacancy
from portal.services.alert_page import (
    CALLED_NO_MORE,
    CHANNEL_DEAD,
    CODES_WAIT,
    ENDPOINT_OFF,
    NO_LOCK_YET,
    NOT_YET,
    NOTHING_ARRIVES,
    STAFF_TROUBLE,
    STILL_NO_LOCK,
    STILL_NOT,
    TROUBLE,
)

# How long before an arrival an unconfirmed code is alarmed, the most urgent first.
BEFORE_ARRIVAL: Final = (timedelta(hours=2), timedelta(hours=6), timedelta(hours=24))
# What came in, or changed, so lately is only on its way.
FIRST_TRY: Final = timedelta(minutes=15)
# How long before an arrival its lock's own trouble is alarmed, and how long it must last before.
OFFLINE_BEFORE: Final = timedelta(hours=24)
OFFLINE_FOR: Final = timedelta(minutes=15)
BATTERY_BEFORE: Final = timedelta(hours=72)
MISSING_BEFORE: Final = timedelta(days=7)  # it takes a person, who may have to bring a new lock
WEBHOOKS_OFF_SHARE: Final = 0.2
WEBHOOKS_OFF_COMMANDS: Final = 5  # fewer commands in an hour say nothing
_BY_WEBHOOK: Final = "webhook"
_BY_LOOK_UP: Final = ("look_up", "deadline")

# Not on its lock and not on its way off. Named one by one, so that the index leaves out the many
# that are over.
_LACKING: Final = frozenset(Status) - {Status.CONFIRMED, Status.REMOVED, Status.REMOVING}

_REMOVAL: Final = ProblemKey.REMOVAL_UNCONFIRMED
_NEEDING_CAUSES: Final = frozenset({NEEDS_YOU, STAFF_NEEDS_YOU, str(ProblemKey.LOCK_FULL)})

# Built once, because they run every 30 s and mostly find nothing.
_LATE_ARRIVALS: Final = (
    select(DoorCode)
    .join(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.is_wanted.is_(True),
        one_of(DoorCode.status, _LACKING),
        # No window begins after its stay does: with this the index leaves out what is far ahead.
        DoorCode.starts_at <= bindparam("soon"),
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= bindparam("soon"),
        Booking.ends_at > bindparam("now"),
    )
    .options(joinedload(DoorCode.booking), joinedload(DoorCode.lock))
)
# Stays that no lock opens. Few properties have none, and their bookings are found by them: there is
# no code whose index would.
_WITHOUT_LOCK: Final = (
    select(Booking, Property.name)
    .join(Property, Property.id == Booking.property_id)
    .where(
        Booking.property_id.in_(
            select(Property.id).where(~exists().where(Mapping.property_id == Property.id))
        ),
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= bindparam("soon"),
        Booking.ends_at > bindparam("now"),
        ~exists().where(
            DoorCode.booking_id == Booking.id,
            or_(
                DoorCode.is_wanted.is_(True),
                # Who is inside keeps the code they have, also of a lock that is theirs no more.
                and_(DoorCode.status == Status.REMOVING, Booking.starts_at <= bindparam("now")),
            ),
        ),
    )
)
# Of a stay that was called off the code may open the door now, and its end be days away.
_IS_CALLED_OFF: Final = and_(
    Booking.status == BookingStatus.CANCELLED,
    Booking.starts_at <= bindparam("before"),
    DoorCode.status_at <= bindparam("before"),
)
_LATE_REMOVALS: Final = (
    select(DoorCode)
    .outerjoin(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.status == Status.REMOVING,
        or_(DoorCode.ends_at <= bindparam("before"), _IS_CALLED_OFF),
    )
    .options(joinedload(DoorCode.lock), joinedload(DoorCode.staff_code))
)
# What is still on a lock and open, of codes of which something else is wanted by now.
_OUTDATED: Final = (
    select(LockEntry)
    .join(DoorCode, DoorCode.id == LockEntry.door_code_id)
    .where(
        one_of(LockEntry.state, [EntryState.HELD, EntryState.MAYBE]),
        LockEntry.evidence != Evidence.NOT_SENT,
        LockEntry.revision != DoorCode.revision,
        func.coalesce(LockEntry.may_start_at, LockEntry.starts_at) <= bindparam("before"),
        func.coalesce(LockEntry.may_end_at, LockEntry.ends_at) > bindparam("now"),
        DoorCode.is_wanted.is_(True),
        DoorCode.changed_at <= bindparam("before"),
    )
    .options(
        contains_eager(LockEntry.door_code).options(
            joinedload(DoorCode.lock), joinedload(DoorCode.booking), joinedload(DoorCode.staff_code)
        )
    )
)
# Codes that only a person can bring on, and codes for which their lock has no room.
_NEEDING: Final = (
    select(DoorCode, Connection.state)
    .outerjoin(Booking, Booking.id == DoorCode.booking_id)
    .outerjoin(StaffCode, StaffCode.id == DoorCode.staff_code_id)
    .join(Lock, Lock.id == DoorCode.lock_id)
    .join(Connection, Connection.id == Lock.connection_id)
    .where(
        DoorCode.is_wanted.is_(True),
        # Nobody misses a spare that is not there.
        DoorCode.is_spare.is_(False),
        one_of(DoorCode.status, _LACKING - {Status.PLANNED}),
        or_(
            and_(
                or_(DoorCode.status == Status.NEEDS_YOU, DoorCode.problem == ProblemKey.LOCK_FULL),
                Connection.state == ConnectionState.CONNECTED,
            ),
            # What was told of is looked at however it goes on: see _needing.
            DoorCode.lock_id.in_(bindparam("told", expanding=True)),
        ),
        or_(
            and_(Booking.status == BookingStatus.CONFIRMED, Booking.ends_at > bindparam("now")),
            and_(DoorCode.staff_code_id.is_not(None), DoorCode.ends_at > bindparam("now")),
        ),
    )
    .options(
        contains_eager(DoorCode.booking),
        contains_eager(DoorCode.staff_code),
        contains_eager(DoorCode.lock),
    )
    # Guests first: a lock without room names who comes to it.
    .order_by(Booking.starts_at.is_(None), Booking.starts_at, DoorCode.id)
)
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
        one_of(DoorCode.status, _LACKING),
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

_UNDECIDED: Final = word("it needs a decision of yours")
_UNDER_WAY: Final = word("the code is not confirmed yet")


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that should stand on the alert page for as long as it is so."""

    account_id: int
    key: str
    cause: str
    words: str
    booking_id: int | None = None
    lock_id: int | None = None
    connection_id: int | None = None

    @property
    def thread(self) -> str:
        """The trouble it is about, the same through its escalation."""
        return notices.thread_of(self.cause, self.key, self.booking_id, self.lock_id)


def standing(session: Session, now: datetime, alerts: Collection[Alert]) -> list[Condition]:
    """All that should stand on the alert pages of all accounts now; `alerts` are the open ones."""
    late = [*_late_arrivals(session, now, alerts), *_without_lock(session, now)]
    return [
        *late,
        *_needing(session, now, alerts, {c.thread for c in late}),
        *_late_removals(session, now),
        *_weak_locks(session, now),
        *_connections(session, now),
        *_at_doors(session, now),
        *_ways_to_tell(session),
    ]


def _late_arrivals(session: Session, now: datetime, alerts: Collection[Alert]) -> list[Condition]:
    """Wanted codes that are not confirmed 24 h, 6 h or 2 h before the arrival.

    A booking that was told of as having no lock goes on in that thread: a lock is only half of it.
    """
    told = {alert.thread for alert in alerts}
    codes = session.scalars(_LATE_ARRIVALS, {"now": now, "soon": now + BEFORE_ARRIVAL[-1]}).all()
    conditions: dict[str, Condition] = {}
    for code in codes:
        assert code.booking is not None
        had_no_lock = _thread(code.booking) in told
        is_told = had_no_lock or _thread(code.booking, code.lock_id) in told
        hours = _step_before(code.booking, now)
        if hours is None or not (is_told or _was_tried(_wanted_since(code), now)):
            continue
        if code.status is Status.PLANNED and now < code.send_at:
            continue  # as its property's lead time has it: nothing is late
        condition = _not_confirmed(
            code.booking,
            hours,
            NOT_YET(lock=code.lock.name, hours=hours)
            if code.booking.starts_at > now
            else STILL_NOT(lock=code.lock.name),
            None if had_no_lock else code,
        )
        conditions.setdefault(condition.key, condition)
    return list(conditions.values())


def _without_lock(session: Session, now: datetime) -> list[Condition]:
    """Bookings that no lock opens 24 h, 6 h or 2 h before the arrival."""
    asked = {"now": now, "soon": now + BEFORE_ARRIVAL[-1]}
    return [
        _not_confirmed(
            booking,
            hours,
            NO_LOCK_YET(property=name, hours=hours)
            if booking.starts_at > now
            else STILL_NO_LOCK(property=name),
        )
        for booking, name in session.execute(_WITHOUT_LOCK, asked)
        if (hours := _step_before(booking, now)) is not None and _was_tried(booking.created_at, now)
    ]


def _step_before(booking: Booking, now: datetime) -> int | None:
    """The most urgent step that the arrival is within, in hours; None where it is far."""
    left = booking.starts_at - now
    step = next((step for step in BEFORE_ARRIVAL if left <= step), None)
    return None if step is None else int(step.total_seconds() // 3600)


def _was_tried(since: datetime, now: datetime) -> bool:
    """What came in or changed later than the step is told of when it was first tried in vain.

    Until a change is confirmed a guest has what they had before: it wakes nobody at once.
    """
    return now - since >= FIRST_TRY


def _wanted_since(code: DoorCode) -> datetime:
    """Since when it is to be on its lock as it is wanted now; ahead where it is not sent yet."""
    return max(code.created_at, code.changed_at or code.created_at, code.send_at)


def _not_confirmed(
    booking: Booking, hours: int, words: str, code: DoorCode | None = None
) -> Condition:
    """A guest who comes soon: to the door of this code, or to no door at all."""
    place = f"booking-{booking.id}" if code is None else str(code.id)
    return Condition(
        account_id=booking.account_id,
        key=f"{NOT_CONFIRMED}:{hours}h:{place}",
        cause=NOT_CONFIRMED,
        words=words,
        booking_id=booking.id,
        lock_id=None if code is None else code.lock_id,
    )


def _thread(booking: Booking, lock_id: int | None = None) -> str:
    """The thread of the guest at this door, or of the guest whom no lock opens to."""
    return notices.thread_of(NOT_CONFIRMED, "", booking.id, lock_id)


def _needing(
    session: Session, now: datetime, alerts: Collection[Alert], late: Set[str]
) -> list[Condition]:
    """Codes that wait for a person, however far the arrival, and locks without room for a code.

    Such a code is no longer one when it is on its lock, and not while it is only tried again or its
    connection is signed out: whoever was told of it would take it for done. `late` are the threads
    of arrivals that are alarmed already.
    """
    told = {alert.key for alert in alerts if alert.cause in _NEEDING_CAUSES}
    locks = {a.lock_id for a in alerts if a.key in told and a.lock_id is not None}
    conditions: dict[str, Condition] = {}
    # No lock has the id 0. (An empty list would be a table of its own, gone through each time.)
    asked = {"now": now, "told": sorted(locks) or [0]}
    for code, state in session.execute(_NEEDING, asked):
        condition = _of_code(code)
        if code.problem is ProblemKey.LOCK_FULL and condition.key not in told:
            # One thing to do for all who wait for room.
            condition = _of_lock(code.lock, code.booking_id)
        elif code.status is not Status.NEEDS_YOU and condition.key not in told:
            continue
        # Of one that is signed out its own alert tells, for all of its codes at once.
        is_reached = state is ConnectionState.CONNECTED
        if condition.thread not in late and (is_reached or condition.key in told):
            conditions.setdefault(condition.key, condition)
    return list(conditions.values())


def _of_code(code: DoorCode) -> Condition:
    is_undecided = code.status is Status.NEEDS_YOU
    title = _UNDECIDED if is_undecided else _UNDER_WAY
    if code.problem is not None:
        title = CATALOGUE[code.problem].title
    if code.staff_code is not None:
        return Condition(
            account_id=code.account_id,
            key=f"{STAFF_NEEDS_YOU}:{code.lock_id}:{code.staff_code.id}",
            cause=STAFF_NEEDS_YOU,
            words=_of_person(code.staff_code, code.lock, title),
            lock_id=code.lock_id,
        )
    return Condition(
        account_id=code.account_id,
        key=f"{NEEDS_YOU}:{code.id}",
        cause=NEEDS_YOU,
        words=TROUBLE(name=code.lock.name, trouble=title),
        booking_id=code.booking_id,
        lock_id=code.lock_id,
    )


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
            condition = _of_lock(lock, booking_id, ProblemKey.LOCK_MISSING)
            conditions.setdefault(condition.key, condition)
            continue
        is_offline = lock.is_online is False and (
            lock.online_changed_at is None or lock.online_changed_at <= now - OFFLINE_FOR
        )
        if is_offline and now < starts_at <= now + OFFLINE_BEFORE:
            condition = _of_lock(lock, booking_id, ProblemKey.LOCK_OFFLINE)
            conditions.setdefault(condition.key, condition)
        if lock.is_battery_critical and starts_at <= now + BATTERY_BEFORE:
            condition = _of_lock(lock, booking_id, ProblemKey.LOW_BATTERY)
            conditions.setdefault(condition.key, condition)
    return list(conditions.values())


def _of_lock(
    lock: Lock, booking_id: int | None, key: ProblemKey = ProblemKey.LOCK_FULL
) -> Condition:
    return Condition(
        account_id=lock.account_id,
        key=f"{key}:{lock.id}",
        cause=str(key),
        words=TROUBLE(name=lock.name, trouble=CATALOGUE[key].title),
        booking_id=booking_id,
        lock_id=lock.id,
    )


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


def _late_removals(session: Session, now: datetime) -> list[Condition]:
    """Codes not proven gone 30 minutes after their time, with what keeps them there.

    And those whose old digits or dates still let somebody in so long after the change.
    """
    late = {"before": now - REMOVAL_ALARM}
    outdated = session.scalars(_OUTDATED, {**late, "now": now})
    codes = {
        code.id: code
        for code in (
            *session.scalars(_LATE_REMOVALS, late),
            *(entry.door_code for entry in outdated if _is_let_in_wrongly(entry, now)),
        )
    }.values()
    return [_not_gone(code) for code in codes]


def _not_gone(code: DoorCode) -> Condition:
    cause = _what_keeps(code)
    title = CATALOGUE[cause].title
    key, words = f"{_REMOVAL}:{code.id}", TROUBLE(name=code.lock.name, trouble=title)
    if code.staff_code is not None:
        key = f"{STAFF_REMOVAL}:{code.lock_id}:{code.staff_code.id}"
        words = _of_person(code.staff_code, code.lock, title)
    return Condition(
        account_id=code.account_id,
        key=key,
        cause=str(cause),
        words=words,
        # A spare that was given tells of the stay that it was given for.
        booking_id=code.stay_id,
        lock_id=code.lock_id,
    )


def _of_person(staff: StaffCode, lock: Lock, trouble: str) -> str:
    return STAFF_TROUBLE(name=staff.name[:80], lock=lock.name[:80], trouble=trouble)


def _is_let_in_wrongly(entry: LockEntry, now: datetime) -> bool:
    """Whether it may open the door now, with digits or at a time that its code has no more."""
    code = entry.door_code
    is_in_time = code.starts_at <= now < code.ends_at + REMOVAL_ALARM
    return entry.pin != code.pin or not is_in_time


def _what_keeps(code: DoorCode) -> ProblemKey:
    """Mostly that no delete was confirmed; a staff code that no list shows, nobody can delete."""
    is_on_no_list = code.staff_code_id is not None and code.problem is ProblemKey.SPLIT_BRAIN
    return ProblemKey.SPLIT_BRAIN if is_on_no_list else _REMOVAL


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
