"""When to read a lock's list, and what a read proves.

A read is evidence, not truth: the list lags behind writes and now and then leaves out a code that
exists. So absence is believed after two complete reads, the first well after the write's answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from portal.domain.entry import EntryState, Evidence
from portal.domain.snapshot import (
    CodeFacts,
    CodeKind,
    EntryFacts,
    Pace,
    Snapshot,
    is_held_as_wanted,
)
from portal.domain.stay import Doubt, Window
from portal.domain.week import WeeklyWindow, in_order

READS_TO_BELIEVE: Final = 2
EVERY: Final = timedelta(days=1)
# After an unknown outcome: Schlage is known to carry a command out minutes later.
AFTER_UNKNOWN: Final = (timedelta(minutes=10), timedelta(hours=1))
BEFORE_ARRIVAL: Final = tuple(timedelta(minutes=m) for m in (24 * 60, 6 * 60, 2 * 60, 30))
# An old code whose delete keeps failing is read for so soon after its window, and then ever less
# often: its lock may be out of reach for days.
AFTER_WINDOW: Final = timedelta(minutes=5)
AFTER_WINDOW_AT_MOST: Final = timedelta(hours=1)
# A list lags up to 20 s behind a write: what it shows sooner than this proves nothing new.
LIST_LAG: Final = timedelta(seconds=30)
# The lock itself has said of the entry's id that it is not there.
_OFF: Final = frozenset({Evidence.DELETED, Evidence.ID_UNKNOWN, Evidence.DENIED})


@dataclass(frozen=True)
class Listed:
    """One line of a lock's list, as Schlage gave it; PIN and window where it tells them."""

    access_code_id: str
    label: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    windows: tuple[WeeklyWindow, ...] | None = None  # none of them: no weekly schedule


@dataclass(frozen=True)
class Sighting:
    """What a complete read means for one entry of ours."""

    entry_id: int
    is_listed: bool
    access_code_id: str | None = None
    absent_reads: int = 0
    absent_at: datetime | None = None
    state: EntryState | None = None  # the new state, where the read proves one
    evidence: Evidence | None = None
    doubt: Doubt | None = None  # where the list shows other dates than ours
    is_lost: bool = False  # it was held, and nobody of ours removed it


@dataclass(frozen=True)
class Finding:
    """What a complete read means altogether; `foreign` are the lines that are not ours."""

    sightings: tuple[Sighting, ...]
    foreign: tuple[Listed, ...] = field(default=())


def next_read(snapshot: Snapshot, now: datetime) -> datetime | None:
    """When the list is to be read next; None where nothing calls for it."""
    lock = snapshot.lock
    times = list(_reasons(snapshot, now))
    if not times:
        return None
    return max(min(times), lock.read_after) if lock.read_after is not None else min(times)


def _reasons(snapshot: Snapshot, now: datetime) -> Iterator[datetime]:
    lock, last = snapshot.lock, snapshot.lock.read_at
    if last is None:
        yield now
        return
    yield last + EVERY
    if lock.read_wanted_at is not None and lock.read_wanted_at > last:
        yield lock.read_wanted_at
    if lock.unknown_at is not None:
        yield from (t for t in (lock.unknown_at + d for d in AFTER_UNKNOWN) if t > last)
    for code in snapshot.codes:
        entries = snapshot.entries_of(code)
        if code.wants(now):
            yield from (
                t for t in (code.arrives_at - d for d in BEFORE_ARRIVAL) if t > last and entries
            )
            if code.resync_at is not None and code.resync_at > last:
                yield code.resync_at
        for entry in entries:
            at = _verification(code, entry, last, snapshot.pace, now)
            if at is not None:
                yield at


def _verification(
    code: CodeFacts, entry: EntryFacts, last: datetime, pace: Pace, now: datetime
) -> datetime | None:
    """The next read that this entry's own doubt calls for."""
    if not entry.may_be_on_lock:
        return None
    first = entry.evidence_at + pace.verify_after[0]
    second = max(first, entry.absent_at + pace.verify_gap) if entry.absent_at is not None else None
    if _is_settled(code, entry, now):
        if entry.absent_reads == 1:
            return second
        if entry.access_code_id is None:
            return max(entry.evidence_at, last) + pace.verify_after[0]
    elif not entry.is_listed and (
        entry.absent_reads < READS_TO_BELIEVE
        or _is_known_to_nobody(code, entry, now)
        or _is_wanted_again(code, entry, now)
    ):
        return second or first
    if not code.wants(now) and entry.is_over(now):
        return second if entry.absent_reads == 1 else _after_window(code, entry, last)
    if not code.wants(now) and entry.access_code_id is None and entry.ends_by_itself:
        # Nobody can delete it; the end of its window is the next thing that may prove it gone.
        return entry.at_most.ends_at + AFTER_WINDOW
    return None


