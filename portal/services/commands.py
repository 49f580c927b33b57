"""Commands: writing one down, claiming it, and settling it however its answer comes.

Every way an answer can come (the call itself, a look-up, a webhook, the deadline) ends in `settle`,
which moves the command by compare-and-swap and writes what the outcome means for entry, code and
lock in the same transaction.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, cast

import structlog
from sqlalchemy import Table, Update, bindparam, func, select, update
from sqlalchemy.orm import Session, aliased, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from portal import clock, jitter
from portal.domain import looks, retry
from portal.domain.command import (
    LANE_OF,
    OPEN,
    UNCERTAIN,
    Event,
    IllegalTransition,
    Kind,
    State,
    next_state,
)
from portal.domain.entry import EntryState, Evidence
from portal.domain.outcome import (
    DENIALS,
    EntryChange,
    Outcome,
    UnansweredAdd,
    Written,
    adds_elsewhere,
    dates_on_lock,
    entry_after,
    entry_when_sent,
    is_done,
    is_stuck_after,
    problem_of,
)
from portal.domain.problems import ProblemKey
from portal.domain.stay import Window
from portal.models import Command, DoorCode, Lock, LockEntry, WebhookEvent
from portal.models.base import one_of
from portal.services import outages, reach, rebuilds, timeline
from portal.services.leases import Lease, LeaseLost
from portal.services.snapshots import OF_CONNECTION, entry_facts, pace

log = structlog.get_logger(__name__)
_KEPT_TEXT: Final = 500

_TABLE: Final = cast(Table, Command.__table__)
_DONE: Final = aliased(Command)
_TOKEN: Final = select(Lock.lease_token).where(Lock.id == bindparam("lock_id"))
_LOCK: Final = (
    select(Lock)
    .where(Lock.id == bindparam("lock_id"))
    .options(joinedload(Lock.connection).load_only(*OF_CONNECTION))
)
_UNANSWERED_ADDS: Final = (
    select(Command.id, Command.sent_at)
    .where(
        Command.lock_entry_id == bindparam("entry_id"),
        Command.kind == Kind.ADD,
        one_of(Command.state, UNCERTAIN),
        Command.id
        > select(func.coalesce(func.max(_DONE.id), 0))
        .where(_DONE.lock_entry_id == bindparam("entry_id"), _DONE.state == State.SUCCEEDED)
        .scalar_subquery(),
    )
    .order_by(Command.id)
)
_DENIED_BY: Final = select(func.max(Command.id)).where(
    Command.lock_entry_id == bindparam("entry_id"),
    Command.state == State.FAILED,
    one_of(Command.problem, DENIALS),
)
_COMMAND: Final = (
    select(Command, LockEntry, DoorCode)
    .outerjoin(LockEntry, LockEntry.id == Command.lock_entry_id)
    .outerjoin(DoorCode, DoorCode.id == LockEntry.door_code_id)
    .where(Command.id == bindparam("id"))
    .execution_options(populate_existing=True)
)


@dataclass(frozen=True, kw_only=True)
class News:
    """What is known of a command's outcome. `text` is Schlage's own, secrets removed."""

    event: Event
    by: str  # answer, look_up, webhook, deadline, takeover
    problem: ProblemKey | None = None
    text: str = ""
    raw_state: str = ""
    access_code_id: str | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True)
class Answer:
    """What a look-up says: news, or none yet, with Schlage's own word for the state.

    `is_given` is False where Schlage could not be asked; `ask_after`: not to be asked any sooner.
    """

    news: News | None = None
    raw_state: str = ""
    is_given: bool = True
    ask_after: timedelta = timedelta(0)


def intend(
    session: Session,
    lease: Lease,
    lock: Lock,
    kind: Kind,
    cause: str,
    entry: LockEntry | None = None,
    code: DoorCode | None = None,
) -> Command:
    """The command, written down as intended. The database refuses a second open one."""
    command = Command(
        account_id=lock.account_id,
        lock_id=lock.id,
        lock_entry_id=entry.id if entry else None,
        kind=kind,
        lane=LANE_OF[kind],
        state=State.INTENDED,
        cause=cause,
        revision=code.revision if code else None,
        starts_at=code.starts_at if code else None,
        ends_at=code.ends_at if code else None,
        lease_token=lease.token,
        created_at=clock.now(),
    )
    session.add(command)
    session.flush()
    return command


def claim(session: Session, lease: Lease, command_row_id: int) -> Command:
    """The command as sending: the last thing before the call. Raises LeaseLost.

    The lock's token is checked in the same transaction, and the entry says from here on that it
    may be on the lock.
    """
    token = session.scalars(_TOKEN, {"lock_id": lease.lock_id}).one()
    command = _fresh(session, command_row_id)
    if (
        token != lease.token
        or command.state is not State.INTENDED
        or not _move(session, command, Event.CLAIMED, sent_at=clock.now())
    ):
        raise LeaseLost(f"lock {lease.lock_id}")
    entry = command.entry
    if entry is not None:
        change = entry_when_sent(_written(entry), command.kind)
        if command.kind in {Kind.ADD, Kind.UPDATE}:
            _doubt(entry, command)
        if change is not None:
            _change(entry, command, change, clock.now())
            if change.drops_ids:
                entry.forget_ids()
        if not _is_tidying(command, entry.door_code):
            entry.door_code.is_stuck = False
    _tell(session, command, timeline.Kind.COMMAND_SENT, cause=command.cause)
    return command


def accept(session: Session, command_row_id: int, schlage_id: str) -> None:
    """Schlage answered 202: the command has its id and a time for the first look."""
    now = clock.now()
    command = _fresh(session, command_row_id)
    values = {"command_id": schlage_id, "accepted_at": now}
    if command.state is State.SENDING:
        values["look_at"] = now + pace().look_up_after[0]
    _move(session, command, Event.ACCEPTED, **values)
    _tell(session, command, timeline.Kind.COMMAND_ACCEPTED, seconds=_seconds(command.sent_at, now))


def settle(session: Session, command_row_id: int, news: News) -> bool:
    """Moves the command by what is now known; False where that changed nothing.

    Late news of a closed command still counts when it ranks higher: the entry then learns it too.
    """
    command = _fresh(session, command_row_id)
    before = command.state
    try:
        after = next_state(before, news.event)
    except IllegalTransition:
        # A defect of ours, and no reason to fail a webhook for ever: it is noted, not repeated.
        log.exception("illegal_transition", command_row_id=command_row_id)
        return False
    if after is before and before not in OPEN:
        return False
    now = clock.now()
    lock = session.scalars(_LOCK, {"lock_id": command.lock_id}).one()
    problem = problem_of(after, news.problem, is_offline=lock.is_online is False)
    by = _told_by(session, command, news)
    moved = _move(
        session,
        command,
        news.event,
        closed_at=now,
        closed_by=by,
        outcome_text=news.text[:_KEPT_TEXT],
        raw_state=news.raw_state[:100],
        problem=problem,
    )
    if not moved:
        return False
    _tell(
        session,
        command,
        timeline.Kind.COMMAND_CLOSED,
        state=str(after),
        by=by,
        text=news.text[:_KEPT_TEXT],
        problem=str(problem) if problem else None,
        raw_state=news.raw_state[:100],
        seconds=_seconds(command.sent_at, now),
    )
    outcome = Outcome(
        command_id=command.id,
        kind=command.kind,
        state=after,
        problem=problem,
        was_sent=news.event is not Event.NOT_SENT,
    )
    if command.kind is Kind.DELETE_ALL:
        was_read = outcome.was_sent and problem is not ProblemKey.RATE_LIMITED
        pause = news.retry_after or timedelta(0)
        rebuilds.deleted(session, command, now, was_sent=was_read, again_after=pause)
    if command.entry is not None:
        log_tells = lock.connection.log_tells_at is not None
        _teach_entry(session, command, command.entry, outcome, news, now, log_tells=log_tells)
        _teach_code(session, command, command.entry.door_code, outcome, news, before in OPEN, now)
    _teach_lock(session, lock, outcome, news, before in OPEN, now)
    return True


def _seconds(since: datetime | None, until: datetime) -> int | None:
    return None if since is None else round((until - since).total_seconds())


def _told_by(session: Session, command: Command, news: News) -> str:
    """Who told the outcome: where Schlage's message had us look it up, that message did."""
    if news.by != "look_up":
        return news.by
    message = session.scalars(
        select(WebhookEvent.id).where(WebhookEvent.command_id == command.command_id).limit(1)
    ).first()
    return "look_up" if message is None else "webhook"


