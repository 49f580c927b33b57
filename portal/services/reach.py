"""Locks out of reach: what is put off while they are away, and freed when they are back."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, bindparam, case, select, update
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.domain import reach, retry
from portal.domain.problems import CATALOGUE, Policy, ProblemKey
from portal.domain.snapshot import EntryFacts
from portal.domain.status import Status
from portal.models import DoorCode, Lock, LockEntry
from portal.models.base import one_of
from portal.services import readings, snapshots, timeline

_PASSING: Final = frozenset(
    key for key, it in CATALOGUE.items() if it.policy in {Policy.RETRY, Policy.VERIFY}
)

_DONE: Final = frozenset({Status.CONFIRMED, Status.REMOVED})
_UNDONE: Final = (
    select(DoorCode)
    .where(
        DoorCode.lock_id == bindparam("lock_id"),
        ~one_of(DoorCode.status, _DONE),
    )
    .options(
        joinedload(DoorCode.booking).load_only(*snapshots.OF_BOOKING),
        selectinload(DoorCode.given_to),
    )
)
_ENTRIES: Final = select(LockEntry).where(
    LockEntry.door_code_id.in_(bindparam("code_ids", expanding=True))
)


def set_online(session: Session, lock: Lock, is_online: bool, now: datetime) -> None:
    """The lock is on- or offline from now on; coming back frees everything that waited for it."""
    if lock.is_online is is_online:
        return
    was_known = lock.is_online is not None
    lock.is_online, lock.online_changed_at = is_online, now
    readings.take(session, lock, now)
    if was_known:
        timeline.record(
            session,
            timeline.Kind.LOCK_ONLINE if is_online else timeline.Kind.LOCK_OFFLINE,
            "schlage",
            account_id=lock.account_id,
            lock_id=lock.id,
        )
    if is_online:
        reopen(session, lock)


def found(session: Session, lock: Lock) -> None:
    """Schlage knows the lock: it is missing no more, and what waited for it is tried now."""
    if lock.missing_since is None:
        return
    lock.missing_since, lock.missing_checks = None, 0
    reopen(session, lock)


def reopen(session: Session, lock: Lock) -> None:
    """There is a way to the lock again: what failed for want of one is tried now."""
    lock.breaker_until = lock.read_after = None
    lock.failures, lock.failure_problem, lock.read_failures = 0, None, 0
    free(session, DoorCode.lock_id == lock.id)


def free(session: Session, which: ColumnElement[bool]) -> None:
    """The codes that waited for their locks are tried now, as if they had not failed before.

    What failed for a reason of its own keeps its count: trying that sooner cannot help it.
    """
    session.flush()
    has_passed = and_(DoorCode.failures > 1, one_of(DoorCode.problem, _PASSING))
    session.execute(
        update(DoorCode)
        .where(which, DoorCode.retry_at.is_not(None) | has_passed)
        .values(retry_at=None, failures=case((has_passed, 1), else_=DoorCode.failures))
        .execution_options(synchronize_session="fetch")
    )


def needed_in(session: Session, lock: Lock, now: datetime) -> timedelta:
    """How soon somebody needs this lock to do what it has not done yet."""
    undone = session.scalars(_UNDONE, {"lock_id": lock.id}).all()
    return _soonest(lock, undone, _entries(session, undone), now)


def needed_on(rows: snapshots.LockRows, now: datetime) -> timedelta:
    """The same for a lock whose rows are at hand: what is planned beyond them is not soon."""
    undone = [code for code in rows.codes.values() if code.status not in _DONE]
    return _soonest(rows.lock, undone, rows.entries.values(), now)


def needed_for(session: Session, code: DoorCode, now: datetime) -> timedelta:
    """How soon it matters whether the lock did what it should for this code.

    A lock that is known to be offline is in no hurry: it is asked whether it is back instead.
    """
    return _soonest(code.lock, [code], _entries(session, [code]), now)


def _entries(session: Session, codes: Sequence[DoorCode]) -> Iterable[LockEntry]:
    return session.scalars(_ENTRIES, {"code_ids": [code.id for code in codes]}) if codes else ()


def _soonest(
    lock: Lock, codes: Sequence[DoorCode], entries: Iterable[LockEntry], now: datetime
) -> timedelta:
    facts: dict[int, list[EntryFacts]] = {code.id: [] for code in codes}
    for entry in entries:
        if entry.door_code_id in facts:
            facts[entry.door_code_id].append(snapshots.entry_facts(entry))
    left = min(
        (reach.needed_in(snapshots.code_facts(code), facts[code.id], now) for code in codes),
        default=reach.NOT_SOON,
    )
    return max(left, retry.NEAR) if lock.is_online is False else left


def is_of_reach(problem: ProblemKey) -> bool:
    """Whether the problem is one of reaching the lock, which passes by itself."""
    return problem in _PASSING