def _is_settled(code: CodeFacts, entry: EntryFacts, now: datetime) -> bool:
    """Whether no read is called for: it is held, or it leaves and its removal is sent again."""
    if entry.evidence is Evidence.LEAVING:
        return not _is_to_stay(code, entry, now)
    return entry.state is EntryState.HELD or entry.evidence is Evidence.ANSWERED


def _is_to_stay(code: CodeFacts, entry: EntryFacts, now: datetime) -> bool:
    """Whether the entry carries what is wanted, and is no older try or older PIN."""
    return code.wants(now) and not entry.is_retired and entry.pin == code.pin


def _is_wanted_again(code: CodeFacts, entry: EntryFacts, now: datetime) -> bool:
    """Whether what had vanished when nobody wanted it is to be sent again after all."""
    is_in_doubt = entry.state is EntryState.MAYBE and entry.evidence is not Evidence.IN_USE
    return is_in_doubt and _is_to_stay(code, entry, now)


def _after_window(code: CodeFacts, entry: EntryFacts, last: datetime) -> datetime | None:
    """Reads that may prove an entry gone after its window although deleting it does not work."""
    if entry.access_code_id is not None and code.failures == 0:
        return None
    ends_at = entry.at_most.ends_at
    over_for = max(last - ends_at, AFTER_WINDOW)
    return max(last, ends_at) + min(over_for, AFTER_WINDOW_AT_MOST)


def judge(
    entries: Sequence[EntryFacts],
    codes: Sequence[CodeFacts],
    listing: Sequence[Listed],
    pace: Pace,
    now: datetime,
    *,
    log_tells: bool = False,
) -> Finding:
    """What one complete read of the list, answered at `now`, means for each entry of ours.

    `log_tells`: the lock's own log is known to tell of codes, and is asked for what has vanished.
    An entry is recognised by its id, else by its label; labels are compared without case because
    the vendor's own clients do.
    """
    by_id = {line.access_code_id: line for line in listing}
    by_label: dict[str, list[Listed]] = {}
    for listed in listing:
        by_label.setdefault(listed.label.casefold(), []).append(listed)
    code_of = {code.id: code for code in codes}
    ours: set[str] = set()
    sightings = []
    for entry in entries:
        lines = by_label.get(entry.label.casefold(), [])
        ours.update(line.access_code_id for line in lines)
        line = _line_of(entry, lines)
        if line is None and entry.access_code_id is not None:
            line = by_id.get(entry.access_code_id)
        if line is not None:
            ours.add(line.access_code_id)
        if entry.evidence is Evidence.NOT_SENT:
            continue
        sighting = (
            _seen(entry, code_of.get(entry.code_id), line, now)
            if line is not None
            else _missed(entry, code_of.get(entry.code_id), pace, now, log_tells=log_tells)
        )
        if sighting is not None:
            sightings.append(sighting)
    foreign = tuple(line for line in listing if line.access_code_id not in ours)
    return Finding(tuple(sightings), foreign)


def _line_of(entry: EntryFacts, lines: Sequence[Listed]) -> Listed | None:
    """Of the lines with the entry's name, the one it is known by; another where that is off.

    Two have one name where Schlage lists what the lock never got, and an older add got there late.
    """
    is_off = entry.evidence in _OFF
    return max(
        lines,
        key=lambda line: (line.access_code_id == entry.access_code_id) is not is_off,
        default=None,
    )


