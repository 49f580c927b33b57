"""One booking: its verdict, its doors, its history, and what a person may do about it."""

from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from portal import clock
from portal.domain.problems import ProblemKey
from portal.domain.secret import Secret
from portal.domain.status import Status, Verdict
from portal.extensions import db
from portal.models import Booking, PinOrigin, Role
from portal.services import (
    alert_page,
    booking_page,
    bookings,
    entry_page,
    guest_help,
    guest_messages,
    guests,
    lock_health,
    roles,
    spares,
    stays,
)
from portal.services.booking_page import Details
from portal.services.bookings import BadBooking
from portal.services.spares import NoSpare
from portal.views import _htmx, _live, alert_words, filters, words
from portal.views._guard import caller, own_path, requires
from portal.views._language import language_name
from portal.views._pages import links
from portal.views._stays import stay_or_404
from portal.views.forms import DatesForm, GuestForm, PinForm, tell

blueprint = Blueprint("bookings", __name__, url_prefix="/bookings")

_WORRIED = frozenset({Verdict.AT_RISK, Verdict.NOT_READY})


@blueprint.get("/<int:booking_id>")
@requires(Role.VIEWER)
def show(booking_id: int) -> str:
    return _page(booking_id)


@blueprint.get("/<int:booking_id>/live")
@requires(Role.VIEWER)
def live(booking_id: int) -> str:
    """The part of the page that moves; 204 while it would say the same."""
    return render_template("bookings/live.html", **_context(booking_id))


@blueprint.post("/<int:booking_id>/resync")
@requires(Role.MANAGER)
def resync(booking_id: int) -> BaseResponse:
    with bookings.changing() as session:
        booking = _booking(session, booking_id)
        name = words.called(guests.of(booking))
        is_new = bookings.resync(session, booking, caller().actor)
        has_doors = bool(booking.door_codes)
    if is_new:
        flash(gettext("Resync of %(name)s has started: every door is checked.", name=name), "good")
    elif has_doors:
        flash(gettext("A resync of %(name)s is already running or just ended.", name=name), "info")
    else:
        flash(gettext("No lock opens this property yet: map one first."), "warn")
    # Pressed in a list: back to that list, with its filters.
    return _htmx.go_to(own_path(request.form.get("from"), _url(booking_id)))


@blueprint.post("/<int:booking_id>/pin")
@requires(Role.STAFF)
def pin(booking_id: int) -> str:
    """The page with the PIN on it, once, and a line in the history of who was shown it."""
    with bookings.changing() as session:
        booking = _booking(session, booking_id)
        if not roles.may_see_pin(caller().role, booking, clock.now()):
            abort(403, "Staff see PINs of guests who arrive today or tomorrow, or are inside.")
        secret = bookings.show_pin(session, booking, caller().actor)
        own = [(code.lock.name, code.own_pin) for code in booking.door_codes if code.own_pin]
        given = [(code.lock.name, code.pin) for code in spares.given_to(session, booking)]
    return _page(booking_id, pin=secret, own_pins=own, spare_pins=given, is_pin_shown=True)


@blueprint.post("/<int:booking_id>/spare")
@requires(Role.STAFF)
def spare(booking_id: int) -> BaseResponse | str:
    """Gives the guest the spares of doors that lack their code, and shows the digits at once.

    A night's one click: the same again shows the same digits.
    """
    try:
        with bookings.changing() as session:
            booking = _booking(session, booking_id)
            if not roles.may_see_pin(caller().role, booking, clock.now()):
                abort(403, "Staff see PINs of guests who arrive today or tomorrow, or are inside.")
            given = spares.hand_out(session, booking, caller().actor, clock.now())
            bookings.show_pin(session, booking, caller().actor)
            pins = [(code.lock.name, code.pin) for code in given]
            pin = booking.pin
    except NoSpare as refused:
        flash(filters.tr(refused.words), "bad")
        return _to(booking_id)
    return _page(booking_id, pin=pin, spare_pins=pins, is_pin_shown=True)


