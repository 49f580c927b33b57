"""What happens to locks and to the API by itself: outages, late notices, split brain."""

from random import Random

from simulator.core import Core, FactKind
from simulator.lock import Accessor, Lock
from simulator.webhooks import Webhooks

DAY = 86_400.0
HOUR = 3_600.0
BACK_WITHIN = (0.0, 30.0)
"""Seconds until the cloud shows a lock that came back."""


class Weather:
    """Draws the outages of the present faults, and carries out ups and downs.

    Every planned event bears the number of the weather it was planned in; after a change of
    faults the old ones pass without effect, but what is down still comes up.
    """

    def __init__(self, core: Core, webhooks: Webhooks) -> None:
        self._core = core
        self._webhooks = webhooks
        self._chances: dict[tuple[int, int, str], Random] = {}

    def begin(self) -> None:
        """Outages and split brain come as the present faults say, from now on."""
        self._core.settings.weather += 1
        self._core.keep_settings()
        if self._core.settings.faults.api_outage_every_days:
            self._plan_api_outage()
        for lock in self._core.locks.values():
            self.begin_for(lock)

    def begin_for(self, lock: Lock) -> None:
        """The lock has its share of the present weather."""
        faults, chance = self._core.faults_of(lock), self._chance_of(lock)
        if faults.lock_outage_every_days:
            self._plan_lock_outage(lock)
        if chance.random() < faults.split_brain_locks:
            self._plan(
                chance.uniform(0, faults.split_brain_within_days * DAY), "brain_splits", lock.id
            )

    def _chance_of(self, lock: Lock) -> Random:
        """The lock's luck with the weather, which what is written to it does not disturb."""
        settings = self._core.settings
        key = (settings.seed, settings.starts, lock.id)
        if key not in self._chances:
            self._chances[key] = self._core.stream("weather", lock.id)
        return self._chances[key]

    def brain_splits(self, lock_id: str, weather: str) -> None:
        """The lock and the server part at one of the next writes."""
        lock = self._core.locks.get(lock_id)
        if lock is None or not self._is_current(weather):
            return
        chance = self._chance_of(lock)
        if chance.random() < 0.5:
            lock.script.push("split_brain_a", only="add")
        else:
            lock.script.push("split_brain_b", only=chance.choice(["update", "delete"]))
        self._core.keep(lock)

    def lock_outage(self, lock_id: str, weather: str) -> None:
        """The lock is lost for some hours, and the next outage after that is planned."""
        lock = self._core.locks.get(lock_id)
        if lock is None or not self._is_current(weather):
            return
        if lock.is_connected:
            hours = self._chance_of(lock).uniform(*self._core.faults_of(lock).lock_outage_hours)
            self.set_connected(lock, False)
            self._core.after(hours * HOUR, "lock_back", lock_id)
        self._plan_lock_outage(lock)

    def lock_back(self, lock_id: str) -> None:
        lock = self._core.locks.get(lock_id)
        if lock is not None:
            self.set_connected(lock, True)

    def api_outage(self, weather: str) -> None:
        """The API answers nothing but 502 and 504 for some hours."""
        if not self._is_current(weather):
            return
        hours = self._core.chance.uniform(*self._core.settings.faults.api_outage_hours)
        self.set_api(False)
        self._core.after(hours * HOUR, "api_back")
        self._plan_api_outage()

    def api_back(self) -> None:
        self.set_api(True)

    def set_api(self, is_up: bool) -> None:
        """The API answers, or does not."""
        if is_up == self._core.settings.api_is_up:
            return
        self._core.settings.api_is_up = is_up
        self._core.keep_settings()
        self._core.tell(FactKind.UP if is_up else FactKind.DOWN)

    def set_connected(self, lock: Lock, is_connected: bool) -> None:
        """The lock can be reached, or cannot; the cloud notices in its own time."""
        if is_connected == lock.is_connected:
            return
        lock.is_connected = is_connected
        lock.down_since = None if is_connected else self._core.now()
        notice = BACK_WITHIN if is_connected else self._core.faults_of(lock).offline_notice
        self._core.after(self._chance_of(lock).uniform(*notice), "notice", lock.id)
        self._core.keep(lock)
        self._core.tell(FactKind.UP if is_connected else FactKind.DOWN, lock.id)

    def notice(self, lock_id: str) -> None:
        """The cloud shows what is so, and says so if it is news.

        A lock that was away reports its bolt on return, without who moved it.
        """
        lock = self._core.locks.get(lock_id)
        if lock is None or lock.shown_connected == lock.is_connected:
            return
        lock.shown_connected = lock.is_connected
        self._core.keep(lock)
        self._webhooks.connectivity_changed(lock)
        if lock.is_connected:
            self._webhooks.lock_moved(lock, Accessor("AccessTypeUnavailable"))

    def _plan_lock_outage(self, lock: Lock) -> None:
        mean = self._core.faults_of(lock).lock_outage_every_days * DAY
        if mean:
            self._plan(self._chance_of(lock).expovariate(1 / mean), "lock_outage", lock.id)

    def _plan_api_outage(self) -> None:
        mean = self._core.settings.faults.api_outage_every_days * DAY
        self._plan(self._core.chance.expovariate(1 / mean), "api_outage")

    def _plan(self, seconds: float, kind: str, *args: str) -> None:
        self._core.after(seconds, kind, *args, str(self._core.settings.weather))

    def _is_current(self, weather: str) -> bool:
        return weather == str(self._core.settings.weather)
