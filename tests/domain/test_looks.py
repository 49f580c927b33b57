"""A pending command is looked up at planned times, and soon again where nobody answered."""

from datetime import UTC, datetime, timedelta

import pytest

from portal.domain import looks

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DELAYS = (timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=5))


@pytest.mark.parametrize(("had", "minutes"), [(0, 1), (1, 2), (2, 5)])
def test_the_first_looks_are_planned_from_the_time_of_acceptance(had: int, minutes: int) -> None:
    now = NOON + timedelta(seconds=70)

    assert looks.planned(NOON, had, DELAYS, now) == NOON + timedelta(minutes=minutes)


def test_later_looks_follow_each_other_at_the_last_delay() -> None:
    now = NOON + timedelta(minutes=9)

    assert looks.planned(NOON, 3, DELAYS, now) == now + timedelta(minutes=5)


@pytest.mark.parametrize("planned_at", [None, NOON, NOON + timedelta(minutes=3)])
def test_a_look_that_nobody_answers_is_had_again_after_half_a_minute(
    planned_at: datetime | None,
) -> None:
    assert looks.had_again(planned_at, NOON) == NOON + looks.AGAIN


def test_it_does_not_put_off_a_planned_look_that_is_due_sooner() -> None:
    planned_at = NOON + timedelta(seconds=5)

    assert looks.had_again(planned_at, NOON) == planned_at
