"""A story with everything that judges it: the promises as they pass, and the world's report after.

A `Trial` lives through a story with the history of `benchmarks.world` written beside it. What it
finds wrong is a list of sentences; for the product as it is the list is empty.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from benchmarks import report
from benchmarks.history import History
from benchmarks.stage import Stage
from benchmarks.world_watch import Watch as Shoulder
from benchmarks.world_wire import Ground, Wire
from portal.extensions import db
from portal.models import Booking, WebhookEvent
from portal.schlage.events import parse_events
from tests.engine.promises import Watch
from tests.support.house import House

MUST_BE_ZERO: Final = (
    "avoidable_lockouts",
    "stale_over_15_min",
    "double_codes",
    "wrong_green",
    "unresolved",
    "pins_changed_after_told",
)


@dataclass(frozen=True)
class Story:
    """What happens, and what it may cost: writes, and seconds of up-time until all is done."""

    tell: Callable[["Trial"], None]
    posts: int
    converges_within: float


class Trial:
    """One house, watched and written down; `found` says what was wrong in the end."""

    def __init__(self, stage: Stage, path: Path) -> None:
        self.stage = stage
        self.watch = Watch(stage)
        self._path = path
        self._file = path.open("w", encoding="utf-8")
        self.history = History(self._file)
        world = {"policy": "latchboard", "bookings": 0, "seed": 0, "faults": "scripted", "days": 0}
        self.history.write(stage.now, "world", **world)
        ground = Ground(stage.cloud, self.history)
        stage.adapter = Wire(stage.cloud, ground, self.history, "story")
        self._ground = ground
        self.house = House(stage)

    def found(self, story: Story) -> list[str]:
        """The story, lived through to its end; one sentence for each thing that was wrong."""
        with self._file, Shoulder(self.history, self._ground, lambda *_: None) as shoulder:
            shoulder.device_of = {lock.id: lock.device_id for lock in self.house.locks}
            shoulder.locks_of = {self.house.place.id: list(shoulder.device_of.values())}
            story.tell(self)
            said = [*self.watch.broken, *self._unsettled()]
            self.history.write(self.stage.now, "end")
        return [*said, *self._figures(story), *self._backwards(), *self._stored_twice()]

    def tell_guest(self, booking: Booking) -> None:
        """The manager reads the PIN to the guest: from now on it must be the one."""
        pin = self.house.show_pin(booking)
        number = int(booking.external_id)
        self.history.write(self.stage.now, "told", booking=number, pin=pin)

    def _unsettled(self) -> list[str]:
        try:
            self.watch.assert_settled()
        except AssertionError as error:
            return [f"not settled in the end: {error}".splitlines()[0]]
        return []

    def _figures(self, story: Story) -> list[str]:
        figures = report.figures(self._path)
        said = [f"{name} is {figures[name]}" for name in MUST_BE_ZERO if figures[name]]
        posts = len([line for line in self._lines() if line["kind"] == "post"])
        if posts > story.posts:
            said.append(f"{posts} writes, where {story.posts} are enough")
        slowest = figures["converge_p99_s"] or 0.0
        if slowest > story.converges_within:
            said.append(f"{slowest:.0f} s to converge, where {story.converges_within:.0f} do")
        return said

    def _backwards(self) -> list[str]:
        """A command that was said to have succeeded never ends otherwise."""
        succeeded: set[int] = set()
        said = []
        for line in self._lines():
            if line["kind"] != "command":
                continue
            if line["state"] == "succeeded":
                succeeded.add(line["row"])
            elif line["row"] in succeeded:
                said.append(f"command {line['row']} went from succeeded to {line['state']}")
        return said

    @staticmethod
    def _stored_twice() -> list[str]:
        """I23: a webhook is stored once, however often it is delivered."""
        db.session.rollback()
        bodies = db.session.scalars(select(WebhookEvent.body)).all()
        ids = Counter(parse_events(body.reveal().encode())[0].event_id for body in bodies)
        return [f"webhook {name} is stored {n} times" for name, n in ids.items() if n > 1]

    def _lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._path.read_text().splitlines()]
