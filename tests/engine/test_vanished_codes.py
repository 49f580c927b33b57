"""Codes that are to be off and that no list shows: gone only if the lock's own log says so too."""

from datetime import timedelta
from typing import Any

import pytest
from requests import PreparedRequest, Response

from benchmarks.stage import Stage
from portal.domain.entry import EntryState, Evidence
from portal.domain.status import Status
from portal.models import Booking
from simulator.adapter import CloudAdapter
from simulator.cloud import Cloud
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.support.house import House


def a_guest_whose_add_fails(house: House, fault: str, departs: str) -> Booking:
    """A guest's add is under way, with this end, on a lock whose log is known to tell of codes."""
    house.book("before")
    house.stage.run_for(minutes=5)
    house.door.script.push(fault, only="add")
    booking = house.book(arrives="2026-03-02T10:00", departs=departs)
    house.stage.run_for(seconds=20)
    return booking


def assert_in_doubt_until_its_window_is_over(house: House, watch: Watch, booking: Booking) -> None:
    """The cancelled code opens, is said to be on its way off, and is alerted; then it is over."""
    house.stage.run_for(minutes=40)
    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    assert house.open_alerts() == ["removal_unconfirmed"]

    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=1))
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_a_cancelled_code_that_only_the_locks_log_tells_of_is_not_shown_as_removed(
    house: House, watch: Watch
) -> None:
    booking = a_guest_whose_add_fails(house, "split_brain_a", "2026-03-02T20:00")

    house.cancel(booking)

    assert_in_doubt_until_its_window_is_over(house, watch, booking)
    assert "found_in_log" in house.told(booking)


def a_guest_whose_code_no_list_shows(house: House, departs: str) -> Booking:
    """The guest's add is to be sent again; it is on the lock, which went away before it could."""
    booking = a_guest_whose_add_fails(house, "split_brain_a", departs)
    house.set_connected(False)
    house.stage.run_for(minutes=12)
    assert house.opens(house.pin(booking))
    assert [e.state for e in house.entries(booking)] == [EntryState.GONE]
    return booking


def test_a_code_to_be_sent_again_that_is_cancelled_instead_is_not_shown_as_removed(
    house: House, watch: Watch
) -> None:
    booking = a_guest_whose_code_no_list_shows(house, "2026-03-02T20:00")

    house.cancel(booking)
    watch.look()
    house.stage.run_for(minutes=30)

    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    assert "found_in_log" in house.told(booking)
    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=1))
    house.set_connected(True)
    house.stage.run_for(hours=2)
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_a_code_to_be_sent_again_whose_stay_ends_sooner_is_not_shown_as_removed(
    house: House, watch: Watch
) -> None:
    booking = a_guest_whose_code_no_list_shows(house, "2026-03-02T20:00")
    house.book(arrives="2026-03-02T10:00", departs="2026-03-02T13:00")

    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=1))

    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    assert "found_in_log" in house.told(booking)
    house.stage.run_for(hours=8)
    house.set_connected(True)
    house.stage.run_for(hours=2)
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_a_pin_to_be_sent_again_that_is_replaced_instead_is_not_forgotten(
    house: House, watch: Watch
) -> None:
    booking = a_guest_whose_code_no_list_shows(house, "2026-03-03T10:00")

    house.new_pin(booking)
    house.stage.run_for(minutes=5)

    assert [e.state for e in house.entries(booking)][0] is EntryState.MAYBE


@pytest.mark.parametrize("refusal", ["throttled:90", "failed:Access code limit reached"])
def test_the_refusal_of_what_is_sent_again_says_nothing_of_what_was_sent_before(
    house: House, watch: Watch, refusal: str
) -> None:
    house.book("before")
    house.stage.run_for(minutes=5)
    for fault in ("split_brain_a", refusal):
        house.door.script.push(fault, only="add")
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-02T20:00")
    house.stage.run_for(minutes=2, seconds=50)
    assert len([fact for fact in watch.writes if fact.data["command"] == "add"]) == 3

    house.cancel(booking)
    house.stage.run_for(minutes=30)

    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    assert "found_in_log" in house.told(booking)


