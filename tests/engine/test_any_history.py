"""Any history of bookings, faults, outages and crashes: no promise breaks, and all ends right.

Hypothesis makes the histories. After every job the promises are checked (see `promises`), and at
the end, once everything has been left in peace for a while, that each lock holds what it should.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks.stage import Stage
from portal import clock
from portal.domain.intake import HOLD, MANY
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Booking, BookingStatus, DoorCode, Property
from portal.services import connections, properties, spares
from portal.services.ringing import changing
from portal.services.spares import NoSpare
from tests.engine.promises import Watch
from tests.engine.reaper import install
from tests.support import databases
from tests.support.feed import Calendar
from tests.support.house import House

NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
FAULTS = (
    "timeout_not_applied", "timeout_applied", "timeout_applied_late:300",
    "timeout_then_success:90", "timeout_listed_only", "nack", "bad_gateway_done",
    "bad_gateway_not_done", "gateway_timeout_done", "error_34_done", "webhook_lost",
    "webhook_doubled", "webhook_late:1500", "webhook_before_202", "command_forgotten",
    "command_forgotten+webhook_lost", "state:Odd", "throttled:90", "list_stale:50", "id_changes",
    "split_brain_b", "split_brain_a", "failed:Schedule parameters are not valid",
    "failed:Access code/code name are already in use", "failed:General failure",
)  # fmt: skip
MINUTES = (0.2, 1, 2, 4, 11, 31, 65, 300)
SHARE = settings(
    max_examples=40,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
# What a long run has found is kept, and lived through first by the next.
DEEP = settings(
    SHARE,
    max_examples=10_000,
    derandomize=False,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
    phases=(Phase.reuse, Phase.generate, Phase.shrink),
)


def deep() -> settings:
    """A long run, of as many histories as the environment asks for."""
    return settings(
        DEEP, max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", DEEP.max_examples))
    )


class Postbag(Stage):
    """A stage whose webhooks can be withheld, and delivered later in any order and number."""

    def __init__(self, app: Flask, start: datetime) -> None:
        self.is_withholding = False
        self.withheld: list[bytes] = []
        super().__init__(app, start)

    def deliver(self, place: int, times: int) -> None:
        """One of the withheld webhooks arrives so many times, and stays in the bag."""
        if self.withheld:
            for _ in range(times):
                super()._deliver("POST", "", {}, self.withheld[place % len(self.withheld)])
            self.work()

    def deliver_all(self) -> None:
        """The bag is emptied, newest first."""
        self.is_withholding = False
        while self.withheld:
            super()._deliver("POST", "", {}, self.withheld.pop())
        self.work()

    def _deliver(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if method == "POST" and self.is_withholding and self.webhooks_arrive:
            self.withheld.append(body)
            return 204
        return super()._deliver(method, url, headers, body)


class History(RuleBasedStateMachine):
    """One account, two doors, and everything that can happen to them."""

    make_stage: ClassVar[Callable[[ExitStack], Postbag]]
    patch: ClassVar[Any]
    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stage = type(self).make_stage(self.stack)
        self.watch = Watch(self.stage)
        self.reaper = install(self.stage, self.patch)
        self.reaper.watch_over(self.watch)
        self.house = House(self.stage, locks=2, spares=1)
        self.locks = [lock.id for lock in self.house.locks]
        self.calendar = Calendar(self.house)
        self.shown: dict[int, str] = {}
        self.count = 0
        self.changes = 0
        self.is_mapped = True

    @initialize(
        target=made,
        hours=st.integers(-20, 100),
        nights=st.integers(1, 6),
        faults=st.lists(st.sampled_from(FAULTS), max_size=2),
        minutes=st.sampled_from(MINUTES),
    )
    def begin(self, hours: int, nights: int, faults: list[str], minutes: float) -> str:
        """Every history begins with a stay whose codes are on their way, in any luck."""
        for fault in faults:
            self.house.door.script.push(fault)
        name = self.book(hours, nights)
        self.stage.run_for(minutes=minutes)
        return name

    @rule(target=made, hours=st.integers(-20, 200), nights=st.integers(1, 6))
    def book(self, hours: int, nights: int) -> str:
        self.count += 1
        name = f"b{self.count}"
        self._stay(name, self.stage.now + timedelta(hours=hours), nights)
        return name

    @rule(name=made, hours=st.integers(-20, 100), nights=st.integers(1, 8))
    def move(self, name: str, hours: int, nights: int) -> None:
        self._stay(name, self.stage.now + timedelta(hours=hours), nights)

    @rule(name=made, nights=st.integers(1, 9))
    def stay_longer_or_shorter(self, name: str, nights: int) -> None:
        self._stay(name, self._row(name).starts_at, nights)

    @rule(name=consumes(made))
    def cancel(self, name: str) -> None:
        self.changes += 1
        self.house.cancel(self._row(name))

    @rule(name=made)
    def new_pin(self, name: str) -> None:
        booking = self._row(name)
        is_standing = booking.status is BookingStatus.CONFIRMED
        if self.is_mapped and is_standing and booking.ends_at > self.stage.now:
            self.changes += 1
            self.shown.pop(booking.id, None)
            self.house.new_pin(booking)

    @rule(name=made)
    def show_pin(self, name: str) -> None:
        booking = self._row(name)
        if booking.pin is not None:
            self.shown[booking.id] = self.house.show_pin(booking)

    @rule(name=made)
    def resync(self, name: str) -> None:
        self.changes += 1
        self.house.resync(self._row(name))

    @rule(
        stays=st.lists(
            st.tuples(st.integers(1, 4), st.integers(-2, 6), st.integers(1, 4)),
            max_size=4,
            unique_by=lambda stay: stay[0],
        )
    )
    def poll(self, stays: list[tuple[int, int, int]]) -> None:
        """A calendar is read that lists any of four stays, on any days."""
        before = self._feed_stays()
        today = self.stage.now.date()
        days = [(f"u{n}", today + timedelta(days=first), nights) for n, first, nights in stays]
        listed = [(uid, d, d + timedelta(days=nights)) for uid, d, nights in days]
        self.changes += len(before) + len(stays)
        self.calendar.serve(*((uid, str(first), str(last)) for uid, first, last in listed))
        self._check_poll(before)

    def _feed_stays(self) -> dict[int, tuple[date, date, datetime | None]]:
        """The feed's live bookings: first and last day, and since when the feed lacks them."""
        return {
            row.id: (row.arrives_on, row.departs_on, row.missing_since)
            for row in self.calendar.bookings
            if row.feed_id is not None and row.status is BookingStatus.CONFIRMED
        }

    def _check_poll(self, before: dict[int, tuple[date, date, datetime | None]]) -> None:
        """I16: no running stay is cancelled, and no three at once that were not held for a day."""
        now = self.stage.now
        today = now.astimezone(NEW_YORK).date()
        gone = [before[key] for key in before.keys() - self._feed_stays().keys()]
        assert not any(first <= today <= last for first, last, _ in gone)
        if len(gone) >= MANY:
            assert all(since and now - since >= HOLD for _, _, since in gone)

    @rule(is_withholding=st.booleans())
    def webhooks_go_into_the_bag(self, is_withholding: bool) -> None:
        self.stage.is_withholding = is_withholding

    @rule(place=st.integers(0, 7), times=st.integers(1, 3))
    def a_webhook_comes_out_of_the_bag(self, place: int, times: int) -> None:
        self.stage.deliver(place, times)

    @rule(name=made)
    def give_spare(self, name: str) -> None:
        with changing() as session, suppress(NoSpare):
            spares.hand_out(session, self._row_in(session, name), "manager:1", self.stage.now)
        self.changes += 1
        self.stage.work()

    @rule(minutes=st.sampled_from(MINUTES))
    def time_passes(self, minutes: float) -> None:
        self.stage.run_for(minutes=minutes)

    @rule(
        fault=st.sampled_from(FAULTS),
        only=st.sampled_from((None, "add", "update", "delete")),
        door=st.integers(0, 1),
    )
    def something_will_go_wrong(self, fault: str, only: str | None, door: int) -> None:
        self.house.doors[door].script.push(fault, only=only)

    @rule(door=st.integers(0, 1))
    def a_list_will_leave_one_out(self, door: int) -> None:
        self.house.doors[door].script.push("list_omits", only="list")

    @rule(arrive=st.booleans())
    def webhooks(self, arrive: bool) -> None:
        self.stage.webhooks_arrive = arrive

    @rule(door=st.integers(0, 1), is_up=st.booleans())
    def reach(self, door: int, is_up: bool) -> None:
        with self.stage.cloud.steady():
            self.stage.cloud.weather.set_connected(self.house.doors[door], is_up)

    @rule(is_up=st.booleans())
    def api(self, is_up: bool) -> None:
        with self.stage.cloud.steady():
            self.stage.cloud.weather.set_api(is_up)

    @rule(is_deaf=st.booleans())
    def redis(self, is_deaf: bool) -> None:
        self.stage.bell.is_deaf = is_deaf
        if is_deaf:
            self.stage.bell.waiting.clear()

    @rule(moments=st.integers(1, 40))
    def a_process_will_die(self, moments: int) -> None:
        self.reaper.kill_at = self.reaper.moment + moments

    @rule(door=st.integers(0, 1), hours=st.integers(-30, 30).filter(bool))
    def somebody_moves_an_end(self, door: int, hours: int) -> None:
        """Somebody changes the newest code in the phone app; nobody could know before a read."""
        codes = [c for c in self.house.doors[door].lock_codes if c.schedule.end is not None]
        if not codes:
            return
        code, self.changes = codes[-1], self.changes + 1
        assert code.schedule.end is not None
        self.watch.excuse(code.name)
        schedule = replace(code.schedule, end=code.schedule.end + timedelta(hours=hours))
        with self.stage.cloud.steady():
            self.stage.cloud.people.edit_code(self.house.doors[door], code.id, schedule=schedule)

    @rule(minutes=st.sampled_from((0, 60, 180)))
    def doors_open_earlier_or_later(self, minutes: int) -> None:
        self.changes += 2
        with changing() as session:
            place = session.get_one(Property, self.house.place.id)
            properties.update(session, place, buffer_before_minutes=minutes)
        self.stage.work()

    @rule(is_signed_in=st.booleans())
    def sign_in(self, is_signed_in: bool) -> None:
        if is_signed_in:
            self.house.reconnect()
            return
        with changing() as session:
            connections.sign_out(session, self.house.connection.id)
        self.stage.work()

    @rule(doors=st.sampled_from(((), (0,), (1,), (0, 1))))
    def map(self, doors: tuple[int, ...]) -> None:
        self.changes += 1
        self.is_mapped = bool(doors)
        chosen = [lock for lock in self.house.locks if self.locks.index(lock.id) in doors]
        self.house.map(*chosen)

    @invariant()
    def no_promise_is_broken(self) -> None:
        """Also in the moment before any job has run."""
        self.watch.look()
        self.watch.assert_kept()

    @invariant()
    def a_pin_that_was_told_stays_until_a_person_asks(self) -> None:
        """I5."""
        for booking_id, pin in self.shown.items():
            assert self.house.pin(self.house.booking(booking_id)) == pin

    def teardown(self) -> None:
        try:
            self._leave_in_peace()
        finally:
            self.stack.close()

    def _leave_in_peace(self) -> None:
        """All trouble ends, what asks for a person gets one: now everything must be right."""
        self.reaper.kill_at = None
        self.stage.webhooks_arrive = True
        self.stage.bell.is_deaf = False
        self.stage.deliver_all()
        with self.stage.cloud.steady():
            self.stage.cloud.weather.set_api(True)
            for door in self.house.doors:
                door.script.clear()
                self.stage.cloud.weather.set_connected(door, True)
        self.house.reconnect()
        if not self.is_mapped:
            # A guest inside keeps the door that their stay does not have any more.
            self.house.map(*self.house.locks)
        self.stage.run_for(hours=2)
        # Delete All takes what was well on the lock with it: that may ask for a person once more.
        for _ in range(2):
            if self._do_what_is_asked():
                self.stage.run_for(hours=1)
        self.stage.run_for(hours=1)
        self.watch.assert_settled()
        self._assert_few_writes()

    def _do_what_is_asked(self) -> bool:
        """A person does what the page of each code that needs them says; False where none does."""
        db.session.rollback()
        asking = list(
            db.session.scalars(select(DoorCode).where(DoorCode.status == Status.NEEDS_YOU))
        )
        stuck = {c.lock.device_id for c in asking if c.problem is ProblemKey.SPLIT_BRAIN}
        for door in (self.stage.cloud.locks[device_id] for device_id in sorted(stuck)):
            self.watch.excuse(*(held.name for held in door.lock_codes))
            with self.stage.cloud.steady():
                self.stage.cloud.people.delete_all(door)
        self.stage.run_for(minutes=15)
        for booking_id in {code.booking_id for code in asking if code.booking_id}:
            self.house.resync(self.house.booking(booking_id))
        if any(code.is_spare for code in asking):
            self._keep_spares(0)
            self._keep_spares(1)
        return bool(asking)

    def _keep_spares(self, number: int) -> None:
        with changing() as session:
            place = session.get_one(Property, self.house.place.id)
            properties.update(session, place, spare_codes=number)
        self.stage.run_for(minutes=30)

    def _assert_few_writes(self) -> None:
        """I14, roughly: as many writes as there was work and trouble, not more."""
        down = self.stage.now - START
        codes = 2 * (self.count + self.changes + 2)
        allowed = 8 * codes + self.watch.kills * 2 + down / timedelta(minutes=10) * 2
        assert len(self.watch.writes) <= allowed

    def _row(self, name: str) -> Booking:
        db.session.rollback()
        return self._row_in(db.session(), name)

    @staticmethod
    def _row_in(session: Session, name: str) -> Booking:
        return session.scalars(select(Booking).where(Booking.external_id == name)).one()

    def _stay(self, name: str, start: datetime, nights: int) -> None:
        self.changes += 1
        start = start.replace(minute=0, second=0, microsecond=0)
        end = start + timedelta(days=nights)
        self.house.book(name, f"{start:%Y-%m-%dT%H:%M}", f"{end:%Y-%m-%dT%H:%M}")


def prove(
    machine: type[History], app: Flask, monkeypatch: pytest.MonkeyPatch, examples: settings
) -> None:
    """Runs histories on fresh stages; each finds an empty database."""

    def make_stage(stack: ExitStack) -> Postbag:
        db.session.remove()
        databases.empty(db.engine)
        stage = Postbag(app, START)
        stack.enter_context(clock.running_on(stage.clock.now))
        return stage

    class Here(machine):  # type: ignore[misc, valid-type]
        pass

    Here.make_stage = staticmethod(make_stage)  # type: ignore[assignment]
    Here.patch = monkeypatch
    run_state_machine_as_test(Here, settings=examples)  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("stage")
def test_a_share_of_histories_keeps_every_promise(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(History, app, monkeypatch, SHARE)


@pytest.mark.deep
@pytest.mark.usefixtures("stage")
def test_ten_thousand_histories_keep_every_promise(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(History, app, monkeypatch, deep())
