"""Token buckets: those in the database and those in memory."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from portal import clock, tenancy
from portal.extensions import db
from portal.models import LimitBucket
from portal.services import limits
from portal.services.limits import Limit, Limited
from portal.unit_of_work import writing
from portal.views._throttle import Throttle

FIVE_AN_HOUR = Limit("test", 5, timedelta(hours=1))


def take(at: timedelta = timedelta(0), who: str = "somebody") -> bool:
    try:
        with writing() as session:
            limits.take(session, FIVE_AN_HOUR, who, NOW + at)
    except Limited:
        return False
    return True


NOW = clock.now()


def test_so_many_and_then_no_more_until_time_brings_one(app: Flask) -> None:
    assert [take() for _ in range(7)] == [True] * 5 + [False] * 2
    assert not take(timedelta(minutes=11))
    assert take(timedelta(minutes=12))
    assert not take(timedelta(minutes=12))


def test_who_is_limited_is_told_for_how_long(app: Flask) -> None:
    for _ in range(5):
        take()

    with pytest.raises(Limited) as limited, writing() as session:
        limits.take(session, FIVE_AN_HOUR, "somebody", NOW + timedelta(minutes=2))

    assert limited.value.retry_after == pytest.approx(timedelta(minutes=10), abs=timedelta(0, 1))


def test_buckets_are_apart(app: Flask) -> None:
    for _ in range(5):
        take()

    assert take(who="somebody else")


def test_a_bucket_never_holds_more_than_it_began_with(app: Flask) -> None:
    take()

    assert [take(timedelta(days=3)) for _ in range(7)] == [True] * 5 + [False] * 2


def test_a_token_given_back_can_be_taken_again_and_no_bucket_overflows(app: Flask) -> None:
    with writing() as session:
        limits.give_back(session, FIVE_AN_HOUR, "somebody", NOW)

    assert [take() for _ in range(6)] == [True] * 5 + [False]


def test_a_clock_set_back_neither_fills_nor_empties(app: Flask) -> None:
    for _ in range(4):
        take()

    assert take(timedelta(hours=-3))
    assert not take(timedelta(hours=-3))


def test_forgotten_buckets_are_full_ones(app: Flask) -> None:
    take(who="long ago")
    take(timedelta(days=2), who="now")

    assert db.session.scalar(select(func.count()).select_from(LimitBucket)) == 1


def test_tries_at_the_same_moment_cannot_all_slip_through(app: Flask) -> None:
    taken: list[bool] = []

    def attempt() -> None:
        with app.app_context(), tenancy.as_system():
            taken.append(take())

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (taken.count(True), taken.count(False)) == (5, 7)


class Seconds:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_throttle_lets_a_burst_through_and_then_so_many_a_second() -> None:
    seconds = Seconds()
    throttle = Throttle(burst=3, per_second=2, timer=seconds)

    waits = [throttle.take("a") for _ in range(4)]
    seconds.now += 0.5

    assert waits == [0, 0, 0, 0.5]
    assert throttle.take("a") == 0
    assert throttle.take("a") == 0.5
    assert throttle.take("b") == 0


@given(st.lists(st.floats(0, 3), max_size=200))
def test_a_throttle_never_lets_more_through_than_burst_and_pace(gaps: list[float]) -> None:
    seconds = Seconds()
    throttle = Throttle(burst=5, per_second=2, timer=seconds)
    through = 0

    for gap in gaps:
        seconds.now += gap
        through += throttle.take("a") == 0

    assert through <= 5 + 2 * seconds.now + 1e-6


def test_waiting_takes_no_token() -> None:
    throttle = Throttle(burst=1, per_second=1, timer=Seconds())

    assert [throttle.wait("a") for _ in range(3)] == [0, 0, 0]
    assert throttle.take("a") == 0
    assert throttle.wait("a") == 1


def test_a_throttle_forgets_the_oldest_so_that_it_cannot_be_filled_without_end() -> None:
    throttle = Throttle(burst=1, per_second=0.001, timer=Seconds())

    for number in range(10_050):
        throttle.take(number)

    assert throttle.wait(0) == 0
    assert throttle.wait(10_049) > 0
