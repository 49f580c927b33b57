"""Reading a lock's log, and writing down what it says of our successes."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal import clock, jitter
from portal.domain import retry
from portal.domain.command import Kind
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.reading import has_vanished
from portal.domain.witness import (
    CONTRADICTIONS,
    PATIENCE,
    LogLine,
    Word,
    is_refused_though_listed,
    last_write,
    may_conclude,
    word,
)
from portal.models import Command, LockEntry
from portal.models.base import one_of
from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageError,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
)
from portal.schlage.payloads import HistoryItem
from portal.services import connections, entry_log, leases, outages, timeline
from portal.services.leases import Lease
from portal.services.snapshots import Lesson, LockRows, entry_facts, load, pace
from portal.unit_of_work import writing

LINES: Final = 100
READ_AGAIN: Final = timedelta(seconds=60)
_PASSING: Final = (SchlageUnavailable, SchlageThrottled, SchlageUnauthorized)
# What was ever sent for an entry.
_SENT: Final = (
    select(Command.starts_at, Command.ends_at, Command.revision)
    .where(
        Command.lock_entry_id == bindparam("entry_id"),
        one_of(Command.kind, [Kind.ADD, Kind.UPDATE]),
        Command.sent_at.is_not(None),
    )
    .distinct()
)


def read_log(client: SchlageClient, lease: Lease, device_id: str) -> Lesson | None:
    """What one read of the log says of each unproven success; None where it failed."""
    try:
        items = client.list_history(device_id, LINES)
    except SchlageError as error:
        if isinstance(error, SchlageUnauthorized):
            connections.signed_out(lease.lock_id)
        _do_without(lease, error)
        return None
    lines = [line for item in items if (line := _line(item)) is not None]

    def lesson(session: Session, rows: LockRows, now: datetime) -> bool:
        outages.answered(session, rows.lock.connection_id, now)
        rows.lock.log_read_at, rows.lock.log_read_after = now, None
        entry_log.read_lines(session, rows.lock, items, now)
        for entry, written_at in _unproven(session, rows):
            said = word(entry_facts(entry), written_at, lines, is_whole=len(items) < LINES)
            _hear(rows, entry, said, now)
            if entry.evidence is Evidence.UNWITNESSED:
                _tell(session, entry, timeline.Kind.NOT_IN_LOG)
        for entry in _vanished(rows, now):
            line = last_write(entry_facts(entry), entry.created_at, lines)
            _conclude(session, entry, is_on_lock=line is not None, now=now)
        for entry in _refused(session, rows):
            line = last_write(entry_facts(entry), entry.created_at, lines)
            if line is not None:
                _take_over(entry, line, now)
                _tell(session, entry, timeline.Kind.FOUND_IN_LOG)
        return False

    return Lesson(clock.now(), lesson)


def _line(item: HistoryItem) -> LogLine | None:
    if item.at is None:
        return None
    return LogLine(item.at, item.event_code, item.accessor_id, item.accessor_name)


def _unproven(session: Session, rows: LockRows) -> list[tuple[LockEntry, datetime]]:
    """The successes that wait for the log, each with the time of its write."""
    waiting = [
        entry
        for entry in rows.entries.values()
        if entry.evidence in {Evidence.ANSWERED, Evidence.CONFIRMED} and not entry.is_witnessed
    ]
    ids = [entry.evidence_command_id for entry in waiting]
    sent: dict[int, datetime] = {
        row.id: row.sent_at
        for row in session.execute(select(Command.id, Command.sent_at).where(Command.id.in_(ids)))
        if row.sent_at is not None
    }
    return [
        (entry, sent[entry.evidence_command_id])
        for entry in waiting
        if entry.evidence_command_id in sent
    ]


def _refused(session: Session, rows: LockRows) -> list[LockEntry]:
    """Entries whose update was refused as in use, and of which only what is wanted was ever sent.

    So whichever add of theirs the lock has carried out, it holds what it should.
    """
    return [
        entry
        for entry in rows.entries.values()
        if is_refused_though_listed(entry_facts(entry)) and _is_all_as_wanted(session, entry)
    ]


def _is_all_as_wanted(session: Session, entry: LockEntry) -> bool:
    """Whether all that was ever sent of it has the hours wanted now; a stay's are its dates."""
    code = entry.door_code
    sent = session.execute(_SENT, {"entry_id": entry.id}).all()
    return all(
        (starts_at, ends_at) == (code.starts_at, code.ends_at)
        and (code.staff_code_id is None or revision == code.revision)
        for starts_at, ends_at, revision in sent
    )


