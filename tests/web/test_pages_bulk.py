"""One deed for many bookings: chosen, looked at, confirmed, watched, stopped, found again."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from jobs.bulk import work_bulk
from portal import clock
from portal.domain.bulk import ItemState, Kind, RunState, Why
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Account, Booking, BookingStatus, BulkItem, BulkRun, Lock, Property, Role
from portal.queue import JobName
from portal.services import bulk, sweep
from portal.services.bulk import DEEDS
from portal.unit_of_work import writing
from portal.views import _bulk_words
from tests.support.bells import FakeBell
from tests.support.builders import (
    fresh,
    make_account,
    make_booking,
    make_bulk_run,
    make_door_code,
    make_lock,
    make_property,
)
from tests.support.client import PortalClient
from tests.web.pages import browser, element, elements, poll_url, words


class Street:
    """One account with a property, its door, and bookings with codes on it."""

    def __init__(self, app: Flask) -> None:
        self.account: Account = make_account()
        self.lock: Lock = make_lock(account=self.account)
        self.place: Property = make_property(self.account, locks=[self.lock])
        self.client: PortalClient = browser(app, self.account)

    def stay(self, **traits: Any) -> Booking:
        booking = make_booking(self.place, **traits)
        make_door_code(booking, self.lock, status=Status.CONFIRMED)
        return booking

    def stage(self, *chosen: Booking, **fields: Any) -> int:
        """The run that these choices lead to."""
        fields = {"kind": "resync", "booking": [str(b.id) for b in chosen]} | fields
        answer = self.client.send("/bulk", **fields)
        assert answer.status_code == 303, words(answer.text)
        return int((answer.location or "").rpartition("/")[2])

    def run(self, run_id: int) -> BulkRun:
        db.session.rollback()
        return db.session.get_one(BulkRun, run_id)


@pytest.fixture
def street(app: Flask) -> Street:
    return Street(app)


def items(run_id: int) -> list[BulkItem]:
    db.session.rollback()
    return list(
        db.session.scalars(
            select(BulkItem).where(BulkItem.run_id == run_id).order_by(BulkItem.place)
        )
    )


def results(run_id: int) -> list[tuple[ItemState, Why | None]]:
    return [(item.state, item.why) for item in items(run_id)]


def work(run_id: int) -> None:
    """The run's jobs are done, as if each ring was answered."""
    for _ in range(100):
        work_bulk(run_id)


def test_every_kind_and_every_reason_has_its_deed_and_its_words(app: Flask) -> None:
    assert set(DEEDS) == set(Kind) == set(_bulk_words.KINDS)
    assert set(RunState) == set(_bulk_words.STATES)
    with app.test_request_context():
        bulk_why = app.jinja_env.filters["bulk_why"]
        assert all(str(bulk_why(why)) for why in Why)


def test_the_arrivals_lead_to_the_choice_with_their_filters(street: Street) -> None:
    street.stay(guest_name="Ana Chosen")
    street.stay(guest_name="Bo Other")

    page = street.client.get("/?q=Ana").text
    [link] = [e for e in elements(page) if words(e.text) == "Change several"]
    choice = street.client.get(link["href"] or "").text

    assert "Ana Chosen" in choice
    assert "Bo Other" not in choice
    assert element(choice, name="q")["value"] == "Ana"


def test_all_on_a_page_can_be_ticked_without_a_script(street: Street) -> None:
    booking = street.stay()

    plain = street.client.get("/bulk").text
    ticked = street.client.get("/bulk?ticked=all").text

    assert "checked" not in element(plain, name="booking", value=str(booking.id))
    assert "checked" in element(ticked, name="booking", value=str(booking.id))


def test_the_preview_says_of_each_booking_what_happens_and_changes_nothing(
    street: Street, bell: FakeBell
) -> None:
    fit = street.stay()
    told = street.stay(pin_shown_at=clock.now())
    inside = street.stay(arrives_in=timedelta(hours=-20))
    cancelled = street.stay(status=BookingStatus.CANCELLED)
    over = street.stay(arrives_in=timedelta(days=-9))
    lockless = make_booking(make_property(street.account))
    pins = {b.id: fresh(b).pin for b in (fit, told, inside)}

    run_id = street.stage(fit, told, inside, cancelled, over, lockless, kind="new_pin")
    page = street.client.get(f"/bulk/{run_id}").text

    why = {e["id"]: e.get("data-why") for e in elements(page) if "data-result" in e}
    assert why == {
        f"booking-{fit.id}": None,
        f"booking-{told.id}": Why.TOLD,
        f"booking-{inside.id}": Why.INSIDE,
        f"booking-{cancelled.id}": Why.CANCELLED,
        f"booking-{over.id}": Why.OVER,
        f"booking-{lockless.id}": Why.NO_LOCK,
    }
    assert "1 booking would be changed, 5 are left out" in words(page)
    assert "the guest may have been told" in words(page)
    assert {b.id: fresh(b).pin for b in (fit, told, inside)} == pins
    assert bell.ids_of(JobName.WORK_BULK) == []