def look_again(session: Session, command_row_id: int, answer: Answer) -> bool:
    """Pending still: the next look is set, not before Schlage wants it, but for the deadline's.

    False once the deadline has passed instead.
    """
    now = clock.now()
    command = _fresh(session, command_row_id)
    if command.state is not State.ACCEPTED or command.accepted_at is None:
        return True
    sent_at = command.sent_at or command.accepted_at
    deadline = sent_at + pace().give_up_after
    if now >= deadline:
        return False
    if answer.is_given:
        command.looks += 1
        command.raw_state = answer.raw_state[:100]
        next_at = looks.planned(command.accepted_at, command.looks, pace().look_up_after, now)
    else:
        next_at = looks.had_again(command.look_at, now)
    next_at = min(max(next_at, now + answer.ask_after), deadline)
    command.look_at = max(next_at, now + timedelta(seconds=1))
    return True


def look_soon(session: Session, command_row_id: int, at: datetime) -> None:
    """The open command is looked up at `at` instead of later."""
    command = session.get_one(Command, command_row_id)
    if command.state is State.ACCEPTED and (command.look_at is None or command.look_at > at):
        command.look_at = at


def _fresh(session: Session, command_row_id: int) -> Command:
    """The command as the database has it now, with its entry and code."""
    command, entry, code = session.execute(_COMMAND, {"id": command_row_id}).one()
    set_committed_value(command, "entry", entry)
    if entry is not None:
        set_committed_value(entry, "door_code", code)
    return command


