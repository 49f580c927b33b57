"""The simulated cloud as one object: answers requests, lives through time, tells the truth.

No threads and no sockets: whoever drives it moves the time with `advance_to` and hands in how HTTP
is carried. It may be used from many threads; nothing is ever delivered while the mutex is held.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from simulator import rng as chance
from simulator.agenda import Event
from simulator.api import Api, Handshake
from simulator.clock import Clock
from simulator.commands import Commands
from simulator.core import Core, Fact, Settings
from simulator.faults import Faults, preset
from simulator.lock import Lock
from simulator.oauth import Grant, OAuth, User
from simulator.people import People
from simulator.signing import Signer
from simulator.store import FileStore
from simulator.weather import Weather
from simulator.webhooks import Delivery, Webhooks
from simulator.wire import Request, Response


class Deliver(Protocol):
    """Carries one HTTP request out of the cloud; the status, or 0 when there was no answer."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int: ...


def nowhere(method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Nothing is carried, and everything counts as received."""
    return 204


class Cloud:
    """Users, locks, commands and webhooks of one simulated vendor.

    With a store that holds an earlier run, that run goes on: its seed, its faults and its key hold,
    whatever is asked for here.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        deliver: Deliver = nowhere,
        faults: Faults | str = "realistic",
        seed: int = 1,
        signer: Signer | None = None,
        clients: Mapping[str, str] | None = None,
        subscription_key: str = "",
        token_seconds: int = 3600,
        dispatch: Callable[[Callable[[], None]], object] = lambda work: work(),
        store: FileStore | None = None,
    ) -> None:
        kept = store.load_one("settings") if store else None
        settings = Settings.from_row(kept) if kept else Settings(seed=seed)
        self.core = Core(clock, settings, store)
        self.webhooks = Webhooks(self.core, signer)
        self.commands = Commands(self.core, self.webhooks)
        self.oauth = OAuth(self.core, clients, token_seconds)
        self.weather = Weather(self.core, self.webhooks)
        self.people = People(self.core, self.webhooks)
        self._api = Api(self.core, self.commands, self.webhooks, self.oauth, subscription_key)
        self._deliver = deliver
        self._dispatch = dispatch
        self._mutex = threading.RLock()
        self._handlers: dict[str, Callable[..., None]] = {
            "reach_lock": self.commands.reach_lock,
            "expire": self.commands.expire,
            "apply_late": self.commands.apply_late,
            "report": self.commands.report,
            "notice": self.weather.notice,
            "lock_outage": self.weather.lock_outage,
            "lock_back": self.weather.lock_back,
            "api_outage": self.weather.api_outage,
            "api_back": self.weather.api_back,
            "brain_splits": self.weather.brain_splits,
        }
        if store and kept:
            self._restore(store)
        else:
            self.set_faults(faults)

    @property
    def clock(self) -> Clock:
        return self.core.clock

    @property
    def locks(self) -> Mapping[str, Lock]:
        return self.core.locks

    @contextmanager
    def steady(self) -> Iterator[Core]:
        """The cloud stands still for this block; what changed in it is kept at its end."""
        with self._mutex:
            yield self.core
            self.core.store.commit()

    def on_fact(self, observer: Callable[[Fact], None]) -> None:
        """The observer hears every fact from now on, within the mutex: it must be quick."""
        self.core.observers.append(observer)

    def handle(self, request: Request) -> Response:
        """The answer to a request of the API or the token endpoint.

        A webhook that a fault sends before the answer is delivered within this call.
        """
        with self.steady():
            answer = self._api.answer(request)
            early = self.webhooks.take_early()
        for delivery in early:
            self._carry(delivery)
        if isinstance(answer, Handshake):
            status = self._deliver("OPTIONS", answer.url, answer.headers, b"")
            with self.steady():
                return answer.finish(status)
        return answer

    def next_event_at(self) -> datetime | None:
        """When something happens next by itself, or None when nothing will."""
        with self._mutex:
            return self.core.agenda.next_at()

    def advance_to(self, at: datetime) -> None:
        """Everything due by `at` has happened, in order; a virtual clock says `at`."""
        while self._step(at):
            pass
        self.core.clock.move_to(at)

    def _step(self, until: datetime) -> bool:
        with self.steady():
            event = self.core.agenda.pop_due(until)
            if event is None:
                return False
            delivery = self._happen(event)
        if delivery is not None:
            self._dispatch(lambda: self._carry(delivery))
        return True

    def _happen(self, event: Event) -> Delivery | None:
        self.core.clock.move_to(event.at)
        self.core.event_at = event.at
        try:
            if event.kind == "deliver":
                return self.webhooks.due(*event.args)
            self._handlers[event.kind](*event.args)
            return None
        finally:
            self.core.event_at = None

    def _carry(self, delivery: Delivery) -> None:
        body = delivery.body.encode()
        status = self._deliver("POST", delivery.url, self.webhooks.headers(body), body)
        with self.steady():
            self.webhooks.answered(delivery, status)

    def add_user(self, id: str, name: str = "", email: str = "") -> User:
        """A user with this id, who can sign in."""
        with self.steady():
            return self.oauth.add_user(id, name or id, email)

    def add_lock(self, owner_id: str, name: str, id: str | None = None, **traits: Any) -> Lock:
        """A lock of this user; `traits` are fields of Lock. Ids are kept in lower case."""
        with self.steady():
            lock_id = (id or chance.new_uuid(self.core.ids)).lower()
            lock = Lock(lock_id, name, owner_id, self.core.lock_rng(lock_id), **traits)
            self.core.locks[lock_id] = lock
            self.core.keep(lock)
            self.weather.begin_for(lock)
            return lock

    def remove_lock(self, lock_id: str) -> None:
        """The lock is no longer in its owner's account."""
        with self.steady():
            del self.core.locks[lock_id]
            self.core.store.drop("lock", lock_id)

    def issue_token(self, user_id: str, client_id: str = "test-client") -> Grant:
        """Tokens of this user, without the pages of a sign-in."""
        with self.steady():
            return self.oauth.grant(user_id, client_id)

    def sign_out(self, user_id: str) -> None:
        """The user chose "Sign Out Everywhere": every token is dead and a webhook says so."""
        with self.steady():
            self.oauth.sign_out(user_id)
            self.webhooks.emit_user(user_id, "UserSignedOut")

    def set_faults(self, faults: Faults | str) -> None:
        """These rates, or the preset of this name, hold for every lock without rates of its own."""
        with self.steady() as core:
            core.settings.preset = faults if isinstance(faults, str) else "custom"
            core.settings.faults = preset(faults) if isinstance(faults, str) else faults
            self.weather.begin()

    def set_lock_faults(self, lock: Lock, faults: Faults | str | None) -> None:
        """The lock has rates of its own, or with None again those of the cloud."""
        with self.steady() as core:
            lock.faults = preset(faults) if isinstance(faults, str) else faults
            core.keep(lock)
            self.weather.begin()

    def use_key(self, signer: Signer) -> None:
        """Webhooks are signed with this key from now on, also after a restart."""
        with self.steady() as core:
            self.webhooks.signer = signer
            core.settings.signing_key = signer.private_pem()
            core.keep_settings()

    def set_seed(self, seed: int) -> None:
        """Chance starts anew from this seed."""
        with self.steady() as core:
            core.settings.seed = seed
            core.keep_settings()
            core.reseed()

    def _restore(self, store: FileStore) -> None:
        core = self.core
        for lock_id, row in store.load("lock"):
            core.locks[lock_id] = Lock.from_row(row, core.lock_rng(lock_id))
        for _, row in store.load("command"):
            self.commands.restore(row)
        planned: set[str] = set()
        for number, row in store.load("event"):
            event = core.agenda.restore(number, row)
            planned.update(event.args if event.kind == "deliver" else ())
        users = [row for _, row in store.load("user")]
        self.oauth.restore(users, [row for _, row in store.load("grant")])
        self.webhooks.restore(
            [row for _, row in store.load("subscription")],
            [row for _, row in store.load("delivery")],
            planned,
        )
        if core.settings.signing_key:
            self.webhooks.signer = Signer.from_pem(core.settings.signing_key)
        core.keep_settings()
        core.store.commit()
