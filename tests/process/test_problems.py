"""The vendor's six errors, made to happen: on the row, on the booking's page and in the API.

The clock stands still meanwhile, so that nothing is tried again before everybody has looked.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import pytest

from tests.process.people import SETTINGS
from tests.process.running import Running, eventually
from tests.process.stays import Stay, a_door
from tests.runtime.processes import needs_proc
from tests.web.pages import element, words

pytestmark = [pytest.mark.process, needs_proc]

CONTACT: Final = "https://www.schlage.com/en/home/contact-us.html"
REQUESTS: Final = "https://developersupport.allegion.com/hc/en-us/requests"
REACH: Final = ("access point", "repeater", "router", "batteries", "support ticket")
SET_AGAIN: Final = ("Set all codes of this lock again", "Delete All", "Schlage Home app")

SAID: Final = {
    "already_in_use": "Access code/code name are already in use",
    "code_id_not_found": "Access code ID not found on device",
    "user_not_found": "User not found in the device",
    "schedule_not_valid": "Schedule parameters are not valid",
    "command_timeout": "The command timed out.",
    "nack": "Nack",
}
STEPS: Final = {
    "already_in_use": SET_AGAIN,
    "code_id_not_found": SET_AGAIN,
    "user_not_found": (*SET_AGAIN, "factory"),
    "schedule_not_valid": ("dates", "Resync"),
    "command_timeout": REACH,
    "nack": REACH,
}
OUTSIDE: Final = {
    "already_in_use": set(),
    "code_id_not_found": set(),
    "user_not_found": {f"{REQUESTS}/52258"},
    "schedule_not_valid": {f"{REQUESTS}/25566"},
    "command_timeout": {CONTACT},
    "nack": {CONTACT},
}


@pytest.fixture(scope="module")
def ill(running: Running) -> Iterator[dict[str, Stay]]:
    """A booking for each problem, which has it, while the clock stands still."""
    stays = {key: Stay(a_door(running), 0, "", {}) for key in SAID}
    lost = ("code_id_not_found", "user_not_found")
    for key in lost:
        stays[key] = stays[key].door.put(f"Ill {key}", pin=None)
    for key in lost:
        stays[key].wait_for("confirmed")
    running.pause("clock")
    try:
        _make_ill(running, stays)
        for key, stay in stays.items():
            eventually(
                lambda stay=stay: stay.code()["problem"],
                lambda found, key=key: found == key,
                what=f"{key} is shown",
            )
        yield stays
    finally:
        running.resume("clock")


def _make_ill(running: Running, stays: dict[str, Stay]) -> None:
    for key, faults in (
        ("already_in_use", f"failed:{SAID['already_in_use']}"),
        ("schedule_not_valid", f"failed:{SAID['schedule_not_valid']}"),
        ("command_timeout", "timeout_not_applied"),
        ("nack", "nack"),
    ):
        stays[key].door.script(faults, only="add")
        stays[key] = stays[key].door.put(f"Ill {key}")
    # The lock has lost an entry that Schlage's list still has, and is now told to change it.
    lock = stays["user_not_found"].door.lock
    running.owner.post("/faults", lock=lock, user_not_found=1)
    for key in ("code_id_not_found", "user_not_found"):
        stays[key].door.script("split_brain_b", only="update")
        departs = datetime.fromisoformat(stays[key].body["departs"]) + timedelta(days=1)
        stays[key].put(departs=departs.isoformat(timespec="minutes"))


@pytest.mark.parametrize("key", SAID)
def test_the_row_names_it(ill: dict[str, Stay], key: str) -> None:
    chip = ill[key].chip()

    assert chip["data-problem"] == key
    assert chip["data-status"] != "confirmed"
    assert ill[key].row()["data-verdict"] != "ready"


@pytest.mark.parametrize("key", SAID)
def test_the_page_says_why_what_runs_and_what_to_do(ill: dict[str, Stay], key: str) -> None:
    page = ill[key].page()
    trouble = words(element(page, data_trouble=key).text)

    assert ill[key].card()["data-problem"] == key
    assert SAID[key] in trouble
    assert [step for step in STEPS[key] if step not in trouble] == []
    assert "By itself" in trouble
    assert ill[key].links() >= OUTSIDE[key]


@pytest.mark.parametrize("key", SAID)
def test_the_api_names_it_with_its_steps_and_links(ill: dict[str, Stay], key: str) -> None:
    code = ill[key].code()
    steps = " ".join(code["problem_help"]["steps"])
    links = {link["url"] for link in code["problem_help"]["links"]}

    assert code["problem"] == key
    assert SAID[key] in code["problem_text"]
    assert [step for step in STEPS[key] if step not in steps] == []
    assert links >= OUTSIDE[key]
    assert code["problem_help"]["cause"]
    assert ill[key].told()["problem"] in {key, None}


def test_unrecognized_job_state_leads_to_the_connection_and_to_the_mapping(
    running: Running,
) -> None:
    stay = a_door(running, is_mapped=False).put("Lockless")
    here = f"{SETTINGS}#mapping-{stay.door.property_id}"

    told = stay.told()
    row = stay.row()
    trouble = words(element(stay.page(), data_trouble="unrecognized_job_state").text)

    assert (told["verdict"], told["problem"]) == ("not_ready", "unrecognized_job_state")
    assert {link["url"] for link in told["problem_help"]["links"]} >= {
        running.address + SETTINGS,
        running.address + here,
    }
    assert row["data-verdict"] == "not_ready"
    assert "not associated to a lock" in words(row.text)
    assert "not associated to a lock" in trouble
    assert "Settings > Door Locks > Schlage" in trouble
    assert stay.links() >= {SETTINGS, here, f"{SETTINGS}#connections"}
    settings = running.manager.page(SETTINGS)
    assert element(settings, data_property=str(stay.door.property_id))["id"] == here.split("#")[1]


def test_each_of_them_heals_by_itself(running: Running, ill: dict[str, Stay]) -> None:
    running.resume("clock")

    for stay in ill.values():
        stay.wait_for("confirmed", 60)
        told = stay.told()
        pin = running.api.get(f"{stay.path}?reveal=pin")["pin"]
        assert (told["verdict"], told["problem"]) == ("ready", None)
        assert stay.code()["problem"] is None
        assert stay.door.opens(pin)
