"""One lock's rows, loaded in a few queries, and the frozen snapshot made of them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import current_app
from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, union_all
from sqlalchemy.orm import Session, aliased, load_only
from sqlalchemy.orm.attributes import set_committed_value

from portal.domain import retry
from portal.domain.command import OPEN, Lane
from portal.domain.entry import EntryState, may_be_on_lock
from portal.domain.rebuild import RUNNING, RebuildFacts
from portal.domain.snapshot import (
    CodeFacts,
    CommandFacts,
    EntryFacts,
    ForeignFacts,
    LockFacts,
    Pace,
    Snapshot,
)
from portal.domain.status import Status
from portal.models import (
    Booking,
    BookingStatus,
    Command,
    Connection,
    ConnectionState,
    DoorCode,
    ForeignCode,
    Lock,
    LockEntry,
    Mapping,
    Property,
    Rebuild,
    StaffCode,
)
from portal.models.base import one_of

# Entries proven gone are still recognised in a list for this long after their window.
REMEMBER_GONE: Final = timedelta(days=3)
# Codes that are planned for later than this are left where they are.
LOOK_AHEAD: Final = timedelta(days=1)
_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


@dataclass
class LockRows:
    """The rows behind a snapshot, so that an outcome can be written back."""

    lock: Lock
    codes: dict[int, DoorCode]
    entries: dict[int, LockEntry]
    command: Command | None
    foreign: Sequence[ForeignCode]
    rebuild: Rebuild | None = None  # the one that runs
    kept: set[int] = field(default_factory=set)  # codes kept until the new door is confirmed
    elsewhere: set[int] = field(default_factory=set)  # codes whose stay has other doors too
    spares: int = 0  # how many the lock should have in stock
    next_send_at: datetime | None = None  # the earliest of the codes that are left out

    def snapshot(self) -> Snapshot:
        """The facts as the rows stand now (call again after changing them)."""
        return Snapshot(
            lock=_lock_facts(self),
            pace=pace(),
            codes=self.code_facts(),
            entries=self.entry_facts(),
            command=_command_facts(self.command),
            foreign=tuple(ForeignFacts(label=f.label, pin=f.pin) for f in self.foreign),
        )

    def code_facts(self) -> tuple[CodeFacts, ...]:
        return tuple(code_facts(code, is_kept=code.id in self.kept) for code in self.codes.values())

    def entry_facts(self) -> tuple[EntryFacts, ...]:
        return tuple(entry_facts(entry) for entry in self.entries.values())


@dataclass(frozen=True)
class Lesson:
    """What a read taught, to be written down in the transaction that decides on it.

    `write` is called with `at`, and True where the rows have to be loaded anew because there are
    others now. Without an answer the lesson is that there was none.
    """

    at: datetime
    write: Callable[[Session, LockRows, datetime], bool]
    is_answer: bool = True


def pace() -> Pace:
    """The engine's delays as this installation sets them."""
    timing = current_app.extensions["settings"].timing
    return Pace(
        look_up_after=timing.look_up_after,
        verify_after=timing.verify_after,
        retry_after=timing.retry_after,
    )


