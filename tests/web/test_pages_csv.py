"""Tables of bookings: looked at first, taken over once, taken back."""

import io
import json
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from portal import clock
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import (
    Booking,
    BookingStatus,
    CsvChange,
    CsvImport,
    ImportState,
    Property,
    Role,
    Source,
)
from portal.services import bookings, imports
from portal.views import filters
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_feed,
    make_lock,
    make_property,
)
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, words

HEADER = "Reservation,Guest,Phone,Arrival,Departure,Property,PIN,Status,Notes"


def day(number: int) -> str:
    """The day that many days from now."""
    return (clock.now() + timedelta(days=number)).date().isoformat()


def on(number: int) -> date:
    return date.fromisoformat(day(number))


def table(*rows: str, header: str = HEADER) -> bytes:
    return "\r\n".join([header, *rows]).encode()


def row(reservation: str = "R1", first: int = 5, last: int = 8, **cells: str) -> str:
    """One row of the table, at Casa Verde."""
    values = {"guest": "Ana Table", "phone": "", "property": "Casa Verde", "pin": "", "status": ""}
    c = values | cells
    return (
        f"{reservation},{c['guest']},{c['phone']},{c.get('arrival', day(first))},"
        f"{c.get('departure', day(last))},{c['property']},{c['pin']},{c['status']},"
    )


class Upload:
    """A table on its way through the pages."""

    def __init__(self, client: PortalClient, body: bytes, name: str = "stays.csv") -> None:
        self.client = client
        answer = client.send("/imports/csv", file=(io.BytesIO(body), name))
        assert answer.status_code == 303, words(answer.text)
        self.path = answer.location

    @property
    def id(self) -> int:
        return int(self.path.rsplit("/", 1)[1].partition("#")[0])

    @property
    def page(self) -> str:
        return self.client.get(self.path).text

    def deeds(self) -> list[str | None]:
        return [e["data-deed"] for e in elements(self.page) if "data-deed" in e]

    def told(self, line: int) -> str:
        return words(element(self.page, data_line=str(line)).text)

    def choose(self, **choices: Any) -> None:
        """Sends the form as it stands on the page, with these choices in it."""
        row = self.row
        fields = {f"column-{name}": str(place) for name, place in row.columns.items()}
        assert self.client.send(self.path, **fields | choices).status_code == 303

    def confirm(self) -> "Upload":
        assert self.client.send(f"{self.path}/confirm").status_code == 303
        return self

    def undo(self) -> None:
        assert "Undo this import?" in self.client.get(f"{self.path}/undo").text
        assert self.client.send(f"{self.path}/undo").status_code == 303

    @property
    def row(self) -> CsvImport:
        db.session.rollback()
        return db.session.get_one(CsvImport, self.id)

    def counts(self) -> tuple[int, int, int, int, int]:
        r = self.row
        return r.created, r.changed, r.same, r.left_out, r.refused


@pytest.fixture
def place(app: Flask) -> Property:
    return make_property(name="Casa Verde", locks=[make_lock(code_length=6)])


@pytest.fixture
def client(app: Flask, place: Property) -> PortalClient:
    return browser(app)


def all_bookings() -> list[Booking]:
    db.session.rollback()
    return list(db.session.scalars(select(Booking).order_by(Booking.id)))


def test_a_table_changes_nothing_before_it_is_confirmed(client: PortalClient) -> None:
    upload = Upload(client, table(row("R1"), row("R2", 9, 12, guest="Bo Table")))

    deeds = upload.deeds()

    assert deeds == ["create", "create"]
    assert all_bookings() == []


def test_a_confirmed_table_makes_bookings_with_codes(client: PortalClient) -> None:
    upload = Upload(client, table(row("R1", phone="+1 212 555 0142", pin="482913"))).confirm()

    [booking] = all_bookings()
    assert (booking.source, booking.external_id) == (Source.CSV, "R1")
    assert (booking.guest_name, booking.guest_phone) == ("Ana Table", "+1 212 555 0142")
    assert (booking.arrives_on, booking.departs_on) == (on(5), on(8))
    assert booking.pin == Secret("482913")
    assert booking.import_id == upload.id
    assert len(booking.door_codes) == 1
    assert upload.counts() == (1, 0, 0, 0, 0)


