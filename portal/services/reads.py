"""Reading a lock's list or its description, and writing down what that proves."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from portal import clock, jitter
from portal.domain import label, reading, retry
from portal.domain.entry import EntryState
from portal.domain.pin import LengthRule, length_shown
from portal.domain.problems import ProblemKey
from portal.domain.reading import Listed, Sighting
from portal.domain.rebuild import FREEZING, Stage
from portal.domain.secret import Secret
from portal.models import Account, DoorCode, ForeignCode, Lock, RestorePolicy
from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageError,
    SchlageNotFound,
    SchlageUnauthorized,
    SchlageUnavailable,
)
from portal.schlage.payloads import AccessCode, CodeList
from portal.services import connections, outages, pins, reach, rebuilds, timeline
from portal.services.leases import Lease
from portal.services.snapshots import Lesson, LockRows, pace

READ_AGAIN: Final = timedelta(seconds=60)
# How long a read that keeps failing is put off at most, by how soon the lock is needed.
READ_AGAIN_AT_MOST: Final = (
    (retry.AT_THE_DOOR, READ_AGAIN),
    (retry.NEAR, timedelta(minutes=4)),
    (timedelta.max, timedelta(minutes=15)),
)
MAX_RESTORES_A_DAY: Final = 2


def read_list(client: SchlageClient, lease: Lease, device_id: str) -> Lesson:
    """What one read of the list proves, or that it failed and is tried again later."""
    try:
        codes = client.list_codes(device_id)
    except SchlageError as error:
        return _failure(lease, error)

    def lesson(session: Session, rows: LockRows, now: datetime) -> bool:
        _note_answer(session, rows.lock, now)
        return _learn(session, rows, codes, now)

    return Lesson(clock.now(), lesson)


def ask_lock(client: SchlageClient, lease: Lease, device_id: str) -> Lesson:
    """What Schlage says of the lock itself, or that it did not answer."""
    try:
        device = client.get_device(device_id)
    except SchlageError as error:
        return _failure(lease, error)

    def lesson(session: Session, rows: LockRows, now: datetime) -> bool:
        _note_answer(session, rows.lock, now)
        connections.describe(session, rows.lock, device, now)
        return False

    return Lesson(clock.now(), lesson)


def _note_answer(session: Session, lock: Lock, now: datetime) -> None:
    """Schlage's servers answer; after reads that failed, what failed with them is tried now."""
    outages.answered(session, lock.connection_id, now)
    reach.found(session, lock)
    if lock.read_failures and lock.failure_problem in outages.OF_SERVERS:
        lock.failures, lock.failure_problem, lock.breaker_until = 0, None, None
        reach.free(session, DoorCode.lock_id == lock.id)
    lock.read_after, lock.read_failures = None, 0


def _failure(lease: Lease, error: SchlageError) -> Lesson:
    """That a read failed; what it tells of the whole connection is acted on at once."""
    if isinstance(error, SchlageUnauthorized):
        connections.signed_out(lease.lock_id)
    elif isinstance(error, SchlageNotFound):
        connections.look_at_locks(lease.lock_id)
    is_of_servers = isinstance(error, SchlageUnavailable) and error.status is not None

    def lesson(session: Session, rows: LockRows, now: datetime) -> bool:
        lock = rows.lock
        # Patient with an outage that only this lock has met so far, yet soon back after it.
        left = reach.needed_on(rows, now)
        at_most = next(pause for within, pause in READ_AGAIN_AT_MOST if left <= within)
        pause = min(READ_AGAIN * 2**lock.read_failures, at_most)
        lock.read_after = now + max(jitter.around(pause, retry.JITTER), error.retry_after)
        lock.read_failures = min(lock.read_failures + 1, 10)
        if is_of_servers:
            lock.failure_problem, lock.failed_at = ProblemKey.SCHLAGE_OUTAGE, now
            outages.failed(session, lock, ProblemKey.SCHLAGE_OUTAGE, now)
        return False

    return Lesson(clock.now(), lesson, is_answer=False)


def _learn(session: Session, rows: LockRows, codes: CodeList, now: datetime) -> bool:
    lock = rows.lock
    had_foreign = bool(rows.foreign)
    finding = reading.judge(
        rows.entry_facts(),
        rows.code_facts(),
        [_listed(line) for line in codes.entries],
        pace(),
        now,
        log_tells=lock.connection.log_tells_at is not None,
    )
    for sighting in finding.sightings:
        if sighting.is_listed or codes.is_complete:
            _apply(session, rows, sighting, now)
    if not codes.is_complete:
        lock.read_after = now + READ_AGAIN
        return True
    lock.read_at, lock.listed_count = now, len(codes.entries)
    if rows.rebuild is not None and rows.rebuild.stage is Stage.VERIFYING:
        rebuilds.learn(session, rows, len(codes.entries), now)
    foreign = {line.access_code_id for line in finding.foreign}
    _learn_length(session, rows, codes, foreign)
    _remember_foreign(session, rows, codes, foreign, now)
    is_revived = any(s.is_listed and s.state is not None for s in finding.sightings)
    return is_revived or had_foreign or bool(foreign)


