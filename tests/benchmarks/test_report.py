"""Figures of histories that are written by hand, for what a lived world shows too seldom."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.history import History

MADE = datetime(2026, 1, 5, tzinfo=UTC)
ARRIVES = MADE + timedelta(days=20)
DEPARTS = ARRIVES + timedelta(days=2)
DUE = ARRIVES - timedelta(days=7)
DAY_BEFORE = ARRIVES - timedelta(hours=24)
END = ARRIVES + timedelta(days=30)


def never_confirmed(path: Path, split_brain: tuple[datetime, datetime]) -> None:
    """A stay whose code never comes, at a door that is in split brain from then to then."""
    begins, pressed = split_brain
    with path.open("w", encoding="utf-8") as file:
        history = History(file)
        history.write(
            MADE, "world", policy="latchboard", bookings=1, seed=1, faults="clean", days=60
        )
        history.write(
            MADE,
            "booking",
            event="made",
            booking=1,
            locks=["door"],
            arrives=ARRIVES,
            departs=DEPARTS,
            starts=ARRIVES - timedelta(hours=1),
            ends=DEPARTS + timedelta(hours=1),
            due=DUE,
            pin="4711",
        )
        history.write(
            begins, "shown", booking=1, lock="door", status="needs_you", problem="split_brain"
        )
        history.write(
            pressed,
            "click",
            action="delete_all",
            lock="door",
            booking=None,
            because="split_brain",
        )
        history.write(pressed, "shown", booking=1, lock="door", status="sending", problem=None)
        history.write(END, "end")


@pytest.mark.parametrize(
    ("begins", "pressed", "share"),
    [
        (timedelta(hours=-5), timedelta(hours=1), None),
        (timedelta(hours=-5), timedelta(minutes=-5), None),  # the emptied lock has ten minutes
        (timedelta(hours=-5), timedelta(hours=-1), 0.0),
        (timedelta(days=2), timedelta(days=3), 0.0),
    ],
    ids=["while it waits", "just after the press", "long after the press", "long before it"],
)
def test_only_an_excuse_at_that_moment_leaves_a_booking_out_of_the_share_ahead(
    tmp_path: Path, begins: timedelta, pressed: timedelta, share: float | None
) -> None:
    path = tmp_path / "history.jsonl"

    never_confirmed(path, (DAY_BEFORE + begins, DAY_BEFORE + pressed))

    assert report.figures(path)["confirmed_24h_ahead"] == share
