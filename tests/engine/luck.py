"""Any luck: what can go wrong around two doors, and the promises that hold all the same.

A history is a `Luck` with something to do: stays, or staff codes. Hypothesis makes the histories.
After every job the promises are checked (see `promises`), and at the end, once everything has been
left in peace for a while, that each lock holds what it should.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from benchmarks.stage import Stage
from portal import clock
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import DoorCode
from portal.services import connections
from portal.services.ringing import changing
from tests.engine.promises import Watch
from tests.engine.reaper import install
from tests.support import databases
from tests.support.house import House

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


class Luck(RuleBasedStateMachine):
    """One account with two doors, and every trouble that these can have."""

    make_stage: ClassVar[Callable[[ExitStack], Postbag]]
    patch: ClassVar[Any]
    spares: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.stage = type(self).make_stage(self.stack)
        self.watch = Watch(self.stage)
        self.reaper = install(self.stage, self.patch)
        self.reaper.watch_over(self.watch)
        self.house = House(self.stage, locks=2, spares=self.spares)
        self.locks = [lock.id for lock in self.house.locks]
        self.count = 0
        self.changes = 0
        self.is_mapped = True

    @rule(is_withholding=st.booleans())
    def webhooks_go_into_the_bag(self, is_withholding: bool) -> None:
        self.stage.is_withholding = is_withholding

    @rule(place=st.integers(0, 7), times=st.integers(1, 3))
    def a_webhook_comes_out_of_the_bag(self, place: int, times: int) -> None:
        self.stage.deliver(place, times)

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
        self._press(asking)
        return bool(asking)

    def _press(self, asking: list[DoorCode]) -> None:
        """After Delete All where that was asked for, the person sends these codes again."""
        raise NotImplementedError

    def _assert_few_writes(self) -> None:
        """I14, roughly: as many writes as there was work and trouble, not more."""
        down = self.stage.now - START
        codes = 2 * (self.count + self.changes + 2)
        allowed = 8 * codes + self.watch.kills * 2 + down / timedelta(minutes=10) * 2
        assert len(self.watch.writes) <= allowed


def prove(
    machine: type[Luck], app: Flask, monkeypatch: pytest.MonkeyPatch, examples: settings
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
