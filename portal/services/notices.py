"""Notices: which are due is planned in the sweep, and each is sent by a job.

What is due is decided by `domain.notices` from rows alone, so a sweep that runs late or twice says
nothing twice. The text is written when a notice is sent, from what is so then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from flask import current_app
from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session, defer

from portal import clock
from portal.domain import notices
from portal.domain.notices import AlertFacts, Item, Kind, Progress, Told, Topic, Wish
from portal.domain.outgoing import NOTICE_PAUSES, OPEN, State
from portal.messages.child import Text
from portal.models import Alert, Booking, BookingStatus, Channel, ChannelThread, Lock, Notice
from portal.network.errors import CallProblem
from portal.services import alert_page, channels, outgoing, stays
from portal.services.stays import Stay
from portal.unit_of_work import writing
from portal.zones import zone_or_utc

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Morning:
    """What a digest tells of: the coming arrivals, and removals that are late."""

    arrivals: tuple[Stay, ...]
    late_removals: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What the text of a notice is made of."""

    kind: Kind
    channel_name: str
    channel_kind: str
    language: str
    zone: str
    items: tuple[alert_page.Item, ...] = ()
    morning: Morning | None = None


#: Writes the text of a notice (the app's `notice_words`): pages and notices share their words.
Writer = Callable[[Subject], Text]

# Built once, because they run every 30 s and mostly find nothing.
# The addresses stay as they are: to decrypt them is for who sends.
_CHANNELS: Final = select(Channel).options(defer(Channel.address)).order_by(Channel.id)
_OPEN_ALERTS: Final = (
    select(Alert, Booking.starts_at, Lock.connection_id.label("of_lock"))
    .outerjoin(Booking, Booking.id == Alert.booking_id)
    .outerjoin(Lock, Lock.id == Alert.lock_id)
    # Of all accounts: the index has the open ones alone, and most accounts have a channel.
    .where(Alert.closed_at.is_(None))
)
_TOLD: Final = (
    select(ChannelThread, Notice.state)
    .outerjoin(Notice, Notice.id == ChannelThread.notice_id)
    .where(ChannelThread.account_id.in_(bindparam("accounts", expanding=True)))
)


def plan(session: Session, now: datetime) -> None:
    """Every channel's notices that are due now are rows; `outgoing.due` finds them."""
    found = session.scalars(_CHANNELS).all()
    if not found:
        return
    accounts = {"accounts": sorted({channel.account_id for channel in found})}
    alerts = _open_alerts(session)
    told = _told(session, accounts)
    for channel in found:
        ours = alerts.get(channel.account_id, [])
        if channel.dead_since is not None:
            # It cannot be told that it cannot be told; it is seen on the page.
            ours = [a for a in ours if a.key != f"{alert_page.CHANNEL_DEAD}:{channel.id}"]
        _plan_one(session, channel, ours, told.get(channel.id, {}), now)
        _plan_digest(session, channel, now)


def send(notice_id: int) -> None:
    """Sends one notice, if it is due and nobody else has it; what came of it is written.

    The claim is a transaction of its own: where writing the text breaks, the try is counted all
    the same, and the last of them ends the notice.
    """
    with writing() as session:
        claimed = outgoing.claim(session, Notice, notice_id, clock.now())
        if claimed is None:
            return
        attempts, channel_id = claimed.attempts, claimed.channel_id
    if outgoing.is_worn_out(attempts, NOTICE_PAUSES):
        _conclude(notice_id, channel_id, attempts, outgoing.BROKE_OFF)
        return
    with writing() as session:
        notice = outgoing.held(session, Notice, notice_id, attempts)
        if notice is None:
            return
        address = notice.channel.address
        text = _text(session, notice)
        if text is None:
            outgoing.settle(notice, State.DROPPED, clock.now())
            return
        notice.title, notice.body = text.title[:300], text.body
    problem = None
    try:
        current_app.extensions["messenger"](address, text, allow_private=channels.allows_private())
    except CallProblem as error:
        problem = error
    _conclude(notice_id, channel_id, attempts, problem)


