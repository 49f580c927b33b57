"""Sending one guest their message: whereto it would go, the sending, and what came of it."""

from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.guest_sending import REPEATABLE, Hindrance, State, Way, plan
from portal.extensions import db
from portal.models import Booking, PinOrigin, Role
from portal.queue import JobName, ring
from portal.services import guest_messages, guest_sending, guest_sending_page, guest_ways, roles
from portal.services.guest_messages import BadMessage
from portal.services.guest_sending import NotSent
from portal.services.stays import next_turn
from portal.unit_of_work import writing
from portal.views import _htmx, _live, filters
from portal.views._guard import caller, requires
from portal.views._language import language_name
from portal.views._stays import pin_holder, stay_or_404

blueprint = Blueprint("guest_sending", __name__, url_prefix="/bookings")

_YES = "yes"


@blueprint.get("/<int:booking_id>/send")
@requires(Role.STAFF)
def show(booking_id: int) -> str:
    """To whom it would go, by which way and in which language; nothing is sent yet."""
    return _page(booking_id)


@blueprint.post("/<int:booking_id>/send")
@requires(Role.STAFF)
def send(booking_id: int) -> BaseResponse | tuple[str, int]:
    """The message is on its way, in a job; its result appears on the same page."""
    stay_or_404(booking_id)
    is_forced = request.form.get("all_the_same") == _YES
    if is_forced and not roles.is_at_least(caller().role, Role.MANAGER):
        abort(403, "A code that is not confirmed is for owners and managers to tell.")
    way = request.form.get("way", "")
    if way not in set(Way):
        return _page(booking_id, way_error=gettext("Choose how it is sent.")), 422
    try:
        language = guest_messages.language_of(request.form.get("language") or "")
    except BadMessage as bad:
        return _page(booking_id, language_error=filters.tr(bad.words)), 422
    try:
        with writing() as session:
            send_id = guest_sending.wish(
                session,
                pin_holder(session, booking_id),
                caller().actor,
                way=Way(way),
                language=language,
                is_forced=is_forced,
                is_again=request.form.get("again") == _YES,
            )
    except NotSent as refused:
        return _page(booking_id, refused=refused.why), 409
    ring(JobName.SEND_TO_GUEST, send_id)
    flash(gettext("The message is being sent. Its result stands here in a moment."), "good")
    return _to(booking_id)


@blueprint.get("/<int:booking_id>/send/live")
@requires(Role.STAFF)
def live(booking_id: int) -> str:
    """What was sent to this guest; 204 while it would say the same."""
    stay_or_404(booking_id)
    return render_template("guest_sending/_sent.html", **_sent(booking_id))


@blueprint.post("/<int:booking_id>/send/arrived")
@requires(Role.STAFF)
def arrived(booking_id: int) -> BaseResponse:
    """What may have been sent has arrived: somebody asked the guest."""
    stay_or_404(booking_id)
    with writing() as session:
        was_unsure = guest_sending.say_arrived(
            session, pin_holder(session, booking_id), caller().actor
        )
    if was_unsure:
        flash(gettext("Good: it is written down that the guest has it."), "good")
    else:
        flash(gettext("Nothing was in doubt: nothing is changed."), "info")
    return _to(booking_id)


def _page(
    booking_id: int,
    *,
    refused: Hindrance | None = None,
    way_error: str = "",
    language_error: str = "",
) -> str:
    stay = stay_or_404(booking_id)
    session, now = db.session(), clock.now()
    booking = session.get_one(Booking, booking_id)
    wished = request.values.get("language") or booking.guest_language
    texts = guest_messages.read(session)
    chosen = texts.find(wished or guest_messages.OUR_LANGUAGE, booking.property_id)
    facts = guest_sending.facts_of(session, [booking], now, language=chosen.language)[booking_id]
    ways = guest_ways.ways(session)
    # Each way as a person who insists could choose it, so that the page shows what that takes.
    plans = {way: plan(facts, way=way, is_forced=True) for way in Way if way in ways}
    best = plan(facts, is_forced=True, is_again=True).way
    return render_template(
        "guest_sending/show.html",
        stay=stay,
        booking=booking,
        against=plan(facts, is_forced=True, is_again=True).hindrance,
        is_confirmed=facts.is_confirmed,
        plans=plans,
        repeats=any(each.hindrance in REPEATABLE for each in plans.values()),
        best=request.form.get("way") or best,
        chosen=chosen.language,
        languages=[
            (each.language, language_name(each.language)) for each in texts.at(booking.property_id)
        ],
        refused=refused,
        way_error=way_error,
        language_error=language_error,
        may_act=roles.is_at_least(caller().role, Role.MANAGER),
        may_see_pin=roles.may_see_pin(caller().role, booking, now),
        Hindrance=Hindrance,
        # Digits that a PIN is made of are shown on a recorded click and nowhere else.
        hides_phone=booking.pin_origin is PinOrigin.PHONE,
        **_sent(booking_id),
    )


def _sent(booking_id: int) -> dict[str, Any]:
    lines = guest_sending_page.of_booking(db.session(), booking_id)
    return {
        "lines": lines,
        "is_asked": bool(lines) and lines[0].state is State.UNSURE,
        "live_url": _live.url(
            "guest_sending.live", caller(), next_turn([], clock.now()), booking_id=booking_id
        ),
    }


def _to(booking_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("guest_sending.show", booking_id=booking_id))
