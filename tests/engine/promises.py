"""The promises of the product, watched from both sides of the wire after every single job."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import exists, select
from sqlalchemy.orm import joinedload

from benchmarks.stage import Stage
from portal.domain.command import OPEN, Lane, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import (
    BookingStatus,
    Command,
    ConnectionState,
    DoorCode,
    Lock,
    LockEntry,
)
from portal.queue import JobName
from simulator.codes import Code
from simulator.core import Fact, FactKind
from simulator.lock import Lock as RealLock

# After these the lock's own word was false, or the lock changed by itself long after: no client
# can know before it reads again.
LIES: Final = {
    "false_success", "split_brain_b", "timeout_applied_late", "timeout_then_success",
}  # fmt: skip
# A lock that somebody emptied is found out by the next reads. Our own removal is no excuse.
BY_OTHERS: Final = {"phone_app", "split_brain", "delete_all"}
NOTICED_WITHIN: Final = timedelta(minutes=30)
IN_FLIGHT: Final = {Status.QUEUED, Status.SENT, Status.RETRYING, Status.UNSURE, Status.REMOVING}


class Killed(BaseException):
    """The process dies here: nothing of ours may catch it."""


@dataclass
class _Guest:
    """A guest inside, and what has opened a door for them so far."""

    pins: set[str] = field(default_factory=set)
    could_enter: bool = False


class Watch:
    """Stands between the stage and its jobs; `broken` holds one line per broken promise.

    A job that is killed is taken for a process that died: its lease stays behind.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.broken: list[str] = []
        self.excused: set[str] = set()  # names of entries about which the lock lied
        self.foreign: dict[str, set[Code]] = {}
        self.writes: list[Fact] = []
        self.kills = 0
        self.before_job: Callable[[JobName], None] = lambda job: None
        self._emptied: dict[str, datetime] = {}
        self._guests: dict[int, _Guest] = {}
        self.run = stage.run_job
        stage.run_job = self._job
        stage.cloud.on_fact(self._hear)

    def excuse(self, *names: str) -> None:
        """A person changed these entries at the lock: what we say of them may be out of date."""
        self.excused.update(names)

    def add_foreign(self, door: RealLock, name: str, pin: str) -> Code:
        """A code that somebody else made; from now on nobody of ours may touch it."""
        code = self.stage.cloud.people.add_code(door, name, pin)
        self.foreign.setdefault(door.id, set()).add(code)
        return code

    def assert_kept(self) -> None:
        assert not self.broken, "\n".join(self.broken)

    def assert_settled(self) -> None:
        """Nothing is open, and each lock holds exactly what is wanted of it: no more, no less."""
        self.assert_kept()
        db.session.rollback()
        now = self.stage.now
        waiting = db.session.scalars(select(Command).where(Command.state.in_(OPEN))).all()
        assert waiting == []
        for code in _codes():
            held = self._entries_on(code)
            if code.is_wanted and code.send_at <= now < code.ends_at:
                assert code.status is Status.CONFIRMED, (code.status, code.problem)
                in_doubt = _labels_in_doubt(code)
                known = [real for real in held if real.name not in in_doubt]
                assert len(known) == 1, "one entry for each wanted code, and none that we forgot"
            if code.status is Status.REMOVED:
                assert self._open_for(code) == [], "shown as removed, and still on the lock"
            is_over = not code.is_wanted or now >= code.ends_at + timedelta(hours=1)
            if is_over and not (now < code.ends_at and _labels_in_doubt(code)):
                assert code.status is Status.REMOVED, (code.status, code.problem)

    def _job(self, job: JobName, ids: tuple[int, ...]) -> None:
        try:
            self.before_job(job)
            self.run(job, ids)
        except Killed:
            self.kills += 1
        self.look()

    def look(self) -> None:
        """Every promise that can be seen at this moment is checked."""
        db.session.rollback()
        codes = _codes()
        for code in codes:
            self._check_green(code)
            self._check_removed(code)
            self._check_deadline(code)
            self._check_ready(code)
        self._check_digits()
        self._check_guests(codes)
        self._check_foreign()
        db.session.rollback()

    def _hear(self, fact: Fact) -> None:
        if fact.kind is FactKind.WRITE:
            self.writes.append(fact)
            self._check_written_down(fact)
            if self._is_lie(fact) and fact.data["code_id"]:
                self.excused |= self._names_of(fact)

        elif fact.kind is FactKind.LOCK_LIST and self._is_emptied_by_others(fact):
            self._emptied[fact.lock_id or ""] = fact.at

    @staticmethod
    def _is_emptied_by_others(fact: Fact) -> bool:
        return not fact.data["codes"] and fact.data["cause"] in BY_OTHERS

    @staticmethod
    def _is_lie(fact: Fact) -> bool:
        faults = fact.data["faults"]
        is_denied = fact.data["command"] == "delete" and "not found" in faults.get("failed", "")
        return bool(LIES & set(faults)) or is_denied

    def _names_of(self, fact: Fact) -> set[str]:
        door = self.stage.cloud.locks[fact.lock_id or ""]
        codes = (*door.server_codes, *door.lock_codes)
        names = {code.name for code in codes if code.id == fact.data["code_id"]}
        return names | {fact.data["name"]} if fact.data["name"] else names

    def _check_written_down(self, fact: Fact) -> None:
        """I6, I13: a committed row tells of every write, made under the lock's present lease."""
        with db.engine.connect() as connection:
            rows = connection.execute(
                select(Command.lane, Command.lease_token, Lock.lease_token)
                .join(Lock, Lock.id == Command.lock_id)
                .where(Lock.device_id == fact.lock_id, Command.state == State.SENDING)
            ).all()
        if not rows:
            self._say(f"{fact.data['command']} reached Schlage without a row")
        if any(lane is Lane.CODES and mine != present for lane, mine, present in rows):
            self._say(f"{fact.data['command']} was sent under a lease that was lost")

    def _check_green(self, code: DoorCode) -> None:
        """Promise 1, and I15: green is only what the lock itself holds."""
        if code.status is not Status.CONFIRMED or self.stage.now >= code.ends_at:
            return
        pin = code.pin
        assert pin is not None
        real = self._door(code).lock_codes.by_pin(pin.reveal())
        if real is not None and code.staff_code is not None and not code.staff_code.ends_by_itself:
            self._check_week(code, real)
            return
        if real is None or real.schedule.start is None or real.schedule.end is None:
            if not self._is_excused(code):
                self._say(f"wrong green: code {code.id} is not on the lock")
            return
        is_covered = real.schedule.start <= code.starts_at and code.ends_at <= real.schedule.end
        if not is_covered and real.name not in self.excused:
            self._say(f"wrong green: code {code.id} has another window on the lock")

    def _check_week(self, code: DoorCode, real: Code) -> None:
        """A staff code opens in the very hours that are shown for it."""
        assert code.staff_code is not None
        shown = [(w.starts, w.ends, w.weekdays) for w in code.staff_code.windows]
        on_lock = [(w.start, w.end, frozenset(w.days)) for w in real.schedule.weekly]
        if shown != on_lock and real.name not in self.excused:
            self._say(f"wrong green: code {code.id} has other hours on the lock")

    def _check_ready(self, code: DoorCode) -> None:
        """Promise 1 for the booking: whose stay is ready is let in by each door for all of it."""
        booking, now = code.booking, self.stage.now
        if booking is None or booking.verdict is not Verdict.READY or not code.is_wanted:
            return
        if booking.status is BookingStatus.CANCELLED or now >= booking.ends_at:
            return
        held = self._door(code).lock_codes.by_pin(code.pin.reveal()) if code.pin else None
        lasts = held is not None and (
            (held.schedule.start is None or held.schedule.start <= max(booking.starts_at, now))
            and (held.schedule.end is None or held.schedule.end >= booking.ends_at)
        )
        if not lasts and not self._is_excused(code):
            self._say(f"booking {booking.id} is ready, and door code {code.id} does not open")

    def _check_removed(self, code: DoorCode) -> None:
        """Promise 7: gone is only what the lock has lost, or lets nobody in with any more."""
        if code.status is Status.REMOVED and self._open_for(code) and not self._is_excused(code):
            self._say(f"code {code.id} is shown as removed and is on the lock")

    def _check_deadline(self, code: DoorCode) -> None:
        """Promise 2: what is under way has an age, and its lock a time at which it is worked."""
        lock = code.lock
        is_waiting = code.status in IN_FLIGHT or code.status is Status.PLANNED
        can_call = lock.connection.state is ConnectionState.CONNECTED
        if is_waiting and can_call and lock.due_at is None:
            self._say(f"code {code.id} is {code.status} and its lock waits for nothing")

    def _check_digits(self) -> None:
        """I4: no two codes that may be on one lock begin with the same four digits.

        A lock that a property gets later may have a code like that of a stay: that is found before
        anything is sent.
        """
        seen: dict[tuple[int, str], int] = {}
        sent = db.session.execute(
            select(LockEntry.lock_id, LockEntry.door_code_id, LockEntry.pin).where(
                LockEntry.state != EntryState.GONE, LockEntry.evidence != Evidence.NOT_SENT
            )
        )
        for lock_id, code_id, pin in sent:
            first = seen.setdefault((lock_id, pin.reveal()[:4]), code_id)
            if first != code_id:
                self._say(f"codes {first} and {code_id} have the same first digits")

    def _check_guests(self, codes: list[DoorCode]) -> None:
        """Promise 8: whoever could enter during the stay can enter until it ends."""
        now = self.stage.now
        by_booking: dict[int, list[DoorCode]] = {}
        for code in codes:
            if code.stay_id is not None:
                by_booking.setdefault(code.stay_id, []).append(code)
        for booking_id, own in by_booking.items():
            booking = own[0].stay
            assert booking is not None
            guest = self._guests.setdefault(booking_id, _Guest())
            is_inside = booking.starts_at <= now < booking.ends_at
            if booking.status is BookingStatus.CANCELLED or not is_inside:
                guest.could_enter = False
                continue
            guest.pins |= {p.reveal() for c in own if (p := c.pin)}
            opening = [c for c in own if any(self._door(c).opens(pin, now) for pin in guest.pins)]
            if guest.could_enter and not opening and not any(map(self._is_excused, own)):
                self._say(f"the guest of booking {booking_id} was locked out")
            guest.could_enter = not all(map(self._is_overtaken, opening))

    def _is_overtaken(self, code: DoorCode) -> bool:
        """Whether a command is under way that was sent before the booking was changed again.

        Nobody can call it back, and what it does is put right as soon as it has ended.
        """
        return db.session.scalars(
            select(
                exists().where(
                    Command.lock_entry_id == LockEntry.id,
                    LockEntry.door_code_id == code.id,
                    Command.state.in_(OPEN),
                    Command.revision < code.revision,
                )
            )
        ).one()

    def _check_foreign(self) -> None:
        """Promise 9: what others made stays as it is."""
        for device_id, codes in self.foreign.items():
            door = self.stage.cloud.locks[device_id]
            for code in codes:
                if door.lock_codes.get(code.id) != code:
                    self._say(f"{code.name!r}, which is not ours, was touched")

    def _entries_on(self, code: DoorCode) -> list[Code]:
        entries = db.session.scalars(select(LockEntry).where(LockEntry.door_code_id == code.id))
        labels = {entry.label for entry in entries if not _is_known_to_nobody(code, entry)}
        return [real for real in self._door(code).lock_codes if real.name in labels]

    def _open_for(self, code: DoorCode) -> list[Code]:
        """The code's entries on the lock whose window, as the lock has it, is not over."""
        now = self.stage.now
        return [
            real
            for real in self._entries_on(code)
            if real.schedule.end is None or now < real.schedule.end
        ]

    def _is_excused(self, code: DoorCode) -> bool:
        emptied_at = self._emptied.get(code.lock.device_id)
        if emptied_at is not None and self.stage.now - emptied_at < NOTICED_WITHIN:
            return True
        if not self.excused:
            return False
        labels = db.session.scalars(
            select(LockEntry.label).where(LockEntry.door_code_id == code.id)
        )
        return bool(self.excused & set(labels))

    def _door(self, code: DoorCode) -> RealLock:
        return self.stage.cloud.locks[code.lock.device_id]

    def _say(self, words: str) -> None:
        line = f"{self.stage.now:%d %b %H:%M:%S} {words}"
        if not any(said.endswith(words) for said in self.broken):
            self.broken.append(line)


