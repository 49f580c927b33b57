"""One property with one door, and the words to tell its story in a test."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select

from benchmarks.stage import USER, Stage
from portal.domain.secret import Secret
from portal.domain.status import Status
from portal.extensions import db
from portal.models import (
    Alert,
    Booking,
    BookingStatus,
    Command,
    Connection,
    ConnectionState,
    DoorCode,
    Lock,
    LockEntry,
    Property,
    Source,
    TimelineEntry,
)
from portal.services import bookings, connections, mapping
from portal.services.bookings import BookingWish
from simulator.lock import Lock as RealLock
from tests.support.builders import make_account, make_property


class House:
    """A property in New York, check-in 16:00 and check-out 11:00, with one front door."""

    def __init__(self, stage: Stage, *, locks: int = 1, spares: int = 0, **traits: Any) -> None:
        self.stage = stage
        self.account = make_account()
        self.connection = stage.connect(self.account)
        values = {"zone": "America/New_York", "vlac": True} | traits
        self.doors: list[RealLock] = [
            stage.cloud.add_lock(USER, f"Door {n + 1}", **values) for n in range(locks)
        ]
        self.place = make_property(self.account, name="Casa Verde", spare_codes=spares)
        stage.run_for(seconds=1)
        self.map(*self.locks)

    @property
    def door(self) -> RealLock:
        """The lock as it really is."""
        return self.doors[0]

    @property
    def locks(self) -> list[Lock]:
        db.session.rollback()
        return list(db.session.scalars(select(Lock).order_by(Lock.id)))

    @property
    def lock(self) -> Lock:
        return self.locks[0]

    def set_connected(self, is_connected: bool, door: int = 0) -> None:
        """The door's way to the Internet is there or gone from now on."""
        with self.stage.cloud.steady():
            self.stage.cloud.weather.set_connected(self.doors[door], is_connected)

    def open_alerts(self) -> list[str]:
        """The causes of what is alerted, after one more look."""
        self.stage.sweep()
        db.session.rollback()
        return sorted(db.session.scalars(select(Alert.cause).where(Alert.closed_at.is_(None))))

    def map(self, *locks: Lock) -> None:
        """These locks and no others open the house."""
        ids = [lock.id for lock in locks]
        with bookings.changing() as session:
            place = session.get_one(Property, self.place.id)
            mapping.set_locks(session, place, ids, "manager:1")
        self.stage.work()

    def book(
        self,
        external_id: str = "b1",
        arrives: str = "2026-03-05",
        departs: str = "2026-03-08",
        pin: str | None = None,
        guest: str = "Ana Guest",
        status: BookingStatus = BookingStatus.CONFIRMED,
    ) -> Booking:
        """Makes or changes a booking, as the API would; the jobs it rings for are done."""
        arrives_on, arrives_time = _local(arrives)
        departs_on, departs_time = _local(departs)
        with bookings.changing() as session:
            saved = bookings.save(
                session,
                Source.API,
                external_id,
                BookingWish(
                    property_id=self.place.id,
                    guest_name=guest,
                    arrives_on=arrives_on,
                    arrives_time=arrives_time,
                    departs_on=departs_on,
                    departs_time=departs_time,
                    pin=Secret(pin) if pin else None,
                    status=status,
                ),
                "api:1",
            )
            booking_id = saved.booking.id
        self.stage.work()
        return self.booking(booking_id)

    def cancel(self, booking: Booking) -> None:
        with bookings.changing() as session:
            bookings.cancel(session, session.get_one(Booking, booking.id), "manager:1")
        self.stage.work()

    def resync(self, booking: Booking) -> bool:
        with bookings.changing() as session:
            started = bookings.resync(session, session.get_one(Booking, booking.id), "manager:1")
        self.stage.work()
        return started

    def new_pin(self, booking: Booking) -> None:
        with bookings.changing() as session:
            bookings.new_pin(session, session.get_one(Booking, booking.id), "manager:1")
        self.stage.work()

    def show_pin(self, booking: Booking) -> str:
        with bookings.changing() as session:
            pin = bookings.show_pin(session, session.get_one(Booking, booking.id), "manager:1")
        assert pin is not None
        return pin.reveal()

    def reconnect(self) -> None:
        """Somebody signs in at Schlage again; what waited for that is worked."""
        grant = self.stage.cloud.issue_token(USER, "stage")
        with bookings.changing() as session:
            connection = session.get_one(Connection, self.connection.id)
            connection.state = ConnectionState.CONNECTED
            connection.access_token = Secret(grant.access_token)
            connection.refresh_token = Secret(grant.refresh_token)
            connections._wake(session, connection.id, self.stage.now)
        self.stage.work()

    def booking(self, booking_id: int) -> Booking:
        db.session.rollback()
        return db.session.get_one(Booking, booking_id)

    def code(self, booking: Booking, door: int = 0) -> DoorCode:
        """The booking's code on that door, as the database has it now."""
        db.session.rollback()
        lock = self.locks[door]
        return db.session.scalars(
            select(DoorCode).where(DoorCode.booking_id == booking.id, DoorCode.lock_id == lock.id)
        ).one()

    def spares(self, door: int = 0) -> list[DoorCode]:
        """The spares of that door, the oldest first, those long gone included."""
        lock = self.locks[door]
        return list(
            db.session.scalars(
                select(DoorCode)
                .where(DoorCode.lock_id == lock.id, DoorCode.is_spare.is_(True))
                .order_by(DoorCode.id)
            )
        )

    def stock(self, door: int = 0) -> list[DoorCode]:
        """The spares of that door that are wanted and that nobody was given."""
        now = self.stage.now
        wanted = [s for s in self.spares(door) if s.is_wanted and now < s.ends_at]
        return [s for s in wanted if s.given_to_id is None]

    def status(self, booking: Booking, door: int = 0) -> Status:
        return self.code(booking, door).status

    def pin(self, booking: Booking) -> str:
        pin = self.booking(booking.id).pin
        assert pin is not None
        return pin.reveal()

    def entries(self, booking: Booking) -> list[LockEntry]:
        code = self.code(booking)
        return list(
            db.session.scalars(
                select(LockEntry).where(LockEntry.door_code_id == code.id).order_by(LockEntry.id)
            )
        )

    def commands(self) -> list[Command]:
        db.session.rollback()
        return list(db.session.scalars(select(Command).order_by(Command.id)))

    def told(self, booking: Booking) -> list[str]:
        """The kinds of the booking's history, oldest first."""
        return list(
            db.session.scalars(
                select(TimelineEntry.kind)
                .where(TimelineEntry.booking_id == booking.id)
                .order_by(TimelineEntry.id)
            )
        )

    def opens(self, pin: str, at: datetime | None = None, door: int = 0) -> bool:
        """Whether these digits open the door: the lock's own answer."""
        return self.doors[door].opens(pin, at or self.stage.now)

    def held(self, door: int = 0) -> list[str]:
        """The names of the entries that the lock itself holds."""
        return sorted(code.name for code in self.doors[door].lock_codes)


def _local(text: str) -> tuple[date, time | None]:
    if "T" not in text:
        return date.fromisoformat(text), None
    moment = datetime.fromisoformat(text)
    return moment.date(), moment.time()


def hours(count: float) -> timedelta:
    return timedelta(hours=count)
