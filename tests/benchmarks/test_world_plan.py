"""The world has nearly as many stays, as short and as close together, as recorded feeds.

Those have 138 to 150 a year, of 1.8 to 2 nights, 59 to 75 % of them on a departure day.
"""

from collections import Counter
from datetime import date
from statistics import fmean

import pytest

from benchmarks.world_plan import Plan, plan


def stays(made: Plan) -> list[tuple[int, date, date]]:
    """The unit, arrival and departure of every stay that is not cancelled in the end."""
    last = [(booking.place, booking.turns[-1].dates) for booking in made.bookings]
    return [(place, d.arrives_on, d.departs_on) for place, d in last if d is not None]


@pytest.mark.parametrize("seed", ["1/0", "2/0", "3/1"])
def test_a_year_is_nearly_as_full_of_stays_as_recorded_ones(seed: str) -> None:
    made = plan(1000, seed, days=365)

    lived = stays(made)
    departures = {(place, departs) for place, _, departs in lived}
    turnovers = sum((place, arrives) in departures for place, arrives, _ in lived)

    assert 120 <= len(lived) / len(made.places) <= 150
    assert 0.59 <= turnovers / len(lived) <= 0.75


@pytest.mark.parametrize("seed", ["1/0", "2/0", "3/1"])
def test_a_stay_is_as_long_as_recorded_ones(seed: str) -> None:
    lived = stays(plan(1000, seed, days=365))

    nights = [(departs - arrives).days for _, arrives, departs in lived]

    assert 1.75 <= fmean(nights) <= 2.1


@pytest.mark.parametrize("seed", ["1/0", "2/0", "3/1"])
def test_every_world_has_front_doors_that_two_units_share(seed: str) -> None:
    made = plan(1000, seed, days=365)

    behind = Counter(lock for place in made.places for lock in place.locks)

    assert sorted(behind.values()) == [1] * len(made.places) + [2]
