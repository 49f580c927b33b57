"""Split brain, the ladder, and the rebuild that ends it."""

import pytest

from portal.domain.problems import ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Account, Booking, Lock, Rebuild, RestorePolicy
from portal.services import rebuilds, refusals, ringing
from portal.services.ringing import changing
from portal.unit_of_work import writing
from simulator.faults import preset
from simulator.script import UNTIL_DELETE_ALL
from tests.engine.promises import Watch
from tests.engine.reaper import install
from tests.support.house import House

IN_USE = "failed:Access code/code name are already in use"


def _start(house: House, *, by_command: bool, typed_name: str = "") -> None:
    with changing() as session:
        lock = session.get_one(Lock, house.lock.id)
        rebuilds.start(session, lock, "manager:1", by_command=by_command, typed_name=typed_name)
    house.stage.work()


def _press(house: House) -> None:
    with changing() as session:
        rebuild = rebuilds.running(session, house.lock.id)
        assert rebuild is not None
        rebuilds.pressed(session, rebuild, "manager:1")
    house.stage.work()


def _stop(house: House) -> None:
    with changing() as session:
        rebuild = rebuilds.running(session, house.lock.id)
        assert rebuild is not None
        rebuilds.stop(session, rebuild, "manager:1", house.stage.now)
    house.stage.work()


def _latest(house: House) -> Rebuild:
    db.session.rollback()
    rebuild = rebuilds.latest(db.session(), house.lock.id)
    assert rebuild is not None
    return rebuild


def _split(house: House) -> None:
    house.door.script.push(IN_USE, only="add", until=UNTIL_DELETE_ALL)


def test_nothing_is_green_once_delete_all_was_pressed_also_while_no_worker_hears_of_it(
    house: House,
) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    _start(house, by_command=False)
    assert house.code(booking).status is Status.CONFIRMED
    assert house.code(booking).booking.verdict is Verdict.READY
    house.stage.bell.is_deaf = True

    _press(house)

    assert house.code(booking).status is Status.UNSURE
    assert house.code(booking).booking.verdict is Verdict.AT_RISK


def test_the_ladder_ends_in_one_clear_step(house: House) -> None:
    _split(house)
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")

    house.stage.run_for(hours=1)

    code = house.code(booking)
    assert code.status is Status.NEEDS_YOU
    assert code.problem is ProblemKey.SPLIT_BRAIN
    assert [c.kind for c in house.commands()] == ["add", "add", "add"]


def test_what_led_to_the_split_brain_is_known_after_other_refusals(house: House) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    house.show_pin(booking)
    denied = "failed:User not found in the device"
    house.door.script.push(denied, only="update", until=UNTIL_DELETE_ALL)
    _split(house)

    house.resync(booking)
    house.stage.run_for(hours=2)

    code = house.code(booking)
    assert code.problem is ProblemKey.SPLIT_BRAIN
    assert "already in use" in code.problem_text
    led = refusals.led_to(db.session(), [code])
    assert led == {code.id: {ProblemKey.USER_NOT_FOUND, ProblemKey.ALREADY_IN_USE}}


def test_a_refusal_before_the_last_success_led_to_nothing(house: House) -> None:
    house.door.script.push("failed:User not found in the device", only="add")
    booking = house.book(pin="284916", arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=30)
    assert house.status(booking) is Status.CONFIRMED
    denied = "failed:Access code ID not found on device"
    house.door.script.push(denied, only="update", until=UNTIL_DELETE_ALL)
    _split(house)
    house.resync(booking)
    house.stage.run_for(hours=2)

    code = house.code(booking)
    assert code.problem is ProblemKey.SPLIT_BRAIN
    led = refusals.led_to(db.session(), [code])
    assert led == {code.id: {ProblemKey.CODE_ID_NOT_FOUND, ProblemKey.ALREADY_IN_USE}}


def test_the_ladder_never_changes_a_pin_that_somebody_was_shown(house: House) -> None:
    _split(house)
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    pin = house.show_pin(booking)

    house.stage.run_for(hours=1)

    assert house.pin(booking) == pin
    assert house.code(booking).problem is ProblemKey.SPLIT_BRAIN


