"""Codes that are planned for later: a visit at their lock leaves them alone until it is time."""

from datetime import timedelta

import pytest

from benchmarks.stage import Stage
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Booking
from portal.services import connections, snapshots, stays
from tests.engine.promises import Watch
from tests.support.house import House

FAR = {"arrives": "2026-05-05", "departs": "2026-05-08"}


@pytest.fixture
def house(stage: Stage, watch: Watch) -> House:
    return House(stage)


def looked_at(house: House) -> set[int]:
    """The codes that a visit at the door would look at now."""
    lock = house.lock
    return set(snapshots.load(db.session(), lock.id, house.stage.now).codes)


def test_of_a_year_full_of_bookings_a_visit_looks_at_those_that_are_near(house: House) -> None:
    near = house.book("near")
    for month in range(5, 12):
        house.book(f"far {month}", f"2026-{month:02}-05", f"2026-{month:02}-08")

    assert looked_at(house) == {house.code(near).id}


def test_it_is_sent_when_its_time_comes_though_nobody_thought_of_it(house: House) -> None:
    far = house.book(**FAR)
    code = house.code(far)
    house.stage.run_until(code.send_at - timedelta(minutes=1))
    before = house.status(far)

    house.stage.run_for(minutes=10)

    assert (before, house.status(far)) == (Status.PLANNED, Status.CONFIRMED)


def test_one_that_is_new_says_at_once_when_it_will_be_sent(house: House) -> None:
    code = house.code(house.book(**FAR))

    assert code.status is Status.PLANNED
    assert code.due_at == code.send_at
    assert looked_at(house) == set()


def test_cancelled_it_is_off_at_once(house: House) -> None:
    far = house.book(**FAR)

    house.cancel(far)

    assert house.status(far) is Status.REMOVED
    assert house.booking(far.id).verdict is Verdict.READY


def test_moved_to_tomorrow_it_is_sent_now(house: House) -> None:
    far = house.book(**FAR)

    house.book(arrives="2026-03-03", departs="2026-03-05")
    house.stage.run_for(minutes=10)

    assert house.status(far) is Status.CONFIRMED


def test_a_resync_of_it_is_over_once_the_list_was_read(house: House) -> None:
    far = house.book(**FAR)

    assert house.resync(far)
    house.stage.run_for(minutes=10)

    code = house.code(far)
    assert code.status is Status.PLANNED
    assert code.resync_ended_at is not None


def test_signed_out_it_asks_for_a_person_as_all_do_and_signed_in_again_it_waits(
    house: House,
) -> None:
    far = house.book(**FAR)

    connections.signed_out(house.lock.id)
    house.stage.work()
    signed_out = house.status(far), verdict_of(house, far)
    house.reconnect()

    assert signed_out == (Status.NEEDS_YOU, Verdict.NOT_READY)
    assert (house.status(far), verdict_of(house, far)) == (Status.PLANNED, Verdict.ON_TRACK)


def verdict_of(house: House, booking: Booking) -> Verdict:
    return house.booking(booking.id).verdict


def test_what_befalls_the_lock_is_told_of_the_near_and_true_of_the_far(house: House) -> None:
    over = house.book("over", arrives="2026-03-02T10:00", departs="2026-03-02T12:00")
    near, far = house.book("near"), house.book("far", **FAR)
    house.stage.run_for(hours=5)

    house.set_connected(False)
    house.stage.run_for(minutes=1)

    stored = [house.booking(booking.id).verdict for booking in (over, near, far)]
    judged = [stays.find(db.session(), b.id, house.stage.now) for b in (over, near, far)]
    assert stored == [Verdict.READY, Verdict.AT_RISK, Verdict.ON_TRACK]
    assert [stay.verdict for stay in judged if stay is not None] == stored
