"""Which digits may be a PIN, and choosing them."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from random import Random
from secrets import SystemRandom
from typing import Final

MAX_LENGTH: Final = 8
# What a lock without a rule gets: 20 bits are 64 times a four-digit PIN and still easy to type.
DEFAULT_LENGTH: Final = 6
PREFIX: Final = 4

_DIGITS = re.compile(r"\d{4,8}", re.ASCII)
_COMMON = frozenset({"2580", "0852", "1397", "7931", "1004", "1313", "6969", "8520"})


@dataclass(frozen=True)
class LengthRule:
    """A lock's rule: all its codes have `code_length` digits unless `has_vlac` frees them."""

    code_length: int | None
    has_vlac: bool

    def allows(self, pin: str) -> bool:
        return self.has_vlac or self.code_length is None or len(pin) == self.code_length


def length_shown(rule: LengthRule, listed: Collection[int]) -> int | None:
    """A lock's length by those of the codes on it: the one that all have, else what was known."""
    lengths = set(listed)
    return lengths.pop() if len(lengths) == 1 and not rule.has_vlac else rule.code_length


def is_well_formed(pin: str) -> bool:
    """Digits only, 4 to 8 of them (Allegion's access-code guide)."""
    return bool(_DIGITS.fullmatch(pin))


def is_trivial(pin: str) -> bool:
    """Whether a stranger would try it among the first: runs, repeats, years, keypad patterns."""
    if pin[:PREFIX] in _COMMON or len(set(pin)) <= 1:
        return True
    steps = {(int(b) - int(a)) % 10 for a, b in zip(pin, pin[1:], strict=False)}
    if steps in ({1}, {9}):
        return True
    if pin in (pin + pin)[1:-1]:  # one piece again and again, as 1212 or 121212
        return True
    return len(pin) == PREFIX and pin[:2] in {"19", "20"}


def clashes(pin: str, other: str) -> bool:
    """Whether one lock cannot hold both: codes must differ within their first four digits."""
    return pin[:PREFIX] == other[:PREFIX]


def grouped(pin: str) -> tuple[str, ...]:
    """The digits in the groups in which people read and type them: 482 917, 4829 1734."""
    if len(pin) < 5:
        return (pin,)
    half = len(pin) // 2
    return pin[:half], pin[half:]


def common_length(rules: Iterable[LengthRule]) -> int | None:
    """The length that all these locks take; None where two of them contradict each other."""
    fixed = {
        rule.code_length for rule in rules if not rule.has_vlac and rule.code_length is not None
    }
    if len(fixed) > 1:
        return None
    return fixed.pop() if fixed else DEFAULT_LENGTH


def from_phone(phone: str, length: int) -> str | None:
    """The last digits of a phone number as a PIN; None where it has too few or is too easy."""
    digits = "".join(c for c in phone if c in "0123456789")
    pin = digits[-length:]
    return None if len(pin) < length or is_trivial(pin) else pin


def choose(length: int, taken: Collection[str], random: Random | None = None) -> str:
    """A random PIN that is not trivial and clashes with none of `taken`.

    Raises LookupError when no first four digits are left, which takes thousands of codes.
    """
    source = random or SystemRandom()
    prefixes = {pin[:PREFIX] for pin in taken}
    for _ in range(10_000):
        pin = "".join(source.choice("0123456789") for _ in range(length))
        if pin[:PREFIX] not in prefixes and not is_trivial(pin):
            return pin
    raise LookupError("No free PIN is left on these locks.")
