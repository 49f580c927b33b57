"""The real product in a world: its services, its database, its jobs, on the stage."""

import base64
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from flask import Flask
from sqlalchemy import event, select

from benchmarks.history import Sink
from benchmarks.stage import API, USER, Stage
from benchmarks.world_person import Person
from benchmarks.world_plan import CHECK_IN, CHECK_OUT, Plan, PlannedBooking, Turn
from benchmarks.world_watch import Watch
from benchmarks.world_weather import Outage, faults_of, set_api
from benchmarks.world_wire import CALM_AFTER, KILLS, STORM_AFTER, Ground, Killed, Wire
from portal import create_app, tenancy
from portal.config import Settings, from_environment
from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Account, Booking, BookingStatus, Lock, PinSource, Source
from portal.models.base import Base
from portal.queue import JobName
from portal.services import accounts, bookings, mapping, properties, rebuilds
from portal.services.bookings import BookingWish
from portal.unit_of_work import writing
from simulator.signing import Signer

_AFTER_CHECK_OUT: Final = timedelta(minutes=10)
_ACTOR: Final = "api:1"
_REDIS_AWAY_MINUTES: Final = (0.0, 5.0)


class Latchboard:
    """One account that keeps all properties and bookings of a plan."""

    def __init__(
        self, stage: Stage, planned: Plan, history: Sink, person: Person, wire: Wire
    ) -> None:
        self._stage = stage
        self._plan = planned
        self._history = history
        self._person = person
        self._wire = wire
        self._random = Random(f"{planned.seed}/redis")
        self._asks: dict[tuple[int, str], tuple[Status, ProblemKey | None]] = {}
        self._place_ids: list[int] = []
        self._redis_lasts = True
        stage.run_job = self._run_job
        person.hands = self

    # What the world does

    def settle_in(self, watch: Watch) -> None:
        """The account, its connection, its locks and its properties are there."""
        with self._stage.app.app_context(), tenancy.as_system():
            with writing() as session:
                account = accounts.create(
                    session, "World", "world@example.com", "a phrase of four words"
                )
                account_id = account.id
            account = db.session.get_one(Account, account_id)
            doors = [
                self._stage.cloud.add_lock(USER, lock.name, lock.id, zone=lock.zone, vlac=lock.vlac)
                for lock in self._plan.locks
            ]
            self._stage.connect(account)
            self._stage.run_for(seconds=1)
            rows = {row.device_id: row.id for row in db.session.scalars(select(Lock))}
            watch.device_of = {row_id: device_id for device_id, row_id in rows.items()}
            for place in self._plan.places:
                with bookings.changing() as session:
                    row = properties.create(
                        session,
                        account_id,
                        name=place.name,
                        time_zone=place.zone,
                        check_in=CHECK_IN,
                        check_out=CHECK_OUT,
                        # The rivals of this comparison keep none.
                        spare_codes=0,
                        pin_source=PinSource.PHONE if place.has_phone_pins else PinSource.RANDOM,
                    )
                    ids = [rows[doors[n].id] for n in place.locks]
                    mapping.set_locks(session, row, ids, "manager:1")
                    self._place_ids.append(row.id)
                watch.locks_of[self._place_ids[-1]] = [doors[n].id for n in place.locks]
            self._stage.work()

    def turn(self, booking: PlannedBooking, turn: Turn) -> None:
        """A source tells of a booking: made, moved or cancelled."""
        with self._stage.app.app_context(), tenancy.as_system(), bookings.changing() as session:
            if turn.dates is None:
                bookings.cancel(session, self._booking(booking.number), _ACTOR)
                return
            bookings.save(
                session,
                Source.API,
                str(booking.number),
                BookingWish(
                    property_id=self._place_ids[booking.place],
                    guest_name=booking.guest,
                    guest_phone=booking.phone,
                    arrives_on=turn.dates.arrives_on,
                    arrives_time=turn.dates.arrives_time,
                    departs_on=turn.dates.departs_on,
                    departs_time=turn.dates.departs_time,
                ),
                _ACTOR,
            )

    def tell_guest(self, booking: PlannedBooking) -> None:
        """The manager looks the PIN up and sends it: from now on it must be the one."""
        with self._stage.app.app_context(), tenancy.as_system(), bookings.changing() as session:
            row = self._booking(booking.number)
            if row.status is BookingStatus.CANCELLED:
                return
            pin = bookings.show_pin(session, row, "manager:1")
        self._history.write(
            self._stage.now, "told", booking=booking.number, pin=pin.reveal() if pin else None
        )

    def lose_redis(self) -> None:
        """Redis loses all it holds, and is away for some minutes; so every day, until `calm`."""
        if not self._redis_lasts:
            return
        self._history.write(self._stage.now, "fault", fault="redis_lost", lock=None)
        self._stage.bell.waiting.clear()
        self._stage.bell.is_deaf = True
        away = timedelta(minutes=self._random.uniform(*_REDIS_AWAY_MINUTES))
        self._stage.at(self._stage.now + away, self._redis_back)
        next_at = self._stage.now + timedelta(hours=24 * self._random.uniform(0.5, 1.5))
        self._stage.at(next_at, self.lose_redis)

    def live(self, faults: str, outages: list[Outage]) -> None:
        """The whole plan, under these faults, and two calm days after it."""
        cloud = self._stage.cloud
        storm_at = self._plan.start + STORM_AFTER
        self._stage.at(storm_at, partial(cloud.set_faults, faults_of(faults)))
        for down, up in outages:
            self._stage.at(down, partial(set_api, cloud, False))
            self._stage.at(up, partial(set_api, cloud, True))
        if faults == "harsh":
            self._stage.at(storm_at, partial(setattr, self._wire, "kills", KILLS))
            self._stage.at(storm_at, self.lose_redis)
        for booking in self._plan.bookings:
            for turn in booking.turns:
                self._stage.at(turn.at, partial(self.turn, booking, turn))
            self._stage.at(booking.told_at, partial(self.tell_guest, booking))
        self._stage.at(self._plan.end, self.calm)
        with self._stage.app.app_context(), tenancy.as_system():
            self._stage.run_until(self._plan.end + CALM_AFTER)

    def calm(self) -> None:
        """Nothing dies and nothing is lost any more."""
        self._redis_lasts = False
        self._wire.kills = 0.0
        self._stage.cloud.set_faults("clean")

    # What the person sees and does

    def shown(self, booking: int, lock: str, status: Status, problem: ProblemKey | None) -> None:
        """A page shows this door of this booking so; the person is told at once."""
        self._asks[booking, lock] = (status, problem)
        if status is not Status.NEEDS_YOU:
            return
        if problem is ProblemKey.SPLIT_BRAIN:
            self._person.asked_to_delete_all(lock)
        else:
            self._person.asked_to_help(booking, str(problem))

    def needs_delete_all(self, lock: str) -> bool:
        return any(
            key[1] == lock and asks == (Status.NEEDS_YOU, ProblemKey.SPLIT_BRAIN)
            for key, asks in self._asks.items()
        )

    def needs_resync(self, booking: int) -> bool:
        return any(
            key[0] == booking and status is Status.NEEDS_YOU
            for key, (status, _) in self._asks.items()
        )

    def resync(self, booking: int) -> None:
        with self._stage.app.app_context(), tenancy.as_system(), bookings.changing() as session:
            bookings.resync(session, self._booking(booking), "manager:1")

    def begin_rebuild(self, lock: str) -> datetime | None:
        """Rebuild is begun, unless somebody is inside who gains nothing by it."""
        with self._stage.app.app_context(), tenancy.as_system(), bookings.changing() as session:
            row = session.scalars(select(Lock).where(Lock.device_id == lock)).one()
            inside = rebuilds.preview(session, row).inside
            if inside is not None and not self._cannot_wait(lock, inside):
                return inside.ends_at + _AFTER_CHECK_OUT
            try:
                rebuilds.start(session, row, "manager:1", by_command=False, typed_name=row.name)
            except rebuilds.CannotRebuild:
                return self._stage.now + _AFTER_CHECK_OUT
        return None

    def _cannot_wait(self, lock: str, inside: Booking) -> bool:
        """Whether a guest whose code is in split brain is inside, or comes before this one goes."""
        stuck = [
            self._booking(number)
            for (number, at), asks in self._asks.items()
            if at == lock and asks == (Status.NEEDS_YOU, ProblemKey.SPLIT_BRAIN)
        ]
        return any(booking.starts_at < inside.ends_at for booking in stuck)

    def end_rebuild(self, lock: str) -> int:
        """The page is told that Delete All was pressed; the product does the rest."""
        with self._stage.app.app_context(), tenancy.as_system(), bookings.changing() as session:
            row = session.scalars(select(Lock).where(Lock.device_id == lock)).one()
            running = rebuilds.running(session, row.id)
            if running is None:
                return 0
            rebuilds.pressed(session, running, "manager:1")
        return 1

    def _redis_back(self) -> None:
        self._stage.bell.is_deaf = False
        self._stage.next_sweep = self._stage.now

    def _booking(self, number: int) -> Booking:
        return db.session.scalars(select(Booking).where(Booking.external_id == str(number))).one()

    def _run_job(self, job: JobName, ids: tuple[int, ...]) -> None:
        try:
            self._stage.do_job(job, ids)
        except Killed:
            # The supervisor starts another worker; what this one held is freed by its age.
            return


