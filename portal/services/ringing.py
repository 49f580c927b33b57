"""Marking locks as due, and ringing for them once the change is committed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Lock
from portal.queue import JobName, ring
from portal.unit_of_work import writing

# An unanswered ring repeats after this long, and does not multiply before.
REPEAT_AFTER: Final = timedelta(seconds=60)
_MARKED: Final = "marked_locks"

_DUE: Final = select(Lock.id).where(Lock.due_at <= bindparam("now")).order_by(Lock.due_at, Lock.id)

_CLAIM: Final = (
    update(Lock)
    .where(Lock.id.in_(bindparam("ids", expanding=True)), Lock.due_at <= bindparam("now"))
    .values(due_at=bindparam("until"))
    .returning(Lock.id)
    .execution_options(synchronize_session=False)
)


def mark(session: Session, lock_ids: Iterable[int]) -> None:
    """These locks have something to do; `changing()` rings for them after the commit.

    A worker that holds the lease of one of them sees the mark before it lets go.
    """
    ids = sorted(set(lock_ids))
    if not ids:
        return
    session.execute(
        update(Lock)
        .where(Lock.id.in_(ids))
        .values(due_at=clock.now() + REPEAT_AFTER, is_rung=True)
        .execution_options(synchronize_session=False)
    )
    session.info.setdefault(_MARKED, set()).update(ids)


@contextmanager
def changing() -> Iterator[Session]:
    """A `writing()` block that rings for the locks that were marked in it."""
    with writing() as session:
        session.info.pop(_MARKED, None)
        yield session
        marked = session.info.pop(_MARKED, set())
    for lock_id in sorted(marked):
        ring(JobName.WORK_LOCK, lock_id)


def claim_due(session: Session, now: datetime, page: int) -> list[int]:
    """The next locks that are due, oldest first, moved on so that no other sweep rings for them."""
    ids = session.scalars(_DUE.limit(page), {"now": now}).all()
    if not ids:
        return []
    until = now + REPEAT_AFTER
    claimed = set(session.scalars(_CLAIM, {"ids": ids, "now": now, "until": until}))
    return [lock_id for lock_id in ids if lock_id in claimed]
