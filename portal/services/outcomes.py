"""What a command teaches: the entry, the code and the lock that it is about.

It does so twice: when it is about to be sent (`expect`), and with every outcome (`teach`).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, aliased

from portal import jitter
from portal.domain import retry
from portal.domain.command import UNCERTAIN, Event, Kind, State
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
)
from portal.domain.problems import ProblemKey
from portal.domain.stay import Window
from portal.models import Command, DoorCode, Lock, LockEntry
from portal.models.base import one_of
from portal.services import outages, reach
from portal.services.snapshots import entry_facts, pace

KEPT_TEXT: Final = 500

_DONE: Final = aliased(Command)
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


def expect(command: Command, entry: LockEntry, now: datetime) -> None:
    """The command is about to be sent: from here on the entry may be on the lock, or off it."""
    change = entry_when_sent(_written(entry), command.kind)
    if command.kind in {Kind.ADD, Kind.UPDATE}:
        _doubt(entry, command)
    if change is not None:
        _change(entry, command, change, now)
        if change.drops_ids:
            entry.forget_ids()
    if not _is_tidying(command, entry.door_code, now):
        entry.door_code.is_stuck = False


def teach(
    session: Session,
    command: Command,
    lock: Lock,
    outcome: Outcome,
    news: News,
    was_open: bool,
    now: datetime,
) -> None:
    """All that the command was about says what its outcome means; `was_open`: until this news."""
    if command.entry is not None:
        log_tells = lock.connection.log_tells_at is not None
        _teach_entry(session, command, command.entry, outcome, news, now, log_tells=log_tells)
        _teach_code(session, command, command.entry.door_code, outcome, news, was_open, now)
    _teach_lock(session, lock, outcome, news, was_open, now)


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


def _is_tidying(command: Command, code: DoorCode, now: datetime) -> bool:
    """Whether the command takes off an entry that another one has taken over from."""
    return command.kind is Kind.DELETE and code.is_wanted and now < code.ends_at


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
    if _is_tidying(command, code, now) and is_of_other:
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
        code.problem_text = news.text[:KEPT_TEXT] or code.problem_text
        return
    code.failures = code.failures + 1 if code.problem is shown else 1
    code.problem, code.problem_text, code.problem_at = shown, news.text[:KEPT_TEXT], now
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
