"""One lock: the list the server believes in, the list the keypad honours, and the lock itself."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from random import Random
from typing import Any

from simulator.codes import MOST_CODES, Code, CodeList
from simulator.faults import Faults
from simulator.problems import ALREADY_IN_USE, LOCK_FULL, WRONG_LENGTH, Problem
from simulator.script import UNTIL_DELETE_ALL, Script

MOST_HISTORY = 500
TRIES = 3
"""So many wrong tries in a row, and the keypad takes a pause."""
PAUSE = timedelta(seconds=60)


class BatteryState(StrEnum):
    NORMAL = "Normal"
    LOW = "Low"
    CRITICALLY_LOW = "CriticallyLow"


@dataclass(frozen=True, slots=True)
class Accessor:
    """Who or what moved the bolt or changed a code; `id` is empty where nobody can be named."""

    type: str
    id: str | None = None
    name: str | None = None

    def to_wire(self) -> dict[str, Any]:
        return {"id": self.id, "friendlyName": self.name, "accessType": self.type}


@dataclass(frozen=True, slots=True)
class HistoryItem:
    """One line of the lock's own log."""

    number: int
    at: datetime
    event: str
    accessor: Accessor


@dataclass(slots=True, eq=False)
class Lock:
    """A lock and what the cloud thinks of it. `is_connected` is true, `shown_connected` lags."""

    id: str
    name: str
    owner_id: str
    rng: Random
    type: str = "be489WB"
    zone: str = "America/New_York"
    vlac: bool = False
    code_length: int | None = None
    """Set by the first code of a lock without `vlac`; unset again by Delete All."""
    is_connected: bool = True
    shown_connected: bool = True
    down_since: datetime | None = None
    battery_level: int = 95
    signal_dbm: int = -55
    firmware: str = "10.00.00264232"
    bolt: str = "Locked"
    wrong_tries: int = 0
    """In a row, since the last right code or pause."""
    paused_until: datetime | None = None
    """Until then the keypad takes no digits."""
    clock_offset_minutes: int | None = None
    """What the lock's clock is from UTC, when it no longer follows its zone."""
    faults: Faults | None = None
    """Rates of its own; None takes those of the cloud."""
    server_codes: CodeList = field(default_factory=CodeList)
    lock_codes: CodeList = field(default_factory=CodeList)
    script: Script = field(default_factory=Script)
    history: deque[HistoryItem] = field(default_factory=lambda: deque(maxlen=MOST_HISTORY))
    history_count: int = 0

    @property
    def battery_state(self) -> BatteryState:
        if self.battery_level <= 10:
            return BatteryState.CRITICALLY_LOW
        return BatteryState.LOW if self.battery_level <= 30 else BatteryState.NORMAL

    @property
    def length_rule(self) -> int | None:
        """How many digits a code must have here, or None when any number from 4 to 8 will do."""
        return None if self.vlac else self.code_length

    def opens(self, pin: str, at: datetime) -> bool:
        """Whether these digits open the door at `at`, by the lock's own list and its own clock."""
        return self.opening_code(pin, at) is not None

    def opening_code(self, pin: str, at: datetime) -> Code | None:
        """The code that opens the door with these digits at `at`, if any."""
        code = self.lock_codes.by_pin(pin)
        fixed = None
        if self.clock_offset_minutes is not None:
            fixed = timedelta(minutes=self.clock_offset_minutes)
        return code if code and code.schedule.covers(at, self.zone, fixed) else None

    def refusal(self, code: Code, replaces: str | None = None) -> Problem | None:
        """Why the lock itself will not take this code, or None when it will."""
        if self.length_rule not in (None, len(code.pin)):
            return WRONG_LENGTH
        if self.lock_codes.clashes(code, ignoring=replaces):
            return ALREADY_IN_USE
        if replaces is None and len(self.lock_codes) >= MOST_CODES:
            return LOCK_FULL
        return None

    def hold(self, code: Code, at: datetime, replaces: str | None = None) -> None:
        """The keypad honours this code from now on, in place of the one it replaces."""
        if replaces is not None:
            self.lock_codes.remove(replaces)
        self.lock_codes.put(code)
        if not self.vlac and self.code_length is None:
            self.code_length = len(code.pin)
        event = "AccessCodeUserAdded" if replaces is None else "AccessCodeUserUpdated"
        self.note(event, at, Accessor("AccessCode", code.id, code.name))

    def drop(self, code_id: str, at: datetime) -> None:
        """The keypad no longer honours this code."""
        code = self.lock_codes.remove(code_id)
        if code is not None:
            self.note("AccessCodeUserDeleted", at, Accessor("AccessCode", code.id, code.name))

    def drop_all(self, at: datetime) -> None:
        """Both lists are empty and agree again, and the length of codes is open again."""
        self.lock_codes.clear()
        self.server_codes.clear()
        self.code_length = None
        self.script.end(UNTIL_DELETE_ALL)
        self.note("AllAccessCodesDeleted", at, Accessor("VirtualKey"))

    def note(self, event: str, at: datetime, accessor: Accessor) -> None:
        """The lock's own log has one more line."""
        self.history_count += 1
        self.history.append(HistoryItem(self.history_count, at, event, accessor))

    def reported_history(self, limit: int) -> list[HistoryItem]:
        """What the cloud knows of the log, newest first: nothing since the lock was lost."""
        items = (
            item
            for item in reversed(self.history)
            if self.down_since is None or item.at < self.down_since
        )
        return [item for item, _ in zip(items, range(limit), strict=False)]

    def to_row(self) -> dict[str, Any]:
        """A JSON object from which `from_row` makes the same lock again."""
        row: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        for name in _MOMENTS:
            at = getattr(self, name)
            row[name] = at.isoformat() if at else None
        row["faults"] = self.faults.to_row() if self.faults else None
        row["server_codes"] = [code.to_row() for code in self.server_codes]
        row["lock_codes"] = [code.to_row() for code in self.lock_codes]
        row["script"] = self.script.to_rows()
        row["history"] = [
            [item.number, item.at.isoformat(), item.event, item.accessor.to_wire()]
            for item in self.history
        ]
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any], rng: Random) -> "Lock":
        # A row of an older version lacks what came later: the lock is as it was made then.
        lock = cls(rng=rng, **{name: row[name] for name in _PLAIN if name in row})
        for name in _MOMENTS:
            setattr(lock, name, datetime.fromisoformat(row[name]) if row.get(name) else None)
        lock.faults = Faults().changed(row["faults"]) if row["faults"] else None
        lock.server_codes = CodeList([Code.from_row(code) for code in row["server_codes"]])
        lock.lock_codes = CodeList([Code.from_row(code) for code in row["lock_codes"]])
        lock.script = Script.from_rows(row["script"])
        for number, at, event, who in row["history"]:
            accessor = Accessor(who["accessType"], who["id"], who["friendlyName"])
            lock.history.append(HistoryItem(number, datetime.fromisoformat(at), event, accessor))
        return lock


_PLAIN = (
    "id", "name", "owner_id", "type", "zone", "vlac", "code_length", "is_connected",
    "shown_connected", "battery_level", "signal_dbm", "firmware", "bolt", "clock_offset_minutes",
    "history_count", "wrong_tries",
)  # fmt: skip
_MOMENTS = ("down_since", "paused_until")