def _move(session: Session, command: Command, event: Event, **values: object) -> bool:
    """Whether the command was still in its state and has moved; the row at hand then says so."""
    values["state"] = next_state(command.state, event)
    moved = session.connection().execute(
        _mover(tuple(sorted(values))),
        {"row_id": command.id, "before": command.state}
        | {f"new_{name}": value for name, value in values.items()},
    )
    if not moved.rowcount:
        return False
    for name, value in values.items():
        set_committed_value(command, name, value)
    return True


@cache
def _mover(names: tuple[str, ...]) -> Update:
    """The compare-and-swap that sets these columns; made once, as every write has three of them."""
    return (
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("row_id"), _TABLE.c.state == bindparam("before"))
        .values({name: bindparam(f"new_{name}") for name in names})
    )


def _teach_entry(
    session: Session,
    command: Command,
    entry: LockEntry,
    outcome: Outcome,
    news: News,
    now: datetime,
    *,
    log_tells: bool,
) -> None:
    """The entry says what the outcome means; where logs tell of codes, a success waits for one."""
    if outcome.state in UNCERTAIN:
        entry.unanswered_at = now
    before = _written(entry)
    if outcome.state is State.FAILED:
        before = _with_unanswered_adds(session, entry, before, now)
    change = entry_after(before, outcome)
    if change is None:
        return
    _change(entry, command, change, now)
    entry.is_witnessed = False
    if change.evidence is Evidence.CONFIRMED and log_tells:
        entry.state, entry.evidence = EntryState.MAYBE, Evidence.ANSWERED
    if change.is_ghost:
        entry.is_ghost = True
    if change.drops_former_id:
        entry.former_code_id = None
    if change.takes_values:
        _end_doubt(entry, command)
        entry.is_ghost, entry.former_code_id = False, None
        if news.access_code_id:
            entry.access_code_id = news.access_code_id


