"""Working one lock: decide, do the one next thing, commit, ask again.

`work_lock` is the only code that writes to locks. It holds the lock's lease for as long as there is
something to do now, and leaves behind the time at which there will be again.
"""

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain import engine, label
from portal.domain.command import Event, Kind, State
from portal.domain.engine import Part
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.snapshot import Snapshot
from portal.models import Account, Command, DoorCode, Lock, LockEntry
from portal.schlage.client import SchlageClient
from portal.services import (
    clients,
    commands,
    door_codes,
    leases,
    look_ups,
    outages,
    pins,
    reads,
    rebuilds,
    sending,
    spares,
    standings,
    timeline,
    witness,
)
from portal.services.leases import Lease, LeaseLost
from portal.services.look_ups import Question
from portal.services.outcomes import News
from portal.services.ringing import changing
from portal.services.snapshots import Lesson, LockRows, load
from portal.unit_of_work import writing

log = structlog.get_logger(__name__)

# A bound on one visit: more than any lock needs at once, and a stop for a loop that would not end.
MAX_STEPS: Final = 400
CALL_AGAIN: Final = timedelta(seconds=60)
_SAME_NAME: Final = select(LockEntry.id).where(
    LockEntry.lock_id == bindparam("lock_id"), LockEntry.label == bindparam("name")
)
_OWNER: Final = f"{socket.gethostname()}:{os.getpid()}"
_READERS: Final[dict[Part, Callable[[SchlageClient, Lease, str], Lesson | None]]] = {
    Part.LIST: reads.read_list,
    Part.LOG: witness.read_log,
    Part.STATE: reads.ask_lock,
}
_QUESTIONS: Final = (engine.LookUp, engine.Read)
_CALLS: Final = (engine.Send, engine.DeleteAll, *_QUESTIONS)

_MAY_HAVE_ARRIVED: Final = select(
    exists().where(
        Command.lock_entry_id == bindparam("entry_id"),
        Command.sent_at.is_not(None),
        Command.state != State.FAILED,
    )
)


def work_lock(lock_id: int) -> None:
    """Does everything that can be done now on this lock. Safe to run twice, and at once."""
    step = _Next()
    try:
        for _ in range(MAX_STEPS):
            step = _step(lock_id, step)
            if step.is_done:
                return
        log.error("lock_never_settles", lock_id=lock_id)
    except LeaseLost:
        log.warning("lease_lost", lock_id=lock_id)
        return
    if step.lease is not None:
        with writing() as session:
            leases.release(session, step.lease, clock.now() + CALL_AGAIN)


@dataclass(frozen=True)
class _Next:
    """How a step ended: with nothing more to do now, or with what the next one begins with."""

    is_done: bool = False
    lease: Lease | None = None
    lessons: tuple[Lesson, ...] = ()


def _step(lock_id: int, last: _Next) -> _Next:
    """What the last call taught, one decision, and its effect."""
    now, command_row_id = clock.now(), None
    with changing() as session:
        lease = last.lease or leases.take(session, lock_id, _OWNER)
        if lease is None:
            return _Next(is_done=True)
        rows = _learn(session, lock_id, last.lessons, now)
        snapshot = rows.snapshot()
        action = engine.decide(snapshot, now)
        is_call = isinstance(action, _CALLS)
        if is_call and not outages.claim_probe(session, rows.lock.connection_id, now):
            action = engine.Wait(rows.lock.connection.probe_at)
        if is_call:
            command_row_id = _write_down(session, lease, rows, action)
        else:
            _change_rows(session, rows, action, now)
        _show(session, rows, snapshot, action, now)
        if isinstance(action, engine.Wait):
            is_done = leases.release(session, lease, action.until)
            return _Next(is_done=is_done, lease=lease)
        if last.lease is not None:
            # Last, as a step that ends with letting go needs none. One whose lease was lost is
            # rolled back whole.
            leases.renew(session, lease)
        device_id = rows.lock.device_id
        client = clients.client_of(rows.lock.connection, now)
        question = _question(rows, action)

    lessons: tuple[Lesson, ...] = ()
    if question is not None:
        _look_up(client, question)
    elif isinstance(action, engine.Read):
        lessons = tuple(_read(client, lease, device_id, action.parts))
    elif command_row_id is not None:
        sending.send(client, lease, device_id, command_row_id)
    return _Next(lease=lease, lessons=lessons)


