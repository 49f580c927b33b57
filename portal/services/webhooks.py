"""Making something of a stored webhook.

A command's event only says that it is worth a look: the look-up decides. Where the look-up cannot
(Schlage is away, has forgotten the command, or still says pending), the event's own word counts,
and the transition table ranks the words whatever their order.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.domain.command import OPEN, Event, State
from portal.domain.problems import ProblemKey, recognise
from portal.domain.snapshot import CodeKind
from portal.models import Command, Connection, ConnectionState, Lock, LockEntry, WebhookState
from portal.models import WebhookEvent as StoredEvent
from portal.models.base import one_of
from portal.schlage.client import SchlageClient
from portal.schlage.events import EventKind, WebhookEvent, parse_events
from portal.schlage.payloads import BatteryState, LockState
from portal.services import (
    clients,
    commands,
    connections,
    entry_log,
    look_ups,
    reach,
    readings,
    ringing,
    timeline,
)
from portal.services.look_ups import Question
from portal.services.outcomes import News
from portal.services.ringing import changing
from portal.services.snapshots import OF_CONNECTION

PARKED_FOR: Final = timedelta(hours=24)
KEPT_FOR: Final = timedelta(days=30)
# A look-up shows only some seconds later what an event has told.
STATE_LAG: Final = timedelta(seconds=6)
READ_AFTER_EVENT: Final = timedelta(seconds=20)  # the list lags behind the event by as much
_TRIGGERS: Final = {
    EventKind.COMMAND_SUCCEEDED: Event.SUCCEEDED,
    EventKind.COMMAND_FAILED: Event.FAILED,
    EventKind.COMMAND_TIMED_OUT: Event.TIMED_OUT,
}

# Who is told to have opened a door, by whose code did it.
_OPENERS: Final = {CodeKind.GUEST: "guest", CodeKind.SPARE: "guest", CodeKind.STAFF: "staff"}
UNHEARD_FOR: Final = timedelta(seconds=10)  # after this long a ring counts as lost

# Built once, because they run every 30 s and mostly find nothing.
_WAITING: Final = (
    select(StoredEvent.id)
    .outerjoin(Command, Command.command_id == StoredEvent.command_id)
    .where(
        # Said apart, so that the index leaves out the month of those that are done.
        one_of(StoredEvent.state, [WebhookState.RECEIVED, WebhookState.PARKED]),
        (
            (StoredEvent.state == WebhookState.RECEIVED)
            & (StoredEvent.received_at <= bindparam("unheard"))
        )
        | (
            (StoredEvent.state == WebhookState.PARKED)
            & (Command.id.is_not(None) | (StoredEvent.received_at <= bindparam("parked")))
        ),
    )
    .order_by(StoredEvent.received_at)
    .limit(bindparam("page"))
)
_COMMAND: Final = (
    select(Command, Lock)
    .join(Lock, Lock.id == Command.lock_id)
    .where(Command.command_id == bindparam("command_id"))
    .options(joinedload(Lock.connection).load_only(*OF_CONNECTION))
)
_ON_DEVICE: Final = _COMMAND.where(Lock.device_id == bindparam("device_id"))
_LOCKS: Final = (
    select(Lock)
    .where(Lock.device_id == bindparam("device_id"))
    .options(joinedload(Lock.connection).load_only(*OF_CONNECTION))
)
_DONE: Final = (
    update(StoredEvent)
    .where(StoredEvent.id == bindparam("row_id"))
    .values(state=WebhookState.DONE, done_at=bindparam("at"))
    .execution_options(synchronize_session=False)
)
_FORGET: Final = (
    delete(StoredEvent)
    .where(StoredEvent.received_at < bindparam("before"))
    .execution_options(synchronize_session=False)
)


@dataclass(frozen=True)
class _LookUp:
    """What is left of a command's event: the look-up that decides, and the event's own word."""

    client: SchlageClient
    question: Question
    is_open: bool
    event: WebhookEvent
    row_id: int


def process(row_id: int) -> None:
    """Works one stored webhook; twice does no more than once."""
    with changing() as session:
        look_up = _begin(session, row_id, clock.now())
    if look_up is not None:
        _work_command(look_up)


def _begin(session: Session, row_id: int, now: datetime) -> _LookUp | None:
    """Works what the event says by itself; None where no look-up is needed for the rest."""
    row = session.get(StoredEvent, row_id)
    if row is None or row.state not in {WebhookState.RECEIVED, WebhookState.PARKED}:
        return None
    event = parse_events(row.body.reveal().encode())[0]
    found = _command_of(session, event)
    if found is not None:
        command, lock = found
        lock.connection.last_webhook_at = now
        if command.state is not State.SUCCEEDED:
            client = clients.client_of(lock.connection, now)
            question = look_ups.about(command, lock)
            return _LookUp(client, question, command.state in OPEN, event, row_id)
    elif event.kind.is_command:
        # It may be about a command whose 202 we have not stored yet, or about another
        # client's: it waits a day for a command of that id.
        is_old = now - row.received_at > PARKED_FOR
        row.state = WebhookState.GIVEN_UP if is_old else WebhookState.PARKED
        return None
    else:
        if event.kind is EventKind.USER:
            _check_connections(session)
        for lock in _locks_of(session, event):
            _work_device(session, lock, event)
    _finish(session, row_id)
    return None


def waiting(session: Session, now: datetime, page: int) -> list[int]:
    """Stored webhooks nobody has worked for a while: rings got lost, or their command is new."""
    values = {"unheard": now - UNHEARD_FOR, "parked": now - PARKED_FOR, "page": page}
    return list(session.scalars(_WAITING, values))


def forget_old(session: Session, now: datetime) -> None:
    """Event ids are kept for 30 days: they are all the replay protection there is."""
    session.execute(_FORGET, {"before": now - KEPT_FOR})


def _command_of(session: Session, event: WebhookEvent) -> tuple[Command, Lock] | None:
    """The command that the event is about, with its lock and connection."""
    if event.command_id is None:
        return None
    found = session.execute(
        _ON_DEVICE if event.device_id else _COMMAND,
        {"command_id": event.command_id, "device_id": event.device_id},
    ).first()
    return None if found is None else (found[0], found[1])


def _locks_of(session: Session, event: WebhookEvent) -> list[Lock]:
    """The locks the event is about."""
    if event.device_id is None:
        return []
    return list(session.scalars(_LOCKS, {"device_id": event.device_id}))


def _check_connections(session: Session) -> None:
    """A login changed or was ended everywhere. Schlage does not say whose in words we know: a
    check of every connection is two calls each, and finds out."""
    session.execute(
        update(Connection)
        .where(Connection.state == ConnectionState.CONNECTED)
        .values(due_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )


def _finish(session: Session, row_id: int) -> None:
    """The webhook is worked: so in the same transaction as all that it taught."""
    session.execute(_DONE, {"row_id": row_id, "at": clock.now()})


def _work_command(look_up: _LookUp) -> None:
    """Looks the command up, and settles it by that or, failing that, by the event's own word."""
    question, event = look_up.question, look_up.event
    answer = look_ups.ask(look_up.client, question)
    news = answer.news
    trigger = _TRIGGERS.get(event.kind)
    if news is None and look_up.is_open and _is_bare_failure(event):
        # It failed, and only the look-up knows why: its state follows the event by seconds.
        with changing() as session:
            commands.look_soon(session, question.command_row_id, clock.now() + STATE_LAG)
            ringing.mark(session, [question.lock_id])
            _finish(session, look_up.row_id)
        return
    if (news is None or news.event is Event.EXPIRED) and trigger is not None:
        news = News(
            event=trigger,
            by="webhook",
            problem=_named(event) if trigger is not Event.SUCCEEDED else None,
            text=event.error_text or "",
            raw_state=event.trigger,
        )
    with changing() as session:
        if news is not None:
            commands.settle(session, question.command_row_id, replace(news, by="webhook"))
        else:
            commands.look_again(session, question.command_row_id, answer)
        ringing.mark(session, [question.lock_id])
        _finish(session, look_up.row_id)


