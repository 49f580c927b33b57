"""Bulk runs: chosen, looked at, confirmed, and worked booking by booking in a job.

What is done to a booking and the word that it is done are one transaction, so that a run goes on
where it was after any crash and does nothing twice. No run talks to Schlage: it changes rows, as
the same deed on a booking's own page would, and the locks' own jobs do the rest. A run of messages
begins each in that transaction and sends it after; `services.guest_sending` writes its result.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import CursorResult, bindparam, delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock, tenancy
from portal.domain.bulk import (
    MOST_BOOKINGS,
    Dates,
    Facts,
    Forecast,
    ItemState,
    Kind,
    Options,
    RunState,
    forecast_new_pin,
    forecast_resync,
    forecast_send,
    forecast_shift,
)
from portal.domain.guest_sending import MessageFacts
from portal.domain.sentences import Sentence
from portal.extensions import db
from portal.models import Booking, BookingStatus, BulkItem, BulkRun, DoorCode, GuestSend, Lock
from portal.queue import JobName, ring
from portal.services import bookings, guest_sending, resyncs, ringing
from portal.services.bookings import BadBooking
from portal.services.ringing import changing
from portal.unit_of_work import touch, writing
from portal.zones import zone_or_utc

log = structlog.get_logger(__name__)

BOOKINGS_PER_JOB: Final = 25
MESSAGES_PER_JOB: Final = 3  # each may take child.WALL_SECONDS, and a job has three minutes
FORGOTTEN_AFTER: Final = timedelta(days=1)  # what was looked at and never confirmed
# Built once, because it runs every 30 s and mostly finds nothing.
DUE: Final = select(BulkRun).where(BulkRun.due_at <= bindparam("now"))
_UNEXPECTED: Final = "Something went wrong here that should not. Do it on the booking's own page."

_TOO_MANY: Final = Sentence("Choose at most {most} bookings at once.")


class BadRun(Exception):
    """The run cannot be made so; `words` say why and what would do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class Deed:
    """A kind of run: what it would do to a booking, and how it does it."""

    forecast: Callable[[Facts, Options, datetime], Forecast]
    do: Callable[[Session, "Task"], None]


@dataclass(frozen=True)
class Task:
    """One booking of a run whose turn it is."""

    run: BulkRun
    item: BulkItem
    booking: Booking
    facts: Facts
    forecast: Forecast


def _resync(session: Session, task: Task) -> None:
    bookings.resync(session, task.booking, task.run.made_by)


def _new_pin(session: Session, task: Task) -> None:
    bookings.new_pin(session, task.booking, task.run.made_by)


def _shift(session: Session, task: Task) -> None:
    dates = task.forecast.dates
    assert dates is not None
    bookings.change_dates(
        session,
        task.booking,
        dates.arrives_on,
        dates.arrives_time,
        dates.departs_on,
        dates.departs_time,
        task.run.made_by,
    )


def _send(session: Session, task: Task) -> None:
    """The message is to be sent; `work` does so when this is committed."""
    sending, message = task.forecast.sending, task.facts.message
    assert sending is not None
    assert message is not None
    guest_sending.intend(
        session,
        task.booking,
        sending,
        message,
        task.run.made_by,
        is_forced=Options.read(task.run.options).also_unconfirmed,
        bulk_item_id=task.item.id,
    )
    task.item.state = ItemState.BEGUN


# Every kind of run there is. Its words are in views._bulk_words.
DEEDS: Final[Mapping[Kind, Deed]] = {
    Kind.RESYNC: Deed(forecast_resync, _resync),
    Kind.NEW_PIN: Deed(forecast_new_pin, _new_pin),
    Kind.SHIFT: Deed(forecast_shift, _shift),
    Kind.SEND: Deed(forecast_send, _send),
}


def stage(
    session: Session, kind: Kind, options: Options, booking_ids: Collection[int], actor: str
) -> BulkRun:
    """A run of these bookings, to be looked at; changes none of them. Raises BadRun."""
    now = clock.now()
    _forget_old(session, now)
    if len(booking_ids) > MOST_BOOKINGS:
        raise BadRun(_TOO_MANY(most=MOST_BOOKINGS))
    found = session.execute(
        select(Booking.id, Booking.revision)
        .where(Booking.id.in_(booking_ids))
        .order_by(Booking.starts_at, Booking.id)
    ).all()
    if not found:
        raise BadRun("Choose at least one booking.")
    run = BulkRun(
        account_id=tenancy.current_account_id(),
        kind=kind,
        options=asdict(options),
        state=RunState.PREVIEW,
        made_by=actor,
        made_at=now,
    )
    session.add(run)
    session.flush()
    session.add_all(
        BulkItem(
            account_id=run.account_id,
            run_id=run.id,
            booking_id=row.id,
            place=place,
            revision=row.revision,
        )
        for place, row in enumerate(found)
    )
    return run


