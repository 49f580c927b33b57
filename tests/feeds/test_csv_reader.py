"""Uploaded tables: encodings, separators, columns, dates and what is wrong with a row."""

import codecs
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.feeds.csv_reader import (
    AmbiguousDates,
    DateOrder,
    Field,
    TableUnreadable,
    read_stays,
    read_table,
    remember,
    suggest_columns,
)

PLAIN = """Guest,Phone,Arrives,Departs,Property,Booking ID,Status
Ana Álvarez,+34 600 00 04 77,2026-12-01,2026-12-04,Loft,B-1,confirmed
Bob,,2026-12-05T16:00,2026-12-07 10:30,Loft,B-2,Cancelled
"""


def stays_of(text: str, order: DateOrder | None = None) -> list[tuple[object, ...]]:
    """(guest, arrives, departs) of each good row of a table with the usual columns."""
    table = read_table(text.encode())
    reading = read_stays(table, suggest_columns(table.header), order)
    assert reading.errors == []
    return [(stay.guest_name, stay.arrives, stay.departs) for stay in reading.stays]


def dates_table(*dates: str) -> str:
    """A table of stays that arrive on `dates` and depart in 2030."""
    return "guest;arrives;departs\n" + "".join(
        f"g{n};{d};2030-01-01\n" for n, d in enumerate(dates)
    )


def test_a_plain_table_is_read() -> None:
    table = read_table(PLAIN.encode())

    reading = read_stays(table, suggest_columns(table.header))

    ana, bob = reading.stays
    assert (ana.line, ana.external_id, ana.guest_name, ana.phone) == (
        2,
        "B-1",
        "Ana Álvarez",
        "+34 600 00 04 77",
    )
    assert (ana.arrives, ana.departs) == (date(2026, 12, 1), date(2026, 12, 4))
    assert (ana.property_name, ana.is_cancelled) == ("Loft", False)
    assert (bob.arrives, bob.departs) == (
        datetime(2026, 12, 5, 16, 0),  # noqa: DTZ001 - the property's local time
        datetime(2026, 12, 7, 10, 30),  # noqa: DTZ001
    )
    assert bob.is_cancelled
    assert reading.errors == []


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(separator: str) -> None:
    table = read_table(PLAIN.replace(",", separator).encode())

    assert table.separator == separator
    assert len(table.header) == 7


def test_the_separator_that_excel_announces_is_believed() -> None:
    table = read_table(b"sep=;\r\nguest;arrives;departs\r\nA, B;2026-12-01;2026-12-02\r\n")

    assert (table.separator, table.header) == (";", ("guest", "arrives", "departs"))
    assert table.rows[0].line == 3


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (PLAIN.encode(), "utf-8"),
        (codecs.BOM_UTF8 + PLAIN.encode(), "utf-8"),
        (PLAIN.encode("utf-16"), "utf-16"),
        (PLAIN.encode("cp1252"), "cp1252"),
    ],
)
def test_the_encoding_is_found_out(body: bytes, encoding: str) -> None:
    table = read_table(body)

    assert (table.encoding, table.rows[0].cells[0]) == (encoding, "Ana Álvarez")


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1252", ["Jürgen Müller", "François Noël", "Begoña Muñoz"]),
        ("cp1250", ["Łukasz Wiśniewski", "Zdeněk Dvořák"]),
        ("cp1251", ["Иван Петров", "Анна Смирнова"]),
        ("cp1253", ["Γιώργος Παπαδόπουλος", "Ελένη Νικολάου"]),
    ],
)
def test_names_in_old_charsets_are_read_as_written(encoding: str, names: list[str]) -> None:
    rows = "".join(f"{name};2026-12-01;2026-12-04\n" for name in names)

    table = read_table(("guest;arrives;departs\n" + rows).encode(encoding))

    assert [row.cells[0] for row in table.rows] == names


