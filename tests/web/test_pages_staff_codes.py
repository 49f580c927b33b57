"""Staff codes: made, changed, shown on a recorded click, revoked; errors stand at their field."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from portal import clock
from portal.domain.problems import CATALOGUE, USER_REQUEST, ProblemKey
from portal.domain.status import Status
from portal.domain.week import Weekday
from portal.extensions import db
from portal.models import Account, DoorCode, Lock, Property, Role, StaffCode, TimelineEntry
from portal.queue import JobName
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_connection,
    make_door_code,
    make_lock,
    make_property,
    make_spare,
    make_staff_code,
)
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, words


class Place:
    """An account with one property behind two locks, and its owner's browser."""

    def __init__(self, app: Flask, role: Role = Role.OWNER) -> None:
        self.account: Account = make_account()
        connection = make_connection(self.account)
        self.locks: list[Lock] = [make_lock(connection, name=f"Door {n}") for n in (1, 2)]
        self.property: Property = make_property(self.account, name="Casa", locks=self.locks)
        self.client: PortalClient = browser(app, self.account, role)

    def post(self, path: str, **fields: Any) -> Any:
        data = {"csrf_token": self.client.csrf_token(), **fields}
        return self.client.post(path, data=data)

    def form(self, **changes: Any) -> dict[str, Any]:
        """A cleaner on Mondays and Fridays in the whole house."""
        fields = {
            "name": "Rosa Clean",
            "places": [f"property-{self.property.id}"],
            "days_1": ["Monday", "Friday"],
            "starts_1": "09:00",
            "ends_1": "12:30",
        }
        return {**fields, **changes}


def only() -> StaffCode:
    db.session.rollback()
    return db.session.scalars(select(StaffCode)).one()


def doors(staff: StaffCode) -> list[DoorCode]:
    db.session.rollback()
    found = db.session.scalars(select(DoorCode).where(DoorCode.staff_code_id == staff.id))
    return sorted(found, key=lambda code: code.lock_id)


def told(staff: StaffCode) -> list[str]:
    lines = select(TimelineEntry.kind).where(TimelineEntry.staff_code_id == staff.id)
    return list(db.session.scalars(lines.order_by(TimelineEntry.id)))


def test_a_code_is_made_for_all_locks_of_a_property(app: Flask, bell: FakeBell) -> None:
    place = Place(app)

    answer = place.post("/staff-codes/new", **place.form())

    staff = only()
    assert (answer.status_code, answer.location) == (303, f"/staff-codes/{staff.id}")
    assert [code.lock_id for code in doors(staff)] == [lock.id for lock in place.locks]
    assert {code.status for code in doors(staff)} == {Status.QUEUED}
    (window,) = staff.windows
    assert window.weekdays == {Weekday.MONDAY, Weekday.FRIDAY}
    assert len(staff.pin.reveal()) == 6
    assert {lock.id for lock in place.locks} <= set(bell.ids_of(JobName.WORK_LOCK))
    page = words(place.client.get(answer.location).text)
    assert "Mon, Fri 9:00 AM – 12:30 PM" in page
    assert "until revoked" in page


def test_locks_of_different_lengths_are_refused_at_their_field_with_the_remedy(app: Flask) -> None:
    place = Place(app)
    place.locks[0].code_length = 4
    db.session.commit()

    answer = place.post("/staff-codes/new", **place.form())

    assert answer.status_code == 422
    assert "give the person two codes" in words(element(answer.text, id="places-error").text)
    assert not db.session.scalars(select(StaffCode)).all()


