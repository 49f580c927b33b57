"""The calendar: every property's month, each stay in the tone and with the word of its verdict."""

import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask import Blueprint, render_template, request, url_for

from portal import clock
from portal.domain.status import Verdict
from portal.extensions import db
from portal.models import Role
from portal.services import board, calendar_page, team_page
from portal.views import _live, _staff, _wishes, filters
from portal.views._guard import caller, requires

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")
_staff.keep_out(blueprint)

_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    """The month in the address, or this one; what is not understood there is this one."""
    return render_template(
        "calendar/index.html", properties=board.properties(db.session()), **_context()
    )


@blueprint.get("/live")
@requires(Role.VIEWER)
def live() -> str:
    """The month; 204 while it would say the same."""
    return render_template("calendar/live.html", **_context())


def _context() -> dict[str, Any]:
    now = clock.now()
    zone = ZoneInfo(team_page.zone(db.session()))
    today = now.astimezone(zone).date()
    asked = _MONTH.fullmatch(request.args.get("month", ""))
    first = date(int(asked[1]), int(asked[2]), 1) if asked else today.replace(day=1)
    chosen = request.args.get("property", "")
    property_id = int(chosen) if _wishes.is_number(chosen) else None
    month = calendar_page.read(db.session(), first, _wishes.page(), now, property_id)
    tomorrow = datetime.combine(today + timedelta(days=1), time(0), tzinfo=zone)
    # A page of no month in particular goes on to the next one by itself.
    here = {
        "month": asked[0] if asked else None,
        "property": property_id,
        "page": month.page if month.page > 1 else None,
    }
    return {
        "month": month,
        "today": today,
        "asked_month": here["month"],
        "property_id": property_id,
        "month_name": _name,
        "month_url": lambda first: _url(first, property=property_id),
        "this_month_url": url_for("calendar.index", property=property_id),
        "all_url": url_for("calendar.index", month=here["month"]),
        "page_url": lambda number: _url(first, page=number),
        "live_url": _live.url("calendar.live", caller(), min(month.until, tomorrow), **here),
        "verdicts": list(Verdict),
    }


def _name(first: date) -> str:
    return str(format_skeleton("yMMMM", first, locale=filters.locale()))


def _url(first: date, **more: Any) -> str:
    return url_for("calendar.index", month=f"{first:%Y-%m}", **more)
