"""Verdicts in sentences: the reason, what runs by itself and until when, the one thing to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Flask, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from markupsafe import Markup

from portal import clock
from portal.domain.problems import CATALOGUE, Page, ProblemKey
from portal.domain.status import Status, Verdict
from portal.domain.verdict import LATE_WITHIN, Reason
from portal.models import DoorCode, Source
from portal.services import guests
from portal.services.guests import Guest
from portal.services.stays import Door, Stay
from portal.views import filters
from portal.views._pages import Place, links, mapping_url
from portal.views.filters import VERDICT, Look


@dataclass(frozen=True)
class Step:
    """The one thing to do now: in words, where, and by when (None: at once)."""

    words: str
    url: str
    link: str
    by: datetime | None
    action: str = ""  # where a button of this step posts to, in place of a link


# Schlage's and the lock's own doing: nobody can hurry them, a guest can be given another way in.
_PATIENT: Final = frozenset(
    {Reason.UNDER_WAY, Reason.TRYING_AGAIN, Reason.CHECKING, Reason.PLANNED}
)
_AWAY: Final = frozenset({Reason.WAITS_FOR_LOCK, Reason.LOCK_MISSING})

# Grey, as there is no guest to let in any more.
_OVER: Final[Mapping[Reason, Look]] = {
    Reason.STAY_OVER: Look(lazy_gettext("Over"), "check", "grey"),
    Reason.CANCELLED: Look(lazy_gettext("Cancelled"), "ban", "grey"),
}

# Red, whatever the locks have confirmed: somebody stands before a door.
_CANNOT_GET_IN: Final = Look(lazy_gettext("Cannot get in"), "door-closed", "red")
_MAY_NOT_GET_IN: Final = Look(lazy_gettext("May not get in"), "door-closed", "red")
# What to do about a guest who calls from the door, for whoever reads it anywhere else.
HELP_AT_DOOR: Final = lazy_gettext(
    "call the guest, then unlock the door on the booking's page or tell them the other way in."
)

LISTING_SITES: Final = frozenset({Source.AIRBNB, Source.VRBO, Source.BOOKING_COM})


def install(app: Flask) -> None:
    """The filters of this module exist in every template of `app`."""
    app.jinja_env.filters.update(
        called=called,
        holder=holder,
        look=look,
        reason=reason,
        automatic=automatic,
        step=step,
        help_at_door=help_at_door,
        door_automatic=door_automatic,
    )


def called(guest: Guest) -> str:
    """What the guest is called on every page: by name, or such as Airbnb guest ····4403."""
    if guest.name:
        return guest.name
    if guest.source in LISTING_SITES:
        site = filters.SOURCE[guest.source]
        return gettext("%(site)s guest %(mark)s", site=site, mark=guest.mark).strip()
    return gettext("Guest %(mark)s", mark=guest.mark).strip()


def holder(code: DoorCode) -> str:
    """Whose code it is: the guest, the person of a staff code, or nobody's yet."""
    if code.staff_code is not None:
        return gettext("Staff: %(name)s", name=code.staff_code.name)
    if code.stay is None:
        return gettext("Spare code")
    guest = called(guests.of(code.stay))
    return gettext("%(guest)s (spare code)", guest=guest) if code.is_spare else guest


def place_of(stay: Stay, door: Door | None = None) -> Place:
    """Where the links of this stay's problems lead."""
    return Place(
        booking_id=stay.id,
        property_id=stay.property_id,
        lock_id=door.lock_id if door else None,
        connection_id=door.connection_id if door else None,
    )


def look(stay: Stay, *, has_called: bool = False, has_keypad_trouble: bool = False) -> Look:
    """How the stay is shown: a guest at the door before every verdict.

    One that is over or cancelled is not called ready.
    """
    if has_called:
        return _CANNOT_GET_IN
    if has_keypad_trouble:
        return _MAY_NOT_GET_IN
    if stay.verdict in {Verdict.READY, Verdict.ON_TRACK}:
        return _OVER.get(stay.judgement.reason) or VERDICT[stay.verdict]
    return VERDICT[stay.verdict]


def reason(stay: Stay) -> str:
    """Why the verdict is what it is, in a sentence."""
    words = _REASONS[stay.judgement.reason](stay)
    is_worth_naming = stay.judgement.reason in {Reason.UNDER_WAY, Reason.TRYING_AGAIN}
    if stay.problem and is_worth_naming:
        return gettext(
            "%(problem)s. %(words)s", problem=filters.tr(CATALOGUE[stay.problem].title), words=words
        )
    return words


def automatic(stay: Stay) -> Markup | str | None:
    """What runs by itself and until when; None where nothing does."""
    if stay.judgement.reason is Reason.NO_LOCK:
        return gettext("Once a lock is mapped, the code is sent by itself.")
    if stay.problem is ProblemKey.SIGNED_OUT:
        return gettext("Codes wait and are sent by themselves once you are signed in.")
    is_lockless = stay.problem is ProblemKey.UNRECOGNIZED_JOB_STATE
    if is_lockless and stay.judgement.reason is Reason.NEEDS_YOU:
        return gettext("Codes wait and are sent by themselves once the connection is active.")
    door = stay.door
    return door_automatic(door, stay.zone) if door else None