# What the engine looks at with every step; the rest is loaded where something asks for it.
OF_CONNECTION: Final = (
    Connection.account_id,
    Connection.state,
    Connection.access_token,
    Connection.expires_at,
    Connection.outage_since,
    Connection.probe_at,
    Connection.log_tells_at,
)
OF_BOOKING: Final = (
    Booking.account_id,
    Booking.status,
    Booking.starts_at,
    Booking.ends_at,
    Booking.pin,
    Booking.pin_shown_at,
    Booking.verdict,
    Booking.problem,
    Booking.verdict_due_at,
)
# Built once, because they run with every step on every lock.
_OTHER: Final = aliased(DoorCode)
_STAY_ID: Final = func.coalesce(DoorCode.booking_id, DoorCode.given_to_id)
_HAS_OTHER_DOORS: Final = exists().where(
    or_(_OTHER.booking_id == _STAY_ID, _OTHER.given_to_id == _STAY_ID),
    _OTHER.lock_id != bindparam("lock_id"),
)
# Said as in the indexes that leave out the rest, for the database to know them by.
_IS_NOT_OVER: Final = ~one_of(DoorCode.status, [Status.REMOVED])
_IS_NOT_GONE: Final = ~one_of(LockEntry.state, [EntryState.GONE])
_ENDED_LATELY: Final = LockEntry.ends_at > bindparam("remembered")
# A planned code waits for its time, and most of a busy lock's codes do. Where it says so already,
# there is nothing to decide or to restate before that.
_IS_TO_BE_LOOKED_AT: Final = or_(
    ~one_of(DoorCode.status, [Status.PLANNED, Status.REMOVED]),
    and_(
        DoorCode.status == Status.PLANNED,
        or_(
            DoorCode.send_at <= bindparam("look_ahead"),
            DoorCode.is_wanted.is_(False),
            DoorCode.due_at.is_(None),
            DoorCode.due_at != DoorCode.send_at,
            DoorCode.resync_at.is_not(None),
        ),
    ),
)
# With an entry that is remembered a code is looked at though it may be removed. Each part has its
# index: what a lock had in all its years is not gone through with every step.
_OF_LOCK: Final = (
    select(LockEntry.door_code_id).where(LockEntry.lock_id == bindparam("lock_id")).correlate(None)
)
_LOOKED_AT: Final = union_all(
    select(DoorCode.id)
    .where(
        DoorCode.lock_id == bindparam("lock_id"),
        _IS_NOT_OVER,
        _IS_TO_BE_LOOKED_AT,
    )
    .correlate(None),
    _OF_LOCK.where(_IS_NOT_GONE),
    _OF_LOCK.where(_ENDED_LATELY),
)
# Each code with its entries that are remembered, of which there may be several or none. Rows
# beside each other, tied by hand: to load them as relationships takes longer.
_CODES: Final = (
    select(DoorCode, LockEntry, Booking, _HAS_OTHER_DOORS)
    .select_from(DoorCode)
    .outerjoin(
        LockEntry,
        and_(LockEntry.door_code_id == DoorCode.id, or_(_IS_NOT_GONE, _ENDED_LATELY)),
    )
    .outerjoin(Booking, Booking.id == DoorCode.booking_id)
    .where(DoorCode.id.in_(_LOOKED_AT))
    .order_by(DoorCode.id, LockEntry.id)
    .options(load_only(*OF_BOOKING))
)
# The rarer ones cost a query only where a lock has one of them.
_GIVEN_TO: Final = select(Booking).where(Booking.id.in_(bindparam("ids", expanding=True)))
_STAFF: Final = select(StaffCode).where(StaffCode.id.in_(bindparam("ids", expanding=True)))
_COMMAND: Final = select(Command).where(
    Command.lock_id == bindparam("lock_id"), Command.lane == Lane.CODES, one_of(Command.state, OPEN)
)
_FOREIGN: Final = select(ForeignCode).where(ForeignCode.lock_id == bindparam("lock_id"))
_REBUILD: Final = select(Rebuild).where(
    Rebuild.lock_id == bindparam("lock_id"), one_of(Rebuild.stage, RUNNING)
)
# A lock of several properties keeps as many as the one that wants most.
_SPARES: Final = (
    select(func.coalesce(func.max(Property.spare_codes), 0))
    .join(Mapping, Mapping.property_id == Property.id)
    .where(Mapping.lock_id == bindparam("lock_id"))
    .scalar_subquery()
)
_NEXT_SEND: Final = (
    select(func.min(DoorCode.send_at))
    .where(
        DoorCode.lock_id == bindparam("lock_id"),
        _IS_NOT_OVER,
        DoorCode.status == Status.PLANNED,
        DoorCode.send_at > bindparam("look_ahead"),
    )
    .scalar_subquery()
)
# Most of the time a lock has none of these: one question with the lock instead of three more.
_LOCK: Final = (
    select(
        Lock,
        Connection,
        _COMMAND.exists(),
        _FOREIGN.exists(),
        _REBUILD.exists(),
        _SPARES,
        _NEXT_SEND,
    )
    .join(Connection, Connection.id == Lock.connection_id)
    .where(Lock.id == bindparam("lock_id"))
    .options(load_only(*OF_CONNECTION))
)
_NEW_DOORS: Final = select(DoorCode.booking_id, DoorCode.status).where(
    DoorCode.booking_id.in_(bindparam("booking_ids", expanding=True)),
    DoorCode.is_wanted.is_(True),
)


