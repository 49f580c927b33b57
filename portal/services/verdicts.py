"""The one writer of a booking's stored verdict."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, bindparam, or_, select
from sqlalchemy.orm import Session, joinedload, load_only

from portal.domain import spare
from portal.domain.entry import EntryState
from portal.domain.status import Status
from portal.domain.stay import Window
from portal.domain.verdict import BookingFacts, DoorFacts, Judgement, judge
from portal.models import Booking, BookingStatus, Connection, DoorCode, Lock, LockEntry
from portal.services import endpoint_events
from portal.services.snapshots import LockRows

# Built once, because they run with every step on every lock.
_BOOKINGS: Final = select(Booking).where(Booking.id.in_(bindparam("ids", expanding=True)))
_CODES: Final = (
    select(DoorCode)
    .where(
        or_(
            DoorCode.booking_id.in_(bindparam("ids", expanding=True)),
            DoorCode.given_to_id.in_(bindparam("ids", expanding=True)),
        )
    )
    .order_by(DoorCode.id)
)
_WITH_LOCKS: Final = _CODES.options(joinedload(DoorCode.lock).joinedload(Lock.connection))
# No more of an entry than is judged by.
_OF_ENTRY: Final = load_only(
    LockEntry.account_id,
    LockEntry.door_code_id,
    LockEntry.state,
    LockEntry.pin,
    LockEntry.starts_at,
    LockEntry.ends_at,
    LockEntry.doubt_starts_at,
    LockEntry.doubt_ends_at,
    LockEntry.may_start_at,
    LockEntry.may_end_at,
    LockEntry.absent_reads,
)
_HELD: Final = (
    select(LockEntry)
    .where(
        LockEntry.door_code_id.in_(bindparam("ids", expanding=True)),
        LockEntry.state == EntryState.HELD,
    )
    .options(_OF_ENTRY)
)
# Asked with every step on a lock that shares its guests with another: each code with the entries
# of it that are held, and no more of either than is judged by.
_OTHER_DOORS: Final = (
    _CODES.add_columns(LockEntry)
    .outerjoin(
        LockEntry,
        and_(LockEntry.door_code_id == DoorCode.id, LockEntry.state == EntryState.HELD),
    )
    .where(DoorCode.lock_id != bindparam("lock_id"))
    .options(
        load_only(
            DoorCode.account_id,
            DoorCode.booking_id,
            DoorCode.given_to_id,
            DoorCode.given_at,
            DoorCode.is_spare,
            DoorCode.lock_id,
            DoorCode.is_wanted,
            DoorCode.is_stuck,
            DoorCode.ends_at,
            DoorCode.own_pin,
            DoorCode.status,
            DoorCode.status_at,
            DoorCode.due_at,
            DoorCode.problem,
            DoorCode.proven_at,
        ),
        joinedload(DoorCode.lock).options(
            load_only(
                Lock.account_id,
                Lock.connection_id,
                Lock.is_online,
                Lock.missing_checks,
                Lock.battery_state,
            ),
            joinedload(Lock.connection).load_only(Connection.account_id, Connection.state),
        ),
        _OF_ENTRY,
    )
)


def refresh(session: Session, booking_ids: Collection[int], now: datetime) -> None:
    """The stored verdicts of these bookings say again what their doors say now."""
    if not booking_ids:
        return
    session.flush()
    ids = {"ids": sorted(booking_ids)}
    bookings = session.scalars(_BOOKINGS, ids).all()
    codes = _by_stay(session.scalars(_WITH_LOCKS, ids))
    held = _held_entries(session, [code.id for each in codes.values() for code in each])
    for booking in bookings:
        _store(session, booking, judge(_facts_of(booking, codes.get(booking.id, []), held), now))


def doors_without_code(session: Session, booking: Booking) -> list[DoorCode]:
    """The booking's doors that its own PIN is not known to open for the stay."""
    codes = _by_stay(session.scalars(_WITH_LOCKS, {"ids": [booking.id]})).get(booking.id, [])
    held = _held_entries(session, [code.id for code in codes])
    facts = _facts_of(booking, codes, held)
    lacking = {door.door_code_id for door in facts.doors if door.lacks_code}
    return [code for code in codes if code.id in lacking]


def refresh_on(session: Session, rows: LockRows, now: datetime) -> None:
    """The stored verdicts of the bookings behind one lock, whose rows are at hand already."""
    stays = {stay.id: stay for code in rows.codes.values() if (stay := code.stay) is not None}
    elsewhere = {code.stay_id for code_id, code in rows.codes.items() if code_id in rows.elsewhere}
    with session.no_autoflush:  # what changed here is at hand, and of this lock alone
        others, held = _other_doors(session, rows.lock.id, elsewhere)
    doors = _by_stay([*rows.codes.values(), *others])
    for entry in rows.entries.values():
        if entry.state is EntryState.HELD:
            held.setdefault(entry.door_code_id, []).append(entry)
    for stay_id, booking in stays.items():
        _store(session, booking, judge(_facts_of(booking, doors[stay_id], held), now))


