"""When a rebuild's Delete All is sent once more."""

from datetime import timedelta

import pytest

from portal.domain.command import UNCERTAIN, State
from portal.domain.rebuild import DELETE_AGAIN_AFTER, is_to_be_sent_again
from tests.domain.facts import NOW

LONG_AGO = NOW - DELETE_AGAIN_AFTER


@pytest.mark.parametrize("outcome", sorted(UNCERTAIN))
def test_delete_all_is_sent_again_where_nobody_knows_what_became_of_it(outcome: State) -> None:
    assert is_to_be_sent_again(outcome, LONG_AGO, NOW)


@pytest.mark.parametrize("outcome", sorted(UNCERTAIN))
def test_the_list_has_time_to_show_what_became_of_it(outcome: State) -> None:
    assert not is_to_be_sent_again(outcome, LONG_AGO + timedelta(seconds=1), NOW)


@pytest.mark.parametrize("outcome", sorted(set(State) - UNCERTAIN))
def test_delete_all_is_not_sent_again_after_a_clear_answer(outcome: State) -> None:
    assert not is_to_be_sent_again(outcome, LONG_AGO, NOW)
