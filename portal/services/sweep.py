"""What is due, found in the database and rung for. Late or twice, it changes only the time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import Select, Update, bindparam, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from portal import clock
from portal.domain.command import Lane, State
from portal.models import (
    Booking,
    Command,
    Connection,
    ConnectionState,
    EndpointCall,
    Feed,
    Lock,
    Notice,
)
from portal.queue import JobName, ring
from portal.services import (
    alarms,
    bolt,
    bulk,
    entry_log,
    guest_help,
    guest_sending,
    notices,
    outgoing,
    ringing,
    verdicts,
    webhooks,
)
from portal.unit_of_work import writing

PAGE: Final = 200
CLAIMED_FOR: Final = timedelta(minutes=5)  # a fetch or a check sets the next time itself
FORGETS_AT_MINUTE: Final = 17  # of every hour

# Built once, because they run every 30 s and mostly find nothing.
_BOLTS: Final = (
    select(Command.id)
    .where(
        Command.lane == Lane.BOLT,
        Command.state == State.ACCEPTED,
        Command.look_at <= bindparam("now"),
    )
    .limit(PAGE)
)
_TURNED: Final = (
    select(Booking.id)
    .where(Booking.verdict_due_at <= bindparam("now"))
    .order_by(Booking.verdict_due_at)
    .limit(PAGE)
)
_FEEDS: Final = (
    select(Feed.id).where(Feed.due_at <= bindparam("now"), Feed.is_paused.is_(False)).limit(PAGE)
)
_CONNECTIONS: Final = select(Connection.id).where(
    Connection.due_at <= bindparam("now"), Connection.state == ConnectionState.CONNECTED
)
_ENTRIES: Final = (
    select(Lock.id)
    .where(Lock.entries_due_at <= bindparam("now"))
    .order_by(Lock.entries_due_at)
    .limit(PAGE)
)
# One question in place of six, that is mostly answered by no.
_IS_DUE: Final = select(
    _FEEDS.exists().label("feeds"),
    _CONNECTIONS.exists().label("links"),
    bulk.DUE.exists().label("runs"),
    guest_sending.DUE.exists().label("messages"),
    _ENTRIES.exists().label("entries"),
    _BOLTS.exists().label("bolts"),
)


def sweep() -> None:
    """Rings for everything that is due and refreshes what time alone changed."""
    ring_for_locks()
    ring_for_webhooks()
    ring_for_the_rest()
    turn_what_turned()
    ring_for_what_goes_out()
    if clock.now().minute == FORGETS_AT_MINUTE:
        forget_old()


def ring_for_locks() -> None:
    """Rings for locks that are due."""
    now = clock.now()
    with writing() as session:
        locks = ringing.claim_due(session, now, PAGE)
    for lock_id in locks:
        ring(JobName.WORK_LOCK, lock_id)


def ring_for_webhooks() -> None:
    """Rings for webhooks whose ring got lost."""
    now = clock.now()
    with writing() as session:
        events = webhooks.waiting(session, now, PAGE)
    for event_row_id in events:
        ring(JobName.PROCESS_WEBHOOK, event_row_id)


def ring_for_the_rest() -> None:
    """Rings for all else that is due; looks up what moves bolts."""
    now = clock.now()
    with writing() as session:
        has = session.execute(_IS_DUE, {"now": now}).one()
        feeds = _claim(session, _FEEDS, Feed.due_at, CLAIMED_FOR) if has.feeds else ()
        links = _claim(session, _CONNECTIONS, Connection.due_at, CLAIMED_FOR) if has.links else ()
        runs = bulk.claim_due(session, now) if has.runs else ()
        messages = guest_sending.claim_due(session, now) if has.messages else ()
        again_after = entry_log.READ_AGAIN
        entries = _claim(session, _ENTRIES, Lock.entries_due_at, again_after) if has.entries else ()
        bolts = session.scalars(_BOLTS, {"now": now}).all() if has.bolts else ()
    for feed_id in feeds:
        ring(JobName.FETCH_FEED, feed_id)
    for connection_id in links:
        ring(JobName.CHECK_CONNECTION, connection_id)
    for run_id in runs:
        ring(JobName.WORK_BULK, run_id)
    for send_id in messages:
        ring(JobName.SEND_TO_GUEST, send_id)
    for lock_id in entries:
        ring(JobName.READ_ENTRIES, lock_id)
    for command_row_id in bolts:
        bolt.look(command_row_id)


def turn_what_turned() -> None:
    """Verdicts and alarms that time alone has changed say so."""
    now = clock.now()
    with writing() as session:
        turned = session.scalars(_TURNED, {"now": now}).all()
        verdicts.refresh(session, turned, now)
        alarms.refresh(session, now)
        guest_help.end_with_stays(session, now)


def ring_for_what_goes_out() -> None:
    """Plans the notices that are due by now, and rings for them and for calls to endpoints."""
    now = clock.now()
    with writing() as session:
        notices.plan(session, now)
        session.flush()
        to_send = outgoing.due(session, Notice, now, PAGE)
        to_call = outgoing.due(session, EndpointCall, now, PAGE)
    for notice_id in to_send:
        ring(JobName.SEND_NOTICE, notice_id)
    for call_id in to_call:
        ring(JobName.CALL_ENDPOINT, call_id)


def forget_old() -> None:
    """What was kept for a month is gone. Missed in one hour, it is done in the next."""
    now = clock.now()
    with writing() as session:
        webhooks.forget_old(session, now)
        outgoing.forget_old(session, Notice, now)
        outgoing.forget_old(session, EndpointCall, now)
        guest_sending.forget_old(session, now)


def _claim(
    session: Session,
    query: Select[int],
    due_at: InstrumentedAttribute[datetime | None],
    again_after: timedelta,
) -> Sequence[int]:
    """The ids that the query finds, put off until they are due again should their jobs get lost.

    A job that is done sets its next time itself. No page shows the putting off.
    """
    now = clock.now()
    ids = session.scalars(query, {"now": now}).all()
    if ids:
        session.execute(_putting_off(due_at), {"ids": ids, "until": now + again_after})
    return ids


@cache
def _putting_off(due_at: InstrumentedAttribute[datetime | None]) -> Update:
    """Sets that column of the rows with these ids."""
    return (
        update(due_at.class_)
        .where(due_at.class_.id.in_(bindparam("ids", expanding=True)))
        .values({due_at: bindparam("until")})
        .execution_options(synchronize_session=False)
    )
