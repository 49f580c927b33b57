"""What all parts of the simulated cloud share: time, chance, the locks, the store, the facts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any

from simulator import rng as chance
from simulator.agenda import Agenda
from simulator.clock import Clock, RealClock
from simulator.faults import Faults
from simulator.lock import Lock
from simulator.store import NoStore, Store


class FactKind(StrEnum):
    """Ground truth that the API does not tell."""

    LOCK_LIST = "lock_list"
    """The keypad's own list after a change: `codes`, `cause`."""
    UP = "up"
    """The lock, or without a lock id the API, can be reached again."""
    DOWN = "down"
    WRITE = "write"
    """A write was answered: `command`, `status`, `command_id`, `code_id`, `name`, `faults`."""
    FAULT = "fault"
    """Chance spoilt something that no answer tells of: `faults`."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is so since `at`, whatever the API says."""

    kind: FactKind
    at: datetime
    lock_id: str | None
    data: dict[str, Any]


@dataclass
class Settings:
    """What an operator has set, and how often this world was started."""

    seed: int = 1
    starts: int = 0
    preset: str = "realistic"
    faults: Faults = field(default_factory=Faults)
    api_is_up: bool = True
    webhooks_are_on: bool = True
    webhooks_are_withheld: bool = False
    weather: int = 0
    """Counts the changes of faults, so that outages planned under the old ones do not come."""
    signing_key: str = ""
    """The private key as PEM, or empty when webhooks go unsigned."""

    def to_row(self) -> dict[str, Any]:
        return {**vars(self), "faults": self.faults.to_row()}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Settings":
        return cls(**{**row, "faults": Faults().changed(row["faults"])})


class Core:
    """The shared state of one simulated cloud. Not safe for threads by itself: Cloud guards it."""

    def __init__(self, clock: Clock, settings: Settings, store: Store | None = None) -> None:
        self.clock = clock
        self.settings = settings
        self.store = store or NoStore()
        self.agenda = Agenda(self.store)
        self.locks: dict[str, Lock] = {}
        self.observers: list[Callable[[Fact], None]] = []
        self.event_at: datetime | None = None
        """The time of the event being worked off; in a hurry the clock is ahead of it."""
        settings.starts += 1
        self.reseed()

    def reseed(self) -> None:
        """Every random source starts anew from the seed; a restart never repeats earlier ids."""
        self.ids = self.stream("ids")
        self.chance = self.stream("cloud")
        for lock in self.locks.values():
            lock.rng = self.lock_rng(lock.id)

    def stream(self, *names: object) -> Random:
        return chance.stream(self.settings.seed, self.settings.starts, *names)

    def lock_rng(self, lock_id: str) -> Random:
        """The lock's own random source: what happens to one lock does not disturb another."""
        return self.stream("lock", lock_id)

    def now(self) -> datetime:
        return self.event_at or self.clock.now()

    def after(self, seconds: float, kind: str, *args: str) -> None:
        """The event is on the agenda, this many seconds from now."""
        self.agenda.add(self.now() + timedelta(seconds=seconds), kind, *args)

    def faults_of(self, lock: Lock) -> Faults:
        return lock.faults or self.settings.faults

    def keep(self, lock: Lock) -> None:
        """The lock as it is now will be written to the store."""
        self.store.put("lock", lock.id, lock)

    def keep_settings(self) -> None:
        """What the operator set, the clock among it, will be written to the store."""
        self.store.put("settings", "settings", self.settings)
        if isinstance(self.clock, RealClock):
            self.store.put("clock", "clock", self.clock)

    def tell(self, kind: FactKind, lock_id: str | None = None, **data: Any) -> None:
        """Every observer has heard this fact."""
        for observer in self.observers:
            observer(Fact(kind, self.now(), lock_id, data))

    def tell_list(self, lock: Lock, cause: str) -> None:
        """Observers have heard what the keypad honours now; the lock is kept."""
        self.keep(lock)
        if self.observers:
            self.tell(FactKind.LOCK_LIST, lock.id, codes=tuple(lock.lock_codes), cause=cause)
