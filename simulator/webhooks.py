"""Webhooks: subscriptions, what is sent, what gets lost on the way, and the sending again."""

import json
from collections import deque
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from simulator import rng as chance
from simulator.core import Core, FactKind
from simulator.lock import Accessor, Lock
from simulator.script import Plan
from simulator.signing import Signer

RETRY_SECONDS = (10, 30, 60, 300, 600, 1800)
"""After each answer that is not 2xx; then the webhook is given up."""

DOUBLED_WITHIN = (0.0, 30.0)
MOST_KEPT = 200
"""How many of the last webhooks can be looked at and sent again."""

USER_AGENT = "Allegion-Webhooks/2.0"
ORIGIN = "api.allegion.com"
JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Subscription:
    """Where the events of one user's locks go."""

    id: str
    user_id: str
    url: str

    def to_row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(slots=True)
class Delivery:
    """One copy of one webhook on its way to one address."""

    id: str
    event_id: str
    url: str
    body: str
    tries: int = 0
    status: int | None = None
    """The last answer; 0 when there was none."""

    def to_row(self) -> dict[str, Any]:
        return asdict(self)


class Webhooks:
    """Makes the events, decides their fate, and hands out what is to be sent."""

    def __init__(self, core: Core, signer: Signer | None) -> None:
        self._core = core
        self.signer = signer
        self.subscriptions: dict[str, Subscription] = {}
        self.last: deque[Delivery] = deque(maxlen=MOST_KEPT)
        self.held: list[str] = []
        """Deliveries that wait while webhooks are withheld."""
        self._under_way: dict[str, Delivery] = {}
        self._early: list[Delivery] = []
        self._count = 0

    def subscribe(self, user_id: str, url: str) -> Subscription:
        """The user's subscription to this address, made if there was none."""
        for known in self.subscriptions.values():
            if (known.user_id, known.url) == (user_id, url):
                return known
        made = Subscription(chance.new_uuid(self._core.ids), user_id, url)
        self.subscriptions[made.id] = made
        self._core.store.put("subscription", made.id, made)
        return made

    def unsubscribe(self, id: str) -> None:
        del self.subscriptions[id]
        self._core.store.drop("subscription", id)

    def emit(
        self,
        lock: Lock,
        event_type: str,
        trigger: str,
        data: dict[str, Any],
        plan: Plan | None = None,
    ) -> None:
        """An event of this lock is on its way, in as many copies as its fate has; maybe none."""
        if plan is None or not plan.is_scripted:
            fate = self._core.faults_of(lock).draw_webhook(lock.rng)
            if fate.faults:
                self._core.tell(FactKind.FAULT, lock.id, faults=tuple(fate.faults))
        else:
            fate = plan
        self._send(lock.owner_id, lock.id, event_type, trigger, data, fate)

    def emit_user(self, user_id: str, trigger: str) -> None:
        """An event of the user's account itself is on its way."""
        self._send(user_id, None, "UserUpdate", trigger, {"userId": user_id}, Plan())

    def lock_moved(self, lock: Lock, accessor: Accessor) -> None:
        """The subscriber is told where the bolt is, and who moved it."""
        data = {"lockState": lock.bolt, "accessor": accessor.to_wire()}
        self.emit(lock, "DeviceUpdate", "DeviceLockStateChanged", data)

    def connectivity_changed(self, lock: Lock) -> None:
        """The subscriber is told whether the lock is connected, in text as since January 2025."""
        data = {"connected": "true" if lock.shown_connected else "false"}
        self.emit(lock, "DeviceUpdate", "DeviceConnectivityStateChanged", data)

    def battery_changed(self, lock: Lock) -> None:
        data = {"batteryState": lock.battery_state, "batteryLevel": lock.battery_level}
        self.emit(lock, "DeviceUpdate", "DeviceBatteryLevelChanged", data)

    def keypad_locked_out(self, lock: Lock) -> None:
        """The subscriber is told that the keypad takes no digits; its name is a public guess."""
        self.emit(lock, "DeviceUpdate", "DeviceKeypadLockedOut", {})

    def _send(
        self,
        user_id: str,
        device_id: str | None,
        event_type: str,
        trigger: str,
        data: dict[str, Any],
        fate: Plan,
    ) -> None:
        if not self._core.settings.webhooks_are_on or "webhook_lost" in fate:
            return
        urls = [one.url for one in self.subscriptions.values() if one.user_id == user_id]
        if not urls:
            return
        event_id = f"{self._core.ids.getrandbits(128):032x}"
        event = {
            "eventId": event_id,
            "deviceId": device_id,
            "time": wire_time(self._core.now()),
            "eventType": event_type,
            "trigger": trigger,
            "data": data,
            "version": "2.0",
        }
        delays = [fate.seconds("webhook_late") if "webhook_late" in fate else 0.0]
        if "webhook_doubled" in fate:
            delays.append(delays[0] + self._core.chance.uniform(*DOUBLED_WITHIN))
        body = compact(event)
        for url in urls:
            for delay in delays:
                delivery = self._new_delivery(event_id, url, body)
                if "webhook_before_202" in fate:
                    self._early.append(delivery)
                else:
                    self._core.after(delay, "deliver", delivery.id)

    def send_raw(self, event: dict[str, Any], user_id: str | None = None) -> int:
        """How many subscriptions are now sent this event, made up by an operator."""
        return self._send_again(compact(event), str(event.get("eventId", "")), user_id)

    def replay(self, event_id: str) -> int:
        """How many addresses are sent that webhook once more, byte for byte."""
        bodies = {kept.body for kept in self.last if kept.event_id == event_id}
        return sum(self._send_again(body, event_id, None) for body in bodies)

    def _send_again(self, body: str, event_id: str, user_id: str | None) -> int:
        chosen = [one for one in self.subscriptions.values() if user_id in (None, one.user_id)]
        for one in chosen:
            self._core.after(0, "deliver", self._new_delivery(event_id, one.url, body).id)
        return len(chosen)

    def _new_delivery(self, event_id: str, url: str, body: str) -> Delivery:
        self._count += 1
        delivery = Delivery(f"{self._core.settings.starts}-{self._count}", event_id, url, body)
        self._under_way[delivery.id] = delivery
        self._core.store.put("delivery", delivery.id, delivery)
        self.last.append(delivery)
        return delivery

    def due(self, delivery_id: str) -> Delivery | None:
        """The delivery to be carried now, unless it is withheld or was dropped."""
        delivery = self._under_way.get(delivery_id)
        if delivery is not None and self._core.settings.webhooks_are_withheld:
            self.held.append(delivery_id)
            return None
        return delivery

    def release(self) -> int:
        """How many withheld webhooks are now sent; those to come are withheld no longer."""
        self._core.settings.webhooks_are_withheld = False
        self._core.keep_settings()
        released, self.held = self.held, []
        for delivery_id in released:
            self._core.after(0, "deliver", delivery_id)
        return len(released)

    def take_early(self) -> Iterable[Delivery]:
        """What must be delivered before the request at hand is answered."""
        early, self._early = self._early, []
        return early

    def answered(self, delivery: Delivery, status: int) -> None:
        """The delivery is done, or waits for its next try, or is given up."""
        delivery.status = status
        delivery.tries += 1
        if 200 <= status < 300 or delivery.tries > len(RETRY_SECONDS):
            self._under_way.pop(delivery.id, None)
            self._core.store.drop("delivery", delivery.id)
            return
        self._core.store.put("delivery", delivery.id, delivery)
        self._core.after(RETRY_SECONDS[delivery.tries - 1], "deliver", delivery.id)

    def headers(self, body: bytes) -> dict[str, str]:
        """The headers of a webhook; without a signer it goes unsigned."""
        headers = {"Content-Type": JSON_TYPE, "User-Agent": USER_AGENT}
        if self.signer is not None:
            headers["WebHook-Signature"] = self.signer.sign(body)
        return headers

    def restore(
        self,
        subscriptions: Iterable[dict[str, Any]],
        deliveries: Iterable[dict[str, Any]],
        planned: Container[str],
    ) -> None:
        """What an earlier run had to send, and to whom, is known again.

        A delivery that no event on the agenda names was withheld, or in the air when the run
        ended: it is sent (or withheld) again.
        """
        for row in subscriptions:
            self.subscriptions[row["id"]] = Subscription(**row)
        for row in deliveries:
            delivery = Delivery(**row)
            self._under_way[delivery.id] = delivery
            self.last.append(delivery)
            if delivery.id not in planned:
                self._core.after(0, "deliver", delivery.id)


def compact(event: dict[str, Any]) -> str:
    """JSON without spaces, as the vendor signs it."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def wire_time(at: datetime) -> str:
    """A moment in UTC with milliseconds, as in `2024-04-29T19:17:18.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
