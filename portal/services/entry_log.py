"""Writing the entry log: what webhooks and the locks' own logs tell of the doors, each thing once.

A webhook tells at once and may get lost; the lock's log is read now and then and makes up for it.
Whichever comes second finds the row of the first.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session, joinedload, load_only

from portal import clock
from portal.domain.command import Kind, State
from portal.domain.door_event import (
    SAME_WITHIN,
    TRIES_EARLY,
    Expected,
    How,
    Told,
    What,
    Whose,
    read_after,
    twin,
    whose_try,
)
from portal.domain.snapshot import CodeKind
from portal.domain.stay import Window
from portal.models import (
    Booking,
    BookingStatus,
    Command,
    ConnectionState,
    DoorCode,
    DoorEvent,
    ForeignCode,
    Lock,
    LockEntry,
    Manager,
)
from portal.models.base import one_of
from portal.schlage import door_events
from portal.schlage.errors import SchlageError, SchlageUnauthorized
from portal.schlage.events import WebhookEvent
from portal.schlage.payloads import HistoryItem
from portal.services import clients, connections, guest_help, keypads, timeline, vacancy
from portal.services.snapshots import OF_CONNECTION
from portal.unit_of_work import writing

LINES: Final = 100
# Whoever asks for a read sets the time of the next one to this, should it fail or get lost.
READ_AGAIN: Final = timedelta(hours=1)
# No more of the lock than a read of its log needs.
_LOCK: Final = (
    select(Lock)
    .where(Lock.id == bindparam("lock_id"))
    .options(
        load_only(
            Lock.account_id,
            Lock.connection_id,
            Lock.device_id,
            Lock.missing_checks,
            Lock.entries_due_at,
        ),
        joinedload(Lock.connection).load_only(*OF_CONNECTION),
    )
)
# The door answers an Unlock pressed here within so long.
_PRESSED_BEFORE: Final = timedelta(minutes=2)
_PRESSED_AFTER: Final = timedelta(seconds=30)
# What is older was told to nobody when it happened, and is history now.
_NEWS_FOR: Final = timedelta(days=1)
_WHOSE: Final = {
    CodeKind.GUEST: Whose.GUEST,
    CodeKind.STAFF: Whose.STAFF,
    CodeKind.SPARE: Whose.SPARE,
}


class Source(Enum):
    """Who tells of an event; each has its own name for it."""

    WEBHOOK = "webhook_key"
    LOG = "log_key"


_KEY_OF: Final = {
    Source.WEBHOOK: DoorEvent.webhook_key,
    Source.LOG: DoorEvent.log_key,
}
_IS_NEAR: Final = and_(
    DoorEvent.lock_id == bindparam("lock_id"),
    DoorEvent.at >= bindparam("since"),
    DoorEvent.at <= bindparam("until"),
)
# Built once, because they run with every read.
_HEARD: Final = {
    source: select(key).where(_IS_NEAR, key.is_not(None)) for source, key in _KEY_OF.items()
}
_UNPAIRED: Final = {
    source: select(DoorEvent).where(_IS_NEAR, key.is_(None)) for source, key in _KEY_OF.items()
}
_EXPECTED: Final = (
    select(DoorCode.booking_id, DoorCode.starts_at, DoorCode.ends_at, Booking.proven_at)
    .join(Booking, Booking.id == DoorCode.booking_id)
    .where(
        DoorCode.lock_id == bindparam("lock_id"),
        DoorCode.is_wanted.is_(True),
        DoorCode.starts_at <= bindparam("starts_by"),
        DoorCode.ends_at > bindparam("ends_after"),
        Booking.status == BookingStatus.CONFIRMED,
    )
)


def hear(session: Session, lock: Lock, event: WebhookEvent, now: datetime) -> None:
    """What a webhook tells of the door is in the entry log."""
    told = door_events.of_event(event, now)
    if told is not None:
        _learn(session, lock, [told], Source.WEBHOOK, now)


def read_lines(session: Session, lock: Lock, items: Sequence[HistoryItem], now: datetime) -> bool:
    """What the lock's log tells of the door is in the entry log; True where any of it was new."""
    told = [line for item in items if (line := door_events.of_line(item)) is not None]
    is_new = _learn(session, lock, told, Source.LOG, now)
    lock.entries_due_at = _next_read(session, lock, now)
    return is_new


