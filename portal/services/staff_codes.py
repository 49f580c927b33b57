"""Staff codes: one PIN per person, on the locks that person opens, in the hours they may come.

The rows are written here; the engine brings the locks after them, behind the guests.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal import clock
from portal.domain import pin as digits_of
from portal.domain import week
from portal.domain.secret import Secret
from portal.domain.sentences import Sentence
from portal.domain.status import Status
from portal.domain.week import MAX_WEEKLY_WINDOWS, WeeklyWindow
from portal.models import DoorCode, Lock, Mapping, Property, StaffCode, StaffGrant
from portal.services import door_codes, pins, resyncs, ringing, standings, timeline
from portal.zones import zone_or_utc

# The end of a code that is there until it is revoked; the lock is told of none.
NO_END: Final = datetime(2200, 1, 1, tzinfo=UTC)

_CLASH: Final = Sentence("Another code on {lock} starts with the same four digits. Choose others.")


class BadStaffCode(Exception):
    """The code cannot be kept so: `field` is at fault, `words` say why and what would do."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(words)
        self.field = field
        self.words = words


@dataclass(frozen=True, kw_only=True)
class StaffWish:
    """What a manager wants of a staff code. Without a PIN it keeps its own, or gets a random one.

    `ends_on` is the last day on which it opens; None: until it is revoked.
    """

    name: str
    phone: str = ""
    email: str = ""
    lock_ids: frozenset[int] = frozenset()
    property_ids: frozenset[int] = frozenset()
    windows: tuple[WeeklyWindow, ...] = ()
    ends_on: date | None = None
    pin: Secret | None = None


def create(session: Session, account_id: int, wish: StaffWish, actor: str) -> StaffCode:
    """A new staff code, on its way to its locks. Raises BadStaffCode."""
    now = clock.now()
    _check(session, wish, now)
    locks = _locks_of_wish(session, wish)
    _check_lengths(locks)
    pin = wish.pin
    if pin is None:
        pin = pins.random_for(session, locks)
    else:
        _check_pin(session, pin, locks, None)
    staff = StaffCode(
        account_id=account_id, pin=pin, is_pin_given=wish.pin is not None, created_at=now
    )
    _fill(staff, wish)
    session.add(staff)
    _grant(session, staff, wish)
    session.flush()
    follow(session, staff)
    _note(session, staff, timeline.Kind.STAFF_CODE_MADE, actor)
    return staff


def update(session: Session, staff: StaffCode, wish: StaffWish, actor: str) -> bool:
    """Changes the code in place: the PIN stays unless another is given. False: as before.

    Raises BadStaffCode.
    """
    now = clock.now()
    if staff.revoked_at is not None:
        raise BadStaffCode("name", "This code is revoked. Make a new one for this person.")
    _check(session, wish, now)
    locks = _locks_of_wish(session, wish)
    pin = wish.pin if wish.pin is not None else staff.pin
    is_other_pin = pin != staff.pin
    if is_other_pin or {lock.id for lock in locks} - {c.lock_id for c in _doors(session, staff)}:
        _check_lengths(locks)
        _check_pin(session, pin, locks, staff)
    before = _picture(staff)
    _fill(staff, wish)
    _grant(session, staff, wish)
    if is_other_pin:
        staff.pin, staff.is_pin_given, staff.pin_shown_at = pin, True, None
    after = _picture(staff)
    if before == after:
        return False
    staff.revision += 1
    session.flush()
    follow(session, staff)
    what = [name for name in after if before[name] != after[name]]
    _note(session, staff, timeline.Kind.STAFF_CODE_CHANGED, actor, what=what)
    return True


def revoke(session: Session, staff: StaffCode, actor: str) -> None:
    """The code is taken off every lock, beginning now; each shows it until that is proven."""
    if staff.revoked_at is not None:
        return
    staff.revoked_at = clock.now()
    _note(session, staff, timeline.Kind.STAFF_CODE_REVOKED, actor)
    follow(session, staff)


def resync(session: Session, staff: StaffCode, actor: str) -> bool:
    """Checks every door of the code anew; False where that joined a running resync."""
    now = clock.now()
    codes = [code for code in _doors(session, staff) if now < code.ends_at]
    if not codes or not resyncs.press(session, codes, now):
        return False
    _note(session, staff, timeline.Kind.RESYNC_PRESSED, actor, is_on_locks=False)
    session.flush()
    standings.restate(session, codes, now)
    ringing.mark(session, [code.lock_id for code in codes])
    return True


