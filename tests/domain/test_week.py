"""Hours of the week: what they may be, and that they come back as they were written down."""

from datetime import time
from typing import Any

import pytest

from portal.domain.week import Weekday, WeeklyWindow, from_rows, in_order, to_rows

MORNINGS = WeeklyWindow(frozenset({Weekday.MONDAY, Weekday.FRIDAY}), time(9), time(12, 30))
EVENING = WeeklyWindow(frozenset({Weekday.SUNDAY}), time(18), time(20))


def test_what_is_written_down_reads_back_the_same() -> None:
    assert from_rows(to_rows([EVENING, MORNINGS])) == (MORNINGS, EVENING)
    assert from_rows(to_rows([])) == ()


def test_the_order_in_which_somebody_ticked_makes_no_difference() -> None:
    assert in_order([EVENING, MORNINGS]) == in_order([MORNINGS, EVENING])
    assert to_rows([EVENING, MORNINGS]) == to_rows([MORNINGS, EVENING])


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekdays": frozenset()},
        {"ends": time(9)},
        {"ends": time(8)},
        {"starts": time(9, 0, 30)},
    ],
)
def test_a_window_has_days_and_ends_after_it_starts_on_whole_minutes(wrong: dict[str, Any]) -> None:
    values = {"weekdays": MORNINGS.weekdays, "starts": MORNINGS.starts, "ends": MORNINGS.ends}

    with pytest.raises(ValueError, match="weekly window"):
        WeeklyWindow(**values | wrong)