def _read(
    client: SchlageClient, lease: Lease, device_id: str, parts: Iterable[Part]
) -> Iterator[Lesson]:
    """What each part teaches, up to the first that is not answered."""
    for part in parts:
        lesson = _READERS[part](client, lease, device_id)
        if lesson is not None:
            yield lesson
        if lesson is None or not lesson.is_answer:
            return


def _learn(session: Session, lock_id: int, lessons: Iterable[Lesson], now: datetime) -> LockRows:
    """The lock's rows, with what the last calls taught written into them."""
    rows = load(session, lock_id, now)
    for lesson in lessons:
        if lesson.write(session, rows, lesson.at):
            rows = load(session, lock_id, now)
    door_codes.doubt_what_outlives(rows, now)
    return rows


def _change_rows(session: Session, rows: LockRows, action: engine.Action, now: datetime) -> None:
    if isinstance(action, engine.Close):
        commands.settle(session, action.command_id, News(event=action.event, by="takeover"))
        rows.command = None
    elif isinstance(action, engine.Refuse):
        _refuse(session, rows.codes[action.code_id], action, now)
    elif isinstance(action, engine.Climb):
        _climb(session, rows, action, now)
    elif isinstance(action, engine.OfStock):
        spares.tend(session, rows, action, now)
    elif isinstance(action, engine.StopRebuild) and rows.rebuild is not None:
        rebuilds.stop(session, rows.rebuild, "engine", now)
        rows.rebuild = None


def _show(
    session: Session, rows: LockRows, snapshot: Snapshot, action: engine.Action, now: datetime
) -> None:
    """The codes say what is known of them, and a rebuild that sets them again goes by that.

    `snapshot` is of the rows as they were decided on.

    What an answer is about to say decides what is shown: a page does not turn twice for it. But
    what is wrongly promised does not wait for an answer, which may be long in coming or never come.
    """
    if type(action) not in _QUESTIONS:
        is_unchanged = isinstance(action, engine.Wait)
        standings.refresh(session, rows, snapshot if is_unchanged else rows.snapshot(), now)
    elif standings.promises_too_much(rows, snapshot, now):
        standings.refresh(session, rows, snapshot, now)
    else:
        return
    if rows.rebuild is not None and rows.rebuild.stage is Stage.SETTING:
        rebuilds.advance(session, rows, now)


def _write_down(
    session: Session, lease: Lease, rows: LockRows, action: engine.Action
) -> int | None:
    """The id of a write's command, which (as a first add's entry) is a row before the call."""
    if isinstance(action, engine.DeleteAll):
        rows.command = commands.intend(session, lease, rows.lock, Kind.DELETE_ALL, "rebuild")
    elif isinstance(action, engine.Send):
        rows.command = _intend(session, lease, rows, action)
    else:
        return None
    return rows.command.id


def _intend(session: Session, lease: Lease, rows: LockRows, action: engine.Send) -> Command:
    code = rows.codes[action.code_id]
    if action.entry_id is not None:
        entry = rows.entries[action.entry_id]
    else:
        entry = _new_entry(session, rows.lock, code)
        rows.entries[entry.id] = entry
    cause = _cause(code, action.kind)
    return commands.intend(session, lease, rows.lock, action.kind, cause, entry, code)


