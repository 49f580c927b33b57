"""A simulated cloud in virtual time with one user, one lock, and a mailbox for its webhooks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.core import Fact, FactKind
from simulator.faults import Faults
from simulator.signing import Signer
from simulator.wire import Request, Response

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOOK = "https://portal.test/webhooks/schlage"
KEY = {"alle-subscription-key": "key"}


@dataclass
class Letter:
    """One request that the cloud sent to a subscriber."""

    at: datetime
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)


class World:
    """What a test holds: the cloud, its lock, and everything that was sent or happened."""

    def __init__(
        self,
        faults: Faults | str = "clean",
        signer: Signer | None = None,
        token_seconds: int = 10**8,
        **traits: Any,
    ) -> None:
        self.clock = VirtualClock(NOON)
        self.letters: list[Letter] = []
        self.facts: list[Fact] = []
        self.statuses: list[int] = []
        """The subscriber's next answers; 204 when there is none left."""
        self.cloud = Cloud(
            self.clock,
            deliver=self._deliver,
            faults=faults,
            signer=signer,
            token_seconds=token_seconds,
        )
        self.cloud.on_fact(self.facts.append)
        self.cloud.add_user("owner")
        self.lock = self.cloud.add_lock("owner", "Front door", "lock-1", **traits)
        self.cloud.webhooks.subscribe("owner", HOOK)
        self.token = self.cloud.issue_token("owner", "our-client").access_token

    def _deliver(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.letters.append(Letter(self.clock.now(), method, url, headers, body))
        return self.statuses.pop(0) if self.statuses else 204

    def call(self, method: str, path: str, body: Any = None, token: str | None = None) -> Response:
        headers = {"Authorization": f"Bearer {token or self.token}"} | KEY
        return self.cloud.handle(Request(method, f"/schlage-home{path}", headers, body))

    def add(self, name: str = "Guest A", pin: str = "4829", schedule: Any = None) -> Response:
        return self.call("POST", "/Devices/lock-1/accesscodes", code_body(name, pin, schedule))

    def update(self, code_id: str, name: str = "Guest A", pin: str = "4829") -> Response:
        return self.call("PUT", f"/Devices/lock-1/accesscodes/{code_id}", code_body(name, pin))

    def delete(self, code_id: str) -> Response:
        return self.call("DELETE", f"/Devices/lock-1/accesscodes/{code_id}")

    def put_on_lock(self, name: str = "Guest A", pin: str = "4829") -> str:
        """The id of a code that both lists have."""
        command_id = self.add(name, pin).json["commandId"]
        self.run(60)
        return self.command(command_id)["data"]["accessCodeId"]

    def command(self, command_id: str) -> dict[str, Any]:
        return self.call("GET", f"/Devices/lock-1/commands/{command_id}").json

    def state(self, response: Response) -> str:
        """What a look-up says of the command that this answer accepted."""
        return self.command(response.json["commandId"])["state"]

    def listed(self) -> list[str]:
        codes = self.call("GET", "/Devices/lock-1/accesscodes").json["accessCodes"]
        return [code["name"] for code in codes]

    def held(self) -> list[str]:
        return [code.name for code in self.lock.lock_codes]

    def run(self, seconds: float) -> None:
        self.cloud.advance_to(self.clock.now() + timedelta(seconds=seconds))

    def triggers(self) -> list[str]:
        """The triggers of the webhooks that arrived, in order."""
        return [letter.event["trigger"] for letter in self.letters if letter.method == "POST"]

    def fact_kinds(self) -> list[FactKind]:
        return [fact.kind for fact in self.facts]


ALWAYS = {"scheduleType": "Always"}


def stay(start: datetime = NOON, hours: float = 48) -> dict[str, Any]:
    """The schedule of a stay that begins at `start`."""
    return {
        "scheduleType": "Temporary",
        "scheduleDetails": {
            "startDateTime": start.isoformat(),
            "endDateTime": (start + timedelta(hours=hours)).isoformat(),
        },
    }


def code_body(name: str, pin: str, schedule: Any = None) -> dict[str, Any]:
    return {"name": name, "accessCode": pin, "schedule": schedule or stay()}


def texts(response: Response) -> list[str]:
    """The texts of an immediate refusal."""
    return [text for texts in response.json["errors"].values() for text in texts]
