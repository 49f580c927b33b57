"""Locks and Schlage in trouble: what heals by itself, what asks, and what is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from benchmarks.stage import USER
from portal.domain import label
from portal.domain.command import Kind, State
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import (
    Account,
    Alert,
    Booking,
    Connection,
    ForeignCode,
    RestorePolicy,
)
from portal.services import bookings, connections, outages, ringing
from portal.unit_of_work import writing
from simulator.codes import Code
from simulator.faults import preset
from simulator.problems import ALREADY_IN_USE
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.builders import make_property
from tests.support.house import House
from tests.web.pages import browser

# Split brain


def test_a_pin_the_lock_alone_remembers_is_replaced_when_nobody_was_shown_it(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")

    booking = house.book()
    first = house.pin(booking)
    house.stage.run_for(minutes=20)

    assert house.status(booking) is Status.CONFIRMED
    assert house.pin(booking) != first
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at)


def test_a_pin_replaced_for_one_door_is_green_on_no_other_before_it_is_there(
    watch: Watch,
) -> None:
    house = House(watch.stage, locks=2)
    house.door.script.push("split_brain_a")

    booking = house.book()
    first = house.pin(booking)
    house.stage.run_for(minutes=20)

    assert house.pin(booking) != first
    assert house.status(booking, 0) is Status.CONFIRMED
    assert house.status(booking, 1) is Status.CONFIRMED
    assert house.opens(house.pin(booking), house.booking(booking.id).starts_at, door=1)


def test_a_pin_the_lock_alone_remembers_asks_a_person_once_it_was_shown(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")

    booking = house.book(pin="284916")
    house.stage.run_for(minutes=30)

    assert house.status(booking) is Status.NEEDS_YOU
    assert house.code(booking).problem is ProblemKey.SPLIT_BRAIN
    assert "already in use" in house.code(booking).problem_text
    assert house.told(booking).count("ladder") == 2
    assert house.pin(booking) == "284916"
    writes = len(watch.writes)
    house.stage.run_for(hours=12)
    assert len(watch.writes) == writes


def test_split_brain_of_one_code_leaves_the_locks_other_codes_alone(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")
    house.book("b1", pin="284916")
    house.stage.run_for(minutes=30)

    other = house.book("b2", "2026-03-08", "2026-03-11")
    house.stage.run_for(minutes=1)

    assert house.status(other) is Status.CONFIRMED


def test_a_split_brain_that_a_person_cleared_heals_by_resync(house: House, watch: Watch) -> None:
    house.door.script.push("split_brain_a")
    booking = house.book(pin="284916")
    house.stage.run_for(minutes=30)

    with house.stage.cloud.steady():
        house.stage.cloud.people.delete_all(house.door)
    house.resync(booking)
    house.stage.run_for(minutes=5)

    watch.assert_settled()


def test_an_entry_that_turns_up_in_the_list_is_adopted_without_a_second_one(
    house: House, watch: Watch
) -> None:
    house.door.script.push("split_brain_a")
    booking = house.book(pin="284916")
    house.stage.run_for(seconds=80)
    assert house.status(booking) is Status.UNSURE

    with house.stage.cloud.steady():
        house.stage.cloud.people.synchronise(house.door)
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert len(house.held()) == 1


# The way to the lock


def test_a_lock_that_was_offline_gets_its_code_within_minutes_of_its_event(
    house: House, watch: Watch
) -> None:
    house.set_connected(False)
    booking = house.book()
    house.stage.run_for(hours=2)
    assert house.status(booking) in {Status.RETRYING, Status.UNSURE, Status.SENT}
    assert house.code(booking).problem is not None

    house.set_connected(True)
    house.stage.run_for(minutes=3)

    watch.assert_settled()


def test_a_lock_that_was_offline_is_found_again_without_any_event(
    house: House, watch: Watch
) -> None:
    house.stage.webhooks_arrive = False
    house.set_connected(False)
    booking = house.book(arrives="2026-03-03T09:00")
    house.stage.run_for(hours=1)
    assert house.status(booking) is not Status.CONFIRMED

    house.set_connected(True)
    house.stage.run_for(minutes=25)

    watch.assert_settled()


def test_with_a_guest_at_the_door_a_lock_is_found_again_though_its_event_was_lost(
    house: House, watch: Watch
) -> None:
    house.set_connected(False)
    house.stage.run_for(minutes=1)
    house.stage.webhooks_arrive = False
    booking = house.book(arrives="2026-03-02T10:20")
    house.stage.run_for(hours=2)
    assert house.status(booking) is not Status.CONFIRMED
    assert len(watch.writes) <= 3 + 120 / 5

    house.set_connected(True)
    house.stage.run_for(minutes=4)

    watch.assert_settled()
    assert house.lock.is_online


def test_with_a_guest_at_the_door_a_lock_nobody_knew_to_be_away_is_written_within_minutes(
    house: House, watch: Watch
) -> None:
    house.stage.webhooks_arrive = False
    house.set_connected(False)
    booking = house.book(arrives="2026-03-02T10:20")
    house.stage.run_for(hours=1)
    assert house.status(booking) is not Status.CONFIRMED
    assert len(watch.writes) <= 3 + 60 / 5

    house.set_connected(True)
    house.stage.run_for(minutes=8)

    watch.assert_settled()


def test_a_lock_that_answers_is_in_reach_whatever_message_was_lost(
    house: House, watch: Watch
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    house.set_connected(False)
    house.stage.run_for(minutes=1)
    house.stage.webhooks_arrive = False
    house.set_connected(True)
    house.stage.run_for(minutes=1)
    assert house.booking(booking.id).verdict is Verdict.AT_RISK

    house.book(departs="2026-03-09")
    house.stage.run_for(minutes=3)

    assert house.booking(booking.id).verdict is Verdict.READY
    watch.assert_settled()


def test_an_offline_lock_puts_a_confirmed_booking_at_risk_and_its_return_ends_that(
    house: House,
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    house.set_connected(False)
    house.stage.run_for(minutes=1)
    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    assert house.booking(booking.id).problem is ProblemKey.LOCK_OFFLINE
    house.set_connected(True)
    house.stage.run_for(minutes=1)

    assert house.booking(booking.id).verdict is Verdict.READY


def test_a_critical_battery_puts_a_confirmed_booking_at_risk(house: House) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)

    with house.stage.cloud.steady():
        house.stage.cloud.people.set_battery(house.door, 5)
    house.stage.run_for(minutes=1)

    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    assert house.booking(booking.id).problem is ProblemKey.LOW_BATTERY


# The sign-in


def test_signed_out_everything_waits_and_goes_on_after_the_reconnect(
    house: House, watch: Watch
) -> None:
    first = house.book("b1")
    house.stage.run_for(minutes=1)
    house.stage.cloud.sign_out(USER)

    second = house.book("b2", "2026-03-08", "2026-03-12")
    house.stage.run_for(minutes=5)
    assert house.status(second) is Status.NEEDS_YOU
    assert house.booking(second.id).problem is ProblemKey.SIGNED_OUT
    assert house.status(first) is Status.CONFIRMED
    assert house.open_alerts() == ["signed_out"]

    house.reconnect()
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert house.status(second) is Status.CONFIRMED
    assert house.open_alerts() == []


def test_disconnected_a_booking_has_no_lock_and_goes_on_after_the_reconnect(
    house: House, watch: Watch
) -> None:
    first = house.book("b1")
    house.stage.run_for(minutes=1)
    connections.disconnect(house.connection.id, "manager:1")

    second = house.book("b2", "2026-03-08", "2026-03-12")
    house.stage.run_for(minutes=5)
    waiting = house.booking(second.id)
    assert house.status(second) is Status.NEEDS_YOU
    assert (waiting.verdict, waiting.problem) == (
        Verdict.NOT_READY,
        ProblemKey.UNRECOGNIZED_JOB_STATE,
    )
    assert house.status(first) is Status.CONFIRMED

    house.reconnect()
    house.stage.run_for(minutes=5)

    watch.assert_settled()
    assert house.status(second) is Status.CONFIRMED
    assert house.booking(second.id).problem is None


def test_schlages_own_unrecognized_job_state_is_shown_and_tried_again(
    house: House, watch: Watch
) -> None:
    house.door.script.push("failed:Unrecognized job state", only="add")
    booking = house.book()

    house.stage.run_for(minutes=1)
    assert house.code(booking).problem is ProblemKey.UNRECOGNIZED_JOB_STATE
    assert house.booking(booking.id).problem is ProblemKey.UNRECOGNIZED_JOB_STATE
    house.stage.run_for(minutes=20)

    watch.assert_settled()
    assert house.status(booking) is Status.CONFIRMED
    assert house.booking(booking.id).problem is None


def test_an_outage_over_many_locks_is_one_alert_and_slow_probes(watch: Watch) -> None:
    house = House(watch.stage, locks=5)
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(False)
    booking = house.book(arrives="2026-03-02T20:00")

    house.stage.run_for(minutes=30)
    writes = len(watch.writes)
    assert connection_of(house).outage_since is not None
    assert "schlage_outage" in house.open_alerts()
    assert writes == 0, "the gate is down: nothing gets as far as a lock"

    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(True)
    house.stage.run_for(minutes=10)

    watch.assert_settled()
    assert house.booking(booking.id).verdict is Verdict.READY
    assert "schlage_outage" not in house.open_alerts()


def test_after_an_outage_the_nearest_arrival_goes_first(house: House, watch: Watch) -> None:
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(False)
    for number in (9, 5, 3, 7):
        house.book(f"b{number}", f"2026-03-{number:02}", f"2026-03-{number + 1:02}")
    house.stage.run_for(hours=1)

    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(True)
    house.stage.run_for(minutes=30)

    watch.assert_settled()
    order = [code.name for code in house.door.lock_codes]
    starts = {code.name: code.schedule.start for code in house.door.lock_codes}
    assert order == sorted(order, key=lambda name: str(starts[name]))


def test_after_an_outage_the_lock_with_the_nearest_arrival_goes_first(watch: Watch) -> None:
    """Each of four houses has its own door; the last one's guest comes soonest.

    A fifth lock, that the outage holds up in nothing, is left alone.
    """
    house = House(watch.stage, locks=5)
    held_up = house.locks[:4]
    places = [house.place, *(make_property(house.account, name=f"Casa {n}") for n in range(3))]
    for place, lock in zip(places, held_up, strict=True):
        house.place = place
        house.map(lock)
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(False)
    for number, place in enumerate(places):
        house.place = place
        house.book(f"b{number}", f"2026-03-{7 - number:02}", f"2026-03-{9 - number:02}")
    house.stage.run_for(minutes=30)
    assert connection_of(house).outage_since is not None

    with writing() as session:
        outages.answered(session, house.connection.id, house.stage.now)
        claimed = ringing.claim_due(session, house.stage.now, 10)

    assert claimed == [lock.id for lock in reversed(held_up)]


# What stands in the way


def test_a_pin_waits_for_the_leaving_code_that_has_it(house: House, watch: Watch) -> None:
    leaving = house.book("b1", pin="284916")
    house.stage.run_for(minutes=1)
    for _ in range(2):
        house.door.script.push("timeout_not_applied", only="delete")
    house.cancel(leaving)

    arriving = house.book("b2", "2026-03-03", "2026-03-05")
    with bookings.changing() as session:
        row = session.get_one(Booking, arriving.id)
        row.pin = Secret("284916")
        bookings.door_codes.follow(session, row, urgent=True)
    house.stage.run_for(hours=1)

    watch.assert_settled()
    assert house.opens("284916", house.booking(arriving.id).starts_at)


def test_a_pin_of_the_wrong_length_costs_no_call(watch: Watch) -> None:
    house = House(watch.stage, vlac=False, code_length=4)
    booking = house.book(pin="2849")
    with bookings.changing() as session:
        row = session.get_one(Booking, booking.id)
        row.pin = Secret("284916")
        row.revision += 1
        bookings.door_codes.follow(session, row, urgent=True)
    house.stage.run_for(minutes=5)

    assert house.code(booking).problem is ProblemKey.WRONG_LENGTH
    assert house.status(booking) is Status.NEEDS_YOU
    assert len(watch.writes) <= 1


def test_a_length_schlage_did_not_tell_is_learnt_from_its_refusal(watch: Watch) -> None:
    house = House(watch.stage, vlac=False)
    house.stage.cloud.people.add_code(house.door, "Owner", "5937")

    booking = house.book()
    house.stage.run_for(minutes=10)

    watch.assert_settled()
    assert len(house.pin(booking)) == 4


def test_a_foreign_code_is_listed_never_touched_and_its_digits_are_kept_clear_of(
    house: House, watch: Watch
) -> None:
    watch.add_foreign(house.door, "Cleaner", "284955")
    house.stage.run_for(minutes=2)

    with pytest.raises(bookings.BadBooking, match="same four digits"):
        house.book(pin="284916")
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.cancel(booking)
    house.stage.run_for(minutes=5)

    assert db.session.scalars(select(ForeignCode.label)).all() == ["Cleaner"]
    assert house.held() == ["Cleaner"]


def test_a_full_lock_gives_its_next_place_to_the_soonest_arrival(
    house: House, watch: Watch
) -> None:
    for number in range(99):
        watch.add_foreign(house.door, f"Neighbour {number}", f"{1000 + 7 * number}99")
    house.stage.run_for(minutes=2)
    first = house.book("b1", "2026-03-03", "2026-03-04")
    later = house.book("b2", "2026-03-07", "2026-03-09")
    sooner = house.book("b3", "2026-03-05", "2026-03-06")
    house.stage.run_for(minutes=5)
    assert house.status(first) is Status.CONFIRMED
    assert house.code(later).problem is ProblemKey.LOCK_FULL
    assert house.code(sooner).problem is ProblemKey.LOCK_FULL

    house.stage.run_for(days=2, hours=4)

    assert house.status(first) is Status.REMOVED
    assert house.status(sooner) is Status.CONFIRMED
    assert house.status(later) is not Status.CONFIRMED
    house.stage.run_for(days=2)
    assert house.status(later) is Status.CONFIRMED


# Changed outside


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


# Told in time


def test_lateness_is_alarmed_at_24_6_and_2_hours_and_the_alarm_ends_with_the_cause(
    house: House,
) -> None:
    house.stage.cloud.sign_out(USER)
    booking = house.book(arrives="2026-03-04")
    arrives = house.booking(booking.id).starts_at
    seen = []
    for hours in (25, 23, 5, 1.5):
        house.stage.run_until(arrives - timedelta(hours=hours))
        house.stage.sweep()
        db.session.rollback()
        keys = db.session.scalars(select(Alert.key).where(Alert.closed_at.is_(None)))
        seen.append([key.split(":")[1] for key in keys if key.startswith("not_confirmed")])
    assert seen == [[], ["24h"], ["6h"], ["2h"]]
    assert house.booking(booking.id).verdict is Verdict.NOT_READY

    house.reconnect()
    house.stage.run_for(minutes=2)

    assert house.open_alerts() == []


def test_a_removal_that_is_not_proven_30_minutes_after_its_window_is_alarmed(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_for(minutes=2)
    ends = house.code(booking).ends_at
    house.stage.run_until(ends - timedelta(minutes=5))
    house.set_connected(False)

    house.stage.run_until(ends + timedelta(minutes=45))

    assert "removal_unconfirmed" in house.open_alerts()
    assert house.status(booking) is Status.REMOVING
    assert house.booking(booking.id).verdict is Verdict.AT_RISK
    house.set_connected(True)
    house.stage.run_for(minutes=30)
    assert house.status(booking) is Status.REMOVED
    assert house.open_alerts() == []


def test_a_resync_after_the_stay_tries_the_removal_at_once(house: House, watch: Watch) -> None:
    house.door.script.push("nack", only="delete", until=UNTIL_DELETE_ALL)
    booking = house.book(arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=12))
    next_try = house.code(booking).retry_at
    assert next_try is not None
    house.stage.run_until(next_try + timedelta(minutes=5))
    waits_until = house.code(booking).retry_at
    assert waits_until is not None
    assert waits_until > house.stage.now + timedelta(minutes=5)
    before = [c.id for c in house.commands() if c.kind is Kind.DELETE]

    started = house.resync(booking)
    again = house.resync(booking)

    tried = [c for c in house.commands() if c.kind is Kind.DELETE and c.id not in before]
    assert len(tried) == 1
    assert (started, again) == (True, False)


def test_silent_webhooks_are_noticed(house: House) -> None:
    house.stage.webhooks_arrive = False
    for number in range(6):
        house.book(f"b{number}", f"2026-03-{3 + number:02}", f"2026-03-{4 + number:02}")

    house.stage.run_for(minutes=15)

    assert house.open_alerts() == ["webhooks_off"]


def test_messages_that_leave_the_reason_to_a_look_up_are_no_silence(house: House) -> None:
    # As Schlage may send them: failed, without a word why, and known to a look-up seconds later.
    house.stage.cloud.set_faults(
        preset("clean").changed({"webhook_error": 0.0, "state_lag": (4.0, 5.0)})
    )
    house.door.script.push(f"failed:{ALREADY_IN_USE.text}", only="add", until=UNTIL_DELETE_ALL)
    for number in range(4):
        house.book(f"b{number}", f"2026-03-{3 + number:02}", f"2026-03-{4 + number:02}")

    house.stage.run_for(minutes=30)

    failed = [c for c in house.commands() if c.state is State.FAILED]
    assert len(failed) > 5
    assert {c.closed_by for c in failed} == {"webhook"}
    assert "webhooks_off" not in house.open_alerts()


def test_the_removal_of_a_cancelled_bookings_code_says_why_also_during_a_resync(
    house: House,
) -> None:
    booking = house.book()
    house.stage.run_for(minutes=1)
    house.resync(booking)

    house.cancel(booking)
    house.stage.run_for(minutes=2)

    (removal,) = [c for c in house.commands() if c.kind is Kind.DELETE]
    assert removal.cause == "removal"


# Redis and the sweep


def test_with_a_deaf_bell_the_next_sweep_picks_everything_up(house: House, watch: Watch) -> None:
    house.stage.bell.is_deaf = True
    booking = house.book()
    house.stage.run_for(minutes=3)
    assert house.commands() == []

    house.stage.bell.is_deaf = False
    house.stage.run_for(minutes=2)

    watch.assert_settled()
    assert house.status(booking) is Status.CONFIRMED


def test_a_sweep_that_runs_again_and_again_changes_nothing(house: House, watch: Watch) -> None:
    house.book()
    house.door.script.push("state:Pending")
    house.book("b2", "2026-03-09", "2026-03-11")
    before = (len(watch.writes), [(c.state, c.looks) for c in house.commands()])

    for _ in range(20):
        house.stage.sweep()

    assert (len(watch.writes), [(c.state, c.looks) for c in house.commands()]) == before


def test_an_old_code_is_off_the_lock_after_its_stay_even_when_every_delete_fails(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-03", departs="2026-03-04")
    house.stage.run_for(minutes=2)
    pin = house.pin(booking)
    for _ in range(6):
        house.door.script.push("timeout_not_applied", only="delete")

    house.stage.run_until(house.code(booking).ends_at + timedelta(minutes=15))
    assert not house.opens(pin)
    assert house.status(booking) is Status.REMOVING
    house.stage.run_for(hours=2)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED


def delete_by_phone(house: House, watch: Watch) -> None:
    [code] = house.door.lock_codes
    assert isinstance(code, Code)
    watch.excuse(code.name)
    with house.stage.cloud.steady():
        house.stage.cloud.people.remove_code(house.door, code.id)


def connection_of(house: House) -> Connection:
    db.session.rollback()
    return db.session.get_one(Connection, house.connection.id)


def test_an_entry_with_our_tag_and_no_record_is_known_as_ours_and_left_alone(
    house: House, watch: Watch
) -> None:
    account = db.session.get_one(Account, house.account.id)
    name = label.make("Lost Guest", account.label_key, house.door.id)
    house.stage.cloud.people.add_code(house.door, name, "739105")

    house.stage.run_for(days=1, minutes=5)

    [row] = db.session.scalars(select(ForeignCode)).all()
    assert row.has_our_tag
    assert name in house.held()


def test_of_two_codes_of_a_stay_the_old_one_is_not_left_for_hours(house: House) -> None:
    booking = house.book(arrives="2026-03-08", departs="2026-03-10")
    house.stage.run_for(minutes=2)
    for _ in range(4):
        house.door.script.push("timeout_not_applied", only="delete")

    house.new_pin(booking)
    house.stage.run_for(minutes=4)
    assert len(house.held()) == 2

    house.stage.run_for(minutes=41)
    assert len(house.held()) == 1
