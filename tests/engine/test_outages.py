"""Signed out, disconnected, or Schlage away: all waits, and the nearest arrival goes first."""

from benchmarks.stage import USER
from portal.domain.problems import ProblemKey
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Connection
from portal.services import connections, outages, ringing
from portal.unit_of_work import writing
from tests.engine.promises import Watch
from tests.support.builders import make_property
from tests.support.house import House


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


def connection_of(house: House) -> Connection:
    db.session.rollback()
    return db.session.get_one(Connection, house.connection.id)