def door_automatic(door: Door, zone: str) -> Markup | str | None:
    """What the software does next for this door, and when."""
    if door.status is Status.PLANNED and door.due_at:
        when = filters.moment(door.due_at, zone)
        return Markup("{} {}").format(gettext("Sent by itself"), when)
    lead = _NEXT.get(door.status)
    if lead is None or _is_beyond_software(door):
        return None
    if door.due_at is None:
        return _UNTIMED[door.status]()
    return Markup("{} {}").format(lead(), filters.due(door.due_at))


def _is_beyond_software(door: Door) -> bool:
    """A code that is to go and that no list shows: no delete can name it."""
    return door.status is Status.REMOVING and door.problem is ProblemKey.SPLIT_BRAIN


def step(stay: Stay, *, is_its_page: bool = False) -> Step | None:
    """The one thing that a person should do for this stay; None where there is nothing."""
    if stay.verdict in {Verdict.READY, Verdict.ON_TRACK}:
        return None
    judgement = stay.judgement
    by = deadline(stay)
    if stay.can_have_spare:
        return _spare_step(stay)
    if judgement.reason is Reason.SPARE_GIVEN:
        return Step(
            gettext("tell the guest the spare code, if you have not yet."),
            url_for("bookings.show", booking_id=stay.id),
            gettext("Open the booking"),
            None,
        )
    if judgement.reason is Reason.NO_LOCK:
        return Step(
            gettext("choose which locks open %(name)s.", name=stay.property_name),
            mapping_url(stay.property_id),
            gettext("Map its locks"),
            by,
        )
    if judgement.reason in _PATIENT or judgement.problem is None:
        return _other_way_in(stay, is_its_page=is_its_page)
    if judgement.reason in _AWAY and stay.verdict is Verdict.NOT_READY:
        # While there is time the lock is brought back; then only another way in helps.
        return _other_way_in(stay, is_its_page=is_its_page)
    if judgement.reason is Reason.WAITS_FOR_LOCK:
        return _catalogue_step(stay, ProblemKey.LOCK_OFFLINE, by)
    return _catalogue_step(stay, judgement.problem, by)


def help_at_door(stay: Stay, *, may_act: bool, is_its_page: bool = False) -> str:
    """The one thing to do about a guest who calls from the door, as it goes on after a colon."""
    if not (may_act and stay.doors):
        return gettext(
            "call the guest and tell them the other way in, or ask a manager to unlock the door."
        )
    if is_its_page:
        return gettext("call the guest, then unlock the door here or tell them the other way in.")
    return str(HELP_AT_DOOR)


def _spare_step(stay: Stay) -> Step:
    """One click: the guest is given a code that the lock has confirmed already."""
    return Step(
        gettext("the lock has a confirmed spare code; give it to the guest."),
        url_for("bookings.show", booking_id=stay.id),
        gettext("Give the guest the spare code"),
        None,
        action=url_for("bookings.spare", booking_id=stay.id),
    )


def _catalogue_step(stay: Stay, key: ProblemKey, by: datetime | None) -> Step:
    problem = CATALOGUE[key]
    first = filters.tr(problem.steps[0])
    ours = [a for a in links(key, place_of(stay, stay.door)) if not a.is_outside]
    booking_url = url_for("bookings.show", booking_id=stay.id)
    is_about_this = any(link.to is Page.BOOKING for link in problem.links)
    if ours and not is_about_this:
        return Step(lowered(first), ours[0].url, filters.tr(ours[0].words), by)
    return Step(lowered(first), booking_url, gettext("All steps"), by)


def _other_way_in(stay: Stay, *, is_its_page: bool) -> Step:
    url = url_for("bookings.show", booking_id=stay.id)
    has_arrived = stay.starts_at <= clock.now()
    if stay.has_fallback:
        where = (
            gettext("it stands below")
            if is_its_page
            else gettext("it stands on the booking's page")
        )
        words = (
            gettext("tell the guest the other way in; %(where)s.", where=where)
            if stay.verdict is Verdict.NOT_READY
            else gettext("keep the other way in at hand; %(where)s.", where=where)
        )
    else:
        words = gettext("have another way in ready, such as a key box or a neighbour.")
    return Step(words, url, gettext("Open the booking"), None if has_arrived else stay.starts_at)


def deadline(stay: Stay) -> datetime | None:
    """Two hours before the arrival, so that the lock has time to answer; None when that is past."""
    at = stay.starts_at - LATE_WITHIN
    return at if at > clock.now() + timedelta(minutes=1) else None


def lowered(sentence: str) -> str:
    """The sentence as it goes on after a colon."""
    return sentence[:1].lower() + sentence[1:]


def _lock_name(stay: Stay) -> str:
    return stay.door.lock_name if stay.door else gettext("the lock")