def start(run_id: int) -> bool:
    """The run begins, or goes on after a stop; False where there is nothing to begin."""
    now = clock.now()
    with writing() as session:
        run = session.get(BulkRun, run_id)
        if run is None or run.state not in {RunState.PREVIEW, RunState.STOPPED}:
            return False
        for item, booking in _items(session, run_id, ItemState.WAITING):
            item.revision = booking.revision
        run.state, run.started_at, run.finished_at = RunState.RUNNING, run.started_at or now, None
        run.due_at = now + ringing.REPEAT_AFTER
    ring(JobName.WORK_BULK, run_id)
    return True


def stop(session: Session, run: BulkRun) -> bool:
    """No further booking is begun; what is done stays done. False where it did not run."""
    if run.state is not RunState.RUNNING:
        return False
    run.state, run.finished_at, run.due_at = RunState.STOPPED, clock.now(), None
    return True


def discard(session: Session, run: BulkRun) -> bool:
    """A run that was only looked at is gone; False where it was confirmed already."""
    if run.state is not RunState.PREVIEW:
        return False
    session.execute(delete(BulkItem).where(BulkItem.run_id == run.id))
    session.delete(run)
    return True


def claim_due(session: Session, now: datetime) -> list[int]:
    """Runs whose ring nobody answered, moved on so that no other sweep rings for them."""
    runs = session.scalars(DUE, {"now": now}).all()
    for run in runs:
        run.due_at = now + ringing.REPEAT_AFTER
    return [run.id for run in runs]


def work(run_id: int) -> None:
    """The next bookings of the run are done; rings again for the rest. Safe to run twice."""
    for _ in range(_per_job(run_id)):
        item_id = _next(run_id)
        if item_id is None:
            _end(run_id)
            return
        _work_item(run_id, item_id)
        _send_begun(item_id)
    ring(JobName.WORK_BULK, run_id)


def forecasts(
    session: Session, run: BulkRun, items: Sequence[BulkItem], now: datetime
) -> dict[int, Forecast]:
    """What the run would do now to the booking of each of these items, by the item's id."""
    options = Options.read(run.options)
    found = session.scalars(
        select(Booking)
        .where(Booking.id.in_([item.booking_id for item in items]))
        .options(
            joinedload(Booking.property),
            *(
                selectinload(codes).joinedload(DoorCode.lock).joinedload(Lock.connection)
                for codes in (Booking.door_codes, Booking.spares)
            ),
        )
    ).all()
    by_id = {booking.id: booking for booking in found}
    messages = _messages(session, run.kind, found, now)
    forecast = DEEDS[run.kind].forecast
    return {
        item.id: forecast(
            _facts(by_id[item.booking_id], None, now, messages.get(item.booking_id)), options, now
        )
        for item in items
        if item.booking_id in by_id
    }


def _messages(
    session: Session, kind: Kind, found: Sequence[Booking], now: datetime
) -> dict[int, MessageFacts]:
    return guest_sending.facts_of(session, found, now) if kind is Kind.SEND else {}


def _per_job(run_id: int) -> int:
    session = db.session()
    session.rollback()
    kind = session.scalar(select(BulkRun.kind).where(BulkRun.id == run_id))
    session.rollback()
    return MESSAGES_PER_JOB if kind is Kind.SEND else BOOKINGS_PER_JOB


def _send_begun(item_id: int) -> None:
    """The message that the item has just begun is sent; the next booking waits for it, so that a
    run that is stopped stops. Killed before, the sweep finds it."""
    session = db.session()
    session.rollback()
    send_id = session.scalar(select(GuestSend.id).where(GuestSend.bulk_item_id == item_id))
    session.rollback()
    if send_id is not None:
        guest_sending.send(send_id)


def _next(run_id: int) -> int | None:
    """The next booking of a run that still runs."""
    session = db.session()
    session.rollback()
    found = session.scalars(
        select(BulkItem.id)
        .join(BulkRun, BulkRun.id == BulkItem.run_id)
        .where(BulkItem.run_id == run_id, BulkRun.state == RunState.RUNNING)
        .where(BulkItem.state == ItemState.WAITING)
        .order_by(BulkItem.place)
        .limit(1)
    ).first()
    session.rollback()
    return found