@blueprint.route("/<int:booking_id>/new-pin", methods=["GET", "POST"])
@requires(Role.MANAGER)
def new_pin(booking_id: int) -> BaseResponse | str | tuple[str, int]:
    stay = stay_or_404(booking_id)
    form = PinForm()
    if form.validate_on_submit():
        given = Secret(form.pin.data) if form.pin.data else None
        try:
            with bookings.changing() as session:
                booking = _booking(session, booking_id)
                bookings.new_pin(session, booking, caller().actor, given)
        except BadBooking as bad:
            tell(form, bad.field, bad.words, "pin")
        else:
            flash(
                gettext(
                    "A new PIN is on its way. The old one works until the new one is confirmed."
                ),
                "good",
            )
            return _to(booking_id)
    shown_at = db.session.get_one(Booking, booking_id).pin_shown_at
    page = render_template("bookings/new_pin.html", stay=stay, form=form, shown_at=shown_at)
    return (page, 422) if form.errors else page


@blueprint.route("/<int:booking_id>/dates", methods=["GET", "POST"])
@requires(Role.MANAGER)
def dates(booking_id: int) -> BaseResponse | str | tuple[str, int]:
    stay = stay_or_404(booking_id)
    booking = db.session.get_one(Booking, booking_id)
    form = DatesForm(obj=booking)
    if form.validate_on_submit():
        try:
            with bookings.changing() as session:
                is_changed = bookings.change_dates(
                    session,
                    _booking(session, booking_id),
                    form.arrives_on.data,
                    form.arrives_time.data,
                    form.departs_on.data,
                    form.departs_time.data,
                    caller().actor,
                )
        except BadBooking as bad:
            tell(form, f"{bad.field}_on", bad.words, "departs_on")
        else:
            _flash_dates(is_changed)
            return _to(booking_id)
    place = db.session.get_one(Booking, booking_id).property
    page = render_template("bookings/dates.html", stay=stay, form=form, place=place)
    return (page, 422) if form.errors else page


@blueprint.route("/<int:booking_id>/guest", methods=["GET", "POST"])
@requires(Role.MANAGER)
def guest(booking_id: int) -> BaseResponse | str | tuple[str, int]:
    """Who comes: name, phone, e-mail, language and note."""
    stay = stay_or_404(booking_id)
    booking = db.session.get_one(Booking, booking_id)
    # Digits that a PIN is made of are shown on a recorded click and nowhere else.
    is_hidden = booking.pin_origin is PinOrigin.PHONE
    form = GuestForm(obj=booking)
    if is_hidden and request.method == "GET":
        form.guest_phone.data = ""
    form.guest_language.choices = _languages_for(booking)
    if form.validate_on_submit():
        with bookings.changing() as session:
            booking = _booking(session, booking_id)
            pin = booking.pin
            bookings.change_guest(
                session,
                booking,
                name=form.guest_name.data or "",
                phone=form.guest_phone.data or (booking.guest_phone if is_hidden else ""),
                email=form.guest_email.data or "",
                language=form.guest_language.data or "",
                note=form.note.data or "",
                actor=caller().actor,
            )
            has_new_pin = booking.pin != pin
        if has_new_pin:
            flash(
                gettext("Kept. The PIN is now made of the guest's phone, and on its way."), "good"
            )
        else:
            flash(gettext("Kept. The PIN stays the same."), "good")
        return _to(booking_id)
    page = render_template(
        "bookings/guest.html", stay=stay, form=form, booking=booking, is_hidden=is_hidden
    )
    return (page, 422) if form.errors else page


@blueprint.route("/<int:booking_id>/cancel", methods=["GET", "POST"])
@requires(Role.MANAGER)
def cancel(booking_id: int) -> BaseResponse | str:
    stay = stay_or_404(booking_id)
    if request.method == "GET":
        return render_template("bookings/cancel.html", stay=stay, now=clock.now())
    with bookings.changing() as session:
        bookings.cancel(session, _booking(session, booking_id), caller().actor)
    flash(gettext("The booking is cancelled. Its codes are being taken off the locks."), "good")
    return _to(booking_id)


@blueprint.post("/<int:booking_id>/reinstate")
@requires(Role.MANAGER)
def reinstate(booking_id: int) -> BaseResponse:
    with bookings.changing() as session:
        bookings.reinstate(session, _booking(session, booking_id), caller().actor)
    flash(gettext("The booking stands again. Its codes are being sent."), "good")
    return _to(booking_id)


