"""Import: where bookings come from, and typing one by hand."""

import secrets
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Feed, Property, Role, Source
from portal.services import board, bookings, feed_page, feeds, imports, intake, roles
from portal.services.bookings import BadBooking, BookingWish
from portal.services.feeds import BadFeed
from portal.unit_of_work import writing
from portal.views import _htmx, _staff
from portal.views._guard import caller, requires
from portal.views.forms import BookingForm, FeedForm, FileForm, LinkForm, tell

blueprint = Blueprint("imports", __name__, url_prefix="/imports")
_staff.keep_out(blueprint)

# The service names fields as the API does; the form has its own names for two of them.
_FIELDS = {"departs": "departs_on", "arrives": "arrives_on"}


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template(
        "imports/index.html",
        cards=feed_page.cards(db.session()),
        properties=board.properties(db.session()),
        tables=imports.past(db.session()),
        can_undo=imports.can_undo,
        may_act=roles.is_at_least(caller().role, Role.MANAGER),
    )


@blueprint.route("/booking", methods=["GET", "POST"])
@requires(Role.MANAGER)
def booking() -> BaseResponse | str | tuple[str, int]:
    """A booking typed by hand."""
    form = BookingForm()
    _offer_properties(form)
    if request.method == "GET" and request.args.get("property", "").isdecimal():
        form.property_id.data = int(request.args["property"])
    if form.validate_on_submit():
        try:
            with bookings.changing() as session:
                saved = bookings.save(
                    session,
                    Source.TYPED,
                    f"typed-{secrets.token_hex(8)}",
                    _wish(form),
                    caller().actor,
                )
                booking_id = saved.booking.id
        except BadBooking as bad:
            tell(form, _FIELDS.get(bad.field, bad.field), bad.words, "guest_name")
        else:
            flash(gettext("The booking is there. Its code is sent by itself."), "good")
            return _htmx.go_to(url_for("bookings.show", booking_id=booking_id))
    return _form_page("imports/booking.html", form)


@blueprint.route("/address", methods=["GET", "POST"])
@requires(Role.MANAGER)
def address() -> BaseResponse | str | tuple[str, int]:
    """A calendar that is fetched again and again by its address."""
    form = FeedForm()
    _offer_properties(form)
    if form.validate_on_submit():
        try:
            with bookings.changing() as session:
                feed = feeds.add_feed(
                    session,
                    _property(session, form.property_id.data),
                    name=_source_name(form.source),
                    address=form.address.data or "",
                    source=form.source.data,
                )
                feed_id = feed.id
        except BadFeed as bad:
            tell(form, bad.field, bad.words, "address")
        else:
            feeds.ring_for(feed_id)
            flash(gettext("The calendar is there. It is being fetched for the first time."), "good")
            return _to_feed(feed_id)
    return _form_page("imports/address.html", form)


@blueprint.route("/file", methods=["GET", "POST"])
@requires(Role.MANAGER)
def file() -> BaseResponse | str | tuple[str, int]:
    """A calendar file, read now."""
    form = FileForm()
    _offer_properties(form)
    if form.validate_on_submit():
        upload = form.file.data
        place = _property(db.session(), form.property_id.data)
        try:
            feed_id, taken = feeds.upload(
                place.id,
                name=upload.filename or "",
                body=upload.read(),
                actor=caller().actor,
                source=form.source.data,
            )
        except BadFeed as bad:
            tell(form, bad.field, bad.words, "file")
        else:
            flash(
                gettext(
                    "Read: %(new)s new, %(changed)s changed, %(gone)s cancelled, "
                    "%(skipped)s left out.",
                    new=taken.created,
                    changed=taken.changed,
                    gone=taken.cancelled,
                    skipped=taken.skipped,
                ),
                "good",
            )
            return _to_feed(feed_id)
    return _form_page("imports/file.html", form)


@blueprint.post("/<int:feed_id>/refresh")
@requires(Role.MANAGER)
def refresh(feed_id: int) -> BaseResponse:
    """Fetches the calendar now."""
    with bookings.changing() as session:
        feeds.refresh_now(session, _feed(session, feed_id))
    feeds.ring_for(feed_id)
    flash(gettext("The calendar is being fetched. What it brings appears here."), "good")
    return _to_feed(feed_id)