@pytest.mark.parametrize("reservation", ["R1", ""])
def test_the_same_table_again_changes_nothing(client: PortalClient, reservation: str) -> None:
    body = table(row(reservation, phone="0142", pin="482913"))
    Upload(client, body).confirm()
    [before] = [(b.id, b.revision, b.arrives_on, b.pin) for b in all_bookings()]

    again = Upload(client, body)
    deeds = again.deeds()
    again.confirm()

    assert deeds == ["same"]
    assert [(b.id, b.revision, b.arrives_on, b.pin) for b in all_bookings()] == [before]
    assert again.counts() == (0, 0, 1, 0, 0)


@pytest.mark.parametrize("reservation", ["R1", ""])
def test_a_later_departure_moves_the_booking_and_keeps_its_pin(
    client: PortalClient, reservation: str
) -> None:
    Upload(client, table(row(reservation))).confirm()
    [pin] = [b.pin for b in all_bookings()]

    later = Upload(client, table(row(reservation, last=10)))
    told = later.told(2)
    later.confirm()

    [booking] = all_bookings()
    assert "Changes: departure" in told
    assert (booking.departs_on, booking.pin) == (on(10), pin)


def test_bad_rows_say_what_to_do_and_good_rows_are_not_lost(client: PortalClient) -> None:
    upload = Upload(
        client,
        table(
            row("R1"),
            row("R2", arrival="soon"),
            row("R3", property="Casa Nowhere"),
            row("R4", 8, 5),
            row("R5", 5, 500),
            row("R1", 20, 22),
            row("R6", -9, -5),
            row("R7", status="cancelled"),
            row("R8", 30, 33),
        ),
    )

    told = {line: upload.told(line) for line in range(2, 11)}
    upload.confirm()

    assert "Write it as 2026-12-31" in told[3]
    assert "Add it, or correct the name" in told[4]
    assert "Correct one" in told[5]
    assert "at most 366 nights" in told[6]
    assert "Delete one of them" in told[7]
    assert "This stay is over" in told[8]
    assert "Cancelled, and not known here" in told[9]
    assert [b.external_id for b in all_bookings()] == ["R1", "R8"]
    assert upload.counts() == (2, 0, 0, 2, 5)
    assert "Add it, or correct the name" in upload.told(4)


def test_all_rows_can_be_stays_at_one_property(client: PortalClient, place: Property) -> None:
    upload = Upload(client, table(row("R1", property="")))
    without = upload.deeds()

    upload.choose(property_id=str(place.id))

    assert without == ["error"]
    assert upload.deeds() == ["create"]


def test_dates_that_can_be_read_both_ways_are_asked_about(client: PortalClient) -> None:
    year = clock.now().year + 1
    upload = Upload(client, table(row(arrival=f"03/04/{year}", departure=f"05/04/{year}")))
    asked = words(upload.page)
    client.send(f"{upload.path}/confirm")
    too_early = all_bookings()

    upload.choose(order="month_first")
    told = upload.told(2)
    upload.confirm()

    assert f"“03/04/{year}” can be read both ways" in asked
    for read_as in (date(year, 4, 3), date(year, 3, 4)):
        assert f"“03/04/{year}” is {filters.plain_date(read_as)}" in asked
    assert too_early == []
    [booking] = all_bookings()
    stay = (date(year, 3, 4), date(year, 5, 4))
    assert (booking.arrives_on, booking.departs_on) == stay
    assert " – ".join(map(filters.plain_date, stay)) in told


def test_a_column_matched_by_hand_is_remembered_for_the_next_table(client: PortalClient) -> None:
    header = "When they come,When they go,Who,Where"
    body = table(f"{day(5)},{day(7)},Ana,Casa Verde", header=header)
    first = Upload(client, body)
    fault = words(first.page)
    first.choose(
        **{
            "column-arrives": "0",
            "column-departs": "1",
            "column-guest": "2",
            "column-property": "3",
        }
    )
    first.confirm()

    second = Upload(client, body)

    assert "Say which columns hold the arrival and the departure" in fault
    assert second.deeds() == ["same"]


def test_a_pin_that_lost_its_zeros_is_warned_of_and_put_right(client: PortalClient) -> None:
    upload = Upload(client, table(row(pin="48291")))
    warned = upload.told(2)

    upload.choose(pads_pins="1")
    upload.confirm()

    assert "did Excel drop leading zeros?" in warned
    [booking] = all_bookings()
    assert booking.pin == Secret("048291")


