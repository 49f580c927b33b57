"""Settings > Alerts > Webhooks: other programs that are told of events. For owners."""

from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.webhook_events import CHOICES
from portal.extensions import db
from portal.models import Endpoint, EndpointCall, Role
from portal.queue import JobName, ring
from portal.services import channel_page, endpoints
from portal.services.endpoints import BadEndpoint
from portal.services.stays import next_turn
from portal.unit_of_work import writing
from portal.views import _htmx, _live, outgoing_words
from portal.views._guard import caller, requires
from portal.views.channel_forms import EVENT_WORDS, EndpointForm, NewEndpointForm
from portal.views.forms import tell

blueprint = Blueprint("endpoints", __name__, url_prefix="/settings/alerts/webhooks")


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Role.OWNER)
def new() -> str | tuple[str, int]:
    """Makes a webhook; the page that answers is the only one that ever shows its secret."""
    form = NewEndpointForm()
    if request.method == "GET":
        form.kinds.data = [str(kind) for kind in CHOICES]
    if form.validate_on_submit():
        try:
            with writing() as session:
                made = endpoints.add(
                    session,
                    caller().account_id,
                    name=form.name.data or "",
                    address=form.address.data or "",
                    kinds=form.kinds.data or [],
                )
                endpoint_id, secret = made.id, made.secret
        except BadEndpoint as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            return render_template(
                "endpoints/secret.html",
                secret=secret,
                name=form.name.data,
                endpoint_id=endpoint_id,
            )
    return _form_page("endpoints/new.html", form)


@blueprint.route("/<int:endpoint_id>", methods=["GET", "POST"])
@requires(Role.OWNER)
def show(endpoint_id: int) -> BaseResponse | str | tuple[str, int]:
    """One webhook: its events, and its last calls."""
    form = EndpointForm(obj=_endpoint(endpoint_id))
    if form.validate_on_submit():
        try:
            with writing() as session:
                endpoints.change(
                    session.get_one(Endpoint, endpoint_id),
                    name=form.name.data or "",
                    kinds=form.kinds.data or [],
                )
        except BadEndpoint as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            flash(gettext("Saved."), "good")
            return _to_endpoint(endpoint_id)
    return _form_page(
        "endpoints/show.html", form, endpoint=_endpoint(endpoint_id), **_log_context(endpoint_id)
    )


@blueprint.get("/<int:endpoint_id>/live")
@requires(Role.OWNER)
def live(endpoint_id: int) -> str:
    """The webhook's last calls; 204 while they would say the same."""
    _endpoint(endpoint_id)
    return render_template("endpoints/_calls.html", **_log_context(endpoint_id))


@blueprint.post("/<int:endpoint_id>/test")
@requires(Role.OWNER)
def test(endpoint_id: int) -> BaseResponse:
    """Sends a test event, in a job; its result appears on the webhook's page."""
    _endpoint(endpoint_id)
    with writing() as session:
        call_id = endpoints.test(session, session.get_one(Endpoint, endpoint_id))
    ring(JobName.CALL_ENDPOINT, call_id)
    flash(gettext("The test is being sent. Its result stands here in a moment."), "good")
    return _to_endpoint(endpoint_id)


@blueprint.post("/<int:endpoint_id>/enable")
@requires(Role.OWNER)
def enable(endpoint_id: int) -> BaseResponse:
    _endpoint(endpoint_id)
    with writing() as session:
        endpoints.enable(session.get_one(Endpoint, endpoint_id))
    flash(gettext("Switched on. What happens from now on is sent."), "good")
    return _to_endpoint(endpoint_id)


@blueprint.route("/<int:endpoint_id>/remove", methods=["GET", "POST"])
@requires(Role.OWNER)
def remove(endpoint_id: int) -> BaseResponse | str:
    endpoint = _endpoint(endpoint_id)
    if request.method == "GET":
        return render_template("endpoints/remove.html", endpoint=endpoint)
    with writing() as session:
        endpoints.remove(session, session.get_one(Endpoint, endpoint_id))
    flash(gettext("The webhook is removed. Nothing is sent to it any more."), "good")
    return _htmx.go_to(url_for("alert_settings.index", _anchor="webhooks"))


@blueprint.post("/calls/<int:call_id>/redeliver")
@requires(Role.OWNER)
def redeliver(call_id: int) -> BaseResponse:
    """The same event is sent once more, with its id, so that a receiver knows it again."""
    if db.session.get(EndpointCall, call_id) is None:
        abort(404)
    with writing() as session:
        call = session.get_one(EndpointCall, call_id)
        endpoints.redeliver(session, call)
        endpoint_id = call.endpoint_id
    ring(JobName.CALL_ENDPOINT, call_id)
    flash(gettext("It is sent once more."), "good")
    return _to_endpoint(endpoint_id)


def _log_context(endpoint_id: int) -> dict[str, Any]:
    now = clock.now()
    lines = channel_page.calls(db.session(), endpoint_id)
    return {
        "lines": lines,
        "words": outgoing_words,
        "live_url": _live.url(
            "endpoints.live", caller(), next_turn([], now), endpoint_id=endpoint_id
        ),
    }


def _form_page(template: str, form: Any, **context: Any) -> str | tuple[str, int]:
    page = render_template(template, form=form, event_words=EVENT_WORDS, **context)
    return (page, 422) if form.errors else page


def _endpoint(endpoint_id: int) -> Endpoint:
    row = db.session.get(Endpoint, endpoint_id)
    if row is None:
        abort(404)
    return row


def _to_endpoint(endpoint_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("endpoints.show", endpoint_id=endpoint_id))
