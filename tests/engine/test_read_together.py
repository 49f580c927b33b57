"""What falls due to be read of a lock is read in one go, each part from its own moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.engine.promises import Watch
from tests.support.house import House

LIST, STATE, COMMIT = "list", "state", "commit"
OF_STATE = timedelta(seconds=25)


@pytest.fixture
def arrives(house: House, watch: Watch) -> datetime:
    """A guest with a confirmed code comes at that time; two hours before it all is asked anew."""
    booking = house.book(arrives="2026-03-04T16:00")
    house.stage.run_for(hours=1)
    at = house.booking(booking.id).starts_at
    house.stage.run_until(at - timedelta(hours=2, minutes=1))
    return at


@contextmanager
def heard(house: House, *, slow_state: bool = False) -> Iterator[list[str]]:
    """What is asked of Schlage about the lock, and every commit, in their order."""
    said: list[str] = []
    answer = house.stage.adapter.send

    def send(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        part = {"accesscodes": LIST, house.door.id: STATE}.get(request.path_url.split("/")[-1])
        said.append(part or request.path_url)
        if part == STATE and slow_state:
            house.stage.clock.skip(OF_STATE.total_seconds())
        return answer(request, **options)

    def commit(_session: object) -> None:
        said.append(COMMIT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.stage.adapter, "send", send)
        event.listen(Session, "after_commit", commit)
        try:
            yield said
        finally:
            event.remove(Session, "after_commit", commit)


def test_the_list_and_the_state_that_are_due_together_are_asked_for_in_one_step(
    house: House, arrives: datetime
) -> None:
    with heard(house) as said:
        house.stage.run_for(minutes=2)

    assert said[said.index(LIST) :][:3] == [LIST, STATE, COMMIT]


def test_after_a_part_that_is_not_answered_no_other_is_asked_for(
    house: House, arrives: datetime
) -> None:
    house.stage.cloud.weather.set_api(False)

    with heard(house) as said:
        house.stage.run_for(minutes=2)

    assert LIST in said
    assert STATE not in said


def test_a_list_is_as_old_as_its_answer_however_long_the_next_part_takes(
    house: House, arrives: datetime
) -> None:
    with heard(house, slow_state=True):
        house.stage.run_for(minutes=2)

    lock = house.lock
    assert lock.read_at is not None
    assert lock.seen_at is not None
    assert lock.seen_at - lock.read_at == OF_STATE
