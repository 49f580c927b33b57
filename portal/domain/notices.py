"""What a channel is told, and when: one message where a person needs one, and no second.

Pure and level-triggered: from the alerts that are open and what a channel was told before, `plan`
says which messages are due now. Asked again at once it says nothing.

A *thread* is one trouble in one place: a guest at a door, a person's staff code on a lock, any
other cause at a lock, a connection, a feed. It is opened once, said to be more urgent where it
becomes so, and said to be over once, if its opening was sent. What is over about a guest is said at
once; anything else when it has stayed over for a while, so that a lock that comes and goes is one
message. Threads of one *bundle* (a family of causes behind one connection) that come up together
are one message.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from portal.domain.problems import ProblemKey
from portal.domain.verdict import RISKY_WITHIN

NOT_CONFIRMED: Final = "not_confirmed"
NEEDS_YOU: Final = "needs_you"
STAFF_NEEDS_YOU: Final = "staff_needs_you"  # the same of a staff code
STAFF_REMOVAL: Final = "staff_removal"  # begins the keys of removals of staff codes
_OF_STAFF: Final = frozenset({STAFF_NEEDS_YOU, STAFF_REMOVAL})
GUEST_CANNOT_ENTER: Final = "guest_cannot_enter"  # says the guest who stands before it
DISCONNECTED: Final = "disconnected"  # a manager ended the connection, and guests come
KEYPAD_LOCKED: Final = "keypad_locked"  # a keypad locked itself, and a guest may stand before it
# Something old may still open a door.
REMOVAL_CAUSES: Final = frozenset(
    {str(ProblemKey.REMOVAL_UNCONFIRMED), str(ProblemKey.SPLIT_BRAIN)}
)
# About a guest at a door: the same trouble, the more urgent the closer the arrival.
ARRIVAL_CAUSES: Final = frozenset({NOT_CONFIRMED, NEEDS_YOU, GUEST_CANNOT_ENTER})
_GUESTS_CAUSES: Final = ARRIVAL_CAUSES | {KEYPAD_LOCKED}
# What of a lock keeps a code off it: of a guest who waits for theirs, that is told with the guest.
KEEPS_OFF: Final = frozenset(
    {str(ProblemKey.LOCK_FULL), str(ProblemKey.LOCK_OFFLINE), str(ProblemKey.LOCK_MISSING)}
)
# While one of these is open, what its locks report is its consequence.
OUTAGES: Final = frozenset(
    {str(ProblemKey.SCHLAGE_OUTAGE), str(ProblemKey.SIGNED_OUT), DISCONNECTED}
)

# What opens within this time of the first of its bundle is told of together with it.
GATHER: Final = timedelta(minutes=2)
# A bundle that was told of and is not over is not told of again sooner, but for arrivals that
# cannot wait.
WINDOW: Final = timedelta(minutes=15)
# What comes back within this time was never over: nothing is said of either.
SETTLES: Final = timedelta(minutes=15)
DIGEST_AT: Final = time(8)
DIGEST_UNTIL: Final = time(12)  # later it is no morning digest any more
DIGEST_HOURS: Final = 72
_ARRIVAL: Final = "arrival"
_LEVELS: Final = {"24h": 1, "6h": 2, "2h": 3}


class Topic(StrEnum):
    """What a channel may ask for."""

    ARRIVALS = "arrivals"  # a guest comes and may not get in
    REMOVALS = "removals"  # a code is not proven off a lock
    EQUIPMENT = "equipment"  # locks, staff codes, connections, calendars, and the ways to tell


class Kind(StrEnum):
    """What a message is."""

    OPENED = "opened"  # something is wrong
    ESCALATED = "escalated"  # it was told of, and cannot wait any longer
    RESOLVED = "resolved"  # it is over
    DIGEST = "digest"  # the morning's look at the coming days
    TEST = "test"  # a person pressed a button


class Progress(StrEnum):
    """How far the message that opened a thread came."""

    PENDING = "pending"  # not sent yet; its text is written when it is
    SENT = "sent"
    LOST = "lost"  # every try failed, or it was dropped


@dataclass(frozen=True, kw_only=True)
class AlertFacts:
    """An open alert; `connection_id` is its own or its lock's."""

    id: int
    cause: str
    key: str
    opened_at: datetime
    booking_id: int | None = None
    lock_id: int | None = None
    connection_id: int | None = None
    arrives_at: datetime | None = None

    @property
    def thread(self) -> str:
        return thread_of(self.cause, self.key, self.booking_id, self.lock_id)

    @property
    def level(self) -> int:
        """0 for most; 1, 2, 3 as an arrival comes within 24, 6 and 2 hours."""
        if self.cause != NOT_CONFIRMED:
            return 0
        return _LEVELS.get(self.key.split(":")[1] if ":" in self.key else "", 0)

    @property
    def bundle(self) -> str:
        if self.cause == GUEST_CANNOT_ENTER:
            return self.key  # told of by itself, and never as one more of a list
        family = _ARRIVAL if self.cause in ARRIVAL_CAUSES else self.cause
        return f"{family}:{self.connection_id or ''}"

    def is_urgent(self, now: datetime) -> bool:
        """Whether this wakes somebody: a guest may not get in, within six hours or now."""
        if self.cause == GUEST_CANNOT_ENTER:
            return True
        if self.cause not in _GUESTS_CAUSES or self.arrives_at is None:
            return False
        return self.arrives_at - now <= RISKY_WITHIN


