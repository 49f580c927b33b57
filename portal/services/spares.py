"""Spare codes: kept in stock on each lock, handed out when a guest's own code is late.

`domain.spare` and the engine say how many there should be and when; here the rows follow.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session, joinedload

from portal.domain import engine, spare
from portal.domain.entry import EntryState
from portal.domain.status import Status
from portal.models import Booking, BookingStatus, DoorCode, LockEntry
from portal.services import door_codes, pins, timeline, verdicts
from portal.services.snapshots import LockRows

_TOO_SOON: Final = (
    "A spare code is given from two hours before check-in until check-out, while the guest's own "
    "code is not confirmed."
)
_NONE_THERE: Final = (
    "No lock that lacks the guest's code has a confirmed spare. Use the other way in."
)


class NoSpare(Exception):
    """No spare can be given now; `words` say why and what would do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def tend(session: Session, rows: LockRows, action: engine.OfStock, now: datetime) -> None:
    """The stock of one lock as the engine wants it: one more, one less, or one that lasts on."""
    if isinstance(action, engine.MakeSpare):
        _make(session, rows, now)
        return
    code = rows.codes[action.code_id]
    if isinstance(action, engine.RenewSpare):
        code.ends_at = spare.window_from(now).ends_at
        door_codes.start_afresh(session, code, now)
        return
    door_codes.take_off(session, code, now)
    timeline.record(session, timeline.Kind.SPARE_DROPPED, "engine", **timeline.about(code))


def hand_out(
    session: Session,
    booking: Booking,
    actor: str,
    now: datetime,
    *,
    although_confirmed: bool = False,
) -> tuple[DoorCode, ...]:
    """The spares that open this booking's doors in place of codes that are not confirmed.

    Each door gives one, once: asked again the answer is the same. It works at once; its window
    becomes the stay's, and the lock keeps it meanwhile. With `although_confirmed` every door gives
    one: somebody stands there, and it does not open whatever it said. Raises NoSpare.
    """
    given = {code.lock_id: code for code in given_to(session, booking)}
    is_standing = booking.status is BookingStatus.CONFIRMED
    if not is_standing or not spare.may_be_given(booking.starts_at, booking.ends_at, now):
        raise NoSpare(_TOO_SOON)
    doors = (
        [code for code in booking.door_codes if code.is_wanted]
        if although_confirmed
        else verdicts.doors_without_code(session, booking)
    )
    lacking = [code for code in doors if code.lock_id not in given]
    stock = ready_on(session, [code.lock_id for code in lacking], now)
    fresh = []
    for door in lacking:
        for code in stock.get(door.lock_id, ()):
            if _claim(session, code, booking, now):
                timeline.record(session, timeline.Kind.SPARE_GIVEN, actor, **timeline.about(code))
                fresh.append(code)
                break
    if fresh:
        door_codes.follow(session, booking)
    if not given and not fresh:
        raise NoSpare(_NONE_THERE)
    return (*given.values(), *fresh)


def given_to(session: Session, booking: Booking) -> Sequence[DoorCode]:
    """The spares that this booking's guest has and may use."""
    return session.scalars(
        select(DoorCode)
        .where(DoorCode.given_to_id == booking.id, DoorCode.is_wanted.is_(True))
        .options(joinedload(DoorCode.lock))
        .order_by(DoorCode.id)
    ).all()


def ready_on(
    session: Session, lock_ids: Collection[int], now: datetime
) -> dict[int, list[DoorCode]]:
    """The spares in stock, by lock, that open the door by all that is known of it."""
    ready: dict[int, list[DoorCode]] = {}
    if not lock_ids:
        return ready
    codes = session.scalars(
        select(DoorCode)
        .join(LockEntry, LockEntry.door_code_id == DoorCode.id)
        .where(
            DoorCode.lock_id.in_(lock_ids),
            DoorCode.is_spare.is_(True),
            DoorCode.given_to_id.is_(None),
            DoorCode.is_wanted.is_(True),
            DoorCode.is_stuck.is_(False),
            LockEntry.doubt_ends_at.is_(None),
            LockEntry.state == EntryState.HELD,
            LockEntry.is_retired.is_(False),
            LockEntry.revision == DoorCode.revision,
            LockEntry.absent_reads == 0,
            LockEntry.starts_at <= now,
            LockEntry.ends_at > now + spare.WORTH_GIVING,
        )
        .order_by(DoorCode.id)
    )
    for code in codes:
        ready.setdefault(code.lock_id, []).append(code)
    return ready


def _claim(session: Session, code: DoorCode, booking: Booking, now: datetime) -> bool:
    """The spare is this booking's; False where another was quicker."""
    claimed = session.execute(
        update(DoorCode)
        .where(
            DoorCode.id == code.id,
            DoorCode.given_to_id.is_(None),
            DoorCode.is_wanted.is_(True),
        )
        .values(given_to_id=booking.id, given_at=now)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(claimed, CursorResult)
    session.refresh(code)
    return bool(claimed.rowcount)


def _make(session: Session, rows: LockRows, now: datetime) -> None:
    """One more spare, with digits of its own that nobody has seen."""
    window = spare.window_from(now)
    code = DoorCode(
        account_id=rows.lock.account_id,
        lock_id=rows.lock.id,
        is_spare=True,
        own_pin=pins.random_for(session, [rows.lock]),
        starts_at=window.starts_at,
        ends_at=window.ends_at,
        send_at=now,
        status=Status.QUEUED,
        status_at=now,
        created_at=now,
    )
    session.add(code)
    session.flush()
    timeline.record(session, timeline.Kind.SPARE_MADE, "engine", **timeline.about(code))
