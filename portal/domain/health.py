"""How a lock has been doing: its answers, readings and weak spots, over days and weeks.

A lock that is *unreliable* answers late or not at all, drops off the Wi-Fi, or is about to. The
rule names its reasons, so that a person changes the one thing that helps.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from portal.domain.command import State
from portal.domain.problems import (
    ASK_SCHLAGE,
    CLOSER_WIFI,
    NEW_BATTERIES,
    RESTART_ROUTER,
    ProblemKey,
)

WEAK_SIGNAL: Final = -70
FAIR_SIGNAL: Final = -60
WEAK_BATTERY: Final = 25
EMPTY_BATTERY: Final = 10

LAST_ANSWERS: Final = 30
# Fewer answers than this say nothing about a lock.
_ENOUGH_ANSWERS: Final = 5
_SILENT_SHARE: Final = 0.2
_SILENT_ENDS: Final = frozenset({State.TIMED_OUT, State.UNKNOWN})
# What Schlage calls a failure although the lock refused nothing: it did not answer.
_SILENT_PROBLEMS: Final = frozenset({ProblemKey.COMMAND_TIMEOUT, ProblemKey.NACK})
_SILENT_TIMES: Final = 3
_OFFLINE_WITHIN: Final = timedelta(days=14)
_OFFLINE_TIMES: Final = 3
_OFFLINE_FOR: Final = timedelta(hours=6)
_SIGNAL_WITHIN: Final = timedelta(days=7)
# Below this a door still answers most of the time, which is what makes it a trap.
_UNRELIABLE_SIGNAL: Final = -75
_TREND_WITHIN: Final = timedelta(days=45)
_TREND_AT_LEAST: Final = timedelta(days=7)
# A reading this much higher than the one before comes from new batteries.
_NEW_BATTERIES_RISE: Final = 15
_FEW_DAYS_LEFT: Final = 14
# What is further ahead than the batteries of such a lock last is no news.
_TELLING_DAYS: Final = 365
# One reading an hour says enough, unless something changed.
KEEP_EVERY: Final = timedelta(hours=1)
_SIGNAL_STEP: Final = 5


@dataclass(frozen=True)
class Answer:
    """How a write to the lock ended, and after how many seconds where that is known."""

    at: datetime
    state: State
    seconds: float | None = None
    problem: ProblemKey | None = None

    @property
    def is_nack(self) -> bool:
        """Schlage says that the lock gave no acknowledgement."""
        return self.state is State.FAILED and self.problem is ProblemKey.NACK

    @property
    def is_silence(self) -> bool:
        """The lock itself said nothing, neither yes nor no."""
        is_failure = self.state is State.FAILED
        return self.state in _SILENT_ENDS or (is_failure and self.problem in _SILENT_PROBLEMS)


@dataclass(frozen=True)
class Reading:
    """What the lock said of itself at one time; None where it said nothing."""

    at: datetime
    is_online: bool | None = None
    battery_state: str | None = None
    battery_level: int | None = None
    wifi_signal: int | None = None


class Sign(StrEnum):
    """Why a lock is called unreliable."""

    NO_ANSWER = "no_answer"
    OFFLINE = "offline"
    WEAK_SIGNAL = "weak_signal"
    BATTERY = "battery"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One reason, with the numbers that say it."""

    sign: Sign
    times: int = 0  # writes without an answer, or spells offline
    of: int = 0  # of so many writes
    nacks: int = 0  # so many of those without an answer that Schlage calls “Nack”
    seconds: float = 0.0  # offline altogether
    dbm: int | None = None
    level: int | None = None  # percent
    days_left: int | None = None


@dataclass(frozen=True)
class Times:
    """How long confirmations took in the days from `start` on."""

    start: date
    number: int
    median: float
    p95: float


@dataclass(frozen=True)
class Tally:
    """How the writes of the days from `start` on ended."""

    start: date
    confirmed: int = 0
    failed: int = 0
    nack: int = 0
    timed_out: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.confirmed + self.failed + self.nack + self.timed_out + self.unknown


@dataclass(frozen=True)
class Level:
    """One day's value."""

    on: date
    value: int


# Which problems say already what a sign would say once more.
SAID_BY: Final = {ProblemKey.LOW_BATTERY: Sign.BATTERY, ProblemKey.LOCK_OFFLINE: Sign.OFFLINE}

# What helps against each sign, the least effort first; the vendor comes last.
_ADVICE: Final = {
    Sign.WEAK_SIGNAL: (CLOSER_WIFI,),
    Sign.OFFLINE: (RESTART_ROUTER, CLOSER_WIFI),
    Sign.BATTERY: (NEW_BATTERIES,),
    Sign.NO_ANSWER: (CLOSER_WIFI, RESTART_ROUTER, NEW_BATTERIES),
}
_TALLIED_AS: Final = {
    State.SUCCEEDED: "confirmed",
    State.FAILED: "failed",
    State.TIMED_OUT: "timed_out",
    State.UNKNOWN: "unknown",
}
# Asked in this order: a cause that was measured comes before those that are only likely.
_BY_CERTAINTY: Final = (Sign.WEAK_SIGNAL, Sign.OFFLINE, Sign.BATTERY, Sign.NO_ANSWER)


