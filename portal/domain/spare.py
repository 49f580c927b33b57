"""Spare codes: confirmed ahead and known to nobody, for the night a guest's own code is late.

A spare in stock has a schedule with an end, like every code of ours, that is moved on long before
it is reached. Handed out, it belongs to a stay: it takes the stay's window and goes at check-out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal.domain.entry import EntryState
from portal.domain.problems import ProblemKey
from portal.domain.snapshot import CAPACITY, CodeFacts, CodeKind, Snapshot
from portal.domain.stay import Window
from portal.domain.verdict import LATE_WITHIN

PER_LOCK: Final = 2
MOST_PER_LOCK: Final = 4
# Long enough that one handed out while the lock is offline covers the stay already.
LASTS: Final = timedelta(days=90)
RENEWED_BEFORE: Final = timedelta(days=60)
# A spare that somebody keeps changing gives way to a new one, once a day at most.
REPLACED_AFTER: Final = timedelta(days=1)
# What is left of a spare's window must be worth giving; a longer stay's own window follows at once.
WORTH_GIVING: Final = timedelta(days=1)
# Places that spares leave free: those are for guests and staff.
PLACES_LEFT_FREE: Final = 5


@dataclass(frozen=True)
class Stock:
    """The spares of one lock that nobody was given, those that work first."""

    codes: tuple[CodeFacts, ...]
    wanted: int


def window_from(now: datetime) -> Window:
    """The window of a spare made or moved on at that time."""
    starts_at = now.replace(second=0, microsecond=0)
    return Window(starts_at, starts_at + LASTS)


def is_in_stock(code: CodeFacts, now: datetime) -> bool:
    """Whether this is a spare that nobody was given: no person misses it where it goes."""
    return code.kind is CodeKind.SPARE and not code.is_given and code.wants(now)


def stock_of(snapshot: Snapshot, now: datetime) -> Stock:
    """What the lock has in stock, and how many it should have."""

    def usefulness(code: CodeFacts) -> tuple[bool, int]:
        is_held = any(e.state is EntryState.HELD for e in snapshot.entries_of(code))
        return (not is_held, code.id)

    codes = [code for code in snapshot.codes if is_in_stock(code, now)]
    return Stock(tuple(sorted(codes, key=usefulness)), snapshot.lock.spares)


def has_room(snapshot: Snapshot, now: datetime) -> bool:
    """Whether one more spare leaves places for guests and staff, those now due included."""
    on_lock = {e.code_id for e in snapshot.entries if e.may_be_on_lock}
    due = sum(c.wants(now) and c.send_at <= now and c.id not in on_lock for c in snapshot.codes)
    used = sum(e.may_be_on_lock for e in snapshot.entries) + snapshot.lock.foreign_count
    return used + due + PLACES_LEFT_FREE < CAPACITY


def renewed_at(code: CodeFacts) -> datetime:
    """When a spare in stock gets its end moved on."""
    return code.ends_at - RENEWED_BEFORE


def replaced_at(code: CodeFacts) -> datetime | None:
    """When a spare in stock gives way to a new one, as a person would have to put it back.

    None for all others: where the lock itself refuses it, it would refuse the next one too.
    """
    is_left = code.is_stuck and code.problem is ProblemKey.CHANGED_OUTSIDE
    return code.problem_at + REPLACED_AFTER if is_left and code.problem_at else None


def may_be_given(starts_at: datetime, ends_at: datetime, now: datetime) -> bool:
    """Whether a stay is so near, or so far along, that its guest may be given a spare."""
    return starts_at - LATE_WITHIN <= now < ends_at


def covers(
    starts_at: datetime, ends_at: datetime, window: Window, given_at: datetime | None
) -> bool:
    """Whether an entry with this window opens the door for the rest of the stay.

    A spare made while the guest was inside begins later than the stay; it was not missed before.
    """
    needed_from = max(starts_at, given_at) if given_at is not None else starts_at
    return window.starts_at <= needed_from and window.ends_at >= ends_at