def read(lock_id: int) -> None:
    """Reads the lock's log for the entry log. Safe to run twice; a read that fails comes again."""
    now = clock.now()
    with writing() as session:
        lock = session.scalars(_LOCK, {"lock_id": lock_id}).one_or_none()
        if lock is None:
            return
        if lock.connection.state is not ConnectionState.CONNECTED or lock.is_missing:
            # The first check that shows it again sets a time anew.
            lock.entries_due_at = None
            return
        if lock.connection.outage_since is not None:
            return
        device_id = lock.device_id
        client = clients.client_of(lock.connection, now)
    try:
        items = client.list_history(device_id, LINES)
    except SchlageUnauthorized:
        connections.signed_out(lock_id)
        return
    except SchlageError:
        return
    now = clock.now()
    with writing() as session:
        lock = session.scalars(_LOCK, {"lock_id": lock_id}).one()
        if read_lines(session, lock, items, now):
            connections.refresh_verdicts(session, [lock_id], now)


def _learn(
    session: Session, lock: Lock, news: Sequence[Told], source: Source, now: datetime
) -> bool:
    # A log tells the same lines with every read: mostly there is nothing new in it.
    heard = set(session.scalars(_HEARD[source], _around(lock, news))) if news else set()
    fresh = {told.key: told for told in news if told.key not in heard}
    if not fresh:
        return False
    rows = session.scalars(_UNPAIRED[source], _around(lock, fresh.values()))
    unpaired = {row.id: row for row in rows}
    is_new = False
    for told in sorted(fresh.values(), key=lambda t: t.at):
        found = twin(told, ((row.id, _told(row)) for row in unpaired.values()))
        if found is not None:
            _complete(unpaired.pop(found), told, source)
            continue
        _write(session, lock, told, source, now)
        is_new = True
    return is_new


def _around(lock: Lock, news: Collection[Told]) -> dict[str, object]:
    """Where in the entry log of this lock these may stand already."""
    return {
        "lock_id": lock.id,
        "since": min(told.at for told in news) - SAME_WITHIN,
        "until": max(told.at for told in news) + SAME_WITHIN,
    }


def _told(row: DoorEvent) -> Told:
    return Told(key="", at=row.at, what=row.what, how=row.how, name=row.name)


def _complete(row: DoorEvent, told: Told, source: Source) -> None:
    """The second to tell names the event, and may know what the first one left out."""
    setattr(row, source.value, told.key)
    row.name = row.name or told.name
    if row.how is How.UNKNOWN:
        row.how = told.how


def _write(session: Session, lock: Lock, told: Told, source: Source, now: datetime) -> None:
    row = DoorEvent(
        account_id=lock.account_id,
        lock_id=lock.id,
        at=told.at,
        what=told.what,
        how=told.how,
        whose=Whose.NOBODY,
        name=told.name,
    )
    setattr(row, source.value, told.key)
    if told.what is What.OPENED:
        _name_who(session, row, told)
        row.alert_until = vacancy.alert_until(session, row, now)
    else:
        row.booking_id = whose_try(_expected(session, lock.id, told.at), told.at)
        row.alert_until = keypads.alert_until(row, now)
    session.add(row)
    session.flush()
    if told.what is not What.WRONG_TRY and now - told.at < _NEWS_FOR:
        _tell(session, row, source)


