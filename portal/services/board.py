"""What the arrivals page reads: frozen, judged at this moment, a fixed number of queries."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from portal.domain import outlook as rules
from portal.domain.door_event import KeypadTrouble
from portal.domain.outlook import Outlook
from portal.domain.status import Status, Verdict
from portal.models import Booking, BookingStatus, Property
from portal.services import banners, outlook, stays
from portal.services.banners import Banners, Unmapped
from portal.services.outlook import Call, Leftovers, Near
from portal.services.stays import Stay

PAGE_SIZE: Final = 50
_INSIDE_SHOWN: Final = 200
_ELSEWHERE_SHOWN: Final = 10
_AT_LEAST_EVERY: Final = timedelta(hours=1)

Conditions = list[ColumnElement[bool]]


class When(StrEnum):
    """Which stays a list shows."""

    SOON = "soon"  # inside, or checking in within 72 hours
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


@dataclass(frozen=True, kw_only=True)
class Board:
    """The arrivals page."""

    wish: Wish
    outlook: Outlook  # the numbers of the whole page, whatever its list shows
    worried: tuple[Stay, ...] = ()  # everybody who needs somebody, the most pressing first
    calls: tuple[Call, ...] = ()
    keypads: Mapping[int, KeypadTrouble] = field(default_factory=dict)
    banners: Banners
    days: tuple[Day, ...]
    here: tuple[Stay, ...] = ()  # guests inside, where the list is filtered
    elsewhere: tuple[Stay, ...] = ()  # the most pressing that this page of the list does not show
    inside_trouble: tuple[Stay, ...] = ()
    inside: tuple[Stay, ...] = ()
    is_inside_cut: bool = False  # there are more than that
    leaving: tuple[Stay, ...] = ()
    overdue: tuple[Stay, ...] = ()  # whose codes should be off and are not proven to be
    tally: Mapping[Verdict, int] = field(default_factory=dict)
    total: int = 0  # of the list
    unmapped: tuple[Unmapped, ...] = ()
    has_alerts: bool = False  # some of what else needs somebody stands on the alerts page
    has_bookings: bool = True  # or whoever looks can add none
    until: datetime

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE_SIZE))

    @property
    def next(self) -> Stay | None:
        """The next to arrive, where the list begins with them."""
        return self.days[0].stays[0] if self.days and self.wish.page == 1 else None


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

    Staff see today's and tomorrow's arrivals and who is inside (by each property's clock), no more,
    and neither alerts nor what is wrong for the whole account.
    """
    scope = [stays.staff_scope(session, now)] if is_staff else []
    near = outlook.near(session, now, scope)
    around = _Around() if wish.is_filtered else _around(session, near, scope, now)
    bare = () if wish.is_filtered or is_staff else banners.unmapped(session, now)
    wrong = banners.read(session, now)
    if is_staff:
        wrong = wrong.for_staff()
    alerts = () if is_staff else near.alerts
    told = rules.matters(
        alerts,
        worried=near.worried_ids,
        listed=outlook.listed_as_old(session, alerts, now),
    )
    counted = {stay.property_id for stay in near.worried}
    seen = rules.outlook(
        near.cases,
        near.counts,
        overdue=around.over.overdue_total,
        matters=len(told | wrong.threads | banners.unmapped_threads(bare, counted)),
        trying=rules.trying(alerts, near.cases),
    )
    listed = _listed(session, wish, near, scope, now)
    total, tally = seen.arrivals, seen.verdicts
    if wish.is_filtered:
        total, tally = _tally(session, wish, near, scope, listed, now)
    coming, here = _parted(listed, wish, now)
    on_page = {stay.id for stay in (*listed, *around.inside_trouble)}
    elsewhere = [] if wish.is_filtered else [s for s in near.worried if s.id not in on_page]
    shown = [*listed, *elsewhere[:_ELSEWHERE_SHOWN], *around.stays]
    known = {stay.id: stay for stay in (*near.judged, *shown)}
    return Board(
        wish=wish,
        outlook=seen,
        worried=near.worried,
        calls=near.calls,
        keypads=near.keypads,
        banners=wrong,
        unmapped=bare,
        has_alerts=bool(told),
        days=_by_day(coming),
        here=tuple(here),
        elsewhere=tuple(elsewhere[:_ELSEWHERE_SHOWN]),
        inside_trouble=around.inside_trouble,
        inside=around.inside,
        is_inside_cut=around.is_inside_cut,
        leaving=around.leaving,
        overdue=around.over.overdue[:PAGE_SIZE],
        tally=tally,
        total=total,
        has_bookings=is_staff
        or bool(known)
        or session.scalar(select(Booking.id).limit(1)) is not None,
        until=min(
            _until(list(known.values()), near, wrong, now),
            _comes_up_at(session, now, is_staff=is_staff) or now + _AT_LEAST_EVERY,
        ),
    )


