"""Tables as spreadsheets and other programs really write them, on their way through the pages."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.extensions import db
from portal.models import Booking
from tests.support.builders import make_lock, make_property
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, words

HEADER = "Arrival,Departure,Guest,Phone,Property,PIN,Reservation,Status"


def on(number: int) -> date:
    """The day that many days from now."""
    return (clock.now() + timedelta(days=number)).date()


def row(first: int = 5, **cells: str) -> str:
    """A row for three nights from that day on."""
    c = {"property": "Casa Verde"} | cells
    names = ("guest", "phone", "property", "pin", "reservation", "status")
    dates = (c.get("arrival", on(first).isoformat()), c.get("departure", on(first + 3).isoformat()))
    return ",".join([*dates, *(c.get(name, "") for name in names)])


def table(*rows: str, header: str = HEADER, end: str = "\r\n") -> str:
    return end.join([header, *rows])


def days_of_excel(number: int) -> str:
    return str((on(number) - date(1899, 12, 30)).days)


@dataclass(frozen=True)
class Case:
    """A file; what each line comes to; words that its page says; and the guests taken over."""

    body: Callable[[], bytes]
    deeds: dict[int, str]
    said: tuple[str, ...] = ()
    guests: list[str] = field(default_factory=list)
    phones: list[str] | None = None


CASES = {
    "a mark of UTF-8": Case(
        lambda: ("\ufeff" + table(row(guest="Zoë"))).encode(), {2: "create"}, guests=["Zoë"]
    ),
    "UTF-16 as Excel saves “Unicode text”": Case(
        lambda: ("\ufeff" + table(row(guest="Zoë"))).replace(",", "\t").encode("utf-16-le"),
        {2: "create"}, ("utf-16", "tabs"), ["Zoë"],
    ),
    "UTF-16 without its mark": Case(
        lambda: table(row(guest="Zoë")).encode("utf-16-be"), {2: "create"}, ("utf-16",), ["Zoë"]
    ),
    "an old charset and semicolons": Case(
        lambda: table(row(guest="José Müller")).replace(",", ";").encode("cp1252"),
        {2: "create"}, ("semicolons",), ["José Müller"],
    ),
    "line ends of an old Mac": Case(
        lambda: table(row(guest="Ana"), end="\r").encode(), {2: "create"}, guests=["Ana"]
    ),
    "a cell over two lines": Case(
        lambda: table(row(guest='"Ana\nMaria, ""AM"""'), row(9, guest="Bo")).encode(),
        {2: "create", 4: "create"}, guests=['Ana Maria, "AM"', "Bo"],
    ),
    "dates as Excel's numbers": Case(
        lambda: table(
            row(guest="Ana", arrival=days_of_excel(5), departure=days_of_excel(8) + ".5")
        ).encode(),
        {2: "create"}, guests=["Ana"],
    ),
    "lines of a title above the header": Case(
        lambda: ("Bookings of 2026;;\r\n\r\n" + table(row(guest="Ana")).replace(",", ";")).encode(),
        {4: "create"}, ("semicolons",), ["Ana"],
    ),
    "no header": Case(
        lambda: "\r\n".join([row(guest="Ana"), row(9, guest="Bo")]).encode(),
        {}, ("Say which columns hold the arrival and the departure", "Column 1"),
    ),
    "a header twice": Case(
        lambda: (
            f"Arrival,Departure,Guest,Guest,Property\n{on(5)},{on(7)},Ana,Bo,Casa Verde"
        ).encode(),
        {2: "create"}, guests=["Ana"],
    ),
    "formulas": Case(
        lambda: table(
            row(guest='"=HYPERLINK(""http://x"",""a"")"', phone="+1 212 555 0142")
        ).encode(),
        {2: "create"}, guests=['=HYPERLINK("http://x","a")'], phones=["+1 212 555 0142"],
    ),
    "our own export's apostrophes": Case(
        lambda: table(
            row(guest="'=Ana", phone="'+1 212 555 0142", arrival=f"'{on(5)}", pin="'4829")
        ).encode(),
        {2: "create"}, guests=["=Ana"], phones=["+1 212 555 0142"],
    ),
    "an apostrophe that is part of a name": Case(
        lambda: table(row(guest="'t Hooft")).encode(), {2: "create"}, guests=["'t Hooft"]
    ),
    "phones": Case(
        lambda: table(
            row(guest="Ana", phone="0049151234567"),
            row(9, guest="Bo", phone="491512345678.0"),
            row(13, guest="Cy", phone="4.91512E+11"),
        ).encode(),
        {2: "create", 3: "create", 4: "create"},
        ("shortened the phone number to 4.91512E+11", "Format the column as text"),
        ["Ana", "Bo", "Cy"],
        ["0049151234567", "491512345678", ""],
    ),
    "a shortened PIN": Case(
        lambda: table(row(guest="Ana", pin="4.83E+05")).encode(),
        {2: "create"}, ("shortened the PIN to 4.83E+05",), ["Ana"],
    ),
    "ragged rows": Case(
        lambda: table(
            f"{on(5)},{on(8)},Ana", str(on(9)), row(20, guest="Bo") + ",more,more"
        ).encode(),
        {2: "error", 3: "error", 4: "create"},
        ("The row names no property", "The departure is missing. Fill it in."), ["Bo"],
    ),
    "names of properties": Case(
        lambda: table(
            row(guest="Ana", property="Casa Rosa"), row(9, guest="Bo", property=" casa  VERDE ")
        ).encode(),
        {2: "error", 3: "create"}, ("No property is called “Casa Rosa”. Add it",), ["Bo"],
    ),
    "a line of sums": Case(
        lambda: table(row(guest="Ana"), "Total,,1,,,,,").encode(),
        {2: "create", 3: "error"}, ("The arrival “Total” is not a date",), ["Ana"],
    ),
    "no status of ours": Case(
        lambda: table(row(guest="Ana", status="Option")).encode(),
        {2: "error"}, ("“Option” is no status we know. Write “confirmed”",),
    ),
    "dates that contradict each other": Case(
        lambda: table(
            row(arrival=f"13/4/{on(400).year}", departure=f"15/4/{on(400).year}"),
            row(arrival=f"4/13/{on(400).year}", departure=f"4/15/{on(400).year}"),
        ).encode(),
        {}, ("can be read both ways",),
    ),
}  # fmt: skip
REFUSED = {
    "nothing": (b"", "The file is empty"),
    "spaces": (b" \r\n ,,,\r\n", "The file is empty"),
    "a header only": (HEADER.encode(), "a header and no rows"),
    "a workbook": (b"PK\x03\x04...", "choose “Save as” and CSV"),
    "a PDF": (b"%PDF-1.4 ...", "export the bookings as a table (CSV)"),
    "a calendar": (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR", "upload it as a calendar file"),
    "a web page": (b"<html><body>Sign in</body></html>", "a web page and no table"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a table of text"),
    "an open quotation mark": (
        table(row(guest='"Ana'), row(9), row(13)).encode(),
        "In line 2 a quotation mark is opened and never closed",
    ),
    "too many rows": (table(*["2026-01-01,2026-01-02"] * 5001).encode(), "split it in two"),
    "an endless cell": (table(row(guest="x" * 200_000)).encode(), "check its quotation marks"),
}


@pytest.fixture
def client(app: Flask) -> PortalClient:
    make_property(name="Casa Verde", locks=[make_lock(code_length=4)])
    return browser(app)


@pytest.mark.parametrize("name", CASES)
def test_a_nasty_table_is_read_and_what_is_wrong_is_told_by_row(
    client: PortalClient, name: str
) -> None:
    case = CASES[name]
    answer = client.send("/imports/csv", file=(io.BytesIO(case.body()), "stays.csv"))
    assert answer.status_code == 303, words(answer.text)

    page = client.get(answer.location).text
    client.send(f"{answer.location}/confirm")
    result = client.get(answer.location)

    rows = [e for e in elements(page) if "data-deed" in e]
    assert {int(e["data-line"] or 0): e["data-deed"] for e in rows} == case.deeds
    for told in case.said:
        assert told in words(page)
    assert result.status_code == 200
    db.session.rollback()
    made = db.session.scalars(select(Booking).order_by(Booking.id)).all()
    assert [b.guest_name for b in made] == case.guests
    assert case.phones is None or [b.guest_phone for b in made] == case.phones
    assert all(b.arrives_on >= on(5) and b.pin is not None for b in made)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_is_refused_at_the_field_with_a_remedy(
    client: PortalClient, name: str
) -> None:
    body, told = REFUSED[name]

    answer = client.send("/imports/csv", file=(io.BytesIO(body), "stays.csv"))

    assert answer.status_code == 422
    assert told in words(element(answer.text, id="file-error").text)


def test_a_table_without_a_header_is_matched_by_hand_and_loses_no_row(client: PortalClient) -> None:
    body = "\r\n".join([row(guest="Ana"), row(9, guest="Bo")]).encode()
    path = client.send("/imports/csv", file=(io.BytesIO(body), "stays.csv")).location

    choices = {"column-arrives": "0", "column-departs": "1", "column-guest": "2"}
    client.send(path, **choices, **{"column-property": "4"})
    client.send(f"{path}/confirm")

    db.session.rollback()
    assert [b.guest_name for b in db.session.scalars(select(Booking).order_by(Booking.id))] == [
        "Ana",
        "Bo",
    ]