def _name_who(session: Session, row: DoorEvent, told: Told) -> None:
    """Whose code, or whose doing, opened the door; where it is a guest's, it is proven."""
    if told.how is How.CODE:
        entry = _entry(session, row.lock_id, told)
        if entry is not None:
            code = entry.door_code
            row.door_code_id, row.booking_id = code.id, code.stay_id
            row.whose = _WHOSE[code.serves]
            if code.staff_code is not None:
                row.name = code.staff_code.name[:100]
            _prove(code, told.at)
            if code.stay_id is not None:
                guest_help.door_opened(session, code.stay_id, clock.now())
        elif told.name or told.code_id:
            row.whose = Whose.OTHER
            row.name = row.name or _foreign_label(session, row.lock_id, told.code_id)
    elif told.how in {How.APP, How.UNKNOWN} and (presser := _presser(session, row)) is not None:
        row.whose, row.how, row.name = Whose.PORTAL, How.APP, presser


def _entry(session: Session, lock_id: int, told: Told) -> LockEntry | None:
    """Our entry that the code is, by its label, or by its id where the label is missing."""
    by = LockEntry.label == told.name if told.name else LockEntry.access_code_id == told.code_id
    if not told.name and told.code_id is None:
        return None
    return session.scalars(select(LockEntry).where(LockEntry.lock_id == lock_id, by)).first()


def _foreign_label(session: Session, lock_id: int, code_id: str | None) -> str:
    label = session.scalars(
        select(ForeignCode.label).where(
            ForeignCode.lock_id == lock_id, ForeignCode.access_code_id == code_id
        )
    ).first()
    return (label or "")[:100]


def _prove(code: DoorCode, at: datetime) -> None:
    """The code opened its door at the latest then. A late webhook may tell of an earlier time."""
    code.proven_at = min(code.proven_at or at, at)
    if code.stay is not None:
        code.stay.proven_at = min(code.stay.proven_at or at, at)


def _presser(session: Session, row: DoorEvent) -> str | None:
    """Who pressed Unlock here when the door opened; empty where it was a program, None: nobody."""
    cause = session.scalars(
        select(Command.cause)
        .where(
            Command.lock_id == row.lock_id,
            Command.kind == Kind.UNLOCK,
            ~one_of(Command.state, [State.FAILED, State.SUPERSEDED]),
            Command.sent_at >= row.at - _PRESSED_BEFORE,
            Command.sent_at <= row.at + _PRESSED_AFTER,
        )
        .order_by(Command.sent_at.desc())
        .limit(1)
    ).first()
    if cause is None:
        return None
    kind, _, number = cause.partition(":")
    if kind != "manager" or not number.isdecimal():
        return ""
    name = session.scalars(select(Manager.name).where(Manager.id == int(number))).first()
    return (name or "")[:100]


def _expected(session: Session, lock_id: int, at: datetime) -> list[Expected]:
    """The stays whose code opens this lock at that time or some hours later."""
    rows = session.execute(
        _EXPECTED, {"lock_id": lock_id, "starts_by": at + TRIES_EARLY, "ends_after": at}
    )
    return [
        Expected(
            row.booking_id,
            Window(row.starts_at, row.ends_at),
            has_arrived=row.proven_at is not None and row.proven_at <= at,
        )
        for row in rows
    ]


def _next_read(session: Session, lock: Lock, now: datetime) -> datetime:
    return now + read_after(_expected(session, lock.id, now), now)


def _tell(session: Session, row: DoorEvent, source: Source) -> None:
    """The history tells of a keypad that pauses and of an alarm, and of what only the log knew."""
    if row.what is not What.OPENED:
        kind, actor = timeline.Kind.KEYPAD, "schlage"
    elif source is Source.LOG and row.whose is Whose.GUEST:
        kind, actor = timeline.Kind.DOOR_OPENED, "guest"
    else:
        return
    timeline.record(
        session,
        kind,
        actor,
        account_id=row.account_id,
        booking_id=row.booking_id,
        lock_id=row.lock_id,
        door_code_id=row.door_code_id,
        what=str(row.what),
        how=str(row.how),
    )