def _is_bare_failure(event: WebhookEvent) -> bool:
    return (
        event.kind is EventKind.COMMAND_FAILED
        and not event.error_text
        and _named(event) is ProblemKey.UNKNOWN
    )


def _named(event: WebhookEvent) -> ProblemKey:
    return recognise(event.error_text or "", event.trigger, error_code=event.error_code)


def _work_device(session: Session, lock: Lock, event: WebhookEvent) -> None:
    now = clock.now()
    lock.connection.last_webhook_at = now
    if event.kind is EventKind.CONNECTIVITY and event.is_online is not None:
        reach.set_online(session, lock, event.is_online, now)
        ringing.mark(session, [lock.id])
    elif event.kind is EventKind.BATTERY:
        _work_battery(session, lock, event)
        readings.take(session, lock, now)
    elif event.kind is EventKind.LOCK_STATE:
        _work_bolt(session, lock, event, now)
    elif event.kind is EventKind.ACCESS_CODE:
        lock.read_wanted_at = now + READ_AFTER_EVENT
        ringing.mark(session, [lock.id])
    elif event.kind in {EventKind.WRONG_CODE, EventKind.KEYPAD_PAUSED, EventKind.ALARM}:
        entry_log.hear(session, lock, event, now)
    elif event.kind is EventKind.UNKNOWN:
        timeline.record(
            session,
            timeline.Kind.KEYPAD,
            "schlage",
            account_id=lock.account_id,
            lock_id=lock.id,
            trigger=event.trigger[:100],
        )
    connections.refresh_verdicts(session, [lock.id], now)


def _work_battery(session: Session, lock: Lock, event: WebhookEvent) -> None:
    if event.battery_state is not BatteryState.UNKNOWN:
        lock.battery_state = str(event.battery_state)
    if event.battery_level is not None:
        lock.battery_level = event.battery_level
    timeline.record(
        session,
        timeline.Kind.BATTERY,
        "schlage",
        account_id=lock.account_id,
        lock_id=lock.id,
        state=lock.battery_state,
        level=lock.battery_level,
    )


def _work_bolt(session: Session, lock: Lock, event: WebhookEvent, now: datetime) -> None:
    """The bolt moved; where it opened, the entry log says who came in."""
    if event.lock_state is not LockState.UNKNOWN:
        lock.bolt_state = str(event.lock_state)
    accessor = event.data.get("accessor")
    accessor = accessor if isinstance(accessor, dict) else {}
    name = str(accessor.get("friendlyName") or "")
    access_type = str(accessor.get("accessType") or "")
    entry = _entry_named(session, lock, name) if access_type == "AccessCode" else None
    code = entry.door_code if entry else None
    entry_log.hear(session, lock, event, now)
    timeline.record(
        session,
        timeline.Kind.DOOR_OPENED if code else timeline.Kind.BOLT_MOVED,
        _OPENERS[code.kind] if code else "schlage",
        **(timeline.about(code) if code else {"account_id": lock.account_id, "lock_id": lock.id}),
        bolt=lock.bolt_state,
        how=access_type[:40],
        who=name[:100] if not code else "",
    )


def _entry_named(session: Session, lock: Lock, name: str) -> LockEntry | None:
    if not name:
        return None
    return session.scalars(
        select(LockEntry).where(LockEntry.lock_id == lock.id, LockEntry.label == name)
    ).one_or_none()
