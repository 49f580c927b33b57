"""Alerts in words, for pages and notices: what it is, what runs by itself, the one step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from flask import url_for
from flask_babel import gettext, lazy_gettext

from portal.domain.notices import (
    ARRIVAL_CAUSES,
    DISCONNECTED,
    GUEST_CANNOT_ENTER,
    KEEPS_OFF,
    KEYPAD_LOCKED,
    NEEDS_YOU,
    NOT_CONFIRMED,
    STAFF_NEEDS_YOU,
)
from portal.domain.problems import CATALOGUE, Page, ProblemKey
from portal.domain.status import Status
from portal.services import vacancy
from portal.services.alert_page import (
    CHANNEL_DEAD,
    ENDPOINT_OFF,
    FEED_HELD,
    FEED_SICK,
    OF_LOCKS,
    Item,
)
from portal.services.stays import Stay
from portal.views import filters, words
from portal.views._pages import Place, connection_url, links
from portal.views.words import Step


@dataclass(frozen=True)
class Cause:
    """A cause in words: what it is, what runs by itself, and how it looks.

    What runs by itself is empty where it hangs on the code: see automatic_of.
    """

    title: Any
    automatic: Any
    icon: str
    tone: str


_OURS: Final[Mapping[str, Cause]] = {
    GUEST_CANNOT_ENTER: Cause(
        lazy_gettext("A guest stands at the door and it does not open"),
        lazy_gettext(
            "Every door of the stay is being checked. "
            "This ends by itself when the guest's code opens a door."
        ),
        "door-closed",
        "red",
    ),
    KEYPAD_LOCKED: Cause(
        lazy_gettext("A keypad locked itself after wrong tries"),
        lazy_gettext(
            "The keypad takes digits again after about two minutes. This ends when a guest's code "
            "opens the door, or once the keypad was quiet for ten minutes."
        ),
        "hourglass",
        "red",
    ),
    NOT_CONFIRMED: Cause(
        lazy_gettext("A guest comes soon and a code is not confirmed"),
        "",
        "door-closed",
        "red",
    ),
    NEEDS_YOU: Cause(
        lazy_gettext("A code could not be sent by itself"),
        "",
        "circle-x",
        "red",
    ),
    STAFF_NEEDS_YOU: Cause(
        lazy_gettext("A staff code could not be sent by itself"),
        "",
        "circle-x",
        "amber",
    ),
    DISCONNECTED: Cause(
        lazy_gettext("A connection to Schlage was ended, and codes wait for it"),
        lazy_gettext("Codes wait and are sent by themselves once the connection is active."),
        "plug",
        "red",
    ),
    CHANNEL_DEAD: Cause(
        lazy_gettext("A channel reaches nobody"),
        lazy_gettext("Later notices are still tried. The first that gets through ends this."),
        "bell",
        "red",
    ),
    ENDPOINT_OFF: Cause(
        lazy_gettext("A webhook is switched off"),
        lazy_gettext("Nothing is sent to it any more. Everything else goes on."),
        "webhook",
        "amber",
    ),
    FEED_SICK: Cause(
        lazy_gettext("A calendar cannot be read"),
        lazy_gettext("It is fetched again by itself. Nothing is deleted meanwhile."),
        "calendar-days",
        "amber",
    ),
    FEED_HELD: Cause(
        lazy_gettext("A calendar suddenly lists far fewer stays"),
        lazy_gettext("The stays and their codes are kept until it is certain."),
        "hourglass",
        "amber",
    ),
    vacancy.CAUSE: Cause(
        lazy_gettext("A door was opened while nobody stays there"),
        lazy_gettext("The alert goes once somebody has seen it, or after 8 hours."),
        "door-open",
        "amber",
    ),
}
# The one step where it leads to the alert's own place, and what the link there is called.
_STEPS: Final[Mapping[str, tuple[Any, Any]]] = {
    GUEST_CANNOT_ENTER: (words.HELP_AT_DOOR, lazy_gettext("Open the booking")),
    DISCONNECTED: (
        lazy_gettext("press Reconnect there, or choose other locks for the guests' properties."),
        lazy_gettext("Open the connection"),
    ),
    FEED_HELD: (
        lazy_gettext("say whether those stays are really gone."),
        lazy_gettext("Open the calendar"),
    ),
    FEED_SICK: (
        lazy_gettext("check at the listing site that its export link is still this one."),
        lazy_gettext("Open the calendar"),
    ),
    CHANNEL_DEAD: (
        lazy_gettext("press Test there, and enter its address anew if that fails."),
        lazy_gettext("Open the channel"),
    ),
    ENDPOINT_OFF: (
        lazy_gettext("ask whoever runs the receiving program, then switch the webhook on again."),
        lazy_gettext("Open the webhook"),
    ),
    # What else may be wrong with it, the catalogue's first step mends.
    STAFF_NEEDS_YOU: (
        lazy_gettext("see what the lock says, then press Resync or choose another PIN."),
        lazy_gettext("Open the staff code"),
    ),
}
_OF_CODES: Final = frozenset({NOT_CONFIRMED, NEEDS_YOU, STAFF_NEEDS_YOU})
# Beside these stands when the guest checks in.
NAMES_AN_ARRIVAL: Final = ARRIVAL_CAUSES | OF_LOCKS
_RED: Final = frozenset({ProblemKey.SIGNED_OUT})
_ICONS: Final = {
    ProblemKey.SIGNED_OUT: "plug",
    ProblemKey.SCHLAGE_OUTAGE: "activity",
    ProblemKey.WEBHOOKS_OFF: "webhook",
    ProblemKey.REMOVAL_UNCONFIRMED: "trash-2",
    ProblemKey.SPLIT_BRAIN: "trash-2",
    ProblemKey.LOCK_OFFLINE: "wifi-off",
    ProblemKey.LOW_BATTERY: "battery-warning",
    ProblemKey.LOCK_FULL: "lock",
}


def cause_of(cause: str) -> Cause:
    """The cause in words; one that nobody described yet by its own name."""
    if cause in _OURS:
        return _OURS[cause]
    if cause in set(ProblemKey):
        key = ProblemKey(cause)
        problem, icon = CATALOGUE[key], _ICONS.get(key, "triangle-alert")
        tone = "red" if key in _RED else "amber"
        return Cause(filters.tr(problem.title), filters.tr(problem.automatic), icon, tone)
    return Cause(cause.replace("_", " ").capitalize(), "", "triangle-alert", "amber")


def todo_of(cause: str) -> str:
    """The one thing to do about a cause of our own, as it goes on after a colon."""
    return str(_STEPS[cause][0])


def automatic_of(item: Item) -> str:
    """What runs by itself, as the code's own page has it; it may hold a <time>."""
    if item.cause not in _OF_CODES:
        return str(cause_of(item.cause).automatic)
    if item.stay is not None:
        door, problem = item.stay.door, item.stay.problem
        runs = words.automatic(item.stay)
    else:
        door, problem = item.staff_door, item.staff_door.problem if item.staff_door else None
        # Only what is planned names a time of day, and that is not alerted: any zone will do.
        runs = words.door_automatic(door, "UTC") if door is not None else None
    if runs or door is None or door.status is not Status.NEEDS_YOU:
        return runs or ""
    if problem is None or CATALOGUE[problem].is_retried:
        return gettext("Nothing more is tried by itself until you have decided.")
    return filters.tr(CATALOGUE[problem].automatic)


