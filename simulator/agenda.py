"""What is to happen, in order of time: events are plain data, so that they survive a restart."""

import heapq
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.store import NoStore, Store


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """At `at` the handler called `kind` runs with `args`; equal times run in order of `number`."""

    at: datetime
    number: int
    kind: str
    args: tuple[str, ...]

    def to_row(self) -> dict[str, Any]:
        return {"at": self.at.isoformat(), "kind": self.kind, "args": self.args}


class Agenda:
    """A heap of events."""

    def __init__(self, store: Store | None = None) -> None:
        self._store = store or NoStore()
        self._heap: list[Event] = []
        self._next = 1

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, at: datetime, kind: str, *args: str) -> None:
        event = Event(at, self._next, kind, args)
        self._next += 1
        heapq.heappush(self._heap, event)
        self._store.put("event", str(event.number), event)

    def next_at(self) -> datetime | None:
        """When the next event is due, or None when nothing is to come."""
        return self._heap[0].at if self._heap else None

    def pop_due(self, until: datetime) -> Event | None:
        """The earliest event that is due by `until`, taken off the agenda; None when none is."""
        if not self._heap or self._heap[0].at > until:
            return None
        event = heapq.heappop(self._heap)
        self._store.drop("event", str(event.number))
        return event

    def restore(self, number: str, row: dict[str, Any]) -> Event:
        """An event of an earlier run is on the agenda again."""
        event = Event(
            datetime.fromisoformat(row["at"]), int(number), row["kind"], tuple(row["args"])
        )
        heapq.heappush(self._heap, event)
        self._next = max(self._next, event.number + 1)
        return event