def _all_confirmed(stay: Stay) -> str:
    doors = sum(door.status is Status.CONFIRMED for door in stay.doors)
    if doors == 2:
        return gettext("Both locks have confirmed the code.")
    return ngettext(
        "The lock has confirmed the code.", "All %(num)s locks have confirmed the code.", doors
    )


def _under_way(stay: Stay) -> str:
    door = stay.door
    name = _lock_name(stay)
    if door and door.status is Status.SENT:
        return gettext("The code is on its way: %(lock)s has not answered yet.", lock=name)
    return gettext("The code waits for its turn on %(lock)s.", lock=name)


def _needs_you(stay: Stay) -> str:
    if stay.problem is None:
        return gettext("%(lock)s needs a decision of yours.", lock=_lock_name(stay))
    title = filters.tr(CATALOGUE[stay.problem].title)
    if stay.door is None:
        return title
    if stay.problem is ProblemKey.UNRECOGNIZED_JOB_STATE:
        return gettext(
            "The connection of %(lock)s to Schlage is not active: "
            "this booking is not associated to a lock.",
            lock=stay.door.lock_name,
        )
    return gettext("%(lock)s: %(problem)s.", lock=stay.door.lock_name, problem=title)


def _is_coming_off(stay: Stay) -> bool:
    return any(door.status is Status.REMOVING for door in (*stay.doors, *stay.spares))


def _stay_over(stay: Stay) -> str:
    if _is_coming_off(stay):
        return gettext("The stay is over. Its code is being taken off.")
    return gettext("The stay is over and no lock holds its code.")


def _cancelled(stay: Stay) -> str:
    if _is_coming_off(stay):
        return gettext("Cancelled. Its code is being taken off.")
    return gettext("Cancelled, and no lock holds its code.")


_REASONS: Final[Mapping[Reason, Callable[[Stay], str]]] = {
    Reason.ALL_CONFIRMED: _all_confirmed,
    Reason.PROVEN: lambda _: gettext("The code has already opened the door."),
    Reason.CHANGE_TRAVELS: lambda _: gettext(
        "The code opens the door. A change to it is on its way."
    ),
    Reason.PLANNED: lambda _: gettext("The code is not on the lock yet: it is planned."),
    Reason.UNDER_WAY: _under_way,
    Reason.TRYING_AGAIN: lambda stay: gettext(
        "It is tried again on %(lock)s.", lock=_lock_name(stay)
    ),
    Reason.WAITS_FOR_LOCK: lambda stay: gettext(
        "%(lock)s is offline. The code is sent the moment it is back.", lock=_lock_name(stay)
    ),
    Reason.CHECKING: lambda stay: gettext(
        "We are finding out whether %(lock)s took the code.", lock=_lock_name(stay)
    ),
    Reason.LOCK_OFFLINE: lambda stay: gettext(
        "The code is on %(lock)s and works, but the lock is offline.", lock=_lock_name(stay)
    ),
    Reason.LOCK_MISSING: lambda stay: gettext(
        "%(lock)s is not in the Schlage account any more: we can neither send to it nor ask it.",
        lock=_lock_name(stay),
    ),
    Reason.BATTERY_CRITICAL: lambda stay: gettext(
        "The code is on %(lock)s, but its batteries are nearly empty.", lock=_lock_name(stay)
    ),
    Reason.MISSING_FROM_LIST: lambda stay: gettext(
        "The lock confirmed the code, but the last list of %(lock)s did not show it. "
        "The list is read again before anyone believes that.",
        lock=_lock_name(stay),
    ),
    Reason.SPARE_GIVEN: lambda stay: gettext(
        "Their own code is not confirmed on %(lock)s, but the spare code given to them opens it.",
        lock=_lock_name(stay),
    ),
    Reason.NEEDS_YOU: _needs_you,
    Reason.NO_LOCK: lambda stay: gettext(
        "No lock opens %(name)s: this booking is not associated to a lock.",
        name=stay.property_name,
    ),
    Reason.STAY_OVER: _stay_over,
    Reason.CANCELLED: _cancelled,
    Reason.REMOVAL_LATE: lambda stay: gettext(
        "It is not proven yet that the old code is off %(lock)s.", lock=_lock_name(stay)
    ),
}

_NEXT: Final[Mapping[Status, Callable[[], str]]] = {
    Status.QUEUED: lambda: gettext("Sent by itself"),
    Status.SENT: lambda: gettext("If no message comes, we ask Schlage"),
    Status.RETRYING: lambda: gettext("Next try by itself"),
    Status.UNSURE: lambda: gettext("The lock's list is read"),
    Status.REMOVING: lambda: gettext("Next try to remove it"),
}

_UNTIMED: Final[Mapping[Status, Callable[[], str]]] = {
    Status.QUEUED: lambda: gettext("Sent by itself as soon as the lock is free."),
    Status.SENT: lambda: gettext("Schlage's answer is awaited."),
    Status.RETRYING: lambda: gettext("It is tried again by itself."),
    Status.UNSURE: lambda: gettext("It is verified by itself."),
    Status.REMOVING: lambda: gettext("It is being removed by itself."),
}
