"""An uploaded table's bytes as rows of text: its encoding and separator found out."""

import codecs
import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from charset_normalizer import from_bytes

from portal.domain.sentences import Sentence
from portal.feeds.csv_dates import is_date
from portal.feeds.csv_words import COLUMN_NAMES, Field, plain_header

LARGEST_FILE: Final = 2 * 1024 * 1024
MOST_ROWS: Final = 5_000
MOST_COLUMNS: Final = 100

_SEPARATORS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 64 * 1024
_TITLE_ROWS: Final = 10
# What people upload instead of a table: how it begins, its key and what to do.
_OTHER_FILES: Final = (
    (
        (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"),
        "workbook",
        "This is an Excel workbook: choose “Save as” and CSV, then upload that.",
    ),
    ((b"%PDF",), "pdf", "This is a PDF: export the bookings as a table (CSV) and upload that."),
    (
        (b"BEGIN:VCALENDAR", b"begin:vcalendar"),
        "calendar",
        "This is a calendar: upload it as a calendar file.",
    ),
    (
        (b"<!doctype", b"<!DOCTYPE", b"<html", b"<HTML"),
        "web_page",
        "This is a web page and no table: the download may have asked for a sign-in.",
    ),
)
_WESTERN: Final = "cp1252"
_CHARSETS: Final = [_WESTERN, "cp1250", "cp1251", "cp1253", "cp1254"]

_TOO_WIDE: Final = Sentence("The file has more than {most} columns.")
_UNREADABLE: Final = Sentence("Line {line} cannot be read: check its quotation marks.")
_NEVER_CLOSED: Final = Sentence(
    "In line {line} a quotation mark is opened and never closed. Correct it."
)


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
    for beginnings, key, words in _OTHER_FILES:
        if body.removeprefix(codecs.BOM_UTF8).lstrip().startswith(beginnings):
            raise TableUnreadable(key, words)
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
    header, rest = _header_and_rows(rows)
    if len(header) > MOST_COLUMNS:
        raise TableUnreadable("too_wide", _TOO_WIDE(most=MOST_COLUMNS))
    return Table(header, tuple(rest), encoding, separator)


def _header_and_rows(rows: list[Row]) -> tuple[tuple[str, ...], list[Row]]:
    """The names of the columns and the rows below.

    Exports may begin with lines of a title: the header is the first row that names both dates.
    Where none does it is the first row, unless that is a booking itself: then the columns have no
    names, and no row is lost.
    """
    place = next((n for n, row in enumerate(rows[:_TITLE_ROWS]) if _names_dates(row)), None)
    if place is None and sum(is_date(cell) for cell in rows[0].cells) >= 2:
        return ("",) * max(len(row.cells) for row in rows[:_TITLE_ROWS]), rows
    header = rows[place or 0]
    return tuple(cell.strip() for cell in header.cells), rows[(place or 0) + 1 :]


def _names_dates(row: Row) -> bool:
    names = {plain_header(cell) for cell in row.cells}
    return all(names & set(COLUMN_NAMES[wanted]) for wanted in (Field.ARRIVES, Field.DEPARTS))


def _decoded(body: bytes) -> tuple[str, str]:
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", errors="replace"), "utf-16"
    sample = body[:_SAMPLE]
    for encoding, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        # Without its mark: in a table nearly every second byte is zero then.
        if len(zeros) > 8 and zeros.count(0) * 10 > len(zeros) * 8:
            return body.decode(encoding, errors="replace"), "utf-16"
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
        columns = [width * n for width, n in Counter(widths).items() if width > 1]
        return max(columns, default=0), widths[0] if widths else 0

    return max(_SEPARATORS, key=fits)


def _rows(text: str, separator: str, first_line: int) -> list[Row]:
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    line = first_line
    last = first_line
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(Row(line, tuple(cells)))
            last, line = line, first_line + reader.line_num
            if len(rows) > MOST_ROWS + 1:
                raise TableUnreadable(
                    "too_long", "The file has more than 5,000 rows: split it in two."
                )
    except csv.Error:
        raise TableUnreadable("damaged", _UNREADABLE(line=line)) from None
    if line - last > 1 and text.count('"') % 2:
        # All that follows would be one cell of this row, and its bookings lost unseen.
        raise TableUnreadable("damaged", _NEVER_CLOSED(line=last))
    return rows
