"""A command from its acceptance to its end: what the lock does, what the server believes.

The order of things, any two of which a fault may tear apart: accepted, reaches the lock, checked
against the lock's list, applied, state and webhook, the server's list.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from simulator import rng as chance
from simulator.codes import Code
from simulator.core import Core
from simulator.lock import Accessor, Lock
from simulator.problems import ID_NOT_FOUND, TIMED_OUT, USER_NOT_FOUND, Problem, problem_of
from simulator.script import Plan
from simulator.webhooks import Webhooks

KEPT_FOR = timedelta(days=7)
"""How long a command can be looked up."""


class Kind(StrEnum):
    ADD = "add"
    UPDATE = "update"
    DELETE = "delete"
    DELETE_ALL = "delete_all"
    LOCK = "lock"
    UNLOCK = "unlock"


WIRE_NAMES = {
    Kind.ADD: "AddAccessCode",
    Kind.UPDATE: "UpdateAccessCode",
    Kind.DELETE: "DeleteAccessCode",
    Kind.DELETE_ALL: "DeleteAllAccessCodes",
    Kind.LOCK: "ChangeLockState",
    Kind.UNLOCK: "ChangeLockState",
}

PENDING, SUCCESSFUL, FAILED, NACK, TIMED_OUT_STATE = (
    "Pending", "Successful", "Failed", "Nack", "TimedOut",
)  # fmt: skip

LISTED_ONLY = ("timeout_listed_only", "false_success")
LATE = ("timeout_applied_late", "timeout_then_success")


@dataclass(slots=True, eq=False)
class Command:
    """One write on its way to one lock. `code` is what shall be, `target_id` the entry named."""

    id: str
    lock_id: str
    kind: Kind
    client_id: str
    accepted_at: datetime
    plan: Plan = field(default_factory=Plan)
    code: Code | None = None
    target_id: str | None = None
    target_name: str | None = None
    state: str = PENDING
    state_before: str = PENDING
    visible_at: datetime | None = None
    error: dict[str, Any] | None = None

    @property
    def is_pretended(self) -> bool:
        """Whether the server's list changes without the lock."""
        return any(name in self.plan for name in LISTED_ONLY)

    def shown_state(self, now: datetime) -> str:
        """The state a look-up shows, which may lag behind the webhook."""
        is_hidden = self.visible_at is not None and now < self.visible_at
        return self.state_before if is_hidden else self.state

    def to_row(self) -> dict[str, Any]:
        row: dict[str, Any] = {name: getattr(self, name) for name in _PLAIN}
        row["accepted_at"] = self.accepted_at.isoformat()
        row["visible_at"] = self.visible_at.isoformat() if self.visible_at else None
        row["faults"] = dict(self.plan.faults)
        row["is_scripted"] = self.plan.is_scripted
        row["code"] = self.code.to_row() if self.code else None
        return row

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Command":
        command = cls(
            accepted_at=datetime.fromisoformat(row["accepted_at"]),
            **{name: row[name] for name in _PLAIN},
        )
        command.kind = Kind(row["kind"])
        command.visible_at = row["visible_at"] and datetime.fromisoformat(row["visible_at"])
        command.plan = Plan(row["faults"], row["is_scripted"])
        command.code = Code.from_row(row["code"]) if row["code"] else None
        return command


_PLAIN = (
    "id", "lock_id", "kind", "client_id", "target_id", "target_name", "state", "state_before",
    "error",
)  # fmt: skip


