"""A lock's entry log: who opened it when, by day, page by page, and as a table to download."""

from datetime import date
from typing import Any, Final

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask_babel import gettext

from portal.extensions import db
from portal.models import Role
from portal.services import entry_page, lock_cards
from portal.services.entry_page import Entry
from portal.services.lock_cards import Health
from portal.views import _csv, _staff, lock_words
from portal.views._guard import requires
from portal.zones import zone_or_utc

blueprint = Blueprint("entry_log", __name__, url_prefix="/locks/<int:lock_id>/entries")
_staff.keep_out(blueprint)

_SECONDS: Final = "%Y-%m-%d %H:%M:%S"
# Beyond these a date is a slip of the finger, and no calendar to compute with.
_YEARS: Final = range(2000, 2101)


@blueprint.get("")
@requires(Role.VIEWER)
def index(lock_id: int) -> str | tuple[str, int]:
    health, zone = _lock(lock_id)
    on, fault = _day()
    number = request.args.get("page", "")
    log = entry_page.page(
        db.session(),
        lock_id,
        zone,
        on,
        int(number) if number.isascii() and number.isdecimal() and len(number) < 8 else 1,
    )
    query: dict[str, Any] = {"day": on.isoformat()} if on else {}
    html = render_template(
        "entry_log/index.html",
        health=health,
        zone=zone,
        log=log,
        day=on,
        asked=request.args.get("day", "")[:40],
        fault=fault,
        page_url=lambda page: url_for("entry_log.index", lock_id=lock_id, page=page, **query),
        csv_url=url_for("entry_log.table", lock_id=lock_id, **query),
    )
    return (html, 422) if fault else html


@blueprint.get("/log.csv")
@requires(Role.VIEWER)
def table(lock_id: int) -> Response:
    """The whole log or one day of it, oldest first, for a spreadsheet."""
    health, zone = _lock(lock_id)
    on, fault = _day()
    if fault:
        abort(404)
    entries = entry_page.everything(db.session(), lock_id, zone, on)
    header = (
        gettext("When (%(zone)s)", zone=zone),
        gettext("When (UTC)"),
        gettext("Lock"),
        gettext("Who"),
        gettext("How"),
        gettext("Booking"),
        gettext("First arrival"),
        gettext("While nobody stayed"),
    )
    rows = [_row(entry, health, zone) for entry in reversed(entries)]
    name = f"lock-{lock_id}-entries{f'-{on.isoformat()}' if on else ''}.csv"
    return Response(
        _csv.table(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _row(entry: Entry, lock: Health, zone: str) -> tuple[str, ...]:
    told = lock_words.entry(entry)
    return (
        entry.at.astimezone(zone_or_utc(zone)).strftime(_SECONDS),
        entry.at.strftime(_SECONDS),
        lock.name,
        told.who,
        told.how,
        str(entry.booking_id or ""),
        gettext("yes") if entry.is_first else "",
        gettext("yes") if entry.is_alerted else "",
    )


def _lock(lock_id: int) -> tuple[Health, str]:
    """The lock, and the zone in which its history is told."""
    found = lock_cards.one(db.session(), lock_id)
    if found is None:
        abort(404)
    return found, lock_cards.zone_of(db.session(), lock_id, found.zone)


def _day() -> tuple[date | None, str]:
    """The day that is asked for, and what is wrong with how it was asked."""
    text = request.args.get("day", "").strip()
    if not text:
        return None, ""
    try:
        on = date.fromisoformat(text)
    except ValueError:
        return None, gettext("This is not a date. Write it as year-month-day.")
    if on.year not in _YEARS:
        return None, gettext("Choose a day of this century.")
    return on, ""