def _seen(
    entry: EntryFacts, code: CodeFacts | None, line: Listed, now: datetime
) -> Sighting | None:
    is_other = line.access_code_id != entry.access_code_id
    if entry.state is EntryState.GONE:
        # An add that was carried out late, or a list that still shows what was just removed, or
        # an id that the lock itself denies: only the first of these is news.
        is_news = (
            entry.evidence in {Evidence.READ_TWICE, Evidence.WINDOW_OVER}
            or (
                entry.evidence in {Evidence.DELETED, Evidence.REFUSED, Evidence.LIST_EMPTY}
                and now - entry.evidence_at > AFTER_UNKNOWN[0]
            )
            or (entry.evidence in _OFF and is_other)
        )
        if not is_news:
            return None
    if entry.state is EntryState.GONE or (entry.evidence is Evidence.DENIED and is_other):
        return Sighting(
            entry.id,
            is_listed=True,
            access_code_id=line.access_code_id,
            state=EntryState.MAYBE,
            evidence=Evidence.SENT,
        )
    # Where something else is wanted, what the list shows may be an update of ours.
    is_changed_outside = (
        code is not None
        and is_held_as_wanted(code, entry)
        and now - entry.evidence_at > LIST_LAG
        and (_has_other_dates(entry, line) or _has_other_week(code, line))
    )
    return Sighting(
        entry.id,
        is_listed=True,
        access_code_id=line.access_code_id,
        doubt=_doubt_of(entry, line) if is_changed_outside else None,
    )


def _doubt_of(entry: EntryFacts, line: Listed) -> Doubt:
    """Either the dates of the line, as far as it tells any, or those of the entry."""
    listed = Window(line.starts_at or entry.starts_at, line.ends_at or entry.ends_at)
    return Doubt(entry.window, entry.window).with_also(listed)


def _has_other_dates(entry: EntryFacts, line: Listed) -> bool:
    if line.starts_at is None or line.ends_at is None:
        return False
    return (line.starts_at, line.ends_at) != (entry.starts_at, entry.ends_at)


def _has_other_week(code: CodeFacts, line: Listed) -> bool:
    """Whether a staff code's hours of the week are others than those last confirmed."""
    return line.windows is not None and in_order(line.windows) != in_order(code.windows)


def _missed(
    entry: EntryFacts, code: CodeFacts | None, pace: Pace, now: datetime, *, log_tells: bool
) -> Sighting | None:
    if entry.state is EntryState.GONE:
        return None
    if now < entry.evidence_at + pace.verify_after[0]:
        return None
    if entry.absent_at is not None and now < entry.absent_at + pace.verify_gap:
        return None
    reads = min(entry.absent_reads + 1, READS_TO_BELIEVE)
    state = evidence = None
    if reads >= READS_TO_BELIEVE:
        if entry.is_over(now):
            state, evidence = EntryState.GONE, Evidence.WINDOW_OVER
        elif (log_tells or _was_there(entry)) and has_vanished(
            replace(entry, absent_reads=reads), code, now
        ):
            # Schlage's servers may never have learnt what the lock did: its log decides, or its
            # answer to the removal of what it had.
            pass
        elif not _is_kept_in_doubt(code, entry, now) or _is_known_to_nobody(code, entry, now):
            state, evidence = EntryState.GONE, Evidence.READ_TWICE
    is_lost = (
        state is EntryState.GONE
        and entry.state is EntryState.HELD
        and code is not None
        and code.wants(now)
    )
    return Sighting(
        entry.id,
        is_listed=False,
        absent_reads=reads,
        absent_at=now,
        state=state,
        evidence=evidence,
        is_lost=is_lost,
    )


def _is_kept_in_doubt(code: CodeFacts | None, entry: EntryFacts, now: datetime) -> bool:
    """Whether the lock may hold what the list does not show, and no write of ours will tell."""
    if entry.evidence is Evidence.DENIED:
        return code is None or not _is_to_stay(code, entry, now)
    return entry.evidence is Evidence.IN_USE


def has_vanished(entry: EntryFacts, code: CodeFacts | None, now: datetime) -> bool:
    """Two reads do not show something that is to be off, and that was there or may have been.

    What is wanted is sent again, and the lock's answer to that tells.
    """
    return (
        code is not None
        and not _is_to_stay(code, entry, now)
        and entry.may_be_on_lock
        and entry.evidence is not Evidence.IN_USE
        and entry.absent_reads >= READS_TO_BELIEVE
        and not _is_known_to_nobody(code, entry, now)
    )


def _was_there(entry: EntryFacts) -> bool:
    """Whether the lock has confirmed it, under an id by which its removal can be sent again."""
    return entry.access_code_id is not None and (
        entry.state is EntryState.HELD or entry.evidence is Evidence.LEAVING
    )


def _is_known_to_nobody(code: CodeFacts | None, entry: EntryFacts, now: datetime) -> bool:
    """An attempt at a spare that was given up: were it on the lock, nobody could type it."""
    if code is None or code.kind is not CodeKind.SPARE or _was_there(entry):
        return False
    return entry.is_retired or not (code.is_given or code.wants(now))
