"""Commands: writing one down, claiming it, and settling it however its answer comes.

Every way an answer can come (the call itself, a look-up, a webhook, the deadline) ends in `settle`,
which moves the command by compare-and-swap; in the same transaction `outcomes` writes what that
means for entry, code and lock.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, cast

import structlog
from sqlalchemy import Table, Update, bindparam, select, update
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from portal import clock
from portal.domain import looks
from portal.domain.command import LANE_OF, OPEN, Event, IllegalTransition, Kind, State, next_state
from portal.domain.outcome import Outcome, problem_of
from portal.domain.problems import ProblemKey
from portal.models import Command, DoorCode, Lock, LockEntry, WebhookEvent
from portal.services import outcomes, rebuilds, timeline
from portal.services.leases import Lease, LeaseLost
from portal.services.outcomes import KEPT_TEXT, News
from portal.services.snapshots import OF_CONNECTION, pace

log = structlog.get_logger(__name__)

_TABLE: Final = cast(Table, Command.__table__)
_TOKEN: Final = select(Lock.lease_token).where(Lock.id == bindparam("lock_id"))
_LOCK: Final = (
    select(Lock)
    .where(Lock.id == bindparam("lock_id"))
    .options(joinedload(Lock.connection).load_only(*OF_CONNECTION))
)
_COMMAND: Final = (
    select(Command, LockEntry, DoorCode)
    .outerjoin(LockEntry, LockEntry.id == Command.lock_entry_id)
    .outerjoin(DoorCode, DoorCode.id == LockEntry.door_code_id)
    .where(Command.id == bindparam("id"))
    .execution_options(populate_existing=True)
)


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
    if command.entry is not None:
        outcomes.expect(command, command.entry, clock.now())
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
        outcome_text=news.text[:KEPT_TEXT],
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
        text=news.text[:KEPT_TEXT],
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
    outcomes.teach(session, command, lock, outcome, news, before in OPEN, now)
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
