"""Settings > Alerts: who is told of alerts, and how; and what was sent to whom."""

from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from portal import clock
from portal.domain.notices import Topic
from portal.extensions import babel, db
from portal.messages.addresses import EMAIL, mail_address
from portal.models import Channel, Role
from portal.queue import JobName, ring
from portal.services import channel_page, channels, roles, team_page
from portal.services.channels import BadChannel, Wants
from portal.services.stays import next_turn
from portal.unit_of_work import writing
from portal.views import _htmx, _live, _staff, filters, outgoing_words
from portal.views._guard import caller, requires
from portal.views.channel_forms import (
    TOPIC_WORDS,
    AddressForm,
    MailForm,
    WantsForm,
    addresses_in,
)
from portal.views.forms import tell

blueprint = Blueprint("alert_settings", __name__, url_prefix="/settings/alerts")
_staff.keep_out(blueprint)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    session = db.session()
    return render_template(
        "alert_settings/index.html",
        channels=channel_page.channels(session),
        endpoints=channel_page.endpoints(session),
        kind_words=outgoing_words.CHANNEL_KINDS,
        topic_words=TOPIC_WORDS,
        may_act=_may_act(),
        may_hook=roles.is_at_least(caller().role, Role.OWNER),
    )


@blueprint.get("/log")
@requires(Role.MANAGER)
def log() -> str:
    """What was sent to whom, the newest first."""
    return render_template(
        "alert_settings/log.html",
        lines=channel_page.notices(db.session()),
        words=outgoing_words,
        size=channel_page.LOG_SIZE,
    )


@blueprint.route("/channels/new", methods=["GET", "POST"])
@requires(Role.MANAGER)
def new() -> BaseResponse | str | tuple[str, int]:
    """A new channel; what it is told of is chosen on the page that follows."""
    is_mail = request.args.get("kind") == EMAIL
    form = MailForm() if is_mail else AddressForm()
    if form.validate_on_submit():
        address, hint = _address_of(form)
        try:
            with writing() as session:
                wants = _first_wants(form.name.data or "", team_page.zone(session))
                channel = channels.add(session, caller().account_id, address, wants, hint=hint)
                channel_id = channel.id
        except BadChannel as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            flash(
                gettext("The channel is there. Press Test, and choose what it is told of."), "good"
            )
            return _to_channel(channel_id)
    return _form_page("alert_settings/new.html", form, is_mail=is_mail)


@blueprint.route("/channels/<int:channel_id>", methods=["GET", "POST"])
@requires(Role.MANAGER)
def channel(channel_id: int) -> BaseResponse | str | tuple[str, int]:
    """One channel: what it is told of, and its last notices."""
    row = _channel(channel_id)
    form = WantsForm(obj=row)
    form.language.choices = _languages()
    if form.validate_on_submit():
        try:
            with writing() as session:
                channels.change(session, session.get_one(Channel, channel_id), _wants(form))
        except BadChannel as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            flash(gettext("Saved."), "good")
            return _to_channel(channel_id)
    row = _channel(channel_id)
    return _form_page(
        "alert_settings/channel.html",
        form,
        channel=row,
        kind_words=outgoing_words.CHANNEL_KINDS,
        topic_words=TOPIC_WORDS,
        zones=sorted(available_timezones()),
        **_log_context(channel_id),
    )


@blueprint.get("/channels/<int:channel_id>/live")
@requires(Role.MANAGER)
def live(channel_id: int) -> str:
    """The channel's last notices; 204 while they would say the same."""
    _channel(channel_id)
    return render_template("alert_settings/_sent.html", **_log_context(channel_id))


