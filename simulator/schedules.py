"""When a code opens the door: always, in weekly windows, or between two moments."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MOST_WEEKLY_WINDOWS = 2


class BadSchedule(ValueError):
    """The schedule of a request has a form, a zone or an order that the servers refuse."""


@dataclass(frozen=True, slots=True)
class WeeklyWindow:
    """Hours of the day, in the lock's own zone, on some days of the week."""

    start: time
    end: time
    days: tuple[str, ...]

    def covers(self, local: datetime) -> bool:
        return WEEK_DAYS[local.weekday()] in self.days and self.start <= local.time() < self.end


@dataclass(frozen=True, slots=True)
class Schedule:
    """One of `Always`, `Recurring` and `Temporary`, with what that type needs.

    `start` and `end` keep the offset they were sent with, because the lock below keeps wall time.
    """

    type: str = "Always"
    start: datetime | None = None
    end: datetime | None = None
    weekly: tuple[WeeklyWindow, ...] = ()

    def covers(self, at: datetime, zone: str, fixed_offset: timedelta | None = None) -> bool:
        """Whether a lock lets the code open at `at`.

        A lock whose clock missed a change of the clocks (`fixed_offset` from UTC) compares its own
        wrong wall time with the wall time it was sent.
        """
        if self.start is not None and self.end is not None:
            if fixed_offset is None:
                return self.start <= at < self.end
            shown = (at.astimezone(UTC) + fixed_offset).replace(tzinfo=None)
            return self.start.replace(tzinfo=None) <= shown < self.end.replace(tzinfo=None)
        if self.weekly:
            local = at.astimezone(ZoneInfo(zone))
            if fixed_offset is not None:
                local = at.astimezone(UTC) + fixed_offset
            return any(window.covers(local) for window in self.weekly)
        return True

    def details(self) -> dict[str, Any]:
        """The `scheduleDetails` of the wire; what was sent comes back with the same offset."""
        if self.start is not None and self.end is not None:
            return {
                "startDateTime": self.start.isoformat(),
                "endDateTime": self.end.isoformat(),
            }
        if self.weekly:
            return {
                "schedules": [
                    {
                        "startTime": window.start.isoformat("minutes"),
                        "endTime": window.end.isoformat("minutes"),
                        "activeWeekDays": list(window.days),
                    }
                    for window in self.weekly
                ]
            }
        return {}

    def to_wire(self) -> dict[str, Any]:
        """The `schedule` object of a create request."""
        details = self.details()
        return {"scheduleType": self.type} | ({"scheduleDetails": details} if details else {})


ALWAYS = Schedule()


def temporary(start: datetime, end: datetime) -> Schedule:
    """A schedule that opens from `start` until just before `end`."""
    return Schedule("Temporary", start, end)


def read_schedule(wire: Any, now: datetime | None = None) -> Schedule:
    """The schedule a request asks for; raises BadSchedule as the vendor's servers would refuse it.

    With `now`, a Temporary schedule that is over is refused too.
    """
    if wire is None:
        return ALWAYS
    if not isinstance(wire, dict):
        raise BadSchedule("not an object")
    details = wire.get("scheduleDetails") or {}
    match wire.get("scheduleType"):
        case "Always":
            return ALWAYS
        case "Temporary":
            return _read_temporary(details, now)
        case "Recurring":
            return _read_recurring(details)
    raise BadSchedule("unknown type")


def _read_temporary(details: Any, now: datetime | None) -> Schedule:
    try:
        start = datetime.fromisoformat(details["startDateTime"])
        end = datetime.fromisoformat(details["endDateTime"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadSchedule("no start or end") from error
    if start.tzinfo is None or end.tzinfo is None:
        raise BadSchedule("no offset")
    if start.second or end.second or start.microsecond or end.microsecond:
        raise BadSchedule("not whole minutes")
    if start >= end or (now is not None and end <= now):
        raise BadSchedule("over before it begins")
    return Schedule("Temporary", start, end)


def _read_recurring(details: Any) -> Schedule:
    try:
        windows = tuple(
            WeeklyWindow(
                time.fromisoformat(window["startTime"]),
                time.fromisoformat(window["endTime"]),
                tuple(window["activeWeekDays"]),
            )
            for window in details["schedules"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadSchedule("not a weekly window") from error
    if not 1 <= len(windows) <= MOST_WEEKLY_WINDOWS:
        raise BadSchedule("one or two weekly windows")
    for window in windows:
        if window.start >= window.end or not window.days or not set(window.days) <= set(WEEK_DAYS):
            raise BadSchedule("not a weekly window")
    return Schedule("Recurring", weekly=windows)
