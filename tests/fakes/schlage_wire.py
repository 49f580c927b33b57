"""A FakeSchlage behind HTTP: what it answers, as Schlage would put it on the wire.

Mounted on a session under the real SchlageClient, so that both ends of the contract tests meet.
"""

import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError

from portal.schlage import errors
from portal.schlage.payloads import AccessCode, CommandStatus, Device, HistoryItem
from portal.schlage.reading import Fields
from portal.schlage.schedules import Schedule, temporary_schedule
from tests.fakes.schlage import FakeSchlage

Answer = tuple[int, Any]


def respond(
    request: requests.PreparedRequest,
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> requests.Response:
    """A response as an adapter gives it, with its body still to be read."""
    raw = HTTPResponse(BytesIO(body), headers=headers or {}, status=status, preload_content=False)
    return HTTPAdapter().build_response(request, raw)


class ScriptedAdapter(HTTPAdapter):
    """Answers by a function and keeps the requests it was sent."""

    def __init__(self, answer: Callable[[requests.PreparedRequest], requests.Response]) -> None:
        super().__init__()
        self.requests: list[requests.PreparedRequest] = []
        self.options: list[dict[str, Any]] = []
        self._answer = answer

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        self.requests.append(request)
        self.options.append(options)
        return self._answer(request)


class WireAdapter(ScriptedAdapter):
    """Routes requests into a FakeSchlage and renders its answers and exceptions."""

    def __init__(self, fake: FakeSchlage) -> None:
        super().__init__(self._respond)
        self._fake = fake

    def _respond(self, request: requests.PreparedRequest) -> requests.Response:
        try:
            status, value = self._route(request)
        except errors.SchlageThrottled as error:
            wait = {"Retry-After": f"{error.retry_after.total_seconds():.0f}"}
            return respond(request, 429, headers=wait)
        except errors.SchlageUnavailable as error:
            refused = NewConnectionError(None, "refused")  # type: ignore[arg-type]
            failed = MaxRetryError(None, request.url or "", refused)  # type: ignore[arg-type]
            raise requests.ConnectionError(failed) from error
        except errors.SchlageError as error:
            default = 401 if isinstance(error, errors.SchlageUnauthorized) else 502
            number = 1 if error.error_code is None else error.error_code
            body = {"errors": {f"Error Code: {number}": list(error.texts)}}
            return respond(request, error.status or default, json.dumps(body).encode())
        return respond(request, status, b"" if value is None else json.dumps(value).encode())

    def _route(self, request: requests.PreparedRequest) -> Answer:
        path = request.path_url.partition("?")[0].lower()
        body = Fields(json.loads(request.body) if request.body else {})
        for method, pattern, handle in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and request.method == method:
                return handle(self._fake, body, *match.groups())
        return 404, None


def _accepted(command_id: str) -> Answer:
    return 202, {"commandId": command_id}


def _code_values(body: Fields) -> tuple[str, str, Schedule]:
    details = body.child("schedule").child("scheduleDetails")
    starts_at, ends_at = details.moment("startDateTime"), details.moment("endDateTime")
    assert starts_at is not None
    assert ends_at is not None
    schedule = temporary_schedule(starts_at, ends_at, starts_at.tzinfo)  # type: ignore[arg-type]
    return body.text("name") or "", body.value("accessCode"), schedule


_LOCK = "/devices/([^/]+)"
_ROUTES: list[tuple[str, str, Callable[..., Answer]]] = [
    ("GET", "/devices", lambda fake, body: (200, [_device(d) for d in fake.list_devices()])),
    ("GET", _LOCK, lambda fake, body, lock: (200, _device(fake.get_device(lock)))),
    (
        "GET",
        f"{_LOCK}/accesscodes",
        lambda fake, body, lock: (
            200,
            {"accessCodes": [_access_code(code) for code in fake.list_codes(lock).entries]},
        ),
    ),
    (
        "POST",
        f"{_LOCK}/accesscodes",
        lambda fake, body, lock: _accepted(fake.add_code(lock, *_code_values(body))),
    ),
    (
        "PUT",
        f"{_LOCK}/accesscodes/([^/]+)",
        lambda fake, body, lock, code: _accepted(fake.update_code(lock, code, *_code_values(body))),
    ),
    (
        "DELETE",
        f"{_LOCK}/accesscodes/([^/]+)",
        lambda fake, body, lock, code: _accepted(fake.remove_code(lock, code)),
    ),
    (
        "DELETE",
        f"{_LOCK}/accesscodes",
        lambda fake, body, lock: _accepted(fake.remove_all_codes(lock)),
    ),
    (
        "GET",
        f"{_LOCK}/commands/([^/]+)",
        lambda fake, body, lock, command: (200, _command(fake.get_command(lock, command))),
    ),
    ("POST", f"{_LOCK}/lock", lambda fake, body, lock: _accepted(fake.lock(lock))),
    ("POST", f"{_LOCK}/unlock", lambda fake, body, lock: _accepted(fake.unlock(lock))),
    (
        "GET",
        f"{_LOCK}/history",
        lambda fake, body, lock: (200, [_history(item) for item in fake.list_history(lock)]),
    ),
    (
        "POST",
        "/events/subscriptions",
        lambda fake, body: (201, _subscription(fake.subscribe(body.text("url")))),
    ),
    (
        "GET",
        "/events/subscriptions",
        lambda fake, body: (200, [_subscription(one) for one in fake.list_subscriptions()]),
    ),
    (
        "DELETE",
        "/events/subscriptions/([^/]+)",
        lambda fake, body, subscription: (204, fake.unsubscribe(subscription)),
    ),
]


def _device(device: Device) -> dict[str, Any]:
    return {
        "id": device.device_id,
        "name": device.name,
        "connected": device.is_online,
        "lockState": device.lock_state,
        "batteryState": device.battery_state,
        "accessCodeLength": device.code_length,
        "vlac": device.has_variable_length,
    }


def _access_code(code: AccessCode) -> dict[str, Any]:
    return {
        "accessCodeId": code.access_code_id,
        "name": code.label,
        "code": code.pin,
        "accessCodeLength": code.code_length,
        "readOnly": code.is_read_only,
        "scheduleType": code.schedule_type,
        "scheduleDetails": {
            "startDateTime": code.starts_at.isoformat() if code.starts_at else None,
            "endDateTime": code.ends_at.isoformat() if code.ends_at else None,
        },
    }


def _command(status: CommandStatus) -> dict[str, Any]:
    error = {"statusCode": 400, "errorCode": status.error_code, "errorMessage": status.error_text}
    return {
        "commandId": status.command_id,
        "deviceId": status.device_id,
        "state": status.raw_state,
        "name": status.name,
        "data": {
            "accessCodeId": status.access_code_id,
            "error": error if status.error_text else None,
        },
    }


def _history(item: HistoryItem) -> dict[str, Any]:
    return {
        "id": item.history_id,
        "timestamp": item.at.isoformat() if item.at else None,
        "eventCode": item.event_code,
        "accessor": {"id": item.accessor_id, "friendlyName": item.accessor_name},
    }


def _subscription(subscription: Any) -> dict[str, Any]:
    return {"id": subscription.subscription_id, "url": subscription.url}
