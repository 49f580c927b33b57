"""Tables for spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

# A cell that begins so is run as a formula by spreadsheet programs.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The rows as a CSV file that spreadsheet programs read as text, umlauts included."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([plain(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def plain(cell: str) -> str:
    """The cell as text: with an apostrophe before it where a program would take it for more."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