def _with_unanswered_adds(
    session: Session, entry: LockEntry, before: Written, now: datetime
) -> Written:
    """The entry with the adds of it that had no answer since a write of it last succeeded.

    What opens no more is no matter, nor is what nobody knows: a spare that was not given.
    """
    code = entry.door_code
    if entry_facts(entry).is_over(now) or (code.is_spare and code.given_at is None):
        return before
    key = {"entry_id": entry.id}
    rows = session.execute(_UNANSWERED_ADDS, key)
    adds = [UnansweredAdd(row.id, row.sent_at) for row in rows if row.sent_at is not None]
    denied_by = session.scalars(_DENIED_BY, key).one() if adds and entry.is_ghost else None
    elsewhere = adds_elsewhere(adds, entry.seen_at, denied_by)
    return replace(before, unanswered_adds=len(adds), adds_elsewhere=elsewhere)


def _written(entry: LockEntry) -> Written:
    return Written(
        # A success that waits for the lock's log is a success to older news.
        state=EntryState.HELD if entry.evidence is Evidence.ANSWERED else entry.state,
        evidence=entry.evidence,
        evidence_command_id=entry.evidence_command_id,
        is_ghost=entry.is_ghost,
        has_former_id=entry.former_code_id is not None,
    )


def _change(entry: LockEntry, command: Command, change: EntryChange, now: datetime) -> None:
    """The entry as this command leaves it; what reads showed before counts for nothing."""
    entry.state, entry.evidence, entry.evidence_at = change.state, change.evidence, now
    entry.evidence_command_id = max(command.id, entry.evidence_command_id or 0)
    entry.absent_reads, entry.absent_at = 0, None
    if change.takes_values:
        assert command.starts_at is not None
        assert command.ends_at is not None
        entry.starts_at, entry.ends_at = command.starts_at, command.ends_at
        entry.revision = command.revision or entry.revision


def _doubt(entry: LockEntry, command: Command) -> None:
    """Dates are sent: until that succeeds, the lock may have these or any before."""
    assert command.starts_at is not None
    assert command.ends_at is not None
    before = dates_on_lock(_written(entry), entry.window, entry.doubt)
    sent = Window(command.starts_at, command.ends_at)
    if before is None:
        entry.doubt = None
    elif (sent, command.revision) != (entry.window, entry.revision):
        entry.doubt = before.with_also(sent)
        entry.doubt_command_id = command.id


def _end_doubt(entry: LockEntry, command: Command) -> None:
    """The command succeeded: the lock has its dates, unless a newer one may have changed them."""
    newest = entry.doubt_command_id
    if entry.doubt is None or newest is None or command.id >= newest:
        entry.doubt = None
    else:
        entry.doubt = entry.doubt.with_also(entry.window)
        entry.doubt_command_id = newest


def _is_tidying(command: Command, code: DoorCode) -> bool:
    """Whether the command takes off an entry that another one has taken over from."""
    return command.kind is Kind.DELETE and code.is_wanted and clock.now() < code.ends_at


