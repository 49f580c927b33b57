"""Alerts: what a person should know of now, by cause, with the one step; and what is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog
from flask import Blueprint, abort, flash, render_template, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.extensions import db
from portal.models import Alert, Booking, Role
from portal.services import alert_page, guest_help, roles, vacancy
from portal.services.alert_page import FEED_HELD, FEED_SICK, NOT_CONFIRMED, Item
from portal.unit_of_work import writing
from portal.views import _htmx, _live, _staff, filters, words
from portal.views._guard import caller, requires
from portal.views._pages import Place, connection_url, links
from portal.views.words import Step

log = structlog.get_logger(__name__)

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")
_staff.keep_out(blueprint)


@dataclass(frozen=True)
class Cause:
    """A cause in words: what it is, what runs by itself, and how it looks."""

    title: Any
    automatic: Any
    icon: str
    tone: str


_OURS: Final[Mapping[str, Cause]] = {
    guest_help.CAUSE: Cause(
        lazy_gettext("A guest stands at the door and it does not open"),
        lazy_gettext(
            "Every door of the stay is being checked. "
            "This ends by itself when the guest's code opens a door."
        ),
        "door-closed",
        "red",
    ),
    NOT_CONFIRMED: Cause(
        lazy_gettext("A guest comes soon and a code is not confirmed"),
        lazy_gettext("It is tried again by itself, more often the closer the arrival."),
        "door-closed",
        "red",
    ),
    FEED_SICK: Cause(
        lazy_gettext("A calendar cannot be read"),
        lazy_gettext("It is fetched again by itself. Nothing is deleted meanwhile."),
        "calendar-days",
        "amber",
    ),
    FEED_HELD: Cause(
        lazy_gettext("A calendar suddenly lists far fewer stays"),
        lazy_gettext("The stays and their codes are kept until it is certain."),
        "hourglass",
        "amber",
    ),
    vacancy.CAUSE: Cause(
        lazy_gettext("A door was opened while nobody stays there"),
        lazy_gettext("The alert goes once somebody has seen it, or after 8 hours."),
        "door-open",
        "amber",
    ),
}
_RED: Final = frozenset({ProblemKey.SIGNED_OUT})
_ICONS: Final = {
    ProblemKey.SIGNED_OUT: "plug",
    ProblemKey.SCHLAGE_OUTAGE: "activity",
    ProblemKey.WEBHOOKS_OFF: "webhook",
    ProblemKey.REMOVAL_UNCONFIRMED: "trash-2",
}


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("alerts/index.html", **_context())


@blueprint.get("/live")
@requires(Role.VIEWER)
def live() -> str | tuple[str, int]:
    """The part of the page that moves; 204 while it would say the same."""
    if _live.is_unchanged(caller(), clock.now()):
        return "", 204
    return render_template("alerts/_list.html", **_context())


@blueprint.post("/seen")
@requires(Role.MANAGER)
def all_seen() -> BaseResponse:
    """Every open alert is marked as seen; it stays until its cause is gone."""
    with writing() as session:
        number = alert_page.mark_seen(session, caller().account_id, clock.now())
    log.info("alerts_seen", number=number)
    flash(
        ngettext("One alert is marked as seen.", "%(num)s alerts are marked as seen.", number)
        if number
        else gettext("There was nothing new to mark."),
        "good",
    )
    return _htmx.go_to(url_for("alerts.index"))


@blueprint.post("/<int:alert_id>/seen")
@requires(Role.MANAGER)
def seen(alert_id: int) -> BaseResponse:
    """This alert is marked as seen; it stays until its cause is gone."""
    if db.session.get(Alert, alert_id) is None:
        abort(404)
    with writing() as session:
        alert_page.mark_seen(session, caller().account_id, clock.now(), alert_id)
    log.info("alert_seen", alert=alert_id)
    return _htmx.go_to(url_for("alerts.index"))


@blueprint.post("/<int:alert_id>/done")
@requires(Role.MANAGER)
def done(alert_id: int) -> BaseResponse:
    """The guest who could not enter has been helped: their call is over."""
    alert = db.session.get(Alert, alert_id)
    if alert is None or alert.cause != guest_help.CAUSE:
        abort(404)
    with writing() as session:
        booking = session.get_one(Booking, session.get_one(Alert, alert_id).booking_id)
        guest_help.done(session, booking, caller().actor, clock.now())
    log.info("guest_helped", alert=alert_id)
    flash(gettext("Good. The guest's page says so too."), "good")
    return _htmx.go_to(url_for("alerts.index"))


def _context() -> dict[str, Any]:
    page = alert_page.read(db.session(), clock.now())
    return {
        "page": page,
        "cause_of": _cause,
        "step_of": _step,
        "about": _about,
        "url_of": _url,
        "live_url": _live.url("alerts.live", caller(), page.until),
        "can_be_done": lambda item: item.cause == guest_help.CAUSE,
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
    }


def _cause(cause: str) -> Cause:
    if cause in _OURS:
        return _OURS[cause]
    if cause in set(ProblemKey):
        key = ProblemKey(cause)
        problem, icon = CATALOGUE[key], _ICONS.get(key, "triangle-alert")
        tone = "red" if key in _RED else "amber"
        return Cause(filters.tr(problem.title), filters.tr(problem.automatic), icon, tone)
    return Cause(cause.replace("_", " ").capitalize(), "", "triangle-alert", "amber")


def _about(item: Item) -> str:
    """What the alert is about, by name."""
    if item.stay is not None:
        return gettext(
            "%(guest)s at %(property)s",
            guest=words.called(item.stay.guest),
            property=item.stay.property_name,
        )
    if item.feed_id is not None:
        return item.feed_property or item.feed_name or gettext("A calendar")
    return item.connection_name or item.lock_name or gettext("This account")


def _url(item: Item) -> str:
    """Where the alert leads."""
    if item.stay is not None:
        return url_for("bookings.show", booking_id=item.stay.id)
    if item.feed_id is not None:
        return url_for("imports.index", _anchor=f"feed-{item.feed_id}")
    if item.connection_id is not None:
        return connection_url(item.connection_id)
    if item.lock_id is not None:
        return url_for("locks.show", lock_id=item.lock_id)
    return url_for("arrivals.index")


def _step(item: Item) -> Step:
    """The one thing to do."""
    if item.cause == guest_help.CAUSE:
        return Step(
            gettext(
                "call the guest, then unlock the door from here or tell them the other way in."
            ),
            _url(item),
            gettext("Open the booking"),
            None,
        )
    if item.cause == FEED_HELD:
        return Step(
            gettext("say whether those stays are really gone."),
            _url(item),
            gettext("Open the calendar"),
            None,
        )
    if item.cause == FEED_SICK:
        return Step(
            gettext("check at the listing site that its export link is still this one."),
            _url(item),
            gettext("Open the calendar"),
            None,
        )
    if item.cause in set(ProblemKey):
        return _catalogue_step(item, ProblemKey(item.cause))
    if item.cause == vacancy.CAUSE and item.lock_id is not None:
        return Step(
            gettext("ask who was there; the lock's entry log says when and how."),
            url_for("entry_log.index", lock_id=item.lock_id),
            gettext("Open the entry log"),
            None,
        )
    found = words.step(item.stay) if item.stay is not None else None
    return found or Step(gettext("see what its doors say."), _url(item), gettext("Open it"), None)


def _catalogue_step(item: Item, key: ProblemKey) -> Step:
    place = Place(
        booking_id=item.stay.id if item.stay else None,
        property_id=item.stay.property_id if item.stay else None,
        lock_id=item.lock_id,
        connection_id=item.connection_id,
    )
    first = filters.tr(CATALOGUE[key].steps[0])
    ours = [anchor for anchor in links(key, place) if not anchor.is_outside]
    if ours:
        return Step(words.lowered(first), ours[0].url, filters.tr(ours[0].words), None)
    return Step(words.lowered(first), _url(item), gettext("Open it"), None)
