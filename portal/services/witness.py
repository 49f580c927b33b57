"""Reading a lock's log, and writing down what it says of our successes."""

from datetime import datetime, timedelta
from random import SystemRandom
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import clock
from portal.domain.entry import EntryState, Evidence
from portal.domain.problems import ProblemKey
from portal.domain.witness import (
    CONTRADICTIONS,
    PATIENCE,
    LogLine,
    Word,
    may_conclude,
    word,
)
from portal.models import Command, LockEntry
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
_random = SystemRandom()


def read_log(client: SchlageClient, lease: Lease, device_id: str) -> Lesson | None:
    """What one read of the log says of each unproven success; None where it failed."""
    try:
        items = client.list_history(device_id, LINES)
    except SchlageError as error:
        if isinstance(error, SchlageUnauthorized):
            connections.signed_out(lease.lock_id)
        _do_without(lease, is_passing=isinstance(error, _PASSING))
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
                _tell(session, entry)
        return False

    return lesson


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


def _do_without(lease: Lease, *, is_passing: bool) -> None:
    """No log now: it is asked for again, but a success does not wait for it for ever."""
    with writing() as session:
        leases.renew(session, lease)
        now = clock.now()
        rows = load(session, lease.lock_id, now)
        lock = rows.lock
        lock.log_read_after = now + READ_AGAIN * _random.uniform(0.8, 1.2)
        if not is_passing:
            # This connection may not read logs, or has none: it does not tell, then.
            lock.log_read_at, lock.log_read_after = now, None
            lock.connection.log_tells_at = None
        for entry in rows.entries.values():
            is_late = now - entry.evidence_at >= PATIENCE
            if entry.evidence is Evidence.ANSWERED and (is_late or not is_passing):
                _believe(entry)


def _tell(session: Session, entry: LockEntry) -> None:
    code = entry.door_code
    timeline.record(
        session,
        timeline.Kind.NOT_IN_LOG,
        "schlage",
        **timeline.about(code),
        label=entry.label,
    )
