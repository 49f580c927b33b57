"""Any history of staff codes: hours, last days and revocations, in any luck.

What the lock would do by itself at the end of a stay, it does not for weekly hours: so these have
histories of their own. The faults, the outages, the crashes and the promises are the same.
"""

from datetime import date, timedelta

import pytest
from flask import Flask
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, rule
from sqlalchemy import select

from portal.domain.problems import ProblemKey
from portal.domain.status import Status
from portal.domain.week import WeeklyWindow
from portal.extensions import db
from portal.models import DoorCode, Lock, StaffCode
from portal.services import rebuilds, staff_codes
from portal.services.ringing import changing
from portal.services.staff_codes import StaffWish
from tests.engine.luck import FAULTS, MINUTES, SHARE, Luck, deep, prove
from tests.engine.test_staff_codes import FRIDAYS, MONDAYS

Hours = tuple[WeeklyWindow, ...]
HOURS: tuple[Hours, ...] = ((), (MONDAYS,), (FRIDAYS,), (MONDAYS, FRIDAYS))
LAST_DAYS = (None, 1, 2, 9)


class StaffHistory(Luck):
    """Two doors, and people who work behind them."""

    staff = Bundle("staff")

    @initialize(
        target=staff,
        hours=st.sampled_from(HOURS),
        days=st.sampled_from(LAST_DAYS),
        faults=st.lists(st.sampled_from(FAULTS), max_size=2),
        minutes=st.sampled_from(MINUTES),
    )
    def begin(self, hours: Hours, days: int | None, faults: list[str], minutes: float) -> int:
        for fault in faults:
            self.house.door.script.push(fault)
        person = self.hire(hours, days)
        self.stage.run_for(minutes=minutes)
        return person

    @rule(target=staff, hours=st.sampled_from(HOURS), days=st.sampled_from(LAST_DAYS))
    def hire(self, hours: Hours, days: int | None) -> int:
        self.count += 1
        with changing() as session:
            wish = self._wish(hours, days)
            row = staff_codes.create(session, self.house.account.id, wish, "manager:1")
            person = row.id
        self.stage.work()
        return person

    @rule(person=staff, hours=st.sampled_from(HOURS), days=st.sampled_from(LAST_DAYS))
    def change(self, person: int, hours: Hours, days: int | None) -> None:
        self.changes += 1
        with changing() as session:
            row = session.get_one(StaffCode, person)
            if row.revoked_at is None:
                staff_codes.update(session, row, self._wish(hours, days), "manager:1")
        self.stage.work()

    @rule(person=consumes(staff))
    def revoke(self, person: int) -> None:
        self.changes += 1
        with changing() as session:
            staff_codes.revoke(session, session.get_one(StaffCode, person), "manager:1")
        self.stage.work()

    @rule(person=staff)
    def tell_the_pin(self, person: int) -> None:
        with changing() as session:
            staff_codes.show_pin(session, session.get_one(StaffCode, person), "manager:1")

    @rule(person=staff)
    def press_resync(self, person: int) -> None:
        self.changes += 1
        self._resync_person(person)

    def _resync_person(self, person: int) -> None:
        with changing() as session:
            staff_codes.resync(session, session.get_one(StaffCode, person), "manager:1")
        self.stage.work()

    def _wish(self, hours: Hours, days: int | None) -> StaffWish:
        today: date = self.stage.now.date()
        return StaffWish(
            name="Rosa Clean",
            property_ids=frozenset({self.house.place.id}),
            windows=hours,
            ends_on=None if days is None else today + timedelta(days=days),
        )

    def _do_what_is_asked(self) -> bool:
        is_cleared = self._clear_locks()
        return super()._do_what_is_asked() or is_cleared

    def _press(self, asking: list[DoorCode]) -> None:
        for person in {code.staff_code_id for code in asking if code.staff_code_id}:
            self._resync_person(person)

    def _clear_locks(self) -> bool:
        """Whether a code was to be removed that only Delete All takes off; then that is done."""
        db.session.rollback()
        stuck = select(DoorCode.lock_id).where(
            DoorCode.status == Status.REMOVING, DoorCode.problem == ProblemKey.SPLIT_BRAIN
        )
        locks = db.session.scalars(stuck.distinct()).all()
        for lock_id in locks:
            with changing() as session:
                lock = session.get_one(Lock, lock_id)
                rebuilds.start(session, lock, "manager:1", by_command=True)
        self.stage.run_for(minutes=15)
        return bool(locks)


@pytest.mark.usefixtures("stage")
def test_a_share_of_staff_histories_keeps_every_promise(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(StaffHistory, app, monkeypatch, settings(SHARE, max_examples=20))


@pytest.mark.deep
@pytest.mark.usefixtures("stage")
def test_many_staff_histories_keep_every_promise(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(StaffHistory, app, monkeypatch, deep())
