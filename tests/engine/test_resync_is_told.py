"""The steps of a Resync as the page tells them, while a real one runs."""

from portal.domain.resync import Progress, Step, StepState
from portal.extensions import db
from portal.models import Booking
from portal.services import booking_page, bookings
from tests.support.house import House


def steps(house: House, booking: Booking) -> list[StepState]:
    db.session.rollback()
    found = booking_page.find(db.session(), booking.id, house.stage.now)
    assert found is not None
    return [state for door in found.doors for state in door.resync_steps]


def test_each_step_is_told_when_it_happens_and_none_before(house: House) -> None:
    booking = house.book()
    house.stage.run_for(minutes=8)

    with bookings.changing() as session:
        bookings.resync(session, session.get_one(Booking, booking.id), "manager:1")
    pressed = [state.progress for state in steps(house, booking)]
    house.stage.work()
    sent = [state.step for state in steps(house, booking) if state.progress is Progress.DONE]
    house.stage.run_for(seconds=30)
    ended = steps(house, booking)
    house.stage.run_for(minutes=10)

    assert pressed == [Progress.NOW, Progress.LATER, Progress.LATER, Progress.LATER]
    assert sent == [Step.READ, Step.SENT, Step.ACCEPTED]
    assert [state.progress for state in ended] == [Progress.DONE] * 4
    times = [state.at for state in ended if state.at is not None]
    assert times == sorted(times)
    assert len(times) == 4
    assert steps(house, booking) == []
