"""How soon somebody needs a lock to answer, and when one that is away is asked whether it is back.

The message that a lock is back gets lost as any other does, and a guest may be standing at it.
Asking costs nothing but a read.
"""

from datetime import datetime, timedelta
from typing import Final

from portal.domain import retry
from portal.domain.snapshot import CodeFacts, CodeKind, Snapshot, is_held_as_wanted, wanted_entry

# How often a lock that is known to be offline is asked, by how soon it is needed.
ASK_EVERY: Final = ((retry.AT_THE_DOOR, timedelta(minutes=1)), (retry.NEAR, timedelta(minutes=15)))
NOT_SOON: Final = timedelta(days=30)
_UNHURRIED: Final = {CodeKind.STAFF: retry.NEAR, CodeKind.SPARE: NOT_SOON}
_NO_TIME: Final = timedelta(0)


def needed_in(
    *,
    is_wanted: bool,
    serves: CodeKind,
    arrives_at: datetime,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> timedelta:
    """How long there is until it matters whether the lock did what it should for this code.

    A guest's code matters at the arrival; nobody stands at the door for the others. One to be
    removed matters while it opens the door; once its window is over it is untidy and no more,
    whatever the hurry of others.
    """
    if is_wanted and now < ends_at:
        return _UNHURRIED[serves] if serves in _UNHURRIED else arrives_at - now
    return max(starts_at - now, _NO_TIME) if now < ends_at else retry.NEAR


def next_ask(snapshot: Snapshot, now: datetime) -> datetime | None:
    """When the offline lock is asked whether it is back; None where nobody waits for it soon."""
    lock = snapshot.lock
    if not lock.is_offline:
        return None
    pauses = [pause for code in snapshot.codes if (pause := _pause(snapshot, code, now))]
    if not pauses:
        return None
    at = lock.asked_at + min(pauses) if lock.asked_at is not None else now
    return max(at, lock.read_after) if lock.read_after is not None else at


def _pause(snapshot: Snapshot, code: CodeFacts, now: datetime) -> timedelta | None:
    """How often this code wants the lock asked; None where it does not wait for it."""
    entries = snapshot.entries_of(code)
    if code.wants(now):
        if now < code.send_at or is_held_as_wanted(code, wanted_entry(code, entries)):
            return None
    elif not any(entry.may_be_on_lock for entry in entries):
        return None
    left = needed_in(
        is_wanted=code.is_wanted,
        serves=code.serves,
        arrives_at=code.arrives_at,
        starts_at=code.starts_at,
        ends_at=code.ends_at,
        now=now,
    )
    return next((pause for within, pause in ASK_EVERY if left <= within), None)