def about(item: Item) -> str:
    """What the alert is about, by name."""
    if item.stay is not None and item.cause not in OF_LOCKS:
        return stay_name(item.stay, words.called(item.stay.guest))
    if item.feed_id is not None:
        return item.feed_property or item.feed_name or gettext("A calendar")
    return item.connection_name or item.lock_name or gettext("This account")


def stay_name(stay: Stay, guest: str) -> str:
    """A stay in a few words, its guest called `guest`."""
    return gettext("%(guest)s at %(property)s", guest=guest, property=stay.property_name)


def url_of(item: Item) -> str:
    """Where the alert leads."""
    if item.cause == CHANNEL_DEAD:
        return url_for("alert_settings.index", _anchor=f"channel-{item.place_id}")
    if item.cause == ENDPOINT_OFF:
        return url_for("alert_settings.index", _anchor=f"endpoint-{item.place_id}")
    if item.cause == STAFF_NEEDS_YOU:
        return url_for("staff_codes.show", staff_code_id=item.place_id)
    if item.stay is not None and item.cause not in OF_LOCKS:
        return url_for("bookings.show", booking_id=item.stay.id)
    if item.feed_id is not None:
        return url_for("imports.index", _anchor=f"feed-{item.feed_id}")
    if item.connection_id is not None:
        return connection_url(item.connection_id)
    if item.lock_id is not None:
        return url_for("locks.show", lock_id=item.lock_id)
    return url_for("arrivals.index")