def _teach_code(
    session: Session,
    command: Command,
    code: DoorCode,
    outcome: Outcome,
    news: News,
    was_open: bool,
    now: datetime,
) -> None:
    assert command.entry is not None
    if command.entry.is_retired and outcome.kind is not Kind.DELETE:
        return
    is_of_other = code.problem not in {None, ProblemKey.REMOVAL_UNCONFIRMED}
    if _is_tidying(command, code) and is_of_other:
        # What is wrong with the entry that is wanted is not put right by the end of another.
        if not is_done(outcome):
            code.retry_at = now + retry.delay(1, retry.NEAR, pace().retry_after, jitter.draw())
        return
    if is_done(outcome):
        code.failures, code.retry_at, code.is_stuck = 0, None, False
        code.problem, code.problem_text, code.problem_at = None, "", None
        if outcome.kind is not Kind.DELETE:
            code.ladder = 0
            if code.reaffirm_after is not None and code.reaffirm_after <= now:
                code.reaffirm_after = None
        return
    problem = outcome.problem
    if problem is None or outcome.state is State.SUPERSEDED:
        return
    shown = ProblemKey.REMOVAL_UNCONFIRMED if outcome.kind is Kind.DELETE else problem
    if not was_open:
        # Late news names the problem better; the try itself was counted when it closed.
        code.problem_text = news.text[:_KEPT_TEXT] or code.problem_text
        return
    code.failures = code.failures + 1 if code.problem is shown else 1
    code.problem, code.problem_text, code.problem_at = shown, news.text[:_KEPT_TEXT], now
    code.is_stuck = is_stuck_after(
        outcome.kind, problem, code.failures, is_certain=outcome.state not in UNCERTAIN
    )
    left = reach.needed_for(session, code, now)
    if outcome.kind is Kind.DELETE and code.is_wanted:
        # A stay has two codes until the one before goes: that is not for hours, however far it is.
        left = min(left, retry.NEAR)
    pause = retry.delay(code.failures, left, pace().retry_after, jitter.draw())
    code.retry_at = now + max(pause, news.retry_after or timedelta(0))


def _teach_lock(
    session: Session,
    lock: Lock,
    outcome: Outcome,
    news: News,
    was_open: bool,
    now: datetime,
) -> None:
    if outcome.state in UNCERTAIN:
        lock.unknown_at = now
    if outcome.state is State.SUCCEEDED or is_done(outcome):
        # It answered, so it is there, whatever message of that was lost.
        reach.set_online(session, lock, True, now)
        _close_breaker(session, lock)
        outages.answered(session, lock.connection_id, now)
        return
    problem = outcome.problem
    if not was_open or problem is None:
        return
    if problem is ProblemKey.RATE_LIMITED and news.retry_after:
        lock.breaker_until = max(lock.breaker_until or now, now + news.retry_after)
        return
    if problem is ProblemKey.WRONG_LENGTH:
        # The lock has a rule that we did not know: its list shows the length of its codes.
        lock.read_wanted_at = now
    if not reach.is_of_reach(problem):
        return
    # Three of these open the lock's breaker, since more tries at once cannot help.
    lock.failures = lock.failures + 1 if lock.failure_problem is problem else 1
    lock.failure_problem, lock.failed_at = problem, now
    # A lock known offline waits for the event that it is back; until then it is probed slowly.
    failures = max(lock.failures, retry.BREAKER_AFTER if lock.is_online is False else 0)
    if failures >= retry.BREAKER_AFTER:
        lock.breaker_until = now + retry.delay(
            failures - 1,
            reach.needed_in(session, lock, now),
            pace().retry_after,
            jitter.draw(),
        )
    outages.failed(session, lock, problem, now)


def _close_breaker(session: Session, lock: Lock) -> None:
    """The lock answers again: what was slowed down by its trouble may go at once."""
    was_in_trouble = lock.failures > 0
    lock.failures, lock.failure_problem, lock.breaker_until = 0, None, None
    if not was_in_trouble:
        return
    reach.free(session, DoorCode.lock_id == lock.id)


def _tell(session: Session, command: Command, kind: timeline.Kind, **data: Any) -> None:
    code = command.entry.door_code if command.entry is not None else None
    timeline.record(
        session,
        kind,
        "schlage" if kind is timeline.Kind.COMMAND_CLOSED else "engine",
        **(
            timeline.about(code)
            if code
            else {"account_id": command.account_id, "lock_id": command.lock_id}
        ),
        command_row_id=command.id,
        command=str(command.kind),
        **data,
    )
