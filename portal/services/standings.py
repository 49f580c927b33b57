"""The one writer of a door code's stored status."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.domain.command import OPEN, Lane
from portal.domain.problems import ProblemKey
from portal.domain.snapshot import CodeFacts, CodeKind, Snapshot
from portal.domain.standing import standing_of
from portal.domain.status import Status
from portal.models import Command, DoorCode, LockEntry
from portal.models.base import one_of
from portal.services import endpoint_events, ringing, timeline, verdicts
from portal.services.snapshots import LockRows

# The turns of a code's life that its history tells; the steps between stand there as commands.
_TOLD = frozenset({Status.CONFIRMED, Status.NEEDS_YOU, Status.REMOVED, Status.UNSURE})
_PROMISES = frozenset({Status.CONFIRMED, Status.REMOVED})


def refresh(session: Session, rows: LockRows, snapshot: Snapshot, now: datetime) -> None:
    """Every code of the lock, and every booking behind it, says again what is known now.

    `snapshot` is of the rows as they are.
    """
    facts = {code.id: code for code in snapshot.codes}
    for code in rows.codes.values():
        _restate(session, snapshot, facts[code.id], code, now)
        _end_resync(code, now)
    verdicts.refresh_on(session, rows, now)


def promises_too_much(rows: LockRows, snapshot: Snapshot, now: datetime) -> bool:
    """Whether a code is shown as on the lock, or as off it, and is not known to be so any more."""
    facts = {code.id: code for code in snapshot.codes}
    return any(
        code.status in _PROMISES
        and standing_of(snapshot, facts[code.id], now).status is not code.status
        for code in rows.codes.values()
    )


def restate(session: Session, codes: Iterable[DoorCode], now: datetime) -> None:
    """These codes, of which something else is wanted since a moment ago, say so at once.

    What was confirmed then is not green until a worker comes by. Their bookings' verdicts are the
    caller's.
    """
    session.flush()
    for code in codes:
        entries = session.scalars(select(LockEntry).where(LockEntry.door_code_id == code.id)).all()
        command = session.scalars(
            select(Command).where(
                Command.lock_id == code.lock_id,
                Command.lane == Lane.CODES,
                one_of(Command.state, OPEN),
            )
        ).one_or_none()
        rows = LockRows(
            lock=code.lock,
            codes={code.id: code},
            entries={entry.id: entry for entry in entries},
            command=command,
            foreign=(),
        )
        snapshot = rows.snapshot()
        _restate(session, snapshot, snapshot.codes[0], code, now)


def _restate(
    session: Session, snapshot: Snapshot, facts: CodeFacts, code: DoorCode, now: datetime
) -> None:
    standing = standing_of(snapshot, facts, now)
    if code.due_at != standing.due_at:
        code.due_at = standing.due_at
    is_told = code.problem is ProblemKey.SPLIT_BRAIN
    if standing.status is Status.REMOVING and not is_told and _needs_delete_all(snapshot, facts):
        code.problem, code.problem_text, code.problem_at = ProblemKey.SPLIT_BRAIN, "", now
    if code.status is not standing.status:
        _turn(session, code, standing.status, now)


def _needs_delete_all(snapshot: Snapshot, facts: CodeFacts) -> bool:
    """Whether only that takes it off its lock: a stay's code ends with its window all the same."""
    entries = snapshot.entries_of(facts)
    return facts.kind is CodeKind.STAFF and any(entry.is_out_of_reach for entry in entries)


def _turn(session: Session, code: DoorCode, status: Status, now: datetime) -> None:
    if status in _TOLD:
        timeline.record(
            session,
            timeline.Kind.STATUS_CHANGED,
            "engine",
            **timeline.about(code),
            before=str(code.status),
            after=str(status),
            problem=str(code.problem) if code.problem else None,
        )
    endpoint_events.status_changed(session, code, str(code.status), str(status))
    code.status = status
    code.status_at = now
    if status is Status.CONFIRMED:
        code.confirmed_at = now
        code.removed_at = None
        _wake_old_doors(session, code)
    elif status is Status.REMOVED:
        code.removed_at = now
        code.problem = None


def _wake_old_doors(session: Session, code: DoorCode) -> None:
    """The guest's old doors were kept until this one was confirmed: they are worked now."""
    if code.booking_id is None:
        return
    old = select(DoorCode.lock_id).where(
        or_(DoorCode.booking_id == code.booking_id, DoorCode.given_to_id == code.booking_id),
        DoorCode.is_wanted.is_(False),
        DoorCode.status != Status.REMOVED,
        DoorCode.lock_id != code.lock_id,
    )
    ringing.mark(session, session.scalars(old))


def _end_resync(code: DoorCode, now: datetime) -> None:
    """A resync is over once the code is confirmed anew, stuck, or known to have failed again.

    One whose time has not come is over with the read of the list.
    """
    if code.resync_at is None or (code.resync_ended_at and code.resync_ended_at >= code.resync_at):
        return
    is_reaffirmed = code.reaffirm_after is None
    is_read = code.lock.read_at is not None and code.lock.read_at >= code.resync_at
    if (
        (code.status is Status.CONFIRMED and is_reaffirmed)
        or (code.status is Status.PLANNED and is_read)
        or code.status in {Status.NEEDS_YOU, Status.RETRYING, Status.REMOVED}
    ):
        code.resync_ended_at = now
