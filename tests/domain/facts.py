"""Snapshots for pure tests, each part with true defaults."""

from datetime import UTC, datetime, timedelta
from typing import Any

from portal.domain.command import Kind, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.secret import Secret
from portal.domain.snapshot import (
    CodeFacts,
    CommandFacts,
    EntryFacts,
    ForeignFacts,
    LockFacts,
    Pace,
    Snapshot,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ARRIVES = NOW + timedelta(days=2)
DEPARTS = NOW + timedelta(days=5)
PACE = Pace(
    look_up_after=(timedelta(seconds=60), timedelta(seconds=120), timedelta(seconds=300)),
    verify_after=(timedelta(seconds=30), timedelta(seconds=60)),
    retry_after=timedelta(seconds=60),
)


def a_code(**changes: Any) -> CodeFacts:
    """A guest's code, due, whose guest arrives in two days."""
    values: dict[str, Any] = {
        "id": 1,
        "pin": Secret("482917"),
        "starts_at": ARRIVES - timedelta(hours=1),
        "ends_at": DEPARTS + timedelta(hours=1),
        "arrives_at": ARRIVES,
        "departs_at": DEPARTS,
        "send_at": NOW - timedelta(days=1),
    }
    return CodeFacts(**values | changes)


def an_entry(code: CodeFacts, **changes: Any) -> EntryFacts:
    """An entry for the code, of its PIN and window, held unless said otherwise."""
    values: dict[str, Any] = {
        "id": 10 * code.id,
        "code_id": code.id,
        "label": f"Ana {code.id:04}",
        "pin": code.pin,
        "starts_at": code.starts_at,
        "ends_at": code.ends_at,
        "revision": code.revision,
        "access_code_id": f"id-{code.id}",
        "state": EntryState.HELD,
        "evidence": Evidence.CONFIRMED,
        "evidence_at": NOW - timedelta(hours=1),
    }
    return EntryFacts(**values | changes)


def in_doubt(code: CodeFacts, **changes: Any) -> EntryFacts:
    """An entry whose add was sent a minute ago, with an unknown outcome."""
    values: dict[str, Any] = {
        "state": EntryState.MAYBE,
        "evidence": Evidence.SENT,
        "evidence_at": NOW - timedelta(minutes=1),
        "access_code_id": None,
    }
    return an_entry(code, **values | changes)


def a_command(**changes: Any) -> CommandFacts:
    values: dict[str, Any] = {
        "id": 100,
        "kind": Kind.ADD,
        "state": State.ACCEPTED,
        "entry_id": 10,
        "look_at": NOW + timedelta(seconds=60),
    }
    return CommandFacts(**values | changes)


def a_snapshot(
    *codes: CodeFacts,
    entries: tuple[EntryFacts, ...] = (),
    command: CommandFacts | None = None,
    foreign: tuple[ForeignFacts, ...] = (),
    **lock: Any,
) -> Snapshot:
    """A lock that was read ten minutes ago, with these codes."""
    values: dict[str, Any] = {"id": 1, "read_at": NOW - timedelta(minutes=10)}
    return Snapshot(
        lock=LockFacts(**values | lock),
        pace=PACE,
        codes=codes,
        entries=entries,
        command=command,
        foreign=foreign,
    )
