"""The design that MISSION.md describes, over the same cloud: the yardstick of the world.

A code is sent once, at its lead time; a webhook completes or fails it; a look-up sweeps what is
older than five minutes; what failed waits for a person who presses Resync. It is given what costs
nothing: a window in the lock, a table in a database (so that no wish is lost with Redis), names
and PINs that clash with nothing it knows.
"""

import heapq
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final

import requests

from benchmarks.history import Sink
from benchmarks.world_person import Person
from benchmarks.world_plan import (
    BUFFER,
    CHECK_IN,
    CHECK_OUT,
    LEAD,
    Dates,
    Plan,
    PlannedBooking,
    Turn,
    instant,
)
from benchmarks.world_weather import Outage, faults_of, set_api
from benchmarks.world_wire import CALM_AFTER, KILLS, STORM_AFTER, Ground, Killed, Wire
from simulator.clock import VirtualClock
from simulator.cloud import Cloud

API: Final = "http://schlage.test"
USER: Final = "owner"
SWEEP_AFTER: Final = timedelta(minutes=5)
_KEY: Final = "a subscription key of this world"
# Texts after which the vendor's help says: Delete All, and set all codes again.
_SPLIT: Final = ("already in use", "not found on device", "not found in the device")
_PRESSES_BEFORE_DELETE_ALL: Final = 2


@dataclass
class Door:
    """One booking on one lock: the row that the sync service keeps."""

    booking: "Stay"
    lock: str
    name: str
    code_id: str | None = None
    command_id: str | None = None
    sent_at: datetime | None = None
    kind: str = ""
    status: str = "planned"
    error: str = ""
    presses: int = 0
    sent_for: tuple[datetime, datetime] | None = None


@dataclass
class Stay:
    """One booking as the baseline keeps it."""

    number: int
    guest: str
    locks: tuple[str, ...]
    zone: str
    pin: str
    arrives: datetime
    departs: datetime
    is_cancelled: bool = False
    doors: list[Door] = field(default_factory=list)

    @property
    def window(self) -> tuple[datetime, datetime]:
        return self.arrives - BUFFER, self.departs + BUFFER


