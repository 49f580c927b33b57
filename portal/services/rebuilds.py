"""Rebuilds of locks: preview, Delete All, the empty list verified, every code set again, counted.

The stage stands in the database, so a rebuild goes on where it was after any crash.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from portal import clock
from portal.domain import reading
from portal.domain.command import Kind, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.rebuild import (
    EMPTY_READS,
    PERSON_HAS,
    READ_EVERY,
    RUNNING,
    Stage,
    after_delete_all,
    is_to_be_sent_again,
)
from portal.domain.sentences import Sentence
from portal.domain.status import Status
from portal.models import (
    Booking,
    BookingStatus,
    Command,
    DoorCode,
    ForeignCode,
    Lock,
    LockEntry,
    Rebuild,
    TimelineEntry,
)
from portal.models.base import one_of
from portal.services import ringing, standings, timeline
from portal.services.snapshots import LockRows, load

# A lock that works through its codes one by one needs this long at the most before we stop asking.
SETTING_TAKES: Final = timedelta(days=2)
_SETTLED: Final = frozenset({Status.CONFIRMED, Status.NEEDS_YOU, Status.PLANNED})

_GUEST_INSIDE: Final = Sentence(
    "A guest is inside. Their code goes off for some minutes."
    " To go on, type the lock's name: {lock}"
)


class CannotRebuild(Exception):
    """The rebuild may not begin now; `words` say why and what would do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a rebuild of this lock would do: codes set again, codes that nobody can restore."""

    again: tuple[DoorCode, ...]
    later: int  # codes that are not due yet: they are sent at their time, as without a rebuild
    leaving: int
    foreign: tuple[ForeignCode, ...]
    inside: Booking | None  # whose guest is inside now


def preview(session: Session, lock: Lock) -> Preview:
    """What Delete All takes away, and what comes back, as known now."""
    now = clock.now()
    codes = session.scalars(
        select(DoorCode)
        .where(DoorCode.lock_id == lock.id, DoorCode.status != Status.REMOVED)
        .options(
            joinedload(DoorCode.booking),
            joinedload(DoorCode.given_to),
            joinedload(DoorCode.staff_code),
        )
    ).all()
    wanted = [c for c in codes if c.is_wanted and now < c.ends_at]
    again = sorted((c for c in wanted if _is_due(c, now)), key=_by_turn)
    # Also a guest who keeps an old door until the new one is confirmed.
    stays = [stay for c in codes if (stay := c.stay) and stay.status is BookingStatus.CONFIRMED]
    inside = next((stay for stay in stays if stay.starts_at <= now < stay.ends_at), None)
    foreign = session.scalars(
        select(ForeignCode).where(ForeignCode.lock_id == lock.id).order_by(ForeignCode.label)
    ).all()
    return Preview(
        again=tuple(again),
        later=len(wanted) - len(again),
        leaving=len(codes) - len(wanted),
        foreign=tuple(foreign),
        inside=inside,
    )


def _is_due(code: DoorCode, now: datetime) -> bool:
    """Whether it should be on the lock by now: there is one for every booking, however far."""
    return code.status is not Status.PLANNED or code.send_at <= now


def _by_turn(code: DoorCode) -> tuple[bool, bool, datetime, int]:
    """Guests by arrival, then staff, then spares: the order in which they are set again."""
    stay = code.stay
    return (stay is None, code.is_spare, stay.starts_at if stay else code.starts_at, code.id)


def running(session: Session, lock_id: int) -> Rebuild | None:
    """The lock's rebuild that is not over."""
    return session.scalars(
        select(Rebuild).where(Rebuild.lock_id == lock_id, one_of(Rebuild.stage, RUNNING))
    ).one_or_none()


def latest(session: Session, lock_id: int) -> Rebuild | None:
    """The lock's newest rebuild, running or over."""
    return session.scalars(
        select(Rebuild).where(Rebuild.lock_id == lock_id).order_by(Rebuild.id.desc()).limit(1)
    ).one_or_none()


def start(
    session: Session, lock: Lock, actor: str, *, by_command: bool, typed_name: str = ""
) -> Rebuild:
    """Freezes the lock's queue and begins; raises CannotRebuild.

    While a guest is inside it takes the lock's name, typed, because the guest's code goes off for
    a while. `by_command` sends Delete All from here; otherwise the person presses it in the app.
    """
    now = clock.now()
    if running(session, lock.id) is not None:
        raise CannotRebuild("This lock is being set up again already.")
    seen = preview(session, lock)
    if seen.inside is not None and typed_name.strip().casefold() != lock.name.casefold():
        raise CannotRebuild(_GUEST_INSIDE(lock=lock.name))
    rebuild = Rebuild(
        account_id=lock.account_id,
        lock_id=lock.id,
        stage=Stage.DELETING if by_command else Stage.WAITING,
        started_by=actor,
        started_at=now,
        until=now + PERSON_HAS,
        gate=now,
        listed_before=lock.listed_count,
        planned=len(seen.again),
    )
    session.add(rebuild)
    session.flush()
    if by_command:
        _doubt_what_is_held(session, lock.id, now)
    _tell(session, rebuild, actor)
    ringing.mark(session, [lock.id])
    return rebuild


