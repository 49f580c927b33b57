"""The API as a partner sees it: who may ask, which path means what, and what is answered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from simulator import rng as chance
from simulator import wire
from simulator.codes import Code
from simulator.commands import Commands, Kind
from simulator.core import Core, FactKind
from simulator.lock import Lock
from simulator.oauth import Grant, OAuth, OAuthError
from simulator.problems import (
    BAD_BODY,
    BAD_GATEWAY,
    CALLBACK_NOT_VALIDATED,
    GATEWAY_TIMEOUT,
    ID_NOT_FOUND,
    NO_SUBSCRIPTION_KEY,
    NOT_FOUND,
    READ_ONLY,
    SPURIOUS_SCHEDULE,
    THROTTLED,
    UNAUTHORIZED,
    Problem,
)
from simulator.script import LIST
from simulator.validation import Invalid, read_code
from simulator.webhooks import ORIGIN, USER_AGENT, Webhooks
from simulator.wire import Request, Response, refused

LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_LISTED = 100

DONE_ALL_THE_SAME: Mapping[str, Problem] = {
    "bad_gateway_done": BAD_GATEWAY,
    "gateway_timeout_done": GATEWAY_TIMEOUT,
    "error_34_done": SPURIOUS_SCHEDULE,
}


@dataclass(frozen=True, slots=True)
class Handshake:
    """An answer that waits: the address must first answer OPTIONS, outside of the cloud's mutex."""

    url: str
    headers: Mapping[str, str]
    finish: Callable[[int], Response]


