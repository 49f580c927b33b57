"""The filters of a list of bookings, as they stand in an address."""

from typing import Any, Final

from flask import request
from flask_babel import lazy_gettext

from portal.domain.status import Verdict
from portal.services.board import When, Wish

WHEN_CHOICES: Final = (
    (When.SOON, lazy_gettext("The next 72 hours")),
    (When.INSIDE, lazy_gettext("Guests inside")),
    (When.LEAVING, lazy_gettext("Leaving within a day")),
    (When.UPCOMING, lazy_gettext("All coming")),
    (When.PAST, lazy_gettext("Past")),
    (When.ALL, lazy_gettext("All")),
)


def read() -> Wish:
    """The filters in the address; what is not understood there is as if it were not said."""
    asked = request.args
    property_id = asked.get("property", "")
    q = " ".join(asked.get("q", "").replace("\x00", "").split())[:100]
    verdict = asked.get("verdict")
    when = asked.get("when")
    # A search without a period is one over all bookings: that is what searching is for.
    otherwise = When.ALL if q and not when else When.SOON
    return Wish(
        when=When(when) if when in set(When) else otherwise,
        q=q,
        verdict=Verdict(verdict) if verdict in set(Verdict) else None,
        property_id=int(property_id) if is_number(property_id) else None,
        page=page(),
    )


def page() -> int:
    """The page in the address, from 1."""
    asked = request.args.get("page", "")
    return max(1, int(asked)) if is_number(asked) else 1


def is_number(text: str) -> bool:
    """Whether it is a whole number that an id or a page may be."""
    return text.isascii() and text.isdecimal() and len(text) < 8


def query(wish: Wish) -> dict[str, Any]:
    """The filters as they stand in an address."""
    values = {
        "q": wish.q or None,
        "when": str(wish.when) if wish.when is not When.SOON or wish.q else None,
        "verdict": str(wish.verdict) if wish.verdict else None,
        "property": wish.property_id,
        "page": wish.page if wish.page > 1 else None,
    }
    return {name: value for name, value in values.items() if value is not None}