def _conclude(notice_id: int, channel_id: int, attempts: int, problem: CallProblem | None) -> None:
    with writing() as session:
        channel = session.get(Channel, channel_id)
        notice = outgoing.held(session, Notice, notice_id, attempts)
        if notice is None or channel is None:
            return
        now = clock.now()
        if problem is None:
            outgoing.settle(notice, State.SENT, now)
            notice.error_key = notice.error_words = ""
            channel.dead_since = None
        elif notice.kind is Kind.TEST:
            # Its person waits for the answer: what fails now is not tried again behind their back.
            outgoing.failed(notice, problem, (), now)
        elif outgoing.failed(notice, problem, NOTICE_PAUSES, now):
            channel.dead_since = channel.dead_since or now
        log.info(
            "notice_tried",
            notice=notice_id,
            channel=channel_id,
            kind=str(notice.kind),
            outcome=str(notice.state),
            problem=notice.error_key,
        )


def _plan_one(
    session: Session,
    channel: Channel,
    alerts: Sequence[AlertFacts],
    rows: dict[str, tuple[ChannelThread, Told]],
    now: datetime,
) -> None:
    planned = notices.plan(_wish(channel), alerts, [told for _, told in rows.values()], now)
    for thread in planned.forgotten:
        _forget(session, rows[thread][0])
    for thread, item in planned.raised.items():
        row = rows[thread][0]
        row.level, row.alert_id = item.level, item.alert_id
        _hurry(session, row.notice_id, now)
    for thread in planned.over:
        rows[thread][0].over_at = now
    for thread in planned.back:
        rows[thread][0].over_at = None
    for message in planned.messages:
        items = [{"thread": item.thread, "alert": item.alert_id} for item in message.items]
        notice = channels.intend(session, channel, message.kind, items, now)
        for item in message.items:
            known = rows.get(item.thread)
            if message.kind is Kind.RESOLVED:
                assert known is not None
                session.delete(known[0])
            else:
                _note(session, channel, known[0] if known else None, item, notice, now)


def _note(
    session: Session,
    channel: Channel,
    row: ChannelThread | None,
    item: Item,
    notice: Notice,
    now: datetime,
) -> None:
    """The channel is about to be told of this thread by `notice`."""
    if row is None:
        row = ChannelThread(
            account_id=channel.account_id, channel_id=channel.id, thread=item.thread
        )
        session.add(row)
    row.level, row.bundle, row.told_at = item.level, item.bundle, now
    row.alert_id, row.notice_id = item.alert_id, notice.id


def _forget(session: Session, row: ChannelThread) -> None:
    """It was over before it was told: the notice that has nothing left to say is not sent."""
    session.delete(row)
    session.flush()
    is_told_of = select(ChannelThread.id).where(ChannelThread.notice_id == row.notice_id).exists()
    outgoing.drop(
        session,
        Notice,
        clock.now(),
        Notice.id == row.notice_id,
        ~is_told_of,
        Notice.state == State.INTENDED,
    )


def _hurry(session: Session, notice_id: int, now: datetime) -> None:
    """A notice that waits for its next try is tried now: what it tells of became more urgent."""
    session.execute(
        update(Notice)
        .where(Notice.id == notice_id, Notice.state == State.INTENDED)
        .values(due_at=now, ring_at=now)
        .execution_options(synchronize_session="fetch")
    )


def _plan_digest(session: Session, channel: Channel, now: datetime) -> None:
    if not channel.has_digest:
        return
    day = notices.digest_day(zone_or_utc(channel.time_zone), channel.digest_on, now)
    if day is not None:
        channel.digest_on = day
        channels.intend(session, channel, Kind.DIGEST, [], now)


def _wish(channel: Channel) -> Wish:
    return Wish(
        topics=frozenset(Topic(topic) for topic in channel.topics),
        zone=zone_or_utc(channel.time_zone),
        quiet_from=channel.quiet_from,
        quiet_until=channel.quiet_until,
    )


