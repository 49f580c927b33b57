"""Locks: how they are, which codes they hold, and opening one now."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.command import Kind
from portal.domain.health import advice
from portal.domain.problems import SCHLAGE_CONTACT
from portal.extensions import db
from portal.models import Role
from portal.services import bolt, entry_page, lock_cards, lock_health, lock_page, roles, stays
from portal.services.bolt import CannotMove
from portal.services.lock_health import PERIODS
from portal.services.lock_page import LINES, NEWEST_LINES
from portal.views import _htmx, _live, _staff, charts
from portal.views._guard import caller, requires
from portal.views._pages import Place, links

blueprint = Blueprint("locks", __name__, url_prefix="/locks")
_staff.keep_out(blueprint)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template("locks/index.html", **_list_context())


@blueprint.get("/live")
@requires(Role.VIEWER)
def index_live() -> str:
    """The list of locks; 204 while it would say the same."""
    return render_template("locks/_list.html", **_list_context())


@blueprint.get("/<int:lock_id>")
@requires(Role.VIEWER)
def show(lock_id: int) -> str:
    context = _context(lock_id)
    days = 90 if request.args.get("days") == "90" else 30
    zone = context["page"].zone
    course = lock_health.course(db.session(), lock_id, zone, days, clock.now())
    return render_template(
        "locks/show.html", **context, charts=charts.of_lock(course), days=days, periods=PERIODS
    )


@blueprint.get("/<int:lock_id>/live")
@requires(Role.VIEWER)
def live(lock_id: int) -> str:
    """The part of the page that moves; 204 while it would say the same."""
    return render_template("locks/_panel.html", **_context(lock_id))


@blueprint.route("/<int:lock_id>/unlock", methods=["GET", "POST"])
@requires(Role.MANAGER)
def unlock(lock_id: int) -> BaseResponse | str | tuple[str, int]:
    """Asks first, then tells the door to unlock: somebody could walk in."""
    health = lock_cards.one(db.session(), lock_id)
    if health is None:
        abort(404)
    stay = _stay_at(lock_id)
    fault = ""
    if request.method == "POST":
        try:
            bolt.move(lock_id, Kind.UNLOCK, caller().actor, stay.id if stay else None)
        except CannotMove as refused:
            fault = refused.words
        else:
            flash(
                gettext(
                    "%(lock)s was told to unlock. Its answer appears in the history within "
                    "seconds.",
                    lock=health.name,
                ),
                "good",
            )
            return _htmx.go_to(_back(lock_id, stay))
    html = render_template(
        "locks/unlock.html", health=health, stay=stay, fault=fault, back=_back(lock_id, stay)
    )
    return (html, 422) if fault else html


def _back(lock_id: int, stay: stays.Stay | None) -> str:
    if stay is not None:
        return url_for("bookings.show", booking_id=stay.id)
    return url_for("locks.show", lock_id=lock_id)


def _stay_at(lock_id: int) -> stays.Stay | None:
    """The stay from whose page the door is opened, where it has this door."""
    asked = request.args.get("booking", "")
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 10):
        return None
    stay = stays.find(db.session(), int(asked), clock.now())
    has_door = stay is not None and any(d.lock_id == lock_id for d in stay.doors)
    return stay if has_door else None


def _list_context() -> dict[str, Any]:
    now = clock.now()
    locks = lock_cards.every(db.session())
    return {
        "locks": locks,
        "unreliable": lock_health.findings(db.session(), [lock.id for lock in locks], now),
        "live_url": _live.url("locks.index_live", caller(), now + timedelta(hours=1)),
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
    }


def _context(lock_id: int) -> dict[str, Any]:
    now = clock.now()
    # The query travels with the poll, so that what somebody unfolded stays unfolded.
    is_unfolded = request.args.get("history") == "all"
    page = lock_page.find(db.session(), lock_id, LINES if is_unfolded else NEWEST_LINES)
    if page is None:
        abort(404)
    health = page.health
    place = Place(lock_id=lock_id, connection_id=health.connection_id)
    findings = lock_health.findings(db.session(), [lock_id], now).get(lock_id, ())
    turns = [code.due_at for code in page.codes if code.due_at and code.due_at > now]
    return {
        "page": page,
        "health": health,
        "is_folded": not is_unfolded,
        "findings": findings,
        "advice": advice(findings),
        "schlage_contact": SCHLAGE_CONTACT,
        "other_clocks": lock_health.other_clocks(db.session(), lock_id, now),
        "heard_at": lock_health.heard_at(db.session(), lock_id),
        "entries": entry_page.recent(db.session(), lock_id),
        "problem_links": links(health.problem, place) if health.problem else (),
        "live_url": _live.url(
            "locks.live",
            caller(),
            min(turns, default=now + timedelta(hours=1)),
            lock_id=lock_id,
            history="all" if is_unfolded else None,
        ),
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
    }