def test_one_lock_without_hours_until_a_day(app: Flask) -> None:
    place = Place(app)
    last = (clock.now() + timedelta(days=9)).date()

    place.post(
        "/staff-codes/new",
        name="Tom Fixit",
        places=[f"lock-{place.locks[1].id}"],
        ends_on=last.isoformat(),
        pin="730951",
    )

    staff = only()
    assert (staff.windows, staff.ends_on, staff.pin.reveal()) == ((), last, "730951")
    (code,) = doors(staff)
    assert code.lock_id == place.locks[1].id
    assert code.ends_at.date() == last + timedelta(days=1)


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"name": " "}, "name", "Give the person a name"),
        ({"places": []}, None, "at least one lock"),
        ({"places": ["lock-2000000000"]}, None, "Choose again"),
        ({"days_1": []}, "ends_1", "Tick the days"),
        ({"ends_1": ""}, "ends_1", "both times"),
        ({"ends_1": "08:00"}, "ends_1", "after the start"),
        ({"starts_1": "25:00"}, "starts_1", "not a time"),
        ({"days_2": ["Sunday"]}, "ends_2", "both times"),
        ({"ends_on": "2020-01-01"}, "ends_on", "is over"),
        ({"ends_on": "soon"}, "ends_on", "not a date"),
        ({"ends_on": "9999-12-31"}, "ends_on", "nearer day"),
        ({"pin": "12"}, "pin", "4 to 8 digits"),
        ({"pin": "123456"}, "pin", "too easy"),
        ({"pin": "7309"}, "pin", "takes PINs of 6 digits"),
        ({"email": "rosa"}, "email", "no e-mail address"),
    ],
)
def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(
    app: Flask, changes: dict[str, Any], field: str | None, says: str
) -> None:
    place = Place(app)

    answer = place.post("/staff-codes/new", **place.form(**changes))

    assert answer.status_code == 422
    if field is None:
        assert says in words(answer.text)
    else:
        assert says in words(element(answer.text, id=f"{field}-error").text)
    assert db.session.scalars(select(StaffCode)).all() == []
    if "name" not in changes:
        assert element(answer.text, id="name")["value"] == "Rosa Clean"


def test_digits_that_clash_on_one_of_the_locks_name_it(app: Flask) -> None:
    place = Place(app)
    booking = make_booking(place.property, pin="730977")
    make_door_code(booking, place.locks[1], status=Status.CONFIRMED)

    answer = place.post("/staff-codes/new", **place.form(pin="730951"))

    assert answer.status_code == 422
    assert "Door 2" in words(element(answer.text, id="pin-error").text)


def test_a_spare_nobody_knows_stands_in_no_ones_way(app: Flask) -> None:
    place = Place(app)
    make_spare(place.locks[0], pin="730977")

    assert place.post("/staff-codes/new", **place.form(pin="730951")).status_code == 303


def test_the_pin_is_shown_on_a_recorded_click_only(app: Flask) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks, pin="730951")

    for path in ("/staff-codes", f"/staff-codes/{staff.id}", f"/staff-codes/{staff.id}/edit"):
        assert "730951" not in place.client.get(path).text
    shown = place.post(f"/staff-codes/{staff.id}/pin")

    assert "730951" in element(shown.text, id="pin").text
    assert told(staff) == ["pin_shown"]
    assert fresh(staff).pin_shown_at is not None


def test_a_viewer_reads_how_it_stands_and_sees_no_pin_nor_buttons(app: Flask) -> None:
    place = Place(app, Role.VIEWER)
    staff = make_staff_code(place.account, locks=place.locks)

    html = place.client.get(f"/staff-codes/{staff.id}").text

    assert len(elements(html, data_status="queued")) == 2
    assert "Show PIN" not in html
    assert "Revoke" not in html
    for path in ("pin", "revoke", "edit"):
        assert place.post(f"/staff-codes/{staff.id}/{path}").status_code == 403


def test_the_role_named_staff_has_no_business_there(app: Flask) -> None:
    place = Place(app, Role.STAFF)

    assert place.client.get("/staff-codes").status_code == 403


