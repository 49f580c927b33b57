"""A booking on paper: its history as a table, and what Schlage's support asks for."""

from typing import Final
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, render_template
from flask_babel import gettext

from portal import clock
from portal.extensions import db
from portal.models import Booking, Role
from portal.services import booking_page, diagnostics
from portal.services.booking_page import Line
from portal.views import _csv, story
from portal.views._guard import requires
from portal.views._stays import stay_or_404

blueprint = Blueprint("booking_exports", __name__, url_prefix="/bookings/<int:booking_id>")

_MINUTES: Final = "%Y-%m-%d %H:%M:%S"


@blueprint.get("/diagnostics")
@requires(Role.VIEWER)
def support(booking_id: int) -> str:
    """A plain text to copy into a ticket: no PIN, no guest's name."""
    stay = stay_or_404(booking_id)
    session = db.session()
    text = diagnostics.of_booking(session, session.get_one(Booking, booking_id), clock.now())
    return render_template("bookings/diagnostics.html", stay=stay, text=text)


@blueprint.get("/timeline.csv")
@requires(Role.VIEWER)
def timeline(booking_id: int) -> Response:
    """Every line of the booking's history, oldest first, for a spreadsheet."""
    stay = stay_or_404(booking_id)
    lines = booking_page.timeline_of_booking(db.session(), booking_id, limit=None)
    header = (
        gettext("When (%(zone)s)", zone=stay.zone),
        gettext("When (UTC)"),
        gettext("Who"),
        gettext("Lock"),
        gettext("What"),
        gettext("Why"),
        gettext("Schlage's words"),
    )
    body = _csv.table(header, [_row(line, stay.zone) for line in reversed(lines)])
    name = f"booking-{booking_id}-history.csv"
    return Response(
        body,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _row(line: Line, zone: str) -> tuple[str, ...]:
    told = story.told(line)
    return (
        line.at.astimezone(ZoneInfo(zone)).strftime(_MINUTES),
        line.at.strftime(_MINUTES),
        story.who(line),
        line.lock_name,
        told.words,
        told.why,
        told.raw,
    )
