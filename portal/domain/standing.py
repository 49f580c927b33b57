"""Where a door code stands: its status and the time at which that is next looked at."""

from dataclasses import dataclass
from datetime import datetime

from portal.domain import reading
from portal.domain.entry import EntryState
from portal.domain.snapshot import (
    CodeFacts,
    EntryFacts,
    Snapshot,
    is_held_as_wanted,
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
    entry = wanted_entry(code, entries)
    alive = [e for e in entries if e.may_be_on_lock]
    if not code.wants(now):
        if not alive:
            return Standing(Status.REMOVED, None)
        return Standing(Status.REMOVING, _next_try(snapshot, code))
    if is_held_as_wanted(code, entry):
        if code.is_stuck:
            # Held as far as we know, but somebody changed it in another app and we may not.
            return Standing(Status.NEEDS_YOU, None)
        return Standing(Status.CONFIRMED, None)
    is_changing = any(e.state is EntryState.HELD and e.starts_at <= now < e.ends_at for e in alive)
    command = snapshot.command
    if code.is_stuck or not snapshot.lock.can_call:
        return Standing(Status.NEEDS_YOU, None, is_changing)
    if command is not None and any(command.entry_id == e.id for e in entries):
        return Standing(Status.SENT, command.look_at, is_changing)
    if entry is not None and entry.may_be_on_lock and entry.state is EntryState.MAYBE:
        return Standing(Status.UNSURE, _next_look(snapshot, entry, now), is_changing)
    if code.failures:
        return Standing(Status.RETRYING, _next_try(snapshot, code), is_changing)
    if now < code.send_at and not is_changing:
        return Standing(Status.PLANNED, code.send_at, is_changing)
    return Standing(Status.QUEUED, _next_try(snapshot, code), is_changing)


def _next_try(snapshot: Snapshot, code: CodeFacts) -> datetime | None:
    times = [
        t
        for t in (code.retry_at, snapshot.lock.breaker_until, snapshot.lock.call_after)
        if t is not None
    ]
    return max(times, default=None)


def _next_look(snapshot: Snapshot, entry: EntryFacts, now: datetime) -> datetime | None:
    if entry.is_listed:
        return None
    return reading.next_read(snapshot, now)
