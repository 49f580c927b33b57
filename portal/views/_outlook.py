"""The answer of the arrivals page in words: the headline, and the line under it."""

from datetime import datetime

from flask_babel import gettext, ngettext

from portal.domain.outlook import Outlook
from portal.domain.status import Verdict
from portal.services.board import Board
from portal.services.stays import Stay
from portal.views import filters, lock_words, words


def headline(seen: Outlook) -> str:
    """The answer of the whole page in a few words."""
    if seen.keypads:
        return ngettext(
            "One guest at the door may not get in",
            "%(num)s guests at the door may not get in",
            seen.at_door,
        )
    if seen.calls:
        return ngettext(
            "One guest stands at the door and cannot get in",
            "%(num)s guests stand at the door and cannot get in",
            seen.calls,
        )
    if seen.not_ready:
        return ngettext(
            "One guest may not get in",
            "%(num)s guests may not get in",
            seen.not_ready,
        )
    if seen.at_risk:
        return ngettext("One stay is at risk", "%(num)s stays are at risk", seen.at_risk)
    if not seen.total:
        return gettext("All quiet") if seen.is_calm else gettext("No guests soon")
    return _all_is_well(seen)


def subline(read: Board, now: datetime) -> str:
    """Whom to see to first and why, what else needs somebody, and who comes next."""
    seen = read.outlook
    said = [*_first(read), *_matters(seen)]
    if seen.is_calm:
        said.append(gettext("Nothing needs you."))
    if seen.trying:
        # An alert told of it: whoever comes from there reads that it is known.
        said.append(
            ngettext(
                "One code is still being tried.",
                "%(num)s codes are still being tried.",
                seen.trying,
            )
        )
    coming = read.next
    if not seen.pressing and coming is not None:
        at, zone = coming.starts_at, coming.zone
        when = f"{filters.day(at, zone, now)} {filters.clock_time(at, zone)}"
        said.append(gettext("Next: %(who)s, %(when)s.", who=_who(coming), when=when))
    return " ".join(said)


def _all_is_well(seen: Outlook) -> str:
    is_ready = not seen.verdicts.get(Verdict.ON_TRACK)
    if seen.inside:
        who = _arrivals_and_inside(seen)
        if is_ready:
            return ngettext("%(who)s: ready", "%(who)s: all ready", seen.total, who=who)
        return ngettext("%(who)s: on track", "%(who)s: all ready or on track", seen.total, who=who)
    if is_ready:
        return ngettext(
            "The next arrival is ready", "All %(num)s arrivals are ready", seen.arrivals
        )
    return ngettext(
        "One arrival, on track", "%(num)s arrivals, all ready or on track", seen.arrivals
    )


def _arrivals_and_inside(seen: Outlook) -> str:
    inside = ngettext("one guest inside", "%(num)s guests inside", seen.inside)
    if not seen.arrivals:
        return inside[:1].upper() + inside[1:]
    arrivals = ngettext("One arrival", "%(num)s arrivals", seen.arrivals)
    return gettext("%(arrivals)s and %(inside)s", arrivals=arrivals, inside=inside)


def _first(read: Board) -> list[str]:
    """Who is to be seen to first and why, and how many more there are behind guests at doors."""
    if not read.worried:
        return []
    stay, seen = read.worried[0], read.outlook
    said = [gettext("First: %(who)s. %(why)s", who=_who(stay), why=_why(stay, read))]
    if seen.at_door and seen.not_ready:
        said.append(
            ngettext(
                "One more guest may not get in.",
                "%(num)s more guests may not get in.",
                seen.not_ready,
            )
        )
    return said


def _why(stay: Stay, read: Board) -> str:
    if stay.id in {call.stay.id for call in read.calls}:
        return gettext("They say that the door does not open.")
    if stay.id in read.keypads:
        what = lock_words.keypad_title(read.keypads[stay.id])
        return gettext("At the keypad: %(what)s.", what=what)
    return words.reason(stay)


def _matters(seen: Outlook) -> list[str]:
    said = []
    if seen.overdue:
        said.append(
            ngettext(
                "One old code is not proven off its lock.",
                "%(num)s old codes are not proven off their locks.",
                seen.overdue,
            )
        )
    if seen.matters:
        said.append(ngettext("One thing needs you.", "%(num)s things need you.", seen.matters))
    return said


def _who(stay: Stay) -> str:
    return gettext(
        "%(guest)s at %(property)s",
        guest=words.called(stay.guest),
        property=stay.property_name,
    )
