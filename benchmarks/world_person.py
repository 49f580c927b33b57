"""The person behind the pages: told at once, in no hurry, and counted at every click."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final, Protocol

from benchmarks.history import Sink
from simulator.cloud import Cloud

MEDIAN_HOURS: Final = 2.0
_SPREAD: Final = 0.8
_LOCK_AWAY: Final = timedelta(hours=1)
_TO_THE_APP: Final = timedelta(minutes=2)


class Hands(Protocol):
    """What a policy lets the person do."""

    def resync(self, booking: int) -> None:
        """Resync was pressed on this booking."""

    def begin_rebuild(self, lock: str) -> datetime | None:
        """What the pages want done before Delete All, in one click; a later time to come back."""

    def end_rebuild(self, lock: str) -> int:
        """What the pages offer after Delete All was done; how many clicks it took."""

    def needs_delete_all(self, lock: str) -> bool:
        """Whether a page still asks for Delete All on this lock."""

    def needs_resync(self, booking: int) -> bool:
        """Whether a page still asks for a person's help with this booking."""


class Person:
    """Acts on what pages ask for, a median of two hours after it was first shown."""

    def __init__(
        self,
        cloud: Cloud,
        history: Sink,
        at: Callable[[datetime, Callable[[], None]], None],
        seed: str,
    ) -> None:
        self.hands: Hands | None = None
        self._cloud = cloud
        self._history = history
        self._at = at
        self._random = Random(f"{seed}/person")
        self._planned: set[tuple[str, object]] = set()

    def asked_to_delete_all(self, lock: str) -> None:
        """A page says that only Delete All in the Schlage Home app helps this lock."""
        self._later(("delete_all", lock), lambda: self._delete_all(lock))

    def asked_to_help(self, booking: int, because: str) -> None:
        """A page says that this booking needs a person, and offers Resync."""
        self._later(("resync", booking), lambda: self._resync(booking, because))

    def _later(self, key: tuple[str, object], act: Callable[[], None]) -> None:
        if key in self._planned:
            return
        self._planned.add(key)

        def come() -> None:
            self._planned.discard(key)
            act()

        hours = self._random.lognormvariate(math.log(MEDIAN_HOURS), _SPREAD)
        self._at(self._cloud.clock.now() + timedelta(hours=hours), come)

    def _delete_all(self, lock_id: str) -> None:
        assert self.hands is not None
        if not self.hands.needs_delete_all(lock_id):
            return
        now = self._cloud.clock.now()
        is_in_reach = (
            self._cloud.locks[lock_id].is_connected and self._cloud.core.settings.api_is_up
        )
        back_at = self.hands.begin_rebuild(lock_id) if is_in_reach else now + _LOCK_AWAY
        self._planned.add(("delete_all", lock_id))
        if back_at is not None:
            self._at(back_at, lambda: self._return(lock_id))
            return
        self._click("rebuild", lock=lock_id)
        self._at(now + _TO_THE_APP, lambda: self._press(lock_id))

    def _return(self, lock_id: str) -> None:
        self._planned.discard(("delete_all", lock_id))
        self._delete_all(lock_id)

    def _press(self, lock_id: str) -> None:
        """Delete All in the Schlage Home app, and back to the page."""
        assert self.hands is not None
        self._planned.discard(("delete_all", lock_id))
        self._click("delete_all", lock=lock_id)
        with self._cloud.steady():
            self._cloud.people.delete_all(self._cloud.locks[lock_id])
        for _ in range(self.hands.end_rebuild(lock_id)):
            self._click("rebuild", lock=lock_id)

    def _resync(self, booking: int, because: str) -> None:
        assert self.hands is not None
        if not self.hands.needs_resync(booking):
            return
        self._click("resync", booking=booking, because=because)
        self.hands.resync(booking)

    def _click(
        self,
        action: str,
        lock: str | None = None,
        booking: int | None = None,
        because: str | None = None,
    ) -> None:
        self._history.write(
            self._cloud.clock.now(),
            "click",
            action=action,
            lock=lock,
            booking=booking,
            because=because,
        )