@blueprint.route("/channels/<int:channel_id>/address", methods=["GET", "POST"])
@requires(Role.MANAGER)
def address(channel_id: int) -> BaseResponse | str | tuple[str, int]:
    """Another address for the channel; the one it has is not shown."""
    row = _channel(channel_id)
    is_mail = row.kind == EMAIL
    form = MailForm(name=row.name) if is_mail else AddressForm(name=row.name)
    if form.validate_on_submit():
        text, hint = _address_of(form)
        try:
            with writing() as session:
                row = session.get_one(Channel, channel_id)
                channels.set_address(row, text, hint=hint)
                row.name = (form.name.data or "").strip() or row.name
        except BadChannel as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            flash(gettext("The new address is saved. Press Test."), "good")
            return _to_channel(channel_id)
    return _form_page(
        "alert_settings/new.html", form, is_mail=is_mail, channel=_channel(channel_id)
    )


@blueprint.post("/channels/<int:channel_id>/test")
@requires(Role.MANAGER)
def test(channel_id: int) -> BaseResponse:
    """Sends a test notice, in a job; its result appears on the channel's page."""
    _channel(channel_id)
    with writing() as session:
        notice_id = channels.test(session, session.get_one(Channel, channel_id), clock.now())
    ring(JobName.SEND_NOTICE, notice_id)
    flash(gettext("The test is being sent. Its result stands here in a moment."), "good")
    return _to_channel(channel_id)


@blueprint.route("/channels/<int:channel_id>/remove", methods=["GET", "POST"])
@requires(Role.MANAGER)
def remove(channel_id: int) -> BaseResponse | str:
    row = _channel(channel_id)
    if request.method == "GET":
        return render_template("alert_settings/remove.html", channel=row)
    with writing() as session:
        channels.remove(session, session.get_one(Channel, channel_id))
    flash(gettext("The channel is removed. Nothing is sent to it any more."), "good")
    return _htmx.go_to(url_for("alert_settings.index"))


def _address_of(form: MailForm | AddressForm) -> tuple[str, str]:
    """The Apprise address that the form describes, and what may be shown of it."""
    if isinstance(form, AddressForm):
        return form.address.data or "", ""
    recipients = addresses_in(form.recipients.data or "")
    server = (form.server.data or "").strip().lower()
    address = mail_address(
        server=server,
        port=form.port.data or 587,
        security=form.security.data,
        user=(form.user.data or "").strip(),
        password=form.password.data or "",
        sender=(form.sender.data or "").strip(),
        recipients=recipients,
    )
    return address, gettext("%(to)s by %(server)s", to=", ".join(recipients), server=server)


def _first_wants(name: str, zone: str) -> Wants:
    return Wants(
        name=name,
        topics=frozenset(Topic),
        language=filters.locale(),
        time_zone=zone,
        quiet_from=None,
        quiet_until=None,
        has_digest=False,
    )


def _wants(form: WantsForm) -> Wants:
    return Wants(
        name=form.name.data or "",
        topics=frozenset(Topic(topic) for topic in form.topics.data or []),
        language=form.language.data,
        time_zone=(form.time_zone.data or "").strip(),
        quiet_from=form.quiet_from.data,
        quiet_until=form.quiet_until.data,
        has_digest=bool(form.has_digest.data),
    )


def _languages() -> list[SelectChoice]:
    return [
        SelectChoice(str(found), (found.get_display_name() or str(found)).capitalize())
        for found in babel.list_translations()
    ]


def _log_context(channel_id: int) -> dict[str, Any]:
    now = clock.now()
    lines = channel_page.notices(db.session(), channel_id)
    return {
        "lines": lines,
        "words": outgoing_words,
        "live_url": _live.url(
            "alert_settings.live", caller(), next_turn([], now), channel_id=channel_id
        ),
    }


def _form_page(template: str, form: Any, **context: Any) -> str | tuple[str, int]:
    page = render_template(template, form=form, **context)
    return (page, 422) if form.errors else page


def _channel(channel_id: int) -> Channel:
    row = db.session.get(Channel, channel_id)
    if row is None:
        abort(404)
    return row


def _may_act() -> bool:
    return roles.is_at_least(caller().role, Role.MANAGER)


def _to_channel(channel_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("alert_settings.channel", channel_id=channel_id))