def test_a_move_shows_the_new_times_before_they_hold(street: Street) -> None:
    booking = street.stay()
    before = fresh(booking).starts_at

    run_id = street.stage(
        booking,
        kind="shift",
        arrival_way="earlier",
        arrival_amount="90",
        arrival_unit="1",
        departure_way="later",
        departure_amount="2",
        departure_unit="60",
    )
    page = words(street.client.get(f"/bulk/{run_id}").text)
    unchanged = fresh(booking).starts_at
    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)

    assert "Check-in 1 h 30 min earlier, Check-out 2 h later" in page
    assert "becomes" in page
    assert unchanged == before
    assert fresh(booking).starts_at == before - timedelta(minutes=90)


def test_confirming_rings_and_the_job_does_what_the_bookings_own_pages_do(
    street: Street, bell: FakeBell
) -> None:
    first, second = street.stay(), street.stay(pin="739164")
    pins = [fresh(first).pin, fresh(second).pin]
    run_id = street.stage(first, second, kind="new_pin")

    answer = street.client.send(f"/bulk/{run_id}/start")
    rung = bell.ids_of(JobName.WORK_BULK)
    work(run_id)

    assert (answer.status_code, answer.location) == (303, f"/bulk/{run_id}")
    assert rung == [run_id]
    assert results(run_id) == [(ItemState.DONE, None)] * 2
    assert street.run(run_id).state is RunState.DONE
    assert all(
        fresh(b).pin not in (None, old) for b, old in zip((first, second), pins, strict=True)
    )
    assert street.lock.id in bell.ids_of(JobName.WORK_LOCK)


def test_a_resync_of_many_is_one_press_for_each(street: Street) -> None:
    booking = street.stay()
    run_id = street.stage(booking)

    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)
    again = street.stage(booking)
    street.client.send(f"/bulk/{again}/start")
    work(again)

    assert results(run_id) == [(ItemState.DONE, None)]
    assert results(again) == [(ItemState.LEFT_OUT, Why.RESYNCING)]


def test_every_booking_is_judged_again_when_its_turn_comes(street: Street) -> None:
    told, changed = street.stay(), street.stay(pin="739164")
    run_id = street.stage(told, changed, kind="new_pin")
    street.client.send(f"/bulk/{run_id}/start")

    street.client.send(f"/bookings/{told.id}/pin")
    street.client.send(f"/bookings/{changed.id}/new-pin", pin="")
    work(run_id)

    assert results(run_id) == [
        (ItemState.LEFT_OUT, Why.TOLD),
        (ItemState.LEFT_OUT, Why.CHANGED),
    ]


def test_what_fails_says_why_and_the_rest_goes_on(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = street.stay(), street.stay(pin="739164")
    run_id = street.stage(bad, good, kind="new_pin")
    give = bulk.DEEDS[Kind.NEW_PIN].do

    def fail_for_one(session: Any, task: bulk.Task) -> None:
        if task.booking.id == bad.id:
            task.booking.note = "half done"
            raise bulk.BadBooking("pin", "Choose other digits.")
        give(session, task)

    deed = bulk.Deed(bulk.DEEDS[Kind.NEW_PIN].forecast, fail_for_one)
    monkeypatch.setattr(bulk, "DEEDS", {Kind.NEW_PIN: deed})
    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)

    page = street.client.get(f"/bulk/{run_id}").text
    assert [item.state for item in items(run_id)] == [ItemState.FAILED, ItemState.DONE]
    assert "Choose other digits." in words(element(page, id=f"booking-{bad.id}").text)
    assert "1 done · 1 failed" in words(page)
    assert fresh(bad).note == ""


def test_a_fault_of_ours_fails_its_own_booking_only_and_tells_no_secret(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = street.stage(street.stay(), street.stay(pin="739164"))

    def break_down(*_: Any) -> None:
        raise KeyError("482917")

    deed = bulk.Deed(bulk.DEEDS[Kind.RESYNC].forecast, break_down)
    monkeypatch.setattr(bulk, "DEEDS", {Kind.RESYNC: deed})
    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)

    assert [item.state for item in items(run_id)] == [ItemState.FAILED] * 2
    assert "482917" not in "".join(item.words for item in items(run_id))
    assert street.run(run_id).state is RunState.DONE


