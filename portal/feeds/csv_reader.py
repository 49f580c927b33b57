"""Stays from an uploaded table: which column is what, and what is wrong with which row."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from portal.domain.guest_sending import is_email
from portal.domain.intake_types import Moment
from portal.domain.sentences import Sentence, word
from portal.feeds.csv_dates import AmbiguousDates, DateOrder, is_date, order_of, parse_moment
from portal.feeds.csv_table import Row, Table, TableUnreadable, read_table
from portal.feeds.csv_words import CANCELLED, COLUMN_NAMES, CONFIRMED, Field, plain_header
from portal.feeds.words import clean

__all__ = [
    "AmbiguousDates",
    "Columns",
    "CsvReading",
    "CsvStay",
    "DateOrder",
    "Field",
    "RowError",
    "Table",
    "TableUnreadable",
    "plain_header",
    "read_stays",
    "read_table",
    "remember",
    "suggest_columns",
]


REQUIRED: Final = (Field.ARRIVES, Field.DEPARTS)

#: Which column has which meaning, by its place from 0. Kept by header, see `remembered`.
Columns = Mapping[Field, int]


STANDS_TWICE: Final = Sentence("The same booking stands in line {line}. Delete one of them.")
_MISSING: Final = Sentence("The {what} is missing. Fill it in.", ours={"what"})
_OTHER_WAY_ROUND: Final = Sentence(
    "The {what} “{shown}” has day and month the other way round than the other dates."
    " Write it as 2026-12-31.",
    ours={"what"},
)
_NO_DATE: Final = Sentence(
    "The {what} “{shown}” is not a date. Write it as 2026-12-31.", ours={"what"}
)
_NO_STATUS: Final = Sentence("“{shown}” is no status we know. Write “confirmed” or “cancelled”.")
_WAS_SHORTENED: Final = Sentence(
    "A spreadsheet has shortened the {what} to {shown}, so it is left out."
    " Format the column as text and upload the file again.",
    ours={"what"},
)
_NO_EMAIL: Final = Sentence("“{shown}” is no e-mail address, so it is left out.")

_DIGITS: Final = re.compile(r"[0-9]{1,10}")
# What spreadsheets make of long numbers, and of numbers beside an empty cell.
_SHORTENED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?e\+?[0-9]{1,3}", re.IGNORECASE)
_WITH_POINT: Final = re.compile(r"([0-9]+)[.,]0+")
_FORMULA_OR_NUMBER: Final = "0123456789=+-@"


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvStay:
    """A stay of one row; times are the property's local ones.

    `external_id` is the file's own, or made of property, guest and arrival (`has_own_id` False), so
    that importing the same file again finds the same bookings.
    """

    line: int
    external_id: str
    has_own_id: bool = True
    arrives: Moment
    departs: Moment
    is_cancelled: bool
    property_name: str
    guest_name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    pin: str = field(default="", repr=False)
    note: str = field(default="", repr=False)
    warning: str = ""  # what of the row was left out, and what to do


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong in one row, and what to do; `field` is None when it is the row as a whole."""

    line: int
    field: Field | None
    words: str


@dataclass(frozen=True, slots=True)
class CsvReading:
    """The good rows and what is wrong with the others."""

    stays: list[CsvStay]
    errors: list[RowError]
    order: DateOrder | None


def suggest_columns(header: Sequence[str], remembered: Mapping[str, str] | None = None) -> Columns:
    """Which column is probably what, for a person to confirm; never two columns for one field.

    `remembered` maps a header as `plain_header` gives it to a field's name: the last import's
    confirmed choice goes first.
    """
    columns: dict[Field, int] = {}
    for index, name in enumerate(header):
        chosen = (remembered or {}).get(plain_header(name))
        if chosen in set(Field) and Field(chosen) not in columns:
            columns[Field(chosen)] = index
    for wanted, names in COLUMN_NAMES.items():
        found = [
            (names.index(plain_header(name)), index)
            for index, name in enumerate(header)
            if plain_header(name) in names and index not in columns.values()
        ]
        if found and wanted not in columns:
            columns[wanted] = min(found)[1]
    return columns


def remember(header: Sequence[str], columns: Columns) -> dict[str, str]:
    """The confirmed choice in a form to store, for `suggest_columns`."""
    return {
        plain_header(header[index]): str(wanted)
        for wanted, index in columns.items()
        if 0 <= index < len(header)
    }


def read_stays(table: Table, columns: Columns, order: DateOrder | None = None) -> CsvReading:
    """The stays of `table`, and an error for each row that has none.

    AmbiguousDates when `order` is needed and not given. TableUnreadable when `columns` lacks the
    dates or names a column that is not there.
    """
    if any(wanted not in columns for wanted in REQUIRED):
        raise TableUnreadable("no_dates", "Say which columns hold the arrival and the departure.")
    if any(not 0 <= index < len(table.header) for index in columns.values()):
        raise TableUnreadable("no_column", "A chosen column is not in this file.")
    dates = [_cell(row, columns, wanted) for row in table.rows for wanted in REQUIRED]
    known_order = order or order_of(dates)
    reader = _RowReader(columns, known_order or DateOrder.DAY_FIRST)
    for row in table.rows:
        reader.take(row)
    return CsvReading(reader.stays, reader.errors, known_order)


