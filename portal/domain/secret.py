"""A text that may be used but never printed by accident."""

from collections.abc import Callable
from typing import Final, Self

MASK: Final = "••••"


class Secret:
    """A PIN, token or address whose `str`, `repr` and JSON form show only a mask.

    `reveal()` gives the text; a reader can find every place that does by searching for that word.
    """

    __slots__ = ("_text", "_unseal")
    _text: str | None
    _unseal: Callable[[], str]

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def sealed(cls, unseal: Callable[[], str]) -> Self:
        """One whose text `unseal` gives to the first who needs it: most are never looked at."""
        secret = cls.__new__(cls)
        secret._text, secret._unseal = None, unseal
        return secret

    def reveal(self) -> str:
        if self._text is None:
            self._text = self._unseal()
        return self._text

    def __str__(self) -> str:
        return MASK

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __len__(self) -> int:
        return len(self.reveal())

    def __bool__(self) -> bool:
        return bool(self.reveal())