class Baseline:
    """Send once, believe the webhook, sweep after five minutes, wait for a person."""

    def __init__(self, planned: Plan, history: Sink) -> None:
        self._plan = planned
        self._history = history
        self._random = Random(f"{planned.seed}/baseline")
        self._cloud = Cloud(
            VirtualClock(planned.start),
            deliver=self._deliver,
            faults="clean",
            seed=zlib.crc32(planned.seed.encode()),
            token_seconds=10 * 366 * 24 * 3600,
        )
        self._ground = Ground(self._cloud, history)
        self._wire = Wire(self._cloud, self._ground, history, planned.seed)
        self._http = requests.Session()
        self._http.mount(API, self._wire)
        self._person = Person(self._cloud, history, self._at, planned.seed)
        self._person.hands = self
        self._stays: dict[int, Stay] = {}
        self._doors: dict[tuple[str, str], Door] = {}
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        self._locks: list[str] = []
        self._token = ""

    @property
    def now(self) -> datetime:
        return self._cloud.clock.now()

    def live(self, faults: str, outages: list[Outage]) -> None:
        """The whole plan, under these faults, and two calm days after it."""
        self._cloud.add_user(USER)
        self._token = self._cloud.issue_token(USER, "baseline").access_token
        self._locks = [
            self._cloud.add_lock(USER, lock.name, lock.id, zone=lock.zone, vlac=lock.vlac).id
            for lock in self._plan.locks
        ]
        self._call("POST", "/Events/subscriptions", {"url": "http://localhost/webhooks/schlage"})
        storm_at = self._plan.start + STORM_AFTER
        self._at(storm_at, partial(self._cloud.set_faults, faults_of(faults)))
        if faults == "harsh":
            self._at(storm_at, partial(setattr, self._wire, "kills", KILLS))
        for down, up in outages:
            self._at(down, partial(set_api, self._cloud, False))
            self._at(up, partial(set_api, self._cloud, True))
        for booking in self._plan.bookings:
            for turn in booking.turns:
                self._at(turn.at, partial(self._turn, booking, turn))
            self._at(booking.told_at, partial(self._tell, booking))
        self._at(self._plan.end, self._calm)
        end = self._plan.end + CALM_AFTER
        while True:
            times = [self._cloud.next_event_at(), self._agenda[0][0] if self._agenda else None]
            at = min((t for t in times if t is not None), default=None)
            if at is None or at > end:
                break
            self._cloud.advance_to(max(at, self.now))
            while self._agenda and self._agenda[0][0] <= self.now:
                self._do(heapq.heappop(self._agenda)[2])
        self._cloud.advance_to(end)
        self._history.write(self.now, "end")

    def _calm(self) -> None:
        self._wire.kills = 0.0
        self._cloud.set_faults("clean")

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Killed:
            return

    def _at(self, moment: datetime, happening: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (moment, self._count, happening))

    # Bookings

    def _turn(self, booking: PlannedBooking, turn: Turn) -> None:
        stay = self._stays.get(booking.number)
        if turn.dates is None:
            assert stay is not None
            stay.is_cancelled = True
            self._say(stay, "cancelled")
            for door in stay.doors:
                self._at(self.now, partial(self._remove, door))
            return
        arrives, departs = _instants(turn.dates, self._plan.places[booking.place].zone)
        if stay is None:
            stay = self._book(booking, arrives, departs)
            self._say(stay, "made")
        else:
            stay.arrives, stay.departs = arrives, departs
            self._say(stay, "changed")
        due = max(self.now, arrives - LEAD)
        for door in stay.doors:
            self._at(due, partial(self._send, door, stay.window))
            self._at(stay.window[1], partial(self._check_out, door, stay.window))

    def _book(self, booking: PlannedBooking, arrives: datetime, departs: datetime) -> Stay:
        place = self._plan.places[booking.place]
        locks = tuple(self._locks[n] for n in place.locks)
        taken = {s.pin[:4] for s in self._stays.values() if set(s.locks) & set(locks)}
        while True:
            pin = "".join(self._random.choice("0123456789") for _ in range(6))
            if pin[:4] not in taken:
                break
        stay = Stay(booking.number, booking.guest, locks, place.zone, pin, arrives, departs)
        stay.doors = [Door(stay, lock, f"Guest {booking.number}") for lock in locks]
        self._stays[booking.number] = stay
        self._ground.owner_of[f"Guest {booking.number}"] = booking.number
        for door in stay.doors:
            self._show(door, "planned")
        return stay

    def _tell(self, booking: PlannedBooking) -> None:
        stay = self._stays[booking.number]
        if not stay.is_cancelled:
            self._history.write(self.now, "told", booking=stay.number, pin=stay.pin)

    def _say(self, stay: Stay, event: str) -> None:
        self._history.write(
            self.now,
            "booking",
            event=event,
            booking=stay.number,
            locks=stay.locks,
            arrives=stay.arrives,
            departs=stay.departs,
            starts=stay.window[0],
            ends=stay.window[1],
            due=max(self.now, stay.arrives - LEAD),
            pin=stay.pin,
        )

    # Commands

    def _send(self, door: Door, window: tuple[datetime, datetime], *, again: bool = False) -> None:
        """Set / Update Access Code: once for each state of the booking."""
        stay = door.booking
        if stay.is_cancelled or stay.window != window or self.now >= window[1]:
            return
        if door.sent_for == window and not again:
            return
        door.sent_for = window
        body = {
            "name": door.name,
            "accessCode": stay.pin,
            "schedule": {
                "scheduleType": "Temporary",
                "scheduleDetails": {
                    "startDateTime": window[0].isoformat(),
                    "endDateTime": window[1].isoformat(),
                },
            },
        }
        path = f"/Devices/{door.lock}/accesscodes"
        if door.code_id:
            self._command(door, "update", "PUT", f"{path}/{door.code_id}", body)
        else:
            self._command(door, "add", "POST", path, body)

    def _check_out(self, door: Door, window: tuple[datetime, datetime]) -> None:
        if door.booking.window == window and not door.booking.is_cancelled:
            self._remove(door)

    def _remove(self, door: Door) -> None:
        """One delete at check-out, by the id that the add told."""
        if door.sent_for is None:
            self._show(door, "removed")
        elif door.code_id:
            path = f"/Devices/{door.lock}/accesscodes/{door.code_id}"
            self._command(door, "delete", "DELETE", path, None)
        else:
            self._show(door, "failed", "no access code id")

    def _command(self, door: Door, kind: str, method: str, path: str, body: Any) -> None:
        door.kind, door.command_id, door.sent_at = kind, None, self.now
        self._show(door, "sent")
        # Whoever died on the way left a pending row: the sweep finds it like any other.
        self._at(self.now + SWEEP_AFTER, partial(self._sweep, door, self.now))
        status, answer = self._call(method, path, body)
        if status == 202:
            door.command_id = answer.get("commandId")
            if door.command_id:
                self._doors[door.lock, door.command_id] = door
        else:
            self._fail(door, json.dumps(answer))

    def _sweep(self, door: Door, sent_at: datetime) -> None:
        """Pending for five minutes: looked up, and completed or failed as applicable."""
        if door.status != "sent" or door.sent_at != sent_at:
            return
        if door.command_id is None:
            self._fail(door, "no command id")
            return
        self._look_up(door)
        if door.status == "sent":
            self._at(self.now + SWEEP_AFTER, partial(self._sweep, door, sent_at))

    def _look_up(self, door: Door) -> None:
        status, answer = self._call("GET", f"/Devices/{door.lock}/commands/{door.command_id}")
        if status != 200:
            return
        state = str(answer.get("state") or "")
        if state == "Successful":
            self._complete(door, answer)
        elif state != "Pending":
            self._fail(door, json.dumps((answer.get("data") or {}).get("error") or state))

    def _deliver(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if method != "OPTIONS":
            self._do(partial(self._webhook, json.loads(body)))
        return 204

    def _webhook(self, event: dict[str, Any]) -> None:
        data = event["data"]
        door = self._doors.get((event["deviceId"] or "", data.get("commandId", "")))
        if door is None or door.command_id != data["commandId"] or door.status != "sent":
            return
        if event["trigger"] == "CommandSucceeded":
            status, answer = self._call("GET", f"/Devices/{door.lock}/commands/{door.command_id}")
            self._complete(door, answer if status == 200 else {})
        else:
            self._fail(door, json.dumps(data.get("error") or event["trigger"]))

    def _complete(self, door: Door, answer: Mapping[str, Any]) -> None:
        door.presses = 0
        if door.kind == "delete":
            door.code_id = None
            self._show(door, "removed")
            return
        self._keep_id(door, answer)
        self._show(door, "confirmed")
        if door.code_id is None:
            self._at(self.now + SWEEP_AFTER, partial(self._ask_id, door, door.command_id))

    def _ask_id(self, door: Door, command_id: str | None) -> None:
        """A look-up right after the webhook may not show the outcome yet, nor the code's id."""
        if door.code_id is None and door.command_id == command_id:
            status, answer = self._call("GET", f"/Devices/{door.lock}/commands/{command_id}")
            if status == 200:
                self._keep_id(door, answer)

    @staticmethod
    def _keep_id(door: Door, answer: Mapping[str, Any]) -> None:
        data = answer.get("data") or {}
        door.code_id = data.get("accessCodeId") or door.code_id

    def _fail(self, door: Door, error: str) -> None:
        door.error = error
        is_split = any(text in error for text in _SPLIT)
        if is_split and door.presses >= _PRESSES_BEFORE_DELETE_ALL:
            self._show(door, "failed", "split_brain")
            self._person.asked_to_delete_all(door.lock)
        else:
            self._show(door, "failed", error)
            self._person.asked_to_help(door.booking.number, "failed")

    def _show(self, door: Door, status: str, error: str = "") -> None:
        door.status = status
        self._history.write(
            self.now,
            "shown",
            booking=door.booking.number,
            lock=door.lock,
            status=status,
            problem=error[:80] or None,
        )

    def _call(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        response = self._http.request(
            method,
            f"{API}/schlage-home{path}",
            json=body,
            headers={"Authorization": f"Bearer {self._token}", "alle-subscription-key": _KEY},
        )
        answer = response.json() if response.content else {}
        return response.status_code, answer if isinstance(answer, dict) else {}

    # What the person does

    def needs_delete_all(self, lock: str) -> bool:
        return any(
            door.lock == lock and door.status == "failed" and any(t in door.error for t in _SPLIT)
            for stay in self._stays.values()
            for door in stay.doors
        )

    def needs_resync(self, booking: int) -> bool:
        return any(door.status == "failed" for door in self._stays[booking].doors)

    def resync(self, booking: int) -> None:
        """The failed command of each door once more."""
        stay = self._stays[booking]
        for door in stay.doors:
            if door.status != "failed":
                continue
            door.presses += 1
            if stay.is_cancelled or self.now >= stay.window[1]:
                self._do(partial(self._remove, door))
            else:
                self._do(partial(self._send, door, stay.window, again=True))

    def begin_rebuild(self, lock: str) -> datetime | None:
        """Nothing has to be done before Delete All."""
        return None

    def end_rebuild(self, lock: str) -> int:
        """Every booking with a code there is set again, one click each."""
        clicks = 0
        for stay in self._stays.values():
            for door in stay.doors:
                if door.lock != lock or door.sent_for is None:
                    continue
                door.code_id = None
                if stay.is_cancelled or self.now >= stay.window[1]:
                    if door.status != "removed":
                        self._show(door, "removed")
                    continue
                clicks += 1
                self._do(partial(self._send, door, stay.window, again=True))
        return clicks


def _instants(dates: Dates, zone: str) -> tuple[datetime, datetime]:
    return (
        instant(dates.arrives_on, dates.arrives_time or CHECK_IN, zone),
        instant(dates.departs_on, dates.departs_time or CHECK_OUT, zone),
    )


def run(planned: Plan, history: Sink, faults: str, outages: list[Outage]) -> None:
    """The plan's world under the baseline, with all that became so in the history."""
    Baseline(planned, history).live(faults, outages)
