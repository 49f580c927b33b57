"""Where the simulator's time comes from: the wall clock, or a clock that a test moves."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol


class Clock(Protocol):
    """The current time, aware and in UTC."""

    def now(self) -> datetime: ...

    def move_to(self, at: datetime) -> None:
        """A virtual clock now says `at`, unless it is already later; a real one takes no orders."""

    def skip(self, seconds: float) -> None:
        """The clock is this many seconds further on."""


class RealClock:
    """The wall clock, which may be hurried (`scale` 60: a minute a second) and pushed ahead."""

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        self._anchor = self._shown = datetime.now(UTC)

    def now(self) -> datetime:
        return self._shown + (datetime.now(UTC) - self._anchor) * self.scale

    def move_to(self, at: datetime) -> None:
        """The wall clock goes on as it does."""

    def skip(self, seconds: float) -> None:
        self._shown += timedelta(seconds=seconds)

    def hurry(self, scale: float) -> None:
        """From this moment on the clock runs `scale` times as fast as the wall clock."""
        shown = self.now()
        self._anchor, self._shown, self.scale = datetime.now(UTC), shown, scale

    def to_row(self) -> dict[str, Any]:
        """A JSON object from which `from_row` makes a clock that never stopped meanwhile."""
        return {
            "scale": self.scale,
            "anchor": self._anchor.isoformat(),
            "shown": self._shown.isoformat(),
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "RealClock":
        clock = cls(row["scale"])
        clock._anchor = datetime.fromisoformat(row["anchor"])
        clock._shown = datetime.fromisoformat(row["shown"])
        return clock


class VirtualClock:
    """A clock that stands still until it is moved, and never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move_to(self, at: datetime) -> None:
        self._now = max(self._now, at)

    def skip(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
