"""Every problem of the catalogue, made to happen at the simulator, and its page opened."""

from collections.abc import Callable
from typing import Any, Final

import pytest
from flask import Flask

from benchmarks.stage import USER, Stage
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Account, Booking, RestorePolicy
from portal.services import bookings
from portal.unit_of_work import writing
from simulator import problems
from simulator.script import UNTIL_DELETE_ALL
from tests.support.house import House
from tests.web.pages import browser
from tests.web.troubles import SETTINGS, assert_all_is_told

SOON: Final = "2026-03-02T20:00"


def page_of(booking: Booking) -> str:
    return f"/bookings/{booking.id}"


def page_of_lock(house: House) -> str:
    return f"/locks/{house.lock.id}"


def refused(text: str, only: str = "add") -> Callable[[House], str]:
    """The lock, or Schlage, answers a write with these words."""

    def happen(house: House) -> str:
        if only == "add":
            house.door.script.push(f"failed:{text}", only=only)
            booking = house.book()
        else:
            house.book()
            house.stage.run_for(minutes=2)
            house.door.script.push(f"failed:{text}", only=only)
            booking = house.book(departs="2026-03-09")
        house.stage.run_for(seconds=20)
        return page_of(booking)

    return happen


def scripted(fault: str, **span: float) -> Callable[[House], str]:
    """The next add goes wrong so, and that long passes."""

    def happen(house: House) -> str:
        house.door.script.push(fault, only="add")
        booking = house.book()
        house.stage.run_for(**span)
        return page_of(booking)

    return happen


def no_lock(house: House) -> str:
    house.map()
    return page_of(house.book())


def split_brain(house: House) -> str:
    fault = f"failed:{problems.ALREADY_IN_USE.text}"
    house.door.script.push(fault, only="add", until=UNTIL_DELETE_ALL)
    booking = house.book()
    house.stage.run_for(hours=1)
    return page_of(booking)


def offline(house: House) -> str:
    house.book()
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_connected(house.door, False)
    house.stage.run_for(minutes=2)
    return page_of_lock(house)


def weak_batteries(house: House) -> str:
    with house.stage.cloud.steady():
        house.stage.cloud.people.set_battery(house.door, 5)
    house.stage.run_for(minutes=2)
    return page_of_lock(house)


def wrong_length(house: House) -> str:
    booking = house.book(pin="2849")
    give(booking, "284916")
    house.stage.run_for(minutes=5)
    return page_of(booking)


def full(house: House) -> str:
    for number in range(100):
        house.stage.cloud.people.add_code(house.door, f"Owner {number}", f"{1000 + 7 * number}99")
    house.stage.run_for(minutes=2)
    return page_of_lock(house)


def clash(house: House) -> str:
    """The guest has been told a PIN, and then the owner types one that begins alike."""
    booking = house.book(arrives="2026-03-20", departs="2026-03-22", pin="284916")
    house.show_pin(booking)
    house.stage.cloud.people.add_code(house.door, "Owner", "284955")
    house.stage.run_for(days=12)
    return page_of(booking)


def signed_out(house: House) -> str:
    house.stage.cloud.sign_out(USER)
    house.book()
    house.stage.run_for(minutes=5)
    return SETTINGS


def lock_taken_down(house: House) -> str:
    house.stage.cloud.remove_lock(house.door.id)
    house.stage.run_for(days=2)
    return page_of_lock(house)


def deleted_by_phone(house: House) -> str:
    with writing() as session:
        session.get_one(Account, house.account.id).restore_policy = RestorePolicy.ASK
    booking = house.book()
    house.stage.run_for(minutes=2)
    [held] = list(house.door.lock_codes)
    house.stage.cloud.people.remove_code(house.door, held.id)
    house.stage.run_for(minutes=10)
    return page_of(booking)


def outage(house: House) -> str:
    with house.stage.cloud.steady():
        house.stage.cloud.weather.set_api(False)
    house.book(arrives=SOON)
    house.stage.run_for(minutes=30)
    return SETTINGS