def test_a_stopped_run_begins_no_booking_and_goes_on_when_told(street: Street) -> None:
    stays = [street.stay(pin=f"73916{n}") for n in range(3)]
    run_id = street.stage(*stays)
    street.client.send(f"/bulk/{run_id}/start")

    street.client.send(f"/bulk/{run_id}/stop")
    work(run_id)
    stopped = street.client.get(f"/bulk/{run_id}").text
    untouched = [item.state for item in items(run_id)]
    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)

    assert untouched == [ItemState.WAITING] * 3
    assert "Go on with the rest" in stopped
    assert [item.state for item in items(run_id)] == [ItemState.DONE] * 3


def test_a_long_run_is_worked_in_steps_that_ring_for_the_next(
    street: Street, bell: FakeBell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "BOOKINGS_PER_JOB", 2)
    run_id = street.stage(*[street.stay(pin=f"73916{n}") for n in range(3)])
    street.client.send(f"/bulk/{run_id}/start")
    bell.forget()

    work_bulk(run_id)

    assert [item.state for item in items(run_id)].count(ItemState.DONE) == 2
    assert bell.ids_of(JobName.WORK_BULK) == [run_id]


def test_a_ring_that_nobody_heard_is_repeated_by_the_sweep(street: Street, bell: FakeBell) -> None:
    run_id = street.stage(street.stay())
    street.client.send(f"/bulk/{run_id}/start")
    bell.forget()

    sweep.ring_for_the_rest()
    at_once = bell.ids_of(JobName.WORK_BULK)
    now = clock.now() + timedelta(seconds=61)
    with clock.running_on(lambda: now):
        sweep.ring_for_the_rest()
        sweep.ring_for_the_rest()

    assert at_once == []
    assert bell.ids_of(JobName.WORK_BULK) == [run_id]


def test_a_run_that_is_over_asks_for_nothing(street: Street, bell: FakeBell) -> None:
    run_id = street.stage(street.stay())
    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)
    bell.forget()

    now = clock.now() + timedelta(hours=1)
    with clock.running_on(lambda: now):
        sweep.ring_for_the_rest()

    assert bell.rings == []
    assert street.client.send(f"/bulk/{run_id}/start").status_code == 303
    assert street.run(run_id).state is RunState.DONE


def test_the_page_moves_by_its_one_poller(street: Street) -> None:
    run_id = street.stage(street.stay())
    street.client.send(f"/bulk/{run_id}/start")
    page = street.client.get(f"/bulk/{run_id}").text
    address = poll_url(page)

    before = street.client.get(address)
    work(run_id)
    after = street.client.get(address)

    assert before.status_code == 204
    assert element(page, max="1")["value"] == "0"
    assert element(after.text, max="1")["value"] == "1"
    assert "(0/1) Resync" in page
    assert [e for e in elements(after.text) if e.tag in {"input", "details"}] == []
    assert element(after.text, id=f"bulk-{run_id}")["data-state"] == "done"


def test_all_that_the_filters_show_can_be_chosen_and_not_one_more(street: Street) -> None:
    shown = [street.stay(guest_name=f"Ana {n}") for n in range(3)]
    street.stay(guest_name="Bo Other")

    answer = street.client.send("/bulk?q=Ana", kind="resync", scope="all")

    run_id = int((answer.location or "").rpartition("/")[2])
    assert sorted(item.booking_id for item in items(run_id)) == sorted(b.id for b in shown)


def test_a_filter_by_verdict_finds_what_the_arrivals_find_by_it(street: Street) -> None:
    due = {"verdict": Verdict.READY, "verdict_due_at": clock.now() - timedelta(minutes=1)}
    turned = make_booking(street.place, guest_name="Tia Turned", **due)
    make_door_code(turned, street.lock, status=Status.NEEDS_YOU)
    street.stay(guest_name="Ana Fine", verdict=Verdict.READY)

    listed = {v: street.client.get(f"/?verdict={v}").text for v in ("not_ready", "ready")}
    shown = {v: street.client.get(f"/bulk?verdict={v}").text for v in ("not_ready", "ready")}
    answer = street.client.send("/bulk?verdict=not_ready", kind="resync", scope="all")

    for page in (listed, shown):
        assert ["Tia Turned" in page[v] for v in ("not_ready", "ready")] == [True, False]
    assert "Ana Fine" in shown["ready"]
    assert "Ana Fine" not in shown["not_ready"]
    assert answer.status_code == 303
    run_id = int((answer.location or "").rpartition("/")[2])
    assert [item.booking_id for item in items(run_id)] == [turned.id]


