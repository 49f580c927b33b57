"""The whole product and the simulated cloud in one process, in virtual time.

The portal's own services, database and client run as in production; only the bell (a queue in
memory instead of Redis), the way to Schlage (a call instead of a socket), the clock and the chance
that spreads waits are ours.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from random import Random
from typing import Final

import requests
from flask import Flask
from flask_sqlalchemy.session import Session
from requests.adapters import HTTPAdapter
from sqlalchemy import event, func, select

from portal import clock as portal_clock
from portal import jitter, tenancy
from portal.domain.command import Lane, State
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import (
    Account,
    Booking,
    BulkRun,
    Command,
    Connection,
    ConnectionState,
    Feed,
    Lock,
    WebhookEvent,
    WebhookState,
)
from portal.queue import JobName
from portal.services import inbox, sweep
from portal.unit_of_work import writing
from simulator.adapter import CloudAdapter
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.faults import Faults

API: Final = "http://schlage.test"
USER: Final = "owner"
SWEEP_EVERY: Final = timedelta(seconds=30)
_STEPS_AT_ONCE: Final = 100_000

# What each part of a sweep finds, and last what only a whole sweep does.
_DUE: Final = select(
    select(func.min(Lock.due_at)).scalar_subquery(),
    select(func.min(WebhookEvent.received_at))
    .where(WebhookEvent.state == WebhookState.RECEIVED)
    .scalar_subquery(),
    select(func.min(Feed.due_at)).scalar_subquery(),
    select(func.min(Connection.due_at)).scalar_subquery(),
    select(func.min(BulkRun.due_at)).scalar_subquery(),
    select(func.min(Lock.entries_due_at)).scalar_subquery(),
    select(func.min(Command.look_at))
    .where(Command.lane == Lane.BOLT, Command.state == State.ACCEPTED)
    .scalar_subquery(),
    select(func.min(Booking.verdict_due_at)).scalar_subquery(),
)
_OF_LOCKS: Final = slice(0, 1)
_OF_WEBHOOKS: Final = slice(1, 2)
_OF_THE_REST: Final = slice(2, -1)
_OF_ALL: Final = slice(-1, None)


@cache
def _function_of(job: JobName) -> Callable[..., None]:
    module, _, name = str(job).rpartition(".")
    function: Callable[..., None] = getattr(import_module(module), name)
    return function


class MemoryBell:
    """Rings wait here in order; the same ring waiting twice is one. `is_deaf` loses them."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[JobName, tuple[int, ...]]] = deque()
        self.is_deaf = False

    def ring(self, job: JobName, *ids: int) -> None:
        if not self.is_deaf and (job, ids) not in self.waiting:
            self.waiting.append((job, ids))


