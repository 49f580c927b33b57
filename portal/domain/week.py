"""Hours of the week in which a staff code opens, by the lock's own clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Any, Final

# As many as the lock keeps for one code (dknowles2/pyschlage: schedule1 and schedule2).
MAX_WEEKLY_WINDOWS: Final = 2


class Weekday(StrEnum):
    """A day of the week as the wire names it, Monday first."""

    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


@dataclass(frozen=True)
class WeeklyWindow:
    """On these days, from `starts` to `ends` by the lock's own clock, within one day."""

    weekdays: frozenset[Weekday]
    starts: time
    ends: time

    def __post_init__(self) -> None:
        if not self.weekdays:
            raise ValueError("a weekly window needs at least one weekday")
        if self.starts >= self.ends:
            raise ValueError("a weekly window starts before it ends; split one over midnight")
        if any(moment.second or moment.microsecond for moment in (self.starts, self.ends)):
            raise ValueError("a weekly window starts and ends on whole minutes")


def to_rows(windows: Sequence[WeeklyWindow]) -> list[dict[str, Any]]:
    """The windows as JSON keeps them, always in the same order."""
    return [
        {
            "days": [str(day) for day in Weekday if day in window.weekdays],
            "starts": window.starts.isoformat("minutes"),
            "ends": window.ends.isoformat("minutes"),
        }
        for window in in_order(windows)
    ]


def from_rows(rows: Iterable[Mapping[str, Any]]) -> tuple[WeeklyWindow, ...]:
    """The windows that `to_rows` wrote down."""
    return tuple(
        WeeklyWindow(
            frozenset(Weekday(day) for day in row["days"]),
            time.fromisoformat(row["starts"]),
            time.fromisoformat(row["ends"]),
        )
        for row in rows
    )


def in_order(windows: Iterable[WeeklyWindow]) -> tuple[WeeklyWindow, ...]:
    """The windows in one order, whatever order somebody wrote them in."""
    days = list(Weekday)
    return tuple(
        sorted(
            windows,
            key=lambda w: (w.starts, w.ends, sorted(days.index(day) for day in w.weekdays)),
        )
    )
