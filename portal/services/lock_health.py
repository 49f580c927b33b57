"""How locks have been doing, read: why one is unreliable, and its course over weeks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.domain import health
from portal.domain.command import OPEN, Lane, State
from portal.domain.health import Answer, Finding, Level, Reading, Tally, Times
from portal.models import Command, DoorEvent, Lock, LockReading, Mapping, Property
from portal.models.base import one_of
from portal.services import readings
from portal.zones import zone_or_utc

PERIODS: Final = (30, 90)
# Answers from longer ago say nothing of today.
_ANSWERS_WITHIN: Final = timedelta(days=60)
_READINGS_WITHIN: Final = timedelta(days=45)
_NO_ANSWERS: Final = (*OPEN, State.SUPERSEDED)


@dataclass(frozen=True, kw_only=True)
class Course:
    """A lock over the last days, in the zone of its history."""

    days: tuple[date, ...]
    spans: tuple[date, ...]  # the days or weeks that confirmation times are told for
    times: tuple[Times, ...]
    outcomes: tuple[Tally, ...]
    battery: tuple[Level, ...]
    signal: tuple[Level, ...]
    days_left: int | None

    @property
    def is_weekly(self) -> bool:
        return self.spans != self.days


@dataclass(frozen=True)
class OtherClock:
    """A property whose clocks show another time than the lock's."""

    name: str
    zone: str


def course(session: Session, lock_id: int, zone: str, days: int, now: datetime) -> Course:
    """The lock over so many days: two queries."""
    here = zone_or_utc(zone)
    today = now.astimezone(here).date()
    covered = health.days_of(today, days)
    spans = covered if days <= PERIODS[0] else health.weeks_of(today, days)
    since = now - timedelta(days=days + 7)
    answers = _answers(session, [lock_id], since).get(lock_id, [])
    told = _readings(session, [lock_id], since).get(lock_id, [])
    return Course(
        days=covered,
        spans=spans,
        times=health.confirm_times(answers, spans, here),
        outcomes=health.tallies(answers, covered, here),
        battery=_within(health.battery_levels(told, here), covered),
        signal=_within(health.signal_levels(told, here), covered),
        days_left=health.days_left(told),
    )


def findings(
    session: Session, lock_ids: Iterable[int], now: datetime
) -> dict[int, tuple[Finding, ...]]:
    """Why each of these locks is unreliable; only those that are. Two queries, however many."""
    ids = sorted(set(lock_ids))
    if not ids:
        return {}
    answers = _answers(session, ids, now - _ANSWERS_WITHIN, health.LAST_ANSWERS)
    told = _readings(session, ids, now - _READINGS_WITHIN)
    found = {
        lock_id: health.judge(answers.get(lock_id, ()), told.get(lock_id, ()), now)
        for lock_id in ids
    }
    return {lock_id: reasons for lock_id, reasons in found.items() if reasons}


def other_clocks(session: Session, lock_id: int, now: datetime) -> tuple[OtherClock, ...]:
    """The properties that this lock opens although its clock shows another time than theirs."""
    rows = session.execute(
        select(Property.name, Property.time_zone, Lock.time_zone)
        .join(Mapping, Mapping.property_id == Property.id)
        .join(Lock, Lock.id == Mapping.lock_id)
        .where(Lock.id == lock_id, Lock.time_zone.is_not(None))
        .order_by(Property.name)
    )
    return tuple(
        OtherClock(name, zone)
        for name, zone, of_lock in rows
        if not health.is_same_clock(ZoneInfo(zone), zone_or_utc(of_lock), now)
    )


def heard_at(session: Session, lock_id: int) -> datetime | None:
    """When the lock itself last said anything: a confirmation, or something at the door."""
    last = (
        session.scalar(
            select(func.max(Command.closed_at)).where(
                Command.lock_id == lock_id, Command.state == State.SUCCEEDED
            )
        ),
        session.scalar(select(func.max(DoorEvent.at)).where(DoorEvent.lock_id == lock_id)),
    )
    return max((at for at in last if at is not None), default=None)


def _answers(
    session: Session, lock_ids: Sequence[int], since: datetime, last: int | None = None
) -> dict[int, list[Answer]]:
    """How the writes of codes to each lock ended: all since then, or the last so many of those."""
    rank = func.row_number().over(
        partition_by=Command.lock_id, order_by=(Command.closed_at.desc(), Command.id.desc())
    )
    ended = (
        select(
            Command.lock_id,
            Command.closed_at,
            Command.state,
            Command.sent_at,
            Command.problem,
            rank.label("rank"),
        )
        .where(
            Command.lock_id.in_(lock_ids),
            Command.lane == Lane.CODES,
            ~one_of(Command.state, _NO_ANSWERS),
            Command.sent_at.is_not(None),
            Command.closed_at > since,
        )
        .subquery()
    )
    statement = select(
        ended.c.lock_id, ended.c.closed_at, ended.c.state, ended.c.sent_at, ended.c.problem
    )
    if last is not None:
        statement = statement.where(ended.c.rank <= last)
    found: dict[int, list[Answer]] = {}
    for lock_id, closed_at, state, sent_at, problem in session.execute(statement):
        seconds = (closed_at - sent_at).total_seconds()
        found.setdefault(lock_id, []).append(Answer(closed_at, state, seconds, problem))
    return found


def _readings(
    session: Session, lock_ids: Sequence[int], since: datetime
) -> dict[int, list[Reading]]:
    rows = session.scalars(
        select(LockReading)
        .where(LockReading.lock_id.in_(lock_ids), LockReading.at > since)
        .order_by(LockReading.at, LockReading.id)
    )
    found: dict[int, list[Reading]] = {}
    for row in rows:
        found.setdefault(row.lock_id, []).append(readings.of_row(row))
    return found


def _within(levels: Iterable[Level], days: Sequence[date]) -> tuple[Level, ...]:
    return tuple(level for level in levels if level.on >= days[0])