def _open_alerts(session: Session) -> dict[int, list[AlertFacts]]:
    found: dict[int, list[AlertFacts]] = {}
    for alert, arrives_at, of_lock in session.execute(_OPEN_ALERTS):
        found.setdefault(alert.account_id, []).append(
            AlertFacts(
                id=alert.id,
                cause=alert.cause,
                key=alert.key,
                opened_at=alert.opened_at,
                booking_id=alert.booking_id,
                lock_id=alert.lock_id,
                connection_id=alert.connection_id or of_lock,
                arrives_at=arrives_at,
            )
        )
    return found


def _told(
    session: Session, accounts: dict[str, list[int]]
) -> dict[int, dict[str, tuple[ChannelThread, Told]]]:
    found: dict[int, dict[str, tuple[ChannelThread, Told]]] = {}
    for row, state in session.execute(_TOLD, accounts):
        told = Told(
            thread=row.thread,
            level=row.level,
            bundle=row.bundle,
            told_at=row.told_at,
            alert_id=row.alert_id,
            progress=_progress(state),
            over_at=row.over_at,
        )
        found.setdefault(row.channel_id, {})[row.thread] = (row, told)
    return found


def _progress(state: State | None) -> Progress:
    """A notice that is forgotten (None) was settled long ago, and taken for sent."""
    if state in OPEN:
        return Progress.PENDING
    return Progress.LOST if state in {State.DEAD, State.DROPPED} else Progress.SENT


def _text(session: Session, notice: Notice) -> Text | None:
    """What the notice says now; None where there is nothing left to say."""
    channel = notice.channel
    items: tuple[alert_page.Item, ...] = ()
    morning = None
    if notice.kind in {Kind.OPENED, Kind.ESCALATED, Kind.RESOLVED}:
        items = _items(session, notice)
        if not items:
            return None
    elif notice.kind is Kind.DIGEST:
        morning = _morning(session, channel.account_id, clock.now())
    writer: Writer = current_app.extensions["notice_words"]
    return writer(
        Subject(
            kind=notice.kind,
            channel_name=channel.name,
            channel_kind=channel.kind,
            language=channel.language,
            zone=channel.time_zone,
            items=items,
            morning=morning,
        )
    )


def _items(session: Session, notice: Notice) -> tuple[alert_page.Item, ...]:
    """The alerts it tells of: where one escalated since, the one that stands for its thread now.

    What opened and is over by now is left out.
    """
    if notice.kind is Kind.RESOLVED:
        wanted = [item["alert"] for item in notice.items]
        return tuple(alert_page.items(session, [Alert.id.in_(wanted)], clock.now()))
    threads = [item["thread"] for item in notice.items]
    by_thread: dict[str, alert_page.Item] = {}
    conditions = [Alert.account_id == notice.account_id, Alert.closed_at.is_(None)]
    for item in alert_page.items(session, conditions, clock.now()):
        by_thread.setdefault(item.thread, item)
    _untell(session, notice, [thread for thread in threads if thread not in by_thread])
    return tuple(by_thread[thread] for thread in threads if thread in by_thread)


def _untell(session: Session, notice: Notice, threads: list[str]) -> None:
    """What was over before its notice was written was never told of, and is not told to be over."""
    if threads:
        session.execute(
            delete(ChannelThread)
            .where(ChannelThread.channel_id == notice.channel_id, ChannelThread.thread.in_(threads))
            .execution_options(synchronize_session=False)
        )


def _morning(session: Session, account_id: int, now: datetime) -> Morning:
    until = now + timedelta(hours=notices.DIGEST_HOURS)
    conditions = [
        Booking.account_id == account_id,
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at > now,
        Booking.starts_at <= until,
    ]
    late = alert_page.count_open(session, account_id, notices.Topic.REMOVALS)
    return Morning(arrivals=tuple(stays.load(session, conditions, now)), late_removals=late)