def test_more_than_a_run_may_have_is_refused_in_words(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.services.bulk.MOST_BOOKINGS", 1)
    street.stay()
    street.stay()

    answer = street.client.send("/bulk", kind="resync", scope="all")

    assert answer.status_code == 422
    assert "Choose at most 1 bookings at once." in words(answer.text)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "resync", "booking": []}, "Choose at least one booking."),
        ({"kind": "resync", "booking": ["x", "-1", "9" * 30]}, "Choose at least one booking."),
        ({"kind": "cancel"}, "Choose one from the list."),
        ({"kind": "shift"}, "Choose earlier or later here."),
        ({"kind": "shift", "arrival_way": "later"}, "Say by how much."),
        (
            {"kind": "shift", "arrival_way": "later", "arrival_amount": "many"},
            "This is not a whole number.",
        ),
        (
            {"kind": "shift", "arrival_way": "later", "arrival_amount": "25"},
            "At most a day at once.",
        ),
        (
            {"kind": "shift", "departure_way": "later", "departure_amount": "0"},
            "Give 1 to 1440.",
        ),
    ],
)
def test_a_bad_choice_is_said_at_its_field_and_keeps_what_was_ticked(
    street: Street, fields: dict[str, Any], said: str
) -> None:
    booking = street.stay()

    answer = street.client.send("/bulk", **{"booking": [str(booking.id)]} | fields)

    assert answer.status_code == 422
    assert said in words(answer.text)
    if "booking" not in fields:
        assert "checked" in element(answer.text, name="booking", value=str(booking.id))
    assert db.session.scalars(select(BulkRun)).all() == []


def test_bookings_of_another_account_are_not_there_to_be_chosen(street: Street) -> None:
    ours, theirs = street.stay(), make_booking(account=make_account("Theirs"))

    run_id = street.stage(ours, theirs)
    alone = street.client.send("/bulk", kind="resync", booking=[str(theirs.id)])

    assert [item.booking_id for item in items(run_id)] == [ours.id]
    assert alone.status_code == 422


def test_doing_nothing_leaves_nothing_behind(street: Street) -> None:
    run_id = street.stage(street.stay())

    street.client.send(f"/bulk/{run_id}/discard")

    db.session.rollback()
    assert db.session.scalars(select(BulkRun)).all() == []
    assert db.session.scalars(select(BulkItem)).all() == []


def test_a_confirmed_run_cannot_be_discarded(street: Street) -> None:
    run_id = street.stage(street.stay())
    street.client.send(f"/bulk/{run_id}/start")

    street.client.send(f"/bulk/{run_id}/discard")

    assert street.run(run_id).state is RunState.RUNNING


def test_a_preview_nobody_confirmed_is_forgotten_after_a_day(street: Street) -> None:
    booking = street.stay()
    old = make_bulk_run(booking, made_at=clock.now() - timedelta(days=2)).id
    kept = make_bulk_run(booking, made_at=clock.now() - timedelta(hours=2)).id

    new = street.stage(booking)

    db.session.rollback()
    assert set(db.session.scalars(select(BulkRun.id))) == {kept, new}
    assert items(old) == []


def test_past_runs_are_listed_with_who_and_what_came_of_them(street: Street) -> None:
    run_id = street.stage(street.stay(), street.stay(status=BookingStatus.CANCELLED))
    street.client.send(f"/bulk/{run_id}/start")
    work(run_id)

    page = street.client.get("/bulk/runs").text

    told = words(element(page, data_run=str(run_id)).text)
    assert "Resync" in told
    assert "Maria Verde" in told
    assert "1 done, 0 failed, 1 left out, of 2" in told


@pytest.mark.parametrize("role", [Role.STAFF, Role.VIEWER])
def test_only_managers_change_several_bookings(app: Flask, street: Street, role: Role) -> None:
    client = browser(app, street.account, role)

    assert client.get("/bulk").status_code == 403
    assert "Change several" not in client.get("/").text


def test_two_workers_on_one_run_do_each_booking_once(street: Street) -> None:
    booking = street.stay()
    run_id = street.stage(booking)
    street.client.send(f"/bulk/{run_id}/start")
    [item] = items(run_id)

    with writing() as session:
        first = bulk._claim(session, run_id, item.id, clock.now())
    with writing() as session:
        second = bulk._claim(session, run_id, item.id, clock.now())

    assert (first, second) == (True, False)
