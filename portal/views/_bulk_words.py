"""Bulk runs in words: what a run does, what it did to a booking, and why one is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from flask_babel import gettext, lazy_gettext

from portal.domain.bulk import Forecast, ItemState, Kind, Options, RunState, Why
from portal.services.bulk_page import Row
from portal.views import _sending_words, filters
from portal.views.filters import Look


@dataclass(frozen=True)
class KindWords:
    """How a kind of run is offered, and what its success says."""

    title: Any  # lazy texts
    hint: Any
    icon: str
    planned: Any
    done: Any


KINDS: Final[Mapping[Kind, KindWords]] = {
    Kind.RESYNC: KindWords(
        lazy_gettext("Resync"),
        lazy_gettext("Every door is checked anew. Codes on the lock stay on it."),
        "refresh-cw",
        lazy_gettext("Is checked anew"),
        lazy_gettext("Resync started"),
    ),
    Kind.NEW_PIN: KindWords(
        lazy_gettext("New PIN"),
        lazy_gettext("The old PIN works until the lock has confirmed the new one."),
        "key-round",
        lazy_gettext("Gets a new PIN"),
        lazy_gettext("New PIN on its way"),
    ),
    Kind.SHIFT: KindWords(
        lazy_gettext("Move check-in or check-out"),
        lazy_gettext("The code's window follows; the PIN stays the same."),
        "clock",
        lazy_gettext("Is moved"),
        lazy_gettext("Times moved"),
    ),
    Kind.SEND: KindWords(
        lazy_gettext("Send the message with the code"),
        lazy_gettext("Each guest gets their own, in their language. Nobody gets it twice."),
        "send",
        lazy_gettext("Gets the message"),
        lazy_gettext("Sent"),
    ),
}

STATES: Final[Mapping[RunState, Look]] = {
    RunState.PREVIEW: Look(lazy_gettext("Not confirmed"), "eye", "grey"),
    RunState.RUNNING: Look(lazy_gettext("Running"), "loader", "slate"),
    RunState.STOPPED: Look(lazy_gettext("Stopped"), "ban", "amber"),
    RunState.DONE: Look(lazy_gettext("Done"), "circle-check", "green"),
}

_WHY: Final[Mapping[Why, Any]] = {
    Why.CANCELLED: lazy_gettext("The booking is cancelled."),
    Why.OVER: lazy_gettext("The stay is over."),
    Why.NO_LOCK: lazy_gettext("No lock opens its property: map one first."),
    Why.RESYNCING: lazy_gettext("A resync is running already or has just ended."),
    Why.TOLD: lazy_gettext("Somebody knows its PIN already: the guest may have been told."),
    Why.INSIDE: lazy_gettext("The guest is inside: change it on the booking's own page."),
    Why.INSIDE_EARLIER: lazy_gettext(
        "The guest is inside and would be shut out sooner: change it on the booking's own page."
    ),
    Why.NO_STAY: lazy_gettext("It would end before it begins."),
    Why.ENDS_IN_PAST: lazy_gettext("Its check-out would be in the past."),
    **{Why(str(why)): words for why, words in _sending_words.WHY.items()},
    Why.CHANGED: lazy_gettext("It was changed after you confirmed. Look at it and try again."),
}

_RESULTS: Final[Mapping[ItemState, tuple[str, str]]] = {
    ItemState.WAITING: ("hourglass", "grey"),
    ItemState.BEGUN: ("send", "slate"),
    ItemState.UNSURE: ("circle-question-mark", "amber"),
    ItemState.DONE: ("circle-check", "green"),
    ItemState.FAILED: ("circle-x", "red"),
    ItemState.LEFT_OUT: ("ban", "grey"),
}


def install(app: Flask) -> None:
    """The filters of this module exist in every template of `app`."""
    app.jinja_env.filters.update(
        bulk_kind=lambda kind: KINDS[kind],
        bulk_state=lambda state: STATES[state],
        bulk_why=lambda why: _WHY[why],
    )
    app.jinja_env.globals.update(bulk_title=title, bulk_result=result)


def title(kind: Kind, options: Options) -> str:
    """What the run does, in a few words."""
    if kind is not Kind.SHIFT:
        return str(KINDS[kind].title)
    parts = []
    if options.arrival_minutes:
        parts.append(gettext("Check-in %(much)s", much=_moved(options.arrival_minutes)))
    if options.departure_minutes:
        parts.append(gettext("Check-out %(much)s", much=_moved(options.departure_minutes)))
    return ", ".join(parts)


def result(kind: Kind, row: Row) -> tuple[Look, str]:
    """How the row's state is shown, and the words that stand beside it (empty: none)."""
    icon, tone = _RESULTS[row.state]
    how = _sending_words.how_of(row.sent) if row.sent else ""
    if row.state is ItemState.DONE:
        return Look(KINDS[kind].done, icon, tone), how
    if row.state is ItemState.BEGUN:
        return Look(gettext("Being sent"), icon, tone), how
    if row.state is ItemState.UNSURE:
        return Look(gettext("May have been sent"), icon, tone), str(_sending_words.ASK)
    if row.state is ItemState.FAILED:
        return Look(gettext("Failed"), icon, tone), filters.tr(row.words)
    if row.state is ItemState.LEFT_OUT:
        return Look(gettext("Left out"), icon, tone), str(_WHY[row.why]) if row.why else ""
    if row.forecast is not None:
        return _forecast(kind, row.forecast)
    return Look(gettext("Waiting"), icon, tone), ""


def _forecast(kind: Kind, forecast: Forecast) -> tuple[Look, str]:
    if forecast.why is not None:
        return Look(gettext("Left out"), "ban", "grey"), str(_WHY[forecast.why])
    words = ""
    if forecast.sending is not None:
        words = _sending_words.how(forecast.sending.way, forecast.sending.to, forecast.language)
    if forecast.is_inside:
        words = (
            gettext("The guest is inside: only the check-out moves.")
            if kind is Kind.SHIFT
            else gettext("The guest is inside and keeps access.")
        )
    return Look(KINDS[kind].planned, KINDS[kind].icon, "slate"), words


def _moved(minutes: int) -> str:
    hours, rest = divmod(abs(minutes), 60)
    parts = [gettext("%(num)s h", num=hours)] if hours else []
    parts += [gettext("%(num)s min", num=rest)] if rest else []
    span = " ".join(parts)
    if minutes < 0:
        return gettext("%(span)s earlier", span=span)
    return gettext("%(span)s later", span=span)
