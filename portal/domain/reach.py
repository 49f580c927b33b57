"""How soon somebody needs a lock, when it may be written, and when it is asked whether it is back.

The message that a lock is away, or is back, gets lost as any other does, and a guest may be on the
way to it or standing at it. Asking costs nothing but a read. A lock that Schlage no longer lists is
not asked: it would be refused, and its connection's check finds the lock again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from portal.domain import retry
from portal.domain.entry import Evidence
from portal.domain.snapshot import (
    CodeFacts,
    CodeKind,
    EntryFacts,
    Snapshot,
    is_held_as_wanted,
    is_written_as_wanted,
    wanted_entry,
)

# How often a lock that is known to be offline is asked, by how soon it is needed.
ASK_EVERY: Final = ((retry.AT_THE_DOOR, timedelta(minutes=1)), (retry.NEAR, timedelta(minutes=15)))
# A lock that is not known to be offline is asked so long before each arrival.
ASK_BEFORE: Final = (timedelta(hours=6), timedelta(hours=2), timedelta(minutes=30))
# How long after the time of a connection's next probe a lock asks for it, by the same need.
PROBE_LATER: Final = (
    (retry.AT_THE_DOOR, timedelta(0)),
    (retry.NEAR, timedelta(minutes=2)),
    (timedelta.max, timedelta(minutes=8)),
)
LATEST_PROBE: Final = max(pause for _, pause in PROBE_LATER)
# Dates that should be open no more are in a hurry for so many tries, which is about half an hour.
ASTRAY_TRIES: Final = 12
# What was sent without an answer is at the lock by then. Should it be minutes late, reads find it.
ON_ITS_WAY: Final = timedelta(seconds=60)
NOT_SOON: Final = timedelta(days=30)
# An empty or short list of locks is believed only after three checks over an hour.
MISSING_CHECKS: Final = 3
MISSING_FOR: Final = timedelta(hours=1)
MISSING_AGAIN: Final = timedelta(minutes=30)
_UNHURRIED: Final = {CodeKind.STAFF: retry.NEAR, CodeKind.SPARE: NOT_SOON}
_NO_TIME: Final = timedelta(0)


def needed_in(code: CodeFacts, entries: Sequence[EntryFacts], now: datetime) -> timedelta:
    """How long there is until it matters whether the lock did what it should for this code.

    A guest's code matters at the arrival, or when an entry with other dates lets them in outside of
    theirs, if that is sooner; nobody stands at the door for the others. One to be
    removed matters while the lock would let somebody in with it: a code that was taken off early
    has an end that its entries do not have. After that it is untidy and no more, whatever the
    hurry of others, and so are digits that nobody was given.
    """
    if code.wants(now):
        astray = [at - now for e in entries if (at := _opens_astray(code, e, now)) is not None]
        if code.failures >= ASTRAY_TRIES:
            astray = [max(left, retry.NEAR) for left in astray]
        return min([_UNHURRIED.get(code.serves, code.arrives_at - now), *astray])
    if code.serves is CodeKind.SPARE:
        return retry.NEAR
    opens = [e.at_most.starts_at - now for e in entries if e.may_be_on_lock and not e.is_over(now)]
    return max(min(opens), _NO_TIME) if opens else retry.NEAR


def _opens_astray(code: CodeFacts, entry: EntryFacts, now: datetime) -> datetime | None:
    """When the entry lets somebody in outside of the code's dates; None where it never does."""
    if not entry.may_be_on_lock or entry.is_over(now):
        return None
    begins = max(entry.at_most.starts_at, now)
    if begins < code.starts_at:
        return begins
    return max(code.ends_at, now) if entry.at_most.ends_at > code.ends_at else None


def next_write(snapshot: Snapshot, code: CodeFacts, now: datetime) -> datetime | None:
    """Before this nothing is written for the code: its own wait, or its lock's breaker; None: now.

    While other dates or a removal may still be on their way to the lock, what is wanted now waits:
    overtaken, they would have the last word there, behind a page that shows this as confirmed.
    What matters at the door is not held back before it was tried once: its first try is the probe
    that a slowed lock gets, because what failed there was something else.
    """
    lock = snapshot.lock
    breaker = lock.breaker_until
    if breaker is not None and lock.is_slowed and not lock.is_offline and code.failures == 0:
        to_the_door = needed_in(code, snapshot.entries_of(code), now) - retry.AT_THE_DOOR
        breaker = min(breaker, now + to_the_door) if to_the_door > _NO_TIME else None
    arrived = _arrived_at(code, snapshot.entries_of(code)) if code.wants(now) else None
    return max((t for t in (code.retry_at, breaker, arrived) if t is not None), default=None)


def _arrived_at(code: CodeFacts, entries: tuple[EntryFacts, ...]) -> datetime | None:
    """When nothing is on its way any more that the lock should not do last; None: nothing is."""
    entry = wanted_entry(code, entries)
    if entry is None or entry.unanswered_at is None:
        return None
    is_harmless = (
        entry.doubt is None
        and entry.evidence is not Evidence.LEAVING
        and is_written_as_wanted(code, entry)
    )
    return None if is_harmless else entry.unanswered_at + ON_ITS_WAY


def next_ask(snapshot: Snapshot, now: datetime) -> datetime | None:
    """When the lock is asked whether it is there; None where nobody comes to it or waits for it."""
    lock = snapshot.lock
    at = _next_ask_offline(snapshot, now) if lock.is_offline else _next_ask_before(snapshot, now)
    if at is None:
        return None
    return max(at, lock.read_after) if lock.read_after is not None else at


def _next_ask_offline(snapshot: Snapshot, now: datetime) -> datetime | None:
    asked_at, need = snapshot.lock.asked_at, soonest_need(snapshot, now)
    pause = next((pause for within, pause in ASK_EVERY if need <= within), None)
    if pause is None:
        return None
    return asked_at + pause if asked_at is not None else now


def _next_ask_before(snapshot: Snapshot, now: datetime) -> datetime | None:
    asked_at = snapshot.lock.asked_at
    if asked_at is None:
        return None  # it is being found for the first time
    times = (
        code.arrives_at - before
        for code in snapshot.codes
        if code.serves is CodeKind.GUEST and code.wants(now)
        for before in ASK_BEFORE
    )
    return min((at for at in times if at > asked_at), default=None)


def missing_checks(before: int, lasts: timedelta) -> int:
    """How many checks say that a lock is gone, after one more; the last counts once it lasts."""
    counted = min(before + 1, MISSING_CHECKS)
    return counted if counted < MISSING_CHECKS or lasts >= MISSING_FOR else MISSING_CHECKS - 1


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
            needed_in(code, snapshot.entries_of(code), now)
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
