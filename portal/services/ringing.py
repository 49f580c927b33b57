"""Marking locks and checks as due, and ringing for them once the change is committed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Connection, Lock
from portal.queue import JobName, ring
from portal.unit_of_work import writing

# An unanswered ring repeats after this long, and does not multiply before.
REPEAT_AFTER: Final = timedelta(seconds=60)
_MARKED: Final = "marked_locks"
_TO_CHECK: Final = "connections_to_check"

# Built once, and core statements, because they run with every sweep.
_LOCK: Final = cast(Table, Lock.__table__)
_DUE: Final = (
    select(_LOCK.c.id)
    .where(_LOCK.c.due_at <= bindparam("now"))
    .order_by(_LOCK.c.due_at, _LOCK.c.id)
    .limit(bindparam("page"))
)
_CLAIM: Final = (
    update(_LOCK)
    .where(_LOCK.c.id.in_(bindparam("ids", expanding=True)))
    .values(due_at=bindparam("until"))
)
_MARK: Final = _CLAIM.values(is_rung=True)


def mark(session: Session, lock_ids: Iterable[int]) -> None:
    """These locks have something to do; `changing()` rings for them after the commit.

    A worker that holds the lease of one of them sees the mark before it lets go.
    """
    ids = sorted(set(lock_ids))
    if not ids:
        return
    session.flush()
    session.connection().execute(_MARK, {"ids": ids, "until": clock.now() + REPEAT_AFTER})
    session.info.setdefault(_MARKED, set()).update(ids)


def mark_check(session: Session, connection: Connection) -> None:
    """The connection is to be checked; `changing()` rings for that after the commit."""
    connection.due_at = clock.now() + REPEAT_AFTER
    session.info.setdefault(_TO_CHECK, set()).add(connection.id)


@contextmanager
def changing() -> Iterator[Session]:
    """A `writing()` block that rings for the locks and checks that were marked in it."""
    with writing() as session:
        session.info.pop(_MARKED, None)
        session.info.pop(_TO_CHECK, None)
        yield session
        marked = session.info.pop(_MARKED, set())
        to_check = session.info.pop(_TO_CHECK, set())
    for lock_id in sorted(marked):
        ring(JobName.WORK_LOCK, lock_id)
    for connection_id in sorted(to_check):
        ring(JobName.CHECK_CONNECTION, connection_id)


def claim_due(session: Session, now: datetime, page: int) -> list[int]:
    """The next locks that are due, oldest first, moved on so that no other sweep rings for them."""
    ids = list(session.connection().scalars(_DUE, {"now": now, "page": page}))
    if ids:
        session.connection().execute(_CLAIM, {"ids": ids, "until": now + REPEAT_AFTER})
    return ids
