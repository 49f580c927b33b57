"""A text that may be used but never printed by accident."""

from typing import Final

MASK: Final = "••••"


class Secret:
    """A PIN, token or address whose `str`, `repr` and JSON form show only a mask.

    `reveal()` gives the text; a reader can find every place that does by searching for that word.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)
