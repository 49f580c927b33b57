"""The life of a command, as a table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.command import (
    LANE_OF,
    OPEN,
    TRANSITIONS,
    Event,
    IllegalTransition,
    Kind,
    Lane,
    State,
    next_state,
)

# News that a look-up, a webhook or the deadline can bring, in any order and any number.
NEWS = (Event.SUCCEEDED, Event.FAILED, Event.TIMED_OUT, Event.EXPIRED)
RANK = {
    Event.SUCCEEDED: State.SUCCEEDED,
    Event.FAILED: State.FAILED,
    Event.TIMED_OUT: State.TIMED_OUT,
    Event.EXPIRED: State.UNKNOWN,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_pair_is_either_in_the_table_or_refused(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(IllegalTransition, match=f"{event} while {state}"):
            next_state(state, event)


@given(st.lists(st.sampled_from(NEWS), min_size=1, max_size=12))
def test_news_of_an_accepted_command_ends_the_same_in_any_order_and_number(
    news: list[Event],
) -> None:
    state = State.ACCEPTED
    for event in news:
        state = next_state(state, event)

    best = min(set(news), key=NEWS.index)
    assert state is RANK[best]


@given(st.lists(st.sampled_from(NEWS), max_size=6))
def test_a_closed_command_never_opens_again(news: list[Event]) -> None:
    state = State.UNKNOWN
    for event in news:
        state = next_state(state, event)
        assert state not in OPEN


def test_only_a_command_that_was_certainly_not_sent_can_be_superseded() -> None:
    sources = {state for state, event in TRANSITIONS if event is Event.SUPERSEDED}

    assert sources == {State.INTENDED, State.SUPERSEDED}


def test_every_state_but_the_first_can_be_reached() -> None:
    assert set(TRANSITIONS.values()) | {State.INTENDED} == set(State)


def test_news_in_any_state_after_sending_is_legal() -> None:
    """A webhook must never meet a state that has no word for it."""
    closed = set(State) - OPEN - {State.SUPERSEDED}
    for state, event in itertools.product({State.ACCEPTED, *closed}, NEWS):
        assert (state, event) in TRANSITIONS


def test_the_bolt_never_waits_for_a_code() -> None:
    assert {LANE_OF[Kind.LOCK], LANE_OF[Kind.UNLOCK]} == {Lane.BOLT}
    codes = {kind for kind, lane in LANE_OF.items() if lane is Lane.CODES}
    assert codes == {Kind.ADD, Kind.UPDATE, Kind.DELETE, Kind.DELETE_ALL}
    assert set(LANE_OF) == set(Kind)