def load(session: Session, lock_id: int, now: datetime) -> LockRows:
    """The lock with everything that is neither over nor far ahead: two queries or a few more."""
    this = {
        "lock_id": lock_id,
        "remembered": now - REMEMBER_GONE,
        "look_ahead": now + LOOK_AHEAD,
    }
    lock, connection, has_command, has_foreign, has_rebuild, spares, next_send_at = session.execute(
        _LOCK, this
    ).one()
    set_committed_value(lock, "connection", connection)
    if connection.state is not ConnectionState.CONNECTED:
        # Nothing waits for its time any more: all of it waits for a person.
        this["look_ahead"] = _END_OF_TIME
    found = session.execute(_CODES, this).all()
    looked_at = {code.id: code for code, _, _, _ in found}
    entries = {entry.id: entry for _, entry, _, _ in found if entry is not None}
    stays: dict[int | None, Booking] = {s.id: s for _, _, s, _ in found if s is not None}
    _tie(session, looked_at, entries.values(), stays)
    on_lock = {e.door_code_id for e in entries.values() if may_be_on_lock(e.state, e.evidence)}
    codes = {
        id_: code
        for id_, code in looked_at.items()
        if code.status is not Status.REMOVED or id_ in on_lock
    }
    rows = LockRows(
        lock=lock,
        codes=codes,
        entries=dict(sorted(entries.items())),
        command=session.scalars(_COMMAND, this).one() if has_command else None,
        foreign=session.scalars(_FOREIGN, this).all() if has_foreign else (),
        elsewhere={code.id for code, _, _, has_others in found if has_others and code.id in codes},
        spares=spares,
        next_send_at=next_send_at,
    )
    rows.rebuild = session.scalars(_REBUILD, this).one() if has_rebuild else None
    rows.kept = _kept_until_replaced(session, codes.values(), now)
    return rows


def _tie(
    session: Session,
    codes: dict[int, DoorCode],
    entries: Iterable[LockEntry],
    stays: dict[int | None, Booking],
) -> None:
    """Every code knows its holder and every entry its code: none of them asks for its own."""
    given_to = {code.given_to_id for code in codes.values() if code.given_to_id is not None}
    staff = {code.staff_code_id for code in codes.values() if code.staff_code_id is not None}
    guest_of = _by_id(session, _GIVEN_TO, given_to)
    staff_of = _by_id(session, _STAFF, staff)
    for code in codes.values():
        set_committed_value(code, "booking", stays.get(code.booking_id))
        set_committed_value(code, "given_to", guest_of.get(code.given_to_id))
        set_committed_value(code, "staff_code", staff_of.get(code.staff_code_id))
    for entry in entries:
        set_committed_value(entry, "door_code", codes[entry.door_code_id])


def _by_id(session: Session, rows: Select[Any], ids: Collection[int]) -> dict[int | None, Any]:
    if not ids:
        return {}
    return {row.id: row for row in session.scalars(rows, {"ids": sorted(ids)})}


def _kept_until_replaced(session: Session, codes: Collection[DoorCode], now: datetime) -> set[int]:
    """Codes no longer wanted here whose guest has no confirmed code on the new door yet.

    A guest who is inside keeps the old door as well while the stay has no door at all.
    """
    leaving = [
        code
        for code in codes
        if not code.is_wanted
        and code.stay is not None
        and code.stay.status is BookingStatus.CONFIRMED
        and now < code.ends_at
    ]
    if not leaving:
        return set()
    doors = session.execute(_NEW_DOORS, {"booking_ids": [code.stay_id for code in leaving]}).all()
    housed = {booking_id for booking_id, _ in doors}
    waiting = {booking_id for booking_id, status in doors if status is not Status.CONFIRMED}
    inside = {code.stay_id for code in leaving if code.stay and code.stay.starts_at <= now}
    return {code.id for code in leaving if code.stay_id in waiting | (inside - housed)}


