"""Reads what the arrivals page answers: every guest inside or due within three days, uncut.

Rows are judged at this moment wherever the stored verdict does not say that all is well, and
wherever time alone may have turned it since. The others are counted from the stored verdicts, so
that a long list costs no more than a short one; and `verdict_now` is the verdict as it is counted,
for filters that must find the same.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, literal, or_, select, type_coerce
from sqlalchemy.orm import Session

from portal.domain import outlook
from portal.domain.door_event import KeypadTrouble
from portal.domain.notices import GUEST_CANNOT_ENTER, AlertFacts
from portal.domain.outlook import SOON, Case, Stored
from portal.domain.status import Status, Verdict
from portal.domain.verdict import Reason
from portal.models import Alert, Booking, BookingStatus, DoorCode
from portal.services import entry_page, stays
from portal.services.stays import Stay

Conditions = Sequence[ColumnElement[bool]]

# More than so many that are not well at once are an outage: the most pressing are judged at this
# moment, and the others counted as they are stored.
JUDGED: Final = 500


@dataclass(frozen=True)
class Call:
    """A guest's open call for help."""

    alert_id: int
    since: datetime
    stay: Stay


@dataclass(frozen=True, kw_only=True)
class Near:
    """Guests inside and those who come soon, with whatever is open beside them."""

    judged: tuple[Stay, ...]
    worried: tuple[Stay, ...]  # those of them who need somebody, the most pressing first
    calls: tuple[Call, ...]  # the one who waits longest first
    keypads: Mapping[int, KeypadTrouble]
    counts: Mapping[tuple[bool, Verdict], int]  # of all: whether inside, and verdict
    cases: tuple[Case, ...]
    alerts: tuple[AlertFacts, ...]
    moved: Mapping[int, Verdict] = field(default_factory=dict)  # where the stored one is not so

    @property
    def verdict_now(self) -> ColumnElement[Any]:
        return verdict_now(self.moved)

    @property
    def worried_ids(self) -> frozenset[int]:
        return frozenset(stay.id for stay in self.worried)


@dataclass(frozen=True)
class Leftovers:
    """Stays that are over and whose codes are still coming off."""

    judged: tuple[Stay, ...] = ()
    overdue: tuple[Stay, ...] = ()  # the oldest first
    overdue_total: int = 0


def near(session: Session, now: datetime, scope: Conditions) -> Near:
    """Everybody who is inside or comes within three days, within this scope."""
    stored = _stored(session, [*here_or_soon(now), *scope])
    alerts = _open_alerts(session)
    called = {a.booking_id: a for a in alerts if a.cause == GUEST_CANNOT_ENTER and a.booking_id}
    keypads = entry_page.troubles(session, [row.booking_id for row in stored], now)
    at_door = {*called, *keypads}
    chosen = outlook.to_judge(stored, at_door, now)[:JUDGED]
    judged = stays.load(session, [Booking.id.in_([row.booking_id for row in chosen])], now)
    by_id = {stay.id: stay for stay in judged}
    cases = [
        Case(
            booking_id=stay.id,
            verdict=stay.verdict,
            starts_at=stay.starts_at,
            has_called=stay.id in called,
            has_keypad_trouble=stay.id in keypads,
        )
        for stay in judged
    ]
    moved = _moved(judged)
    calls = [
        Call(alert.id, alert.opened_at, by_id[booking_id])
        for booking_id, alert in called.items()
        if booking_id in by_id
    ]
    return Near(
        judged=tuple(judged),
        worried=tuple(by_id[each.booking_id] for each in outlook.worst_first(cases, now)),
        calls=tuple(sorted(calls, key=lambda call: (call.since, call.alert_id))),
        keypads={id_: trouble for id_, trouble in keypads.items() if id_ in by_id},
        counts=Counter(
            (row.starts_at <= now, moved.get(row.booking_id, row.verdict)) for row in stored
        ),
        cases=tuple(cases),
        alerts=alerts,
        moved=moved,
    )


