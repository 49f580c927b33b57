"""Where the links of the problem catalogue lead, for the case at hand."""

from collections.abc import Collection
from dataclasses import dataclass

from flask import url_for

from portal.domain.problems import Link, Page, ProblemKey, as_it_came


@dataclass(frozen=True)
class Place:
    """The case at hand; what is not known leads to the page that lists all of them."""

    booking_id: int | None = None
    property_id: int | None = None
    lock_id: int | None = None
    connection_id: int | None = None


@dataclass(frozen=True)
class Anchor:
    """A link ready for a template."""

    words: str
    url: str
    is_outside: bool


def links(key: ProblemKey, place: Place, led: Collection[ProblemKey] = ()) -> tuple[Anchor, ...]:
    """The problem's links, with those of what led to it.

    A lock's page is left out where no lock is known.
    """
    return tuple(
        Anchor(link.words, url_of(link, place), not isinstance(link.to, Page))
        for link in as_it_came(key, led).links
        if not (link.to in {Page.LOCK, Page.REBUILD} and place.lock_id is None)
    )


def url_of(link: Link, place: Place) -> str:
    """The address that a catalogue link means here."""
    if not isinstance(link.to, Page):
        return link.to
    return _of_page(link.to, place)


def connection_url(connection_id: int | None) -> str:
    """The connection's place on the settings page."""
    anchor = f"connection-{connection_id}" if connection_id is not None else "connections"
    return url_for("settings.schlage", _anchor=anchor)


def mapping_url(property_id: int | None) -> str:
    """The place on the settings page where this very property's locks are chosen."""
    anchor = f"mapping-{property_id}" if property_id is not None else "mapping"
    return url_for("settings.schlage", _anchor=anchor)


def _of_page(page: Page, place: Place) -> str:
    match page:
        case Page.CONNECTION:
            return connection_url(place.connection_id)
        case Page.MAPPING:
            return mapping_url(place.property_id)
        case Page.BOOKING if place.booking_id is not None:
            return url_for("bookings.show", booking_id=place.booking_id)
        case Page.LOCK if place.lock_id is not None:
            return url_for("locks.show", lock_id=place.lock_id)
        case Page.REBUILD if place.lock_id is not None:
            return url_for("rebuilds.show", lock_id=place.lock_id)
        case Page.PROPERTY if place.property_id is not None:
            return url_for("properties.show", property_id=place.property_id)
        case Page.SCHLAGE_SETTINGS:
            return url_for("settings.schlage")
    return url_for("arrivals.index")