def test_quoted_cells_may_hold_separators_and_line_ends() -> None:
    table = read_table(b'guest,arrives,departs\n"A,\nB",2026-12-01,2026-12-02\nC,x,y\n')

    assert [row.line for row in table.rows] == [2, 4]
    assert table.rows[0].cells[0] == "A,\nB"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            ["Check-in", "Check-out", "Guest name", "Listing", "Confirmation code"],
            [Field.ARRIVES, Field.DEPARTS, Field.GUEST, Field.PROPERTY, Field.ID],
        ),
        (
            ["Anreise", "Abreise", "Gast", "Telefon", "Unterkunft", "Buchungsnummer"],
            [Field.ARRIVES, Field.DEPARTS, Field.GUEST, Field.PHONE, Field.PROPERTY, Field.ID],
        ),
        (
            ["Arrivée", "Départ", "Nom", "Téléphone", "Hébergement", "Statut"],
            [
                Field.ARRIVES,
                Field.DEPARTS,
                Field.GUEST,
                Field.PHONE,
                Field.PROPERTY,
                Field.STATUS,
            ],
        ),
        (["START DATE", "end_date", "Door code"], [Field.ARRIVES, Field.DEPARTS, Field.PIN]),
    ],
)
def test_columns_are_known_by_many_names(header: list[str], expected: list[Field]) -> None:
    columns = suggest_columns(header)

    assert {header[index]: wanted for wanted, index in columns.items()} == dict(
        zip(header, expected, strict=True)
    )


def test_the_better_of_two_names_wins_and_no_column_has_two_meanings() -> None:
    columns = suggest_columns(["Name", "Guest name", "ID", "Booking ID", "Odd"])

    assert columns == {Field.GUEST: 1, Field.ID: 2}


def test_a_confirmed_choice_is_remembered_by_the_headers_name() -> None:
    header = ["Who", "In", "Out"]
    chosen = {Field.GUEST: 0, Field.ARRIVES: 1, Field.DEPARTS: 2}

    stored = remember(header, chosen)

    assert suggest_columns(["Out", "who ", "IN"], stored) == {
        Field.DEPARTS: 0,
        Field.GUEST: 1,
        Field.ARRIVES: 2,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-12-03", date(2026, 12, 3)),
        ("2026/12/03", date(2026, 12, 3)),
        ("03.12.2026", date(2026, 12, 3)),
        ("3.12.26", date(2026, 12, 3)),
        ("3 Dec 2026", date(2026, 12, 3)),
        ("Dec 3, 2026", date(2026, 12, 3)),
        ("Thursday, December 3rd, 2026", date(2026, 12, 3)),
        ("Do 03.12.2026", date(2026, 12, 3)),
        ("Jeudi 3 décembre 2026", date(2026, 12, 3)),
        ("3. Dez. 2026", date(2026, 12, 3)),
        ("3 de diciembre de 2026", date(2026, 12, 3)),
        ("46359", date(2026, 12, 3)),  # what Excel shows of a date in a column of numbers
        ("46359.6875", datetime(2026, 12, 3, 16, 30)),  # noqa: DTZ001
        ("13/12/2026", date(2026, 12, 13)),
        ("12/13/2026", date(2026, 12, 13)),
        ("12/12/2026", date(2026, 12, 12)),
        ("2026-12-03 16:30", datetime(2026, 12, 3, 16, 30)),  # noqa: DTZ001
        ("12/13/2026 4:30 PM", datetime(2026, 12, 13, 16, 30)),  # noqa: DTZ001
        ("12/13/2026 12:05 am", datetime(2026, 12, 13, 0, 5)),  # noqa: DTZ001
    ],
)
def test_a_date_is_understood(text: str, expected: date) -> None:
    assert stays_of(dates_table(f'"{text}"'))[0][1] == expected