def _end(run_id: int) -> None:
    """A running run that has nothing left is done."""
    with writing() as session:
        run = session.get(BulkRun, run_id)
        if run is None or run.state is not RunState.RUNNING:
            return
        if _items(session, run_id, ItemState.WAITING) or _items(session, run_id, ItemState.BEGUN):
            # Somebody pressed stop and go on meanwhile: that rang anew. Or a message is on its
            # way: the sweep rings for the run until that has a result.
            return
        run.state, run.finished_at, run.due_at = RunState.DONE, clock.now(), None


def _work_item(run_id: int, item_id: int) -> None:
    """The deed on one booking, or the reason against it, together with its result."""
    try:
        with changing() as session:
            _do(session, run_id, item_id)
    except BadBooking as bad:
        _fail(item_id, bad.words)
    except OperationalError:
        # The database is at fault and not the booking: the sweep rings for the run again.
        raise
    except Exception:
        log.exception("bulk_item_failed", run_id=run_id, item_id=item_id)
        _fail(item_id, _UNEXPECTED)


def _do(session: Session, run_id: int, item_id: int) -> None:
    now = clock.now()
    if not _claim(session, run_id, item_id, now):
        return
    run, item = session.get_one(BulkRun, run_id), session.get_one(BulkItem, item_id)
    with tenancy.as_account(run.account_id):
        booking = session.get_one(Booking, item.booking_id)
        deed = DEEDS[run.kind]
        message = _messages(session, run.kind, [booking], now).get(booking.id)
        facts = _facts(booking, item.revision, now, message)
        forecast = deed.forecast(facts, Options.read(run.options), now)
        if forecast.is_left_out:
            item.state, item.why = ItemState.LEFT_OUT, forecast.why
            return
        deed.do(session, Task(run, item, booking, facts, forecast))


def _claim(session: Session, run_id: int, item_id: int, now: datetime) -> bool:
    """Whether this worker does the item: the run still runs, and nobody else has done it.

    The run's row is written first, so that a second worker waits for this transaction's end.
    """
    is_running = session.execute(
        update(BulkRun)
        .where(BulkRun.id == run_id, BulkRun.state == RunState.RUNNING)
        .values(due_at=now + ringing.REPEAT_AFTER)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(is_running, CursorResult)
    return bool(is_running.rowcount) and _conclude(session, item_id, now, ItemState.DONE, "")


def _conclude(session: Session, item_id: int, now: datetime, state: ItemState, words: str) -> bool:
    """The result of an item that still waits is written; False where it has one already."""
    moved = session.execute(
        update(BulkItem)
        .where(BulkItem.id == item_id, BulkItem.state == ItemState.WAITING)
        .values(state=state, at=now, words=words[:300])
        .execution_options(synchronize_session=False)
    )
    assert isinstance(moved, CursorResult)
    touch(session, session.get_one(BulkItem, item_id).account_id)
    return bool(moved.rowcount)


def _fail(item_id: int, words: str) -> None:
    with writing() as session:
        _conclude(session, item_id, clock.now(), ItemState.FAILED, words)


def _items(session: Session, run_id: int, state: ItemState) -> list[tuple[BulkItem, Booking]]:
    rows = session.execute(
        select(BulkItem, Booking)
        .join(Booking, Booking.id == BulkItem.booking_id)
        .where(BulkItem.run_id == run_id, BulkItem.state == state)
    )
    return [(row[0], row[1]) for row in rows]


def _facts(
    booking: Booking, revision: int | None, now: datetime, message: MessageFacts | None
) -> Facts:
    """The booking as a forecast sees it; `revision` is the one that was confirmed."""
    place = booking.property
    codes = [code for code in booking.door_codes if _is_live(code, now)]
    return Facts(
        is_cancelled=booking.status is BookingStatus.CANCELLED,
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        has_lock=bool(codes),
        is_resyncing=any(resyncs.joins(code, now) for code in codes),
        is_pin_told=booking.pin_shown_at is not None,
        has_changed=revision is not None and revision != booking.revision,
        dates=Dates(
            arrives_on=booking.arrives_on,
            arrives_time=booking.arrives_time,
            departs_on=booking.departs_on,
            departs_time=booking.departs_time,
        ),
        check_in=place.check_in,
        check_out=place.check_out,
        zone=zone_or_utc(place.time_zone),
        message=message,
    )


def _is_live(code: DoorCode, now: datetime) -> bool:
    return code.is_wanted and now < code.ends_at


def _forget_old(session: Session, now: datetime) -> None:
    old = session.scalars(
        select(BulkRun).where(
            BulkRun.state == RunState.PREVIEW, BulkRun.made_at < now - FORGOTTEN_AFTER
        )
    )
    for run in old.all():
        discard(session, run)