def test_a_pin_that_will_not_do_never_costs_the_stay(client: PortalClient) -> None:
    upload = Upload(client, table(row("R1", pin="482913"), row("R2", pin="482999")))

    upload.confirm()

    first, second = all_bookings()
    assert first.pin == Secret("482913")
    assert second.pin not in {None, Secret("482999")}
    assert "same four digits" in upload.told(3)
    assert upload.counts() == (2, 0, 0, 0, 0)


def test_pins_and_phones_are_neither_shown_nor_stored_in_the_clear(client: PortalClient) -> None:
    upload = Upload(client, table(row(pin="482913", phone="+1 212 555 0142", guest="Zoë Secret")))

    stored = str(db.session.execute(text("SELECT * FROM csv_import")).all())
    page = upload.page
    upload.confirm()
    kept = str(db.session.execute(text("SELECT * FROM csv_import")).all())
    kept += str(db.session.execute(text("SELECT * FROM csv_change")).all())

    for secret in ("482913", "212 555 0142"):
        assert secret not in page
        assert secret not in stored + kept
    assert upload.row.table is None


def test_a_stay_of_a_calendar_gets_its_guest_and_no_second_code(
    client: PortalClient, place: Property
) -> None:
    feed = make_feed(place)
    by_code = make_booking(
        place, source=Source.AIRBNB, feed_id=feed.id, uid="u1", reservation_code="HMABC",
        guest_name="", guest_phone="0142", arrives_in=timedelta(days=3), arrives_time=None,
    )  # fmt: skip
    by_days = make_booking(
        place, source=Source.ICAL, feed_id=feed.id, uid="u2", guest_name="", guest_phone="",
        arrives_on=on(20), departs_on=on(23), arrives_in=timedelta(days=20),
    )  # fmt: skip
    dates = (by_code.arrives_on, by_code.departs_on, by_code.pin)

    upload = Upload(
        client,
        table(
            row("HMABC", 3, 9, phone="+1 212 555 0142"),
            row("", 20, 23, guest="Bo", phone="+44 20 7946 0000"),
        ),
    )
    deeds = upload.deeds()
    upload.confirm()

    assert deeds == ["change", "change"]
    assert len(all_bookings()) == 2
    one, two = fresh(by_code), fresh(by_days)
    assert (one.guest_name, one.guest_phone) == ("Ana Table", "+1 212 555 0142")
    assert (one.arrives_on, one.departs_on, one.pin) == dates
    assert (two.guest_name, two.guest_phone) == ("Bo", "+44 20 7946 0000")


@pytest.mark.parametrize(
    ("listed", "cells", "deed"),
    [
        ({"guest_name": "Dana"}, {"guest": "Dana Whitfield"}, "same"),
        ({"guest_name": "Dana"}, {"guest": "Bo"}, "create"),
        ({"guest_phone": "0142"}, {"guest": "Bo", "phone": "+1 212 555 0142"}, "change"),
        ({"guest_phone": "0142"}, {"guest": "Bo", "phone": "+1 212 555 7193"}, "create"),
        ({"reservation_code": "HMAAAA1111"}, {"reservation": "HMBBBB2222"}, "create"),
        ({"reservation_code": "HMAAAA1111"}, {"reservation": "4711"}, "change"),
    ],
)
def test_a_row_of_the_same_days_but_another_guest_is_a_booking_of_its_own(
    client: PortalClient,
    place: Property,
    listed: dict[str, str],
    cells: dict[str, str],
    deed: str,
) -> None:
    make_booking(
        place, source=Source.AIRBNB, feed_id=make_feed(place).id, uid="u1",
        arrives_on=on(20), departs_on=on(23), arrives_in=timedelta(days=20),
        **({"guest_name": "", "guest_phone": ""} | listed),
    )  # fmt: skip

    upload = Upload(client, table(row(**({"reservation": ""} | cells), first=20, last=23)))

    assert upload.deeds() == [deed]


def test_undoing_cancels_what_it_made_and_puts_back_what_it_changed(client: PortalClient) -> None:
    Upload(client, table(row("R1", pin="482913"))).confirm()
    [first] = all_bookings()
    second = Upload(
        client,
        table(row("R1", last=11, guest="Ana Two", phone="999", pin="771234"), row("R2", 20, 22)),
    ).confirm()

    second.undo()

    put_back, made = all_bookings()
    assert (put_back.departs_on, put_back.guest_name, put_back.guest_phone) == (
        on(8),
        "Ana Table",
        "",
    )
    assert put_back.pin == Secret("482913")
    assert put_back.id == first.id
    assert made.status is BookingStatus.CANCELLED
    assert (second.row.state, second.row.undone, second.row.kept) == (ImportState.UNDONE, 2, 0)


