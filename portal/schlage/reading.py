"""Tolerant reading of the vendor's JSON: one field under several names and in several types.

Key names are compared without case (the vendor's own samples mix `name` and `Name`), unknown
fields are ignored, and a field that is missing or of a wrong type reads as None.
"""

import json
import math
from datetime import UTC, datetime
from typing import Any, NoReturn

_TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
_FALSE_WORDS = frozenset({"false", "no", "off", "0"})


class Unreadable(ValueError):
    """The bytes are not JSON, or not of the shape that was asked for."""


def load(body: bytes) -> Any:
    """The JSON value in the body, with every text made storable. Raises Unreadable.

    NUL characters, half surrogate pairs and numbers such as 1e999 are legal in JSON and refused
    by databases: they are taken out here, once, so that no answer can break a row stored later.
    """
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
        return value if _is_storable(text) else _storable(value)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not readable as JSON ({type(error).__name__})") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _is_storable(text: str) -> bool:
    """Whether all texts in this JSON are: nearly always, and told without walking through them."""
    if "\\u" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


class Fields:
    """A JSON object read by any of several names. Its repr shows no values: one may be a PIN."""

    def __init__(self, value: object) -> None:
        """Reads nothing but None from a value that is not a JSON object."""
        source = value if isinstance(value, dict) else {}
        # Backwards, for of two names that differ in their case the first counts.
        self._values: dict[str, Any] = {
            str(key).lower(): item for key, item in reversed(source.items())
        }

    def value(self, *names: str) -> Any:
        """The first of these fields that is there and not null."""
        for name in names:
            found = self._values.get(name.lower())
            if found is not None:
                return found
        return None

    def text(self, *names: str) -> str | None:
        """Text without surrounding space; a number as its digits; None when empty."""
        value = self.value(*names)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return None
        return str(value).strip() or None

    def number(self, *names: str) -> int | None:
        """A whole number that fits 32 bits, also when it came as text or with a fraction."""
        value = self.value(*names)
        if isinstance(value, bool):
            return None
        try:
            number = int(float(value))
        except (TypeError, ValueError, OverflowError):
            return None
        return number if abs(number) < 2**31 else None

    def flag(self, *names: str) -> bool | None:
        """Yes or no, from a boolean, a number or a word; None when it is neither.

        `connected` was a boolean until January 2025 and is a text since (Allegion release notes).
        """
        value = self.value(*names)
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in _TRUE_WORDS:
            return True
        return False if word in _FALSE_WORDS else None

    def moment(self, *names: str) -> datetime | None:
        """The instant in UTC, from ISO 8601 with an offset; None without one.

        A time without an offset is in no known zone, and a guess could be hours wrong.
        """
        value = self.value(*names)
        if not isinstance(value, str):
            return None
        try:
            moment = datetime.fromisoformat(value.strip())
            return None if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def child(self, *names: str) -> "Fields":
        """The object under one of these names; an empty one when there is none."""
        return Fields(self.value(*names))

    def objects(self) -> list["Fields"]:
        """Every object directly inside this one."""
        return [Fields(item) for item in self._values.values() if isinstance(item, dict)]

    def __repr__(self) -> str:
        return f"Fields({', '.join(sorted(self._values))})"


def items(value: object, *names: str) -> list[Any]:
    """The list in an answer, bare or wrapped under one of these names. Raises Unreadable."""
    found = value if isinstance(value, list) else Fields(value).value(*names)
    if not isinstance(found, list):
        raise Unreadable(f"no list of {names[0]} in the answer")
    return found
