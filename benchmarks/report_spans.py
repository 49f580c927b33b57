"""Spans of time: sorted, not touching, and the arithmetic of them."""

from collections.abc import Iterable, Iterator
from typing import Final

Span = tuple[float, float]
EVER: Final = float("inf")


class Spans:
    """A set of moments, as spans that hold their beginning and not their end."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for first, last in sorted(s for s in spans if s[0] < s[1]):
            if self._spans and first <= self._spans[-1][1]:
                self._spans[-1] = (self._spans[-1][0], max(last, self._spans[-1][1]))
            else:
                self._spans.append((first, last))

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __or__(self, other: "Spans") -> "Spans":
        return Spans([*self._spans, *other])

    def __and__(self, other: "Spans") -> "Spans":
        return Spans(
            (max(a, c), min(b, d)) for a, b in self._spans for c, d in other if a < d and c < b
        )

    def __sub__(self, other: "Spans") -> "Spans":
        return self & other.without()

    def without(self) -> "Spans":
        """All other moments."""
        edges = [-EVER, *(edge for span in self._spans for edge in span), EVER]
        return Spans(zip(edges[::2], edges[1::2], strict=True))

    def within(self, first: float, last: float) -> "Spans":
        """The moments of these that lie between two."""
        return self & Spans([(first, last)])

    def length(self) -> float:
        return sum(last - first for first, last in self._spans)

    def starts(self) -> frozenset[float]:
        return frozenset(first for first, _ in self._spans)
