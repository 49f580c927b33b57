"""When a code opens the door, in the form Schlage takes it.

Times go out with the UTC offset of the lock's own zone and in whole minutes, because the lock
keeps local wall time and its platform knows no seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from portal.domain.week import MAX_WEEKLY_WINDOWS, Weekday, WeeklyWindow
from portal.schlage.payloads import ScheduleType

__all__ = [
    "MAX_WEEKLY_WINDOWS",
    "Schedule",
    "Weekday",
    "WeeklyWindow",
    "always_schedule",
    "code_as_json",
    "recurring_schedule",
    "temporary_schedule",
]


@dataclass(frozen=True)
class Schedule:
    """When a code opens; made by one of the functions below.

    `starts_at` and `ends_at` are in the lock's zone and None for a schedule without an end.
    """

    schedule_type: ScheduleType
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    windows: tuple[WeeklyWindow, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The schedule as it stands in a request."""
        if self.schedule_type is ScheduleType.ALWAYS:
            return {"scheduleType": self.schedule_type.value}
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


def always_schedule() -> Schedule:
    """A schedule without hours. It has no end either: only a removal ends it."""
    return Schedule(ScheduleType.ALWAYS)


def code_as_json(label: str, pin: str, schedule: Schedule) -> dict[str, object]:
    """The body of a request that adds or changes a code. The PIN is text: it may start with 0."""
    return {"name": label, "accessCode": pin, "schedule": schedule.as_json()}
