"""The pages that people read: their blueprints, filters and the navigation between them."""

from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, request, url_for
from flask_babel import lazy_gettext

from portal.extensions import db
from portal.models import Role
from portal.services import alert_page
from portal.views import (
    _bulk_words,
    _language,
    _live,
    _resync_words,
    _sending_words,
    alert_settings,
    alerts,
    arrivals,
    booking_exports,
    bookings,
    bulk,
    calendar,
    csv_imports,
    endpoints,
    entry_log,
    filters,
    guest_access,
    guest_sending,
    guest_texts,
    guest_ways,
    imports,
    lock_words,
    locks,
    properties,
    rebuilds,
    settings,
    staff_codes,
    story,
    team,
    words,
    you,
)
from portal.views._guard import caller

_BLUEPRINTS: Final = (
    arrivals,
    alerts,
    bookings,
    booking_exports,
    bulk,
    guest_access,
    guest_sending,
    calendar,
    locks,
    entry_log,
    rebuilds,
    staff_codes,
    properties,
    settings,
    guest_texts,
    guest_ways,
    alert_settings,
    endpoints,
    imports,
    csv_imports,
    team,
    you,
)
_OF_ARRIVALS: Final = {
    "arrivals",
    "bookings",
    "booking_exports",
    "bulk",
    "calendar",
    "guest_access",
    "guest_sending",
}
_NAVIGATION: Final = (
    ("arrivals.index", lazy_gettext("Arrivals"), "calendar-clock", _OF_ARRIVALS),
    ("alerts.index", lazy_gettext("Alerts"), "bell", {"alerts"}),
    (
        "locks.index",
        lazy_gettext("Locks"),
        "lock",
        {"locks", "entry_log", "rebuilds", "staff_codes"},
    ),
    ("properties.index", lazy_gettext("Properties"), "building-2", {"properties"}),
    ("imports.index", lazy_gettext("Import"), "inbox", {"imports", "csv_imports"}),
    (
        "settings.schlage",
        lazy_gettext("Settings"),
        "settings",
        {"settings", "team", "guest_texts", "guest_ways", "alert_settings", "endpoints"},
    ),
)


@dataclass(frozen=True)
class Entry:
    """One entry of the navigation."""

    url: str
    words: Any
    icon: str
    is_here: bool
    new: int | None = None  # how much is there that nobody has seen; None where nobody counts


def init_app(app: Flask) -> None:
    """The pages are in `app`, with what their templates need."""
    filters.install(app)
    words.install(app)
    story.install(app)
    _bulk_words.install(app)
    _resync_words.install(app)
    _sending_words.install(app)
    app.jinja_env.globals["language_name"] = _language.language_name
    lock_words.install(app)
    for module in _BLUEPRINTS:
        app.register_blueprint(module.blueprint)
    app.jinja_env.globals["navigation"] = navigation
    _live.install(app)


def navigation() -> list[Entry]:
    """Where this manager may go. Staff have the arrivals, and nothing else to get lost in."""
    is_staff = caller().role is Role.STAFF
    new = {} if is_staff else {"alerts.index": alert_page.unseen(db.session())}
    return [
        Entry(url_for(endpoint), text, icon, request.blueprint in family, new.get(endpoint))
        for endpoint, text, icon, family in (_NAVIGATION[:1] if is_staff else _NAVIGATION)
    ]
