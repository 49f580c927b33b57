"""The second witness: the lock's own log.

Schlage's "Successful" is the lock's confirmation as far as anybody promises. But its servers have
been seen to say so of a code that the lock never had. The lock's log tells of codes that were added
or changed; where it is known to do so, a success counts once the log tells of it.

Whether a log tells is learnt, never assumed: nobody documents it for every model. A connection on
which no log was ever seen to tell of a code of ours goes by the success alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from portal.domain import reading
from portal.domain.entry import EntryState, Evidence
from portal.domain.snapshot import CodeFacts, EntryFacts, LockFacts, Pace, Snapshot

# So long may the log be out of reach before the success alone is believed after all.
PATIENCE: Final = timedelta(hours=1)
# Clocks of locks, of Schlage and of ours differ by seconds.
SKEW: Final = timedelta(seconds=30)
# So often may the log contradict in a row: the success of an update sent on purpose is a word too.
CONTRADICTIONS: Final = 2

_WRITES = re.compile(r"add|creat|updat|chang|edit", re.IGNORECASE)
_DELETES = re.compile(r"delet|remov", re.IGNORECASE)
_ALL = re.compile(r"all[\s_]*(access[\s_]*)?codes", re.IGNORECASE)


@dataclass(frozen=True)
class LogLine:
    """One line of a lock's log: when, what, and the code it names."""

    at: datetime
    event: str
    access_code_id: str | None = None
    label: str | None = None

    @property
    def is_write(self) -> bool:
        return bool(_WRITES.search(self.event)) and not self.is_removal

    @property
    def is_removal(self) -> bool:
        return bool(_DELETES.search(self.event))

    @property
    def is_removal_of_all(self) -> bool:
        return self.is_removal and bool(_ALL.search(self.event))


class Word(Enum):
    """What a log says about a write that succeeded."""

    TELLS = "tells"
    SILENT = "silent"  # it reaches back to the write, and does not tell of it
    TOO_SHORT = "too_short"  # it does not reach back so far


def word(entry: EntryFacts, written_at: datetime, log: Sequence[LogLine], is_whole: bool) -> Word:
    """What this log says of the entry as it was written at that time.

    `is_whole`: there are no older lines than those of `log`.
    """
    since = written_at - SKEW
    label = entry.label.casefold()
    for line in log:
        names_it = line.access_code_id is not None and line.access_code_id == entry.access_code_id
        names_it = names_it or (line.label or "").casefold() == label
        if names_it and line.is_write and line.at >= since:
            return Word.TELLS
    reaches = is_whole or any(line.at < since for line in log)
    return Word.SILENT if reaches else Word.TOO_SHORT


def last_write(entry: EntryFacts, made_at: datetime, log: Sequence[LogLine]) -> LogLine | None:
    """The line by which the lock itself says that it holds what the entry is called.

    Under whatever id: a name is given once and never again. None where the log does not tell of
    it, or tells of its removal since.
    """
    label = entry.label.casefold()
    last = max(
        (
            line
            for line in log
            if ((line.label or "").casefold() == label or line.is_removal_of_all)
            and line.at >= made_at - SKEW
            and (line.is_write or line.is_removal)
        ),
        key=lambda line: line.at,
        default=None,
    )
    return last if last is not None and last.is_write else None


def next_log_read(snapshot: Snapshot, now: datetime) -> datetime | None:
    """When the lock's log is to be read next; None where nothing waits for its word."""
    lock = snapshot.lock
    times = [
        at
        for code in snapshot.codes
        for entry in snapshot.entries_of(code)
        for at in (
            _look(lock, entry, snapshot.pace) if code.wants(now) else None,
            _search(lock, code, entry, now),
        )
        if at is not None
    ]
    if not times:
        return None
    return max(min(times), lock.log_read_after or min(times))


def _look(lock: LockFacts, entry: EntryFacts, pace: Pace) -> datetime | None:
    if entry.is_witnessed:
        return None
    if is_refused_though_listed(entry):
        is_asked = lock.log_read_at is not None and lock.log_read_at >= entry.evidence_at
        return None if is_asked or lock.log_tells_at is None else entry.seen_at
    if entry.evidence is Evidence.ANSWERED:
        looks = (timedelta(0), *pace.verify_after)
        return next(
            (
                entry.evidence_at + after
                for after in looks
                if lock.log_read_at is None or lock.log_read_at < entry.evidence_at + after
            ),
            entry.evidence_at + looks[-1],
        )
    if entry.state is EntryState.HELD and entry.evidence is Evidence.CONFIRMED:
        # Once, to learn whether the log tells of codes; once more when another one has told.
        wanted = max(entry.evidence_at, lock.log_tells_at or entry.evidence_at)
        return wanted if lock.log_read_at is None or lock.log_read_at < wanted else None
    return None


def _search(lock: LockFacts, code: CodeFacts, entry: EntryFacts, now: datetime) -> datetime | None:
    """The log is asked once whether the lock holds what has vanished from the list."""
    if lock.log_tells_at is None or not reading.has_vanished(entry, code, now):
        return None
    return entry.absent_at


def is_refused_though_listed(entry: EntryFacts) -> bool:
    """An update to the id in the list was refused as in use: the lock may hold it under another."""
    return entry.evidence is Evidence.IN_USE and entry.is_listed and not entry.is_ghost


def may_conclude(entry: EntryFacts, pace: Pace, now: datetime) -> bool:
    """Whether the log has had time enough to tell: silence means something from here on."""
    return now >= entry.evidence_at + pace.verify_after[1]
