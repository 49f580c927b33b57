"""The world has nearly as many stays, as close together, as recorded feeds (106 to 154, 62 %)."""

import pytest

from benchmarks.world_plan import Plan, plan


def stays(made: Plan) -> list[tuple[int, str, str]]:
    """The unit, arrival and departure of every stay that is not cancelled in the end."""
    last = [(booking.place, booking.turns[-1].dates) for booking in made.bookings]
    return [(place, str(d.arrives_on), str(d.departs_on)) for place, d in last if d is not None]


@pytest.mark.parametrize("seed", ["1/0", "2/0", "3/1"])
def test_a_year_is_nearly_as_full_of_stays_as_recorded_ones(seed: str) -> None:
    made = plan(1000, seed, days=365)

    lived = stays(made)
    departures = {(place, departs) for place, _, departs in lived}
    turnovers = sum((place, arrives) in departures for place, arrives, _ in lived)

    assert 95 <= len(lived) / len(made.places) <= 154
    assert 0.55 <= turnovers / len(lived) <= 0.70