@contextmanager
def app_in(directory: Path) -> Iterator[Flask]:
    """The product's app over an empty database of its own."""
    key = directory / "key.pem"
    key.write_text(Signer.generate().public_pem())
    app = create_app(_settings(directory / "world.db", key), bell=_NoBell())
    with app.app_context():
        # A benchmark's database dies with it: what it may lose in a power cut is no loss.
        event.listen(db.engine, "connect", _hurry)
        Base.metadata.create_all(db.engine)
    yield app
    with app.app_context():
        db.engine.dispose()


class _NoBell:
    def ring(self, job: JobName, *ids: int) -> None:
        raise RuntimeError("The stage brings the bell.")


def _hurry(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.execute("PRAGMA mmap_size = 268435456")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.execute("PRAGMA wal_autocheckpoint = 20000")
    cursor.close()


def _settings(database: Path, key: Path) -> Settings:
    return from_environment(
        {
            "SECRET_KEY": "a secret key that only this world uses",
            "ENCRYPTION_KEYS": base64.urlsafe_b64encode(b"w" * 32).decode(),
            "DATABASE_URL": f"sqlite:///{database}",
            "PUBLIC_URL": "http://localhost",
            "SCHLAGE_API_URL": f"{API}/schlage-home",
            "SCHLAGE_AUTHORIZE_URL": f"{API}/authorize",
            "SCHLAGE_TOKEN_URL": f"{API}/oauth2/token",
            "SCHLAGE_CLIENT_ID": "latchboard",
            "SCHLAGE_CLIENT_SECRET": "a client secret of this world",
            "SCHLAGE_SUBSCRIPTION_KEY": "a subscription key of this world",
            "SCHLAGE_WEBHOOK_KEYS": str(key),
        }
    )


def run(planned: Plan, history: Sink, faults: str, outages: list[Outage]) -> None:
    """The plan's world from its first day to its last, with all that became so in the history."""
    with TemporaryDirectory() as directory, app_in(Path(directory)) as app:
        stage = Stage(app, planned.start, faults="clean", seed=zlib.crc32(planned.seed.encode()))
        ground = Ground(stage.cloud, history)
        wire = Wire(stage.cloud, ground, history, planned.seed)
        stage.adapter = wire
        person = Person(stage.cloud, history, stage.at, planned.seed)
        world = Latchboard(stage, planned, history, person, wire)
        with Watch(history, ground, world.shown) as watch:
            world.settle_in(watch)
            world.live(faults, outages)
        history.write(stage.now, "end")
