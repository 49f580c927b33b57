"""A year of bookings at many doors, drawn from a seed: what will be booked, and changed.

The shares are those of recorded feeds where we have any: a unit has 138 to 150 stays a year, of 1.9
nights in the mean and 2 in the median; 59 to 75 % of the arrivals fall on another guest's departure
day, 4 % of the bookings come in on the arrival day, the median lead is 30 days. What is cancelled,
and a calendar that is not booked out, leave gaps: what is drawn is denser than what is lived
through.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

START: Final = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
ZONES: Final = ("America/New_York", "Europe/Rome")
# Bookings, with those that are cancelled.
PER_UNIT_AND_YEAR: Final = 150
CHECK_IN: Final = time(16, 0)
CHECK_OUT: Final = time(11, 0)
FIRST_ARRIVAL: Final = timedelta(days=1)
# In less time hardly a stay begins and ends, and none at all in less than five days.
FEWEST_DAYS: Final = 14
# The guest is told the PIN this long before the arrival, or as soon as the booking is made.
TOLD_BEFORE: Final = timedelta(hours=48)
LEAD: Final = timedelta(days=7)
BUFFER: Final = timedelta(hours=1)

_NIGHTS: Final = 1.75  # in the median, before they are whole ones
_BACK_TO_BACK: Final = 0.75
_SAME_DAY: Final = 0.04
_TWO_DAYS: Final = 0.06
_CANCELLED: Final = 0.12
_REBOOKED: Final = 0.5
_CHANGED: Final = 0.12
_SHARED: Final = 0.1
_PHONE: Final = 0.3
_SETTLES: Final = timedelta(minutes=5)
_MOVES: Final = ("longer", "shorter", "later_arrival", "late_check_out", "early_check_in")


@dataclass(frozen=True)
class PlannedLock:
    """A lock to be put up. Without `vlac` its first code fixes the length of all."""

    id: str
    name: str
    zone: str
    vlac: bool


@dataclass(frozen=True)
class PlannedProperty:
    """A unit, and which locks (by their place in the plan) open it."""

    name: str
    zone: str
    locks: tuple[int, ...]
    has_phone_pins: bool


@dataclass(frozen=True)
class Dates:
    """When a guest is there, as a source says it; no time means the property's own."""

    arrives_on: date
    departs_on: date
    arrives_time: time | None = None
    departs_time: time | None = None


@dataclass(frozen=True)
class Turn:
    """Something that is told of a booking at a moment: its dates, or None for a cancellation."""

    at: datetime
    dates: Dates | None


@dataclass
class PlannedBooking:
    """One booking with all that will become of it; the first turn makes it."""

    number: int
    place: int
    guest: str
    phone: str
    turns: list[Turn]
    told_at: datetime


@dataclass
class Plan:
    """Everything that people will do in one world."""

    seed: str
    start: datetime
    end: datetime
    locks: list[PlannedLock] = field(default_factory=list)
    places: list[PlannedProperty] = field(default_factory=list)
    bookings: list[PlannedBooking] = field(default_factory=list)


@dataclass(frozen=True)
class _Slot:
    """One stay in a property's calendar, with the first day that is somebody else's again."""

    place: int
    arrives_on: date
    departs_on: date
    free_from: date
    free_until: date