def _listed(
    session: Session, wish: Wish, near: Near, scope: Conditions, now: datetime
) -> list[Stay]:
    """The page of the list; without filters, of those who come."""
    conditions = [*matching(wish, now, near.verdict_now), *scope]
    if not wish.is_filtered:
        conditions.append(Booking.starts_at > now)
    return stays.load(
        session,
        conditions,
        now,
        limit=PAGE_SIZE,
        offset=(wish.page - 1) * PAGE_SIZE,
        newest=wish.when is When.PAST,
    )


@dataclass(frozen=True, kw_only=True)
class _Around:
    """The lists around the arrivals, which the page has without filters."""

    inside_trouble: tuple[Stay, ...] = ()
    inside: tuple[Stay, ...] = ()
    is_inside_cut: bool = False
    leaving: tuple[Stay, ...] = ()
    over: Leftovers = field(default_factory=Leftovers)

    @property
    def stays(self) -> tuple[Stay, ...]:
        return (*self.inside_trouble, *self.inside, *self.leaving, *self.over.judged)


def _around(session: Session, near: Near, scope: Conditions, now: datetime) -> _Around:
    """Who is inside, those in need of somebody apart, who leaves or left today, and old codes."""
    over = outlook.leftovers(session, now, scope)
    trouble = [stay for stay in near.worried if stay.starts_at <= now][:PAGE_SIZE]
    conditions = [
        Booking.status == BookingStatus.CONFIRMED,
        Booking.starts_at <= now,
        Booking.ends_at > now - timedelta(hours=24),
        Booking.id.not_in(sorted(near.worried_ids)),
    ]
    # Who leaves next comes first: of very many, those who stay longest are left out.
    around = stays.load(
        session,
        [*conditions, *scope],
        now,
        limit=_INSIDE_SHOWN,
        order=[Booking.ends_at <= now, Booking.ends_at.asc(), Booking.id.asc()],
    )
    around.sort(key=lambda stay: (stay.starts_at, stay.id))
    by_id = {stay.id: stay for stay in (*over.judged, *around)}
    leaving = [
        stay for stay in by_id.values() if stay.overdue_since is None and _leaves_today(stay, now)
    ]
    leaving_ids = {stay.id for stay in leaving}
    return _Around(
        inside_trouble=tuple(trouble),
        inside=tuple(s for s in around if s.ends_at > now and s.id not in leaving_ids),
        leaving=tuple(sorted(leaving, key=lambda stay: (stay.ends_at, stay.id))),
        is_inside_cut=len(around) == _INSIDE_SHOWN,
        over=over,
    )


def _parted(
    listed: Sequence[Stay], wish: Wish, now: datetime
) -> tuple[Sequence[Stay], Sequence[Stay]]:
    """Those of the list who come, by day, and guests inside, who stand before them."""
    if wish.when is not When.SOON:
        return listed, ()
    return (
        [stay for stay in listed if stay.starts_at > now],
        [stay for stay in listed if stay.starts_at <= now],
    )


def _until(known: Sequence[Stay], near: Near, wrong: Banners, now: datetime) -> datetime:
    """When time alone next changes what the page says."""
    turns = [
        now + _AT_LEAST_EVERY,
        stays.next_turn(known, now),
        *(trouble.until for trouble in near.keypads.values()),
    ]
    if wrong.still_since is not None:
        # Whether somebody sees to it again is told by no change of the account.
        turns.append(now + timedelta(seconds=30))
    elif wrong.turns_at is not None:
        turns.append(wrong.turns_at)
    if wrong.unread_at is not None:
        turns.append(wrong.unread_at)
    return min(turns)


def _comes_up_at(session: Session, now: datetime, *, is_staff: bool) -> datetime | None:
    """When a stay that is on no list yet may come onto the page."""
    if is_staff:
        return stays.staff_scope_turns_at(session, now)
    return outlook.next_to_near(session, now)


def matching(wish: Wish, now: datetime, verdict: ColumnElement[Any] | None = None) -> Conditions:
    """What a booking must be like to stand in the list of these filters.

    `verdict` is what a booking's verdict is taken from; without it, the stored one.
    """
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
        stored: ColumnElement[Any] = type_coerce(Booking.verdict, Booking.verdict.type)
        conditions.append((stored if verdict is None else verdict) == wish.verdict)
    return conditions


def _period(when: When, now: datetime) -> Conditions:
    is_confirmed = Booking.status == BookingStatus.CONFIRMED
    periods: dict[When, Conditions] = {
        When.SOON: outlook.here_or_soon(now),
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


def _tally(
    session: Session,
    wish: Wish,
    near: Near,
    scope: Conditions,
    listed: Sequence[Stay],
    now: datetime,
) -> tuple[int, dict[Verdict, int]]:
    """How many stays the filtered list has, and how many of each verdict.

    A list that fits one page is counted from what it shows.
    """
    if wish.page == 1 and len(listed) < PAGE_SIZE and wish.verdict is None:
        return len(listed), dict(Counter(stay.verdict for stay in listed))
    of_any_verdict = [*matching(replace(wish, verdict=None), now), *scope]
    counts = outlook.count(session, of_any_verdict, near.moved)
    total = counts.total() if wish.verdict is None else counts[wish.verdict]
    return total, counts


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
