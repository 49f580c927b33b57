"""Import: where bookings come from, and typing one by hand."""

import secrets
from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Role, Source
from portal.services import board, bookings, feed_page, roles
from portal.services.bookings import BadBooking, BookingWish
from portal.views import _htmx, _staff
from portal.views._guard import caller, requires
from portal.views.forms import BookingForm, tell

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


def _wish(form: BookingForm) -> BookingWish:
    return BookingWish(
        property_id=form.property_id.data,
        guest_name=form.guest_name.data or "",
        guest_phone=form.guest_phone.data or "",
        arrives_on=form.arrives_on.data,
        arrives_time=form.arrives_time.data,
        departs_on=form.departs_on.data,
        departs_time=form.departs_time.data,
        pin=Secret(form.pin.data) if form.pin.data else None,
        note=form.note.data or "",
    )


def _offer_properties(form: Any) -> None:
    form.property_id.choices = [(p.id, p.name) for p in board.properties(db.session())]


def _form_page(template: str, form: Any) -> str | tuple[str, int]:
    page = render_template(template, form=form)
    return (page, 422) if form.errors else page