def plan(bookings: int, seed: str, days: int, first_number: int = 1) -> Plan:
    """The world of this seed: exactly so many bookings, all of them over after `days`."""
    random = Random(f"{seed}/plan")
    made = Plan(seed, START, START + timedelta(days=days))
    count = max(1, math.ceil(bookings / (PER_UNIT_AND_YEAR * days / 365)))
    drawn: list[PlannedBooking] = []
    while len(drawn) < bookings:
        _places(made, count, random)
        slots = [slot for place in range(count) for slot in _calendar(made, place, random)]
        random.shuffle(slots)
        drawn = [booking for slot in slots for booking in _stories(made, slot, random)]
        count += max(1, count // 10)
    made.bookings = sorted(drawn[:bookings], key=lambda b: (b.turns[0].at, b.place))
    for number, booking in enumerate(made.bookings, start=first_number):
        booking.number = number
    return made


def instant(on: date, at: time, zone: str) -> datetime:
    """A local time as an instant in UTC."""
    return datetime.combine(on, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _places(made: Plan, count: int, random: Random) -> None:
    made.locks, made.places = [], []
    # So many in every world, not by chance: a front door has the codes of both its units.
    shared = math.ceil(_SHARED * count) if count > 1 else 0
    behind = [2] * shared + [1] * (count - 2 * shared)
    random.shuffle(behind)
    for units in behind:
        zone = random.choice(ZONES)
        front = None
        if units > 1:
            front = _put_up(made, f"Front door {len(made.locks)}", zone, random)
        for _ in range(units):
            number = len(made.places)
            own = _put_up(made, f"Door {number}", zone, random)
            locks = (own,) if front is None else (front, own)
            made.places.append(
                PlannedProperty(f"Unit {number}", zone, locks, random.random() < _PHONE)
            )


def _put_up(made: Plan, name: str, zone: str, random: Random) -> int:
    # What befalls a lock hangs on its id: so it is the same whatever the policy.
    lock_id = str(uuid5(NAMESPACE_OID, f"{made.seed}/{name}"))
    made.locks.append(PlannedLock(lock_id, name, zone, random.random() < 0.5))
    return len(made.locks) - 1


def _calendar(made: Plan, place: int, random: Random) -> list[_Slot]:
    """The stays of one property over the whole time, one after the other."""
    day = (made.start + FIRST_ARRIVAL).date() + timedelta(days=random.randrange(7))
    last = made.end.date() - timedelta(days=3)
    stays: list[tuple[date, date]] = []
    while True:
        if random.random() >= _BACK_TO_BACK:
            day += timedelta(days=1 + min(int(random.expovariate(1 / 1.25)), 60))
        nights = min(max(1, round(random.lognormvariate(math.log(_NIGHTS), 0.5))), 21)
        if day + timedelta(days=nights) > last:
            break
        stays.append((day, day + timedelta(days=nights)))
        day += timedelta(days=nights)
    ends = [made.start.date(), *(end for _, end in stays)]
    begins = [*(begin for begin, _ in stays[1:]), last]
    return [
        _Slot(place, begin, end, before, after)
        for (begin, end), before, after in zip(stays, ends, begins, strict=False)
    ]


def _stories(made: Plan, slot: _Slot, random: Random) -> list[PlannedBooking]:
    """What becomes of a stay: booked, perhaps moved, perhaps cancelled and booked by another."""
    zone = made.places[slot.place].zone
    dates = Dates(slot.arrives_on, slot.departs_on)
    check_in = instant(slot.arrives_on, CHECK_IN, zone)
    check_out = instant(slot.departs_on, CHECK_OUT, zone)
    made_at = _made_at(made.start, check_in, random)
    turns = [Turn(made_at, dates)]
    drawn = random.random()
    if drawn < _CANCELLED:
        latest = check_out if random.random() < 0.15 else check_in
        if latest - made_at > _SETTLES:
            turns.append(Turn(_between(made_at + _SETTLES, latest, random), None))
    elif drawn < _CANCELLED + _CHANGED:
        latest = check_out - timedelta(hours=2) if random.random() < 0.4 else check_in
        if latest - made_at > _SETTLES:
            at = _between(made_at + _SETTLES, latest, random)
            moved = _moved(slot, dates, at, zone, random)
            if moved != dates:
                turns.append(Turn(at, moved))
    story = [_booking(slot.place, turns, zone, random)]
    cancelled_at = turns[-1].at if turns[-1].dates is None else None
    if cancelled_at and cancelled_at < check_in and random.random() < _REBOOKED:
        again = _between(cancelled_at, check_in, random)
        story.append(_booking(slot.place, [Turn(again, dates)], zone, random))
    return story


def _booking(place: int, turns: list[Turn], zone: str, random: Random) -> PlannedBooking:
    dates = turns[0].dates
    assert dates is not None
    arrives = instant(dates.arrives_on, dates.arrives_time or CHECK_IN, zone)
    told_at = max(arrives - TOLD_BEFORE, turns[0].at + _SETTLES)
    phone = "+1555" + "".join(random.choice("0123456789") for _ in range(7))
    guest = random.choice(_GUESTS)
    return PlannedBooking(0, place, guest, phone, turns, told_at)


def _made_at(start: datetime, check_in: datetime, random: Random) -> datetime:
    drawn = random.random()
    if drawn < _SAME_DAY:
        lead = random.uniform(-1, 10) * 3600
    elif drawn < _SAME_DAY + _TWO_DAYS:
        lead = random.uniform(10, 48) * 3600
    else:
        lead = random.lognormvariate(math.log(30), 0.9) * 86400
    return max(
        start + timedelta(minutes=random.uniform(1, 120)), check_in - timedelta(seconds=lead)
    )


def _moved(slot: _Slot, dates: Dates, at: datetime, zone: str, random: Random) -> Dates:
    """Other dates for the stay that keep clear of the neighbours; the same where none do."""
    is_inside = at >= instant(dates.arrives_on, CHECK_IN, zone)
    today = at.astimezone(ZoneInfo(zone)).date()
    kind = random.choice(_MOVES[:2] if is_inside else _MOVES)
    one = timedelta(days=1)
    arrives_on, departs_on = dates.arrives_on, dates.departs_on
    if kind == "longer" and slot.free_until > departs_on:
        extra = min((slot.free_until - departs_on).days, random.randint(1, 4))
        return Dates(arrives_on, departs_on + extra * one)
    if kind == "shorter" and departs_on - one > max(arrives_on, today):
        return Dates(arrives_on, departs_on - one)
    if kind == "later_arrival" and arrives_on + one < departs_on:
        return Dates(arrives_on + one, departs_on)
    if kind == "late_check_out" and slot.free_until > departs_on:
        return Dates(arrives_on, departs_on, departs_time=time(14, 30))
    if kind == "early_check_in" and slot.free_from < arrives_on:
        return Dates(arrives_on, departs_on, arrives_time=time(12, 15))
    return dates


def _between(first: datetime, last: datetime, random: Random) -> datetime:
    return first + (last - first) * random.random()


_GUESTS: Final = (
    "Ana Ruiz", "Ben Okafor", "Chiara Conti", "Dmitri Orlov", "Emi Sato", "Fatima Zahra",
    "Göran Åberg", "Hana Nováková", "Ivo Marin", "Jo", "Kwame Mensah", "Lữ Thị Hoa",
    "María-José García", "Noah Smith", "O'Neill Family", "Priya Raghunathan",
)  # fmt: skip