def test_a_code_that_vanished_and_is_wanted_again_is_sent_again(house: House, watch: Watch) -> None:
    house.book("before")
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_not_applied", only="add")
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-03T10:00")
    house.stage.run_for(seconds=20)
    house.set_connected(False)
    house.stage.run_for(minutes=12)
    house.cancel(booking)
    house.book(arrives="2026-03-02T10:00", departs="2026-03-03T10:00")
    house.set_connected(True)

    house.stage.run_for(minutes=10)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_a_cancelled_code_that_the_list_leaves_out_twice_goes_on_being_removed(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-06")
    house.stage.run_for(minutes=30)
    house.door.script.push("timeout_not_applied", only="delete", until=UNTIL_DELETE_ALL)
    house.cancel(booking)
    for _ in range(2):
        house.door.script.push("list_omits", only="list")
    house.stage.run_for(hours=2)
    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING

    house.door.script.end(UNTIL_DELETE_ALL)
    house.stage.run_for(minutes=10)

    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_an_old_pin_that_only_the_locks_log_tells_of_is_in_doubt_until_its_window_is_over(
    house: House, watch: Watch
) -> None:
    booking = a_guest_whose_add_fails(house, "split_brain_a", "2026-03-03T10:00")

    house.new_pin(booking)
    house.stage.run_for(minutes=40)
    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()
    house.cancel(booking)
    house.stage.run_for(minutes=40)

    assert house.status(booking) is Status.REMOVING
    assert house.open_alerts() == ["removal_unconfirmed"]


class NoLogs(CloudAdapter):
    """Schlage answers everything but for the locks' logs."""

    def __init__(self, cloud: Cloud, status: int) -> None:
        super().__init__(cloud)
        self.status = status

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        answer = super().send(request, *args, **options)
        if "/history" in (request.url or ""):
            answer.status_code = self.status
        return answer


@pytest.mark.parametrize(("is_log_there", "minutes"), [(True, 5), (False, 90)])
def test_a_cancelled_code_that_no_list_and_no_log_tells_of_is_gone(
    house: House, watch: Watch, is_log_there: bool, minutes: int
) -> None:
    booking = a_guest_whose_add_fails(house, "timeout_not_applied", "2026-03-02T20:00")
    if not is_log_there:
        house.stage.adapter, house.stage._http = NoLogs(house.stage.cloud, 502), None

    house.cancel(booking)
    house.stage.run_for(minutes=minutes)

    assert house.status(booking) is Status.REMOVED
    assert "found_in_log" not in house.told(booking)
    watch.assert_settled()


def test_where_no_log_ever_told_of_codes_two_lists_are_no_proof_against_what_was_confirmed(
    stage: Stage, watch: Watch
) -> None:
    house = House(stage)
    stage.adapter, stage._http = NoLogs(stage.cloud, 404), None
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-12")
    stage.run_for(minutes=30)
    house.door.script.push("timeout_not_applied", only="delete", until=UNTIL_DELETE_ALL)
    house.cancel(booking)
    for _ in range(8):
        house.door.script.push("list_omits", only="list")

    stage.run_for(days=2)

    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    assert "removal_unconfirmed" in house.open_alerts()
    house.door.script.end(UNTIL_DELETE_ALL)
    stage.run_for(hours=2)
    assert house.status(booking) is Status.REMOVED
    assert house.held() == []


def test_a_spare_that_the_lock_kept_and_the_list_lost_is_removed_again(watch: Watch) -> None:
    house = House(watch.stage, spares=1)
    house.stage.run_for(minutes=5)
    assert len(house.held()) == 1
    house.door.script.push("timeout_listed_only", only="delete")

    house.map()
    house.stage.run_for(minutes=20)

    assert house.held() == []
    watch.assert_settled()


def test_a_try_at_a_spare_that_nobody_knows_is_given_up_for_another(watch: Watch) -> None:
    house = House(watch.stage, spares=1)
    house.map()
    house.stage.run_for(minutes=5)
    assert house.held() == []
    house.door.script.push("split_brain_a", only="add")

    house.map(house.locks[0])
    house.stage.run_for(minutes=30)

    assert [spare.status for spare in house.stock()] == [Status.CONFIRMED]
    assert len(house.held()) == 2, "the try is on the lock, and its digits are nobody's"
    watch.assert_settled()


def a_code_that_the_list_lost_and_the_lock_kept(house: House) -> Booking:
    """Its removal got no further than the list; then it is wanted again, and no list shows it."""
    booking = house.book(arrives="2026-03-02T15:00", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_listed_only", only="delete")
    house.map()
    house.map(house.locks[0])
    return booking


@pytest.mark.parametrize("omitted", [0, 3], ids=["at once", "late"])
def test_what_the_lock_kept_is_removed_by_its_former_id_where_the_list_shows_another(
    house: House, watch: Watch, omitted: int
) -> None:
    booking = a_code_that_the_list_lost_and_the_lock_kept(house)
    house.door.script.push("timeout_listed_only", only="add")
    for _ in range(omitted):
        house.door.script.push("list_omits", only="list")
    house.stage.run_for(minutes=12)
    assert house.status(booking) is Status.CONFIRMED

    house.cancel(booking)
    house.stage.run_for(minutes=5)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()
    # Schlage's list goes on showing what the lock never had: once asked for, it is nothing new.
    written = len(watch.writes)
    house.stage.run_for(days=3)
    assert len(watch.writes) <= written + 1


def test_a_code_to_be_sent_again_that_is_cancelled_instead_is_removed_by_its_former_id(
    stage: Stage, watch: Watch
) -> None:
    house = House(stage)
    stage.adapter, stage._http = NoLogs(stage.cloud, 404), None
    booking = a_code_that_the_list_lost_and_the_lock_kept(house)
    stage.run_for(minutes=2)
    assert [e.state for e in house.entries(booking)] == [EntryState.GONE]
    assert len(house.held()) == 1

    house.cancel(booking)
    watch.look()
    watch.assert_kept()
    stage.run_for(minutes=5)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_what_the_lock_kept_and_no_list_shows_is_removed_once_another_has_taken_over(
    house: House, watch: Watch
) -> None:
    booking = a_code_that_the_list_lost_and_the_lock_kept(house)

    house.stage.run_for(minutes=15)

    assert house.status(booking) is Status.CONFIRMED
    assert len(house.held()) == 1, "the one that was refused beside it is gone"
    watch.assert_settled()


def test_what_the_lock_has_in_use_and_no_list_shows_is_removed_by_its_former_id(
    stage: Stage, watch: Watch
) -> None:
    house = House(stage)
    stage.adapter, stage._http = NoLogs(stage.cloud, 404), None
    booking = a_code_that_the_list_lost_and_the_lock_kept(house)
    stage.run_for(minutes=3)
    assert [e.evidence for e in house.entries(booking)] == [Evidence.IN_USE]

    house.cancel(booking)
    stage.run_for(minutes=5)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def a_guest_of_whose_two_adds_the_list_shows_the_wrong_one(house: House) -> Booking:
    """No add was answered: the first is on the lock and not in the list, the second the reverse."""
    house.door.script.push("split_brain_a", only="add")
    house.door.script.push("timeout_listed_only", only="add")
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-02T20:00")
    house.stage.run_for(minutes=4)
    assert house.opens(house.pin(booking))
    return booking


def test_what_may_be_there_beside_an_id_that_the_lock_denies_is_not_shown_as_removed(
    house: House, watch: Watch
) -> None:
    booking = a_guest_of_whose_two_adds_the_list_shows_the_wrong_one(house)

    house.cancel(booking)
    house.stage.run_for(minutes=40)
    assert len([w for w in watch.writes if w.data["command"] == "delete"]) == 1

    assert_in_doubt_until_its_window_is_over(house, watch, booking)


def test_what_may_be_there_beside_an_id_that_the_lock_denies_is_known_when_another_took_over(
    house: House, watch: Watch
) -> None:
    booking = a_guest_of_whose_two_adds_the_list_shows_the_wrong_one(house)

    house.stage.run_for(minutes=20)

    assert house.status(booking) is Status.CONFIRMED
    assert len(house.held()) == 2
    assert Evidence.DENIED in {e.evidence for e in house.entries(booking)}
    watch.assert_settled()

    house.stage.run_until(house.code(booking).ends_at + timedelta(hours=1))
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_what_the_list_shows_at_last_beside_an_id_that_the_lock_denies_is_removed(
    house: House, watch: Watch
) -> None:
    booking = a_guest_of_whose_two_adds_the_list_shows_the_wrong_one(house)
    house.cancel(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.REMOVING

    house.door.server_codes.put(next(iter(house.door.lock_codes)))
    house.reconnect()
    house.stage.run_for(minutes=5)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_what_may_be_there_beside_an_id_that_the_lock_denies_gives_way_when_the_stay_is_back(
    house: House, watch: Watch
) -> None:
    booking = a_guest_of_whose_two_adds_the_list_shows_the_wrong_one(house)
    house.cancel(booking)
    house.stage.run_for(minutes=5)

    house.book(arrives="2026-03-02T10:00", departs="2026-03-02T20:00")
    house.stage.run_for(minutes=20)

    assert house.status(booking) is Status.CONFIRMED
    assert house.opens(house.pin(booking))
    watch.assert_settled()


def a_stay_that_is_back_and_whose_add_has_no_answer(house: House, fault: str) -> Booking:
    """Its code was taken off the lock, is wanted again, and is there under an id nobody told us."""
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-02T20:00")
    house.stage.run_for(minutes=5)
    house.cancel(booking)
    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.REMOVED
    house.door.script.push(fault, only="add")
    house.book(arrives="2026-03-02T10:00", departs="2026-03-02T20:00")
    house.stage.run_for(seconds=61)
    assert house.opens(house.pin(booking))
    return booking


def test_the_id_from_before_a_removal_proves_nothing_of_what_was_added_since(
    house: House, watch: Watch
) -> None:
    booking = a_stay_that_is_back_and_whose_add_has_no_answer(house, "timeout_applied")

    house.cancel(booking)
    watch.look()
    watch.assert_kept()
    house.stage.run_for(minutes=5)

    assert house.held() == []
    assert house.status(booking) is Status.REMOVED
    watch.assert_settled()


def test_what_was_added_after_a_removal_and_stands_in_no_list_is_not_shown_as_removed(
    house: House, watch: Watch
) -> None:
    booking = a_stay_that_is_back_and_whose_add_has_no_answer(house, "split_brain_a")

    house.cancel(booking)

    assert_in_doubt_until_its_window_is_over(house, watch, booking)


def test_the_id_of_a_code_that_vanished_proves_nothing_of_what_was_sent_again(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T10:00", departs="2026-03-02T20:00")
    house.stage.run_for(minutes=5)
    (code,) = house.door.lock_codes
    with house.stage.cloud.steady():
        house.stage.cloud.people.remove_code(house.door, code.id)
    house.door.script.push("split_brain_a", only="add")
    house.reconnect()
    house.stage.run_for(seconds=100)
    assert house.opens(house.pin(booking))

    house.cancel(booking)
    house.stage.run_for(minutes=40)

    assert house.opens(house.pin(booking))
    assert house.status(booking) is Status.REMOVING
    watch.assert_kept()