@dataclass(frozen=True, kw_only=True)
class Told:
    """A thread that a channel was told of, or is about to be."""

    thread: str
    level: int
    bundle: str
    told_at: datetime
    alert_id: int
    progress: Progress = Progress.SENT
    over_at: datetime | None = None  # when it was first seen to be over, until it comes back

    def is_settled(self, now: datetime) -> bool:
        """Whether what is no longer open may be said to be over."""
        family = self.bundle.partition(":")[0]
        if family == _ARRIVAL or family in _GUESTS_CAUSES:
            return True
        return self.over_at is not None and now - self.over_at >= SETTLES


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a channel wants, and when it wants to be left alone, by the clock of its zone."""

    topics: frozenset[Topic]
    zone: ZoneInfo
    quiet_from: time | None = None
    quiet_until: time | None = None


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thread in a message, by the alert that stands for it."""

    thread: str
    level: int
    bundle: str
    alert_id: int


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to one channel."""

    kind: Kind
    items: tuple[Item, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is due now: messages, threads to forget without a word, threads whose unsent message
    will tell of a higher level when it is written, and threads that are over, or back again."""

    messages: tuple[Message, ...] = ()
    forgotten: frozenset[str] = frozenset()
    raised: Mapping[str, Item] = field(default_factory=dict)
    over: frozenset[str] = frozenset()
    back: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        return not (self.messages or self.forgotten or self.raised or self.over or self.back)


def thread_of(cause: str, key: str, booking_id: int | None, lock_id: int | None) -> str:
    """The trouble that an alert is about, the same through its escalation."""
    if cause in ARRIVAL_CAUSES and booking_id is not None:
        return f"arrival:{booking_id}:{lock_id or ''}"
    if key.partition(":")[0] in _OF_STAFF:
        return key  # each person's code opens on, whoever else's was told of
    return f"{cause}:lock:{lock_id}" if lock_id is not None else key


def topic_of(cause: str) -> Topic:
    if cause in _GUESTS_CAUSES:
        return Topic.ARRIVALS
    return Topic.REMOVALS if cause in REMOVAL_CAUSES else Topic.EQUIPMENT


def plan(wish: Wish, alerts: Sequence[AlertFacts], told: Iterable[Told], now: datetime) -> Plan:
    """What this channel is told now, given every open alert of its account."""
    before = {each.thread: each for each in told}
    still_open = _strongest(alerts)
    is_quiet = quiet_end(wish, now) is not None
    stands = [each for thread, each in before.items() if thread in still_open]
    gone = {t: each for t, each in before.items() if t not in still_open}
    forgotten = {t for t, each in gone.items() if not _was_sent(each)}
    settled = [
        each
        for t, each in gone.items()
        if t not in forgotten and each.is_settled(now) and not is_quiet
    ]
    raised: dict[str, Item] = {}
    grouped: dict[tuple[Kind, str], list[AlertFacts]] = {}
    for thread, alert in still_open.items():
        if not _is_told_of(wish, alert, alerts, now):
            continue
        known = before.get(thread)
        if known is None:
            group = _due_group(wish, alert, stands, now)
            if group is not None:
                grouped.setdefault((Kind.OPENED, group), []).append(alert)
        elif alert.level > known.level:
            if known.progress is Progress.PENDING:
                raised[thread] = _item(alert)
            elif alert.is_urgent(now) or not is_quiet:
                kind = Kind.ESCALATED if _was_sent(known) else Kind.OPENED
                grouped.setdefault((kind, alert.bundle), []).append(alert)
    messages = [Message(kind=kind, items=_items(of)) for (kind, _), of in grouped.items()]
    messages += _resolved(settled)
    known_over = forgotten | {each.thread for each in settled}
    return Plan(
        messages=tuple(messages),
        forgotten=frozenset(forgotten),
        raised=raised,
        over=frozenset(t for t in gone.keys() - known_over if gone[t].over_at is None),
        back=frozenset(each.thread for each in stands if each.over_at is not None),
    )