def _vanished(rows: LockRows, now: datetime) -> list[LockEntry]:
    """Entries to be off that no list shows any more."""
    facts = {code.id: code for code in rows.code_facts()}
    return [
        entry
        for entry in rows.entries.values()
        if has_vanished(entry_facts(entry), facts.get(entry.door_code_id), now)
    ]


def _conclude(session: Session, entry: LockEntry, *, is_on_lock: bool, now: datetime) -> None:
    """The vanished entry is gone, unless the lock itself says that it holds it."""
    if is_on_lock and entry.access_code_id is not None:
        # The list left it out: it goes on being removed.
        entry.absent_reads, entry.absent_at = 0, None
    else:
        entry.evidence_at = now
        entry.state, entry.evidence = (
            (EntryState.MAYBE, Evidence.IN_USE)
            if is_on_lock
            else (EntryState.GONE, Evidence.READ_TWICE)
        )
    if is_on_lock:
        _tell(session, entry, timeline.Kind.FOUND_IN_LOG)


def _take_over(entry: LockEntry, line: LogLine, now: datetime) -> None:
    """The lock holds the entry, under the id that its log names."""
    code = entry.door_code
    entry.state, entry.evidence, entry.evidence_at = EntryState.HELD, Evidence.CONFIRMED, now
    entry.starts_at, entry.ends_at, entry.revision = code.starts_at, code.ends_at, code.revision
    entry.doubt = None
    entry.access_code_id = line.access_code_id or entry.access_code_id
    entry.is_witnessed, entry.contradictions = True, 0
    code.retry_at, code.failures, code.ladder = None, 0, 0
    code.problem, code.problem_text, code.problem_at = None, "", None


def _hear(rows: LockRows, entry: LockEntry, said: Word, now: datetime) -> None:
    connection = rows.lock.connection
    if said is Word.TELLS:
        connection.log_tells_at = connection.log_tells_at or now
        _believe(entry)
        entry.is_witnessed, entry.contradictions = True, 0
    elif said is Word.TOO_SHORT or connection.log_tells_at is None:
        _believe(entry)
    elif may_conclude(entry_facts(entry), pace(), now):
        if entry.contradictions >= CONTRADICTIONS:
            _believe(entry)
            entry.is_witnessed = True
            return
        entry.contradictions += 1
        entry.state, entry.evidence, entry.evidence_at = (
            EntryState.MAYBE,
            Evidence.UNWITNESSED,
            now,
        )
        code = entry.door_code
        code.problem, code.problem_text, code.problem_at = ProblemKey.OUTCOME_UNKNOWN, "", now
        # The list tells whether the servers have it: then an update to its id shows the truth.
        rows.lock.read_wanted_at = now


def _believe(entry: LockEntry) -> None:
    if entry.evidence is Evidence.ANSWERED:
        entry.state, entry.evidence = EntryState.HELD, Evidence.CONFIRMED


def _do_without(lease: Lease, error: SchlageError) -> None:
    """No log now: it is asked for again, but a success does not wait for it for ever."""
    is_passing = isinstance(error, _PASSING)
    with writing() as session:
        leases.renew(session, lease)
        now = clock.now()
        rows = load(session, lease.lock_id, now)
        lock = rows.lock
        lock.log_read_after = now + max(jitter.around(READ_AGAIN, retry.JITTER), error.retry_after)
        if not is_passing:
            # This connection may not read logs, or has none: it does not tell, then.
            lock.log_read_at, lock.log_read_after = now, None
            lock.connection.log_tells_at = None
        for entry in rows.entries.values():
            is_late = now - entry.evidence_at >= PATIENCE
            if entry.evidence is Evidence.ANSWERED and (is_late or not is_passing):
                _believe(entry)
        for entry in _vanished(rows, now):
            if not is_passing or now - entry.evidence_at >= PATIENCE:
                _conclude(session, entry, is_on_lock=False, now=now)


def _tell(session: Session, entry: LockEntry, kind: timeline.Kind) -> None:
    code = entry.door_code
    timeline.record(
        session,
        kind,
        "schlage",
        **timeline.about(code),
        label=entry.label,
    )
