"""How often what goes wrong: rates, the presets made of them, and the draw for one command.

All figures are invented, because the vendor publishes none, and all can be set.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any

from simulator import rng as chance
from simulator.script import BadFault, Plan

Span = tuple[float, float]
"""The ends of a uniform draw."""


@dataclass(frozen=True, slots=True)
class Faults:
    """The rates of one world. As it stands: `realistic`. Times are seconds, rates 0 to 1."""

    latency_median: float = 6.0
    latency_p95: float = 40.0
    lock_timeout: float = 60.0
    """After this long without the lock's answer a command is timed out."""
    state_lag: Span = (0.0, 5.0)
    """From the webhook until a look-up shows the new state."""
    list_lag: Span = (0.0, 20.0)
    """From the lock's answer until the server's list shows it."""

    timeout: float = 0.05
    timeout_applied: float = 0.4
    """Share of the time-outs that the lock carries out all the same."""
    applied_late: float = 0.5
    """Share of those that it carries out only after the time-out."""
    applied_late_after: Span = (70.0, 600.0)
    late_success: float = 0.5
    """Share of the late ones that then turn Successful, with a webhook."""
    false_success: float = 0.005
    nack: float = 0.0
    user_not_found: float = 0.5
    """Share of missing entries that the lock calls users, not ids."""
    new_id_on_new_digits: bool = True

    bad_gateway: float = 0.01
    bad_gateway_done: float = 0.5
    gateway_timeout: float = 0.3
    """Share of the done ones that are answered 504 instead of 502."""
    error_34: float = 0.003
    throttled: float = 0.0
    throttled_for: float = 30.0

    webhook_lost: float = 0.03
    webhook_doubled: float = 0.02
    webhook_late: float = 0.01
    webhook_late_by: Span = (300.0, 3600.0)
    webhook_error: float = 0.5
    """Share of the failure webhooks that say why."""

    list_omits: float = 0.01
    codes_shown: str = "plain"
    """How the list shows digits: `plain`, `masked` (asterisks) or `null`."""

    offline_notice: Span = (0.0, 1200.0)
    """From losing a lock until the cloud shows it as not connected."""
    lock_outage_every_days: float = 0.0
    lock_outage_hours: Span = (0.1, 8.0)
    api_outage_every_days: float = 0.0
    api_outage_hours: Span = (0.1, 6.0)
    split_brain_locks: float = 0.0
    """Share of the locks that fall into split brain once, within `split_brain_within_days`."""
    split_brain_within_days: float = 300.0

    def latency(self, rng: Random) -> float:
        """Seconds until the lock answers; short of the time-out, whose rate is set apart."""
        drawn = chance.log_normal(rng, self.latency_median, self.latency_p95)
        return min(drawn, 0.9 * self.lock_timeout)

    def draw(self, kind: str, rng: Random) -> Plan:
        """What chance does to one command of this kind."""
        return Plan(self._at_the_gate(kind, rng) | self._at_the_lock(kind, rng))

    def draw_read(self, rng: Random) -> Plan:
        """What chance does to a request that only reads."""
        if rng.random() < self.bad_gateway:
            return Plan({"bad_gateway_not_done": ""})
        return Plan()

    def draw_list(self, rng: Random) -> Plan:
        """What chance does to a read of the list that is answered."""
        return Plan({"list_omits": ""} if rng.random() < self.list_omits else {})

    def draw_webhook(self, rng: Random) -> Plan:
        """What chance does to one webhook."""
        drawn = rng.random()
        if drawn < self.webhook_lost:
            return Plan({"webhook_lost": ""})
        fate = {}
        if drawn < self.webhook_lost + self.webhook_doubled:
            fate["webhook_doubled"] = ""
        # A share of all webhooks, as the other two are, and a lost one is not late.
        if rng.random() < self.webhook_late / (1 - self.webhook_lost):
            fate["webhook_late"] = str(rng.uniform(*self.webhook_late_by))
        return Plan(fate)

    def _at_the_gate(self, kind: str, rng: Random) -> dict[str, str]:
        drawn = rng.random()
        if drawn < self.bad_gateway:
            if rng.random() >= self.bad_gateway_done:
                return {"bad_gateway_not_done": ""}
            is_504 = rng.random() < self.gateway_timeout
            return {"gateway_timeout_done" if is_504 else "bad_gateway_done": ""}
        drawn -= self.bad_gateway
        if drawn < self.throttled:
            return {"throttled": str(self.throttled_for)}
        drawn -= self.throttled
        if drawn < self.error_34 and kind in ("add", "update"):
            return {"error_34_done": ""}
        return {}

    def _at_the_lock(self, kind: str, rng: Random) -> dict[str, str]:
        drawn = rng.random()
        if drawn < self.timeout:
            return self._timeout(rng)
        drawn -= self.timeout
        if drawn < self.false_success and kind in ("add", "update"):
            return {"false_success": ""}
        drawn -= self.false_success
        if 0 <= drawn < self.nack:
            return {"nack": ""}
        return {}

    def _timeout(self, rng: Random) -> dict[str, str]:
        if rng.random() >= self.timeout_applied:
            return {"timeout_not_applied": ""}
        if rng.random() >= self.applied_late:
            return {"timeout_applied": ""}
        name = (
            "timeout_then_success" if rng.random() < self.late_success else "timeout_applied_late"
        )
        return {name: str(rng.uniform(*self.applied_late_after))}

    def changed(self, rates: Mapping[str, Any]) -> "Faults":
        """These rates with some replaced; raises BadFault for a name or a value that cannot be."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        values = {}
        for name, value in rates.items():
            if name not in known:
                raise BadFault(f"no rate is called {name!r}; there are {', '.join(known)}")
            values[name] = _as_like(known[name], name, value)
        return replace(self, **values)

    def to_row(self) -> dict[str, Any]:
        return asdict(self)


def _as_like(present: Any, name: str, value: Any) -> Any:
    try:
        if isinstance(present, bool):
            return value in (True, "true", "True", "1", "on")
        if isinstance(present, tuple):
            low, high = value.split("-") if isinstance(value, str) else value
            return float(low), float(high)
        if isinstance(present, float):
            return float(value)
    except (TypeError, ValueError) as error:
        raise BadFault(f"{name} cannot be {value!r}") from error
    return str(value)


REALISTIC = Faults()

CLEAN = Faults(
    latency_median=1.0, latency_p95=2.0, state_lag=(0.0, 0.0), list_lag=(0.0, 0.0),
    timeout=0.0, false_success=0.0, user_not_found=0.0, new_id_on_new_digits=False,
    bad_gateway=0.0, error_34=0.0,
    webhook_lost=0.0, webhook_doubled=0.0, webhook_late=0.0, webhook_error=1.0,
    list_omits=0.0, offline_notice=(0.0, 0.0),
)  # fmt: skip

PRESETS: dict[str, Faults] = {
    "clean": CLEAN,
    "realistic": REALISTIC,
    "bad-wifi": replace(
        REALISTIC, latency_median=15.0, latency_p95=50.0, timeout=0.25, nack=0.03,
        lock_outage_every_days=0.5, lock_outage_hours=(0.05, 0.75),
    ),
    "split-brain": replace(REALISTIC, split_brain_locks=0.5, split_brain_within_days=0.05),
    "outage": replace(
        REALISTIC, bad_gateway=0.1, lock_outage_every_days=2.0, lock_outage_hours=(0.5, 4.0),
        api_outage_every_days=0.1, api_outage_hours=(0.1, 1.0),
    ),
    "harsh": replace(
        REALISTIC, timeout=0.2, timeout_applied=0.5,
        webhook_lost=0.3, webhook_doubled=0.1, webhook_late=0.1, webhook_late_by=(1200.0, 7200.0),
        bad_gateway=0.05,
        lock_outage_every_days=4.0, lock_outage_hours=(0.1, 8.0),
        api_outage_every_days=3.0, api_outage_hours=(0.1, 6.0),
        split_brain_locks=0.01,
    ),
}  # fmt: skip


def preset(name: str) -> Faults:
    """The rates of this name; raises BadFault with the names there are."""
    if name not in PRESETS:
        raise BadFault(f"no preset is called {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name]
