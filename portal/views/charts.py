"""Charts as shapes on a small canvas, ready to be drawn as SVG, each with its numbers as a table.

The canvas is as wide as a phone, so that the words in it stay readable there; where there is more
room it grows. Nothing here reads: a chart is made of what `lock_health.course` found.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from babel.dates import format_skeleton
from flask_babel import gettext, ngettext

from portal.domain.health import Level
from portal.services.lock_health import Course
from portal.views import filters

WIDTH: Final = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 352, 10, 146
_SIGNAL_LOW, _SIGNAL_HIGH = -95, -35
# How an axis may be divided: steps that people count in.
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


@dataclass(frozen=True)
class Tick:
    """A line across the chart with its words."""

    at: float
    words: str


@dataclass(frozen=True)
class Bar:
    """One part of a stacked bar."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    words: str


@dataclass(frozen=True)
class Dot:
    """One measured value."""

    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Line:
    """Values joined in the order of time."""

    look: str
    dots: tuple[Dot, ...]

    @property
    def points(self) -> str:
        return " ".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True)
class Key:
    """One entry of the legend."""

    look: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart with everything that a template prints of it."""

    id: str
    title: str
    summary: str
    empty: str = ""  # why there is nothing to draw yet
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    across: tuple[Tick, ...] = ()
    along: tuple[Tick, ...] = ()
    legend: tuple[Key, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def of_lock(course: Course) -> tuple[Chart, ...]:
    """The charts of one lock."""
    return (_times(course), _outcomes(course), _battery(course), _signal(course))


def _times(course: Course) -> Chart:
    title = gettext("Time until the lock confirmed")
    if not course.times:
        return Chart(
            id="times",
            title=title,
            summary="",
            empty=gettext("No code was confirmed in this time."),
        )
    place = {start: number for number, start in enumerate(course.spans)}
    ticks, y = _axis(0, max(times.p95 for times in course.times), _time)
    x = _along(len(course.spans))

    def line(look: str, name: str, value: Callable[[Any], float]) -> Line:
        return Line(
            look,
            tuple(
                Dot(
                    x(place[times.start]),
                    y(value(times)),
                    f"{_span(times.start, course)}: {name} {filters.time_limit(value(times))}",
                )
                for times in course.times
            ),
        )

    median, p95 = gettext("half were faster than"), gettext("95 % were faster than")
    slowest = max(course.times, key=lambda times: times.p95)
    return Chart(
        id="times",
        title=title,
        summary=gettext(
            "Last: half within %(median)s, 95 %% within %(p95)s. Slowest: %(slow)s (%(when)s).",
            median=filters.time_limit(course.times[-1].median),
            p95=filters.time_limit(course.times[-1].p95),
            slow=filters.time_limit(slowest.p95),
            when=_span(slowest.start, course),
        ),
        lines=(
            line("second", p95, lambda times: times.p95),
            line("first", median, lambda times: times.median),
        ),
        across=ticks,
        along=_dates(course.spans),
        legend=(
            Key("first", gettext("Half of them (median)")),
            Key("second", gettext("95 of 100")),
        ),
        header=(
            gettext("Week from") if course.is_weekly else gettext("Day"),
            gettext("Confirmed"),
            gettext("Median"),
            gettext("95 % within"),
        ),
        rows=tuple(
            (
                _day(times.start),
                str(times.number),
                filters.time_limit(times.median),
                filters.time_limit(times.p95),
            )
            for times in reversed(course.times)
        ),
    )


def _outcomes(course: Course) -> Chart:
    title = gettext("How changes to codes ended")
    told = [tally for tally in course.outcomes if tally.total]
    if not told:
        return Chart(
            id="outcomes",
            title=title,
            summary="",
            empty=gettext("Nothing was sent to the lock in this time."),
        )
    names = {
        "confirmed": gettext("Confirmed"),
        "failed": gettext("Refused"),
        "nack": gettext("Nack"),
        "timed_out": gettext("Timed out"),
        "unknown": gettext("Unknown"),
    }
    if not any(tally.nack for tally in told):
        # Most locks never give one: no room for it in the table of a phone.
        del names["nack"]
    ticks, y = _axis(0, max(tally.total for tally in told), lambda value: str(int(value)))
    step = (_RIGHT - _LEFT) / len(course.days)
    bars = []
    for number, tally in enumerate(course.outcomes):
        below = 0
        for look, name in names.items():
            count = getattr(tally, look)
            if count:
                bars.append(
                    Bar(
                        x=_LEFT + number * step + step * 0.12,
                        y=y(below + count),
                        width=step * 0.76,
                        height=y(below) - y(below + count),
                        tone=look,
                        words=f"{_day(tally.start)}: {name} {count}",
                    )
                )
            below += count
    sums = {look: sum(getattr(tally, look) for tally in told) for look in names}
    return Chart(
        id="outcomes",
        title=title,
        summary=_summary_of_outcomes(sums),
        bars=tuple(bars),
        across=ticks,
        along=_dates(course.days),
        legend=tuple(Key(look, f"{name} ({sums[look]})") for look, name in names.items()),
        header=(gettext("Day"), *names.values()),
        rows=tuple(
            (_day(tally.start), *(str(getattr(tally, look)) for look in names))
            for tally in reversed(told)
        ),
    )


def _summary_of_outcomes(sums: dict[str, int]) -> str:
    if "nack" in sums:
        return gettext(
            "%(confirmed)s confirmed, %(failed)s refused, %(nack)s without acknowledgement (Nack), "
            "%(timed_out)s timed out, %(unknown)s unknown.",
            **sums,
        )
    return gettext(
        "%(confirmed)s confirmed, %(failed)s refused, %(timed_out)s timed out, "
        "%(unknown)s unknown.",
        **sums,
    )


def _battery(course: Course) -> Chart:
    summary = ""
    if course.battery:
        summary = gettext("Last: %(level)s %%.", level=course.battery[-1].value)
        if course.days_left is not None:
            summary = gettext(
                "%(last)s At this rate empty in about %(days)s.",
                last=summary,
                days=ngettext("1 day", "%(num)s days", course.days_left),
            )
    return _levels(
        course,
        course.battery,
        id="battery",
        title=gettext("Batteries"),
        summary=summary,
        empty=gettext("The lock has not said how full its batteries are in this time."),
        column=gettext("Percent"),
        unit=lambda value: f"{int(value)} %",
        low=0,
        high=100,
        marks=(0, 50, 100),
    )


def _signal(course: Course) -> Chart:
    summary = ""
    if course.signal:
        weakest = min(level.value for level in course.signal)
        summary = gettext(
            "Last: %(last)s dBm, weakest: %(weakest)s dBm. Below −70 it is weak.",
            last=_minus(course.signal[-1].value),
            weakest=_minus(weakest),
        )
    return _levels(
        course,
        course.signal,
        id="signal",
        title=gettext("Wi-Fi signal, the weakest of each day"),
        summary=summary,
        empty=gettext("The lock has not said how strong its signal is in this time."),
        column="dBm",
        unit=lambda value: _minus(int(value)),
        low=_SIGNAL_LOW,
        high=_SIGNAL_HIGH,
        marks=(-90, -70, -50),
    )


def _levels(
    course: Course,
    levels: Sequence[Level],
    *,
    id: str,
    title: str,
    summary: str,
    empty: str,
    column: str,
    unit: Callable[[float], str],
    low: float,
    high: float,
    marks: Sequence[float],
) -> Chart:
    """One value a day, on a scale that is the same for every lock."""
    if not levels:
        return Chart(id=id, title=title, summary="", empty=empty)
    x, y = _along(len(course.days)), _up(low, high)
    place = {on: number for number, on in enumerate(course.days)}
    dots = tuple(
        Dot(x(place[level.on]), y(level.value), f"{_day(level.on)}: {unit(level.value)}")
        for level in levels
        if level.on in place
    )
    return Chart(
        id=id,
        title=title,
        summary=summary,
        lines=(Line("first", dots),),
        across=tuple(Tick(y(mark), unit(mark)) for mark in marks),
        along=_dates(course.days),
        header=(gettext("Day"), column),
        rows=tuple((_day(level.on), unit(level.value)) for level in reversed(levels)),
    )


def _axis(
    low: float, high: float, unit: Callable[[float], str]
) -> tuple[tuple[Tick, ...], Callable[[float], float]]:
    """The ticks of an axis from `low` to a round number above `high`, and where values stand."""
    step = next((s for s in _STEPS if (high - low) / s <= 3), math.ceil((high - low) / 3))
    top = low + step * max(1, math.ceil((high - low) / step))
    y = _up(low, top)
    count = round((top - low) / step)
    return tuple(Tick(y(low + n * step), unit(low + n * step)) for n in range(count + 1)), y


def _up(low: float, high: float) -> Callable[[float], float]:
    """Where a value stands between bottom and top; one beyond the scale at its edge."""

    def y(value: float) -> float:
        inside = min(max(value, low), high)
        return _BOTTOM - (inside - low) / (high - low) * (_BOTTOM - _TOP)

    return y


def _along(count: int) -> Callable[[int], float]:
    """Where the number of a day or week stands, in the middle of its share of the width."""
    step = (_RIGHT - _LEFT) / count
    return lambda number: _LEFT + (number + 0.5) * step


def _dates(spans: Sequence[date]) -> tuple[Tick, ...]:
    """The first, the middle and the last day, under the chart."""
    x = _along(len(spans))
    places = sorted({0, (len(spans) - 1) // 2, len(spans) - 1})
    return tuple(Tick(x(place), _day(spans[place])) for place in places)


def _span(start: date, course: Course) -> str:
    if course.is_weekly:
        return gettext("week from %(day)s", day=_day(start))
    return _day(start)


def _day(on: date) -> str:
    return format_skeleton("MMMd", on, locale=filters.locale())


def _time(seconds: float) -> str:
    """A mark of the axis: in seconds where minutes would name two marks alike."""
    if seconds > 60 and seconds % 60:
        return gettext("%(number)s s", number=int(seconds))
    return filters.time_limit(seconds)


def _minus(value: int) -> str:
    return str(value).replace("-", "−")
