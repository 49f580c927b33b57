"""Choosing PINs: each checked on all its locks before it is fixed."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.domain import pin as digits_of
from portal.domain.entry import EntryState, Evidence
from portal.domain.pin import LengthRule
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.models import (
    Booking,
    BookingStatus,
    DoorCode,
    ForeignCode,
    Lock,
    LockEntry,
    PinOrigin,
    PinSource,
    StaffCode,
)
from portal.services import ringing, standings, timeline

_WRONG_LENGTH: Final = Sentence("{lock} takes PINs of {wanted} digits; this one has {length}.")


def fault_of(pin: str, locks: Sequence[Lock]) -> str | None:
    """Why these digits cannot be a PIN on these locks, in words with the remedy; None: they can."""
    if not digits_of.is_well_formed(pin):
        return "A PIN is 4 to 8 digits and nothing else."
    if digits_of.is_trivial(pin):
        return "This PIN is too easy to guess. Choose other digits."
    for lock in locks:
        if not _rule(lock).allows(pin):
            return _WRONG_LENGTH(lock=lock.name, wanted=lock.code_length, length=len(pin))
    return None


def settle(session: Session, booking: Booking, locks: Sequence[Lock]) -> bool:
    """Gives the booking a PIN if it has none yet; True where its doors' PINs changed.

    The guest's own digits come first where the property wants that; where they clash or are too
    easy a random PIN is taken and the booking says so. Where the locks' rules allow no common
    length, each such door gets a PIN of its own.
    """
    if not locks or booking.status is not BookingStatus.CONFIRMED:
        return False
    if booking.pin is not None:
        return _split(session, booking, locks)
    return choose(session, booking, locks)


def choose(session: Session, booking: Booking, locks: Sequence[Lock]) -> bool:
    """A PIN for the booking that it did not have before, and so on each door with its own."""
    old = _give_up_own(_codes(session, booking))
    _choose(session, booking, locks, old)
    return True


def _choose(
    session: Session, booking: Booking, locks: Sequence[Lock], but: Collection[str] = ()
) -> None:
    """Another PIN for the booking; doors whose own one still fits keep it. None is one of `but`."""
    taken = taken_on(session, [lock.id for lock in locks], but_booking=booking.id) | set(but)
    if booking.pin is not None:
        taken = taken | {booking.pin.reveal()}
    length = _length_for(locks, booking.pin)
    pin, origin, note = None, PinOrigin.RANDOM, ""
    if booking.property.pin_source is PinSource.PHONE and booking.pin is None:
        pin = digits_of.from_phone(booking.guest_phone, length)
        if pin is None:
            note = "The guest's phone number gives no safe PIN, so a random one was chosen."
        elif any(digits_of.clashes(pin, other) for other in taken):
            pin = None
            note = "The guest's last digits are taken on this lock, so a random PIN was chosen."
        else:
            origin = PinOrigin.PHONE
    booking.pin = Secret(pin or digits_of.choose(length, taken))
    booking.pin_origin, booking.pin_note = origin, note
    booking.pin_shown_at = None
    _settled(session, booking, locks, but)


def follow_phone(session: Session, booking: Booking, locks: Sequence[Lock], now: datetime) -> bool:
    """Takes the guest's digits where they became known late; True where the PIN changed.

    Only where the property wants them, the PIN so far is a random one that nobody was shown, and
    the stay has not begun. Digits that clash or are too easy leave the PIN as it is.
    """
    if (
        booking.property.pin_source is not PinSource.PHONE
        or booking.pin is None
        or booking.pin_origin is not PinOrigin.RANDOM
        or booking.pin_shown_at is not None
        or booking.starts_at <= now
    ):
        return False
    length = digits_of.common_length(_rules(locks)) or digits_of.DEFAULT_LENGTH
    pin = digits_of.from_phone(booking.guest_phone, length)
    taken = taken_on(session, [lock.id for lock in locks], but_booking=booking.id)
    if pin is None or any(digits_of.clashes(pin, other) for other in taken):
        return False
    booking.pin, booking.pin_origin, booking.pin_note = Secret(pin), PinOrigin.PHONE, ""
    _settled(session, booking, locks)
    return True


def _settled(
    session: Session, booking: Booking, locks: Sequence[Lock], but: Collection[str] = ()
) -> None:
    """The PIN that was just chosen is in the history and on the doors that can take it."""
    timeline.record(
        session,
        timeline.Kind.PIN_CHOSEN,
        "engine",
        account_id=booking.account_id,
        booking_id=booking.id,
        origin=str(booking.pin_origin),
        note=booking.pin_note,
    )
    _split(session, booking, locks, but)


def may_choose_anew(session: Session, code: DoorCode, problem: ProblemKey) -> bool:
    """Whether a PIN that cannot be used may simply be replaced: nobody was shown it or chose it.

    Only by one that can be: a person has one PIN on all doors, and they may agree on no length.
    """
    if problem not in {ProblemKey.PIN_CLASH, ProblemKey.WRONG_LENGTH}:
        return False
    if code.staff_code is not None:
        if problem is ProblemKey.WRONG_LENGTH:
            locks = [each.lock for each in codes_of_staff(session, code.staff_code)]
            if not agree_on_length(locks):
                return False
        return code.staff_code.pin_shown_at is None and not code.staff_code.is_pin_given
    if code.booking is not None:
        is_given = code.booking.pin_origin is PinOrigin.GIVEN
        return code.booking.pin_shown_at is None and not is_given
    return code.given_at is None


def choose_anew(session: Session, code: DoorCode, now: datetime) -> None:
    """Another PIN on this door and every other that has the same."""
    if code.booking is not None:
        codes = _stay_anew(session, code, code.booking)
    elif code.staff_code is not None:
        codes = codes_of_staff(session, code.staff_code)
        locks = [each.lock for each in codes]
        code.staff_code.pin = random_for(session, locks, code.staff_code.pin)
        code.staff_code.revision += 1
        _revise(codes, code.staff_code.revision)
    else:
        codes = [code]
        code.own_pin = random_for(session, [code.lock])
        code.revision += 1
    for each in codes:
        each.retry_at = None
        _judge_length_anew(each)
    # The other doors hold the PIN of a moment ago: they are not green until they have this one.
    standings.restate(session, codes, now)
    ringing.mark(session, [each.lock_id for each in codes])


def _stay_anew(session: Session, code: DoorCode, booking: Booking) -> Sequence[DoorCode]:
    """Other digits on this door of the stay; every door of it that is to get others.

    Where the digits are this door's own, or cannot be common to all doors, the others keep theirs.
    """
    codes = _codes(session, booking)
    before = {each.id: each.pin for each in codes}
    locks = [each.lock for each in codes]
    old = _give_up_own([code])
    is_this_door = bool(old) or (not agree_on_length(locks) and not _fits(booking.pin, code.lock))
    if booking.pin is not None and is_this_door:
        # The stay's revision stays: the other doors have what is wanted of them, but for those
        # that had digits of their own while the locks agreed on no length.
        _split(session, booking, locks, old)
        return [each for each in codes if each.pin != before[each.id]]
    _choose(session, booking, locks)
    booking.revision += 1
    _revise(codes, booking.revision)
    return codes


def _revise(codes: Sequence[DoorCode], revision: int) -> None:
    for each in codes:
        each.revision = revision


def set_rule(session: Session, lock: Lock, rule: LengthRule) -> None:
    """The lock takes PINs by this rule; codes that stand there as of the wrong length are freed.

    Those that it fits are sent; another PIN is chosen for the others, or a person is asked once.
    """
    if rule == _rule(lock):
        return
    lock.code_length, lock.has_vlac = rule.code_length, rule.has_vlac
    for code in session.scalars(
        select(DoorCode).where(
            DoorCode.lock_id == lock.id, DoorCode.problem == ProblemKey.WRONG_LENGTH
        )
    ):
        _judge_length_anew(code)


def _judge_length_anew(code: DoorCode) -> None:
    """That the PIN had the wrong length says nothing any more."""
    if code.problem is not ProblemKey.WRONG_LENGTH:
        return
    code.is_stuck, code.failures, code.retry_at = False, 0, None
    code.problem, code.problem_text, code.problem_at = None, "", None


def random_for(session: Session, locks: Sequence[Lock], instead_of: Secret | None = None) -> Secret:
    """Random digits that all these locks take and that clash with nothing on any of them."""
    length = _length_for(locks, instead_of)
    return Secret(digits_of.choose(length, taken_on(session, [lock.id for lock in locks])))


def agree_on_length(locks: Sequence[Lock]) -> bool:
    """Whether one PIN can have the length that each of these locks takes."""
    return digits_of.common_length(_rules(locks)) is not None


def codes_of_staff(session: Session, staff: StaffCode) -> Sequence[DoorCode]:
    """The doors that a staff code should open."""
    return session.scalars(
        select(DoorCode)
        .where(DoorCode.staff_code_id == staff.id, DoorCode.is_wanted.is_(True))
        .options(joinedload(DoorCode.lock))
    ).all()


def taken_on(
    session: Session,
    lock_ids: Collection[int],
    *,
    but_booking: int | None = None,
    but_staff: int | None = None,
    with_what_gives_way: bool = True,
) -> set[str]:
    """Every PIN that is, may be or will be on these locks, but this booking's or person's own.

    Where a person's digits go before them, without those of spares in stock and of codes that are
    on their way off.
    """
    others = [
        or_(DoorCode.booking_id.is_(None), DoorCode.booking_id != (but_booking or 0)),
        or_(DoorCode.staff_code_id.is_(None), DoorCode.staff_code_id != (but_staff or 0)),
    ]
    if not with_what_gives_way:
        others.append(or_(DoorCode.is_spare.is_(False), DoorCode.given_to_id.is_not(None)))
        others.append(DoorCode.is_wanted.is_(True))
    planned = session.scalars(
        select(DoorCode)
        .where(
            DoorCode.lock_id.in_(lock_ids),
            # Also of stays whose door was taken away, which may be given back to them.
            or_(
                and_(DoorCode.is_wanted.is_(True), DoorCode.removed_at.is_(None)),
                and_(
                    DoorCode.ends_at > clock.now(),
                    DoorCode.booking.has(Booking.status == BookingStatus.CONFIRMED),
                ),
            ),
            *others,
        )
        .options(joinedload(DoorCode.booking), selectinload(DoorCode.staff_code))
    )
    taken = {code.pin.reveal() for code in planned if code.pin is not None}
    entries = session.scalars(
        select(LockEntry)
        .join(DoorCode, LockEntry.door_code_id == DoorCode.id)
        .where(
            LockEntry.lock_id.in_(lock_ids),
            LockEntry.state != EntryState.GONE,
            LockEntry.evidence != Evidence.NOT_SENT,
            *others,
        )
    )
    taken |= {entry.pin.reveal() for entry in entries}
    foreign = session.scalars(select(ForeignCode).where(ForeignCode.lock_id.in_(lock_ids)))
    taken |= {row.pin.reveal() for row in foreign if row.pin}
    return taken


def _split(
    session: Session, booking: Booking, locks: Sequence[Lock], but: Collection[str] = ()
) -> bool:
    """Doors whose rule the common PIN cannot meet get one of their own; the others none.

    True where that changed a door's PIN. What is chosen is none of `but`.
    """
    is_common = agree_on_length(locks)
    changed = False
    for code in _codes(session, booking):
        own = None
        if not is_common and not _fits(booking.pin, code.lock):
            own = code.own_pin if _fits(code.own_pin, code.lock) else None
            if own is None:
                length = code.lock.code_length or digits_of.DEFAULT_LENGTH
                taken = taken_on(session, [code.lock_id], but_booking=booking.id) | set(but)
                own = Secret(digits_of.choose(length, taken))
        if code.own_pin != own:
            code.own_pin = own
            _judge_length_anew(code)
            changed = True
    return changed


def _give_up_own(codes: Sequence[DoorCode]) -> set[str]:
    """The digits that these doors had for themselves; from now on they have none."""
    old = {code.own_pin.reveal() for code in codes if code.own_pin is not None}
    for code in codes:
        code.own_pin = None
    return old


def _fits(pin: Secret | None, lock: Lock) -> bool:
    """Whether there is a PIN, of a length that the lock takes."""
    return pin is not None and _rule(lock).allows(pin.reveal())


def _length_for(locks: Sequence[Lock], instead_of: Secret | None) -> int:
    """The length that all these locks take; where they agree on none, as long as it was."""
    length = digits_of.common_length(_rules(locks))
    if length is None:
        length = len(instead_of.reveal()) if instead_of else digits_of.DEFAULT_LENGTH
    return length


def _rules(locks: Sequence[Lock]) -> list[LengthRule]:
    return [_rule(lock) for lock in locks]


def _rule(lock: Lock) -> LengthRule:
    return LengthRule(lock.code_length, lock.has_vlac)


def _codes(session: Session, booking: Booking) -> Sequence[DoorCode]:
    return session.scalars(
        select(DoorCode)
        .where(DoorCode.booking_id == booking.id, DoorCode.is_wanted.is_(True))
        .options(joinedload(DoorCode.lock))
    ).all()
