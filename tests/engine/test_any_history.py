"""Any history of bookings, faults, outages and crashes: no promise breaks, and all ends right."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, invariant, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.domain.intake import HOLD, MANY
from portal.extensions import db
from portal.models import Booking, BookingStatus, DoorCode, Property
from portal.services import properties, spares
from portal.services.ringing import changing
from portal.services.spares import NoSpare
from tests.engine.luck import FAULTS, MINUTES, SHARE, Luck, deep, prove
from tests.support.feed import Calendar

NEW_YORK = ZoneInfo("America/New_York")


class History(Luck):
    """Stays at the two doors, made, moved and cancelled by people and by a calendar."""

    spares: ClassVar[int] = 1
    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.calendar = Calendar(self.house)
        self.shown: dict[int, str] = {}

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

    @rule(name=made)
    def give_spare(self, name: str) -> None:
        with changing() as session, suppress(NoSpare):
            spares.hand_out(session, self._row_in(session, name), "manager:1", self.stage.now)
        self.changes += 1
        self.stage.work()

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

    @invariant()
    def a_pin_that_was_told_stays_until_a_person_asks(self) -> None:
        """I5."""
        for booking_id, pin in self.shown.items():
            assert self.house.pin(self.house.booking(booking_id)) == pin

    def _press(self, asking: list[DoorCode]) -> None:
        for booking_id in {code.booking_id for code in asking if code.booking_id}:
            self.house.resync(self.house.booking(booking_id))
        if any(code.is_spare for code in asking):
            self._keep_spares(0)
            self._keep_spares(1)

    def _keep_spares(self, number: int) -> None:
        with changing() as session:
            place = session.get_one(Property, self.house.place.id)
            properties.update(session, place, spare_codes=number)
        self.stage.run_for(minutes=30)

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
