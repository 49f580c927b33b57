"""What somebody else changes of our codes: put back, at most twice a day, or asked about."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.models import Account, DoorCode, RestorePolicy
from portal.services import connections
from portal.unit_of_work import writing
from simulator.codes import Code
from tests.engine.promises import Watch
from tests.support.house import House
from tests.web.pages import browser


def test_a_code_deleted_in_the_phone_app_is_put_back(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=2)
    delete_by_phone(house, watch)

    house.stage.run_for(minutes=10)

    assert house.status(booking) is Status.CONFIRMED
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)
    assert "changed_outside" in house.told(booking)


def test_a_code_is_put_back_at_most_twice_a_day(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=2)
    for _ in range(3):
        delete_by_phone(house, watch)
        house.stage.run_for(minutes=10)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.CHANGED_OUTSIDE
    house.resync(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED


def test_a_manager_who_wants_to_be_asked_is_asked(house: House, watch: Watch) -> None:
    with writing() as session:
        account = session.get_one(Account, house.account.id)
        account.restore_policy = RestorePolicy.ASK
    booking = house.book()
    house.stage.run_for(minutes=2)
    delete_by_phone(house, watch)

    house.stage.run_for(minutes=10)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.CHANGED_OUTSIDE
    assert house.held() == []
    house.resync(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED


@pytest.mark.parametrize(
    ("policy", "status"), [("ask", Status.NEEDS_YOU), ("restore", Status.CONFIRMED)]
)
def test_what_a_manager_chooses_on_the_page_is_what_happens(
    app: Flask, house: House, watch: Watch, policy: str, status: Status
) -> None:
    other = "restore" if policy == "ask" else "ask"
    client = browser(app, house.account)
    for choice in (other, policy):
        answer = client.send("/settings/door-locks/schlage/changed-outside", policy=choice)
        assert answer.status_code == 303
    booking = house.book()
    house.stage.run_for(minutes=2)
    delete_by_phone(house, watch)

    house.stage.run_for(minutes=10)

    assert house.status(booking) is status
    assert bool(house.held()) is (policy == "restore")
    html = client.get(f"/bookings/{booking.id}").text
    assert ('data-trouble="changed_outside"' in html) is (policy == "ask")


def test_a_manager_who_is_asked_about_other_dates_is_asked_once(house: House, watch: Watch) -> None:
    with writing() as session:
        account = session.get_one(Account, house.account.id)
        account.restore_policy = RestorePolicy.ASK
    booking = house.book("b1", "2026-03-05", "2026-03-12")
    house.stage.run_for(minutes=2)
    [real] = house.door.lock_codes
    watch.excuse(real.name)
    with house.stage.cloud.steady():
        assert real.schedule.end is not None
        schedule = replace(real.schedule, end=real.schedule.end - timedelta(days=1))
        house.stage.cloud.people.edit_code(house.door, real.id, schedule=schedule)

    house.stage.run_for(days=5)

    assert house.told(booking).count("changed_outside") == 1
    assert house.status(booking) is Status.NEEDS_YOU
    house.resync(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED


def test_dates_changed_in_the_phone_app_are_put_back(house: House, watch: Watch) -> None:
    booking = house.book()
    house.stage.run_for(minutes=2)
    [code] = house.door.lock_codes
    watch.excuse(code.name)
    end = code.schedule.end
    assert end is not None
    with house.stage.cloud.steady():
        shorter = type(code.schedule)("Temporary", code.schedule.start, end - timedelta(days=1))
        house.stage.cloud.people.edit_code(house.door, code.id, schedule=shorter)

    house.door.script.push("webhook_late:600", only="update")
    house.stage.run_for(seconds=50)
    assert house.status(booking) in {Status.SENT, Status.UNSURE}, "contradicted: not green"
    house.stage.run_for(minutes=15)

    assert house.status(booking) is Status.CONFIRMED
    assert house.opens(house.pin(booking), house.booking(booking.id).ends_at)


def test_the_end_that_another_app_cut_is_not_shown_as_ready_for_ever(
    house: House, watch: Watch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.stage.webhooks_arrive = False
    delete_by_phone(house, watch)

    house.stage.run_for(hours=26)

    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)


def set_up_anew_with_six_digits(house: House, watch: Watch) -> None:
    """Somebody empties the lock in the app, and their own code fixes another length."""
    watch.excuse(*house.held())
    house.stage.cloud.people.delete_all(house.door)
    watch.add_foreign(house.door, "Owner", "739184")


def of_four_digits(watch: Watch) -> House:
    house = House(watch.stage, vlac=False, code_length=4)
    connections.check(house.connection.id)
    house.stage.work()
    return house


def test_a_length_changed_outside_gets_a_pin_of_that_length_where_nobody_knows_the_old_one(
    watch: Watch,
) -> None:
    house = of_four_digits(watch)
    booking = house.book()
    house.stage.run_for(minutes=5)
    set_up_anew_with_six_digits(house, watch)

    house.stage.run_for(hours=26)

    assert len(house.pin(booking)) == 6
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)
    assert len(house.commands()) <= 4
    watch.assert_settled()


def test_a_length_changed_outside_asks_a_person_once_where_the_guest_knows_the_pin(
    watch: Watch,
) -> None:
    house = of_four_digits(watch)
    booking = house.book()
    house.stage.run_for(minutes=5)
    house.show_pin(booking)
    set_up_anew_with_six_digits(house, watch)

    house.stage.run_for(hours=26)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.WRONG_LENGTH
    assert house.told(booking).count("preflight_failed") == 1
    assert len(house.commands()) <= 4
    house.new_pin(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED


def test_a_length_that_the_daily_check_tells_frees_what_another_kept_from_the_lock(
    watch: Watch,
) -> None:
    house = of_four_digits(watch)
    booking = house.book(arrives="2026-04-05", departs="2026-04-08")
    with writing() as session:
        code = session.get_one(DoorCode, house.code(booking).id)
        code.is_stuck, code.problem = True, ProblemKey.WRONG_LENGTH
    house.door.code_length = 6

    connections.check(house.connection.id)
    house.stage.run_until(house.code(booking).send_at + timedelta(minutes=5))

    assert len(house.pin(booking)) == 6
    assert house.status(booking) is Status.CONFIRMED


def test_a_code_that_schlage_lists_before_the_lock_has_it_teaches_no_length(watch: Watch) -> None:
    house = House(watch.stage, vlac=False)
    house.door.script.push("timeout_listed_only", only="add")
    booking = house.book()
    sent_at = house.stage.now

    house.stage.run_for(minutes=4)

    assert house.lock.read_at is not None
    assert house.lock.read_at > sent_at
    assert house.lock.listed_count == 1
    assert house.status(booking) is not Status.CONFIRMED
    assert house.lock.code_length is None


def delete_by_phone(house: House, watch: Watch) -> None:
    [code] = house.door.lock_codes
    assert isinstance(code, Code)
    watch.excuse(code.name)
    with house.stage.cloud.steady():
        house.stage.cloud.people.remove_code(house.door, code.id)
