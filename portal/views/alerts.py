"""Alerts: what a person should know of now, by cause, with the one step; and what is over."""

from typing import Any

import structlog
from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.extensions import db
from portal.models import Alert, Booking, Role
from portal.services import alert_page, guest_help, roles
from portal.unit_of_work import writing
from portal.views import _htmx, _live, _staff, alert_words
from portal.views._guard import caller, own_path, requires

log = structlog.get_logger(__name__)

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")
_staff.keep_out(blueprint)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("alerts/index.html", **_context())


@blueprint.get("/live")
@requires(Role.VIEWER)
def live() -> str:
    """The part of the page that moves; 204 while it would say the same."""
    return render_template("alerts/live.html", **_context())


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
    # Pressed on another page: back to that one.
    return _htmx.go_to(own_path(request.form.get("from"), url_for("alerts.index")))


def _context() -> dict[str, Any]:
    page = alert_page.read(db.session(), clock.now())
    return {
        "page": page,
        "cause_of": alert_words.cause_of,
        "automatic_of": alert_words.automatic_of,
        "step_of": alert_words.step_of,
        "about": alert_words.about,
        "url_of": alert_words.url_of,
        "arrival_causes": alert_words.NAMES_AN_ARRIVAL,
        "live_url": _live.url("alerts.live", caller(), page.until),
        "can_be_done": lambda item: item.cause == guest_help.CAUSE,
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
    }
