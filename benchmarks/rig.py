"""The product as it really runs, for the length of a benchmark: processes, files, free ports.

Web, worker, clock and Redis are processes started as `make run` starts them, in a temporary
directory. The stand-in for Schlage runs in threads of the benchmark itself, so that the moment at
which a request reaches it is read off the same clock as the click that caused it.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from datetime import time as time_of_day
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask
from sqlalchemy import func, select
from werkzeug.serving import BaseWSGIServer, make_server

from benchmarks import bare
from benchmarks.measure import LOOPBACK, Server
from portal import clock, create_app, tenancy
from portal.config import from_environment
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import (
    Booking,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
    Source,
)
from portal.runtime import programs
from portal.runtime.preflight import CHECKOUT
from portal.runtime.programs import Program
from portal.runtime.settings import installation
from portal.runtime.state import State
from portal.services import accounts, bookings, connections, mapping, properties
from portal.services.bookings import BookingWish
from portal.unit_of_work import writing
from simulator.__main__ import QuietHandler
from simulator.app import create_app as create_simulator
from simulator.clock import RealClock
from simulator.cloud import Cloud
from simulator.faults import Faults
from simulator.runner import Runner, deliver
from simulator.signing import Signer

EMAIL: Final = "bench@latchboard.example"
USER: Final = "bench"
_UP_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0


@dataclass(frozen=True)
class Arrival:
    """A request as it reached the simulated Schlage, at a time of the performance counter."""

    at: float
    method: str
    path: str


@dataclass(frozen=True)
class Webhook:
    """A webhook as it left the simulated Schlage, at a time of the wall clock."""

    at: float
    body: bytes


class Rig:
    """Everything that runs; `close` stops all of it and deletes the directory."""

    def __init__(self, faults: Faults | str = "clean") -> None:
        self.arrivals: list[Arrival] = []
        self.webhooks: list[Webhook] = []
        self._faults = faults
        self.signer = Signer.generate()
        self._directory = Path(tempfile.mkdtemp(prefix="latchboard-bench-"))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._password = token_hex(12)
        self._port = _free_port()
        self._bare_port = _free_port()
        self._state = State(self._directory / "state")
        self._state.prepare()
        self._runner = Runner()
        self._cloud, self._simulator = self._start_simulator()
        self._installation = installation(
            self._state,
            {**_passed_on(), **self._simulator_settings(), "PORT": str(self._port)},
        )
        self._environment = dict(self._installation.environment) | {
            bare.DATABASE: str(self._directory / "bare.db"),
            bare.KEY: str(self._state.simulator_key),
        }

    @property
    def portal(self) -> Server:
        return Server(self._port, self._running["web"].pid)

    @property
    def bare(self) -> Server:
        return Server(self._bare_port, self._running["bare"].pid)

    def start(self) -> None:
        """The database is migrated and every process is up."""
        redis_socket = self._installation.redis_socket
        if redis_socket is not None:
            self._start(programs.redis_server(redis_socket, self._state))
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"],
            check=True,
            cwd=CHECKOUT,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        web = programs.web(self._port)
        self._start(web)
        # The same server with the same options: only the application is another.
        options = (
            str(self._bare_port) if part == str(self._port) else part for part in web.command
        )
        command = tuple("benchmarks.bare:app" if part == "wsgi:app" else part for part in options)
        self._start(
            replace(web, name="bare", command=command, is_up=lambda: _listens(self._bare_port))
        )
        self._start(programs.worker())
        self._start(programs.clock())

    def stop(self, *names: str) -> None:
        """These processes have ended, with everything that they started."""
        found = [self._running.pop(name) for name in names if name in self._running]
        for process in found:
            process.send_signal(signal.SIGTERM)
        for process in found:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def close(self) -> None:
        self.stop("clock", "worker", "web", "bare")
        self.stop("redis")
        self._runner.stop()
        self._simulator.shutdown()
        self._simulator.server_close()
        shutil.rmtree(self._directory, ignore_errors=True)
        shutil.rmtree(self._state.socket_directory(), ignore_errors=True)

    def furnish(self, count: int) -> list[int]:
        """The ids of `count` bookings for the next days, each with its code on its own lock."""
        account_id = self.connect(count)
        booking_ids = self.book(account_id, range(count))
        self.settle(count)
        return booking_ids

    def connect(self, lock_count: int) -> int:
        """The id of an account whose Schlage user has so many locks."""
        with self._app.app_context(), tenancy.as_system():
            return self._connect(lock_count)

    def book(self, account_id: int, numbers: Iterable[int]) -> list[int]:
        """The ids of new bookings, each on the lock of its number."""
        with self._app.app_context(), tenancy.as_system():
            return [self._book(account_id, number) for number in numbers]

    def settle(self, count: int) -> None:
        """So many codes are confirmed: nothing is under way any more."""
        _wait("every code is confirmed", lambda: _confirmed(self._app) == count, seconds=90)

    def devices(self, booking_ids: Iterable[int]) -> dict[int, str]:
        """Which Schlage device each of these bookings has its one code on."""
        with self._app.app_context(), tenancy.as_system():
            rows = db.session.execute(
                select(DoorCode.booking_id, Lock.device_id)
                .join(Lock, Lock.id == DoorCode.lock_id)
                .where(DoorCode.booking_id.in_(list(booking_ids)))
            )
            return {booking_id: device_id for booking_id, device_id in rows if booking_id}

    def confirmed_at(self, booking_ids: Iterable[int]) -> dict[int, datetime]:
        """When each of these bookings' one code was seen to be confirmed."""
        with self._app.app_context(), tenancy.as_system():
            rows = db.session.execute(
                select(DoorCode.booking_id, DoorCode.confirmed_at).where(
                    DoorCode.booking_id.in_(list(booking_ids))
                )
            )
            return {booking_id: at for booking_id, at in rows if booking_id and at}

    def browser(self) -> "Browser":
        """A browser that is signed in."""
        return Browser(self._port, self._password)

    @cached_property
    def _app(self) -> Flask:
        """The portal in this process, for what a benchmark writes into the database itself."""
        return create_app(from_environment(self._environment))

    @property
    def address(self) -> str:
        """Where a browser finds the portal."""
        return f"http://{LOOPBACK}:{self._port}"

    def _start(self, program: Program) -> None:
        self._running[program.name] = subprocess.Popen(
            program.guarded,
            cwd=CHECKOUT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=(self._state.logs / f"{program.name}.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _wait(f"{program.name} is up", program.is_up, _UP_SECONDS)

    def _start_simulator(self) -> tuple[Cloud, BaseWSGIServer]:
        cloud = Cloud(
            RealClock(),
            deliver=self._deliver,
            dispatch=self._runner.dispatch,
            faults=self._faults,
            signer=self.signer,
        )
        self._state.simulator_key.write_text(self.signer.public_pem())
        application = create_simulator(cloud)

        def noting(environ: dict[str, Any], start_response: Any) -> Any:
            self.arrivals.append(
                Arrival(time.perf_counter(), environ["REQUEST_METHOD"], environ["PATH_INFO"])
            )
            return application(environ, start_response)

        server = make_server(LOOPBACK, 0, noting, threaded=True, request_handler=QuietHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self._runner.start(cloud)
        return cloud, server

    def _deliver(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.webhooks.append(Webhook(time.time(), body))
        return deliver(method, url, headers, body)

    def _simulator_settings(self) -> dict[str, str]:
        base = f"http://{LOOPBACK}:{self._simulator.port}"
        return {
            "SCHLAGE_API_URL": f"{base}/schlage-home",
            "SCHLAGE_AUTHORIZE_URL": f"{base}/OAuth2/authorize",
            "SCHLAGE_TOKEN_URL": f"{base}/OAuth2/token",
            "SCHLAGE_CLIENT_ID": "latchboard",
            "SCHLAGE_CLIENT_SECRET": token_hex(),
            "SCHLAGE_SUBSCRIPTION_KEY": token_hex(),
            "SCHLAGE_WEBHOOK_KEYS": str(self._state.simulator_key),
        }

    def _connect(self, lock_count: int) -> int:
        """An account that is connected to a user with so many locks; the account's id."""
        self._cloud.add_user(USER)
        for number in range(lock_count):
            self._cloud.add_lock(USER, f"Door {number:03}", zone="America/New_York")
        grant = self._cloud.issue_token(USER, "latchboard")
        with writing() as session:
            account = accounts.create(session, "Benchmark homes", EMAIL, self._password)
            connection = Connection(
                account_id=account.id,
                name="Schlage Home",
                state=ConnectionState.CONNECTED,
                state_at=clock.now(),
                access_token=Secret(grant.access_token),
                refresh_token=Secret(grant.refresh_token),
                created_at=clock.now(),
            )
            session.add(connection)
            session.flush()
            account_id, connection_id = account.id, connection.id
        connections.check(connection_id)
        return account_id

    def _book(self, account_id: int, number: int) -> int:
        arrives = (clock.now() + timedelta(hours=24 + number % 40)).date()
        with bookings.changing() as session:
            place = properties.create(
                session,
                account_id,
                name=f"Home {number:03}",
                time_zone="America/New_York",
                check_in=time_of_day(16),
                check_out=time_of_day(11),
                # What is measured is one code per booking.
                spare_codes=0,
            )
            lock = session.scalars(select(Lock.id).where(Lock.name == f"Door {number:03}")).one()
            mapping.set_locks(session, place, [lock], "benchmark")
            wish = BookingWish(
                property_id=place.id,
                guest_name=f"Guest {number:03}",
                arrives_on=arrives,
                departs_on=arrives + timedelta(days=3),
            )
            saved = bookings.save(session, Source.API, f"bench-{number}", wish, "benchmark")
            return saved.booking.id


class Browser:
    """A signed-in browser with one kept-alive connection. Follows no redirects."""

    def __init__(self, port: int, password: str) -> None:
        self._connection = HTTPConnection(LOOPBACK, port, timeout=30)
        self._port = port
        self.cookie = ""
        form = {"email": EMAIL, "password": password, "csrf_token": self.csrf_token("/sign-in")}
        status, _ = self.request("POST", "/sign-in", urlencode(form))
        if status != 303:
            raise RuntimeError(f"signing in was answered {status}")

    def get(self, path: str) -> str:
        """The page; anything but 200 is an error."""
        status, body = self.request("GET", path)
        if status != 200:
            raise RuntimeError(f"{path} was answered {status}")
        return body

    def csrf_token(self, path: str) -> str:
        """The token in the first form of this page."""
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(path))
        if found is None:
            raise RuntimeError(f"{path} has no form")
        return found[1]

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        """Status and body of the answer; its cookie is kept."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        given = answer.getheader("Set-Cookie")
        if given:
            self.cookie = given.partition(";")[0]
        return answer.status, text


def _confirmed(app: Flask) -> int:
    with app.app_context(), tenancy.as_system():
        query = (
            select(func.count())
            .select_from(Booking)
            .join(DoorCode, DoorCode.booking_id == Booking.id)
            .where(DoorCode.status == Status.CONFIRMED)
        )
        return db.session.scalar(query) or 0


def _passed_on() -> dict[str, str]:
    """Of the caller's environment only what finds programs and directories, no settings."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in names if name in os.environ}


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _wait(what: str, condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds:.0f} seconds: {what}")
        time.sleep(0.05)
