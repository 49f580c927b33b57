"""Figures for Prometheus: gauges read from the database when asked, and counters of webhooks.

The database is the truth, so the gauges are right whichever process answers. The counters are this
process's own: a forged webhook leaves no other trace, least of all a row.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from portal import clock, tenancy
from portal.domain.command import OPEN
from portal.domain.outgoing import State as Sending
from portal.extensions import db
from portal.models import (
    Booking,
    BookingStatus,
    Command,
    Connection,
    DoorCode,
    EndpointCall,
    Feed,
    Lock,
    Notice,
    WebhookEvent,
    WebhookState,
)
from portal.models.base import one_of
from portal.models.outgoing import Outgoing

_AGES: Final = (
    ("under_1_min", timedelta(minutes=1)),
    ("under_5_min", timedelta(minutes=5)),
    ("under_10_min", timedelta(minutes=10)),
)
_OLDEST: Final = "over_10_min"
_OUTGOING: Final[dict[str, type[Outgoing]]] = {"notice": Notice, "endpoint_call": EndpointCall}


class Metrics:
    """The figures of one app, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_FromDatabase())
        self._webhooks = Counter(
            "latchboard_webhooks",
            "Webhooks received by this process, by what became of them.",
            ["outcome"],
            registry=self._registry,
        )

    def count_webhooks(self, outcome: str, number: int = 1) -> None:
        if number:
            self._webhooks.labels(outcome).inc(number)

    def text(self) -> bytes:
        """All figures in Prometheus' text format. Reads the database of every account."""
        with tenancy.as_system():
            return generate_latest(self._registry)


class _FromDatabase(Collector):
    def describe(self) -> Iterable[Metric]:
        """Nothing: registering the collector is not to read the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        session, now = db.session(), clock.now()
        yield _gauge(
            "locks_due",
            "Locks with work that is due.",
            _number(session, select(func.count()).where(Lock.due_at <= now)),
        )
        yield _gauge(
            "sweep_lateness_seconds",
            "How long the lock that is due longest has been waiting; grows when nobody sweeps.",
            _age(session, select(func.min(Lock.due_at)).where(Lock.due_at <= now), now),
        )
        yield _by(
            "open_commands", "Commands without an outcome.", "age", _open_commands(session, now)
        )
        yield _by(
            "commands_closed_last_hour",
            "Commands that got their outcome in the last hour, by what told it.",
            "by",
            _counts(session, Command.closed_by, Command.closed_at > now - timedelta(hours=1)),
        )
        yield _by("door_codes", "Door codes.", "status", _counts(session, DoorCode.status))
        yield _by(
            "bookings",
            "Confirmed bookings that are not over.",
            "verdict",
            _counts(
                session,
                Booking.verdict,
                Booking.status == BookingStatus.CONFIRMED,
                Booking.ends_at > now,
            ),
        )
        yield _by(
            "webhook_events", "Stored webhooks.", "state", _counts(session, WebhookEvent.state)
        )
        parked = WebhookEvent.state == WebhookState.PARKED
        yield _gauge(
            "oldest_parked_webhook_seconds",
            "Age of the oldest webhook whose command we do not know.",
            _age(session, select(func.min(WebhookEvent.received_at)).where(parked), now),
        )
        yield _gauge(
            "feeds_sick",
            "Feeds whose last fetch failed or whose changes are held.",
            _number(
                session,
                select(func.count()).where((Feed.failures > 0) | Feed.held_until.is_not(None)),
            ),
        )
        yield _by("connections", "Connections.", "state", _counts(session, Connection.state))
        yield _by(
            "outgoing_waiting",
            "Notices to people and calls to endpoints that are still to be sent.",
            "what",
            {
                name: _number(session, select(func.count()).where(of.ring_at.is_not(None)))
                for name, of in _OUTGOING.items()
            },
        )
        yield _by(
            "outgoing_dead_last_day",
            "Those of the last day that nobody took, however often they were tried.",
            "what",
            {
                name: _number(
                    session,
                    select(func.count()).where(
                        of.created_at > now - timedelta(days=1), of.state == Sending.DEAD
                    ),
                )
                for name, of in _OUTGOING.items()
            },
        )
        due = [
            _age(session, select(func.min(of.due_at)).where(of.ring_at.is_not(None)), now)
            for of in _OUTGOING.values()
        ]
        yield _gauge(
            "outgoing_lateness_seconds",
            "How long the one that is due longest has been waiting; grows when nobody sends.",
            max(due),
        )


def _open_commands(session: Session, now: datetime) -> dict[str, int]:
    age = case(*((Command.created_at > now - limit, name) for name, limit in _AGES), else_=_OLDEST)
    rows = session.execute(
        select(age, func.count()).where(one_of(Command.state, OPEN)).group_by(age)
    )
    found: dict[str, int] = dict(rows.all())
    return {name: found.get(name, 0) for name in (*(name for name, _ in _AGES), _OLDEST)}


def _counts(session: Session, column: Any, *conditions: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*conditions).group_by(column))
    return {str(value or "unknown"): count for value, count in rows}


def _number(session: Session, query: Select[Any]) -> float:
    return float(session.execute(query).scalar() or 0)


def _age(session: Session, query: Select[Any], now: datetime) -> float:
    earliest: datetime | None = session.execute(query).scalar()
    return 0.0 if earliest is None else max(0.0, (now - earliest).total_seconds())


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(f"latchboard_{name}", words, value=value)


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"latchboard_{name}", words, labels=[label])
    for value, count in sorted(values.items()):
        family.add_metric([value], count)
    return family