@blueprint.post("/<int:feed_id>/pause")
@requires(Role.MANAGER)
def pause(feed_id: int) -> BaseResponse:
    """Fetches the calendar no more until somebody lets it go on."""
    with writing() as session:
        feeds.pause(session, _feed(session, feed_id))
    flash(gettext("The calendar is paused. Its bookings and their codes stay."), "good")
    return _to_feed(feed_id)


@blueprint.route("/<int:feed_id>/link", methods=["GET", "POST"])
@requires(Role.MANAGER)
def link(feed_id: int) -> BaseResponse | str | tuple[str, int]:
    """Another address for a calendar whose link was renewed."""
    feed = _feed(db.session(), feed_id)
    if feed.address is None:
        abort(404)
    form = LinkForm()
    if form.validate_on_submit():
        try:
            with bookings.changing() as session:
                feeds.change_address(session, _feed(session, feed_id), form.address.data or "")
        except BadFeed as bad:
            tell(form, bad.field, bad.words, "address")
        else:
            feeds.ring_for(feed_id)
            flash(gettext("The link is changed. The calendar is being fetched from there."), "good")
            return _to_feed(feed_id)
    page = render_template("imports/link.html", form=form, feed=feed)
    return (page, 422) if form.errors else page


@blueprint.post("/<int:feed_id>/accept")
@requires(Role.MANAGER)
def accept(feed_id: int) -> BaseResponse:
    """A person says that what the calendar no longer lists is really gone."""
    with bookings.changing() as session:
        intake.accept_hold(session, _feed(session, feed_id))
    flash(gettext("Accepted. Codes of stays that are gone come off the locks."), "good")
    return _to_feed(feed_id)


@blueprint.post("/<int:feed_id>/keep")
@requires(Role.MANAGER)
def keep(feed_id: int) -> BaseResponse:
    """A person says that the stays stand although the calendar no longer lists them so."""
    with bookings.changing() as session:
        intake.keep_held(session, _feed(session, feed_id))
    flash(
        gettext("Kept. These stays and their codes stay until the calendar lists them again."),
        "good",
    )
    return _to_feed(feed_id)


@blueprint.route("/<int:feed_id>/remove", methods=["GET", "POST"])
@requires(Role.MANAGER)
def remove(feed_id: int) -> BaseResponse | str:
    """Forgets the calendar after asking; its bookings stay."""
    feed = _feed(db.session(), feed_id)
    if request.method == "GET":
        return render_template("imports/remove.html", feed=feed)
    with bookings.changing() as session:
        feeds.remove(session, _feed(session, feed_id))
    flash(gettext("The calendar is forgotten. Its bookings stay as they are."), "good")
    return _htmx.go_to(url_for("imports.index"))


def _to_feed(feed_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("imports.index", _anchor=f"feed-{feed_id}"))


def _feed(session: Any, feed_id: int) -> Feed:
    found: Feed | None = session.get(Feed, feed_id)
    if found is None:
        abort(404)
    return found


def _property(session: Any, property_id: int) -> Property:
    found: Property | None = session.get(Property, property_id)
    if found is None:
        abort(404)
    return found


def _source_name(field: Any) -> str:
    """The calendar's name: who wrote it, as the choice calls it."""
    named = [str(c.label) for c in field.choices if c.value == field.data]
    return gettext("%(source)s calendar", source=named[0]) if named else gettext("Calendar")


def _wish(form: BookingForm) -> BookingWish:
    return BookingWish(
        property_id=form.property_id.data,
        guest_name=form.guest_name.data or "",
        guest_phone=form.guest_phone.data or "",
        guest_email=form.guest_email.data or "",
        arrives_on=form.arrives_on.data,
        arrives_time=form.arrives_time.data,
        departs_on=form.departs_on.data,
        departs_time=form.departs_time.data,
        pin=Secret(form.pin.data) if form.pin.data else None,
        note=form.note.data or "",
    )


def _offer_properties(form: Any) -> None:
    form.property_id.choices = [SelectChoice(p.id, p.name) for p in board.properties(db.session())]


def _form_page(template: str, form: Any) -> str | tuple[str, int]:
    page = render_template(template, form=form)
    return (page, 422) if form.errors else page
