"""Talks to the Schlage Home API, version 2: one method per call, one answer or one exception.

The paths are those of the dialect we speak until a partner account shows otherwise: the vendor
publishes no list of them. Nothing is sent twice, but for one replay after a 401: what to do after
a failure is the caller's to decide, by the type of the exception (see `errors`).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import requests

from portal.schlage.answers import failure
from portal.schlage.errors import SchlageUnauthorized, SchlageUnavailable, SchlageUncertain
from portal.schlage.payloads import (
    CodeList,
    CommandStatus,
    Device,
    HistoryItem,
    Subscription,
    parse_codes,
    parse_command,
    parse_device,
    parse_devices,
    parse_history,
    parse_subscription,
    parse_subscriptions,
)
from portal.schlage.reading import Fields, Unreadable, load
from portal.schlage.schedules import Schedule, code_as_json
from portal.schlage.transport import (
    DEFAULT_TIMEOUTS,
    Answer,
    AnswerLost,
    HeaderAuth,
    NotSent,
    send,
)

DEVICES = "/Devices"
DEVICE = "/Devices/{device_id}"
CODES = "/Devices/{device_id}/accesscodes"
CODE = "/Devices/{device_id}/accesscodes/{access_code_id}"
COMMAND = "/Devices/{device_id}/commands/{command_id}"
LOCK = "/Devices/{device_id}/lock"
UNLOCK = "/Devices/{device_id}/unlock"
HISTORY = "/devices/{device_id}/history"
SUBSCRIPTIONS = "/Events/subscriptions"
SUBSCRIPTION = "/Events/subscriptions/{subscription_id}"

#: The visible ASCII characters, all that a bearer token may consist of.
_TOKEN_FORM = re.compile(r"[!-~]+")

_Parsed = TypeVar("_Parsed")


class SchlageClient:
    """The calls of one connection to Schlage Home. One session belongs to one thread.

    `token_source(must_refresh)` gives the access token; it is called with True once after a
    refused one, and raises what the OAuth client raises. `timeouts` are seconds to connect and
    seconds to wait for the next piece of the answer; a call ends after their sum at the latest,
    give or take one such piece, which stays under 30 s with the defaults. A call whose token was
    refused is made once more and may take twice that, besides the refresh.
    """

    def __init__(
        self,
        session: requests.Session,
        base_url: str,
        subscription_key: str,
        token_source: Callable[[bool], str],
        timeouts: tuple[float, float] = DEFAULT_TIMEOUTS,
    ) -> None:
        if urlsplit(base_url).scheme not in ("http", "https"):
            raise ValueError("the address of the Schlage API starts with https:// (or http://)")
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._subscription_key = subscription_key
        self._token_source = token_source
        self._timeouts = timeouts

    def __repr__(self) -> str:
        return f"SchlageClient({self._base_url!r})"

    # Locks

    def list_devices(self) -> list[Device]:
        """The locks of the account, in the server's order."""
        return self._read(DEVICES, {}, parse_devices)

    def get_device(self, device_id: str) -> Device:
        """One lock. SchlageNotFound when it left the account."""
        return self._read(DEVICE, {"device_id": device_id}, parse_device)

    def lock(self, device_id: str) -> str:
        """The command id of a request to lock; the bolt has not moved yet."""
        return self._write("POST", LOCK, {"device_id": device_id})

    def unlock(self, device_id: str) -> str:
        """The command id of a request to unlock; the bolt has not moved yet."""
        return self._write("POST", UNLOCK, {"device_id": device_id})

    def list_history(self, device_id: str, limit: int = 50) -> list[HistoryItem]:
        """The lock's own log as the server has it, in the server's order."""
        params = {"limit": str(limit), "deviceLocalTime": "false"}
        return self._read(HISTORY, {"device_id": device_id}, parse_history, params)

    # Codes

    def list_codes(self, device_id: str) -> CodeList:
        """The codes the server lists for a lock. May lag behind writes, and may be incomplete."""
        return self._read(CODES, {"device_id": device_id}, parse_codes)

    def add_code(self, device_id: str, label: str, pin: str, schedule: Schedule) -> str:
        """The command id under which a new code travels to the lock.

        After SchlageUncertain it may exist: verify before it is sent again.
        """
        body = code_as_json(label, pin, schedule)
        return self._write("POST", CODES, {"device_id": device_id}, body, pin)

    def update_code(
        self, device_id: str, access_code_id: str, label: str, pin: str, schedule: Schedule
    ) -> str:
        """The command id under which new values of a code travel to the lock.

        The code's id may be another one afterwards: the command's status tells it.
        """
        ids = {"device_id": device_id, "access_code_id": access_code_id}
        return self._write("PUT", CODE, ids, code_as_json(label, pin, schedule), pin)

    def remove_code(self, device_id: str, access_code_id: str) -> str:
        """The command id under which the removal of a code travels to the lock."""
        ids = {"device_id": device_id, "access_code_id": access_code_id}
        return self._write("DELETE", CODE, ids)

    def remove_all_codes(self, device_id: str) -> str:
        """The command id under which the removal of every code, also foreign ones, travels."""
        return self._write("DELETE", CODES, {"device_id": device_id})

    def get_command(self, device_id: str, command_id: str) -> CommandStatus:
        """How a command stands. SchlageNotFound when the server does not know it, or not yet."""
        ids = {"device_id": device_id, "command_id": command_id}
        return self._read(COMMAND, ids, lambda value: parse_command(value, command_id))

    # Webhooks

    def subscribe(self, url: str) -> Subscription:
        """The new subscription of the account's events to this URL.

        Schlage calls OPTIONS on the URL before it answers: never call this inside a request of
        the server that has to answer it.
        """
        answer = self._call("POST", SUBSCRIPTIONS, {}, is_write=True, body={"url": url})
        try:
            return parse_subscription(load(answer.body))
        except Unreadable as error:
            raise _uncertain("the subscription's id is not readable", answer) from error

    def list_subscriptions(self) -> list[Subscription]:
        """The subscriptions of the account."""
        return self._read(SUBSCRIPTIONS, {}, parse_subscriptions)

    def unsubscribe(self, subscription_id: str) -> None:
        """Ends a subscription. SchlageNotFound when it is gone already."""
        ids = {"subscription_id": subscription_id}
        self._call("DELETE", SUBSCRIPTION, ids, is_write=True)

    # How it is sent

    def _read(
        self,
        path: str,
        ids: Mapping[str, str],
        parse: Callable[[Any], _Parsed],
        params: Mapping[str, str] | None = None,
    ) -> _Parsed:
        answer = self._call("GET", path, ids, is_write=False, params=params)
        try:
            return parse(load(answer.body))
        except Unreadable as error:
            # The body stays out: it is an answer to a read, and may hold the PINs of others.
            raise SchlageUnavailable(
                f"Schlage answered {answer.status} with a body we cannot read: {error}",
                status=answer.status,
            ) from error

    def _write(
        self,
        method: str,
        path: str,
        ids: Mapping[str, str],
        body: Mapping[str, object] | None = None,
        pin: str = "",
    ) -> str:
        answer = self._call(method, path, ids, is_write=True, body=body, pin=pin)
        try:
            fields = Fields(load(answer.body))
        except Unreadable as error:
            raise _uncertain("its answer is not readable", answer) from error
        command_id = fields.text("commandId") or fields.child("data").text("commandId")
        if command_id is None:
            raise _uncertain("its answer has no command id", answer)
        return command_id

    def _call(
        self,
        method: str,
        path: str,
        ids: Mapping[str, str],
        *,
        is_write: bool,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        pin: str = "",
    ) -> Answer:
        """The answer with a 2xx, after at most one refresh of the token. Raises the rest."""
        url = self._base_url + path.format_map({key: _segment(value) for key, value in ids.items()})

        def attempt(token: str) -> Answer:
            try:
                return send(
                    self._session,
                    method,
                    url,
                    timeouts=self._timeouts,
                    auth=HeaderAuth(f"Bearer {token}"),
                    headers=self._headers(),
                    params=params,
                    json=body,
                )
            except NotSent as error:
                raise SchlageUnavailable(f"Schlage cannot be reached ({error})") from error
            except AnswerLost as error:
                kind = SchlageUncertain if is_write else SchlageUnavailable
                raise kind(f"Schlage's answer was lost ({error})") from error

        token = self._token(must_refresh=False)
        answer = attempt(token)
        if answer.status == 401:  # refused before anything was done: safe to repeat, once
            token = self._token(must_refresh=True)
            answer = attempt(token)
        problem = failure(answer, is_write=is_write, secrets=(token, self._subscription_key, pin))
        if problem is not None:
            raise problem
        return answer

    def _token(self, *, must_refresh: bool) -> str:
        token = self._token_source(must_refresh)
        if not _TOKEN_FORM.fullmatch(token):
            raise SchlageUnauthorized("the stored access token is empty or damaged: reconnect")
        return token

    def _headers(self) -> dict[str, str]:
        return {
            "Accept": "application/json",
            "Content-Type": "application/json",
            "User-Agent": "Latchboard",
            "alle-subscription-key": self._subscription_key,
        }


def _uncertain(why: str, answer: Answer) -> SchlageUncertain:
    # Without the body: it answers a write, may repeat the PIN in any form, and had no error in it.
    return SchlageUncertain(f"Schlage answered {answer.status}, but {why}", status=answer.status)


def _segment(value: str) -> str:
    """An id as one segment of a path.

    An empty one is refused, since a removal of one code would then name the list of all codes;
    so are dots, which HTTP libraries resolve like folders.
    """
    if value.strip(". ") == "":
        raise ValueError("an id in a path is neither empty nor made of dots")
    return quote(value, safe="")