def _new_entry(session: Session, lock: Lock, code: DoorCode) -> LockEntry:
    account = session.get_one(Account, lock.account_id)
    pin = code.pin
    assert pin is not None
    entry = LockEntry(
        account_id=lock.account_id,
        door_code_id=code.id,
        lock_id=lock.id,
        label=label.make(
            _name_of(code),
            account.label_key,
            lock.device_id,
            is_taken=lambda name: _was_there(session, lock, name),
        ),
        pin=pin,
        starts_at=code.starts_at,
        ends_at=code.ends_at,
        revision=code.revision,
        state=EntryState.MAYBE,
        evidence=Evidence.NOT_SENT,
        evidence_at=clock.now(),
        created_at=clock.now(),
    )
    session.add(entry)
    session.flush()
    return entry


def _was_there(session: Session, lock: Lock, name: str) -> bool:
    """Whether an entry of the lock was ever called that; most stays have the same guest's name."""
    return session.scalars(_SAME_NAME, {"lock_id": lock.id, "name": name}).first() is not None


def _name_of(code: DoorCode) -> str:
    """What the entry is called on the lock, before its tag."""
    if code.booking is not None:
        return code.booking.guest_name
    return code.staff_code.name if code.staff_code is not None else "Spare"


def _cause(code: DoorCode, kind: Kind) -> str:
    if kind is Kind.DELETE and not code.is_wanted:
        return "removal"
    if code.resync_at and (not code.resync_ended_at or code.resync_ended_at < code.resync_at):
        return "resync"
    if kind is Kind.DELETE:
        return "replaced" if code.is_wanted and clock.now() < code.ends_at else "removal"
    if code.failures:
        return "retry"
    if kind is Kind.UPDATE:
        return "change"
    return "arrival" if code.booking is not None else str(code.kind)


def _refuse(session: Session, code: DoorCode, action: engine.Refuse, now: datetime) -> None:
    """The pre-flight's reason stands on the code; it waits for a removal or for a person."""
    fault = action.fault
    code.problem, code.problem_text, code.problem_at = fault.problem, fault.words, now
    code.is_stuck = not fault.waits_for
    if code.is_stuck and pins.may_choose_anew(session, code, fault.problem):
        pins.choose_anew(session, code, now)
        code.is_stuck = False
    timeline.record(
        session,
        timeline.Kind.PREFLIGHT_FAILED,
        "engine",
        **timeline.about(code),
        field=fault.field,
        words=fault.words,
    )


def _climb(session: Session, rows: LockRows, action: engine.Climb, now: datetime) -> None:
    """One rung of the split-brain ladder."""
    code, entry = rows.codes[action.code_id], rows.entries[action.entry_id]
    code.ladder += 1
    if action.rung is engine.Rung.SPLIT_BRAIN:
        code.problem, code.problem_at = ProblemKey.SPLIT_BRAIN, now
        code.is_stuck = True
    else:
        entry.is_retired = True
        entry.recall_id()
        if not session.scalars(_MAY_HAVE_ARRIVED, {"entry_id": entry.id}).one():
            # All that was ever sent of it was refused: nothing of it is to be taken off again.
            entry.state, entry.evidence, entry.evidence_at = (
                EntryState.GONE,
                Evidence.REFUSED,
                now,
            )
        code.retry_at = None
        if action.rung is engine.Rung.FRESH_PIN:
            pins.choose_anew(session, code, now)
    timeline.record(
        session,
        timeline.Kind.LADDER,
        "engine",
        **timeline.about(code),
        rung=str(action.rung),
    )


def _question(rows: LockRows, action: engine.Action) -> Question | None:
    """What is to be looked up, where the action is a look-up."""
    if not isinstance(action, engine.LookUp) or rows.command is None:
        return None
    return look_ups.about(rows.command, rows.lock)


def _look_up(client: SchlageClient, question: Question) -> None:
    """Asks how the open command ended, and settles or reschedules it."""
    answer = look_ups.ask(client, question)
    news = answer.news
    with writing() as session:
        if news is None:
            if commands.look_again(session, question.command_row_id, answer):
                return
            news = News(event=Event.EXPIRED, by="deadline", raw_state=answer.raw_state)
        commands.settle(session, question.command_row_id, news)
