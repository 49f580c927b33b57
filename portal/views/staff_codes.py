"""Staff codes: whose code opens which locks and when, how it stands on each, and its end."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Role, StaffCode
from portal.services import roles, staff_codes, staff_page
from portal.services.ringing import changing
from portal.services.staff_codes import BadStaffCode
from portal.services.staff_page import StaffCard
from portal.views import _htmx, _live, _staff
from portal.views._guard import caller, requires
from portal.views._pages import Place, links
from portal.views.forms import tell
from portal.views.staff_forms import WEEKDAYS, StaffCodeForm

blueprint = Blueprint("staff_codes", __name__, url_prefix="/staff-codes")
_staff.keep_out(blueprint)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("staff_codes/index.html", **_list_context())


@blueprint.get("/live")
@requires(Role.VIEWER)
def index_live() -> str:
    """The list of staff codes; 204 while it would say the same."""
    return render_template("staff_codes/_list.html", **_list_context())


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Role.MANAGER)
def new() -> BaseResponse | str | tuple[str, int]:
    """A code for somebody, on its way to the locks at once."""
    form = _form()
    if form.validate_on_submit():
        try:
            with changing() as session:
                staff = staff_codes.create(
                    session, caller().account_id, form.wish(), caller().actor
                )
                staff_code_id = staff.id
        except BadStaffCode as bad:
            _tell(form, bad)
        else:
            flash(
                gettext("The code is on its way. It works on a lock once that says On the lock."),
                "good",
            )
            return _to(staff_code_id)
    return _form_page(form, None)


@blueprint.get("/<int:staff_code_id>")
@requires(Role.VIEWER)
def show(staff_code_id: int) -> str:
    return _page(staff_code_id)


@blueprint.get("/<int:staff_code_id>/live")
@requires(Role.VIEWER)
def live(staff_code_id: int) -> str:
    """The part of the page that moves; 204 while it would say the same."""
    return render_template("staff_codes/_panel.html", **_context(staff_code_id))


@blueprint.post("/<int:staff_code_id>/pin")
@requires(Role.MANAGER)
def pin(staff_code_id: int) -> str:
    """The page with the PIN on it, once, and a line in the history of who was shown it."""
    with changing() as session:
        secret = staff_codes.show_pin(session, _code(staff_code_id), caller().actor)
    return _page(staff_code_id, pin=secret)


@blueprint.post("/<int:staff_code_id>/resync")
@requires(Role.MANAGER)
def resync(staff_code_id: int) -> BaseResponse:
    with changing() as session:
        is_new = staff_codes.resync(session, _code(staff_code_id), caller().actor)
    if is_new:
        flash(gettext("Resync has started: every lock is checked."), "good")
    else:
        flash(gettext("A resync is already running or just ended."), "info")
    return _to(staff_code_id)


@blueprint.route("/<int:staff_code_id>/edit", methods=["GET", "POST"])
@requires(Role.MANAGER)
def edit(staff_code_id: int) -> BaseResponse | str | tuple[str, int]:
    """Other hours, places or another end; the PIN stays unless another is typed."""
    staff = _code(staff_code_id)
    form = _form()
    if request.method == "GET":
        form.show(staff)
    if form.validate_on_submit():
        try:
            with changing() as session:
                is_changed = staff_codes.update(
                    session, _code(staff_code_id), form.wish(), caller().actor
                )
        except BadStaffCode as bad:
            _tell(form, bad)
        else:
            if is_changed:
                flash(gettext("Saved. The locks follow, one after the other."), "good")
            else:
                flash(gettext("It was so already: nothing is changed."), "info")
            return _to(staff_code_id)
    return _form_page(form, _code(staff_code_id))


@blueprint.route("/<int:staff_code_id>/revoke", methods=["GET", "POST"])
@requires(Role.MANAGER)
def revoke(staff_code_id: int) -> BaseResponse | str:
    """Asks first: the code stops opening each lock as soon as that has removed it."""
    staff = _code(staff_code_id)
    if request.method == "GET":
        return render_template("staff_codes/revoke.html", staff=staff)
    with changing() as session:
        staff_codes.revoke(session, _code(staff_code_id), caller().actor)
    flash(
        gettext("Revoked. Each lock says Removed here once it is proven that the code is off."),
        "good",
    )
    return _to(staff_code_id)


def _code(staff_code_id: int) -> StaffCode:
    found = db.session.get(StaffCode, staff_code_id)
    if found is None:
        abort(404)
    return found


def _to(staff_code_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("staff_codes.show", staff_code_id=staff_code_id))


def _form() -> StaffCodeForm:
    form = StaffCodeForm()
    properties, locks = staff_page.places(db.session())
    form.places.choices = [(place.value, place.name) for place in (*properties, *locks)]
    return form


def _tell(form: StaffCodeForm, bad: BadStaffCode) -> None:
    tell(form, "ends_2" if bad.field == "windows" else bad.field, bad.words, "name")


def _form_page(form: StaffCodeForm, staff: StaffCode | None) -> str | tuple[str, int]:
    properties, locks = staff_page.places(db.session())
    page = render_template(
        "staff_codes/form.html",
        form=form,
        staff=staff,
        properties=properties,
        locks=locks,
        weekdays=WEEKDAYS,
    )
    return (page, 422) if form.errors else page


def _page(staff_code_id: int, pin: Secret | None = None) -> str:
    return render_template("staff_codes/show.html", pin=pin, **_context(staff_code_id))


def _context(staff_code_id: int) -> dict[str, Any]:
    page = staff_page.find(db.session(), staff_code_id)
    if page is None:
        abort(404)
    return {
        "page": page,
        "card": page.card,
        "links_of": {
            door.id: links(
                door.problem, Place(lock_id=door.lock_id), page.led_by.get(door.id, frozenset())
            )
            for door in page.card.doors
            if door.problem is not None
        },
        **_live_context("staff_codes.live", [page.card], staff_code_id=staff_code_id),
    }


def _list_context() -> dict[str, Any]:
    cards = staff_page.cards(db.session())
    return {"cards": cards, **_live_context("staff_codes.index_live", cards)}


def _live_context(endpoint: str, cards: Sequence[StaffCard], **values: Any) -> dict[str, Any]:
    """Where the page polls, and what its reader may do."""
    now = clock.now()
    turns = [d.due_at for card in cards for d in card.doors if d.due_at and d.due_at > now]
    until = min(turns, default=now + timedelta(hours=1))
    return {
        "live_url": _live.url(endpoint, caller(), until, **values),
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
    }
