"""Where a door code stands: its status and the time at which that is next looked at."""

from dataclasses import dataclass
from datetime import datetime

from portal.domain import reach, reading, witness
from portal.domain.entry import EntryState, Evidence
from portal.domain.snapshot import (
    CodeFacts,
    EntryFacts,
    Snapshot,
    is_held_as_wanted,
    is_written_as_wanted,
    wanted_entry,
)
from portal.domain.status import Status


@dataclass(frozen=True)
class Standing:
    """A code's status and its deadline: the next try, look, read or send; None where none is set.

    `is_changing`: an older entry is held and still valid while the new one travels.
    """

    status: Status
    due_at: datetime | None
    is_changing: bool = False


def standing_of(snapshot: Snapshot, code: CodeFacts, now: datetime) -> Standing:
    """The code's standing; the one place where a status is decided."""
    entries = snapshot.entries_of(code)
    alive = [e for e in entries if e.may_be_on_lock]
    if not code.wants(now):
        if not alive:
            return Standing(Status.REMOVED, None)
        return Standing(Status.REMOVING, _next_try(snapshot, code, now))
    entry = wanted_entry(code, entries)
    if is_held_as_wanted(code, entry):
        if code.is_stuck:
            # Held as far as we know, and a person is asked about it all the same.
            return Standing(Status.NEEDS_YOU, None)
        return Standing(Status.CONFIRMED, None)
    return _under_way(snapshot, code, entry, now)


def _under_way(
    snapshot: Snapshot, code: CodeFacts, entry: EntryFacts | None, now: datetime
) -> Standing:
    """The standing of a wanted code that is not confirmed."""
    entries = snapshot.entries_of(code)
    is_changing = any(
        e.state is EntryState.HELD and e.at_least.starts_at <= now < e.at_least.ends_at
        for e in entries
    )
    command = snapshot.command
    if code.is_stuck or not snapshot.lock.can_call:
        return Standing(Status.NEEDS_YOU, None, is_changing)
    if command is not None and any(command.entry_id == e.id for e in entries):
        return Standing(Status.SENT, command.look_at, is_changing)
    if entry is not None and entry.evidence is Evidence.ANSWERED:
        # Schlage says it is done; until the lock's own log says so too it is on its way.
        return Standing(Status.SENT, witness.next_log_read(snapshot, now), is_changing)
    if entry is not None and entry.may_be_on_lock and entry.state is EntryState.MAYBE:
        return Standing(Status.UNSURE, _next_look(snapshot, entry, now), is_changing)
    if entry is not None and entry.may_be_on_lock and _has_doubted_dates(code, entry):
        # It is written again rather than looked for.
        return Standing(Status.UNSURE, _next_try(snapshot, code, now), is_changing)
    if code.failures:
        return Standing(Status.RETRYING, _next_try(snapshot, code, now), is_changing)
    if now < code.send_at and not is_changing:
        return Standing(Status.PLANNED, code.send_at, is_changing)
    return Standing(Status.QUEUED, _next_try(snapshot, code, now), is_changing)


def _has_doubted_dates(code: CodeFacts, entry: EntryFacts) -> bool:
    """Whether what is wanted was written last, and older dates may be on the lock all the same."""
    return entry.doubt is not None and is_written_as_wanted(code, entry)


def _next_try(snapshot: Snapshot, code: CodeFacts, now: datetime) -> datetime | None:
    """When something is tried next; while another command travels, when that is looked up.

    None for a lock that is missing: nothing is tried before it is found again.
    """
    if snapshot.lock.is_missing:
        return None
    times = [
        t
        for t in (reach.next_write(snapshot, code, now), snapshot.lock.call_after)
        if t is not None
    ]
    if not times and snapshot.command is not None:
        return snapshot.command.look_at
    return max(times, default=None)


def _next_look(snapshot: Snapshot, entry: EntryFacts, now: datetime) -> datetime | None:
    if entry.is_listed or snapshot.lock.is_missing:
        return None
    return reading.next_read(snapshot, now)
