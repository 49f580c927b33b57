"""What the arrivals page reads: frozen, judged at this moment, a fixed number of queries."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.models import (
    Alert,
    Booking,
    BookingStatus,
    Connection,
    ConnectionState,
    DoorCode,
    Mapping,
    Property,
)
from portal.services import stays
from portal.services.stays import Stay

SOON: Final = timedelta(hours=72)
PAGE_SIZE: Final = 50
_AROUND_LIMIT: Final = 200
_UNMAPPED_AHEAD: Final = timedelta(days=14)
_CALM: Final = frozenset({Verdict.READY, Verdict.ON_TRACK})

Conditions = list[ColumnElement[bool]]


class When(StrEnum):
    """Which stays a list shows."""

    SOON = "soon"  # checking in within 72 hours
    INSIDE = "inside"
    LEAVING = "leaving"  # checking out within a day
    UPCOMING = "upcoming"
    PAST = "past"
    ALL = "all"


@dataclass(frozen=True)
class Wish:
    """The filters of the list, as they stand in the address."""

    when: When = When.SOON
    q: str = ""
    verdict: Verdict | None = None
    property_id: int | None = None
    page: int = 1

    @property
    def is_filtered(self) -> bool:
        return bool(self.q or self.verdict or self.property_id or self.when is not When.SOON)


@dataclass(frozen=True)
class Day:
    """Stays that check in on one day of their property's calendar."""

    at: datetime
    zone: str
    stays: tuple[Stay, ...]


@dataclass(frozen=True)
class Trouble:
    """Something account-wide, for a banner."""

    key: ProblemKey
    connection_id: int | None = None
    name: str = ""
    since: datetime | None = None


@dataclass(frozen=True)
class Unmapped:
    """A property with coming arrivals that no lock opens."""

    property_id: int
    name: str
    zone: str
    stays: int
    first_at: datetime


@dataclass(frozen=True, kw_only=True)
class Board:
    """The arrivals page."""

    wish: Wish
    days: tuple[Day, ...]
    inside_trouble: tuple[Stay, ...] = ()
    inside: tuple[Stay, ...] = ()
    leaving: tuple[Stay, ...] = ()
    overdue: tuple[Stay, ...] = ()  # whose codes should be off and are not proven to be
    tally: dict[Verdict, int] = field(default_factory=dict)
    total: int = 0
    troubles: tuple[Trouble, ...] = ()
    unmapped: tuple[Unmapped, ...] = ()
    has_connection: bool = True
    has_bookings: bool = True
    pace_seconds: int = 30
    until: datetime

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def worried(self) -> tuple[Stay, ...]:
        """What is at risk or not ready: the worst first, then by arrival."""
        coming = (stay for day in self.days for stay in day.stays if stay.verdict not in _CALM)
        order = list(Verdict)
        found = [*self.inside_trouble, *coming]
        return tuple(sorted(found, key=lambda s: (-order.index(s.verdict), s.starts_at)))

    @property
    def worst(self) -> Verdict:
        """The worst verdict among arrivals and guests inside; READY where there is none."""
        inside = [stay.verdict for stay in self.inside_trouble]
        order = list(Verdict)
        return max([*self.tally, *inside], key=order.index, default=Verdict.READY)

    def count(self, verdict: Verdict) -> int:
        """How many arrivals and guests inside have this verdict."""
        inside = sum(stay.verdict is verdict for stay in self.inside_trouble)
        return self.tally.get(verdict, 0) + inside


@dataclass(frozen=True)
class Choice:
    """A property to filter by."""

    id: int
    name: str


def properties(session: Session) -> tuple[Choice, ...]:
    """The account's properties by name, for a choice."""
    rows = session.execute(select(Property.id, Property.name).order_by(func.lower(Property.name)))
    return tuple(Choice(row.id, row.name) for row in rows)


