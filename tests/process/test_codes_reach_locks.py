"""From a booking to its lock and back, on real processes, however Schlage's answers travel."""

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.process.people import Manager
from tests.process.running import Running, eventually
from tests.process.stays import ZONE, Stay, a_door
from tests.runtime.processes import needs_proc
from tests.web.pages import element

pytestmark = [pytest.mark.process, needs_proc]


def a_feed(uid: str) -> bytes:
    """A calendar in Airbnb's shape with one stay from tomorrow."""
    tomorrow = datetime.now(ZoneInfo(ZONE)).date() + timedelta(days=1)
    lines = (
        "BEGIN:VCALENDAR",
        "PRODID:-//Airbnb Inc//Hosting Calendar 1.0//EN",
        "CALSCALE:GREGORIAN",
        "VERSION:2.0",
        "BEGIN:VEVENT",
        f"DTSTAMP:{tomorrow:%Y%m%d}T041500Z",
        f"DTSTART;VALUE=DATE:{tomorrow:%Y%m%d}",
        f"DTEND;VALUE=DATE:{tomorrow + timedelta(days=3):%Y%m%d}",
        "SUMMARY:Reserved",
        f"UID:{uid}@airbnb.com",
        "DESCRIPTION:Reservation URL: https://www.airbnb.com/hosting/reservations/details/",
        " HMK2QF7XRB\\nPhone Number (Last 4 Digits): 4403",
        "END:VEVENT",
        "END:VCALENDAR",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def the_booking_at(running: Running, property_id: int) -> int:
    items = running.api.get("/bookings?arriving_within_hours=72")["items"]
    (found,) = [item["id"] for item in items if item["property_id"] == property_id]
    assert isinstance(found, int)
    return found


def test_a_feed_comes_in_and_its_code_turns_green_by_webhook(running: Running) -> None:
    door = a_door(running)

    done = running.manager.submit(
        "/imports/file",
        "/imports/file",
        files={"file": ("calendar.ics", a_feed("one"), "text/calendar")},
        property_id=door.property_id,
        source="airbnb",
    )
    stay = Stay(door, the_booking_at(running, door.property_id), "", {"guest_name": "Reserved"})
    code = stay.wait_for("confirmed")
    pin = running.api.get(f"{stay.path}?reveal=pin")["pin"]

    assert done.status_code == 303
    assert stay.closed_by() == ["webhook"]
    assert code["confirmed_at"] is not None
    assert stay.told()["verdict"] == "ready"
    assert door.opens(pin)
    assert not door.opens(pin, datetime.now(UTC) + timedelta(days=9))
    page = element(running.manager.page("/"), data_door_code=str(code["id"]))
    assert (page["data-status"], page["data-problem"]) == ("confirmed", "")
    assert element(running.manager.page("/"), id=f"booking-{stay.id}")["data-verdict"] == "ready"


def test_with_webhooks_off_the_sweep_turns_it_green(running: Running) -> None:
    door = a_door(running)
    running.owner.post("/webhooks", on=False)
    try:
        stay = door.put("Sweeper")
        stay.wait_for("confirmed")
    finally:
        running.owner.post("/webhooks", on=True)

    assert stay.closed_by() == ["look_up"]
    assert door.opens(stay.pin)


def test_a_webhook_before_the_202_ends_in_the_same_state(running: Running) -> None:
    door = a_door(running)
    door.script("webhook_before_202", only="add")

    stay = door.put("Early")
    stay.wait_for("confirmed")

    assert_one_code_by_one_command(stay)


def test_a_webhook_that_comes_twice_ends_in_the_same_state(running: Running) -> None:
    door = a_door(running)
    stay = door.put("Twice")
    before = stay.wait_for("confirmed")
    (command,) = door.commands()
    (sent,) = running.owner.webhooks_of(command["command_id"])

    running.owner.post(f"/webhooks/{sent['event_id']}/replay")
    eventually(
        lambda: [one["status"] for one in running.owner.webhooks_of(command["command_id"])],
        lambda statuses: statuses == [204, 204],
        what="both are answered",
    )
    running.wait_for_sweeps()

    assert stay.code() == before
    assert_one_code_by_one_command(stay)


def test_a_webhook_a_day_late_ends_in_the_same_state(running: Running) -> None:
    door = a_door(running)
    running.owner.post("/webhooks", withhold=True)
    stay = door.put("Late")
    before = stay.wait_for("confirmed")
    (command,) = door.commands()

    running.owner.post("/clock", advance_seconds=86_400)
    running.owner.post("/webhooks/release")
    eventually(
        lambda: [one["status"] for one in running.owner.webhooks_of(command["command_id"])],
        lambda statuses: statuses == [204],
        what="it is answered",
    )
    running.wait_for_sweeps()

    assert stay.code() == before
    assert stay.closed_by() == ["look_up"]
    assert_one_code_by_one_command(stay)


def test_an_entry_that_only_the_server_lists_is_never_green(running: Running) -> None:
    door = a_door(running)
    door.script("timeout_listed_only", only="add")
    stay = door.put("Phantom", pin=None)
    was_listed_only = False

    def look() -> str:
        nonlocal was_listed_only
        status = stay.status()
        held, listed = door.codes(), door.listed()
        was_listed_only |= bool(listed) and not held
        if status == "confirmed" and not held:
            pytest.fail("green, and the lock does not hold it")
        return status

    eventually(look, lambda status: status == "confirmed", 60)

    assert was_listed_only
    pin = running.api.get(f"{stay.path}?reveal=pin")["pin"]
    assert door.opens(pin)
    assert len(door.codes()) == 1


def test_a_cancelled_bookings_code_is_shown_removed_only_once_it_is_off(running: Running) -> None:
    door = a_door(running)
    stay = door.put("Canceller")
    stay.wait_for("confirmed")
    door.script("timeout_not_applied", only="delete")

    form = f"{stay.path}/cancel"
    done = running.manager.submit(form, form)
    seen = set()

    def look() -> str:
        status = stay.status()
        seen.add(status)
        if status == "removed" and door.codes():
            pytest.fail("shown removed, and the lock holds it")
        return status

    eventually(look, lambda status: status == "removed", 60)

    assert done.status_code == 303
    assert seen == {"removing", "removed"}
    assert door.codes() == []
    assert not door.opens(stay.pin)
    assert stay.card()["data-status"] == "removed"
    assert "problem" in {name for item in stay.timeline("command_closed") for name in item["data"]}


def test_a_shortened_stay_keeps_its_pin_and_its_one_entry(running: Running) -> None:
    door = a_door(running)
    stay = door.put("Shortener")
    stay.wait_for("confirmed")
    (before,) = door.codes()
    departs = stay.body["arrives"][:10]
    last_day = datetime.fromisoformat(departs).replace(tzinfo=ZoneInfo(ZONE)) + timedelta(days=1)

    form = f"{stay.path}/dates"
    done = running.manager.submit(
        form,
        form,
        arrives_on=departs,
        arrives_time="16:00",
        departs_on=f"{last_day:%Y-%m-%d}",
        departs_time="11:00",
    )
    eventually(lambda: (stay.status(), len(door.commands())), lambda told: told == ("confirmed", 2))

    assert done.status_code == 303
    (after,) = door.codes()
    assert (after["id"], after["name"], after["pin"]) == (before["id"], before["name"], stay.pin)
    assert [command["kind"] for command in door.commands()] == ["add", "update"]
    assert door.opens(stay.pin, last_day.replace(hour=10))
    assert not door.opens(stay.pin, last_day.replace(hour=14))


def test_ten_presses_of_resync_are_one_command(running: Running) -> None:
    door = a_door(running)
    stay = door.put("Presser")
    stay.wait_for("confirmed")
    before = len(door.commands())
    answers: list[int] = []

    def press_on_the_page() -> None:
        manager = Manager(running.address)
        manager.http.cookies.update(running.manager.http.cookies)
        done = manager.submit(stay.path, f"{stay.path}/resync")
        answers.append(done.status_code)

    def press_by_program() -> None:
        answers.append(running.api.ask("POST", f"{stay.path}/resync").status_code)

    presses = [press_on_the_page, press_by_program] * 5
    threads = [threading.Thread(target=press) for press in presses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(door.commands()) - before, bool, what="a command of the resync")
    stay.wait_for("confirmed")
    running.wait_for_sweeps()

    assert sorted(answers) == [202] * 5 + [303] * 5
    assert [command["kind"] for command in door.commands()[before:]] == ["update"]
    assert len(stay.timeline("resync_pressed")) == 1
    assert len(door.codes()) == 1


def test_a_mapping_that_is_set_right_heals_its_booking(running: Running) -> None:
    door = a_door(running, is_mapped=False)
    stay = door.put("Unmapped", pin="73918264")
    ill = stay.told()
    row = stay.row()
    settings = next(link for link in stay.links() if link.endswith(f"#mapping-{door.property_id}"))

    form = element(running.manager.page(settings), id=f"mapping-{door.property_id}")
    done = running.manager.submit(
        settings.partition("#")[0],
        f"/settings/door-locks/schlage/mapping/{door.property_id}",
        lock=door.lock_id,
    )
    stay.wait_for("confirmed")

    assert (ill["verdict"], ill["problem"]) == ("not_ready", "unrecognized_job_state")
    assert row["data-verdict"] == "not_ready"
    assert form["data-property"] == str(door.property_id)
    assert done.status_code == 303
    healed = stay.told()
    assert (healed["verdict"], healed["problem"]) == ("ready", None)
    assert door.opens(stay.pin)


def assert_one_code_by_one_command(stay: Stay) -> None:
    """The state that every order of messages must end in."""
    assert [command["kind"] for command in stay.door.commands()] == ["add"]
    assert len(stay.door.codes()) == len(stay.door.listed()) == 1
    assert len(stay.closed_by()) == 1
    assert stay.told()["verdict"] == "ready"
    assert stay.code()["problem"] is None
    assert stay.door.opens(stay.pin)
    assert stay.card()["data-status"] == "confirmed"