def signal_word(dbm: int | None) -> str:
    """strong, fair, weak, or empty where Schlage has not said."""
    if dbm is None:
        return ""
    if dbm < WEAK_SIGNAL:
        return "weak"
    return "fair" if dbm < FAIR_SIGNAL else "strong"


def battery_word(state: str | None, level: int | None) -> str:
    """critical, low, good, or empty where Schlage has not said. The lock's own word comes first."""
    said = (state or "").casefold()
    if "critical" in said:
        return "critical"
    if "low" in said:
        return "low"
    if level is not None and level < WEAK_BATTERY:
        return "critical" if level <= EMPTY_BATTERY and not said else "low"
    return "good" if said or level is not None else ""


def is_worth_keeping(last: Reading | None, new: Reading) -> bool:
    """Whether the new reading says more than the last one that was kept."""
    if last is None or new.at - last.at >= KEEP_EVERY:
        return True
    if (last.is_online, last.battery_state, last.battery_level) != (
        new.is_online,
        new.battery_state,
        new.battery_level,
    ):
        return True
    if last.wifi_signal is None or new.wifi_signal is None:
        return last.wifi_signal != new.wifi_signal
    return abs(last.wifi_signal - new.wifi_signal) >= _SIGNAL_STEP


def days_of(today: date, days: int) -> tuple[date, ...]:
    """The last so many days, the oldest first and today the last."""
    return tuple(today - timedelta(days=back) for back in range(days - 1, -1, -1))


def weeks_of(today: date, days: int) -> tuple[date, ...]:
    """The first days of the weeks that cover so many days and end today."""
    weeks = math.ceil(days / 7)
    return tuple(today - timedelta(days=7 * back + 6) for back in range(weeks - 1, -1, -1))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def confirm_times(
    answers: Iterable[Answer], starts: Sequence[date], zone: ZoneInfo
) -> tuple[Times, ...]:
    """Median and 95th percentile of the seconds to a confirmation, of each span that has one."""
    found: dict[date, list[float]] = {}
    for answer in answers:
        start = _start_of(answer.at, starts, zone)
        if start and answer.state is State.SUCCEEDED and answer.seconds is not None:
            found.setdefault(start, []).append(answer.seconds)
    return tuple(
        Times(start, len(found[start]), median(found[start]), percentile(found[start], 0.95))
        for start in starts
        if start in found
    )


def tallies(answers: Iterable[Answer], starts: Sequence[date], zone: ZoneInfo) -> tuple[Tally, ...]:
    """How many writes of each span ended how; every span has its tally."""
    ends: dict[date, Counter[str]] = {start: Counter() for start in starts}
    for answer in answers:
        start = _start_of(answer.at, starts, zone)
        if start:
            ends[start][_end_of(answer)] += 1
    return tuple(Tally(start, **of) for start, of in ends.items())


def battery_levels(readings: Iterable[Reading], zone: ZoneInfo) -> tuple[Level, ...]:
    """The last battery level of each day that has one."""
    found = {
        reading.at.astimezone(zone).date(): reading.battery_level
        for reading in sorted(readings, key=lambda r: r.at)
        if reading.battery_level is not None
    }
    return tuple(Level(on, level) for on, level in found.items())


def signal_levels(readings: Iterable[Reading], zone: ZoneInfo) -> tuple[Level, ...]:
    """The weakest signal of each day that has one: it is what keeps a lock from answering."""
    found: dict[date, int] = {}
    for reading in readings:
        if reading.wifi_signal is not None:
            on = reading.at.astimezone(zone).date()
            found[on] = min(found.get(on, reading.wifi_signal), reading.wifi_signal)
    return tuple(Level(on, found[on]) for on in sorted(found))


def days_left(readings: Iterable[Reading]) -> int | None:
    """In how many days the batteries are empty if they go on so; None while nobody can tell.

    A straight line through the levels since the batteries were new: told once they have lost
    something over a week at least.
    """
    told = [
        (reading.at, reading.battery_level)
        for reading in sorted(readings, key=lambda r: r.at)
        if reading.battery_level is not None
    ]
    for place in range(len(told) - 1, 0, -1):
        if told[place][1] - told[place - 1][1] >= _NEW_BATTERIES_RISE:
            told = told[place:]
            break
    told = [point for point in told if told[-1][0] - point[0] <= _TREND_WITHIN] if told else []
    if len(told) < 3 or told[-1][0] - told[0][0] < _TREND_AT_LEAST:
        return None
    days = [(at - told[0][0]).total_seconds() / 86_400 for at, _ in told]
    mean_day = sum(days) / len(days)
    mean_level = sum(level for _, level in told) / len(told)
    spread = sum((day - mean_day) ** 2 for day in days)
    slope = (
        sum((d - mean_day) * (v - mean_level) for d, (_, v) in zip(days, told, strict=True))
        / spread
    )
    if slope > -0.05:  # less than a percent in twenty days is no trend
        return None
    left = max(0, int(told[-1][1] / -slope))
    return left if left <= _TELLING_DAYS else None


