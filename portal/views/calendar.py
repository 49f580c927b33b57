"""The calendar: every property's month, each stay in the tone and with the word of its verdict."""

import re
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton
from flask import Blueprint, render_template, request, url_for

from portal import clock
from portal.domain.status import Verdict
from portal.extensions import db
from portal.models import Role
from portal.services import calendar_page, team_page
from portal.views import _staff, filters
from portal.views._guard import requires

blueprint = Blueprint("calendar", __name__, url_prefix="/calendar")
_staff.keep_out(blueprint)

_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    """The month in the address, or this one; what is not understood there is this one."""
    now = clock.now()
    asked = _MONTH.fullmatch(request.args.get("month", ""))
    today = now.astimezone(ZoneInfo(team_page.zone(db.session()))).date()
    first = date(int(asked[1]), int(asked[2]), 1) if asked else today.replace(day=1)
    page = request.args.get("page", "")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < 6 else 1
    month = calendar_page.read(db.session(), first, max(1, number), now)
    return render_template(
        "calendar/index.html",
        month=month,
        today=today,
        month_name=_name,
        month_url=_url,
        page_url=lambda number: _url(first, page=number),
        verdicts=list(Verdict),
    )


def _name(first: date) -> str:
    return str(format_skeleton("yMMMM", first, locale=filters.locale()))


def _url(first: date, **more: Any) -> str:
    return url_for("calendar.index", month=f"{first:%Y-%m}", **more)
