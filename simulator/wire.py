"""How the API says things: requests and answers, and the JSON of every noun."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

from simulator.codes import Code
from simulator.commands import FAILED, NACK, PENDING, SUCCESSFUL, WIRE_NAMES, Command, Kind
from simulator.lock import HistoryItem, Lock
from simulator.problems import Problem
from simulator.webhooks import wire_time

ENDED_BADLY = (FAILED, NACK, "TimedOut")
# A log is read again and again, and its lines never change.
_LINES_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request without the HTTP. `body` is bytes, or already the JSON value."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""

    @property
    def parts(self) -> list[str]:
        """The segments of the path in lower case, because sources differ in its spelling."""
        return [part for part in urlsplit(self.path).path.lower().split("/") if part]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.path).query))

    def header(self, name: str) -> str:
        """The header of this name in any case, or an empty text."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def json(self) -> Any:
        """The JSON value of the body; raises ValueError."""
        return json.loads(self.body) if isinstance(self.body, (bytes, str)) else self.body

    def form(self) -> dict[str, str]:
        """The fields of a form body."""
        if isinstance(self.body, Mapping):
            return dict(self.body)
        text = self.body.decode("utf-8", "replace") if isinstance(self.body, bytes) else self.body
        return dict(parse_qsl(text))


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: `json` None means no body."""

    status: int
    json: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def refused(problem: Problem, **headers: str) -> Response:
    """The immediate refusal for this problem."""
    return Response(problem.status, problem.body(), headers)


def device(lock: Lock) -> dict[str, Any]:
    """What the cloud shows of a lock: the connection as it thinks it is, not as it is."""
    shown = {
        "id": lock.id,
        "name": lock.name,
        "type": lock.type,
        "connected": lock.shown_connected,
        "batteryState": str(lock.battery_state),
        "batteryLevel": lock.battery_level,
        "wifiSignalStrength": lock.signal_dbm,
        "firmwareVersion": lock.firmware,
        "timeZone": lock.zone,
        "vlac": lock.vlac,
        "lockState": lock.bolt if lock.shown_connected else "Unknown",
    }
    if lock.length_rule is not None:
        shown["accessCodeLength"] = lock.length_rule
    return shown


def access_code(code: Code, codes_shown: str) -> dict[str, Any]:
    """An entry of the list; the digits may be masked or missing, as the rates say."""
    pin = {"masked": "*" * len(code.pin), "null": None}.get(codes_shown, code.pin)
    return {
        "accessCodeId": code.id,
        "name": code.name,
        "code": pin,
        "accessCodeLength": len(code.pin),
        "readOnly": code.read_only,
        "scheduleType": code.schedule.type,
        "scheduleDetails": code.schedule.details(),
    }


def command_status(command: Command, lock: Lock, now: datetime) -> dict[str, Any]:
    """The state of a command, with ids null where the vendor says they are.

    The vendor's own sample of a lock state command misspells the key of the message; so do we.
    """
    state = command.shown_state(now)
    is_bad = state in ENDED_BADLY
    error = command.error if is_bad else None
    data: dict[str, Any]
    match command.kind:
        case Kind.ADD | Kind.UPDATE:
            code_id = command.target_id if state == PENDING else None
            if state == SUCCESSFUL and command.code:
                code_id = command.code.id
            name = command.code.name if command.code else None
            data = {"accessCodeId": code_id, "friendlyName": name}
        case Kind.DELETE:
            data = {
                "accessCodeId": command.target_id if is_bad else None,
                "friendlyName": command.target_name if is_bad else None,
            }
        case Kind.DELETE_ALL:
            data = {"deviceId": lock.id}
        case _:
            data = {"lockState": lock.bolt if state == SUCCESSFUL else "Unknown"}
            if error:
                error = {**error, "errorMesage": error["errorMessage"]}
                del error["errorMessage"]
    return {
        "commandId": command.id,
        "deviceId": lock.id,
        "state": state,
        "name": WIRE_NAMES[command.kind],
        "data": data | {"error": error},
    }


@lru_cache(maxsize=_LINES_KEPT)
def history_item(lock_id: str, item: HistoryItem, zone: str | None) -> Mapping[str, Any]:
    """A line of history, in this zone with its offset, or in UTC where there is none."""
    return {
        "id": f"{lock_id}-{item.number}",
        "timestamp": _local_time(item.at, zone) if zone else wire_time(item.at),
        "eventCode": item.event,
        "accessor": item.accessor.to_wire(),
    }


def _local_time(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")