def _cell(row: Row, columns: Columns, wanted: Field) -> str:
    index = columns.get(wanted)
    text = row.cells[index].strip() if index is not None and index < len(row.cells) else ""
    # An apostrophe says to a spreadsheet: this is text.
    return text[1:] if text[:1] == "'" and text[1:2] in _FORMULA_OR_NUMBER and text[1:] else text


class _BadCell(Exception):
    """A cell that cannot be used."""

    def __init__(self, wanted: Field | None, words: str) -> None:
        super().__init__(words)
        self.field = wanted
        self.words = words


class _RowReader:
    """Gathers stays and errors row by row."""

    def __init__(self, columns: Columns, order: DateOrder) -> None:
        self.columns = columns
        self.order = order
        self.stays: list[CsvStay] = []
        self.errors: list[RowError] = []
        self._lines: dict[str, int] = {}

    def take(self, row: Row) -> None:
        try:
            stay = self._stay(row)
            first = self._lines.setdefault(stay.external_id, row.line)
            if first != row.line:
                raise _BadCell(Field.ID, STANDS_TWICE(line=first))
            self.stays.append(stay)
        except _BadCell as bad:
            self.errors.append(RowError(row.line, bad.field, bad.words))

    def _stay(self, row: Row) -> CsvStay:
        arrives = self._moment(row, Field.ARRIVES, word("arrival"))
        departs = self._moment(row, Field.DEPARTS, word("departure"))
        if not _is_before(arrives, departs):
            raise _BadCell(Field.DEPARTS, "The departure is not after the arrival. Correct one.")
        warnings: list[str] = []
        stay = CsvStay(
            line=row.line,
            external_id=clean(self._number(row, Field.ID, word("booking's number"), warnings), 200),
            arrives=arrives,
            departs=departs,
            is_cancelled=self._is_cancelled(row),
            property_name=clean(_cell(row, self.columns, Field.PROPERTY), 200),
            guest_name=clean(_cell(row, self.columns, Field.GUEST), 200),
            phone=clean(self._number(row, Field.PHONE, word("phone number"), warnings), 60),
            email=self._email(row, warnings),
            pin=self._pin(row, warnings),
            note=clean(_cell(row, self.columns, Field.NOTE), 1000),
            warning="\n".join(warnings),
        )
        return stay if stay.external_id else _with_own_id(stay)

    def _moment(self, row: Row, wanted: Field, what: str) -> Moment:
        text = _cell(row, self.columns, wanted)
        if not text:
            raise _BadCell(wanted, _MISSING(what=what))
        try:
            return parse_moment(text, self.order)
        except ValueError:
            shown = clean(text, 40)
            if is_date(text):
                words = _OTHER_WAY_ROUND(what=what, shown=shown)
            else:
                words = _NO_DATE(what=what, shown=shown)
            raise _BadCell(wanted, words) from None

    def _is_cancelled(self, row: Row) -> bool:
        text = _cell(row, self.columns, Field.STATUS)
        status = plain_header(text)
        if not text or status in CONFIRMED:
            return False
        if status in CANCELLED:
            return True
        raise _BadCell(Field.STATUS, _NO_STATUS(shown=clean(text, 40)))

    def _number(self, row: Row, wanted: Field, what: str, warnings: list[str]) -> str:
        """The cell's digits as written; none where a spreadsheet has lost some of them."""
        text = _cell(row, self.columns, wanted)
        if _SHORTENED.fullmatch(text):
            warnings.append(_WAS_SHORTENED(what=what, shown=text))
            return ""
        found = _WITH_POINT.fullmatch(text)
        return found[1] if found else text

    def _email(self, row: Row, warnings: list[str]) -> str:
        """The cell's address; none where it can be none, which never costs the stay."""
        text = _cell(row, self.columns, Field.EMAIL)
        if not text or is_email(text):
            return text
        warnings.append(_NO_EMAIL(shown=clean(text, 60)))
        return ""

    def _pin(self, row: Row, warnings: list[str]) -> str:
        text = self._number(row, Field.PIN, "PIN", warnings)
        if text and not _DIGITS.fullmatch(text):
            raise _BadCell(Field.PIN, "The PIN may hold digits only. Correct it or leave it empty.")
        return text


def _is_before(arrives: Moment, departs: Moment) -> bool:
    """Whether the stay has a length; a date beside a time counts as its day."""
    if isinstance(arrives, datetime) and isinstance(departs, datetime):
        return arrives < departs
    return _day(arrives) < _day(departs)


def _day(moment: Moment) -> str:
    return moment.isoformat()[:10]


def _with_own_id(stay: CsvStay) -> CsvStay:
    """`stay` with an id made of what tells it from others; the departure, a phone may change."""
    parts = (stay.property_name, stay.guest_name, _day(stay.arrives))
    plain = "\x1f".join(part.casefold() for part in parts)
    digest = hashlib.sha256(plain.encode()).hexdigest()[:24]
    return replace(stay, external_id=f"row-{digest}", has_own_id=False)
