"""An uploaded table's bytes as rows of text: its encoding and separator found out."""

import codecs
import csv
import io
from dataclasses import dataclass, field
from typing import Final

from charset_normalizer import from_bytes

LARGEST_FILE: Final = 2 * 1024 * 1024
MOST_ROWS: Final = 5_000
MOST_COLUMNS: Final = 100

_SEPARATORS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 64 * 1024
_WESTERN: Final = "cp1252"
_CHARSETS: Final = [_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254"]


class TableUnreadable(Exception):
    """The file is no table that can be read; `words` say why and what to do."""

    def __init__(self, key: str, words: str) -> None:
        super().__init__(key)
        self.key = key
        self.words = words


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the file has it, with the line it begins on for messages."""

    line: int
    cells: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Table:
    """A file's header and rows; `encoding` and `separator` are shown for confirmation."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    encoding: str
    separator: str


def read_table(body: bytes) -> Table:
    """The table in `body`; TableUnreadable names what it is instead, or which limit it breaks.

    Empty rows are left out. Rows of another length than the header are kept as they are.
    """
    if len(body) > LARGEST_FILE:
        raise TableUnreadable("too_big", "The file is larger than 2 MB: split it in two.")
    if body.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableUnreadable(
            "workbook", "This is an Excel workbook: choose “Save as” and CSV, then upload that."
        )
    text, encoding = _decoded(body)
    if "\x00" in text:
        raise TableUnreadable("not_text", "This file is not a table of text.")
    announced, text = _announced_separator(text)
    if not text.strip():
        raise TableUnreadable("empty", "The file is empty.")
    separator = announced or _separator(text)
    rows = _rows(text, separator, 2 if announced else 1)
    if not rows:
        raise TableUnreadable("empty", "The file is empty.")
    header, *rest = rows
    if len(header.cells) > MOST_COLUMNS:
        raise TableUnreadable("too_wide", f"The file has more than {MOST_COLUMNS} columns.")
    return Table(tuple(cell.strip() for cell in header.cells), tuple(rest), encoding, separator)


def _decoded(body: bytes) -> tuple[str, str]:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", errors="replace"), "utf-16"
    try:
        return body.decode("utf-8-sig"), "utf-8"
    except UnicodeDecodeError:
        encoding = _one_byte_charset(body[:_SAMPLE])
        return body.decode(encoding, errors="replace"), encoding


def _one_byte_charset(sample: bytes) -> str:
    """The charset that makes the most of a text; the western one where they are equally good."""
    guesses = sorted(
        from_bytes(sample, cp_isolation=_CHARSETS),
        key=lambda guess: (
            round(guess.chaos, 2),
            -round(guess.coherence, 2),
            _WESTERN not in guess.could_be_from_charset,
        ),
    )
    if not guesses or _WESTERN in guesses[0].could_be_from_charset:
        return _WESTERN
    return guesses[0].encoding


def _announced_separator(text: str) -> tuple[str, str]:
    """The separator that Excel announces in a first line of its own, and the text after it."""
    first, _, rest = text.partition("\n")
    line = first.strip().lower()
    if line.startswith("sep=") and len(line) == 5:
        return line[4], rest
    return "", text


def _separator(text: str) -> str:
    """The separator that gives the first lines the most columns of equal number."""
    lines = text[:_SAMPLE].splitlines()[:20]

    def fits(separator: str) -> tuple[int, int]:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=separator) if row]
        except csv.Error:
            return 0, 0
        width = widths[0] if widths else 0
        return (width if width > 1 else 0) * widths.count(width), width

    return max(_SEPARATORS, key=fits)


def _rows(text: str, separator: str, first_line: int) -> list[Row]:
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = first_line
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, tuple(cells)))
            line = first_line + reader.line_num
            if len(rows) > MOST_ROWS + 1:
                raise TableUnreadable(
                    "too_long", "The file has more than 5,000 rows: split it in two."
                )
    except csv.Error:
        raise TableUnreadable(
            "damaged", f"Line {line} cannot be read: check its quotation marks."
        ) from None
    return rows
