"""Access codes, and a list of them as either the server or the lock keeps one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulator.schedules import ALWAYS, Schedule, read_schedule

MOST_CODES = 100
LONGEST_NAME = 24
DIGITS = re.compile(r"[0-9]{4,8}", re.ASCII)
"""Allegion's access code guide: four to eight digits, sent as text."""


@dataclass(frozen=True, slots=True)
class Code:
    """One access code: an id, a name, digits and when they open the door."""

    id: str
    name: str
    pin: str = field(repr=False)
    schedule: Schedule = ALWAYS
    read_only: bool = False

    def to_row(self) -> dict[str, Any]:
        """A JSON object from which `from_row` makes the same code again."""
        return {
            "id": self.id,
            "name": self.name,
            "pin": self.pin,
            "schedule": self.schedule.to_wire(),
            "read_only": self.read_only,
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Code":
        return cls(
            row["id"], row["name"], row["pin"], read_schedule(row["schedule"]), row["read_only"]
        )


class CodeList:
    """The codes of one lock as one side sees them, in the order they came."""

    def __init__(self, codes: list[Code] | None = None) -> None:
        self._codes = {code.id: code for code in codes or []}

    def __iter__(self) -> Iterator[Code]:
        return iter(self._codes.values())

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, id: object) -> bool:
        return id in self._codes

    def get(self, id: str | None) -> Code | None:
        return self._codes.get(id) if id else None

    def by_pin(self, pin: str) -> Code | None:
        """The code with exactly these digits."""
        return next((code for code in self if code.pin == pin), None)

    def put(self, code: Code) -> None:
        self._codes[code.id] = code

    def remove(self, id: str) -> Code | None:
        """The code that was removed, or None when there was none with this id."""
        return self._codes.pop(id, None)

    def clear(self) -> None:
        self._codes.clear()

    def replace_all(self, other: "CodeList") -> None:
        """This list says the same as the other."""
        self._codes = dict(other._codes)

    def clashes(self, code: Code, ignoring: str | None = None) -> bool:
        """Whether another code has this name (in any case) or begins with the same four digits.

        Two codes with the same first four digits cannot both be told apart at a keypad that acts
        on the last digit without a confirming key.
        """
        name, first_four = code.name.casefold(), code.pin[:4]
        return any(
            other.pin[:4] == first_four or other.name.casefold() == name
            for other in self
            if other.id != ignoring
        )