def quiet_end(wish: Wish, at: datetime) -> datetime | None:
    """When the quiet hours around `at` end; None where it is none of them."""
    if wish.quiet_from is None or wish.quiet_until is None or wish.quiet_from == wish.quiet_until:
        return None
    here = at.astimezone(wish.zone)
    spans_midnight = wish.quiet_from > wish.quiet_until
    clock = here.time()
    if spans_midnight:
        if wish.quiet_until <= clock < wish.quiet_from:
            return None
        ends_on = here.date() + timedelta(days=1 if clock >= wish.quiet_from else 0)
    else:
        if not wish.quiet_from <= clock < wish.quiet_until:
            return None
        ends_on = here.date()
    return datetime.combine(ends_on, wish.quiet_until, tzinfo=wish.zone)


def digest_day(zone: ZoneInfo, last_on: date | None, now: datetime) -> date | None:
    """The day whose morning digest is due now; None where it was sent or it is not morning."""
    here = now.astimezone(zone)
    if last_on is not None and last_on >= here.date():
        return None
    return here.date() if DIGEST_AT <= here.time() < DIGEST_UNTIL else None


def _strongest(alerts: Sequence[AlertFacts]) -> dict[str, AlertFacts]:
    """Of each thread the alert that stands for it: the most urgent, then the oldest."""
    found: dict[str, AlertFacts] = {}
    for alert in sorted(alerts, key=lambda a: (-a.level, a.opened_at, a.id)):
        found.setdefault(alert.thread, alert)
    return found


def _is_told_of(wish: Wish, alert: AlertFacts, alerts: Sequence[AlertFacts], now: datetime) -> bool:
    """Whether the channel asked for this, and it is more than what another message tells of."""
    if topic_of(alert.cause) not in wish.topics or _is_told_with_guest(wish, alert, alerts):
        return False
    if alert.lock_id is None or alert.is_urgent(now) or Topic.EQUIPMENT not in wish.topics:
        return True
    return not any(a.cause in OUTAGES and a.connection_id == alert.connection_id for a in alerts)


def _is_told_with_guest(wish: Wish, alert: AlertFacts, alerts: Sequence[AlertFacts]) -> bool:
    """Whether it says only why the code of a guest, of whom the channel hears, is not on a lock."""
    if alert.cause not in KEEPS_OFF or Topic.ARRIVALS not in wish.topics:
        return False
    door = (alert.booking_id, alert.lock_id)
    return any(a.cause in ARRIVAL_CAUSES and (a.booking_id, a.lock_id) == door for a in alerts)


def _due_group(wish: Wish, alert: AlertFacts, stands: Iterable[Told], now: datetime) -> str | None:
    """What a new alert is told of together with; None while it has to wait."""
    if alert.is_urgent(now):
        return alert.bundle
    due = alert.opened_at + GATHER
    last = max((t.told_at for t in stands if t.bundle == alert.bundle), default=None)
    if last is not None:
        due = max(due, last + WINDOW)
    if due > now or quiet_end(wish, now) is not None:
        return None
    held_until = quiet_end(wish, due)
    return f"held until {held_until.isoformat()}" if held_until is not None else alert.bundle


def _resolved(settled: Iterable[Told]) -> list[Message]:
    bundles: dict[str, list[Item]] = {}
    for each in sorted(settled, key=lambda each: each.thread):
        item = Item(
            thread=each.thread, level=each.level, bundle=each.bundle, alert_id=each.alert_id
        )
        bundles.setdefault(each.bundle, []).append(item)
    return [Message(kind=Kind.RESOLVED, items=tuple(items)) for items in bundles.values()]


def _items(alerts: Sequence[AlertFacts]) -> tuple[Item, ...]:
    """Soonest arrival first, then the oldest."""
    ordered = sorted(
        alerts,
        key=lambda a: (
            a.arrives_at or datetime.max.replace(tzinfo=a.opened_at.tzinfo),
            a.opened_at,
            a.id,
        ),
    )
    return tuple(_item(alert) for alert in ordered)


def _item(alert: AlertFacts) -> Item:
    return Item(thread=alert.thread, level=alert.level, bundle=alert.bundle, alert_id=alert.id)


def _was_sent(told: Told) -> bool:
    return told.progress is Progress.SENT
