"""Settings > Door Locks > Schlage: connections, and which locks open which property."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import structlog
from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.extensions import db
from portal.models import CheckFault, Connection, Property, RestorePolicy, Role
from portal.schlage.errors import SchlageError, SchlageRejected, SignedOut
from portal.services import accounts, connections, mapping, roles, settings_page, team_page
from portal.services.mapping import UnknownLock
from portal.services.ringing import changing
from portal.services.settings_page import Link
from portal.unit_of_work import writing
from portal.views import _htmx, _live, _staff
from portal.views._guard import caller, requires
from portal.views._pages import Place, connection_url, links, mapping_url
from portal.views.forms import RestoreForm

log = structlog.get_logger(__name__)

blueprint = Blueprint("settings", __name__, url_prefix="/settings/door-locks/schlage")
_staff.keep_out(blueprint)

_STATE = "schlage_state"
_VERIFIER = "schlage_verifier"
_CONNECTION = "schlage_connection"
# What the last test came to, and what to do.
_FAULTS: Final[Mapping[CheckFault, Any]] = {
    CheckFault.NO_ANSWER: lazy_gettext(
        "Schlage did not answer. Codes on the locks go on working. It is tested again by itself; "
        "if it stays so, look whether the Schlage Home app works for you."
    ),
    CheckFault.SLOW_DOWN: lazy_gettext(
        "Schlage asks us to slow down. It is tested again by itself in some minutes."
    ),
    CheckFault.REFUSED: lazy_gettext(
        "Schlage does not let this login see its locks. Sign in again with the login that owns "
        "them; if that does not help, whoever runs this portal should check its subscription key."
    ),
    CheckFault.ODD: lazy_gettext(
        "Schlage gave an answer that we do not understand. Its own words stand below; test again, "
        "and send them to Schlage support if they come back."
    ),
}


@blueprint.get("")
@requires(Role.VIEWER)
def schlage() -> str:
    return _page()


@blueprint.get("/live")
@requires(Role.VIEWER)
def live() -> str:
    """The connections; 204 while they would say the same."""
    now = clock.now()
    found = settings_page.connections(db.session(), now)
    return render_template("settings/_connections.html", **_links_context(found))


@blueprint.get("/connect")
@requires(Role.OWNER)
def connect() -> BaseResponse:
    """Sends the owner to Schlage's sign-in; state and verifier wait in their session."""
    asked = request.args.get("connection", "")
    connection_id = int(asked) if asked.isascii() and asked.isdecimal() else None
    if connection_id is not None and db.session.get(Connection, connection_id) is None:
        abort(404)
    start = connections.start_connect()
    session[_STATE], session[_VERIFIER] = start.state, start.verifier
    session[_CONNECTION] = connection_id
    return redirect(start.url, code=303)


@blueprint.get("/callback")
@requires(Role.OWNER)
def callback() -> BaseResponse:
    """Takes the code that Schlage sends back. The state proves that this owner asked for it."""
    state, verifier = session.pop(_STATE, None), session.pop(_VERIFIER, None)
    connection_id = session.pop(_CONNECTION, None)
    given, code = request.args.get("state", ""), request.args.get("code", "")
    if not state or not verifier or not hmac.compare_digest(state.encode(), given.encode()):
        flash(gettext("This sign-in was not started here, or too long ago. Start again."), "bad")
        return _to_page()
    if not code:
        flash(gettext("Schlage did not give access. Nothing is changed; you can try again."), "bad")
        return _to_page()
    try:
        kept_id = connections.finish_connect(
            caller().account_id, code, verifier, caller().actor, connection_id
        )
    except SchlageError as error:
        log.warning("connect_failed", error=type(error).__name__)
        flash(_words(error), "bad")
        return _to_page()
    flash(gettext("Connected. Your locks are being listed: they appear here in a moment."), "good")
    return _htmx.go_to(connection_url(kept_id))


@blueprint.post("/<int:connection_id>/test")
@requires(Role.MANAGER)
def test(connection_id: int) -> BaseResponse:
    """Asks Schlage anew for the locks and the subscription, in a job."""
    _connection(connection_id)
    if connections.ask_for_check(connection_id):
        flash(gettext("The test has started. Its result stands here in a moment."), "good")
    else:
        flash(gettext("This connection is not signed in: reconnect it first."), "warn")
    return _htmx.go_to(connection_url(connection_id))


