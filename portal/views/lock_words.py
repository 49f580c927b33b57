"""Locks in sentences: why one is unreliable, and the lines of its entry log."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flask import Flask
from flask_babel import gettext, lazy_gettext, ngettext

from portal.domain.door_event import How, KeypadTrouble, What, Whose
from portal.domain.health import SAID_BY, Finding, Sign
from portal.domain.problems import ProblemKey
from portal.services.entry_page import Entry
from portal.views import words


@dataclass(frozen=True)
class Told:
    """One line of an entry log: who or what, how, and how it looks."""

    who: str
    how: str
    icon: str
    tone: str


_HOW: Final = {
    How.CODE: lazy_gettext("by code"),
    How.THUMB_TURN: lazy_gettext("by the thumb-turn"),
    How.APP: lazy_gettext("by the app"),
    How.APPLE_KEY: lazy_gettext("by Apple home key"),
    How.BUTTON: lazy_gettext("by the button"),
    How.TIMER: lazy_gettext("by a schedule"),
    How.UNKNOWN: lazy_gettext("Schlage does not say how"),
}
_WITHOUT_NAME: Final = {
    How.CODE: lazy_gettext("Keypad"),
    How.THUMB_TURN: lazy_gettext("Somebody inside"),
    How.APP: lazy_gettext("Somebody with the app"),
    How.APPLE_KEY: lazy_gettext("Somebody with an Apple home key"),
    How.BUTTON: lazy_gettext("Somebody at the door"),
    How.TIMER: lazy_gettext("The lock itself"),
    How.UNKNOWN: lazy_gettext("Somebody"),
}
_TROUBLES: Final = {
    What.WRONG_TRY: (lazy_gettext("Wrong digits at the keypad"), "circle-x", "amber"),
    What.KEYPAD_PAUSED: (lazy_gettext("Keypad paused after wrong tries"), "hourglass", "red"),
    What.ALARM: (lazy_gettext("The lock's alarm went off"), "triangle-alert", "red"),
}
_ICON: Final = {
    Whose.GUEST: ("door-open", "green"),
    Whose.STAFF: ("door-open", "slate"),
    Whose.PORTAL: ("lock-open", "slate"),
}


def install(app: Flask) -> None:
    """The filters of this module exist in every template of `app`."""
    app.jinja_env.filters.update(
        finding=finding,
        news_beside=news_beside,
        entry=entry,
        keypad_title=keypad_title,
        keypad_words=keypad_words,
    )


def finding(found: Finding) -> str:
    """Why the lock is unreliable, in a sentence with its numbers."""
    match found.sign:
        case Sign.NO_ANSWER:
            return _no_answer(found)
        case Sign.OFFLINE:
            spells = ngettext("once", "%(num)s times", found.times)
            return gettext(
                "Offline %(spells)s in the last 14 days, %(time)s altogether.",
                spells=spells,
                time=_span(found.seconds),
            )
        case Sign.WEAK_SIGNAL:
            return gettext(
                "Its Wi-Fi signal is too weak to rely on (%(dbm)s dBm).",
                dbm=str(found.dbm).replace("-", "−"),
            )
        case Sign.BATTERY:
            return _battery(found)


def news_beside(found: Sequence[Finding], problem: ProblemKey | None) -> list[Finding]:
    """The reasons that the problem shown beside them does not say already."""
    said = SAID_BY.get(problem) if problem is not None else None
    return [each for each in found if each.sign is not said]


def entry(line: Entry) -> Told:
    """One line of the entry log as a person reads it."""
    if line.what is not What.OPENED:
        title, icon, tone = _TROUBLES[line.what]
        suspect = gettext("perhaps %(guest)s", guest=words.called(line.guest)) if line.guest else ""
        return Told(str(title), suspect, icon, tone)
    icon, tone = _ICON.get(line.whose, ("door-open", "grey"))
    return Told(_who(line), _how(line), icon, "amber" if line.is_alerted else tone)


def keypad_title(trouble: KeypadTrouble) -> str:
    """What happens at the door now, in a few words."""
    tries = ngettext("One wrong try", "%(num)s wrong tries", trouble.tries)
    if not trouble.is_paused:
        return tries
    if not trouble.tries:
        return gettext("Wrong tries, keypad paused")
    return gettext("%(tries)s, keypad paused", tries=tries)


def keypad_words(trouble: KeypadTrouble) -> str:
    """What to tell the guest."""
    if trouble.is_paused:
        return gettext(
            "Tell the guest: do not touch the keypad for two minutes, then key in the code "
            "slowly, one digit after the other. Compare the digits they use with the PIN here."
        )
    return gettext(
        "Tell the guest: key in the code slowly, one digit after the other. "
        "Compare the digits they use with the PIN here."
    )


def _who(line: Entry) -> str:
    if line.guest is not None:
        return words.called(line.guest)
    if line.whose is Whose.PORTAL:
        return line.name or gettext("Latchboard")
    return line.name or str(_WITHOUT_NAME[line.how])


def _how(line: Entry) -> str:
    if line.whose is Whose.OTHER:
        return gettext("by a code that Latchboard did not make")
    if line.whose is Whose.STAFF:
        return gettext("by a staff code")
    if line.whose is Whose.SPARE:
        return gettext("by a spare code")
    if line.whose is Whose.PORTAL:
        return gettext("pressed Unlock here")
    return str(_HOW[line.how])


def _no_answer(found: Finding) -> str:
    numbers = {"times": found.times, "of": found.of}
    if not found.nacks:
        return gettext(
            "%(times)s of the last %(of)s changes to its codes got no answer in time.", **numbers
        )
    if found.nacks == found.times:
        return gettext(
            "%(times)s of the last %(of)s changes to its codes got no acknowledgement (Nack).",
            **numbers,
        )
    return gettext(
        "%(times)s of the last %(of)s changes to its codes got no answer in time, "
        "or no acknowledgement (Nack).",
        **numbers,
    )


def _battery(found: Finding) -> str:
    if found.days_left is not None and found.level is not None:
        return gettext(
            "Its batteries are at %(level)s %% and last about %(days)s more.",
            level=found.level,
            days=ngettext("1 day", "%(num)s days", found.days_left),
        )
    if found.level is not None:
        return gettext("Its batteries are weak (%(level)s %%).", level=found.level)
    return gettext("Its batteries are weak.")


def _span(seconds: float) -> str:
    hours = round(seconds / 3600)
    return ngettext("1 hour", "%(num)s hours", hours) if hours else gettext("under an hour")