def test_other_hours_keep_the_pin_and_are_a_new_revision(app: Flask) -> None:
    place = Place(app)
    place.post("/staff-codes/new", **place.form())
    staff = only()
    pin, revision = staff.pin, staff.revision

    html = place.client.get(f"/staff-codes/{staff.id}/edit").text
    ticked = {e["value"] for e in elements(html, name="days_1") if "checked" in e}
    place.post(f"/staff-codes/{staff.id}/edit", **place.form(days_1=["Sunday"]))

    assert ticked == {"Monday", "Friday"}
    assert element(html, id="pin").get("value") in {None, ""}
    assert only().pin == pin
    assert only().revision == revision + 1
    assert {code.revision for code in doors(staff)} == {revision + 1}
    assert told(staff) == ["staff_code_made", "staff_code_changed"]


def test_a_lock_taken_from_the_list_loses_the_code(app: Flask) -> None:
    place = Place(app)
    both = [f"lock-{lock.id}" for lock in place.locks]
    place.post("/staff-codes/new", **place.form(places=both))
    staff = only()

    place.post(f"/staff-codes/{staff.id}/edit", **place.form(places=both[:1]))

    assert [code.is_wanted for code in doors(staff)] == [True, False]


def test_the_same_form_again_changes_nothing(app: Flask) -> None:
    place = Place(app)
    place.post("/staff-codes/new", **place.form())
    staff = only()

    place.post(f"/staff-codes/{staff.id}/edit", **place.form())

    assert only().revision == 1
    assert told(staff) == ["staff_code_made"]


def test_revoking_asks_first_and_then_shows_each_lock_until_it_is_proven(app: Flask) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks)

    assert place.client.get(f"/staff-codes/{staff.id}/revoke").status_code == 200
    assert fresh(staff).revoked_at is None
    answer = place.post(f"/staff-codes/{staff.id}/revoke")

    assert answer.status_code == 303
    assert fresh(staff).revoked_at is not None
    assert not any(code.is_wanted for code in doors(staff))
    assert all(code.ends_at <= clock.now() for code in doors(staff))


def test_resync_frees_a_code_that_only_a_person_could_free(app: Flask, bell: FakeBell) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks[:1])
    (code,) = doors(staff)
    code.status, code.is_stuck, code.problem = Status.NEEDS_YOU, True, ProblemKey.SPLIT_BRAIN
    db.session.commit()
    bell.forget()

    place.post(f"/staff-codes/{staff.id}/resync")
    place.post(f"/staff-codes/{staff.id}/resync")

    assert not doors(staff)[0].is_stuck
    assert told(staff) == ["resync_pressed"]
    assert place.locks[0].id in bell.ids_of(JobName.WORK_LOCK)


def test_a_revoked_code_is_not_changed_any_more(app: Flask) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, revoked_at=clock.now())

    answer = place.post(f"/staff-codes/{staff.id}/edit", **place.form())

    assert answer.status_code == 422
    assert "Make a new one" in words(answer.text)


def test_the_locks_page_leads_there_and_the_lock_shows_who_has_a_code(app: Flask) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks)

    assert elements(place.client.get("/locks").text, href="/staff-codes")
    section = element(place.client.get(f"/locks/{place.locks[0].id}").text, id="staff")
    assert "Rosa Clean" in words(section.text)
    assert "Any time" in words(section.text)
    assert staff.name in place.client.get("/staff-codes").text


def test_a_lock_in_trouble_says_so_with_the_next_step(app: Flask) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks[:1])
    (code,) = doors(staff)
    code.status, code.problem = Status.NEEDS_YOU, ProblemKey.LOCK_FULL
    db.session.commit()

    html = place.client.get(f"/staff-codes/{staff.id}").text

    assert "full" in words(element(html, data_status="needs_you").text).casefold()