def leftovers(session: Session, now: datetime, scope: Conditions) -> Leftovers:
    """Stays that are over or cancelled and whose codes are still coming off."""
    conditions = [*_left_over(now), *scope]
    judged = stays.load(
        session,
        conditions,
        now,
        limit=JUDGED,
        order=[Booking.ends_at.asc(), Booking.id.asc()],
    )
    overdue = [stay for stay in judged if stay.judgement.reason is Reason.REMOVAL_LATE]
    overdue.sort(key=lambda stay: stay.overdue_since or now)
    total = len(overdue)
    if len(judged) == JUDGED:
        # Of a stay that is over nothing else is ever at risk.
        total = count(session, conditions, _moved(judged))[Verdict.AT_RISK]
    return Leftovers(tuple(judged), tuple(overdue), total)


def listed_as_old(session: Session, alerts: Sequence[AlertFacts], now: datetime) -> frozenset[int]:
    """Of the bookings whose removals are alerted, those that the list of leftovers has.

    The others still stand: an old PIN of theirs, or their old dates, may open a door.
    """
    ids = outlook.removals(alerts)
    if not ids:
        return frozenset()
    return frozenset(
        session.scalars(select(Booking.id).where(Booking.id.in_(sorted(ids)), *_left_over(now)))
    )


def _left_over(now: datetime) -> list[ColumnElement[bool]]:
    # Not correlated: asked once, not for every booking the account ever had.
    is_coming_off = Booking.id.in_(
        select(func.coalesce(DoorCode.booking_id, DoorCode.given_to_id)).where(
            DoorCode.status == Status.REMOVING
        )
    )
    is_over = or_(Booking.ends_at <= now, Booking.status == BookingStatus.CANCELLED)
    return [is_coming_off, is_over]


def here_or_soon(now: datetime) -> list[ColumnElement[bool]]:
    """Guests inside, and those who come within three days."""
    return [
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= now + SOON,
        Booking.ends_at > now,
    ]


def next_to_near(session: Session, now: datetime) -> datetime | None:
    """When the next stay comes within three days, by time alone."""
    starts_at = session.scalars(
        select(func.min(Booking.starts_at)).where(
            Booking.status == BookingStatus.CONFIRMED, Booking.starts_at > now + SOON
        )
    ).one()
    return starts_at - SOON if starts_at is not None else None


def verdict_now(moved: Mapping[int, Verdict]) -> ColumnElement[Any]:
    """The stored verdict, but what it is by now where that is another."""
    if not moved:
        return type_coerce(Booking.verdict, Booking.verdict.type)
    by_verdict: dict[Verdict, list[int]] = {}
    for booking_id, verdict in moved.items():
        by_verdict.setdefault(verdict, []).append(booking_id)
    return case(
        *(
            (Booking.id.in_(ids), literal(verdict, Booking.verdict.type))
            for verdict, ids in by_verdict.items()
        ),
        else_=Booking.verdict,
    )


def count(
    session: Session, conditions: Conditions, moved: Mapping[int, Verdict]
) -> Counter[Verdict]:
    """How many bookings meet the conditions, by their verdict now."""
    verdicts = (
        select(verdict_now(moved).label("verdict"))
        .join(Booking.property)
        .where(*conditions)
        .subquery()
    )
    counted = select(verdicts.c.verdict, func.count()).group_by(verdicts.c.verdict)
    return Counter({row[0]: row[1] for row in session.execute(counted)})


def _stored(session: Session, conditions: Conditions) -> list[Stored]:
    """The verdicts as they are stored: a narrow read, however many bookings there are."""
    rows = session.execute(
        select(Booking.id, Booking.verdict, Booking.starts_at, Booking.verdict_due_at)
        .join(Booking.property)
        .where(*conditions)
    )
    return [Stored(*row) for row in rows]


def _moved(judged: Iterable[Stay]) -> dict[int, Verdict]:
    """The verdicts that are not what is stored."""
    return {stay.id: stay.verdict for stay in judged if stay.verdict is not stay.stored}


def _open_alerts(session: Session) -> tuple[AlertFacts, ...]:
    rows = session.execute(
        select(
            Alert.id,
            Alert.cause,
            Alert.key,
            Alert.opened_at,
            Alert.booking_id,
            Alert.lock_id,
            Alert.connection_id,
        )
        .where(Alert.closed_at.is_(None))
        .order_by(Alert.id)
    )
    return tuple(
        AlertFacts(
            id=row.id,
            cause=row.cause,
            key=row.key,
            opened_at=row.opened_at,
            booking_id=row.booking_id,
            lock_id=row.lock_id,
            connection_id=row.connection_id,
        )
        for row in rows
    )
