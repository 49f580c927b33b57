"""Dates as people write them in tables, with the order of day and month asked where it matters."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from portal.domain.intake_types import Moment


class DateOrder(StrEnum):
    """What comes first in 03/04/2026."""

    DAY_FIRST = "day_first"
    MONTH_FIRST = "month_first"


class AmbiguousDates(Exception):
    """The dates fit both orders, or some fit only one and some only the other: a person says.

    `example` is a date of the file; `readings` are its two meanings (None where it has none).
    """

    def __init__(self, example: str, readings: dict[DateOrder, date | None]) -> None:
        super().__init__("ambiguous dates")
        self.example = example
        self.readings = readings


@dataclass(frozen=True, slots=True)
class _Written:
    """A date taken apart: three numbers in the order of the text, and a time."""

    first: int
    second: int
    year: int
    at: time | None

    def read(self, order: DateOrder) -> date:
        """The date in `order`; ValueError if there is none."""
        if order is DateOrder.DAY_FIRST:
            return date(self.year, self.second, self.first)
        return date(self.year, self.first, self.second)

    def fits(self, order: DateOrder) -> bool:
        try:
            self.read(order)
        except ValueError:
            return False
        return True


_TIME: Final = (
    r"(?:[t ,]+(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?::\d{2})?\s*(?P<half>[ap]\.?m\.?)?)?"
)
_ISO: Final = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})" + _TIME)
_WEEKDAY: Final = r"(?:[a-z]{2,12}\.?,?\s+)?"
_NUMBERS: Final = re.compile(
    _WEEKDAY
    + r"(?P<first>\d{1,2})(?P<mark>[-/. ])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})"
    + _TIME
)
_NAMED: Final = re.compile(
    _WEEKDAY + r"(?:(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?[ -](?:de )?(?P<month>[a-z]{3,9})\.?|"
    r"(?P<month2>[a-z]{3,9})\.?[ -](?P<day2>\d{1,2})(?:st|nd|rd|th)?),?[ -]+(?:de )?(?P<year>\d{4})"
    + _TIME
)
# Each month in English, German, French, Spanish, Italian, Dutch and Portuguese, without accents.
_MONTHS: Final = (
    ("january", "januar", "janvier", "enero", "gennaio", "januari", "janeiro"),
    ("february", "februar", "fevrier", "febrero", "febbraio", "februari", "fevereiro"),
    ("march", "marz", "mars", "marzo", "maart", "mrt", "marco"),
    ("april", "avril", "abril", "aprile"),
    ("may", "mai", "mayo", "maggio", "mei", "maio"),
    ("june", "juni", "juin", "junio", "giugno", "junho"),
    ("july", "juli", "juillet", "julio", "luglio", "julho"),
    ("august", "aout", "agosto", "augustus"),
    ("september", "sept", "septembre", "septiembre", "settembre", "setembro"),
    ("october", "oktober", "octobre", "octubre", "ottobre", "outubro"),
    ("november", "novembre", "noviembre", "novembro"),
    ("december", "dezember", "decembre", "diciembre", "dicembre", "dezembro"),
)
# The day that Excel numbers with 0, and the numbers of 2000 to 2100.
_EXCEL_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - the property's local time
_EXCEL: Final = re.compile(r"(?P<days>[3-7]\d{4})(?:[.,](?P<part>\d{1,12}))?")


def is_date(text: str) -> bool:
    """Whether `text` is a date in one of the orders."""
    return any(_fits(text, order) for order in DateOrder)


def _fits(text: str, order: DateOrder) -> bool:
    try:
        parse_moment(text, order)
    except ValueError:
        return False
    return True


def parse_moment(text: str, order: DateOrder) -> Moment:
    """The date, or the local date and time, that `text` means; ValueError if it means none."""
    plain = _plain(text)
    found = _EXCEL.fullmatch(plain)
    if found:
        return _from_excel(found)
    found = _ISO.fullmatch(plain)
    if found:
        day = date(int(found["year"]), int(found["month"]), int(found["day"]))
        return _at(day, _time(found))
    found = _NAMED.fullmatch(plain)
    if found:
        return _at(_named(found), _time(found))
    written = _written(plain)
    if written is None:
        raise ValueError("no date")
    return _at(written.read(order), written.at)


def order_of(texts: Iterable[str]) -> DateOrder | None:
    """The order that the dates in `texts` prove; None when all mean the same in both.

    AmbiguousDates when they fit both and differ, or contradict each other.
    """
    numbers = [(text, written) for text in texts if (written := _numbers(text)) is not None]
    proofs = {
        order: next(
            (text for text, w in numbers if w.fits(order) and not w.fits(_other(order))), ""
        )
        for order in DateOrder
    }
    proven = [order for order in DateOrder if proofs[order]]
    if len(proven) == 1:
        return proven[0]
    open_ones = [text for text, w in numbers if w.fits(DateOrder.DAY_FIRST) and w.first != w.second]
    if len(proven) == 2:
        raise _ambiguous(proofs[DateOrder.MONTH_FIRST])
    if open_ones:
        raise _ambiguous(open_ones[0])
    return None


def _ambiguous(text: str) -> AmbiguousDates:
    written = _numbers(text)
    readings = {
        order: written.read(order) if written and written.fits(order) else None
        for order in DateOrder
    }
    return AmbiguousDates(text.strip(), readings)


def _other(order: DateOrder) -> DateOrder:
    return DateOrder.MONTH_FIRST if order is DateOrder.DAY_FIRST else DateOrder.DAY_FIRST


def _numbers(text: str) -> _Written | None:
    """A date whose order is open; one with dots is day-first wherever it is written."""
    plain = _plain(text)
    found = _NUMBERS.fullmatch(plain)
    if not found or found["mark"] == ".":
        return None
    try:
        return _written(plain)
    except ValueError:
        return None


def _written(plain: str) -> _Written | None:
    found = _NUMBERS.fullmatch(plain)
    if not found:
        return None
    first, second, year = int(found["first"]), int(found["second"]), int(found["year"])
    year += 2000 if year < 100 else 0
    if found["mark"] == ".":
        # The same in both orders, because there is only one.
        day = date(year, second, first)
        return _Fixed(day.day, day.month, day.year, _time(found))
    return _Written(first, second, year, _time(found))


class _Fixed(_Written):
    """A date that has one order only."""

    def read(self, order: DateOrder) -> date:  # noqa: ARG002
        return date(self.year, self.second, self.first)


def _named(found: re.Match[str]) -> date:
    name = found["month"] or found["month2"]
    months = [
        index
        for index, names in enumerate(_MONTHS, 1)
        if any(month.startswith(name) for month in names)
    ]
    if len(months) != 1:
        raise ValueError("no month")
    return date(int(found["year"]), months[0], int(found["day"] or found["day2"]))


def _from_excel(found: re.Match[str]) -> Moment:
    """The date of a spreadsheet's number of days, and its part of a day as the time."""
    day = _EXCEL_EPOCH + timedelta(days=int(found["days"]))
    minutes = round(float(f"0.{found['part'] or 0}") * 24 * 60)
    moment = day + timedelta(minutes=minutes)
    return _at(moment.date(), moment.time() if found["part"] else None)


def _plain(text: str) -> str:
    """`text` without case, accents and spaces around it."""
    decomposed = unicodedata.normalize("NFKD", text.strip().casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _time(found: re.Match[str]) -> time | None:
    if found["hour"] is None:
        return None
    hour, minute = int(found["hour"]), int(found["minute"])
    half = (found["half"] or "").replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if half == "pm" else 0)
    return time(hour, minute)


def _at(day: date, at: time | None) -> Moment:
    if not 2000 <= day.year <= 2100:
        raise ValueError("no year of a booking")
    return day if at is None else datetime.combine(day, at)
