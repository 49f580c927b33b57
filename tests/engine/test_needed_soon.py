"""How soon a lock is needed is the same, asked of the database or of the rows at hand."""

from datetime import timedelta

import pytest

from portal.domain import retry
from portal.extensions import db
from portal.models import Lock
from portal.services import reach
from portal.services.snapshots import load
from portal.unit_of_work import writing
from tests.support.house import House


def hurry(left: timedelta) -> str:
    """What a wait is chosen by."""
    if left <= retry.AT_THE_DOOR:
        return "at the door"
    return "near" if left <= retry.NEAR else "far"


@pytest.mark.parametrize(
    ("arrives", "is_online", "expected"),
    [
        ("2026-03-02T10:30", True, "at the door"),
        ("2026-03-02T10:30", False, "near"),
        ("2026-03-02T16:00", True, "near"),
        ("2026-03-04T16:00", True, "far"),
        ("2026-05-01T16:00", True, "far"),
    ],
)
def test_the_hurry_is_the_same_whichever_is_asked(
    house: House, arrives: str, is_online: bool, expected: str
) -> None:
    house.stage.cloud.weather.set_api(False)
    house.book(arrives=arrives, departs="2026-05-09")
    with writing() as session:
        session.get_one(Lock, house.lock.id).is_online = is_online

    lock, now = house.lock, house.stage.now
    rows = load(db.session(), lock.id, now)

    assert hurry(reach.needed_in(db.session(), lock, now)) == expected
    assert hurry(reach.needed_on(rows, now)) == expected