@pytest.mark.parametrize("by_command", [True, False])
def test_a_rebuild_sets_every_code_again_and_counts_them(house: House, by_command: bool) -> None:
    calm = house.book("b1", arrives="2026-03-04", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    _split(house)
    stuck = house.book("b2", arrives="2026-03-06", departs="2026-03-08")
    house.stage.run_for(hours=1)
    assert house.status(calm) is Status.CONFIRMED
    assert house.status(stuck) is Status.NEEDS_YOU

    _start(house, by_command=by_command)
    if not by_command:
        house.stage.cloud.people.delete_all(house.door)
        _press(house)
    house.stage.run_for(minutes=15)

    rebuild = _latest(house)
    assert rebuild.stage is Stage.DONE
    assert rebuild.listed_after == 2
    for booking in (calm, stuck):
        assert house.status(booking) is Status.CONFIRMED
    assert len(house.held()) == 2


def test_a_rebuild_counts_the_codes_that_are_due_by_its_end_and_none_of_later_stays(
    house: House,
) -> None:
    house.book("b1", arrives="2026-03-04", departs="2026-03-06")
    house.book("b2", arrives="2026-04-20", departs="2026-04-22")
    house.stage.run_for(minutes=5)

    _start(house, by_command=True)
    at_first = _latest(house).planned
    house.book("b3", arrives="2026-03-06", departs="2026-03-08")
    house.stage.run_for(minutes=15)

    rebuild = _latest(house)
    assert at_first == 1
    assert (rebuild.planned, rebuild.listed_after) == (2, 2)


def _set_again(house: House, booking: Booking) -> None:
    """A rebuild has emptied the lock, and the lock has just confirmed this booking's code anew."""
    _start(house, by_command=True)
    for _ in range(600):
        house.stage.run_for(seconds=1)
        if house.status(booking) is Status.CONFIRMED:
            return
    raise AssertionError("the code was never confirmed again")


def test_a_rebuild_counts_once_the_list_has_caught_up_whatever_it_is_read_for_before(
    house: House,
) -> None:
    booking = house.book(arrives="2026-03-04", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    house.door.script.push("list_stale:25", only="add")
    _set_again(house, booking)

    with changing() as session:
        lock = session.get_one(Lock, house.lock.id)
        lock.read_wanted_at = house.stage.now
        ringing.mark(session, [lock.id])
    house.stage.work()
    early = house.lock.listed_count
    house.stage.run_for(minutes=15)

    rebuild = _latest(house)
    assert early == 0
    assert (rebuild.stage, rebuild.listed_after) == (Stage.DONE, 1)


def test_a_rebuild_counts_again_where_the_list_leaves_out_what_the_lock_has_confirmed(
    house: House,
) -> None:
    booking = house.book(arrives="2026-03-04", departs="2026-03-06")
    house.stage.run_for(minutes=5)
    _set_again(house, booking)

    house.door.script.push("list_omits", only="list")
    house.stage.run_for(minutes=15)

    rebuild = _latest(house)
    assert (rebuild.stage, rebuild.listed_after) == (Stage.DONE, 1)
    assert house.status(booking) is Status.CONFIRMED


# How many moments a rebuild of one code has at which a process can die.
MOMENTS = 60


@pytest.mark.parametrize("moment", range(1, MOMENTS, 2))
def test_killed_at_any_moment_a_rebuild_goes_on_where_it_was(
    house: House, watch: Watch, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    reaper = install(house.stage, monkeypatch)
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    reaper.kill_at = moment

    reaper.watch_over(watch)
    _start(house, by_command=True)
    house.stage.run_for(minutes=20)

    assert watch.kills == 1, "there are fewer moments than MOMENTS says"
    assert _latest(house).stage is Stage.DONE
    assert _latest(house).listed_after == 1
    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_a_guest_who_keeps_an_old_door_for_now_is_inside_as_well(watch: Watch) -> None:
    """The new door is not confirmed: the old code is the only one that opens anything."""
    house = House(watch.stage, locks=2)
    old, new = house.locks
    house.map(old)
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_connected(house.doors[1], False)
    house.map(house.locks[1])
    house.stage.run_for(minutes=5)
    assert house.opens(house.pin(booking))

    with pytest.raises(rebuilds.CannotRebuild, match="Door 1"):
        _start(house, by_command=True)


def test_a_delete_all_that_works_long_after_the_rebuild_was_stopped_is_noticed(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_then_success:4000", only="delete_all")
    _start(house, by_command=True, typed_name="door 1")
    house.stage.run_for(seconds=70)
    _stop(house)

    house.stage.run_for(minutes=5)
    assert house.status(booking) is Status.CONFIRMED
    house.stage.run_for(hours=2)

    assert house.held() != []
    watch.assert_settled()


def test_a_late_delete_all_takes_what_was_set_after_a_second_one_and_it_comes_back(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    house.door.script.push("timeout_then_success:1500", only="delete_all")
    _start(house, by_command=True, typed_name="door 1")

    house.stage.run_for(hours=2)

    assert _latest(house).stage is Stage.DONE
    assert house.opens(house.pin(booking))
    watch.assert_settled()


def test_what_our_own_delete_all_took_is_set_again_without_asking(
    house: House, watch: Watch
) -> None:
    with writing() as session:
        session.get_one(Account, house.account.id).restore_policy = RestorePolicy.ASK
    booking = house.book(arrives="2026-03-02T09:00", departs="2026-03-08")
    house.stage.run_for(minutes=5)

    _start(house, by_command=True, typed_name="door 1")
    _stop(house)
    house.stage.run_for(minutes=20)

    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


@pytest.mark.parametrize("by_command", [True, False])
def test_no_code_is_green_from_delete_all_until_it_is_confirmed_again(
    house: House, by_command: bool
) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=5)

    _start(house, by_command=by_command)
    if not by_command:
        _press(house)

    assert house.status(booking) is not Status.CONFIRMED


def test_a_refused_delete_all_ends_the_rebuild_and_keeps_nobody_waiting(
    house: House, watch: Watch
) -> None:
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    house.door.script.push("nack", only="delete_all")

    _start(house, by_command=True)
    house.stage.run_for(minutes=5)

    assert _latest(house).stage is Stage.STOPPED
    assert rebuilds.refusal(db.session(), _latest(house)) is ProblemKey.NACK
    assert house.status(booking) is Status.CONFIRMED
    watch.assert_settled()


def test_a_delete_all_that_came_too_often_is_sent_again(house: House, watch: Watch) -> None:
    house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=5)
    house.door.script.push("throttled:40", only="delete_all")

    _start(house, by_command=True)
    house.stage.run_for(minutes=15)

    assert _latest(house).stage is Stage.DONE
    watch.assert_settled()


def test_a_rebuild_nobody_goes_on_with_frees_the_queue(house: House) -> None:
    _start(house, by_command=False)
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")
    house.stage.run_for(minutes=10)
    assert house.held() == []

    house.stage.run_for(minutes=30)

    assert _latest(house).stage is Stage.STOPPED
    assert house.status(booking) is Status.CONFIRMED


def test_a_guest_inside_keeps_their_code_unless_the_manager_types_the_locks_name(
    house: House,
) -> None:
    house.book(arrives="2026-03-02T09:00", departs="2026-03-08")
    house.stage.run_for(minutes=5)

    with pytest.raises(rebuilds.CannotRebuild, match="Door 1"):
        _start(house, by_command=True)
    _start(house, by_command=True, typed_name="door 1")
    house.stage.run_for(minutes=15)

    assert _latest(house).stage is Stage.DONE


def test_a_failure_that_its_webhook_does_not_explain_is_looked_up_for_its_reason(
    house: House,
) -> None:
    house.stage.cloud.set_faults(
        preset("clean").changed({"webhook_error": 0.0, "state_lag": (4.0, 5.0)})
    )
    _split(house)
    booking = house.book(arrives="2026-03-05", departs="2026-03-08")

    house.stage.run_for(minutes=1)

    assert house.code(booking).problem is ProblemKey.ALREADY_IN_USE