def pressed(session: Session, rebuild: Rebuild, actor: str) -> None:
    """The person has pressed Delete All in the app: the list is read until it is empty."""
    if rebuild.stage is not Stage.WAITING:
        return
    now = clock.now()
    rebuild.stage, rebuild.gate, rebuild.until = Stage.VERIFYING, now, now + PERSON_HAS
    rebuild.empty_reads = 0
    _doubt_what_is_held(session, rebuild.lock_id, now)
    _tell(session, rebuild, actor)
    ringing.mark(session, [rebuild.lock_id])


def stop(session: Session, rebuild: Rebuild, actor: str, now: datetime) -> None:
    """The rebuild ends where it is; the queue runs again.

    A Delete All that is under way, or was pressed, cannot be called back: what is in doubt since
    then is looked for.
    """
    rebuild.stage, rebuild.finished_at = Stage.STOPPED, now
    session.get_one(Lock, rebuild.lock_id).read_wanted_at = now
    _tell(session, rebuild, actor)
    ringing.mark(session, [rebuild.lock_id])


def deleted(
    session: Session,
    command: Command,
    now: datetime,
    *,
    was_sent: bool,
    again_after: timedelta,
) -> None:
    """The delete-all command ended as its row says, and its rebuild goes on from there.

    One that was certainly not read (the process died before, or Schlage was away or busy) is sent
    again, after `again_after` at the soonest. One that worked while no rebuild waited for it (that
    was stopped, or went on with a second one) may have taken codes that were set since.
    """
    rebuild = running(session, command.lock_id)
    if rebuild is None or rebuild.stage is not Stage.DELETING:
        is_awaited = rebuild is not None and rebuild.stage is Stage.VERIFYING
        if command.state is State.SUCCEEDED and not is_awaited:
            _doubt_what_is_held(session, command.lock_id, now)
            session.get_one(Lock, command.lock_id).read_wanted_at = now
            ringing.mark(session, [command.lock_id])
        return
    stage = after_delete_all(command.state, was_sent=was_sent)
    if stage is Stage.STOPPED:
        stop(session, rebuild, "schlage", now)
        return
    rebuild.gate = now + max(READ_EVERY, again_after)
    if stage is Stage.VERIFYING:
        rebuild.stage, rebuild.empty_reads = stage, 0
        _tell(session, rebuild, "schlage")


def refusal(session: Session, rebuild: Rebuild) -> ProblemKey | None:
    """Why our own Delete All was refused, where that has stopped the rebuild."""
    if rebuild.stage is not Stage.STOPPED:
        return None
    last = _last_delete_all(session, rebuild)
    return last.problem if last is not None and last.state is State.FAILED else None


def may_have_deleted(session: Session, rebuild: Rebuild) -> bool:
    """Whether codes may be gone: Delete All was begun here or pressed, and not plainly refused.

    The history tells, as a rebuild that was stopped does not say how far it came.
    """
    lines = session.scalars(
        select(TimelineEntry.data).where(
            TimelineEntry.lock_id == rebuild.lock_id,
            TimelineEntry.kind == timeline.Kind.REBUILD,
            TimelineEntry.at >= rebuild.started_at,
        )
    )
    stages = {line.get("stage") for line in lines}
    if Stage.VERIFYING in stages:
        return True
    return Stage.DELETING in stages and refusal(session, rebuild) is None


def not_set(rebuild: Rebuild, seen: Preview) -> tuple[DoorCode, ...]:
    """The codes that a finished rebuild left without the lock's confirmation, and that lack it yet.

    What was made or came due since is none of its matter.
    """
    at, emptied_at = rebuild.finished_at, rebuild.emptied_at
    if rebuild.stage is not Stage.DONE or at is None or emptied_at is None:
        return ()
    return tuple(
        code
        for code in seen.again
        if code.created_at <= at
        and code.send_at <= at
        and (code.confirmed_at is None or code.confirmed_at < emptied_at)
    )


def _doubt_what_is_held(session: Session, lock_id: int, now: datetime) -> None:
    """From Delete All on nobody knows which codes the lock still has: none is said to be there.

    Said at once: the worker that is rung for may be long in coming. Should the rebuild not come to
    its end, reads and updates tell of each, and what is lost is set again without asking, since
    nobody else has deleted it.
    """
    for entry in session.scalars(
        select(LockEntry).where(
            LockEntry.lock_id == lock_id,
            or_(LockEntry.state == EntryState.HELD, LockEntry.evidence == Evidence.ANSWERED),
        )
    ):
        entry.state, entry.evidence, entry.evidence_at = EntryState.MAYBE, Evidence.SENT, now
        entry.absent_reads, entry.absent_at = 0, None
    session.flush()
    rows = load(session, lock_id, now)
    standings.refresh(session, rows, rows.snapshot(), now)


