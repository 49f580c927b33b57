"""Arrivals, the home page: will each guest get in, and what is the one thing to do now?"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, url_for
from flask_babel import gettext, ngettext

from portal import clock
from portal.domain.status import Verdict
from portal.extensions import db
from portal.models import Role
from portal.services import board, entry_page, roles
from portal.services.board import Board, Wish
from portal.services.stays import Stay
from portal.views import _live, _wishes, filters, words
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
def live() -> str | tuple[str, int]:
    """The part of the page that moves; 204 while it would say the same."""
    if _live.is_unchanged(caller(), clock.now()):
        return "", 204
    return render_template("arrivals/live.html", **_context(_wishes.read()))


def _context(wish: Wish) -> dict[str, Any]:
    now = clock.now()
    read = board.arrivals(db.session(), wish, now, is_staff=_is_staff())
    shown = [s for day in read.days for s in day.stays] + [*read.inside_trouble, *read.inside]
    keypads = entry_page.troubles(db.session(), [stay.id for stay in shown], now)
    until = min([read.until, *(trouble.until for trouble in keypads.values())])
    zones = {stay.zone for day in read.days for stay in day.stays}
    query = _wishes.query(wish)
    return {
        "board": read,
        "headline": _headline(read),
        "subline": gettext("First see to the guest at the door.")
        if keypads
        else _subline(read, now),
        "stuck": [stay for stay in shown if stay.id in keypads],
        "tally_links": _tally_links(read),
        "live_url": _live.url("arrivals.live", caller(), until, **query),
        "bulk_url": url_for("bulk.choose", **query),
        "page_url": lambda page: url_for("arrivals.index", **{**query, "page": page}),
        "zone_note": lambda zone: filters.zone_name(zone) if len(zones) > 1 else "",
        "keypads": keypads,
        "now": now,
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
        "may_give": roles.is_at_least(caller().role, Role.STAFF),
        "connection_url": connection_url,
        "mapping_url": mapping_url,
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


def _headline(read: Board) -> str:
    """The answer of the whole page in a few words."""
    bad = read.count(Verdict.NOT_READY)
    risky = read.count(Verdict.AT_RISK)
    if bad:
        return ngettext(
            "One guest may not get in",
            "%(num)s guests may not get in",
            bad,
        )
    if risky:
        return ngettext("One arrival is at risk", "%(num)s arrivals are at risk", risky)
    if not read.total:
        return gettext("All quiet")
    if read.worst is Verdict.READY:
        return ngettext("The next arrival is ready", "All %(num)s arrivals are ready", read.total)
    return ngettext("One arrival, on track", "%(num)s arrivals, all ready or on track", read.total)


def _subline(read: Board, now: datetime) -> str:
    if read.worried:
        first = read.worried[0]
        return gettext("First: %(who)s. %(why)s", who=_who(first), why=words.reason(first))
    coming = [stay for day in read.days for stay in day.stays]
    if not coming:
        return gettext("Nothing needs you.")
    stay = coming[0]
    at = stay.starts_at
    when = f"{filters.day(at, stay.zone, now)} {filters.clock_time(at, stay.zone)}"
    return gettext("Nothing needs you. Next: %(who)s, %(when)s.", who=_who(stay), when=when)


def _who(stay: Stay) -> str:
    return gettext(
        "%(guest)s at %(property)s",
        guest=words.called(stay.guest),
        property=stay.property_name,
    )
