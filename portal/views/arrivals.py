"""Arrivals, the home page: will each guest get in, and what is the one thing to do now?"""

from dataclasses import dataclass, replace
from typing import Any

from flask import Blueprint, render_template, url_for

from portal import clock
from portal.domain.status import Verdict
from portal.extensions import db
from portal.models import Role
from portal.services import board, roles
from portal.services.board import Board, Wish
from portal.views import _live, _outlook, _wishes, alert_words, filters
from portal.views._guard import caller, requires
from portal.views._pages import connection_url, mapping_url

blueprint = Blueprint("arrivals", __name__)


@dataclass(frozen=True)
class TallyLink:
    """How many stays have a verdict, and the address that shows just those."""

    verdict: Verdict
    look: filters.Look
    number: int
    url: str
    is_here: bool


@blueprint.get("/")
@requires(Role.VIEWER)
def index() -> str:
    choices = () if _is_staff() else board.properties(db.session())
    return render_template(
        "arrivals/index.html",
        **_context(_wishes.read()),
        properties=choices,
        when_choices=_wishes.WHEN_CHOICES,
        verdicts=list(Verdict),
    )


@blueprint.get("/arrivals/live")
@requires(Role.VIEWER)
def live() -> str:
    """The part of the page that moves; 204 while it would say the same."""
    return render_template("arrivals/live.html", **_context(_wishes.read()))


def _context(wish: Wish) -> dict[str, Any]:
    now = clock.now()
    read = board.arrivals(db.session(), wish, now, is_staff=_is_staff())
    zones = {stay.zone for day in read.days for stay in day.stays}
    query = _wishes.query(wish)
    calls = {call.stay.id: call for call in read.calls}
    at_door = {*calls, *read.keypads}
    return {
        "board": read,
        "seen": read.outlook,
        "headline": _outlook.headline(read.outlook),
        "subline": _outlook.subline(read, now),
        "calls": calls,
        # Who calls for help is told of once, and by that.
        "stuck": [s for s in read.worried if s.id in at_door and s.id not in calls],
        "tally_links": _tally_links(read),
        "live_url": _live.url("arrivals.live", caller(), read.until, **query),
        "bulk_url": url_for("bulk.choose", **query),
        "page_url": lambda page: url_for("arrivals.index", **{**query, "page": page}),
        "zone_note": lambda zone: filters.zone_name(zone) if len(zones) > 1 else "",
        "keypads": read.keypads,
        "now": now,
        "is_staff": _is_staff(),
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
        "may_give": roles.is_at_least(caller().role, Role.STAFF),
        "connection_url": connection_url,
        "mapping_url": mapping_url,
        "cause_of": alert_words.cause_of,
        "todo_of": alert_words.todo_of,
    }


def _is_staff() -> bool:
    return caller().role is Role.STAFF


def _tally_links(read: Board) -> list[TallyLink]:
    found = []
    for verdict in reversed(Verdict):
        number = read.tally.get(verdict, 0)
        is_here = read.wish.verdict is verdict
        if not number and not is_here:
            continue
        wish = replace(read.wish, verdict=None if is_here else verdict, page=1)
        address = url_for("arrivals.index", **_wishes.query(wish))
        found.append(TallyLink(verdict, filters.VERDICT[verdict], number, address, is_here))
    return found