def learn(session: Session, rows: LockRows, listed: int, now: datetime) -> None:
    """One read while verifying; the second empty one in a row empties our picture of the lock."""
    rebuild = rows.rebuild
    assert rebuild is not None
    rebuild.gate = now + READ_EVERY
    if listed:
        rebuild.empty_reads = 0
        if _is_to_be_sent_again(session, rebuild, now):
            rebuild.stage, rebuild.gate = Stage.DELETING, now
            _tell(session, rebuild, "engine")
        return
    rebuild.empty_reads += 1
    if rebuild.empty_reads < EMPTY_READS:
        return
    for entry in rows.entries.values():
        _empty(entry, now)
    for code in rows.codes.values():
        code.retry_at, code.failures, code.is_stuck, code.ladder = None, 0, False, 0
        code.problem, code.problem_text, code.problem_at = None, "", None
        code.reaffirm_after = None
    if not rows.lock.has_vlac:
        # Delete All also frees the length that the lock's first code had fixed.
        rows.lock.code_length = None
    rows.lock.breaker_until, rows.lock.failures = None, 0
    rebuild.stage, rebuild.emptied_at = Stage.SETTING, now
    rebuild.until = now + SETTING_TAKES
    _tell(session, rebuild, "engine")


def _is_to_be_sent_again(session: Session, rebuild: Rebuild, now: datetime) -> bool:
    last = _last_delete_all(session, rebuild)
    if last is None or last.sent_at is None:
        return False
    return is_to_be_sent_again(last.state, last.sent_at, now)


def _last_delete_all(session: Session, rebuild: Rebuild) -> Command | None:
    return session.scalars(
        select(Command)
        .where(
            Command.lock_id == rebuild.lock_id,
            Command.kind == Kind.DELETE_ALL,
            Command.created_at >= rebuild.started_at,
        )
        .order_by(Command.id.desc())
        .limit(1)
    ).first()


def _empty(entry: LockEntry, now: datetime) -> None:
    if entry.state is EntryState.GONE:
        return
    entry.state, entry.evidence, entry.evidence_at = EntryState.GONE, Evidence.LIST_EMPTY, now
    entry.forget_ids()
    entry.absent_reads, entry.absent_at = 0, None


def advance(session: Session, rows: LockRows, now: datetime) -> None:
    """While codes are set again: done once each is confirmed or asks for a person, and counted."""
    rebuild = rows.rebuild
    assert rebuild is not None
    wanted = [c for c in rows.codes.values() if c.is_wanted and now < c.ends_at]
    is_settled = all(code.status in _SETTLED for code in wanted)
    if now < rebuild.until and not (is_settled and _is_countable(session, rows, wanted, now)):
        return
    rebuild.stage, rebuild.finished_at = Stage.DONE, now
    rebuild.listed_after = rows.lock.listed_count
    due = [code for code in wanted if _is_due(code, now)]
    rebuild.planned = len(due)
    left = sum(code.status is not Status.CONFIRMED for code in due)
    _tell(session, rebuild, "engine", left=left)


def _is_countable(
    session: Session, rows: LockRows, wanted: Collection[DoorCode], now: datetime
) -> bool:
    """Whether the last read of the list tells how many codes it has; if not, it is read again.

    Not one from before the list had caught up with the last write, whatever it was read for, nor
    one that leaves out what the lock has confirmed: that is read for once more by itself.
    """
    lock, rebuild = rows.lock, rows.rebuild
    assert rebuild is not None
    assert rebuild.emptied_at is not None
    last = max([rebuild.emptied_at, *(c.confirmed_at for c in wanted if c.confirmed_at)])
    caught_up_at = last + reading.LIST_LAG
    if lock.read_at is None or lock.read_at < caught_up_at:
        if lock.read_wanted_at is None or lock.read_wanted_at < caught_up_at:
            lock.read_wanted_at = max(now, caught_up_at)
            ringing.mark(session, [lock.id])
        return False
    ids = {code.id for code in wanted}
    return not any(
        entry.state is EntryState.HELD and entry.absent_reads == 1 and entry.door_code_id in ids
        for entry in rows.entries.values()
    )


def _tell(session: Session, rebuild: Rebuild, actor: str, **more: int) -> None:
    timeline.record(
        session,
        timeline.Kind.REBUILD,
        actor,
        account_id=rebuild.account_id,
        lock_id=rebuild.lock_id,
        stage=str(rebuild.stage),
        before=rebuild.listed_before,
        after=rebuild.listed_after,
        **more,
    )
