"""What the calendar reads: a month of every property, night by night, with each stay's verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Booking, BookingStatus, Property
from portal.services import stays
from portal.services.stays import Stay

PAGE_SIZE: Final = 40  # properties on one page
# The month of the west-most place begins later than that of the east-most one.
_ZONES: Final = timedelta(hours=26)


@dataclass(frozen=True)
class Cell:
    """Nights in a row with one guest, or with none (`stay` is None)."""

    first: date
    nights: int
    stay: Stay | None
    is_first_night: bool = False  # the guest arrives on `first`


@dataclass(frozen=True)
class Row:
    """One property's month; stays that overlap others there stand in a row of their own."""

    id: int
    name: str
    zone: str
    lanes: tuple[tuple[Cell, ...], ...]
    stays: tuple[Stay, ...]


@dataclass(frozen=True, kw_only=True)
class Month:
    """The calendar of one month."""

    first: date
    days: tuple[date, ...]
    rows: tuple[Row, ...]
    page: int
    pages: int
    until: datetime  # when time alone next changes what is said of a stay

    @property
    def before(self) -> date:
        return (self.first - timedelta(days=1)).replace(day=1)

    @property
    def after(self) -> date:
        return _next(self.first)


def read(
    session: Session, first: date, page: int, now: datetime, property_id: int | None = None
) -> Month:
    """The month that begins on `first`, of one property or a page of all by name.

    Six queries at most. A property that the account does not have has no row.
    """
    chosen = [Property.id == property_id] if property_id is not None else []
    total = session.scalars(select(func.count(Property.id)).where(*chosen)).one()
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(page, pages)
    places = session.execute(
        select(Property.id, Property.name, Property.time_zone)
        .where(*chosen)
        .order_by(func.lower(Property.name), Property.id)
        .limit(PAGE_SIZE)
        .offset((page - 1) * PAGE_SIZE)
    ).all()
    end = _next(first)
    from_at = datetime.combine(first, time(0), tzinfo=ZoneInfo("UTC")) - _ZONES
    to_at = datetime.combine(end, time(0), tzinfo=ZoneInfo("UTC")) + _ZONES
    found = stays.load(
        session,
        [
            Booking.property_id.in_([place.id for place in places]),
            Booking.status == BookingStatus.CONFIRMED,
            Booking.starts_at < to_at,
            Booking.ends_at > from_at,
        ],
        now,
    )
    return Month(
        first=first,
        days=tuple(first + timedelta(days=number) for number in range((end - first).days)),
        rows=tuple(_row(place.id, place.name, place.time_zone, found, first) for place in places),
        page=page,
        pages=pages,
        until=stays.next_turn(found, now),
    )


def _row(place_id: int, name: str, zone: str, found: Sequence[Stay], first: date) -> Row:
    end = _next(first)
    shown = [
        stay
        for stay in found
        if stay.property_id == place_id and max(_arrives(stay), first) < min(_leaves(stay), end)
    ]
    lanes: list[list[Stay]] = []
    for stay in shown:
        free = next((lane for lane in lanes if _leaves(lane[-1]) <= _arrives(stay)), None)
        if free is None:
            lanes.append([stay])
        else:
            free.append(stay)
    cells = tuple(_cells(lane, first, end) for lane in lanes or [[]])
    return Row(place_id, name, zone, cells, tuple(shown))


def _cells(lane: Sequence[Stay], first: date, end: date) -> tuple[Cell, ...]:
    cells, day = [], first
    for stay in lane:
        begins, ends = max(_arrives(stay), first), min(_leaves(stay), end)
        cells += _empty(day, begins)
        cells.append(Cell(begins, (ends - begins).days, stay, _arrives(stay) >= first))
        day = ends
    return (*cells, *_empty(day, end))


def _empty(day: date, until: date) -> list[Cell]:
    return [Cell(day + timedelta(days=number), 1, None) for number in range((until - day).days)]


def _arrives(stay: Stay) -> date:
    return stay.starts_at.astimezone(ZoneInfo(stay.zone)).date()


def _leaves(stay: Stay) -> date:
    """The day after the last night; a stay of some hours counts as a night."""
    day = stay.ends_at.astimezone(ZoneInfo(stay.zone)).date()
    return max(day, _arrives(stay) + timedelta(days=1))


def _next(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