def _learn_length(session: Session, rows: LockRows, codes: CodeList, foreign: set[str]) -> None:
    """The lock's rule is the length that its codes have, also where another was known.

    A code of ours tells only once the lock has taken it: Schlage lists one that is on its way too.
    """
    held = {e.access_code_id for e in rows.entries.values() if e.state is EntryState.HELD}
    lengths = [
        line.code_length
        for line in codes.entries
        if line.code_length and line.access_code_id in held | foreign
    ]
    known = LengthRule(rows.lock.code_length, rows.lock.has_vlac)
    length = length_shown(known, lengths)
    pins.set_rule(session, rows.lock, replace(known, code_length=length))


def _listed(line: AccessCode) -> Listed:
    return Listed(
        access_code_id=line.access_code_id,
        label=line.label,
        starts_at=line.starts_at,
        ends_at=line.ends_at,
        windows=line.windows,
    )


def _apply(session: Session, rows: LockRows, sighting: Sighting, now: datetime) -> None:
    entry = rows.entries[sighting.entry_id]
    was_absent = entry.absent_reads
    if (was_absent, entry.absent_at) != (sighting.absent_reads, sighting.absent_at):
        entry.absent_reads, entry.absent_at = sighting.absent_reads, sighting.absent_at
    if sighting.is_listed:
        # Only the first sight of what was last written is news; the lock says when it was read.
        if entry.seen_at is None or entry.seen_at < entry.evidence_at:
            entry.seen_at = now
        if sighting.access_code_id != entry.access_code_id:
            entry.go_by(sighting.access_code_id)
    if sighting.state is not None and sighting.evidence is not None:
        entry.state, entry.evidence = sighting.state, sighting.evidence
        if not sighting.is_listed:
            entry.evidence_at = now
            entry.go_by(None)
        else:
            entry.evidence_at = entry.seen_at = now
    code = entry.door_code
    if sighting.doubt is not None and code.is_wanted:
        entry.doubt = sighting.doubt
    is_frozen = rows.rebuild is not None and rows.rebuild.stage in FREEZING
    if (sighting.is_lost and not is_frozen) or (sighting.doubt is not None and code.is_wanted):
        _restore_or_ask(session, code, sighting, now)
    if was_absent != entry.absent_reads or sighting.state is not None:
        timeline.record(
            session,
            timeline.Kind.ENTRY_FOUND if sighting.is_listed else timeline.Kind.ENTRY_ABSENT,
            "schlage",
            **timeline.about(code),
            label=entry.label,
            reads=entry.absent_reads,
        )


def _restore_or_ask(session: Session, code: DoorCode, sighting: Sighting, now: datetime) -> None:
    """Somebody changed what we put there: put it back, at most twice a day, or ask."""
    is_known = code.reaffirm_after is not None or code.is_stuck
    if code.problem is ProblemKey.CHANGED_OUTSIDE and is_known:
        # Being put back, or a person was asked: every further read would only say it again.
        return
    today = now.date()
    if code.restored_on != today:
        code.restored_on, code.restores = today, 0
    code.problem, code.problem_at = ProblemKey.CHANGED_OUTSIDE, now
    code.problem_text = (
        "Two reads of the lock's list do not show the code."
        if sighting.is_lost
        else "The list shows other dates than we sent."
    )
    account = session.get_one(Account, code.account_id)
    may_restore = (
        account.restore_policy is RestorePolicy.RESTORE and code.restores < MAX_RESTORES_A_DAY
    )
    if may_restore:
        code.restores += 1
        code.reaffirm_after = now
    else:
        code.is_stuck = True
    timeline.record(
        session,
        timeline.Kind.CHANGED_OUTSIDE,
        "schlage",
        **timeline.about(code),
        restoring=may_restore,
        lost=sighting.is_lost,
    )


def _remember_foreign(
    session: Session,
    rows: LockRows,
    codes: CodeList,
    foreign: set[str],
    now: datetime,
) -> None:
    known = {row.access_code_id: row for row in rows.foreign}
    for gone in known.keys() - foreign:
        session.delete(known[gone])
    for line in codes.entries:
        if line.access_code_id not in foreign:
            continue
        row = known.get(line.access_code_id)
        if row is None:
            account = session.get_one(Account, rows.lock.account_id)
            row = ForeignCode(
                account_id=rows.lock.account_id,
                lock_id=rows.lock.id,
                access_code_id=line.access_code_id,
                first_seen_at=now,
                has_our_tag=label.is_ours(line.label, account.label_key, rows.lock.device_id),
            )
            session.add(row)
        row.label, row.schedule_type = line.label[:200], str(line.schedule_type)
        pin = Secret(line.pin) if line.pin else None
        if row.pin != pin:
            row.pin = pin
        row.last_seen_at = now