def test_a_revoked_code_that_no_list_shows_leads_to_what_clears_the_lock(app: Flask) -> None:
    place = Place(app)
    staff = make_staff_code(locks=place.locks[:1], revoked_at=clock.now())
    (code,) = doors(staff)
    code.status, code.problem, code.is_wanted = Status.REMOVING, ProblemKey.SPLIT_BRAIN, False
    db.session.commit()

    html = place.client.get(f"/staff-codes/{staff.id}").text

    said = words(element(html, id=f"door-code-{code.id}").text)
    assert "Press “Set all codes of this lock again”" in said
    assert "by itself" not in said.replace("the same page then goes on by itself", "")
    hrefs = [e["href"] for e in elements(html) if e.tag == "a"]
    assert f"/locks/{place.locks[0].id}/rebuild" in hrefs


@pytest.mark.parametrize(
    ("text", "is_of_user_not_found"),
    [("Access code/code name are already in use", False), ("User not found in the device", True)],
)
def test_a_split_brain_keeps_the_steps_and_the_links_of_what_led_to_it(
    app: Flask, text: str, is_of_user_not_found: bool
) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks[:1])
    (code,) = doors(staff)
    code.status, code.is_stuck = Status.NEEDS_YOU, True
    code.problem, code.problem_text = ProblemKey.SPLIT_BRAIN, text
    db.session.commit()

    html = place.client.get(f"/staff-codes/{staff.id}").text

    said = words(element(html, id=f"door-code-{code.id}").text)
    assert all(words(step) in said for step in CATALOGUE[ProblemKey.SPLIT_BRAIN].steps)
    assert ("reset the lock to factory settings" in said) is is_of_user_not_found
    hrefs = [e["href"] for e in elements(html) if e.tag == "a"]
    assert (USER_REQUEST.to in hrefs) is is_of_user_not_found


def test_the_history_of_lock_and_person_names_whose_code_it_was(app: Flask) -> None:
    place = Place(app)
    place.post("/staff-codes/new", **place.form())
    staff = only()

    own = words(element(place.client.get(f"/staff-codes/{staff.id}").text, id="timeline").text)
    lock = words(element(place.client.get(f"/locks/{place.locks[0].id}").text, id="timeline").text)

    assert own.count("Staff code made") == 1
    assert "Rosa Clean" not in own
    assert "Staff code made (code of Rosa Clean)" in lock


def test_a_rebuild_tells_of_staff_codes_and_spares_too(app: Flask) -> None:
    place = Place(app)
    make_staff_code(place.account, locks=place.locks[:1])
    make_spare(place.locks[0])

    page = words(place.client.get(f"/locks/{place.locks[0].id}/rebuild").text)

    assert "Staff: Rosa Clean" in page
    assert "Spare code" in page


@pytest.mark.parametrize("path", ["/staff-codes/live", "/staff-codes/{id}/live"])
def test_an_unchanged_page_is_answered_with_nothing(app: Flask, path: str) -> None:
    place = Place(app)
    staff = make_staff_code(place.account, locks=place.locks)
    page = path.format(id=staff.id)
    html = place.client.get(page.removesuffix("/live")).text
    (poller,) = [e for e in elements(html) if "data-poll" in e]

    assert place.client.get(poller["hx-get"] or "").status_code == 204
    make_spare(place.locks[0])
    fresh(place.account).version += 1
    db.session.commit()
    assert place.client.get(poller["hx-get"] or "").status_code == 200


def test_the_list_costs_the_same_queries_for_one_and_for_many(app: Flask) -> None:
    place = Place(app)

    def statements() -> int:
        seen: list[str] = []
        db.event.listen(
            db.engine, "before_cursor_execute", note := lambda *args: seen.append(args[2])
        )
        try:
            assert place.client.get("/staff-codes").status_code == 200
        finally:
            db.event.remove(db.engine, "before_cursor_execute", note)
        return len(seen)

    make_staff_code(place.account, locks=place.locks)
    few = statements()
    for number in range(5):
        make_staff_code(
            place.account, locks=place.locks, name=f"Helper {number}", ends_on=date(2030, 1, 1)
        )

    assert statements() == few
