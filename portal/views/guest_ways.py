"""Settings > Guest messages: how messages reach guests, and what was sent."""

from typing import Any, Final

from flask import Blueprint, flash, render_template, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import Length, Optional

from portal import clock
from portal.domain.guest_sending import Way, sms_number
from portal.extensions import db
from portal.messages.addresses import LONGEST
from portal.models import Role
from portal.queue import JobName, ring
from portal.services import guest_sending, guest_sending_page, guest_ways
from portal.services.guest_sending import NotSent
from portal.services.guest_ways import BadWay, MailServer
from portal.services.stays import next_turn
from portal.unit_of_work import writing
from portal.views import _htmx, _live, _staff, filters
from portal.views._guard import caller, requires
from portal.views.channel_forms import ServerForm
from portal.views.forms import EmailIn, Needed, tell

blueprint = Blueprint("guest_ways", __name__, url_prefix="/settings/guest-messages")
_staff.keep_out(blueprint)

# What went wrong with a test, and the field that it is about.
_AT_FAULT: Final = {
    "sign_in": "password",
    "no_connection": "server",
    "certificate": "server",
    "private_address": "server",
    "timeout": "server",
    "no_tls": "security",
}


class SenderForm(ServerForm):
    """The account's own mail server, and the name that guests see."""

    sender_name = StringField(lazy_gettext("Sender's name"), [Optional(), Length(max=100)])


class GatewayForm(FlaskForm):
    """The account's own SMS gateway."""

    address = StringField(lazy_gettext("Address"), [Needed(), Length(max=LONGEST)])


class MailTestForm(FlaskForm):
    """Whereto a test goes."""

    to = EmailIn(lazy_gettext("Send me a test, to"), Needed())


class SmsTestForm(FlaskForm):
    """Whereto a test goes."""

    to = StringField(lazy_gettext("Send me a test, to"), [Needed(), Length(max=60)])


@blueprint.route("/email", methods=["GET", "POST"])
@requires(Role.MANAGER)
def email() -> BaseResponse | str | tuple[str, int]:
    """The mail server; its password is never shown again."""
    known = guest_ways.mail_server(guest_ways.ways(db.session()).get(Way.EMAIL))
    form = SenderForm(obj=known)
    if form.validate_on_submit():
        try:
            with writing() as session:
                guest_ways.save_email(session, caller().account_id, _wish(form))
        except BadWay as bad:
            tell(form, bad.field, bad.words, "server")
        else:
            flash(gettext("Saved. Send yourself a test now."), "good")
            return _to(Way.EMAIL)
    return _email_page(form, MailTestForm(formdata=None, to=caller().email))


@blueprint.post("/email/test")
@requires(Role.MANAGER)
def test_email() -> BaseResponse | tuple[str, int]:
    """A test is on its way, in a job; its result appears on the page."""
    form = MailTestForm()
    if form.validate():
        return _test(Way.EMAIL, form.to.data or "")
    known = guest_ways.mail_server(guest_ways.ways(db.session()).get(Way.EMAIL))
    return _email_page(SenderForm(formdata=None, obj=known), form), 422


@blueprint.post("/email/remove")
@requires(Role.MANAGER)
def remove_email() -> BaseResponse:
    return _remove(Way.EMAIL)


@blueprint.get("/email/live")
@requires(Role.MANAGER)
def email_live() -> str:
    return _live_tests(Way.EMAIL)


@blueprint.route("/sms", methods=["GET", "POST"])
@requires(Role.MANAGER)
def sms() -> BaseResponse | str | tuple[str, int]:
    """The SMS gateway; its address is never shown again."""
    form = GatewayForm()
    if form.validate_on_submit():
        try:
            with writing() as session:
                guest_ways.save_sms(session, caller().account_id, form.address.data or "")
        except BadWay as bad:
            tell(form, bad.field, bad.words, "address")
        else:
            flash(gettext("Saved. Send yourself a test now."), "good")
            return _to(Way.SMS)
    return _sms_page(form, SmsTestForm(formdata=None))


@blueprint.post("/sms/test")
@requires(Role.MANAGER)
def test_sms() -> BaseResponse | tuple[str, int]:
    form = SmsTestForm()
    if form.validate():
        number = sms_number(form.to.data or "")
        if number:
            return _test(Way.SMS, number)
        tell(form, "to", gettext("Write the number with its country code, such as +1."), "to")
    return _sms_page(GatewayForm(formdata=None), form), 422


@blueprint.post("/sms/remove")
@requires(Role.MANAGER)
def remove_sms() -> BaseResponse:
    return _remove(Way.SMS)


@blueprint.get("/sms/live")
@requires(Role.MANAGER)
def sms_live() -> str:
    return _live_tests(Way.SMS)


@blueprint.get("/sent")
@requires(Role.MANAGER)
def sent() -> str:
    """What was sent to which guest, the newest first; never the text."""
    return render_template(
        "guest_ways/sent.html",
        lines=guest_sending_page.sent(db.session()),
        size=guest_sending_page.LOG_SIZE,
    )


def _wish(form: SenderForm) -> MailServer:
    return MailServer(
        server=(form.server.data or "").strip().lower(),
        port=form.port.data or 587,
        security=form.security.data,
        user=(form.user.data or "").strip(),
        password=form.password.data or "",
        sender=form.sender.data or "",
        sender_name=" ".join((form.sender_name.data or "").split()),
    )


def _email_page(form: SenderForm, test: MailTestForm) -> Any:
    context = _tests(Way.EMAIL)
    lines = context["lines"]
    known = context["known"]
    if not form.is_submitted() and lines and known and lines[0].made_at >= known.saved_at:
        field = _AT_FAULT.get(lines[0].error_key)
        if field is not None:
            tell(form, field, lines[0].error, field)
    page = render_template("guest_ways/email.html", form=form, test=test, **context)
    return (page, 422) if form.is_submitted() and form.errors else page


def _sms_page(form: GatewayForm, test: SmsTestForm) -> Any:
    page = render_template("guest_ways/sms.html", form=form, test=test, **_tests(Way.SMS))
    return (page, 422) if form.is_submitted() and form.errors else page


def _tests(way: Way) -> dict[str, Any]:
    session = db.session()
    lines = guest_sending_page.tests(session, way)
    return {
        "known": guest_ways.ways(session).get(way),
        "lines": lines,
        "live_url": _live.url(f"guest_ways.{way}_live", caller(), next_turn([], clock.now())),
    }


def _live_tests(way: Way) -> str:
    """The tests of this way; 204 while they would say the same."""
    return render_template("guest_ways/_tests.html", **_tests(way))


def _test(way: Way, to: str) -> BaseResponse:
    try:
        with writing() as session:
            send_id = guest_sending.test(
                session, caller().account_id, way, to, filters.locale(), caller().actor
            )
    except NotSent:
        flash(gettext("Save how it is sent first, then test it."), "warn")
        return _to(way)
    ring(JobName.SEND_TO_GUEST, send_id)
    flash(gettext("The test is being sent. Its result stands here in a moment."), "good")
    return _to(way)


def _remove(way: Way) -> BaseResponse:
    with writing() as session:
        is_removed = guest_ways.remove(session, way)
    if is_removed:
        flash(gettext("Nothing is sent to guests this way any more."), "good")
    else:
        flash(gettext("It was not set up: nothing is changed."), "info")
    return _htmx.go_to(url_for("guest_texts.index"))


def _to(way: Way) -> BaseResponse:
    return _htmx.go_to(url_for(f"guest_ways.{way}"))