def test_an_undone_table_can_be_taken_over_again(client: PortalClient) -> None:
    Upload(client, table(row("R1"))).confirm().undo()

    again = Upload(client, table(row("R1"))).confirm()

    assert [b.status for b in all_bookings()] == [BookingStatus.CONFIRMED]
    assert again.counts() == (0, 1, 0, 0, 0)


def test_undoing_leaves_alone_what_anybody_changed_since(client: PortalClient) -> None:
    upload = Upload(client, table(row("R1"), row("R2", 20, 22))).confirm()
    with bookings.changing() as session:
        touched = session.scalars(select(Booking).where(Booking.external_id == "R1")).one()
        bookings.change_dates(session, touched, on(5), None, on(9), None, "manager:1")

    upload.undo()

    assert [b.status for b in all_bookings()] == [BookingStatus.CONFIRMED, BookingStatus.CANCELLED]
    assert (upload.row.undone, upload.row.kept) == (1, 1)


def test_undoing_never_shuts_out_a_guest_who_may_be_inside(client: PortalClient) -> None:
    upload = Upload(client, table(row("R1", -2, 3))).confirm()

    upload.undo()

    assert [b.status for b in all_bookings()] == [BookingStatus.CONFIRMED]


def test_what_a_person_cancelled_here_no_table_brings_back(client: PortalClient) -> None:
    Upload(client, table(row("R1"))).confirm()
    with bookings.changing() as session:
        bookings.cancel(session, session.scalars(select(Booking)).one(), "manager:1")

    again = Upload(client, table(row("R1")))
    deeds = again.deeds()
    again.confirm()

    assert deeds == ["left_out"]
    assert [b.status for b in all_bookings()] == [BookingStatus.CANCELLED]


def test_a_cancelled_row_cancels_its_booking(client: PortalClient) -> None:
    Upload(client, table(row("R1"))).confirm()

    Upload(client, table(row("R1", status="cancelled"))).confirm()

    assert [b.status for b in all_bookings()] == [BookingStatus.CANCELLED]


def test_an_import_that_broke_off_goes_on_where_it_stopped(client: PortalClient) -> None:
    upload = Upload(client, table(*(row(f"R{n}", 5 + n, 6 + n) for n in range(30))))
    with bookings.changing() as session:
        for n in range(20):
            bookings.save(
                session,
                Source.CSV,
                f"R{n}",
                bookings.BookingWish(
                    property_id=session.scalars(select(Property.id)).one(),
                    guest_name="Ana Table",
                    arrives_on=on(5 + n),
                    departs_on=on(6 + n),
                ),
                "manager:1",
            )

    upload.confirm()

    assert len(all_bookings()) == 30
    assert upload.counts() == (10, 0, 20, 0, 0)


def test_a_long_table_is_taken_over_in_several_presses(
    client: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "ROWS_PER_PRESS", 30)
    rows = [row(f"R{n}", 5 + n, 6 + n) for n in range(70)]
    # The second row's PIN is refused only when it is tried: that row is not tried for ever.
    rows[1:1] = [row("R80", 4, 5, pin="482913"), row("R81", 3, 4, pin="482999")]
    upload = Upload(client, table(*rows, row("R70", pin="12")))

    left = []
    for _ in range(3):
        upload.confirm()
        page = words(upload.page)
        left.append(("43 rows are left" in page, "13 rows are left" in page))

    assert left == [(True, False), (False, True), (False, False)]
    assert len(all_bookings()) == 73
    assert upload.counts() == (73, 0, 0, 0, 0)
    assert "same four digits" in upload.told(4)
    assert "A PIN is chosen instead" in upload.told(74)


