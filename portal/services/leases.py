"""Who works a lock: a lease in the database, with a token that only grows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from portal import clock
from portal.models import Lock

# Connect plus read time-outs stay under 30 s, so a living worker never outlives its lease.
LENGTH: Final = timedelta(seconds=90)


class LeaseLost(Exception):
    """Another worker has taken the lock: nothing more may be sent or concluded here."""


@dataclass(frozen=True)
class Lease:
    """The right to work one lock until it is released, taken over, or 90 s old."""

    lock_id: int
    token: int


def take(session: Session, lock_id: int, owner: str) -> Lease | None:
    """The lease, or None while another worker has it; that one then looks once more."""
    now = clock.now()
    taken = _rows(
        session.execute(
            update(Lock)
            .where(
                Lock.id == lock_id,
                (Lock.lease_until.is_(None)) | (Lock.lease_until <= now),
            )
            .values(
                lease_owner=owner,
                lease_token=Lock.lease_token + 1,
                lease_until=now + LENGTH,
                is_rung=False,
            )
            .execution_options(synchronize_session=False)
        )
    )
    if not taken:
        session.execute(
            update(Lock)
            .where(Lock.id == lock_id)
            .values(is_rung=True)
            .execution_options(synchronize_session=False)
        )
        return None
    token = session.scalars(select(Lock.lease_token).where(Lock.id == lock_id)).one()
    return Lease(lock_id, token)


def renew(session: Session, lease: Lease) -> None:
    """Ninety more seconds; raises LeaseLost where the token is no longer ours."""
    renewed = _rows(
        session.execute(
            update(Lock)
            .where(Lock.id == lease.lock_id, Lock.lease_token == lease.token)
            .values(lease_until=clock.now() + LENGTH)
            .execution_options(synchronize_session=False)
        )
    )
    if not renewed:
        raise LeaseLost(f"lock {lease.lock_id}")


def release(session: Session, lease: Lease, due_at: datetime | None) -> bool:
    """Lets go and sets the lock's next time; False where a ring came in meanwhile.

    After False the lease is still held: look at the lock once more.
    """
    let_go = _rows(
        session.execute(
            update(Lock)
            .where(
                Lock.id == lease.lock_id,
                Lock.lease_token == lease.token,
                Lock.is_rung.is_(False),
            )
            .values(lease_until=None, lease_owner=None, due_at=due_at)
            .execution_options(synchronize_session=False)
        )
    )
    if let_go:
        return True
    still_ours = _rows(
        session.execute(
            update(Lock)
            .where(Lock.id == lease.lock_id, Lock.lease_token == lease.token)
            .values(is_rung=False)
            .execution_options(synchronize_session=False)
        )
    )
    if not still_ours:
        raise LeaseLost(f"lock {lease.lock_id}")
    return False


def _rows(result: object) -> int:
    assert isinstance(result, CursorResult)
    return result.rowcount
