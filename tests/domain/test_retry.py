"""How long to wait before the next try."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.retry import AT_THE_DOOR, JITTER, delay

FIRST = timedelta(seconds=60)
FAR = timedelta(days=3)
NEAR = timedelta(hours=24)


@pytest.mark.parametrize("needed_in", [FAR, NEAR, timedelta(0), timedelta(hours=-3)])
def test_the_first_retry_comes_after_a_minute_however_far_the_arrival(
    needed_in: timedelta,
) -> None:
    assert delay(1, needed_in, FIRST, 0) == FIRST


@pytest.mark.parametrize(("failures", "minutes"), [(2, 5), (3, 15), (4, 60), (5, 60), (500, 60)])
def test_far_from_the_arrival_it_is_patient(failures: int, minutes: int) -> None:
    assert delay(failures, FAR, FIRST, 0) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("failures", "minutes"), [(2, 1), (3, 2), (4, 2), (5, 2), (6, 4), (500, 4)]
)
@pytest.mark.parametrize("needed_in", [AT_THE_DOOR, timedelta(0), timedelta(hours=-20)])
def test_with_somebody_at_the_door_nothing_waits_long(
    failures: int, minutes: int, needed_in: timedelta
) -> None:
    assert delay(failures, needed_in, FIRST, 0) == timedelta(minutes=minutes)


@pytest.mark.parametrize(("failures", "minutes"), [(2, 3), (3, 10), (4, 15), (500, 15)])
def test_within_a_day_it_is_brisk(failures: int, minutes: int) -> None:
    assert delay(failures, NEAR, FIRST, 0) == timedelta(minutes=minutes)


@given(
    st.integers(-5, 10_000),
    st.timedeltas(timedelta(days=-30), timedelta(days=400)),
    st.floats(-1, 1),
)
def test_jitter_is_a_fifth_and_no_wait_is_empty(
    failures: int, needed_in: timedelta, jitter: float
) -> None:
    plain = delay(failures, needed_in, FIRST, 0)
    drawn = delay(failures, needed_in, FIRST, jitter)

    assert plain * (1 - JITTER) <= drawn <= plain * (1 + JITTER)
    assert drawn > timedelta(0)


@given(st.integers(1, 50), st.timedeltas(timedelta(0), timedelta(days=30)))
def test_a_nearer_arrival_never_waits_longer(failures: int, needed_in: timedelta) -> None:
    nearer = delay(failures, needed_in / 2, FIRST, 0)

    assert nearer <= delay(failures, needed_in, FIRST, 0)
