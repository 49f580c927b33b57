"""What a manager gives a guest: the message with the code, and the link to the guest's page."""

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.extensions import db
from portal.models import Booking, Role
from portal.services import guest_links, guest_messages, roles
from portal.services.guest_links import StayIsOver
from portal.services.guest_messages import BadMessage, NotToBeTold, Telling
from portal.services.stays import Stay
from portal.unit_of_work import writing
from portal.views import _htmx
from portal.views._guard import caller, requires
from portal.views._language import language_name
from portal.views._stays import pin_holder, stay_or_404

blueprint = Blueprint("guest_access", __name__, url_prefix="/bookings")


@blueprint.get("/<int:booking_id>/message")
@requires(Role.STAFF)
def message(booking_id: int) -> str:
    return _message_page(stay_or_404(booking_id))


@blueprint.post("/<int:booking_id>/message")
@requires(Role.STAFF)
def show_message(booking_id: int) -> str | tuple[str, int]:
    """The page with the message on it, once, and a line in the history of who was shown it."""
    stay = stay_or_404(booking_id)
    is_forced = request.form.get("all_the_same") == "yes"
    if is_forced and not roles.is_at_least(caller().role, Role.MANAGER):
        abort(403, "A code that is not confirmed is for owners and managers to tell.")
    try:
        language = guest_messages.language_of(request.form.get("language") or "")
        with writing() as session:
            booking = pin_holder(session, booking_id)
            link = guest_links.ensure(session, booking, caller().actor, clock.now())
            text = guest_messages.show(
                session,
                booking,
                language,
                guest_links.address_of(link),
                caller().actor,
                is_forced=is_forced,
            )
    except BadMessage as bad:
        return _message_page(stay, error=bad.words), 422
    except (NotToBeTold, StayIsOver):
        return _message_page(stay), 409
    return _message_page(stay, text=text, was_forced=is_forced)


@blueprint.get("/<int:booking_id>/guest-page")
@requires(Role.STAFF)
def link(booking_id: int) -> str:
    return _link_page(stay_or_404(booking_id))


@blueprint.post("/<int:booking_id>/guest-page")
@requires(Role.MANAGER)
def make_link(booking_id: int) -> BaseResponse:
    """A new link; an older one opens nothing from now on."""
    stay_or_404(booking_id)
    try:
        with writing() as session:
            booking = session.get_one(Booking, booking_id)
            guest_links.renew(session, booking, caller().actor, clock.now())
    except StayIsOver:
        flash(gettext("The stay is over or cancelled: its guest needs no page."), "warn")
    else:
        flash(gettext("The link is made. It ends with the stay."), "good")
    return _to_link(booking_id)


@blueprint.post("/<int:booking_id>/guest-page/show")
@requires(Role.STAFF)
def show_link(booking_id: int) -> str:
    """The page with the link on it, once: whoever has it will see the PIN."""
    stay = stay_or_404(booking_id)
    with writing() as session:
        token = guest_links.show(session, pin_holder(session, booking_id), caller().actor)
    return _link_page(stay, address=guest_links.address_of(token) if token is not None else "")


@blueprint.post("/<int:booking_id>/guest-page/revoke")
@requires(Role.MANAGER)
def revoke_link(booking_id: int) -> BaseResponse:
    stay_or_404(booking_id)
    with writing() as session:
        booking = session.get_one(Booking, booking_id)
        is_revoked = guest_links.revoke(session, booking, caller().actor, clock.now())
    if is_revoked:
        flash(gettext("The link opens nothing any more. The code on the lock stays."), "good")
    else:
        flash(gettext("There was no link that opens anything."), "info")
    return _to_link(booking_id)


def _message_page(stay: Stay, *, text: str = "", was_forced: bool = False, error: str = "") -> str:
    booking = db.session.get_one(Booking, stay.id)
    texts = guest_messages.texts(db.session(), booking.property_id)
    wished = booking.guest_language or guest_messages.OUR_LANGUAGE
    return render_template(
        "guest_access/message.html",
        stay=stay,
        state=guest_messages.telling(db.session(), booking, clock.now()),
        Telling=Telling,
        text=text,
        was_forced=was_forced,
        error=error,
        languages=[(each.language, language_name(each.language)) for each in texts],
        chosen=guest_messages.text_in(db.session(), wished, booking.property_id).language,
        may_act=_may_act(),
        may_see_pin=roles.may_see_pin(caller().role, booking, clock.now()),
    )


def _link_page(stay: Stay, *, address: str = "") -> str:
    booking = db.session.get_one(Booking, stay.id)
    return render_template(
        "guest_access/link.html",
        stay=stay,
        link=guest_links.of_booking(db.session(), stay.id),
        address=address,
        is_over=stay.is_cancelled or stay.ends_at <= clock.now(),
        place=booking.property,
        may_act=_may_act(),
        may_see_pin=roles.may_see_pin(caller().role, booking, clock.now()),
    )


def _to_link(booking_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("guest_access.link", booking_id=booking_id))


def _may_act() -> bool:
    return roles.is_at_least(caller().role, Role.MANAGER)
