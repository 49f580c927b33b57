"""Writing a world's history: JSON lines in virtual time, one per fact.

docs/world-history.md lists the fields. The PINs in it open nothing: the whole world is made up.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, TextIO


class Sink(Protocol):
    """Anything that takes facts."""

    def write(self, at: datetime, kind: str, **fields: Any) -> None: ...


class History:
    """Facts as lines of a text file, in the order in which they became so."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, at: datetime, kind: str, **fields: Any) -> None:
        """One more fact that is so since `at`; times become text, `None` stays null."""
        line = {"at": moment(at), "kind": kind} | fields
        self._file.write(json.dumps(line, separators=(",", ":"), default=_as_text) + "\n")


def moment(at: datetime) -> str:
    """A moment in UTC to the microsecond, such as `2026-03-05T21:00:00.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _as_text(value: object) -> object:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a history line cannot hold {type(value).__name__}")
