"""What people do to locks without our API: the keypad, the phone app, and the hand of fate."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from simulator import rng as chance
from simulator.codes import DIGITS, Code
from simulator.core import Core
from simulator.lock import PAUSE, TRIES, Accessor, Lock
from simulator.problems import ALREADY_IN_USE, ID_NOT_FOUND, WRONG_DIGITS, Problem
from simulator.schedules import ALWAYS, Schedule
from simulator.webhooks import Webhooks


class Refused(Exception):
    """The phone app says no; the text is the vendor's."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class People:
    """Guests, owners with a phone, and whoever breaks things on purpose."""

    def __init__(self, core: Core, webhooks: Webhooks) -> None:
        self._core = core
        self._webhooks = webhooks

    def key_in(self, lock: Lock, pin: str, at: datetime | None = None) -> bool:
        """Whether the door opened for these digits, now or (as a mere question) at `at`."""
        if at is not None:
            return lock.opens(pin, at)
        now = self._core.now()
        if lock.paused_until is not None and now < lock.paused_until:
            return False
        lock.paused_until = None
        code = lock.opening_code(pin, now)
        if code is None:
            self._wrong_try(lock, now)
            return False
        lock.wrong_tries = 0
        self._unlock(lock, "UnlockedByKeypad", Accessor("AccessCode", code.id, code.name))
        return True

    def turn_thumb(self, lock: Lock) -> None:
        """Somebody inside turned the thumb-turn: the door is open."""
        self._unlock(lock, "UnlockedByThumbturn", Accessor("Thumbturn"))

    def _wrong_try(self, lock: Lock, now: datetime) -> None:
        """Digits that open nothing; the third time in a row the keypad takes a pause and says so.

        No source tells of a webhook for a single wrong try: only the lock's log has those.
        """
        lock.wrong_tries += 1
        lock.note("InvalidAccessCode", now, Accessor("AccessCode"))
        is_paused = lock.wrong_tries >= TRIES
        if is_paused:
            lock.wrong_tries, lock.paused_until = 0, now + PAUSE
            lock.note("KeypadDisabledInvalidCode", now, Accessor("AccessTypeUnavailable"))
        self._core.keep(lock)
        if is_paused and lock.is_connected:
            self._webhooks.keypad_locked_out(lock)

    def _unlock(self, lock: Lock, event: str, accessor: Accessor) -> None:
        lock.bolt = "Unlocked"
        lock.note(event, self._core.now(), accessor)
        self._core.keep(lock)
        if lock.is_connected:
            self._webhooks.lock_moved(lock, accessor)

    def add_code(self, lock: Lock, name: str, pin: str, schedule: Schedule = ALWAYS) -> Code:
        """A code made in the phone app, on both lists at once; raises Refused."""
        code = Code(chance.new_uuid(self._core.ids), name, pin, schedule)
        self._hold(lock, code, "AccessCodeCreated")
        return code

    def edit_code(self, lock: Lock, code_id: str, **changes: Any) -> Code:
        """A code changed in the phone app; raises Refused when the lock has no such id."""
        old = lock.lock_codes.get(code_id)
        if old is None:
            raise Refused(ID_NOT_FOUND)
        code = replace(old, **changes)
        self._hold(lock, code, "AccessCodeUpdated", replaces=code_id)
        return code

    def remove_code(self, lock: Lock, code_id: str) -> None:
        """A code taken off both lists in the phone app; raises Refused when neither has it."""
        code = lock.lock_codes.get(code_id) or lock.server_codes.get(code_id)
        if code is None:
            raise Refused(ID_NOT_FOUND)
        lock.drop(code_id, self._core.now())
        lock.server_codes.remove(code_id)
        self._changed(lock, "AccessCodeDeleted", code)

    def delete_all(self, lock: Lock) -> None:
        """Delete All was pressed in the phone app: both lists are empty and agree again."""
        gone = list(lock.server_codes)
        lock.drop_all(self._core.now())
        self._core.tell_list(lock, "phone_app")
        for code in gone:
            self._tell(lock, "AccessCodeDeleted", code)

    def split_a(self, lock: Lock, code_id: str | None, name: str, pin: str) -> Code:
        """The lock holds a code that the server does not list: one it forgot, or one made up."""
        held = lock.lock_codes.get(code_id)
        if held is not None:
            lock.server_codes.remove(held.id)
            self._core.keep(lock)
            return held
        code = Code(chance.new_uuid(self._core.ids), name, pin)
        lock.lock_codes.put(code)
        self._core.tell_list(lock, "split_brain")
        return code

    def split_b(self, lock: Lock, code_id: str | None, name: str, pin: str) -> Code:
        """The server lists a code that the lock lacks: one it lost, or one made up."""
        listed = lock.server_codes.get(code_id)
        if listed is None:
            listed = Code(chance.new_uuid(self._core.ids), name, pin)
            lock.server_codes.put(listed)
        lock.lock_codes.remove(listed.id)
        self._core.tell_list(lock, "split_brain")
        return listed

    def synchronise(self, lock: Lock) -> None:
        """The server takes over the lock's list, and tells what came and went.

        Access Code Synchronization, which the vendor has offered since July 2025.
        """
        lost = [code for code in lock.server_codes if code.id not in lock.lock_codes]
        found = [code for code in lock.lock_codes if code.id not in lock.server_codes]
        lock.server_codes.replace_all(lock.lock_codes)
        self._core.keep(lock)
        for code in lost:
            self._tell(lock, "AccessCodeDeleted", code)
        for code in found:
            self._tell(lock, "AccessCodeCreated", code)
        self._webhooks.emit(lock, "AccessCodeUpdate", "AccessCodesSynchronized", {})

    def set_battery(self, lock: Lock, level: int) -> None:
        """The battery has this many percent left; a new state of it is told."""
        before, lock.battery_level = lock.battery_state, level
        self._core.keep(lock)
        if lock.battery_state != before:
            self._webhooks.battery_changed(lock)

    def stop_clock_changes(self, lock: Lock, is_stopped: bool) -> None:
        """The lock's clock keeps its present offset through the next change of the clocks."""
        lock.clock_offset_minutes = None
        if is_stopped:
            offset = self._core.now().astimezone(ZoneInfo(lock.zone)).utcoffset()
            lock.clock_offset_minutes = int(offset.total_seconds() // 60) if offset else 0
        self._core.keep(lock)

    def _hold(self, lock: Lock, code: Code, trigger: str, replaces: str | None = None) -> None:
        if not DIGITS.fullmatch(code.pin):
            raise Refused(WRONG_DIGITS)
        problem = lock.refusal(code, replaces)
        if problem is None and lock.server_codes.clashes(code, ignoring=replaces):
            problem = ALREADY_IN_USE
        if problem is not None:
            raise Refused(problem)
        lock.hold(code, self._core.now(), replaces)
        lock.server_codes.put(code)
        self._changed(lock, trigger, code)

    def _changed(self, lock: Lock, trigger: str, code: Code) -> None:
        self._core.tell_list(lock, "phone_app")
        self._tell(lock, trigger, code)

    def _tell(self, lock: Lock, trigger: str, code: Code) -> None:
        data: dict[str, Any] = {
            "accessCodeId": code.id,
            "name": code.name,
            "scheduleType": code.schedule.type,
        } | code.schedule.details()
        self._webhooks.emit(lock, "AccessCodeUpdate", trigger, data)