def arrivals(session: Session, wish: Wish, now: datetime, *, is_staff: bool = False) -> Board:
    """The arrivals page: by default the next 72 hours, who is inside and who leaves today.

    Staff see today's and tomorrow's arrivals and who is inside (by each property's clock), no more.
    """
    scope = [stays.staff_scope(session, now)] if is_staff else []
    conditions = [*matching(wish, now), *scope]
    coming = stays.load(
        session,
        conditions,
        now,
        limit=PAGE_SIZE,
        offset=(wish.page - 1) * PAGE_SIZE,
        newest=wish.when is When.PAST,
    )
    around: list[Stay] = []
    if not wish.is_filtered:
        around = stays.load(session, [*_around(now), *scope], now, limit=_AROUND_LIMIT)
    total, tally = _tally(session, wish, now, scope, coming)
    troubles, has_connection = _troubles(session)
    inside = [s for s in around if s.starts_at <= now < s.ends_at and not s.is_cancelled]
    worried = [s for s in inside if s.verdict not in _CALM]
    overdue = sorted(
        (s for s in around if s.overdue_since is not None), key=lambda s: s.overdue_since or now
    )
    leaving = [s for s in around if _leaves_today(s, now) and s not in (*worried, *overdue)]
    shown = [*coming, *around]
    return Board(
        wish=wish,
        days=_by_day(coming),
        inside_trouble=tuple(worried),
        inside=tuple(s for s in inside if s not in worried and s not in leaving),
        leaving=tuple(leaving),
        overdue=tuple(overdue),
        tally=tally,
        total=total,
        troubles=troubles,
        unmapped=() if is_staff or wish.is_filtered else unmapped(session, now),
        has_connection=has_connection,
        has_bookings=bool(shown) or session.scalar(select(Booking.id).limit(1)) is not None,
        pace_seconds=stays.pace_seconds(shown, now),
        until=stays.next_turn(shown, now),
    )


def unmapped(session: Session, now: datetime) -> tuple[Unmapped, ...]:
    """Properties that no lock opens and that expect guests within two weeks, the soonest first."""
    rows = session.execute(
        select(
            Property.id,
            Property.name,
            Property.time_zone,
            func.count(Booking.id),
            func.min(Booking.starts_at),
        )
        .join(Booking, Booking.property_id == Property.id)
        .where(
            ~exists().where(Mapping.property_id == Property.id),
            Booking.status == BookingStatus.CONFIRMED,
            Booking.ends_at > now,
            Booking.starts_at < now + _UNMAPPED_AHEAD,
        )
        .group_by(Property.id, Property.name, Property.time_zone)
        .order_by(func.min(Booking.starts_at))
    )
    return tuple(Unmapped(*row) for row in rows)


def matching(wish: Wish, now: datetime) -> Conditions:
    """What a booking must be like to stand in the list of these filters."""
    conditions = _period(wish.when, now)
    words = wish.q.strip()
    if words:
        columns = (
            Booking.guest_name,
            Property.name,
            Booking.reservation_code,
            Booking.external_id,
            Booking.guest_phone,
            Booking.guest_email,
        )
        conditions.append(or_(*(c.icontains(words, autoescape=True) for c in columns)))
    if wish.property_id is not None:
        conditions.append(Booking.property_id == wish.property_id)
    if wish.verdict is not None:
        conditions.append(Booking.verdict == wish.verdict)
    return conditions


def _period(when: When, now: datetime) -> Conditions:
    is_confirmed = Booking.status == BookingStatus.CONFIRMED
    periods: dict[When, Conditions] = {
        When.SOON: [Booking.starts_at > now, Booking.starts_at <= now + SOON, is_confirmed],
        When.INSIDE: [Booking.starts_at <= now, Booking.ends_at > now, is_confirmed],
        When.LEAVING: [
            Booking.ends_at > now - timedelta(hours=12),
            Booking.ends_at <= now + timedelta(hours=24),
        ],
        When.UPCOMING: [Booking.starts_at > now],
        When.PAST: [Booking.ends_at <= now],
        When.ALL: [],
    }
    return periods[when]