class Stage:
    """The product on a stage: move its time with `run_until`, look at both sides of the wire."""

    def __init__(
        self, app: Flask, start: datetime, faults: Faults | str = "clean", seed: int = 1
    ) -> None:
        self.app = app
        self.clock = VirtualClock(start)
        self.cloud = Cloud(
            self.clock,
            deliver=self._deliver,
            faults=faults,
            seed=seed,
            # Refreshing has its own tests; here a sign-in lasts.
            token_seconds=10 * 366 * 24 * 3600,
        )
        self.bell = MemoryBell()
        self.webhooks_arrive = True
        self.next_sweep = start
        self.adapter: HTTPAdapter = CloudAdapter(self.cloud)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = 0
        self._due: tuple[datetime | None, ...] = (None,)
        self._is_due_known = False
        self._asked_what_is_due: Callable[[], tuple[datetime | None, ...]] = tuple
        self._http: requests.Session | None = None
        self._random = Random(f"{seed}/jitter")
        app.extensions["bell"] = self.bell
        app.extensions["schlage_http"] = self._session
        self.run_job: Callable[[JobName, tuple[int, ...]], None] = self.do_job

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def connect(self, account: Account, user: str = USER) -> Connection:
        """A connection of this account to a user of the cloud, who is made if need be."""
        self.cloud.add_user(user)
        client_id = self.app.extensions["settings"].schlage_client_id
        grant = self.cloud.issue_token(user, client_id)
        with writing() as session:
            connection = Connection(
                account_id=account.id,
                name="Schlage Home",
                state=ConnectionState.CONNECTED,
                state_at=self.now,
                access_token=Secret(grant.access_token),
                refresh_token=Secret(grant.refresh_token),
                expires_at=None,
                created_at=self.now,
                due_at=self.now,
            )
            session.add(connection)
        return connection

    def at(self, moment: datetime, happening: Callable[[], None]) -> None:
        """`happening` is called once the stage's time reaches the moment; late ones at once."""
        self._count += 1
        heapq.heappush(self._agenda, (moment, self._count, happening))

    def run_for(self, **span: float) -> None:
        """Lives through `timedelta(**span)`."""
        self.run_until(self.now + timedelta(**span))

    def run_until(self, end: datetime) -> None:
        """Lives through the time until `end`: cloud, webhooks, jobs and sweeps."""
        with self._playing(), self._hearing_commits():
            self.work()
            while True:
                at = self._next_moment(end)
                if at is None or at > end:
                    break
                self.cloud.advance_to(at)
                self.work()
                self._happen()
                if self.now >= self.next_sweep and not self.bell.is_deaf:
                    self._sweep_what_is_due()
            self.cloud.advance_to(end)
            self.work()

    def sweep(self) -> None:
        """One sweep now, and the jobs it rings for."""
        with self._playing():
            self.run_job(JobName.SWEEP, ())
            self.work()
            self.next_sweep = self.now + SWEEP_EVERY

    def work(self) -> None:
        """Every job that was rung for is done, at this very moment."""
        with self._playing():
            for _ in range(_STEPS_AT_ONCE):
                if not self.bell.waiting:
                    return
                job, ids = self.bell.waiting.popleft()
                self.run_job(job, ids)
        raise RuntimeError("The jobs never come to an end.")

    @contextmanager
    def _playing(self) -> Iterator[None]:
        """What the product asks for the time and for chance is asked of this stage."""
        with portal_clock.running_on(self.clock.now), jitter.drawn_from(self._random):
            yield

    def _next_moment(self, end: datetime) -> datetime | None:
        """The next time at which anything happens: in the cloud, or at a sweep that finds work.

        Sweeps that would find nothing are skipped: they change nothing but the time.
        """
        times = [self.cloud.next_event_at()]
        if self._agenda:
            times.append(max(self._agenda[0][0], self.now))
        # The sweep is rung for too: while nobody hears the bell there is none.
        due = None if self.bell.is_deaf else self._next_due()
        if due is not None:
            times.append(max(due, self.next_sweep, self.now))
        return min((t for t in times if t is not None), default=None)

    def _happen(self) -> None:
        """Everything on the agenda that is due has happened."""
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
            self.work()

    def _next_due(self) -> datetime | None:
        # Asked before each move of time, unless nothing was written since the last; and of no row
        # that a session should know.
        if not self._is_due_known:
            self._due = self._asked_what_is_due()
            self._is_due_known = True
        return min((t for t in self._due if t is not None), default=None)

    @contextmanager
    def _hearing_commits(self) -> Iterator[None]:
        """What is due is asked for anew after whatever is written, by a connection of its own."""
        with self.app.app_context():
            engine = db.engine

        def forget(_session: object) -> None:
            self._is_due_known = False

        with engine.connect() as connection:

            def ask() -> tuple[datetime | None, ...]:
                try:
                    return tuple(connection.execute(_DUE).one())
                finally:
                    connection.rollback()

            self._asked_what_is_due = ask
            self._is_due_known = False
            event.listen(Session, "after_commit", forget)
            try:
                yield
            finally:
                event.remove(Session, "after_commit", forget)

    def _is_due(self, part: slice) -> bool:
        """Whether that part of a sweep would have found something when it was last asked."""
        return any(t is not None and t <= self.now for t in self._due[part])

    def _sweep_what_is_due(self) -> None:
        """A sweep, without the parts of it that would find nothing."""
        if self._is_due(_OF_ALL):
            self.sweep()
            return
        with self.app.app_context(), tenancy.as_system():
            if self._is_due(_OF_LOCKS):
                sweep.ring_for_locks()
            if self._is_due(_OF_WEBHOOKS):
                sweep.ring_for_webhooks()
            if self._is_due(_OF_THE_REST):
                sweep.ring_for_the_rest()
        self.work()
        self.next_sweep = self.now + SWEEP_EVERY

    def do_job(self, job: JobName, ids: tuple[int, ...]) -> None:
        with self.app.app_context(), tenancy.as_system():
            _function_of(job)(*ids)

    def _session(self) -> requests.Session:
        """One session for all calls: making one costs more than the call."""
        if self._http is None:
            self._http = requests.Session()
            self._http.trust_env = False
            self._http.mount(API, self.adapter)
        return self._http

    def _deliver(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if method == "OPTIONS" or not self.webhooks_arrive:
            return 204
        with self.app.app_context(), tenancy.as_system(), self._playing():
            with writing() as session:
                stored = inbox.store(session, body)
            for row_id in stored.row_ids:
                self.bell.ring(JobName.PROCESS_WEBHOOK, row_id)
        return 204
