"""What a webhook costs, against a view that only verifies and inserts.

Each is a new event with a valid signature, posted by several senders at once. The portal reads the
event, stores its body encrypted and rings Redis; the bare view does what every receiver must. Both
write to SQLite with WAL and full synchronisation, each to its own file.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from benchmarks.measure import Load, compare, hammer, raw_request
from benchmarks.rig import Rig
from simulator.signing import Signer

PER_ROUND: Final = 250
ROUNDS: Final = 7

Signed = tuple[bytes, str]


def run(rig: Rig) -> dict[str, Any]:
    """The line of results. The worker is away, so that only the receiving is measured."""
    events = [
        [signed_event(rig.signer) for _ in range(PER_ROUND)]
        for _ in range(ROUNDS + 1)  # one to warm up
    ]
    for_ours, for_bare = iter(events), iter(events)

    def ours() -> Load:
        requests = _requests("/webhooks/schlage", rig.portal.port, next(for_ours))
        return hammer(rig.portal, requests, 204)

    def bare() -> Load:
        requests = _requests("/webhook", rig.bare.port, next(for_bare))
        return hammer(rig.bare, requests, 204)

    return compare("webhook / bare verify and insert", ours, bare, ROUNDS)


def signed_event(signer: Signer) -> Signed:
    """A command's success as Schlage sends it, with ids of its own, and its signature."""
    event = {
        "eventId": uuid4().hex,
        "deviceId": str(uuid4()),
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventType": "CommandUpdate",
        "trigger": "CommandSucceeded",
        "data": {"commandId": str(uuid4()), "commandType": "AddAccessCode", "clientId": "bench"},
        "version": "2.0",
    }
    body = json.dumps(event).encode()
    return body, signer.sign(body)


def _requests(path: str, port: int, events: list[Signed]) -> Iterator[bytes]:
    for body, signature in events:
        headers = {"Content-Type": "application/json", "WebHook-Signature": signature}
        yield raw_request("POST", path, port, headers, body)