def test_confirming_twice_is_confirming_once(client: PortalClient) -> None:
    upload = Upload(client, table(row("R1"))).confirm()

    upload.confirm()

    assert len(all_bookings()) == 1
    assert upload.counts() == (1, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"PK\x03\x04 workbook", "Save as"),
        (b"Arrival,Departure\r\n", "no rows"),
    ],
)
def test_a_file_that_is_no_table_is_refused_at_the_field(
    client: PortalClient, body: bytes, said: str
) -> None:
    answer = client.send("/imports/csv", file=(io.BytesIO(body), "stays.csv"))

    assert answer.status_code == 422
    assert said in words(element(answer.text, id="file-error").text)


def test_strangers_words_are_shown_escaped(client: PortalClient) -> None:
    upload = Upload(client, table(row(guest="<script>alert(1)</script>", arrival="<b>soon</b>")))
    good = Upload(client, table(row(guest="<script>alert(1)</script>")))

    pages = upload.page + good.page

    assert "<script>alert" not in pages
    assert "<b>soon" not in pages
    assert "&lt;script&gt;alert(1)" in pages


def test_choices_that_no_form_offers_change_nothing_for_the_worse(client: PortalClient) -> None:
    upload = Upload(client, table(row()))

    upload.choose(order="sideways", property_id="999999", **{"column-guest": "99"})

    assert "A chosen column is not in this file" in words(upload.page)
    assert client.send(f"{upload.path}/confirm").status_code == 303
    assert all_bookings() == []


def test_old_tables_are_forgotten_with_what_was_in_them(client: PortalClient) -> None:
    forgotten = Upload(client, table(row("R0")))
    old = Upload(client, table(row("R1"))).confirm()
    db.session.execute(
        text("UPDATE csv_import SET uploaded_at = :then, finished_at = :then"),
        {"then": "2020-01-01 00:00:00"},
    )
    db.session.commit()

    Upload(client, table(row("R2")))

    db.session.rollback()
    assert db.session.get(CsvImport, forgotten.id) is None
    assert db.session.scalars(select(CsvChange)).all() == []
    assert "/undo" not in client.get(old.path).text


def test_a_discarded_table_is_gone(client: PortalClient) -> None:
    upload = Upload(client, table(row()))

    client.send(f"{upload.path}/discard")

    assert client.get(upload.path).status_code == 404


def test_past_tables_are_listed_with_their_undo(app: Flask, client: PortalClient) -> None:
    upload = Upload(client, table(row())).confirm()
    viewer = browser(app, role=Role.VIEWER)

    mine, theirs = client.get("/imports").text, viewer.get("/imports").text

    assert "1 new" in words(element(mine, id=f"import-{upload.id}").text)
    assert f"/imports/csv/{upload.id}/undo" in mine
    assert "stays.csv" in theirs
    assert f"/imports/csv/{upload.id}" not in theirs


def test_another_accounts_columns_and_properties_do_not_exist_here(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    make_property(theirs, name="Casa Verde")

    upload = Upload(browser(app, ours), table(row()))

    assert "No property is called" in upload.told(2)


def test_a_kept_table_is_whole_again_when_it_is_read(client: PortalClient) -> None:
    text_of = f'Arrival;Departure;Guest\n{day(4)};{day(6)};"Müller; ""Jo"""'

    upload = Upload(client, text_of.encode("cp1252"))

    stored = upload.row.table
    assert stored is not None
    header, rows, _, separator = json.loads(stored.reveal())

    assert header == ["Arrival", "Departure", "Guest"]
    assert rows[0][1][2] == 'Müller; "Jo"'
    assert separator == ";"


EMAIL_HEADER = HEADER + ",Guest email"


def test_a_guests_address_comes_with_the_table_and_goes_with_it(
    client: PortalClient, place: Property
) -> None:
    Upload(client, table(row("R1"))).confirm()
    upload = Upload(
        client, table(row("R1") + ",ana@example.com", header=EMAIL_HEADER), "again.csv"
    ).confirm()
    booking = db.session.scalars(select(Booking)).one()
    before = booking.guest_email

    upload.undo()

    assert before == "ana@example.com"
    assert fresh(booking).guest_email == ""


def test_an_import_of_an_earlier_program_can_be_taken_back_all_the_same(
    client: PortalClient, place: Property
) -> None:
    upload = Upload(client, table(row("R1"))).confirm()
    change = db.session.scalars(select(CsvChange)).one()
    picture = json.loads(change.after.reveal())
    del picture["guest_email"]
    change.after = Secret(json.dumps(picture))
    db.session.commit()

    upload.undo()

    assert db.session.scalars(select(Booking)).one().status is BookingStatus.CANCELLED