class Api:
    """Answers requests; never sends any itself."""

    def __init__(
        self,
        core: Core,
        commands: Commands,
        webhooks: Webhooks,
        oauth: OAuth,
        subscription_key: str = "",
    ) -> None:
        self._core = core
        self._commands = commands
        self._webhooks = webhooks
        self._oauth = oauth
        self._subscription_key = subscription_key

    def answer(self, request: Request) -> Response | Handshake:
        """The answer to any request of the token endpoint or below `/schlage-home`."""
        match request.parts:
            case ["oauth2", "token"] if request.method == "POST":
                return self._token(request)
            case ["schlage-home", *path]:
                return self._guarded(request, path)
        return refused(NOT_FOUND)

    def _token(self, request: Request) -> Response:
        try:
            tokens = self._oauth.exchange(request.form(), request.header("Authorization"))
        except OAuthError as error:
            return Response(error.status, {"error": error.error})
        return Response(200, tokens, {"Cache-Control": "no-store"})

    def _guarded(self, request: Request, path: list[str]) -> Response | Handshake:
        if not self._core.settings.api_is_up:
            is_504 = self._core.chance.random() < self._core.settings.faults.gateway_timeout
            return refused(GATEWAY_TIMEOUT if is_504 else BAD_GATEWAY)
        key = request.header("alle-subscription-key")
        if not key or (self._subscription_key and key != self._subscription_key):
            return refused(NO_SUBSCRIPTION_KEY)
        grant = self._oauth.holder(request.header("Authorization"))
        if grant is None:
            return refused(UNAUTHORIZED)
        if request.method == "GET" and (
            "bad_gateway_not_done" in self._core.settings.faults.draw_read(self._core.chance)
        ):
            return refused(BAD_GATEWAY)
        try:
            return self._route(request, path, grant)
        except Invalid as error:
            return refused(error.problem)
        except ValueError:
            return refused(BAD_BODY)

    def _route(self, request: Request, path: list[str], grant: Grant) -> Response | Handshake:
        match request.method, path:
            case "GET", ["devices"]:
                locks = self._core.locks.values()
                return Response(
                    200, [wire.device(lock) for lock in locks if lock.owner_id == grant.user_id]
                )
            case _, ["devices", lock_id, *rest]:
                lock = self._core.locks.get(lock_id)
                if lock is None or lock.owner_id != grant.user_id:
                    return refused(NOT_FOUND)
                return self._of_lock(request, lock, rest, grant)
            case "GET", ["commands", command_id]:
                return self._command(command_id, grant)
            case method, ["events", "subscriptions", *rest]:
                return self._subscriptions(request, method, rest, grant)
        return refused(NOT_FOUND)

    def _of_lock(self, request: Request, lock: Lock, rest: list[str], grant: Grant) -> Response:
        match request.method, rest:
            case "GET", []:
                return Response(200, wire.device(lock))
            case "GET", ["accesscodes"]:
                return self._list(lock)
            case "POST", ["accesscodes"]:
                code = read_code(request.json(), lock, self._core.now())
                return self._write(lock, Kind.ADD, grant, code=code)
            case "DELETE", ["accesscodes"]:
                return self._write(lock, Kind.DELETE_ALL, grant)
            case "PUT", ["accesscodes", code_id]:
                return self._update(request, lock, code_id, grant)
            case "DELETE", ["accesscodes", code_id]:
                return self._delete(lock, code_id, grant)
            case "POST", [("lock" | "unlock") as kind]:
                return self._write(lock, Kind(kind), grant)
            case "GET", ["commands", command_id]:
                return self._command(command_id, grant)
            case "GET", ["history"]:
                return self._history(request, lock)
        return refused(NOT_FOUND)

    def _list(self, lock: Lock) -> Response:
        faults = self._core.faults_of(lock)
        plan = lock.script.take(LIST) or faults.draw_list(lock.rng)
        codes = list(lock.server_codes)
        if "list_omits" in plan and codes:
            self._core.tell(FactKind.FAULT, lock.id, faults=("list_omits",))
            codes.pop(-1 if plan.is_scripted else lock.rng.randrange(len(codes)))
        if "throttled" in plan:
            return refused(THROTTLED, **{"Retry-After": f"{plan.seconds('throttled'):.0f}"})
        shown = [wire.access_code(code, faults.codes_shown) for code in codes]
        return Response(200, {"accessCodes": shown})

    def _update(self, request: Request, lock: Lock, code_id: str, grant: Grant) -> Response:
        target = lock.server_codes.get(code_id)
        if target is None:
            return refused(ID_NOT_FOUND)
        if target.read_only:
            return refused(READ_ONLY)
        code = read_code(request.json(), lock, self._core.now(), target)
        return self._write(lock, Kind.UPDATE, grant, code=code, target=target, target_id=code_id)

    def _delete(self, lock: Lock, code_id: str, grant: Grant) -> Response:
        """An id that the servers do not list still goes to the lock.

        Allegion release notes, April 2024: a code can be deleted by its id when out of sync.
        """
        target = lock.server_codes.get(code_id)
        if target is not None and target.read_only:
            return refused(READ_ONLY)
        return self._write(lock, Kind.DELETE, grant, target=target, target_id=code_id)

    def _write(
        self,
        lock: Lock,
        kind: Kind,
        grant: Grant,
        code: Code | None = None,
        target: Code | None = None,
        target_id: str | None = None,
    ) -> Response:
        faults = self._core.faults_of(lock)
        plan = lock.script.take(kind) or faults.draw(kind, lock.rng)
        command_id = ""
        if "throttled" in plan:
            response = refused(THROTTLED, **{"Retry-After": f"{plan.seconds('throttled'):.0f}"})
        elif "bad_gateway_not_done" in plan:
            response = refused(BAD_GATEWAY)
        else:
            is_new = kind is Kind.ADD or "id_changes" in plan
            if code and target and code.pin != target.pin and faults.new_id_on_new_digits:
                is_new = True
            if code and is_new:
                code = replace(code, id=chance.new_uuid(self._core.ids))
            command_id = self._commands.accept(
                lock, kind, grant.client_id, plan, code, target, target_id
            ).id
            answers = (DONE_ALL_THE_SAME[name] for name in DONE_ALL_THE_SAME if name in plan)
            problem = next(answers, None)
            response = refused(problem) if problem else Response(202, {"commandId": command_id})
        self._core.keep(lock)
        self._core.tell(
            FactKind.WRITE, lock.id, command=kind, status=response.status, command_id=command_id,
            code_id=code.id if code else target_id, name=code.name if code else None,
            faults=dict(plan.faults),
        )  # fmt: skip
        return response

    def _command(self, command_id: str, grant: Grant) -> Response:
        command = self._commands.get(command_id)
        lock = command and self._core.locks.get(command.lock_id)
        if not command or not lock or lock.owner_id != grant.user_id:
            return refused(NOT_FOUND)
        return Response(200, wire.command_status(command, lock, self._core.now()))

    def _history(self, request: Request, lock: Lock) -> Response:
        limit = min(max(int(request.query.get("limit", MOST_LISTED)), 0), MOST_LISTED)
        is_local = request.query.get("deviceLocalTime", "").lower() == "true"
        items = lock.reported_history(limit)
        zone = lock.zone if is_local else None
        return Response(200, [wire.history_item(lock.id, item, zone) for item in items])

    def _subscriptions(
        self, request: Request, method: str, rest: list[str], grant: Grant
    ) -> Response | Handshake:
        mine = {
            one.id: one
            for one in self._webhooks.subscriptions.values()
            if one.user_id == grant.user_id
        }
        match method, rest:
            case "POST", []:
                return self._subscribe(request.json(), grant)
            case "GET", []:
                return Response(200, [{"id": one.id, "url": one.url} for one in mine.values()])
            case "GET", [id] if id in mine:
                return Response(200, {"id": id, "url": mine[id].url})
            case "DELETE", [id] if id in mine:
                self._webhooks.unsubscribe(id)
                return Response(204)
        return refused(NOT_FOUND)

    def _subscribe(self, body: Any, grant: Grant) -> Response | Handshake:
        url = body.get("url") if isinstance(body, dict) else None
        target = urlsplit(url if isinstance(url, str) else "")
        is_local = target.scheme == "http" and target.hostname in LOOPBACK
        if not url or not (is_local or (target.scheme == "https" and target.hostname)):
            return refused(CALLBACK_NOT_VALIDATED)

        def finish(status: int) -> Response:
            if not 200 <= status < 300:
                return refused(CALLBACK_NOT_VALIDATED)
            made = self._webhooks.subscribe(grant.user_id, url)
            return Response(201, {"id": made.id, "url": made.url})

        return Handshake(url, {"WebHook-Request-Origin": ORIGIN, "User-Agent": USER_AGENT}, finish)