@blueprint.route("/<int:connection_id>/disconnect", methods=["GET", "POST"])
@requires(Role.OWNER)
def disconnect(connection_id: int) -> BaseResponse | str:
    found = _connection(connection_id)
    if request.method == "GET":
        card = next(
            c for c in settings_page.connections(db.session(), clock.now()) if c.id == found.id
        )
        return render_template("settings/disconnect.html", link=card)
    connections.disconnect(connection_id, caller().actor)
    flash(gettext("Disconnected. Codes already on the locks stay until their stay ends."), "good")
    return _to_page()


@blueprint.post("/mapping/<int:property_id>")
@requires(Role.MANAGER)
def set_mapping(property_id: int) -> BaseResponse:
    """These locks open the property; its bookings follow at once."""
    chosen = {int(text) for text in request.form.getlist("lock") if _is_id(text)}
    with changing() as rows:
        place = rows.get(Property, property_id)
        if place is None:
            abort(404)
        name = place.name
        try:
            is_changed = mapping.set_locks(rows, place, chosen, caller().actor)
        except UnknownLock:
            abort(404)
    if is_changed and chosen:
        flash(gettext("The locks of %(name)s are saved. Codes are sent.", name=name), "good")
    elif is_changed:
        flash(gettext("No lock opens %(name)s any more. Codes come off.", name=name), "warn")
    else:
        flash(gettext("The locks of %(name)s are as before.", name=name), "info")
    return _htmx.go_to(mapping_url(property_id))


@blueprint.post("/changed-outside")
@requires(Role.MANAGER)
def choose_restoring() -> BaseResponse | tuple[str, int]:
    """What is done with codes that somebody changes in another app is chosen."""
    form = RestoreForm()
    if not form.validate_on_submit():
        return _page(form), 422
    policy = RestorePolicy(form.policy.data)
    with writing() as session:
        is_changed = accounts.choose_restore_policy(
            session, caller().account_id, policy, caller().actor
        )
    if not is_changed:
        flash(gettext("That is chosen already."), "info")
    elif policy is RestorePolicy.ASK:
        flash(gettext("Saved. You are asked before a code is put back."), "good")
    else:
        flash(gettext("Saved. Codes are put back by themselves."), "good")
    return _htmx.go_to(url_for("settings.schlage", _anchor="changed-outside"))


def _page(form: RestoreForm | None = None) -> str:
    read = settings_page.read(db.session(), caller().account_id, clock.now())
    return render_template(
        "settings/schlage.html",
        places=read.mapping.places,
        spares=read.mapping.spares,
        restore_form=form or RestoreForm(formdata=None, policy=read.restore_policy),
        choices=read.choices,
        zone=team_page.zone(db.session()),
        **_links_context(read.links),
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


def _connection(connection_id: int) -> Connection:
    found = db.session.get(Connection, connection_id)
    if found is None:
        abort(404)
    return found


def _links_context(found: tuple[Link, ...]) -> dict[str, Any]:
    """What the connections' part of the page needs. It looks again at least when a test is over."""
    is_testing = any(link.is_testing for link in found)
    lasts = timedelta(minutes=1) if is_testing else timedelta(hours=1)
    return {
        "links": found,
        "problem_links": {
            link.id: links(link.problem, Place(connection_id=link.id))
            for link in found
            if link.problem
        },
        "faults": _FAULTS,
        "live_url": _live.url("settings.live", caller(), clock.now() + lasts),
        "may_connect": roles.is_at_least(caller().role, Role.OWNER),
        "may_map": roles.is_at_least(caller().role, Role.MANAGER),
    }


def _to_page() -> BaseResponse:
    return _htmx.go_to(url_for("settings.schlage"))


def _words(error: SchlageError) -> str:
    """What to say of a sign-in at Schlage that came to nothing."""
    if isinstance(error, SignedOut):
        return gettext("Schlage did not accept this sign-in. Start it again.")
    if isinstance(error, SchlageRejected):
        return gettext(
            "Schlage refuses this portal: whoever runs it should check its client id and secret."
        )
    return gettext("Schlage does not answer at the moment. Try again in a few minutes.")