def _codes() -> list[DoorCode]:
    return list(
        db.session.scalars(
            select(DoorCode)
            .options(
                joinedload(DoorCode.booking),
                joinedload(DoorCode.given_to),
                joinedload(DoorCode.staff_code),
                joinedload(DoorCode.lock).joinedload(Lock.connection),
            )
            .execution_options(populate_existing=True)
        )
    )


def _is_known_to_nobody(code: DoorCode, entry: LockEntry) -> bool:
    """A try at a spare that never succeeded, no list shows, and nobody was given the digits of.

    It lets nobody in, so it is not kept in doubt. What was once confirmed has to be removed.
    """
    was_given = code.given_at is not None and entry.pin == code.pin
    if not code.is_spare or was_given or entry.evidence is not Evidence.READ_TWICE:
        return False
    succeeded = exists().where(Command.lock_entry_id == entry.id, Command.state == State.SUCCEEDED)
    return not db.session.scalars(select(succeeded)).one()


def _labels_in_doubt(code: DoorCode) -> set[str]:
    """What the lock has, or may have, and no list shows: in doubt until its window is over."""
    entries = db.session.scalars(select(LockEntry).where(LockEntry.door_code_id == code.id))
    return {
        e.label
        for e in entries
        if e.state is EntryState.MAYBE and e.evidence in {Evidence.IN_USE, Evidence.DENIED}
    }