def _other_doors(
    session: Session, lock_id: int, stay_ids: Collection[int | None]
) -> tuple[Collection[DoorCode], dict[int, list[LockEntry]]]:
    """The codes on other locks of these stays, and by code what is held of them.

    Most stays have one door, and nothing is asked.
    """
    if not stay_ids:
        return (), {}
    found = session.execute(_OTHER_DOORS, {"ids": list(stay_ids), "lock_id": lock_id}).all()
    codes = {code.id: code for code, _ in found}
    return codes.values(), _by_code(entry for _, entry in found if entry is not None)


def _by_stay(codes: Iterable[DoorCode]) -> dict[int, list[DoorCode]]:
    """The codes of each booking: its own, and spares it was given."""
    found: dict[int, list[DoorCode]] = {}
    for code in codes:
        if code.stay_id is not None:
            found.setdefault(code.stay_id, []).append(code)
    return found


def _store(session: Session, booking: Booking, judgement: Judgement) -> None:
    if booking.verdict is not judgement.verdict:
        endpoint_events.verdict_changed(
            session,
            booking,
            str(booking.verdict),
            str(judgement.verdict),
            str(judgement.problem) if judgement.problem else None,
        )
        booking.verdict = judgement.verdict
    if booking.problem is not judgement.problem:
        booking.problem = judgement.problem
    if booking.verdict_due_at != judgement.changes_at:
        booking.verdict_due_at = judgement.changes_at


def judge_all(session: Session, bookings: Sequence[Booking], now: datetime) -> dict[int, Judgement]:
    """The judgement of each booking by its id, for pages; the bookings bring doors and locks."""
    return {id_: judge(facts, now) for id_, facts in facts_of_all(session, bookings).items()}


def facts_of_all(session: Session, bookings: Sequence[Booking]) -> dict[int, BookingFacts]:
    """The bookings as the verdict sees them, by their id; they bring doors and locks."""
    codes = {b.id: [*b.door_codes, *b.spares] for b in bookings}
    held = _held_entries(session, [code.id for each in codes.values() for code in each])
    return {b.id: _facts_of(b, codes[b.id], held) for b in bookings}


def facts_of(session: Session, booking: Booking) -> BookingFacts:
    """One booking as the verdict sees it."""
    return facts_of_all(session, [booking])[booking.id]


def _facts_of(
    booking: Booking, codes: Sequence[DoorCode], held: dict[int, list[LockEntry]]
) -> BookingFacts:
    """The booking as the verdict sees it; `held` are the held entries by door code."""
    own = [code for code in codes if not code.is_spare]
    spares = [code for code in codes if code.is_spare]
    spared = {code.lock_id for code in spares if _opens(booking, code, held.get(code.id, []))}
    ends = [code.ends_at for code in own if code.is_wanted]
    return BookingFacts(
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        window_ends_at=max(ends, default=booking.ends_at),
        is_cancelled=booking.status is BookingStatus.CANCELLED,
        doors=[
            _door(booking, code, held.get(code.id, []), has_spare=code.lock_id in spared)
            for code in own
        ],
        spares=[_door(booking, code, held.get(code.id, [])) for code in spares],
    )


def _opens(booking: Booking, code: DoorCode, held: Sequence[LockEntry]) -> bool:
    """Whether a spare that was given opens its door for the rest of the stay."""
    is_trusted = code.is_wanted and not code.is_stuck
    return is_trusted and any(
        entry.pin == code.pin
        and entry.absent_reads == 0
        and spare.covers(booking.starts_at, booking.ends_at, entry.at_least, code.given_at)
        for entry in held
    )


def _door(
    booking: Booking, code: DoorCode, held: Sequence[LockEntry], *, has_spare: bool = False
) -> DoorFacts:
    pin, stay = code.pin, Window(booking.starts_at, booking.ends_at)
    covering = [e for e in held if e.pin == pin and e.at_least.covers(stay)]
    return DoorFacts(
        door_code_id=code.id,
        status=code.status,
        problem=code.lock.connection.state.problem or code.problem,
        is_wanted=code.is_wanted,
        is_covered=bool(covering) and code.status is not Status.NEEDS_YOU,
        is_offline=code.lock.is_online is False,
        is_lock_missing=code.lock.is_missing,
        is_battery_critical=code.lock.is_battery_critical,
        is_missing_once=any(e.absent_reads > 0 for e in covering),
        is_proven=code.proven_at is not None,
        has_spare=has_spare,
        due_at=code.due_at,
        since=code.status_at,
    )


def _held_entries(session: Session, code_ids: Sequence[int]) -> dict[int, list[LockEntry]]:
    return _by_code(session.scalars(_HELD, {"ids": code_ids})) if code_ids else {}


def _by_code(entries: Iterable[LockEntry]) -> dict[int, list[LockEntry]]:
    found: dict[int, list[LockEntry]] = {}
    for entry in entries:
        found.setdefault(entry.door_code_id, []).append(entry)
    return found