def test_the_order_of_day_and_month_is_asked_where_it_matters() -> None:
    table = read_table(dates_table("03/12/2026", "04/12/2026").encode())

    with pytest.raises(AmbiguousDates) as asked:
        read_stays(table, suggest_columns(table.header))

    assert asked.value.example == "03/12/2026"
    assert asked.value.readings == {
        DateOrder.DAY_FIRST: date(2026, 12, 3),
        DateOrder.MONTH_FIRST: date(2026, 3, 12),
    }


@pytest.mark.parametrize(
    ("order", "expected"),
    [(DateOrder.DAY_FIRST, date(2026, 12, 3)), (DateOrder.MONTH_FIRST, date(2026, 3, 12))],
)
def test_the_answer_decides(order: DateOrder, expected: date) -> None:
    assert stays_of(dates_table("03/12/2026"), order)[0][1] == expected


@pytest.mark.parametrize(
    ("proof", "expected"),
    [("25/12/2026", date(2026, 12, 3)), ("12/25/2026", date(2026, 3, 12))],
)
def test_one_date_that_fits_one_order_proves_it_for_all(proof: str, expected: date) -> None:
    assert stays_of(dates_table("03/12/2026", proof))[0][1] == expected


def test_dates_that_contradict_each_other_are_asked_and_then_named() -> None:
    table = read_table(dates_table("25/12/2026", "12/26/2026").encode())
    columns = suggest_columns(table.header)

    with pytest.raises(AmbiguousDates):
        read_stays(table, columns)
    reading = read_stays(table, columns, DateOrder.DAY_FIRST)

    assert [stay.line for stay in reading.stays] == [2]
    [error] = reading.errors
    assert (error.line, error.field) == (3, Field.ARRIVES)
    assert "the other way round" in error.words


@pytest.mark.parametrize(
    ("row", "wanted", "words"),
    [
        (",2026-12-04,,,", Field.ARRIVES, "missing"),
        ("2026-12-01,,,,", Field.DEPARTS, "missing"),
        ("31.11.2026,2026-12-04,,,", Field.ARRIVES, "“31.11.2026” is not a date"),
        ("soon,2026-12-04,,,", Field.ARRIVES, "Write it as"),
        ("4602,2026-12-04,,,", Field.ARRIVES, "The arrival “4602” is not a date"),
        ("99999,2026-12-04,,,", Field.ARRIVES, "is not a date"),
        ("1926-12-01,2026-12-04,,,", Field.ARRIVES, "is not a date"),
        ("2026-12-01 25:00,2026-12-04,,,", Field.ARRIVES, "is not a date"),
        ("2026-12-01 13:00 pm,2026-12-04,,,", Field.ARRIVES, "is not a date"),
        ("2026-12-04,2026-12-01,,,", Field.DEPARTS, "not after the arrival"),
        ("2026-12-04,2026-12-04,,,", Field.DEPARTS, "not after the arrival"),
        ("2026-12-01,2026-12-04,perhaps,,", Field.STATUS, "no status we know"),
        ("2026-12-01,2026-12-04,,12a4,", Field.PIN, "digits only"),
        ("2026-12-01,2026-12-04,,,B-1", Field.ID, "line 2"),
        ("2026-12-01", Field.DEPARTS, "missing"),
    ],
)
def test_a_bad_row_is_named_by_line_field_and_remedy(row: str, wanted: Field, words: str) -> None:
    good = "2026-12-01,2026-12-04,,,B-1"
    table = read_table(f"arrives,departs,status,pin,id\n{good}\n{row}\n".encode())

    reading = read_stays(table, suggest_columns(table.header))

    assert [stay.line for stay in reading.stays] == [2]
    [error] = reading.errors
    assert (error.line, error.field) == (3, wanted)
    assert words in error.words