def silence(house: House) -> str:
    house.stage.webhooks_arrive = False
    for number in range(6):
        house.book(f"b{number}", f"2026-03-{3 + number:02}", f"2026-03-{4 + number:02}")
    house.stage.run_for(minutes=15)
    house.stage.sweep()
    return SETTINGS


def stuck_removal(house: House) -> str:
    booking = house.book()
    house.stage.run_for(minutes=2)
    house.door.script.push("nack", only="delete", until=UNTIL_DELETE_ALL)
    house.cancel(booking)
    house.stage.run_for(minutes=2)
    return page_of(booking)


def summer_time(house: House) -> str:
    return page_of(house.book(arrives="2026-03-06", departs="2026-03-09"))


def give(booking: Booking, pin: str) -> None:
    with bookings.changing() as session:
        row = session.get_one(Booking, booking.id)
        row.pin, row.revision = Secret(pin), row.revision + 1
        bookings.door_codes.follow(session, row, urgent=True)


STORIES: Final[dict[ProblemKey, Callable[[House], str]]] = {
    ProblemKey.COMMAND_TIMEOUT: scripted("timeout_not_applied", seconds=90),
    ProblemKey.NACK: scripted("nack", seconds=20),
    ProblemKey.ALREADY_IN_USE: refused(problems.ALREADY_IN_USE.text),
    ProblemKey.CODE_ID_NOT_FOUND: refused(problems.ID_NOT_FOUND.text, only="update"),
    ProblemKey.USER_NOT_FOUND: refused(problems.USER_NOT_FOUND.text, only="update"),
    ProblemKey.SCHEDULE_NOT_VALID: refused(problems.SCHEDULE_NOT_VALID.text),
    ProblemKey.UNRECOGNIZED_JOB_STATE: no_lock,
    ProblemKey.SPLIT_BRAIN: split_brain,
    ProblemKey.OUTCOME_UNKNOWN: scripted("state:Dreaming", minutes=10, seconds=15),
    ProblemKey.LOCK_OFFLINE: offline,
    ProblemKey.LOW_BATTERY: weak_batteries,
    ProblemKey.WRONG_LENGTH: wrong_length,
    ProblemKey.LOCK_FULL: full,
    ProblemKey.PIN_CLASH: clash,
    ProblemKey.SIGNED_OUT: signed_out,
    ProblemKey.NO_PERMISSION: refused(problems.READ_ONLY.text),
    ProblemKey.LOCK_MISSING: lock_taken_down,
    ProblemKey.CHANGED_OUTSIDE: deleted_by_phone,
    ProblemKey.SCHLAGE_OUTAGE: outage,
    ProblemKey.RATE_LIMITED: scripted("throttled:240", seconds=5),
    ProblemKey.WEBHOOKS_OFF: silence,
    ProblemKey.REMOVAL_UNCONFIRMED: stuck_removal,
    ProblemKey.CLOCK_CHANGE: summer_time,
    ProblemKey.UNKNOWN: refused("General failure during the operation"),
}

# Houses that are not the usual one: a single lock with codes of any length.
HOUSES: Final[dict[ProblemKey, dict[str, Any]]] = {
    ProblemKey.WRONG_LENGTH: {"vlac": False, "code_length": 4},
    ProblemKey.SCHLAGE_OUTAGE: {"locks": 5},
}


def test_every_problem_has_its_story() -> None:
    assert set(STORIES) == set(ProblemKey)


@pytest.mark.parametrize("key", list(ProblemKey))
def test_the_problem_comes_about_and_its_page_tells_all_of_it(
    app: Flask, stage: Stage, key: ProblemKey
) -> None:
    house = House(stage, **HOUSES.get(key, {}))

    path = STORIES[key](house)

    db.session.rollback()
    assert_all_is_told(browser(app, house.account), path, key)


def test_what_a_person_is_to_delete_in_the_app_is_called_there_as_here(
    app: Flask, stage: Stage
) -> None:
    house = House(stage)
    of_booking = stuck_removal(house)

    db.session.rollback()
    client = browser(app, house.account)

    [name] = house.held()
    assert name in client.get(of_booking).text
    assert name in client.get(page_of_lock(house)).text
