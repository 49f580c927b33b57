"""How times, statuses and problems are written on a page.

Everything a person reads passes through here: times in the zone of the property they belong to,
ages in words that static/js/ages.js keeps ticking, and one word, icon and tone per status. A tone
never speaks alone: templates print the icon and the word beside it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_skeleton, format_time
from flask import Flask, current_app
from flask_babel import get_locale, gettext, lazy_gettext
from markupsafe import Markup, escape

from portal import clock
from portal.domain import sentences
from portal.domain.pin import grouped
from portal.domain.problems import Problem, ProblemKey, as_it_came
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.domain.week import Weekday, WeeklyWindow
from portal.models.booking import Source
from portal.models.connection import ConnectionState
from portal.views._devices import device

SPRITE: Final = "vendor/lucide-1.62.0.svg"


@dataclass(frozen=True)
class Look:
    """How a status or verdict is shown: its word, its icon, and the tone of both."""

    word: Any  # a lazy text
    icon: str
    tone: str


STATUS: Final[Mapping[Status, Look]] = {
    Status.PLANNED: Look(lazy_gettext("Planned"), "calendar-clock", "grey"),
    Status.QUEUED: Look(lazy_gettext("Waiting its turn"), "hourglass", "slate"),
    Status.SENT: Look(lazy_gettext("Sent, lock has not answered"), "send", "slate"),
    Status.CONFIRMED: Look(lazy_gettext("On the lock"), "circle-check", "green"),
    Status.RETRYING: Look(lazy_gettext("Trying again"), "rotate-ccw", "amber"),
    Status.UNSURE: Look(lazy_gettext("Being verified"), "circle-question-mark", "amber"),
    Status.NEEDS_YOU: Look(lazy_gettext("Needs you"), "circle-x", "red"),
    Status.REMOVING: Look(lazy_gettext("Being removed"), "trash-2", "grey"),
    Status.REMOVED: Look(lazy_gettext("Removed"), "check", "grey"),
}

VERDICT: Final[Mapping[Verdict, Look]] = {
    Verdict.READY: Look(lazy_gettext("Ready"), "circle-check", "green"),
    Verdict.ON_TRACK: Look(lazy_gettext("On track"), "clock", "slate"),
    Verdict.AT_RISK: Look(lazy_gettext("At risk"), "triangle-alert", "amber"),
    Verdict.NOT_READY: Look(lazy_gettext("Not ready"), "circle-x", "red"),
}

CONNECTION: Final[Mapping[ConnectionState, Look]] = {
    ConnectionState.CONNECTED: Look(lazy_gettext("Connected"), "circle-check", "green"),
    ConnectionState.SIGNED_OUT: Look(lazy_gettext("Signed out by Schlage"), "log-in", "red"),
    ConnectionState.DISCONNECTED: Look(lazy_gettext("Disconnected"), "unplug", "grey"),
}

SOURCE: Final[Mapping[Source, Any]] = {
    Source.AIRBNB: "Airbnb",
    Source.VRBO: "Vrbo",
    Source.BOOKING_COM: "Booking.com",
    Source.ICAL: lazy_gettext("Calendar"),
    Source.API: "API",
    Source.CSV: "CSV",
    Source.TYPED: lazy_gettext("Typed by hand"),
}


def install(app: Flask) -> None:
    """The filters and functions of this module exist in every template of `app`."""
    app.jinja_env.filters.update(
        age=age,
        due=due,
        clock=clock_time,
        day=day,
        moment=moment,
        plain_date=plain_date,
        date_in=date_in,
        digit_groups=digit_groups,
        tr=tr,
        status=lambda status: STATUS[status],
        verdict=lambda verdict: VERDICT[verdict],
        connection=lambda state: CONNECTION[state],
        source=lambda source: SOURCE[source],
        problem=problem,
        time_limit=time_limit,
        zone_name=zone_name,
        device=device,
        hours=hours,
    )
    app.jinja_env.globals.update(icon=icon, age_words=age_words, page_language=locale)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def icon(name: str, extra: str = "") -> Markup:
    """The icon of that lucide name, hidden from screen readers: a word always stands beside it."""
    address = current_app.jinja_env.globals["static_url"](SPRITE)
    return Markup('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>').format(
        extra, address, name
    )


def tr(text: object) -> str:
    """A text of ours that a variable holds (catalogue, words), in the page's language.

    A sentence with values in it is found again by its own words; any other text stays as it is.
    """
    english = str(text)
    if not english:
        return ""  # of which a catalogue says what it is itself
    said = gettext(english)
    found = sentences.find(english) if said == english else None
    if found is None:
        return said
    ours = found.sentence.ours
    values = {name: tr(value) if name in ours else value for name, value in found.values.items()}
    return sentences.filled(gettext(found.sentence.template), values)


def problem(key: ProblemKey, led: Collection[ProblemKey] = ()) -> Problem:
    """The catalogue entry of a problem, with what those that led to it add."""
    return as_it_came(key, led)


def clock_time(at: datetime | time, zone: str | None = None) -> str:
    """The time of day, such as 4:00 PM, on the clocks of `zone`."""
    value = at.astimezone(ZoneInfo(zone)) if isinstance(at, datetime) and zone else at
    # Babel's narrow space before AM looks broken in fonts that lack it.
    return format_time(value, "short", locale=locale()).replace("\u202f", "\u00a0")


def day(at: datetime, zone: str, now: datetime | None = None) -> str:
    """The day in `zone`: Today, Tomorrow, Yesterday, or such as Fri, Nov 27."""
    here = ZoneInfo(zone)
    on = at.astimezone(here).date()
    today = (now or clock.now()).astimezone(here).date()
    near = {
        today - timedelta(days=1): gettext("Yesterday"),
        today: gettext("Today"),
        today + timedelta(days=1): gettext("Tomorrow"),
    }
    return near.get(on) or plain_date(on, today)


def hours(window: WeeklyWindow) -> str:
    """Hours of the week, such as Mon, Fri 9:00 AM – 12:00 PM."""
    names = Locale.parse(locale()).days["stand-alone"]["abbreviated"]
    days = [names[n] for n, day in enumerate(Weekday) if day in window.weekdays]
    on = gettext("Every day") if len(days) == len(Weekday) else ", ".join(days)
    return f"{on} {clock_time(window.starts)} – {clock_time(window.ends)}"


def plain_date(on: date, today: date | None = None) -> str:
    """A date such as Fri, Nov 27; with its year where that is not this one."""
    today = today or clock.now().date()
    skeleton = "MMMEd" if on.year == today.year else "yMMMEd"
    return format_skeleton(skeleton, on, locale=locale())


def date_in(at: datetime, zone: str) -> str:
    """The day in `zone` by its date, such as Fri, Nov 27, however near it is."""
    here = ZoneInfo(zone)
    return plain_date(at.astimezone(here).date(), clock.now().astimezone(here).date())


def digit_groups(pin: Secret) -> tuple[str, ...]:
    """A PIN in the groups in which people read it."""
    return grouped(pin.reveal())


def moment(at: datetime, zone: str, now: datetime | None = None) -> Markup:
    """Day and time in `zone`, as a <time>, such as tomorrow 4:00 PM."""
    here = ZoneInfo(zone)
    on, today = at.astimezone(here).date(), (now or clock.now()).astimezone(here).date()
    near = {
        today - timedelta(days=1): gettext("yesterday"),
        today: gettext("today"),
        today + timedelta(days=1): gettext("tomorrow"),
    }
    words = f"{near.get(on) or plain_date(on, today)} {clock_time(at, zone)}"
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(), words)


def age(at: datetime) -> Markup:
    """How long ago that was, as a <time> that goes on ticking in the browser."""
    return _ticking(at, "past", _past((clock.now() - at).total_seconds()))


def due(at: datetime) -> Markup:
    """In how long that will be, as a <time> that goes on ticking in the browser."""
    return _ticking(at, "due", _future((at - clock.now()).total_seconds()))


def age_words() -> str:
    """The words of ages for static/js/ages.js, in the page's language."""
    return "|".join(
        (
            gettext("* ago"),
            gettext("in *"),
            gettext("just now"),
            gettext("any moment now"),
            gettext("# s"),
            gettext("# min"),
            gettext("# h"),
            gettext("# days"),
        )
    )


def time_limit(seconds: float) -> str:
    """A span of time in its largest whole unit, such as 4 min."""
    _, _, _, _, second, minute, hour, days = age_words().split("|")
    if seconds < 60:
        return second.replace("#", str(int(seconds)))
    if seconds < 3600:
        return minute.replace("#", str(int(seconds // 60)))
    if seconds < 172_800:
        return hour.replace("#", str(int(seconds // 3600)))
    return days.replace("#", str(int(seconds // 86_400)))


def zone_name(zone: str) -> str:
    """A zone's name as people read it: America/New_York becomes New York."""
    return zone.rsplit("/", 1)[-1].replace("_", " ")


def _past(seconds: float) -> str:
    if seconds < 5:
        return gettext("just now")
    return gettext("* ago").replace("*", time_limit(seconds))


def _future(seconds: float) -> str:
    if seconds <= 0:
        return gettext("any moment now")
    return gettext("in *").replace("*", time_limit(seconds))


def _ticking(at: datetime, kind: str, words: str) -> Markup:
    return Markup('<time datetime="{}" data-age="{}">{}</time>').format(
        at.isoformat(), escape(kind), words
    )


def locale() -> str:
    """The language of the page."""
    return str(get_locale() or "en")