def offline_spells(
    readings: Iterable[Reading], since: datetime, now: datetime
) -> tuple[timedelta, ...]:
    """How long each time was that the lock was offline within the span, one that lasts included."""
    spells: list[timedelta] = []
    began: datetime | None = None
    for reading in sorted(readings, key=lambda r: r.at):
        if reading.is_online is False and began is None:
            began = reading.at
        elif reading.is_online and began is not None:
            if reading.at > since:
                spells.append(reading.at - max(began, since))
            began = None
    if began is not None:
        spells.append(now - max(began, since))
    return tuple(spells)


def judge(
    answers: Iterable[Answer], readings: Sequence[Reading], now: datetime
) -> tuple[Finding, ...]:
    """Why the lock is unreliable, the most certain cause first; empty where it is not."""
    by_time = sorted(readings, key=lambda r: r.at)
    found = {
        finding.sign: finding
        for finding in (
            _no_answer(answers),
            _offline(by_time, now),
            _weak_signal(by_time, now),
            _battery(by_time),
        )
        if finding is not None
    }
    return tuple(found[sign] for sign in _BY_CERTAINTY if sign in found)


def advice(findings: Sequence[Finding]) -> tuple[str, ...]:
    """What to do about these reasons, in order; asking the vendor is the last step."""
    if not findings:
        return ()
    steps = dict.fromkeys(step for finding in findings for step in _ADVICE[finding.sign])
    return (*steps, ASK_SCHLAGE)


def is_same_clock(one: ZoneInfo, other: ZoneInfo, now: datetime) -> bool:
    """Whether both zones show the same time, now and in half a year."""
    return all(
        at.astimezone(one).utcoffset() == at.astimezone(other).utcoffset()
        for at in (now, now + timedelta(days=182))
    )


def _start_of(at: datetime, starts: Sequence[date], zone: ZoneInfo) -> date | None:
    """The start of the span that holds this time; a span lasts until the next one starts."""
    on = at.astimezone(zone).date()
    return next((start for start in reversed(starts) if start <= on), None)


def _end_of(answer: Answer) -> str:
    """The field of a Tally in which this answer counts."""
    if answer.is_nack:
        return "nack"
    # A time-out that Schlage calls a failure is a time-out all the same.
    state = State.TIMED_OUT if answer.is_silence and answer.state is State.FAILED else answer.state
    return _TALLIED_AS[state]


def _no_answer(answers: Iterable[Answer]) -> Finding | None:
    last = sorted(answers, key=lambda a: a.at)[-LAST_ANSWERS:]
    silent = sum(answer.is_silence for answer in last)
    if len(last) < _ENOUGH_ANSWERS or silent < _SILENT_TIMES:
        return None
    if silent < _SILENT_SHARE * len(last):
        return None
    nacks = sum(answer.is_nack for answer in last)
    return Finding(sign=Sign.NO_ANSWER, times=silent, of=len(last), nacks=nacks)


def _offline(readings: Sequence[Reading], now: datetime) -> Finding | None:
    spells = offline_spells(readings, now - _OFFLINE_WITHIN, now)
    altogether = sum(spells, timedelta(0))
    if len(spells) < _OFFLINE_TIMES and altogether < _OFFLINE_FOR:
        return None
    return Finding(sign=Sign.OFFLINE, times=len(spells), seconds=altogether.total_seconds())


def _weak_signal(readings: Sequence[Reading], now: datetime) -> Finding | None:
    told = [(r.at, r.wifi_signal) for r in readings if r.wifi_signal is not None]
    recent = [dbm for at, dbm in told if now - at <= _SIGNAL_WITHIN]
    values = recent or [dbm for _, dbm in told[-1:]]
    if not values or median(values) > _UNRELIABLE_SIGNAL:
        return None
    return Finding(sign=Sign.WEAK_SIGNAL, dbm=round(median(values)))


def _battery(readings: Sequence[Reading]) -> Finding | None:
    told = [r for r in readings if r.battery_state or r.battery_level is not None]
    if not told:
        return None
    level = told[-1].battery_level
    left = days_left(readings)
    is_weak = battery_word(told[-1].battery_state, level) in {"low", "critical"}
    if not is_weak and (left is None or left > _FEW_DAYS_LEFT):
        return None
    return Finding(sign=Sign.BATTERY, level=level, days_left=left)