def _lock_facts(rows: LockRows) -> LockFacts:
    lock, connection = rows.lock, rows.lock.connection
    return LockFacts(
        id=lock.id,
        can_call=connection.state is ConnectionState.CONNECTED,
        call_after=connection.probe_at,
        rebuild=_rebuild_facts(rows.rebuild),
        code_length=lock.code_length,
        has_vlac=lock.has_vlac,
        breaker_until=lock.breaker_until,
        is_slowed=lock.failures >= retry.BREAKER_AFTER,
        is_offline=lock.is_online is False,
        is_missing=lock.is_missing,
        asked_at=lock.seen_at,
        read_at=lock.read_at,
        read_after=lock.read_after,
        read_wanted_at=lock.read_wanted_at,
        unknown_at=lock.unknown_at,
        log_read_at=lock.log_read_at,
        log_read_after=lock.log_read_after,
        log_tells_at=connection.log_tells_at,
        foreign_count=len(rows.foreign),
        spares=rows.spares,
        next_send_at=rows.next_send_at,
    )


def _rebuild_facts(rebuild: Rebuild | None) -> RebuildFacts | None:
    if rebuild is None:
        return None
    return RebuildFacts(stage=rebuild.stage, until=rebuild.until, gate=rebuild.gate)


def code_facts(code: DoorCode, *, is_kept: bool = False) -> CodeFacts:
    """The door code, frozen; `is_kept`: until the new door of its stay is confirmed."""
    stay, staff = code.stay, code.staff_code
    return CodeFacts(
        id=code.id,
        kind=code.kind,
        is_wanted=code.is_wanted,
        revision=code.revision,
        pin=code.pin,
        starts_at=code.starts_at,
        ends_at=code.ends_at,
        arrives_at=stay.starts_at if stay else code.starts_at,
        departs_at=stay.ends_at if stay else code.ends_at,
        send_at=code.send_at,
        retry_at=code.retry_at,
        failures=code.failures,
        problem=code.problem,
        problem_at=code.problem_at,
        is_stuck=code.is_stuck,
        ladder=code.ladder,
        is_pin_shown=_is_pin_shown(code),
        reaffirm_after=code.reaffirm_after,
        resync_at=code.resync_at,
        is_kept_until_replaced=is_kept,
        is_given=code.given_to_id is not None,
        windows=staff.windows if staff else (),
    )


def _is_pin_shown(code: DoorCode) -> bool:
    """Whether somebody may know the digits, so that only a person changes them."""
    if code.is_spare:
        return code.given_at is not None
    holder = code.booking or code.staff_code
    return holder is not None and holder.pin_shown_at is not None


def entry_facts(entry: LockEntry) -> EntryFacts:
    """The entry, frozen."""
    code = entry.door_code
    staff = code.staff_code
    return EntryFacts(
        id=entry.id,
        code_id=entry.door_code_id,
        label=entry.label,
        pin=entry.pin,
        starts_at=entry.starts_at,
        ends_at=entry.ends_at,
        revision=entry.revision,
        doubt=entry.doubt,
        unanswered_at=entry.unanswered_at,
        access_code_id=entry.access_code_id,
        state=entry.state,
        evidence=entry.evidence,
        evidence_at=entry.evidence_at,
        is_retired=entry.is_retired,
        is_ghost=entry.is_ghost,
        seen_at=entry.seen_at,
        absent_reads=entry.absent_reads,
        absent_at=entry.absent_at,
        is_witnessed=entry.is_witnessed,
        ends_by_itself=staff is None or (staff.ends_by_itself and _has_its_hours_only(entry)),
    )


def _has_its_hours_only(entry: LockEntry) -> bool:
    """Of hours that were wanted before nobody knows here whether they had an end."""
    return entry.revision == entry.door_code.revision and entry.doubt is None


def _command_facts(command: Command | None) -> CommandFacts | None:
    if command is None:
        return None
    return CommandFacts(
        id=command.id,
        kind=command.kind,
        state=command.state,
        entry_id=command.lock_entry_id,
        look_at=command.look_at,
    )
