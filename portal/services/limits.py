"""Token buckets in the database, for what must stay limited through restarts and a Redis flush.

A bucket starts full, an attempt takes one token, and time refills it. Take before the attempt and
give back after a good one: attempts made at the same moment then cannot all slip through a check.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.models import LimitBucket
from portal.services.upsert import insert_unless_there

# By then every bucket is full again, which is what a missing one is.
FORGET_AFTER: Final = timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """So many attempts per so much time; `name` is part of the bucket's key."""

    name: str
    attempts: int
    per: timedelta

    @property
    def refill_per_second(self) -> float:
        return self.attempts / self.per.total_seconds()


SIGN_IN_PER_EMAIL: Final = Limit("sign-in-email", 10, timedelta(hours=1))
SIGN_IN_PER_ADDRESS: Final = Limit("sign-in-address", 20, timedelta(hours=1))
# Each call of a guest for help asks the doors anew.
GUEST_CALLS: Final = Limit("guest-calls", 6, timedelta(hours=1))


class Limited(Exception):
    """The bucket is empty: nothing was tried. `retry_after` says when there is a token again."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"again in {retry_after}")
        self.retry_after = retry_after


def take(session: Session, limit: Limit, who: str, now: datetime) -> None:
    """One token less in `who`'s bucket; raises Limited where there is none.

    The row is locked until the caller's transaction ends, so that of many attempts at the same
    moment each finds what the one before left.
    """
    bucket = _bucket(session, limit, who, now)
    tokens = _refilled(bucket, limit, now)
    if tokens < 1:
        raise Limited(timedelta(seconds=(1 - tokens) / limit.refill_per_second))
    bucket.tokens, bucket.refilled_at = tokens - 1, now
    session.execute(delete(LimitBucket).where(LimitBucket.refilled_at < now - FORGET_AFTER))


def give_back(session: Session, limit: Limit, who: str, now: datetime) -> None:
    """The token of a good attempt is in the bucket again."""
    bucket = _bucket(session, limit, who, now)
    bucket.tokens = min(limit.attempts, _refilled(bucket, limit, now) + 1)
    bucket.refilled_at = now


def _bucket(session: Session, limit: Limit, who: str, now: datetime) -> LimitBucket:
    key = f"{limit.name}:{who}"
    insert_unless_there(session, LimitBucket, key=key, tokens=limit.attempts, refilled_at=now)
    return session.scalars(select(LimitBucket).where(LimitBucket.key == key)).one()


def _refilled(bucket: LimitBucket, limit: Limit, now: datetime) -> float:
    # A clock that was set back refills nothing, and takes nothing away.
    seconds = max(0.0, (now - bucket.refilled_at).total_seconds())
    return min(limit.attempts, bucket.tokens + seconds * limit.refill_per_second)