def show_pin(session: Session, staff: StaffCode, actor: str) -> Secret:
    """The PIN, with a line in the history of who was shown it."""
    if staff.pin_shown_at is None:
        staff.pin_shown_at = clock.now()
    _note(session, staff, timeline.Kind.PIN_SHOWN, actor, is_on_locks=False)
    return staff.pin


def follow(session: Session, staff: StaffCode) -> None:
    """The staff code's doors want what it and the mapping say now."""
    now = clock.now()
    locks = [] if staff.revoked_at is not None else _locks_of(session, staff)
    known = {code.lock_id: code for code in _doors(session, staff, with_old=True)}
    changed = []
    for lock in locks:
        ends_at = _ends_at(staff, lock)
        code = known.get(lock.id)
        if code is None and now < ends_at:
            changed.append(_new(session, staff, lock, ends_at, now))
        elif code is not None and _bring_up_to_date(session, code, staff, ends_at, now):
            changed.append(code)
    wanted = {lock.id for lock in locks}
    leaving = [code for lock_id, code in known.items() if lock_id not in wanted and code.is_wanted]
    for code in leaving:
        door_codes.take_off(session, code, now)
        changed.append(code)
    session.flush()
    standings.restate(session, changed, now)
    ringing.mark(session, [code.lock_id for code in changed])


def follow_property(session: Session, property_id: int) -> None:
    """Staff codes for all locks of this property follow its mapping."""
    for staff in session.scalars(
        select(StaffCode)
        .join(StaffGrant, StaffGrant.staff_code_id == StaffCode.id)
        .where(StaffGrant.property_id == property_id, StaffCode.revoked_at.is_(None))
    ).all():
        follow(session, staff)


def follow_clock(session: Session, lock: Lock) -> None:
    """Staff codes with a last day end with it by the clock that the lock is now known to have."""
    for staff in session.scalars(
        select(StaffCode)
        .join(DoorCode, DoorCode.staff_code_id == StaffCode.id)
        .where(
            DoorCode.lock_id == lock.id,
            StaffCode.ends_on.is_not(None),
            StaffCode.revoked_at.is_(None),
        )
    ).all():
        follow(session, staff)


def _locks_of(session: Session, staff: StaffCode) -> Sequence[Lock]:
    grants = session.scalars(select(StaffGrant).where(StaffGrant.staff_code_id == staff.id)).all()
    return _locks(
        session,
        {grant.lock_id for grant in grants if grant.lock_id is not None},
        {grant.property_id for grant in grants if grant.property_id is not None},
    )


def _locks_of_wish(session: Session, wish: StaffWish) -> Sequence[Lock]:
    locks = _locks(session, wish.lock_ids, wish.property_ids)
    if not locks and not wish.property_ids:
        raise BadStaffCode("places", "Choose at least one lock or property.")
    return locks


def _locks(
    session: Session, lock_ids: Collection[int], property_ids: Collection[int]
) -> Sequence[Lock]:
    mapped = select(Mapping.lock_id).where(Mapping.property_id.in_(property_ids))
    return session.scalars(
        select(Lock).where(Lock.id.in_(lock_ids) | Lock.id.in_(mapped)).order_by(Lock.id)
    ).all()


def _doors(session: Session, staff: StaffCode, *, with_old: bool = False) -> Sequence[DoorCode]:
    found = select(DoorCode).where(DoorCode.staff_code_id == staff.id)
    if not with_old:
        found = found.where(DoorCode.is_wanted.is_(True))
    return session.scalars(
        found.options(joinedload(DoorCode.lock), selectinload(DoorCode.staff_code))
    ).all()


def _ends_at(staff: StaffCode, lock: Lock) -> datetime:
    """The end of the last day by the lock's clock."""
    if staff.ends_on is None:
        return NO_END
    midnight = datetime.combine(
        staff.ends_on + timedelta(days=1), time(0), tzinfo=zone_or_utc(lock.time_zone)
    )
    return midnight.astimezone(UTC)


def _new(
    session: Session, staff: StaffCode, lock: Lock, ends_at: datetime, now: datetime
) -> DoorCode:
    code = DoorCode(
        account_id=staff.account_id,
        staff_code_id=staff.id,
        lock_id=lock.id,
        revision=staff.revision,
        starts_at=now.replace(second=0, microsecond=0),
        ends_at=ends_at,
        send_at=now,
        status=Status.QUEUED,
        status_at=now,
        created_at=now,
    )
    session.add(code)
    return code


