"""Waits are spread, and by a source that whoever runs the product may bring."""

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from portal import jitter

PAUSES = st.timedeltas(timedelta(0), timedelta(days=30))
SHARES = st.floats(0, 1)
SOON = timedelta(microseconds=1)


@given(PAUSES, SHARES)
def test_a_pause_is_spread_by_its_share_and_no_more(pause: timedelta, share: float) -> None:
    spread = jitter.around(pause, share)

    assert pause * (1 - share) - SOON <= spread <= pause * (1 + share) + SOON


@given(PAUSES, SHARES)
def test_a_least_pause_is_never_cut_short(pause: timedelta, share: float) -> None:
    assert pause <= jitter.beyond(pause, share) <= pause * (1 + share) + SOON


def test_one_source_brings_the_same_waits_again() -> None:
    def waits() -> list[timedelta]:
        with jitter.drawn_from(Random(7)):
            return [jitter.around(timedelta(minutes=1), 0.2) for _ in range(5)]

    first = waits()

    assert waits() == first
    assert len(set(first)) == 5


def test_after_the_block_waits_are_drawn_as_before() -> None:
    with jitter.drawn_from(Random(7)):
        inside = jitter.draw()

    with jitter.drawn_from(Random(7)):
        assert jitter.draw() == inside
    assert jitter.draw() != Random(7).uniform(-1, 1)
