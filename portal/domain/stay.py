"""When a stay begins and ends, and the window in which its code opens the door.

A stay is written in the property's zone, kept and computed in UTC. Wherever a local time exists
twice or not at all (clock changes), the reading that is better for the guest is taken: the earlier
start, the later end.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from portal.domain.sentences import Sentence

CLOCK_CHANGE_MARGIN = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

_NO_ZONE: Final = Sentence(
    "{name} is not a time zone. Use a name such as America/New_York or Europe/Rome."
)


@dataclass(frozen=True)
class Window:
    """The time in which a code opens the door: aware UTC, whole minutes, start before end."""

    starts_at: datetime
    ends_at: datetime

    def covers(self, other: "Window") -> bool:
        return self.starts_at <= other.starts_at and other.ends_at <= self.ends_at


@dataclass(frozen=True)
class Doubt:
    """What is left to know of dates on a lock that may have others than those it confirmed.

    All of `surely` is in them, unless it ends before it starts; nothing outside of `perhaps` is.
    """

    surely: Window
    perhaps: Window

    def with_also(self, other: Window) -> "Doubt":
        """The same, where the lock may have those dates too."""
        sure, wide = self.surely, self.perhaps
        return Doubt(
            Window(max(sure.starts_at, other.starts_at), min(sure.ends_at, other.ends_at)),
            Window(min(wide.starts_at, other.starts_at), max(wide.ends_at, other.ends_at)),
        )


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that name; raises ValueError with a remedy for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(_NO_ZONE(name=repr(name))) from error


def instants(on: date, at: time, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The earliest and the latest UTC instant that this local time can mean.

    Both are the same but where the clocks change: a time in the repeated hour means two instants,
    and for one in the skipped hour both readings stand on either side of the gap.
    """
    readings = [
        datetime.combine(on, at, tzinfo=zone).replace(fold=fold).astimezone(UTC) for fold in (0, 1)
    ]
    return min(readings), max(readings)


def stay_of(
    arrives_on: date, arrives_time: time, departs_on: date, departs_time: time, zone: ZoneInfo
) -> Window:
    """The stay as instants, without buffers; raises ValueError unless it ends after it starts."""
    starts_at = instants(arrives_on, arrives_time, zone)[0]
    ends_at = instants(departs_on, departs_time, zone)[1]
    if ends_at <= starts_at:
        raise ValueError("The departure must be after the arrival.")
    return Window(starts_at, ends_at)


def crosses_clock_change(window: Window, zone: ZoneInfo) -> bool:
    """Whether the zone's offset changes anywhere between start and end."""
    instant = window.starts_at
    offset = instant.astimezone(zone).utcoffset()
    while instant < window.ends_at:
        instant = min(instant + _DAY, window.ends_at)
        if instant.astimezone(zone).utcoffset() != offset:
            return True
    return False


def window_of(stay: Window, zone: ZoneInfo, before: timedelta, after: timedelta) -> Window:
    """The stay with its buffers, in whole minutes, never narrower than the stay.

    Around a clock change locks are known to be off by an hour in either direction (their own clock
    keeps wall time), so a window that crosses one is an hour wider at both ends.
    """
    window = Window(_floor(stay.starts_at - before), _ceil(stay.ends_at + after))
    # A lock that changes its clock late or early is wrong for a while on both sides of the change.
    near = Window(window.starts_at - CLOCK_CHANGE_MARGIN, window.ends_at + CLOCK_CHANGE_MARGIN)
    return near if crosses_clock_change(near, zone) else window


def _floor(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def _ceil(instant: datetime) -> datetime:
    floor = _floor(instant)
    return floor if floor == instant else floor + _MINUTE
