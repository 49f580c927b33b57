"""Who works a lock: a lease in the database, with a token that only grows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

from sqlalchemy import Table, bindparam, update
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


# Built once, because they run with every step on every lock. Core statements: the rows that a
# session has loaded do not show the lease.
_LOCK: Final = cast(Table, Lock.__table__)
_TAKE: Final = (
    update(_LOCK)
    .where(
        _LOCK.c.id == bindparam("lock"),
        _LOCK.c.lease_until.is_(None) | (_LOCK.c.lease_until <= bindparam("at")),
    )
    .values(
        lease_owner=bindparam("owner"),
        lease_token=_LOCK.c.lease_token + 1,
        lease_until=bindparam("until"),
        is_rung=False,
    )
    .returning(_LOCK.c.lease_token)
)
# Should the holder be dead, the sweep comes back the moment its lease ends.
_MARK: Final = (
    update(_LOCK)
    .where(_LOCK.c.id == bindparam("lock"))
    .values(is_rung=True, due_at=_LOCK.c.lease_until)
)
_IS_HELD: Final = (_LOCK.c.id == bindparam("lock")) & (_LOCK.c.lease_token == bindparam("token"))
_RENEW: Final = update(_LOCK).where(_IS_HELD).values(lease_until=bindparam("until"))
_RELEASE: Final = (
    update(_LOCK)
    .where(_IS_HELD, _LOCK.c.is_rung.is_(False))
    .values(lease_until=None, lease_owner=None, due_at=bindparam("due"))
)
_UNMARK: Final = update(_LOCK).where(_IS_HELD).values(is_rung=False)


def take(session: Session, lock_id: int, owner: str) -> Lease | None:
    """The lease, or None while another worker has it; that one then looks once more."""
    now = clock.now()
    values = {"lock": lock_id, "at": now, "owner": owner, "until": now + LENGTH}
    token = session.connection().execute(_TAKE, values).scalar_one_or_none()
    if token is None:
        session.connection().execute(_MARK, {"lock": lock_id})
        return None
    return Lease(lock_id, token)


def renew(session: Session, lease: Lease) -> None:
    """Ninety more seconds; raises LeaseLost where the token is no longer ours."""
    values = {"lock": lease.lock_id, "token": lease.token, "until": clock.now() + LENGTH}
    if not session.connection().execute(_RENEW, values).rowcount:
        raise LeaseLost(f"lock {lease.lock_id}")


def release(session: Session, lease: Lease, due_at: datetime | None) -> bool:
    """Lets go and sets the lock's next time; False where a ring came in meanwhile.

    After False the lease is still held: look at the lock once more.
    """
    session.flush()
    held = {"lock": lease.lock_id, "token": lease.token}
    if session.connection().execute(_RELEASE, held | {"due": due_at}).rowcount:
        return True
    if not session.connection().execute(_UNMARK, held).rowcount:
        raise LeaseLost(f"lock {lease.lock_id}")
    return False
