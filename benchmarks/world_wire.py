"""Between a policy and the cloud: what is really so, what is written, and processes that die."""

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

import requests

from benchmarks.history import Sink
from simulator.adapter import CloudAdapter
from simulator.cloud import Cloud
from simulator.codes import Code
from simulator.core import Fact, FactKind

KILLS: Final = 0.02
"""Share of calls that kill the process that makes them, in harsh worlds."""
STORM_AFTER: Final = timedelta(hours=3)
"""The first codes are set in fair weather: nobody signs up for a product in a storm."""
CALM_AFTER: Final = timedelta(days=2)
"""What is left open this long after the last fault is never resolved."""


class Killed(BaseException):
    """The process died at this call; nothing of its own runs any more."""


class Ground:
    """Writes down what the cloud alone knows, and whose the entries on the locks are."""

    def __init__(self, cloud: Cloud, history: Sink) -> None:
        self.owner_of: dict[str, int] = {}
        """The booking behind the name of an entry, from the policy that chose the name."""
        self.name_of: dict[str, str] = {}
        """The name behind the id of an access code."""
        self.written: Fact | None = None
        """The write that was answered last."""
        self._history = history
        cloud.on_fact(self._learn)

    def owner(self, name: str | None, code_id: str | None = None) -> int | None:
        """The booking of an entry, by its name or its id."""
        return self.owner_of.get(name or self.name_of.get(code_id or "", ""))

    def _learn(self, fact: Fact) -> None:
        if fact.kind is FactKind.WRITE:
            self.written = fact
            if fact.data["code_id"] and fact.data["name"]:
                self.name_of[fact.data["code_id"]] = fact.data["name"]
        elif fact.kind is FactKind.LOCK_LIST:
            codes = [self._code(code) for code in fact.data["codes"]]
            self._history.write(
                fact.at, "lock_list", lock=fact.lock_id, cause=str(fact.data["cause"]), codes=codes
            )
        elif fact.kind is FactKind.FAULT:
            for name in fact.data["faults"]:
                self._history.write(fact.at, "fault", fault=name, lock=fact.lock_id)
        else:
            self._history.write(fact.at, str(fact.kind), lock=fact.lock_id)

    def _code(self, code: Code) -> dict[str, Any]:
        return {
            "id": code.id,
            "name": code.name,
            "booking": self.owner(code.name),
            "pin": code.pin,
            "starts": code.schedule.start,
            "ends": code.schedule.end,
        }


class Wire(CloudAdapter):
    """The way to the cloud. Every write leaves a `post` line; some calls kill their process."""

    def __init__(self, cloud: Cloud, ground: Ground, history: Sink, seed: str) -> None:
        super().__init__(cloud)
        self.kills = 0.0
        """Share of calls that the calling process does not survive, half of them unsent."""
        self._clock = cloud.clock
        self._ground = ground
        self._history = history
        self._random = Random(f"{seed}/kills")

    def send(  # type: ignore[override]  # its options are about sockets
        self, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        drawn = self._random.random()
        if drawn < self.kills / 2:
            self._fault("killed_before_call")
            raise Killed
        self._ground.written = None
        at = self._clock.now()
        response = super().send(request, **options)
        self._note(at, request, response.status_code)
        if drawn < self.kills:
            self._fault("killed_after_call")
            raise Killed
        return response

    def _fault(self, name: str) -> None:
        self._history.write(self._clock.now(), "fault", fault=name, lock=None)

    def _note(self, at: datetime, request: requests.PreparedRequest, status: int) -> None:
        parts = (request.url or "").partition("?")[0].split("/")
        if request.method == "GET" or "accesscodes" not in parts:
            return
        place = parts.index("accesscodes")
        code_id = parts[place + 1] if len(parts) > place + 1 else None
        command = {"POST": "add", "PUT": "update"}.get(
            request.method or "", "delete" if code_id else "delete_all"
        )
        body = json.loads(request.body) if request.body else {}
        name = next((v for k, v in body.items() if k.lower() == "name"), None)
        fact = self._ground.written
        self._history.write(
            at,
            "post",
            lock=parts[place - 1],
            command=command,
            booking=self._ground.owner(name, code_id),
            name=name or self._ground.name_of.get(code_id or ""),
            code_id=fact.data["code_id"] if fact else code_id,
            status=status,
            command_id=(fact.data["command_id"] or None) if fact else None,
            faults=sorted(fact.data["faults"]) if fact else [],
        )