def test_the_same_row_has_the_same_id_in_every_import() -> None:
    body = "guest,arrives,departs\nAna,2026-12-01,2026-12-04\nBob,2026-12-01,2026-12-04\n"
    first, again = (read_table(text.encode()) for text in (body, body.replace(",", ";") + "\n\n"))

    ids = [stay.external_id for stay in read_stays(first, suggest_columns(first.header)).stays]

    assert len(set(ids)) == 2
    assert ids == [s.external_id for s in read_stays(again, suggest_columns(again.header)).stays]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b"", "empty"),
        (b" \n\n ", "empty"),
        (b",,,\n,,,\n", "empty"),
        (b"PK\x03\x04...", "workbook"),
        (b"\xd0\xcf\x11\xe0...", "workbook"),
        (b"%PDF-1.7 ...", "pdf"),
        (b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "calendar"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "web_page"),
        (b'a,b\n"x,1\ny,2\nz,3\n', "damaged"),
        (b"a,b\n\x00\x00,1\n", "not_text"),
        (b"x" * (2 * 1024 * 1024 + 1), "too_big"),
        (b"a,b\n" + b"1,2\n" * 5001, "too_long"),
        (b",".join([b"a"] * 101) + b"\n", "too_wide"),
        (b"a,b\n" + b"x" * 200_000 + b",1\n", "damaged"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(body: bytes, key: str) -> None:
    with pytest.raises(TableUnreadable) as unreadable:
        read_table(body)

    assert unreadable.value.key == key


def test_five_thousand_rows_are_read() -> None:
    rows = "".join(f"g{n},2026-12-01,2026-12-04\n" for n in range(5000))

    assert len(stays_of("guest,arrives,departs\n" + rows)) == 5000


def test_without_the_date_columns_nothing_is_read() -> None:
    table = read_table(PLAIN.encode())

    with pytest.raises(TableUnreadable) as unreadable:
        read_stays(table, {Field.ARRIVES: 2})
    with pytest.raises(TableUnreadable) as elsewhere:
        read_stays(table, {Field.ARRIVES: 2, Field.DEPARTS: 70})

    assert (unreadable.value.key, elsewhere.value.key) == ("no_dates", "no_column")


def test_what_people_wrote_stays_out_of_the_repr() -> None:
    table = read_table(PLAIN.encode())

    assert "Álvarez" not in repr(read_stays(table, suggest_columns(table.header)).stays)
    assert "Álvarez" not in repr(table.rows)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_no_file_makes_anything_but_a_clear_error(body: bytes) -> None:
    try:
        table = read_table(body)
        read_stays(table, dict.fromkeys((Field.ARRIVES, Field.DEPARTS), 0) | {Field.GUEST: 0})
    except (TableUnreadable, AmbiguousDates):
        return


@given(st.text(alphabet="0123456789/-. :apmTJandec", max_size=24))
def test_no_date_makes_anything_but_a_clear_error(text: str) -> None:
    table = read_table(f'guest;arrives;departs\nx;"{text}";2030-01-01\n'.encode())

    reading = read_stays(table, suggest_columns(table.header), DateOrder.DAY_FIRST)

    assert len(reading.stays) + len(reading.errors) == 1


@pytest.mark.parametrize("header", ["E-mail", "email", "Guest email", "E-Mail Address", "Correo"])
def test_a_column_of_addresses_is_known_by_its_name(header: str) -> None:
    table = read_table(f"arrives,departs,{header}\n2026-12-01,2026-12-04,ana@example.com".encode())

    reading = read_stays(table, suggest_columns(table.header))

    assert [stay.email for stay in reading.stays] == ["ana@example.com"]
    assert "ana@" not in repr(reading.stays)


def test_an_address_that_is_none_is_left_out_and_never_costs_the_stay() -> None:
    table = read_table(b"arrives,departs,email\n2026-12-01,2026-12-04,n/a")

    reading = read_stays(table, suggest_columns(table.header))

    assert reading.errors == []
    assert (reading.stays[0].email, "no e-mail address" in reading.stays[0].warning) == ("", True)
