"""Bookings for the process tests: each at a property of its own, behind a lock of its own."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from portal.domain.pin import choose
from tests.process.running import LOCKS, Running, eventually
from tests.web.pages import Element, element, elements

ZONE: Final = "America/New_York"
_locks: Final = itertools.count(1)
_guests: Final = itertools.count(1)


@dataclass
class Door:
    """A property and, if any, the lock that opens it."""

    running: Running
    property_id: int
    property_name: str
    lock: str
    lock_id: int

    def put(self, guest: str, **changes: Any) -> "Stay":
        """The booking as a program puts it; a stay of three nights from tomorrow.

        `pin=None` leaves the choice of the digits to the portal.
        """
        tomorrow = datetime.now(ZoneInfo(ZONE)).date() + timedelta(days=1)
        body = {
            "property_id": self.property_id,
            "guest_name": guest,
            "arrives": f"{tomorrow}T16:00",
            "departs": f"{tomorrow + timedelta(days=3)}T11:00",
            "pin": a_pin(self.running),
            **changes,
        }
        body = {name: value for name, value in body.items() if value is not None}
        external_id = f"stay-{next(_guests)}"
        answer = self.running.api.send("PUT", f"/bookings/api/{external_id}", body)
        return Stay(self, answer["id"], external_id, body)

    def codes(self) -> list[dict[str, Any]]:
        """What the lock itself holds."""
        held: list[dict[str, Any]] = self.running.owner.lock(self.lock)["lock_codes"]
        return held

    def listed(self) -> list[dict[str, Any]]:
        """What Schlage's servers list for the lock."""
        codes: list[dict[str, Any]] = self.running.owner.lock(self.lock)["server_codes"]
        return codes

    def commands(self) -> list[dict[str, Any]]:
        return self.running.owner.commands(self.lock)

    def script(self, faults: str, only: str | None = None) -> None:
        self.running.owner.script(self.lock, faults, only)

    def opens(self, pin: str, at: datetime | None = None) -> bool:
        """Whether these digits open the door, by default at noon of the stay's first full day."""
        noon = datetime.now(UTC) + timedelta(days=2)
        asked = self.running.owner.post(
            f"/locks/{self.lock}/keypad", pin=pin, at=(at or noon).isoformat()
        )
        opened: bool = asked["opens"]
        return opened


@dataclass
class Stay:
    """A booking of the API, as every surface shows it."""

    door: Door
    id: int
    external_id: str
    body: dict[str, Any]

    @property
    def pin(self) -> str:
        pin: str = self.body["pin"]
        return pin

    @property
    def path(self) -> str:
        return f"/bookings/{self.id}"

    def put(self, **changes: Any) -> None:
        self.body.update(changes)
        self.door.running.api.send("PUT", f"/bookings/api/{self.external_id}", self.body)

    def told(self) -> dict[str, Any]:
        """The booking as the API shows it."""
        body: dict[str, Any] = self.door.running.api.get(self.path)
        return body

    def code(self) -> dict[str, Any]:
        """Its one door code, as the API shows it."""
        (code,) = self.told()["door_codes"]
        assert isinstance(code, dict)
        return code

    def status(self) -> str:
        return str(self.code()["status"])

    def wait_for(self, status: str, seconds: float = 30) -> dict[str, Any]:
        return eventually(
            self.code, lambda code: code["status"] == status, seconds, f"{self.path} is {status}"
        )

    def timeline(self, kind: str = "") -> list[dict[str, Any]]:
        items = self.door.running.api.get(f"{self.path}/timeline")["items"]
        return [item for item in items if not kind or item["kind"] == kind]

    def closed_by(self) -> list[str]:
        """Who brought the outcome of each of its commands."""
        return [item["data"]["by"] for item in self.timeline("command_closed")]

    def page(self) -> str:
        return self.door.running.manager.page(self.path)

    def row(self) -> Element:
        """Its row on the arrivals page."""
        html = self.door.running.manager.row(str(self.body["guest_name"]))
        return element(html, id=f"booking-{self.id}")

    def chip(self) -> Element:
        """Its one door in its row on the arrivals page."""
        html = self.door.running.manager.row(str(self.body["guest_name"]))
        (code,) = self.told()["door_codes"]
        return element(html, data_door_code=str(code["id"]))

    def card(self) -> Element:
        """Its one door on its own page."""
        (code,) = self.told()["door_codes"]
        return element(self.page(), data_door_code=str(code["id"]))

    def links(self) -> set[str]:
        return {str(link["href"]) for link in elements(self.page()) if link.tag == "a"}


def a_door(running: Running, *, is_mapped: bool = True) -> Door:
    """A property that nobody has booked yet, with a lock that nobody has written to."""
    number = next(_locks)
    assert number <= LOCKS, "more locks are needed: running.LOCKS"
    lock = f"Door {number:02}"
    name = f"House {number:02}"
    lock_id = next(
        item["id"] for item in running.api.get("/locks")["items"] if item["name"] == lock
    )
    place = running.api.send(
        "POST",
        "/properties",
        # What the lock holds is counted here, so it keeps no spares.
        {
            "name": name,
            "time_zone": ZONE,
            "check_in": "16:00",
            "check_out": "11:00",
            "spare_codes": 0,
        },
    )
    if is_mapped:
        running.api.send("PUT", f"/properties/{place['id']}/locks", {"lock_ids": [lock_id]})
    return Door(running, place["id"], name, lock, lock_id)


def a_pin(running: Running) -> str:
    """Eight digits that stand nowhere else, and that must stand nowhere in the clear."""
    pin = choose(8, running.secrets)
    running.secrets.add(pin)
    return pin
