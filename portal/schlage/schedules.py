"""When a code opens the door, in the form Schlage takes it.

Times go out with the UTC offset of the lock's own zone and in whole minutes, because the lock
keeps local wall time and its platform knows no seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from portal.schlage.payloads import ScheduleType

#: As many as the lock keeps for one code (dknowles2/pyschlage: schedule1 and schedule2).
MAX_WEEKLY_WINDOWS = 2


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


@dataclass(frozen=True)
class Schedule:
    """When a code opens; made by `temporary_schedule` or `recurring_schedule`.

    `starts_at` and `ends_at` are in the lock's zone and None for a recurring schedule.
    """

    schedule_type: ScheduleType
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    windows: tuple[WeeklyWindow, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The schedule as it stands in a request."""
        return {"scheduleType": self.schedule_type.value, "scheduleDetails": self._details()}

    def _details(self) -> dict[str, object]:
        if self.starts_at is not None and self.ends_at is not None:
            return {
                "startDateTime": self.starts_at.isoformat(timespec="seconds"),
                "endDateTime": self.ends_at.isoformat(timespec="seconds"),
            }
        return {
            "schedules": [
                {
                    "startTime": window.starts.isoformat(timespec="minutes"),
                    "endTime": window.ends.isoformat(timespec="minutes"),
                    "activeWeekDays": [day.value for day in Weekday if day in window.weekdays],
                }
                for window in self.windows
            ]
        }


def temporary_schedule(starts_at: datetime, ends_at: datetime, zone: tzinfo) -> Schedule:
    """A schedule over the whole window, in whole minutes, with the offsets of the lock's zone.

    A part of a minute widens the window and never narrows it. Both moments are aware; the end
    comes after the start. Raises ValueError otherwise.
    """
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        raise ValueError("a window needs moments with a time zone")
    # In UTC first: moments of one zone are compared and added by the wall clock, which repeats
    # an hour in autumn.
    start, end = starts_at.astimezone(UTC), ends_at.astimezone(UTC)
    if start >= end:
        raise ValueError("a window ends after it starts")
    end += timedelta(minutes=1, microseconds=-1)
    return Schedule(
        ScheduleType.TEMPORARY,
        starts_at=start.replace(second=0, microsecond=0).astimezone(zone),
        ends_at=end.replace(second=0, microsecond=0).astimezone(zone),
    )


def recurring_schedule(windows: Sequence[WeeklyWindow]) -> Schedule:
    """A schedule of one or two weekly windows. It has no end: only a removal ends it."""
    if not 1 <= len(windows) <= MAX_WEEKLY_WINDOWS:
        raise ValueError(f"a recurring schedule has 1 to {MAX_WEEKLY_WINDOWS} weekly windows")
    return Schedule(ScheduleType.RECURRING, windows=tuple(windows))


def code_as_json(label: str, pin: str, schedule: Schedule) -> dict[str, object]:
    """The body of a request that adds or changes a code. The PIN is text: it may start with 0."""
    return {"name": label, "accessCode": pin, "schedule": schedule.as_json()}
