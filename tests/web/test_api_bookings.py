"""Bookings by API."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import event, func, select

from portal import clock
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, BookingStatus, DoorCode, Lock, Role, Source, TimelineEntry
from portal.queue import JobName
from portal.services.timeline import Kind
from portal.views.api import _blueprint
from tests.support.bells import FakeBell
from tests.support.builders import (
    make_account,
    make_booking,
    make_door_code,
    make_entry,
    make_lock,
    make_manager,
    make_property,
    make_spare,
    make_timeline_entry,
    make_token,
)
from tests.web.api import Program, faults, stay

FIELDS = {
    "id",
    "source",
    "external_id",
    "verdict",
    "problem",
    "revision",
    "door_codes",
    "spares",
}
DOOR_FIELDS = {
    "id",
    "lock_id",
    "status",
    "problem",
    "problem_text",
    "label",
    "starts_at",
    "ends_at",
    "due_at",
    "confirmed_at",
}


@pytest.fixture(autouse=True)
def _fresh_throttle(app: Flask) -> None:
    """What one test asked for is not held against the next."""
    app.extensions["api_throttle"] = _blueprint.make_throttle()


def put(program: Program, body: dict[str, Any], external_id: str = "B1") -> Any:
    return program.put(f"/api/v1/bookings/api/{external_id}", **body)


def count(model: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_a_booking_is_made_with_201_and_its_locks_are_rung(app: Flask, bell: FakeBell) -> None:
    lock = make_lock()
    place = make_property(locks=[lock])

    answer = put(Program(app), stay(place))

    assert answer.status_code == 201
    assert answer.json.keys() >= FIELDS
    assert (answer.json["source"], answer.json["external_id"]) == ("api", "B1")
    (door,) = answer.json["door_codes"]
    assert door.keys() >= DOOR_FIELDS
    assert door["lock_id"] == lock.id
    assert bell.ids_of(JobName.WORK_LOCK) == [lock.id]


def test_the_same_call_again_is_200_and_changes_nothing(app: Flask, bell: FakeBell) -> None:
    place = make_property(locks=[make_lock()])
    program = Program(app)
    first = put(program, stay(place))
    entries = count(TimelineEntry)
    bell.forget()

    second = put(program, stay(place))

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json == first.json
    assert count(Booking) == 1
    assert count(TimelineEntry) == entries
    assert bell.rings == []


def test_a_put_is_answered_with_the_body_of_get(app: Flask) -> None:
    program = Program(app)

    made = put(program, stay(make_property(locks=[make_lock()])))

    assert made.json == program.get(f"/api/v1/bookings/{made.json['id']}").json


def test_other_dates_are_a_new_revision_of_the_same_booking(app: Flask) -> None:
    place = make_property(locks=[make_lock()])
    program = Program(app)
    made = put(program, stay(place)).json
    later = (clock.now() + timedelta(days=14)).date().isoformat()

    changed = put(program, stay(place, departs=later))

    assert changed.status_code == 200
    assert changed.json["id"] == made["id"]
    assert changed.json["revision"] > made["revision"]
    assert changed.json["door_codes"][0]["ends_at"] > made["door_codes"][0]["ends_at"]


def test_dates_mean_the_propertys_times_and_date_times_mean_themselves(app: Flask) -> None:
    place = make_property(time_zone="America/New_York", locks=[make_lock()])
    program = Program(app)

    dates = put(program, stay(place, arrives="2027-01-10", departs="2027-01-12"), "dates").json
    times = put(
        program,
        stay(place, arrives="2027-01-10T13:30", departs="2027-01-12T09:15:00"),
        "times",
    ).json

    assert (dates["starts_at"], dates["ends_at"]) == (
        "2027-01-10T21:00:00+00:00",
        "2027-01-12T16:00:00+00:00",
    )
    assert (times["starts_at"], times["ends_at"]) == (
        "2027-01-10T18:30:00+00:00",
        "2027-01-12T14:15:00+00:00",
    )


def test_cancelling_and_reinstating_go_by_status(app: Flask) -> None:
    place = make_property(locks=[make_lock()])
    program = Program(app)
    put(program, stay(place))

    cancelled = put(program, stay(place, status="cancelled"))
    assert cancelled.json["status"] == "cancelled"
    assert db.session.scalars(select(Booking)).one().status is BookingStatus.CANCELLED

    assert put(program, stay(place, status="confirmed")).json["status"] == "confirmed"


def test_a_given_pin_is_kept_and_never_in_the_answer(app: Flask) -> None:
    place = make_property(locks=[make_lock()])

    answer = put(Program(app), stay(place, pin="274916"))

    booking = db.session.scalars(select(Booking)).one()
    assert booking.pin is not None
    assert booking.pin.reveal() == "274916"
    assert "274916" not in answer.text
    assert "pin" not in answer.json


@pytest.mark.parametrize(
    "phone",
    ["call my wife", "☎", "", None, 12125550142, "x" * 500, "\x00\x07", "+1 (212) 555-0142"],
)
def test_no_phone_number_refuses_a_booking(app: Flask, phone: object) -> None:
    place = make_property(locks=[make_lock()])

    answer = put(Program(app), stay(place, guest_phone=phone))

    assert answer.status_code == 201, answer.text


def test_the_phone_number_is_kept_as_it_was_written(app: Flask) -> None:
    put(Program(app), stay(make_property(), guest_phone="+1 (212) 555-0142 ext. 9"))

    assert db.session.scalars(select(Booking)).one().guest_phone == "+1 (212) 555-0142 ext. 9"


def test_the_phone_and_the_pin_may_be_left_out(app: Flask) -> None:
    body = stay(make_property(locks=[make_lock()]))
    del body["guest_phone"]

    assert put(Program(app), body).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("property_id", None),
        ("property_id", "1"),
        ("property_id", 1.5),
        ("property_id", True),
        ("property_id", 0),
        ("property_id", 2**70),
        ("property_id", 1_999_999_999),
        ("guest_name", None),
        ("guest_name", ""),
        ("guest_name", 7),
        ("guest_name", "x" * 201),
        ("guest_name", "nul \x00"),
        ("guest_name", "half \ud800"),
        ("guest_phone", ["+1"]),
        ("guest_phone", True),
        ("guest_email", "ana"),
        ("guest_email", "ana@example.com, bo@example.com"),
        ("guest_email", 7),
        ("guest_language", "klingon!"),
        ("guest_language", 7),
        ("arrives", None),
        ("arrives", ""),
        ("arrives", "tomorrow"),
        ("arrives", "2027-02-30"),
        ("arrives", "2027-1-3"),
        ("arrives", "20270103"),
        ("arrives", "0001-01-01"),
        ("arrives", "9999-12-31"),
        ("arrives", "2027-01-10T16:00:00Z"),
        ("arrives", "2027-01-10T16:00+01:00"),
        ("arrives", "2027-01-10T16:00:30"),
        ("arrives", "2027-01-10T24:30"),
        ("arrives", "2027-W01-1"),
        ("arrives", 1767225600),
        ("departs", "never"),
        ("pin", 482917),
        ("pin", "12"),
        ("pin", "123456789"),
        ("pin", "12a4"),
        ("pin", "١٢٣٤٥٦"),
        ("pin", ""),
        ("pin", None),
        ("status", "maybe"),
        ("status", None),
        ("status", 1),
    ],
)
def test_each_wrong_field_is_named_with_what_would_do_and_nothing_is_stored(
    app: Flask, field: str, value: object
) -> None:
    place = make_property()

    answer = put(Program(app), stay(place, **{field: value}))

    assert answer.status_code == 422, answer.text
    assert list(faults(answer)) == [field]
    assert answer.json["detail"].startswith(f"{field}: ")
    assert count(Booking) == 0


@pytest.mark.parametrize("field", ["property_id", "guest_name", "arrives", "departs"])
def test_each_missing_field_is_named(app: Flask, field: str) -> None:
    body = stay(make_property())
    del body[field]

    answer = put(Program(app), body)

    assert answer.status_code == 422
    assert faults(answer) == {field: "This field is needed."}


def test_several_wrong_fields_are_named_at_once(app: Flask) -> None:
    answer = put(Program(app), stay(make_property(), pin="x", arrives="x", guest_name=""))

    assert set(faults(answer)) == {"pin", "arrives", "guest_name"}


def test_departing_before_arriving_is_a_wrong_departs(app: Flask) -> None:
    body = stay(make_property(), arrives="2027-01-10", departs="2027-01-09")

    answer = put(Program(app), body)

    assert answer.status_code == 422
    assert list(faults(answer)) == ["departs"]


def test_a_wrong_change_leaves_the_booking_as_it_was(app: Flask) -> None:
    place = make_property(locks=[make_lock()])
    program = Program(app)
    made = put(program, stay(place)).json

    put(program, stay(place, departs="never"))

    assert program.get(f"/api/v1/bookings/{made['id']}").json == made


def test_an_unknown_source_is_named_with_the_known_ones(app: Flask) -> None:
    answer = Program(app).put("/api/v1/bookings/expedia/B1", **stay(make_property()))

    assert answer.status_code == 422
    assert "airbnb" in faults(answer)["source"]


@pytest.mark.parametrize("source", [str(source) for source in Source])
def test_every_source_of_ours_is_taken(app: Flask, source: str) -> None:
    answer = Program(app).put(f"/api/v1/bookings/{source}/B1", **stay(make_property()))

    assert (answer.status_code, answer.json["source"]) == (201, source)


@pytest.mark.parametrize("external_id", ["a/b", "a//b", "1418fb94e984@airbnb.com", "ü ö", "..x"])
def test_the_sources_own_id_may_look_like_anything(app: Flask, external_id: str) -> None:
    program, body = Program(app), stay(make_property())

    made = put(program, body, external_id)

    assert (made.status_code, made.json["external_id"]) == (201, external_id)
    assert put(program, body, external_id).status_code == 200


@pytest.mark.parametrize("external_id", ["x" * 513, "a%00b", "%07"])
def test_an_id_that_cannot_be_stored_is_named(app: Flask, external_id: str) -> None:
    answer = put(Program(app), stay(make_property()), external_id)

    assert answer.status_code == 422
    assert "external_id" in faults(answer)


def test_another_accounts_property_is_like_a_missing_one(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    make_property(ours)
    foreign = make_property(theirs)
    program = Program(app, make_token(make_manager(ours)))

    there = put(program, stay(foreign))
    nowhere = put(program, stay(foreign, property_id=1_999_999_999))

    assert (there.status_code, there.data) == (nowhere.status_code, nowhere.data)
    assert there.status_code == 422
    assert count(Booking) == 0


def test_two_accounts_may_have_bookings_with_the_same_id_of_a_source(app: Flask) -> None:
    accounts = [make_account("Ours"), make_account("Theirs")]
    places = [make_property(account) for account in accounts]
    programs = [Program(app, make_token(make_manager(account))) for account in accounts]

    made = [put(p, stay(place)) for p, place in zip(programs, places, strict=True)]

    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json["id"] != made[1].json["id"]


def test_the_list_is_by_arrival_and_by_the_hundred(app: Flask) -> None:
    place = make_property()
    same_moment = timedelta(days=5)
    later = [make_booking(place, arrives_in=same_moment) for _ in range(101)]
    first = make_booking(place, arrives_in=timedelta(days=1))
    make_booking(account=make_account("Theirs"))
    program = Program(app)

    page = program.get("/api/v1/bookings").json
    everything = program.items("/api/v1/bookings")

    assert len(page["items"]) == 100
    assert [item["id"] for item in everything] == [first.id, *(booking.id for booking in later)]


def test_arriving_within_hours_is_the_confirmed_arrivals_until_then(app: Flask) -> None:
    place = make_property()
    soon = make_booking(place, arrives_in=timedelta(hours=71))
    make_booking(place, arrives_in=timedelta(hours=73))
    make_booking(place, arrives_in=timedelta(hours=-5))
    make_booking(place, arrives_in=timedelta(hours=5), status=BookingStatus.CANCELLED)

    items = Program(app).items("/api/v1/bookings?arriving_within_hours=72")

    assert [item["id"] for item in items] == [soon.id]


def test_the_filter_stays_on_the_next_page(app: Flask) -> None:
    place = make_property()
    for _ in range(101):
        make_booking(place, arrives_in=timedelta(hours=10))
    make_booking(place, arrives_in=timedelta(days=30))

    items = Program(app).items("/api/v1/bookings?arriving_within_hours=72")

    assert len(items) == 101


@pytest.mark.parametrize("hours", ["0", "-1", "soon", "1e3", "99999999999999999999", "", "1.5"])
def test_wrong_hours_are_named(app: Flask, hours: str) -> None:
    answer = Program(app).get(f"/api/v1/bookings?arriving_within_hours={hours}")

    assert answer.status_code == 422
    assert "arriving_within_hours" in faults(answer)


def test_a_booking_without_a_lock_has_the_problem_that_says_so(app: Flask) -> None:
    booking = make_booking(make_property(), arrives_in=timedelta(hours=3))

    body = Program(app).get(f"/api/v1/bookings/{booking.id}").json

    assert (body["verdict"], body["problem"]) == ("not_ready", "unrecognized_job_state")
    assert any(
        link["url"].endswith(f"/settings/door-locks/schlage#mapping-{booking.property_id}")
        for link in body["problem_help"]["links"]
    )


@pytest.mark.parametrize("key", list(ProblemKey))
def test_every_problem_is_explained_with_steps_and_whole_addresses(
    app: Flask, key: ProblemKey
) -> None:
    code = make_door_code(status=Status.NEEDS_YOU, problem=key, problem_text="raw words")

    body = Program(app).get(f"/api/v1/bookings/{code.booking_id}").json

    (door,) = body["door_codes"]
    assert (door["problem"], door["problem_text"]) == (str(key), "raw words")
    assert door["problem_help"]["title"] == CATALOGUE[key].title
    assert door["problem_help"]["steps"] == list(CATALOGUE[key].steps)
    for link in door["problem_help"]["links"]:
        assert link["url"].startswith(("https://", "http://localhost/"))


def test_a_door_without_a_problem_says_null(app: Flask) -> None:
    code = make_door_code(status=Status.PLANNED)
    make_entry(code, label="Ana 0001", is_retired=True)
    make_entry(code, label="Ana 0002")

    (door,) = Program(app).get(f"/api/v1/bookings/{code.booking_id}").json["door_codes"]

    assert (door["problem"], door["problem_text"], door["problem_help"]) == (None, None, None)
    assert door["label"] == "Ana 0002"


def test_the_pin_is_revealed_on_request_and_recorded(app: Flask) -> None:
    booking = make_booking(pin="274916")
    program = Program(app)

    plain = program.get(f"/api/v1/bookings/{booking.id}")
    shown = program.get(f"/api/v1/bookings/{booking.id}?reveal=pin")

    assert "274916" not in plain.text
    assert shown.json["pin"] == "274916"
    entry = db.session.scalars(
        select(TimelineEntry).where(TimelineEntry.kind == str(Kind.PIN_SHOWN))
    ).one()
    assert entry.booking_id == booking.id
    assert entry.actor.startswith("api:")
    assert "274916" not in str(entry.data)


def test_a_spare_that_the_guest_was_given_is_told_and_its_pin_revealed(app: Flask) -> None:
    booking = make_booking(pin="274916")
    spare = make_spare(pin="604173", given_to_id=booking.id)
    make_spare(db.session.get(Lock, spare.lock_id), pin="718254")
    program = Program(app)

    plain = program.get(f"/api/v1/bookings/{booking.id}")
    shown = program.get(f"/api/v1/bookings/{booking.id}?reveal=pin")

    assert [(s["id"], s["lock_id"]) for s in plain.json["spares"]] == [(spare.id, spare.lock_id)]
    assert "604173" not in plain.text
    assert [s["pin"] for s in shown.json["spares"]] == ["604173"]
    assert "718254" not in shown.text


def test_a_token_without_that_right_does_not_get_the_pin(app: Flask) -> None:
    booking = make_booking(pin="274916")
    manager = make_manager()
    program = Program(app, make_token(manager, can_reveal_pins=False))

    answer = program.get(f"/api/v1/bookings/{booking.id}?reveal=pin")

    assert answer.status_code == 403
    assert "274916" not in answer.text
    assert count(TimelineEntry) == 0


def test_a_viewers_token_never_gets_a_pin(app: Flask) -> None:
    booking = make_booking(arrives_in=timedelta(hours=1))
    program = Program(app, make_token(make_manager(role=Role.VIEWER)))

    assert program.get(f"/api/v1/bookings/{booking.id}?reveal=pin").status_code == 403


def test_staff_see_the_arrivals_of_today_and_tomorrow_and_their_pins(app: Flask) -> None:
    with freeze_time("2026-11-24T15:00:00Z"):  # ten in the morning in New York
        place = make_property()
        today = make_booking(place, arrives_in=timedelta(hours=6))
        tomorrow = make_booking(place, arrives_in=timedelta(hours=30))
        later = make_booking(place, arrives_in=timedelta(days=3))
        program = Program(app, make_token(make_manager(role=Role.STAFF)))

        listed = [item["id"] for item in program.items("/api/v1/bookings")]
        reveals = {
            booking.id: program.get(f"/api/v1/bookings/{booking.id}?reveal=pin").status_code
            for booking in (today, tomorrow, later)
        }

        assert listed == [today.id, tomorrow.id]
        assert reveals == {today.id: 200, tomorrow.id: 200, later.id: 404}


@pytest.mark.parametrize("reveal", ["everything", "", "PIN"])
def test_nothing_else_can_be_revealed(app: Flask, reveal: str) -> None:
    answer = Program(app).get(f"/api/v1/bookings/{make_booking().id}?reveal={reveal}")

    assert answer.status_code == 422
    assert "reveal" in faults(answer)


def test_resync_is_202_and_a_second_press_joins_it(app: Flask, bell: FakeBell) -> None:
    place = make_property(locks=[make_lock()])
    program = Program(app)
    booking_id = put(program, stay(place)).json["id"]
    bell.forget()

    first = program.post(f"/api/v1/bookings/{booking_id}/resync")
    second = program.post(f"/api/v1/bookings/{booking_id}/resync")

    assert (first.status_code, second.status_code) == (202, 202)
    assert (first.json["started"], second.json["started"]) == (True, False)
    assert len(bell.ids_of(JobName.WORK_LOCK)) >= 1


def test_the_timeline_is_oldest_first_and_by_the_hundred(app: Flask) -> None:
    booking = make_booking()
    entries = [make_timeline_entry(booking, str(Kind.LIST_READ)) for _ in range(101)]

    items = Program(app).items(f"/api/v1/bookings/{booking.id}/timeline")

    assert [item["id"] for item in items] == [entry.id for entry in entries]
    assert items[0].keys() >= {"id", "at", "kind", "actor", "words"}


def test_what_a_program_does_stands_in_the_timeline_under_its_token(app: Flask) -> None:
    program = Program(app)
    made = put(program, stay(make_property(locks=[make_lock()]))).json

    items = program.items(f"/api/v1/bookings/{made['id']}/timeline")

    assert items[0]["kind"] == str(Kind.BOOKING_CREATED)
    assert items[0]["actor"].startswith("api:")


def test_a_page_of_bookings_costs_the_same_queries_whatever_its_length(app: Flask) -> None:
    lock = make_lock()
    place = make_property(locks=[lock])
    program = Program(app)

    def queries() -> int:
        seen: list[str] = []

        def note(*arguments: Any) -> None:
            seen.append(arguments[2])

        event.listen(db.engine, "before_cursor_execute", note)
        try:
            assert program.get("/api/v1/bookings").status_code == 200
        finally:
            event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    make_door_code(make_booking(place), lock)
    queries()  # the first also notes that the token is in use
    few = queries()
    for _ in range(20):
        make_door_code(make_booking(place), lock)
    many = queries()

    assert many == few
    assert count(DoorCode) == 21


def test_the_same_new_booking_twice_at_the_same_moment_is_one_booking(app: Flask) -> None:
    place = make_property(locks=[make_lock()])
    token, body = make_token(), stay(place)
    answers: list[int] = []

    def attempt() -> None:
        answers.append(put(Program(app, token), body).status_code)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    db.session.rollback()
    assert sorted(answers) == [200] * 5 + [201]
    assert count(Booking) == 1
    assert count(DoorCode) == 1


def test_the_guests_address_and_language_are_kept(app: Flask) -> None:
    body = stay(make_property(), guest_email="ana@example.com", guest_language="pt_br")

    answer = put(Program(app), body)

    assert answer.json["guest_language"] == "pt-BR"
    assert "ana@example.com" not in answer.text
    booking = db.session.scalars(select(Booking)).one()
    assert (booking.guest_email, booking.guest_language) == ("ana@example.com", "pt-BR")


def test_details_that_are_left_out_stay(app: Flask) -> None:
    place = make_property()
    put(Program(app), stay(place, guest_email="ana@example.com", guest_language="de"))

    put(Program(app), stay(place, guest_email=None, guest_language=""))

    booking = db.session.scalars(select(Booking)).one()
    assert (booking.guest_email, booking.guest_language) == ("ana@example.com", "de")
