"""Sentences with names and numbers in them, which a page can still say in another language.

Whoever makes such a sentence gets plain English, and may store it: an alert's words, a table's
remarks. A page that shows it finds the sentence again by its own words, and so the values.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_PLACE: Final = re.compile(r"\{([a-z_]+)\}")


def word(text: str) -> str:
    """The same text, which translators are given: for what is too short to look like a text."""
    return text


class Sentence:
    """A text with places such as {lock} that values fill. Every one stands at a module's top.

    The values in places that `ours` names are texts of ours themselves, translated like the rest.
    """

    def __init__(self, template: str, *, ours: Collection[str] = ()) -> None:
        self.template = template
        self.places: Final = tuple(_PLACE.findall(template))
        self.ours: Final = frozenset(ours)
        own_words = _PLACE.split(template)[::2]
        self.own_length: Final = sum(map(len, own_words))
        self._pattern: Final = re.compile("(.*)".join(map(re.escape, own_words)), re.DOTALL)
        _KNOWN[template] = self

    def __call__(self, **values: object) -> str:
        """The sentence in English; raises KeyError where a place has no value."""
        return _PLACE.sub(lambda place: str(values[place[1]]), self.template)

    def values_in(self, text: str) -> dict[str, str] | None:
        """The values with which the sentence reads so; None where it never does."""
        found = self._pattern.fullmatch(text)
        return None if found is None else dict(zip(self.places, found.groups(), strict=True))


@dataclass(frozen=True)
class Found:
    """A sentence and the values with which it was made; how much of the text is words of ours."""

    sentence: Sentence
    values: Mapping[str, str]
    own_length: int


# Bounds of the work, as names are chosen by others. Ours are shorter, and hold fewer in each other.
_LONGEST: Final = 1000
_DEEPEST: Final = 2
_KNOWN: Final[dict[str, Sentence]] = {}


def known() -> Collection[Sentence]:
    """Every sentence of the modules that are loaded."""
    return _KNOWN.values()


def find(text: str, deep: int = _DEEPEST) -> Found | None:
    """Which sentence `text` is; None where it is none of ours, or was cut short.

    Of several, as a value may hold anything, the one with most words of its own, counting those of
    sentences within it. With the values put back each of them reads like `text`: at worst a word
    of somebody's name is translated.
    """
    if len(text) > _LONGEST:
        return None
    found = [
        Found(sentence, values, sentence.own_length + _within(sentence, values, deep))
        for sentence in known()
        if (values := sentence.values_in(text)) is not None
    ]
    return max(found, key=lambda each: each.own_length, default=None)


def _within(sentence: Sentence, values: Mapping[str, str], deep: int) -> int:
    """How much of the values is words of ours."""
    found = [find(values[place], deep - 1) for place in sentence.ours] if deep else []
    return sum(each.own_length for each in found if each is not None)


def filled(template: str, values: Mapping[str, str]) -> str:
    """The translated template with its values; a place that it invents stays as it is."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)