def _around(now: datetime) -> Conditions:
    """Guests inside, stays that ended within a day, and codes that are still coming off."""
    # Not correlated: asked once, not for every booking the account ever had.
    is_coming_off = Booking.id.in_(
        select(func.coalesce(DoorCode.booking_id, DoorCode.given_to_id)).where(
            DoorCode.status == Status.REMOVING
        )
    )
    is_recent = and_(
        Booking.status == BookingStatus.CONFIRMED, Booking.ends_at > now - timedelta(hours=24)
    )
    return [or_(and_(Booking.starts_at <= now, is_recent), and_(is_coming_off, _is_over(now)))]


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(Booking.ends_at <= now, Booking.status == BookingStatus.CANCELLED)


def _tally(
    session: Session, wish: Wish, now: datetime, scope: Conditions, shown: Sequence[Stay]
) -> tuple[int, dict[Verdict, int]]:
    """How many stays the list has, and how many of each verdict.

    A list that fits one page is counted from what it shows; a longer one from the stored verdicts.
    """
    if wish.page == 1 and len(shown) < PAGE_SIZE and wish.verdict is None:
        return len(shown), dict(Counter(stay.verdict for stay in shown))
    of_any_verdict = matching(Wish(wish.when, wish.q, None, wish.property_id), now)
    rows = session.execute(
        select(Booking.verdict, func.count())
        .join(Booking.property)
        .where(*of_any_verdict, *scope)
        .group_by(Booking.verdict)
    )
    counts: dict[Verdict, int] = {row[0]: row[1] for row in rows}
    total = sum(counts.values()) if wish.verdict is None else counts.get(wish.verdict, 0)
    return total, counts


def _troubles(session: Session) -> tuple[tuple[Trouble, ...], bool]:
    """The account-wide troubles, and whether the account is linked to Schlage at all."""
    rows = session.execute(
        select(
            Connection.id,
            Connection.name,
            Connection.state,
            Connection.state_at,
            Connection.outage_since,
        ).where(Connection.state != ConnectionState.DISCONNECTED)
    ).all()
    troubles = [trouble for row in rows if (trouble := _trouble(row)) is not None]
    alerts = session.execute(
        select(Alert.connection_id, Alert.opened_at).where(
            Alert.cause == str(ProblemKey.WEBHOOKS_OFF), Alert.closed_at.is_(None)
        )
    )
    troubles += [Trouble(ProblemKey.WEBHOOKS_OFF, a.connection_id, "", a.opened_at) for a in alerts]
    return tuple(troubles), bool(rows)


def _trouble(row: Any) -> Trouble | None:
    if row.state is ConnectionState.SIGNED_OUT:
        return Trouble(ProblemKey.SIGNED_OUT, row.id, row.name, row.state_at)
    if row.outage_since is not None:
        return Trouble(ProblemKey.SCHLAGE_OUTAGE, row.id, row.name, row.outage_since)
    return None


def _by_day(shown: Iterable[Stay]) -> tuple[Day, ...]:
    days: list[tuple[Any, list[Stay]]] = []
    for stay in shown:
        on = stay.starts_at.astimezone(ZoneInfo(stay.zone)).date()
        if not days or days[-1][0] != on:
            days.append((on, []))
        days[-1][1].append(stay)
    return tuple(Day(group[0].starts_at, group[0].zone, tuple(group)) for _, group in days)


def _leaves_today(stay: Stay, now: datetime) -> bool:
    """Whether it ends on this day of the property's calendar, or its codes are still coming off."""
    if stay.ends_at <= now or stay.is_cancelled:
        is_today = now - stay.ends_at < timedelta(hours=24) and not stay.is_cancelled
        return is_today or any(d.status is Status.REMOVING for d in (*stay.doors, *stay.spares))
    here = ZoneInfo(stay.zone)
    return stay.ends_at.astimezone(here).date() == now.astimezone(here).date()