class Commands:
    """All commands that can still be looked up, and what moves them."""

    def __init__(self, core: Core, webhooks: Webhooks) -> None:
        self._core = core
        self._webhooks = webhooks
        self._known: dict[str, Command] = {}
        self._oldest: deque[Command] = deque()

    def __iter__(self) -> Any:
        return iter(self._oldest)

    def get(self, id: str) -> Command | None:
        """The command, unless it was forgotten, by age or by a fault."""
        command = self._known.get(id)
        return None if command is None or "command_forgotten" in command.plan else command

    def accept(
        self,
        lock: Lock,
        kind: Kind,
        client_id: str,
        plan: Plan,
        code: Code | None = None,
        target: Code | None = None,
        target_id: str | None = None,
    ) -> Command:
        """The command is on its way; the lock knows nothing of it yet."""
        command = Command(
            chance.new_uuid(self._core.ids), lock.id, kind, client_id, self._core.now(), plan,
            code, target_id, target.name if target else None,
        )  # fmt: skip
        self._known[command.id] = command
        self._oldest.append(command)
        self._forget_old()
        self._keep(command)
        if "webhook_before_202" in plan:
            self.reach_lock(command.id)
        else:
            self._core.after(self._core.faults_of(lock).latency(lock.rng), "reach_lock", command.id)
        return command

    def reach_lock(self, command_id: str) -> None:
        """The command is at the lock: done, refused, or on the way to a time-out."""
        command = self._known[command_id]
        lock = self._core.locks.get(command.lock_id)
        if lock is None:
            return
        plan = command.plan
        if not lock.is_connected or "timeout_not_applied" in plan:
            self._expire_later(command, lock, listed=False)
        elif "timeout_listed_only" in plan:
            self._expire_later(command, lock, listed=True)
        elif "timeout_applied" in plan or "split_brain_a" in plan:
            is_applied = self._apply(command, lock) is None
            self._expire_later(command, lock, listed=is_applied and "timeout_applied" in plan)
        elif late := next((name for name in LATE if name in plan), None):
            self._expire_later(command, lock, listed=False)
            self._at(command, plan.seconds(late), "apply_late", command.id)
        elif "state" in plan:
            self._move(command, lock, plan.text("state"))
        elif "nack" in plan:
            self._finish(command, lock, NACK)
        elif "failed" in plan:
            self._finish(command, lock, FAILED, problem_of(plan.text("failed")))
        else:
            self._do(command, lock)

    def _do(self, command: Command, lock: Lock) -> None:
        if "split_brain_b" in command.plan and command.target_id:
            lock.drop(command.target_id, self._core.now())
            self._core.tell_list(lock, "split_brain")
        problem = None if command.is_pretended else self._apply(command, lock)
        if problem is not None:
            self._finish(command, lock, FAILED, problem)
            return
        self._finish(command, lock, SUCCESSFUL)
        self._report_later(command, lock)

    def expire(self, command_id: str, listed: str) -> None:
        """The lock's time is up. The server lists what it learnt by then."""
        command = self._known.get(command_id)
        lock = command and self._core.locks.get(command.lock_id)
        if not command or not lock:
            return
        self._finish(command, lock, TIMED_OUT_STATE, TIMED_OUT)
        if listed:
            self._report_later(command, lock)

    def apply_late(self, command_id: str) -> None:
        """Long given up, the command reaches the lock after all."""
        command = self._known.get(command_id)
        lock = command and self._core.locks.get(command.lock_id)
        if not command or not lock or not lock.is_connected:
            return
        if self._apply(command, lock) is None:
            if "timeout_then_success" in command.plan:
                self._finish(command, lock, SUCCESSFUL)
            self._report_later(command, lock)

    def report(self, command_id: str) -> None:
        """The server's list shows what the lock holds under the ids of this command.

        It copies the lock's present entry, so that two reports in the wrong order do no harm.
        """
        command = self._known.get(command_id)
        lock = command and self._core.locks.get(command.lock_id)
        if not command or not lock:
            return
        if command.kind is Kind.DELETE_ALL:
            lock.server_codes.replace_all(lock.lock_codes)
        if command.target_id:
            self._copy(lock, command.target_id)
        if command.code:
            self._copy(lock, command.code.id)
        if command.is_pretended:
            self._pretend(command, lock)
        self._core.keep(lock)

    @staticmethod
    def _pretend(command: Command, lock: Lock) -> None:
        if command.kind is Kind.DELETE_ALL:
            lock.server_codes.clear()
        if command.target_id:
            lock.server_codes.remove(command.target_id)
        if command.code:
            lock.server_codes.put(command.code)

    @staticmethod
    def _copy(lock: Lock, code_id: str) -> None:
        held = lock.lock_codes.get(code_id)
        if held is not None:
            lock.server_codes.put(held)
        else:
            lock.server_codes.remove(code_id)

    def _apply(self, command: Command, lock: Lock) -> Problem | None:
        """The lock does it, or says why not."""
        now, code, target_id = self._core.now(), command.code, command.target_id
        if command.kind in (Kind.LOCK, Kind.UNLOCK):
            self._move_bolt(lock, command.kind)
            return None
        if command.kind is Kind.DELETE_ALL:
            lock.drop_all(now)
        elif target_id and target_id not in lock.lock_codes:
            return self._missing(lock)
        elif code:
            problem = lock.refusal(code, replaces=target_id)
            if problem is not None:
                return problem
            lock.hold(code, now, replaces=target_id)
        elif target_id:
            lock.drop(target_id, now)
        self._core.tell_list(lock, command.kind)
        return None

    def _missing(self, lock: Lock) -> Problem:
        is_user = lock.rng.random() < self._core.faults_of(lock).user_not_found
        return USER_NOT_FOUND if is_user else ID_NOT_FOUND

    def _move_bolt(self, lock: Lock, kind: Kind) -> None:
        lock.bolt = "Locked" if kind is Kind.LOCK else "Unlocked"
        event = "LockedByMobileDevice" if kind is Kind.LOCK else "UnlockedByMobileDevice"
        accessor = Accessor("VirtualKey")
        lock.note(event, self._core.now(), accessor)
        self._core.keep(lock)
        self._webhooks.lock_moved(lock, accessor)

    def _finish(
        self, command: Command, lock: Lock, state: str, problem: Problem | None = None
    ) -> None:
        self._move(command, lock, state, problem)
        trigger = {SUCCESSFUL: "CommandSucceeded", TIMED_OUT_STATE: "CommandTimedOut"}.get(
            state, "CommandFailed"
        )
        data: dict[str, Any] = {
            "commandId": command.id,
            "commandType": WIRE_NAMES[command.kind],
            "clientId": command.client_id,
        }
        if command.error and lock.rng.random() < self._core.faults_of(lock).webhook_error:
            data["error"] = command.error
        self._webhooks.emit(lock, "CommandUpdate", trigger, data, command.plan)

    def _move(
        self, command: Command, lock: Lock, state: str, problem: Problem | None = None
    ) -> None:
        now = self._core.now()
        command.state_before = command.shown_state(now)
        command.state = state
        command.error = problem.error() if problem else None
        lag = 0.0
        if "webhook_before_202" not in command.plan:
            lag = lock.rng.uniform(*self._core.faults_of(lock).state_lag)
        command.visible_at = now + timedelta(seconds=lag)
        self._keep(command)

    def _expire_later(self, command: Command, lock: Lock, listed: bool) -> None:
        timeout = self._core.faults_of(lock).lock_timeout
        self._at(command, timeout, "expire", command.id, "listed" if listed else "")

    def _report_later(self, command: Command, lock: Lock) -> None:
        if command.kind in (Kind.LOCK, Kind.UNLOCK):
            return
        if "list_stale" in command.plan:
            lag = command.plan.seconds("list_stale")
        else:
            lag = lock.rng.uniform(*self._core.faults_of(lock).list_lag)
        if lag > 0:
            self._core.after(lag, "report", command.id)
        else:
            self.report(command.id)

    def _at(self, command: Command, seconds: float, kind: str, *args: str) -> None:
        at = command.accepted_at + timedelta(seconds=seconds)
        self._core.agenda.add(max(at, self._core.now()), kind, *args)

    def _forget_old(self) -> None:
        horizon = self._core.now() - KEPT_FOR
        while self._oldest[0].accepted_at < horizon:
            old = self._oldest.popleft()
            del self._known[old.id]
            self._core.store.drop("command", old.id)

    def _keep(self, command: Command) -> None:
        self._core.store.put("command", command.id, command)

    def restore(self, row: dict[str, Any]) -> None:
        """A command of an earlier run can be looked up again."""
        command = Command.from_row(row)
        self._known[command.id] = command
        self._oldest.append(command)
