"""Which locks a property's name points at: offered to a person, never applied by itself.

"Maple Cottage" means "Maple Cottage Front Door", also where one of the two is mistyped. Names are
compared by their telling words. Numbers must agree: a wrong flat is worse than no suggestion.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

# Words that many properties and locks share, and that therefore say nothing.
_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "the a an of at and in my our door doors lock locks front back side rear main entry "
        "entrance gate garage street schlage encode plus deadbolt lever smart wifi house home "
        "keypad",
    )
)
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_LEAST: Final = Fraction(1, 3)
_TYPO_FROM: Final = 5  # letters; shorter words that differ by one letter are often other words


@dataclass(frozen=True)
class _Name:
    """The telling words and the numbers of a name."""

    words: frozenset[str]
    numbers: frozenset[str]


def suggestions(
    properties: Mapping[int, str], locks: Mapping[int, str]
) -> dict[int, tuple[int, ...]]:
    """For each property the locks that its name points at, by id; a property without any is left
    out. A lock goes to the property that it fits best, and to none where two fit equally well.

    Several locks are offered together where each bears the property's whole name.
    """
    places = {id_: _read(name) for id_, name in properties.items()}
    offered: dict[int, list[tuple[Fraction, int]]] = {}
    for lock_id, lock_name in locks.items():
        lock = _read(lock_name)
        scored = sorted(
            ((likeness(place, lock), place_id) for place_id, place in places.items()),
            reverse=True,
        )
        if not scored or scored[0][0] < _LEAST:
            continue
        if len(scored) > 1 and scored[1][0] == scored[0][0]:
            continue
        offered.setdefault(scored[0][1], []).append((scored[0][0], lock_id))
    found = {place_id: _best(scores) for place_id, scores in offered.items()}
    return {place_id: lock_ids for place_id, lock_ids in found.items() if lock_ids}


def _best(scores: Collection[tuple[Fraction, int]]) -> tuple[int, ...]:
    """The locks with the highest score: one, or several whose whole name it is."""
    top = max(score for score, _ in scores)
    best = tuple(sorted(lock_id for score, lock_id in scores if score == top))
    return best if len(best) == 1 or top == 1 else ()


def likeness(place: _Name, lock: _Name) -> Fraction:
    """From 0, nothing in common, to 1, the same telling words; a typo counts as the word."""
    if place.numbers and lock.numbers and not place.numbers & lock.numbers:
        return Fraction(0)
    shared = sum(any(_is_same(word, other) for other in lock.words) for word in place.words)
    if not shared:
        return Fraction(0)
    same_numbers = len(place.numbers & lock.numbers)
    both = shared + same_numbers
    every = len(place.words) + len(place.numbers) + len(lock.words) + len(lock.numbers) - both
    return Fraction(both, max(every, both))


def _read(name: str) -> _Name:
    parts = _WORD.findall(name.casefold())
    numbers = frozenset(part.lstrip("0") or "0" for part in parts if part.isdecimal())
    words = frozenset(part for part in parts if not part.isdecimal())
    return _Name(words - _COMMON, numbers)


def _is_same(word: str, other: str) -> bool:
    if word == other:
        return True
    return min(len(word), len(other)) >= _TYPO_FROM and _is_one_slip(word, other)


def _is_one_slip(word: str, other: str) -> bool:
    """Whether one letter is wrong, missing, too many, or two beside each other are swapped."""
    if abs(len(word) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(word), len(other)) and word[start] == other[start]:
        start += 1
    rest, other_rest = word[start:], other[start:]
    is_swapped = len(rest) > 1 and rest[:2] == other_rest[:2][::-1] and rest[2:] == other_rest[2:]
    return (
        rest[1:] == other_rest[1:] or rest[1:] == other_rest or rest == other_rest[1:] or is_swapped
    )