def _languages_for(booking: Booking) -> list[SelectChoice]:
    """The languages that this guest can be written to in, and the one that is known."""
    texts = guest_messages.texts(db.session(), booking.property_id)
    codes = dict.fromkeys([*(text.language for text in texts), booking.guest_language])
    return [
        SelectChoice("", gettext("Not known")),
        *(SelectChoice(code, language_name(code)) for code in codes if code),
    ]


def _to(booking_id: int) -> BaseResponse:
    return _htmx.go_to(_url(booking_id))


def _url(booking_id: int) -> str:
    return url_for("bookings.show", booking_id=booking_id)


def _flash_dates(is_changed: bool) -> None:
    if is_changed:
        flash(gettext("The dates are changed. The code follows; the PIN stays the same."), "good")
    else:
        flash(gettext("These were the dates already: nothing is changed."), "info")


def _booking(session: Any, booking_id: int) -> Booking:
    """The booking to change; 404 where the account (or its staff today) has no such booking."""
    if _is_staff() and stays.find(session, booking_id, clock.now(), is_staff=True) is None:
        abort(404)
    found: Booking | None = session.get(Booking, booking_id)
    if found is None:
        abort(404)
    return found


def _is_staff() -> bool:
    return caller().role is Role.STAFF


def _page(booking_id: int, **more: Any) -> str:
    return render_template("bookings/show.html", **_context(booking_id), **more)


def _context(booking_id: int) -> dict[str, Any]:
    now = clock.now()
    with_all = request.args.get("timeline") == "all"
    details = booking_page.find(
        db.session(), booking_id, now, is_staff=_is_staff(), with_all_lines=with_all
    )
    if details is None:
        abort(404)
    stay = details.stay
    booking = db.session.get_one(Booking, booking_id)
    role = caller().role
    may_see_pin = roles.may_see_pin(role, booking, now)
    call = guest_help.call_of(db.session(), booking_id)
    is_over = stay.is_cancelled or stay.ends_at <= now
    keypad = None if is_over else entry_page.troubles(db.session(), [stay.id], now).get(stay.id)
    is_worrying = stay.verdict in _WORRIED or call is not None or keypad is not None
    fallback = booking.property.fallback_entry if is_worrying and may_see_pin else None
    query = {"timeline": "all"} if with_all else {}
    turn = stays.next_turn([stay], now)
    if keypad is not None:
        turn = min(turn, keypad.until)
    # Of a stay that is over the verdict tells, with its step; staff are sent to no other app.
    old = () if _is_staff() or stay.overdue_since else alert_page.old_of(db.session(), stay.id, now)
    doors = () if is_over else [door.lock_id for door in stay.doors]
    return {
        "details": details,
        "stay": stay,
        "fallback": fallback.reveal() if fallback else None,
        "call": call,
        "old": [(item, alert_words.step_of(item)) for item in old],
        "can_be_called": guests.can_be_called(details.phone),
        # Digits that a PIN is made of are shown on a recorded click and nowhere else.
        "is_phone_hidden": bool(details.phone) and details.pin_origin is PinOrigin.PHONE,
        "links_of": {
            d.door.id: _links_of(d, details)
            for d in (*details.doors, *details.spares)
            if d.door.problem
        },
        "own_links": links(stay.problem, words.place_of(stay)) if stay.problem else (),
        "clock_links": links(ProblemKey.CLOCK_CHANGE, words.place_of(stay)),
        "live_url": _live.url(
            "bookings.live",
            caller(),
            min([turn, *details.resync_turns()]),
            booking_id=booking_id,
            **query,
        ),
        "may_act": roles.is_at_least(role, Role.MANAGER),
        "may_see_pin": may_see_pin,
        "is_over": is_over,
        "is_worrying": is_worrying,
        "keypad": keypad,
        "unreliable": lock_health.findings(db.session(), doors, now),
        "unlockable": [d for d in stay.doors if d.status is not Status.REMOVED],
        "now": now,
    }


def _links_of(detail: booking_page.DoorDetail, details: Details) -> Any:
    assert detail.door.problem is not None
    place = words.place_of(details.stay, detail.door)
    return links(detail.door.problem, place, detail.led_by)
