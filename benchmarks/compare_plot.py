"""Bars as SVG, in colours that can be read on a light and on a dark page alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

WIDTH: Final = 720
_NAMES: Final = 190
_VALUES: Final = 70
_ROW: Final = 22
_BAR: Final = 14
_HEAD: Final = 30
_GAP: Final = 18
_TEXT: Final = "#737c87"
_FILLS: Final[Mapping[str, str]] = {"baseline": "#c2703d", "latchboard": "#2f8f6b"}
_OTHER: Final = "#7d8590"


@dataclass(frozen=True)
class Bar:
    """One value with its name; `kind` gives its colour."""

    name: str
    value: float
    kind: str


@dataclass(frozen=True)
class Panel:
    """Bars that share a scale."""

    title: str
    bars: Sequence[Bar]


def plot(title: str, panels: Sequence[Panel]) -> str:
    """The panels one below the other, as a whole SVG file."""
    parts: list[str] = []
    top = 0
    for panel in panels:
        parts += _panel(panel, top)
        top += _HEAD + _ROW * len(panel.bars) + _GAP
    words = "; ".join(
        f"{panel.title}: " + ", ".join(f"{bar.name} {_number(bar.value)}" for bar in panel.bars)
        for panel in panels
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" '
        f'width="{WIDTH}" height="{top}" role="img" aria-label={quoteattr(title)} '
        f'font-family="system-ui, sans-serif" font-size="13" fill="{_TEXT}">'
    )
    body = [f"<title>{escape(title)}</title>", f"<desc>{escape(words)}</desc>", *parts]
    return "\n".join([head, *(f"  {part}" for part in body), "</svg>\n"])


def _panel(panel: Panel, top: int) -> list[str]:
    most = max((bar.value for bar in panel.bars), default=0.0)
    room = WIDTH - _NAMES - _VALUES
    parts = [f'<text x="0" y="{top + 18}" font-weight="600">{escape(panel.title)}</text>']
    for place, bar in enumerate(panel.bars):
        y = top + _HEAD + _ROW * place
        # A value above zero is seen, however small it is beside the others.
        width = max(2.0, room * bar.value / most) if bar.value else 0.0
        base = y + _BAR - 3
        fill = _FILLS.get(bar.kind, _OTHER)
        size = f'x="{_NAMES}" y="{y}" width="{width:.1f}" height="{_BAR}"'
        parts += [
            f'<text x="{_NAMES - 10}" y="{base}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect {size} rx="2" fill="{fill}"/>',
            f'<text x="{_NAMES + width + 8:.1f}" y="{base}">{_number(bar.value)}</text>',
        ]
    return parts


def _number(value: float) -> str:
    if value == 0:
        return "0"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}" if value < 1 else f"{value:.1f}"
