"""FakeSchlage: the surface of SchlageClient in memory, with a server that can be told to misbehave.

What it promises is what tests/schlage/test_schlage_contract.py holds both of them to.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from portal.schlage.errors import SchlageError, SchlageNotFound, SchlageRejected
from portal.schlage.payloads import (
    AccessCode,
    CodeList,
    CommandState,
    CommandStatus,
    Device,
    HistoryItem,
    LockState,
    Subscription,
)
from portal.schlage.schedules import Schedule

ALREADY_IN_USE = "Access code/code name are already in use"
ID_NOT_FOUND = "Access code ID not found on device"

_WORDS = {
    CommandState.PENDING: "Pending",
    CommandState.SUCCEEDED: "Successful",
    CommandState.FAILED: "Failed",
    CommandState.TIMED_OUT: "TimedOut",
    CommandState.NACK: "Nack",
    CommandState.UNRECOGNIZED: "Simmering",
}


@dataclass(frozen=True)
class Call:
    """One call that was made, in order. The values stay out of the repr, a PIN is among them."""

    name: str
    device_id: str | None = None
    values: dict[str, object] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class _Failure:
    error: SchlageError
    on: str | None
    accepted: bool


@dataclass
class _Command:
    status: CommandStatus
    #: Makes the change that the command asks for; the text of an error when the lock cannot.
    apply: Callable[[], str | None]
    #: Told only once the command succeeded.
    access_code_id: str | None = None


class FakeSchlage:
    """A Schlage cloud with locks that answer at once, or when `settle` is called.

    `is_prompt = False` leaves commands pending. `fail_next` makes the next call raise, before or
    after the server did what was asked. `lag_lists`, `hide`, `lists_are_complete = False` and
    `pins_are_masked = True` make reads tell less than is so.
    """

    def __init__(self) -> None:
        self.is_prompt = True
        self.calls: list[Call] = []
        self.devices: dict[str, Device] = {}
        self.codes: dict[str, dict[str, AccessCode]] = {}
        self.history: dict[str, list[HistoryItem]] = {}
        self.subscriptions: dict[str, Subscription] = {}
        self.unreachable_urls: set[str] = set()
        self.lists_are_complete = True
        self.pins_are_masked = False
        self._commands: dict[str, _Command] = {}
        self._failures: list[_Failure] = []
        self._stale: dict[str, dict[str, AccessCode]] = {}
        self._stale_reads = 0
        self._hidden: set[str] = set()
        self._count = 0

    # What a test sets up

    def add_device(self, device_id: str = "lock-1", **values: object) -> Device:
        """The lock is in the account; `values` are fields of Device."""
        device = replace(Device(device_id, name=device_id, is_online=True), **values)  # type: ignore[arg-type]
        self.devices[device_id] = device
        self.codes[device_id] = {}
        self.history[device_id] = []
        return device

    def put_code(self, device_id: str, code: AccessCode) -> None:
        """The server lists this code, as if another program or the phone app had made it."""
        self.codes[device_id][code.access_code_id] = code

    def fail_next(
        self, error: SchlageError, *, on: str | None = None, accepted: bool = False
    ) -> None:
        """The next call (of the method `on`) raises this error.

        With `accepted` the server does what was asked before.
        """
        self._failures.append(_Failure(error, on, accepted))

    def lag_lists(self, reads: int) -> None:
        """The next reads of a list show every list as it is now, whatever is written meanwhile."""
        self._stale = {device_id: dict(codes) for device_id, codes in self.codes.items()}
        self._stale_reads = reads

    def hide(self, access_code_id: str) -> None:
        """This code is left out of lists, though it is there."""
        self._hidden.add(access_code_id)

    def settle(
        self,
        command_id: str,
        state: CommandState = CommandState.SUCCEEDED,
        error_text: str | None = None,
        *,
        is_applied: bool | None = None,
    ) -> None:
        """The lock has answered so. `is_applied` says whether it acted, where `state` does not."""
        command = self._commands[command_id]
        if is_applied or (is_applied is None and state is CommandState.SUCCEEDED):
            error_text = command.apply() or error_text
            if error_text is not None and state is CommandState.SUCCEEDED:
                state = CommandState.FAILED
        is_success = state is CommandState.SUCCEEDED
        command.status = replace(
            command.status,
            state=state,
            raw_state=_WORDS[state],
            error_text=error_text,
            error_code=None if error_text is None else 1,
            access_code_id=command.access_code_id if is_success else None,
        )

    def forget_command(self, command_id: str) -> None:
        """The server no longer knows this command."""
        del self._commands[command_id]

    @property
    def command_ids(self) -> list[str]:
        """The ids of all commands, oldest first."""
        return list(self._commands)

    # The surface of SchlageClient

    def list_devices(self) -> list[Device]:
        self._begin("list_devices")
        return list(self.devices.values())

    def get_device(self, device_id: str) -> Device:
        self._begin("get_device", device_id)
        return self._device(device_id)

    def list_codes(self, device_id: str) -> CodeList:
        self._begin("list_codes", device_id)
        self._device(device_id)
        codes = self.codes[device_id]
        if self._stale_reads:
            self._stale_reads -= 1
            codes = self._stale.get(device_id, codes)
        shown = (code for code in codes.values() if code.access_code_id not in self._hidden)
        if self.pins_are_masked:
            shown = (replace(code, pin=None) for code in shown)
        return CodeList(tuple(shown), self.lists_are_complete)

    def add_code(self, device_id: str, label: str, pin: str, schedule: Schedule) -> str:
        def act() -> str:
            self._refuse_duplicate(device_id, label, pin)
            made = _code(self._new_id("code"), label, pin, schedule)

            def apply() -> str | None:
                if self._clashes(device_id, label, pin):
                    return ALREADY_IN_USE
                self.put_code(device_id, made)
                return None

            return self._accept(device_id, "AddAccessCode", apply, made.access_code_id)

        return self._write("add_code", device_id, act, label=label, pin=pin, schedule=schedule)

    def update_code(
        self, device_id: str, access_code_id: str, label: str, pin: str, schedule: Schedule
    ) -> str:
        def act() -> str:
            self._refuse_unknown(device_id, access_code_id)
            self._refuse_duplicate(device_id, label, pin, ignoring=access_code_id)
            # New digits can make the server give the code a new id.
            is_same = self.codes[device_id][access_code_id].pin == pin
            new_id = access_code_id if is_same else self._new_id("code")

            def apply() -> str | None:
                if self.codes[device_id].pop(access_code_id, None) is None:
                    return ID_NOT_FOUND
                self.put_code(device_id, _code(new_id, label, pin, schedule))
                return None

            return self._accept(device_id, "UpdateAccessCode", apply, new_id)

        return self._write(
            "update_code",
            device_id,
            act,
            access_code_id=access_code_id,
            label=label,
            pin=pin,
            schedule=schedule,
        )

    def remove_code(self, device_id: str, access_code_id: str) -> str:
        def apply() -> str | None:
            is_gone = self.codes[device_id].pop(access_code_id, None) is None
            return ID_NOT_FOUND if is_gone else None

        def act() -> str:
            # An id that the server does not list still goes to the lock.
            return self._accept(device_id, "DeleteAccessCode", apply)

        return self._write("remove_code", device_id, act, access_code_id=access_code_id)

    def remove_all_codes(self, device_id: str) -> str:
        def act() -> str:
            return self._accept(device_id, "DeleteAllAccessCodes", self.codes[device_id].clear)

        return self._write("remove_all_codes", device_id, act)

    def get_command(self, device_id: str, command_id: str) -> CommandStatus:
        self._begin("get_command", device_id, command_id=command_id)
        self._device(device_id)
        command = self._commands.get(command_id)
        if command is None or command.status.device_id != device_id:
            raise SchlageNotFound("Schlage answered 404", status=404)
        return command.status

    def lock(self, device_id: str) -> str:
        return self._move_bolt("lock", device_id, LockState.LOCKED)

    def unlock(self, device_id: str) -> str:
        return self._move_bolt("unlock", device_id, LockState.UNLOCKED)

    def list_history(self, device_id: str, limit: int = 50) -> list[HistoryItem]:
        self._begin("list_history", device_id, limit=limit)
        self._device(device_id)
        return self.history[device_id][:limit]

    def subscribe(self, url: str) -> Subscription:
        self._begin("subscribe", url=url)
        if url in self.unreachable_urls:
            raise SchlageRejected("Schlage answered 400", status=400)
        known = [one for one in self.subscriptions.values() if one.url == url]
        made = known[0] if known else Subscription(self._new_id("subscription"), url)
        self.subscriptions[made.subscription_id] = made
        return made

    def list_subscriptions(self) -> list[Subscription]:
        self._begin("list_subscriptions")
        return list(self.subscriptions.values())

    def unsubscribe(self, subscription_id: str) -> None:
        self._begin("unsubscribe", subscription_id=subscription_id)
        if self.subscriptions.pop(subscription_id, None) is None:
            raise SchlageNotFound("Schlage answered 404", status=404)

    # How it works inside

    def _begin(self, name: str, device_id: str | None = None, **values: object) -> None:
        """The call is recorded; a failure that was set for it is raised."""
        _refuse_no_id("-" if device_id is None else device_id, values.get("command_id", "-"))
        self.calls.append(Call(name, device_id, values))
        failure = self._take_failure(name)
        if failure is not None:
            raise failure.error

    def _take_failure(self, name: str) -> _Failure | None:
        for failure in self._failures:
            if failure.on in (None, name):
                self._failures.remove(failure)
                return failure
        return None

    def _write(self, name: str, device_id: str, act: Callable[[], str], **values: object) -> str:
        _refuse_no_id(device_id, values.get("access_code_id", "-"))
        self.calls.append(Call(name, device_id, values))
        failure = self._take_failure(name)
        if failure is not None and not failure.accepted:
            raise failure.error
        self._device(device_id)
        command_id = act()
        if failure is not None:
            raise failure.error
        return command_id

    def _accept(
        self,
        device_id: str,
        name: str,
        apply: Callable[[], str | None],
        access_code_id: str | None = None,
    ) -> str:
        command_id = self._new_id("command")
        status = CommandStatus(
            command_id,
            CommandState.PENDING,
            _WORDS[CommandState.PENDING],
            device_id=device_id,
            name=name,
        )
        self._commands[command_id] = _Command(status, apply, access_code_id)
        if self.is_prompt:
            self.settle(command_id)
        return command_id

    def _move_bolt(self, name: str, device_id: str, state: LockState) -> str:
        def apply() -> None:
            self.devices[device_id] = replace(self.devices[device_id], lock_state=state)

        def act() -> str:
            return self._accept(device_id, "ChangeLockState", apply)

        return self._write(name, device_id, act)

    def _device(self, device_id: str) -> Device:
        if device_id not in self.devices:
            raise SchlageNotFound("Schlage answered 404", status=404)
        return self.devices[device_id]

    def _refuse_unknown(self, device_id: str, access_code_id: str) -> None:
        if access_code_id not in self.codes[device_id]:
            raise SchlageNotFound("Schlage answered 404", status=404, texts=(ID_NOT_FOUND,))

    def _refuse_duplicate(
        self, device_id: str, label: str, pin: str, ignoring: str | None = None
    ) -> None:
        if self._clashes(device_id, label, pin, ignoring):
            raise SchlageRejected("Schlage answered 400", status=400, texts=(ALREADY_IN_USE,))

    def _clashes(self, device_id: str, label: str, pin: str, ignoring: str | None = None) -> bool:
        """Whether another code of this lock has the name, in any case, or the first four digits."""
        return any(
            code.label.casefold() == label.casefold() or (code.pin or "")[:4] == pin[:4]
            for code in self.codes[device_id].values()
            if code.access_code_id != ignoring
        )

    def _new_id(self, noun: str) -> str:
        self._count += 1
        return f"{noun}-{self._count}"


def _refuse_no_id(*ids: object) -> None:
    if any(str(one).strip(". ") == "" for one in ids):
        raise ValueError("an id in a path is neither empty nor made of dots")


def _code(access_code_id: str, label: str, pin: str, schedule: Schedule) -> AccessCode:
    return AccessCode(
        access_code_id,
        label,
        pin,
        schedule.schedule_type,
        starts_at=_utc(schedule.starts_at),
        ends_at=_utc(schedule.ends_at),
        code_length=len(pin),
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)