def step_of(item: Item) -> Step:
    """The one thing to do."""
    if item.staff_door is not None and _is_in_catalogue(item.staff_door.problem):
        return _catalogue_step(item, item.staff_door.problem)
    if item.cause in _STEPS:
        words_of, link = _STEPS[item.cause]
        return Step(str(words_of), url_of(item), str(link), None)
    if item.cause == KEYPAD_LOCKED:
        return _keypad_step(item)
    if item.cause in set(ProblemKey):
        return _guests_step(item) or _catalogue_step(item, ProblemKey(item.cause))
    if item.cause == vacancy.CAUSE and item.lock_id is not None:
        return Step(
            gettext("ask who was there; the lock's entry log says when and how."),
            url_for("entry_log.index", lock_id=item.lock_id),
            gettext("Open the entry log"),
            None,
        )
    if item.stay is None:
        return Step(gettext("see what its doors say."), url_of(item), gettext("Open it"), None)
    return words.step(item.stay) or Step(
        gettext("nothing yet. Have another way in ready in case it does not work out."),
        url_of(item),
        gettext("Open the booking"),
        words.deadline(item.stay),
    )


def _is_in_catalogue(problem: ProblemKey | None) -> TypeGuard[ProblemKey]:
    """Whether the catalogue's first step fits whoever's code it is, and is not a guest's."""
    if problem is None:
        return False
    return all(link.to is not Page.BOOKING for link in CATALOGUE[problem].links)


def _guests_step(item: Item) -> Step | None:
    """What the guest's own row says to do, where this keeps their code off the lock."""
    door = item.stay.door if item.stay is not None else None
    if item.stay is None or door is None or item.cause not in KEEPS_OFF:
        return None
    return words.step(item.stay) if door.lock_id == item.lock_id else None


def _keypad_step(item: Item) -> Step:
    words = gettext(
        "call the guest: leave the keypad alone for two minutes, then key in the code slowly, one "
        "digit after the other. Compare their digits with the PIN on the booking's page."
    )
    if item.stay is None:
        return Step(words, url_of(item), gettext("Open it"), None)
    url = url_for("bookings.show", booking_id=item.stay.id)
    return Step(words, url, gettext("Open the booking"), None)


def _catalogue_step(item: Item, key: ProblemKey) -> Step:
    place = Place(
        booking_id=item.stay.id if item.stay else None,
        property_id=item.stay.property_id if item.stay else None,
        lock_id=item.lock_id,
        connection_id=item.staff_door.connection_id if item.staff_door else item.connection_id,
    )
    first = filters.tr(CATALOGUE[key].steps[0])
    by = words.deadline(item.stay) if item.stay is not None and key in OF_LOCKS else None
    ours = [anchor for anchor in links(key, place) if not anchor.is_outside]
    if ours:
        return Step(words.lowered(first), ours[0].url, filters.tr(ours[0].words), by)
    return Step(words.lowered(first), url_of(item), gettext("Open it"), by)