def _bring_up_to_date(
    session: Session, code: DoorCode, staff: StaffCode, ends_at: datetime, now: datetime
) -> bool:
    if now >= ends_at:
        # Over already; where that was to be later by what was known so far, it ends now.
        if not code.is_wanted or now >= code.ends_at:
            return False
        ends_at = now
    wanted = (True, ends_at, staff.revision)
    if wanted == (code.is_wanted, code.ends_at, code.revision):
        return False
    if not code.is_wanted:
        code.starts_at = code.send_at = now.replace(second=0, microsecond=0)
    code.is_wanted, code.ends_at, code.revision = wanted
    if code.status is Status.REMOVED:
        # Back from removed: the engine computes the rest, but only looks at codes that live.
        code.status, code.status_at, code.removed_at = Status.QUEUED, now, None
    door_codes.start_afresh(session, code, now)
    return True


def _check(session: Session, wish: StaffWish, now: datetime) -> None:
    if not 1 <= len(_line(wish.name)) <= 200:
        raise BadStaffCode("name", "Give the person a name of at most 200 characters.")
    if len(wish.windows) > MAX_WEEKLY_WINDOWS:
        raise BadStaffCode("windows", "A lock keeps at most two weekly times for one code.")
    if wish.ends_on is not None and wish.ends_on < now.date():
        raise BadStaffCode("ends_on", "This day is over. Choose today or a later day.")
    if wish.ends_on is not None and wish.ends_on.year >= NO_END.year:
        raise BadStaffCode("ends_on", "Choose a nearer day, or none: then it is until revoked.")
    for model, ids in ((Lock, wish.lock_ids), (Property, wish.property_ids)):
        known = set(session.scalars(select(model.id).where(model.id.in_(ids))))
        if known != ids:
            raise BadStaffCode("places", "One of these is gone. Choose again.")


def _check_lengths(locks: Sequence[Lock]) -> None:
    """Refuses doors that no one PIN can open."""
    if not pins.agree_on_length(locks):
        raise BadStaffCode(
            "places",
            "These locks take PINs of different lengths: give the person two codes, one for each.",
        )


def _check_pin(
    session: Session, pin: Secret, locks: Sequence[Lock], staff: StaffCode | None
) -> None:
    """Refuses digits that one of the locks would refuse; names it."""
    fault = pins.fault_of(pin.reveal(), locks)
    for lock in locks if fault is None else ():
        taken = pins.taken_on(
            session,
            [lock.id],
            but_staff=staff.id if staff is not None else None,
            with_what_gives_way=False,
        )
        if any(digits_of.clashes(pin.reveal(), other) for other in taken):
            fault = _CLASH(lock=lock.name)
            break
    if fault is not None:
        raise BadStaffCode("pin", fault)


def _fill(staff: StaffCode, wish: StaffWish) -> None:
    staff.name = _line(wish.name)
    staff.phone, staff.email = _line(wish.phone)[:60], _line(wish.email)[:254]
    rows = week.to_rows(wish.windows)
    if staff.weekly != rows:
        staff.weekly = rows
    staff.ends_on = wish.ends_on


def _grant(session: Session, staff: StaffCode, wish: StaffWish) -> None:
    """The code opens these places and no others."""
    wanted: set[tuple[int | None, int | None]] = {(lock_id, None) for lock_id in wish.lock_ids}
    wanted |= {(None, property_id) for property_id in wish.property_ids}
    kept = {(grant.lock_id, grant.property_id): grant for grant in staff.grants}
    for place in kept.keys() - wanted:
        staff.grants.remove(kept[place])
    for lock_id, property_id in sorted(wanted - kept.keys(), key=str):
        staff.grants.append(
            StaffGrant(account_id=staff.account_id, lock_id=lock_id, property_id=property_id)
        )


def _picture(staff: StaffCode) -> dict[str, object]:
    """The code as far as a change of it matters."""
    return {
        "name": staff.name,
        "contact": (staff.phone, staff.email),
        "places": frozenset((grant.lock_id, grant.property_id) for grant in staff.grants),
        "times": week.from_rows(staff.weekly),
        "end": staff.ends_on,
        "pin": staff.pin,
    }


def _line(text: str) -> str:
    """One line of printable text."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _note(
    session: Session,
    staff: StaffCode,
    kind: timeline.Kind,
    actor: str,
    *,
    is_on_locks: bool = True,
    **data: Any,
) -> None:
    """A line in the person's own history, and in that of each lock it concerns."""
    timeline.record(
        session,
        kind,
        actor,
        account_id=staff.account_id,
        staff_code_id=staff.id,
        name=staff.name,
        **data,
    )
    for code in _doors(session, staff) if is_on_locks else ():
        timeline.record(session, kind, actor, **timeline.about(code), **data)
