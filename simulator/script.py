"""Faults on order: what is to go wrong with the next commands of one lock.

A step names one fault or several joined by `+`, each with a value after a colon where it takes
one: `timeout_applied+webhook_lost`, `failed:User not found in the device`. It may wait for one
kind of command, and may stand until the lock is emptied by Delete All.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

COMMAND_KINDS = ("add", "update", "delete", "delete_all", "lock", "unlock")
LIST = "list"
"""Not a command: a read of the list of codes."""

FAULTS: dict[str, str] = {
    "timeout_not_applied": "times out; the lock did nothing",
    "timeout_applied": "times out; the lock did it, and the server lists it after the time-out",
    "timeout_applied_late": "times out; the lock does it this many seconds after accepting",
    "timeout_then_success": "as timeout_applied_late, and then the command turns Successful",
    "timeout_listed_only": "times out; the server lists it, the lock has not",
    "split_brain_a": "times out; the lock did it and the server never learns",
    "split_brain_b": "the lock has lost the entry that the command names",
    "failed": "fails with this text",
    "nack": "ends in the state Nack",
    "state": "shows this state word for ever and does nothing",
    "false_success": "Successful and listed, but the lock did nothing",
    "id_changes": "an update gives the entry a new id",
    "command_forgotten": "looking the command up answers 404",
    "webhook_lost": "its webhook is never sent",
    "webhook_doubled": "its webhook is sent twice",
    "webhook_late": "its webhook is sent this many seconds late",
    "webhook_before_202": "it is done, and its webhook delivered, before the request is answered",
    "bad_gateway_done": "answered 502, and done all the same",
    "bad_gateway_not_done": "answered 502 and not done",
    "gateway_timeout_done": "answered 504, and done all the same",
    "error_34_done": "answered 502 with error 34, and done all the same",
    "throttled": "answered 429 with this Retry-After, in seconds, and not done",
    "list_stale": "the list shows the change only after this many seconds",
    "list_omits": "the next read of the list leaves out the newest entry",
}
NEEDS_NUMBER = {
    "timeout_applied_late", "timeout_then_success", "webhook_late", "throttled", "list_stale",
}  # fmt: skip
NEEDS_TEXT = {"failed", "state"}
READ_FAULTS = {"list_omits"}
UNTIL_DELETE_ALL = "delete_all"

_JOINT = re.compile(rf"\+(?=(?:{'|'.join(FAULTS)})\b)")


class BadFault(ValueError):
    """A fault that is not on the list, or lacks its value; the text says which."""


def read_faults(text: str) -> dict[str, str]:
    """The named faults with their values; raises BadFault with a sentence for a person."""
    faults = {}
    for part in _JOINT.split(text):
        name, _, value = part.strip().partition(":")
        if name not in FAULTS:
            raise BadFault(f"no fault is called {name!r}; there are {', '.join(FAULTS)}")
        if name in NEEDS_NUMBER and not re.fullmatch(r"\d+(\.\d+)?", value):
            raise BadFault(f"{name} needs a number of seconds, as in {name}:90")
        if name in NEEDS_TEXT and not value:
            raise BadFault(f"{name} needs a text, as in {name}:some words")
        faults[name] = value
    return faults


@dataclass(frozen=True, slots=True)
class Plan:
    """What will go wrong with one command. A scripted plan leaves nothing more to chance."""

    faults: Mapping[str, str] = field(default_factory=dict)
    is_scripted: bool = False

    def __contains__(self, name: object) -> bool:
        return name in self.faults

    def text(self, name: str) -> str:
        return self.faults[name]

    def seconds(self, name: str) -> float:
        return float(self.faults[name])


@dataclass(frozen=True, slots=True)
class Step:
    """Faults for one command to come, or for all of them until the lock is emptied."""

    faults: str
    only: str | None = None
    until: str | None = None

    def is_for(self, kind: str) -> bool:
        if self.only is not None:
            return self.only == kind
        return (kind == LIST) == (self.faults in READ_FAULTS)


class Script:
    """The steps still to come for one lock, oldest first."""

    def __init__(self, steps: list[Step] | None = None) -> None:
        self._steps = steps or []

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps)

    def __len__(self) -> int:
        return len(self._steps)

    def push(self, faults: str, only: str | None = None, until: str | None = None) -> None:
        """The next command (of kind `only`) that no earlier step waits for meets these faults."""
        read_faults(faults)
        if only not in (None, LIST, *COMMAND_KINDS):
            raise BadFault(f"no command is of kind {only!r}; there are {', '.join(COMMAND_KINDS)}")
        if until not in (None, UNTIL_DELETE_ALL):
            raise BadFault("a step can stand until delete_all, or for one command")
        self._steps.append(Step(faults, only, until))

    def take(self, kind: str) -> Plan | None:
        """The plan for a command of this kind, or None when chance decides."""
        for place, step in enumerate(self._steps):
            if step.is_for(kind):
                if step.until is None:
                    del self._steps[place]
                return Plan(read_faults(step.faults), is_scripted=True)
        return None

    def end(self, until: str) -> None:
        """No step that was to stand until this stands any longer."""
        self._steps = [step for step in self._steps if step.until != until]

    def clear(self) -> None:
        self._steps = []

    def to_rows(self) -> list[dict[str, Any]]:
        return [asdict(step) for step in self._steps]

    @classmethod
    def from_rows(cls, rows: list[dict[str, Any]]) -> "Script":
        return cls([Step(**row) for row in rows])
