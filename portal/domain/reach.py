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
# How long after the time of a connection's next probe a lock asks for it, by the same need.
PROBE_LATER: Final = (
    (retry.AT_THE_DOOR, timedelta(0)),
    (retry.NEAR, timedelta(minutes=2)),
    (timedelta.max, timedelta(minutes=8)),
)
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
    need = soonest_need(snapshot, now)
    pause = next((pause for within, pause in ASK_EVERY if need <= within), None)
    if pause is None:
        return None
    at = lock.asked_at + pause if lock.asked_at is not None else now
    return max(at, lock.read_after) if lock.read_after is not None else at


def next_probe(snapshot: Snapshot, call_after: datetime, now: datetime) -> datetime:
    """When a lock with something to do tries whether an outage is over, that others try too.

    Of many locks the one that is needed soonest does it; the first answer to any wakes them all.
    """
    need = soonest_need(snapshot, now)
    return call_after + next(pause for within, pause in PROBE_LATER if need <= within)


def soonest_need(snapshot: Snapshot, now: datetime) -> timedelta:
    """How long there is until it matters what the lock has not done yet; NOT_SOON if nothing."""
    return min(
        (
            needed_in(
                is_wanted=code.is_wanted,
                serves=code.serves,
                arrives_at=code.arrives_at,
                starts_at=code.starts_at,
                ends_at=code.ends_at,
                now=now,
            )
            for code in snapshot.codes
            if _waits(snapshot, code, now)
        ),
        default=NOT_SOON,
    )


def _waits(snapshot: Snapshot, code: CodeFacts, now: datetime) -> bool:
    """Whether the lock has yet to do something for this code."""
    entries = snapshot.entries_of(code)
    if code.wants(now):
        is_held = is_held_as_wanted(code, wanted_entry(code, entries))
        return code.send_at <= now and not is_held
    return any(entry.may_be_on_lock for entry in entries)
