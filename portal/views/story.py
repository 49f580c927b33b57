"""The lines of a history in sentences: what happened, why, and what Schlage said of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from babel.dates import format_interval
from flask import Flask
from flask_babel import gettext, lazy_gettext, ngettext

from portal.domain.engine import Rung
from portal.domain.guest_sending import Way
from portal.domain.problems import CATALOGUE, ProblemKey
from portal.domain.rebuild import Stage
from portal.domain.snapshot import CodeKind
from portal.domain.status import Status
from portal.models import RestorePolicy
from portal.services.booking_page import Line
from portal.services.timeline import Kind
from portal.views import _sending_words, filters


@dataclass(frozen=True)
class Told:
    """One line, told: its sentence, why, Schlage's raw words, and how it looks."""

    words: str
    why: str = ""
    raw: str = ""
    icon: str = "circle"
    tone: str = "grey"


def install(app: Flask) -> None:
    """The filters of this module exist in every template of `app`."""
    app.jinja_env.filters.update(told=told, who=who, feed_note=feed_note, days=days)


def told(line: Line, *, is_own: bool = False) -> Told:
    """The line as a person reads it; a kind without a sentence shows its own name.

    `is_own`: it stands in the history of the one whose code it is about, who need not be named.
    """
    tell = _TELLERS.get(line.kind)
    if tell is None:
        return Told(line.kind.replace("_", " "))
    story = tell(line.data, line.lock_name or gettext("the lock"))
    whose = "" if is_own or line.kind in _SAYS_WHOSE else _whose(line.data)
    return replace(story, words=f"{story.words} ({whose})") if whose else story


def _whose(data: Mapping[str, Any]) -> str:
    """Whose code a line is about, where it is no guest's own."""
    if data.get("whose") == CodeKind.SPARE:
        return gettext("spare code")
    if data.get("whose") == CodeKind.STAFF:
        return gettext("code of %(name)s", name=data.get("name", ""))
    return ""


def who(line: Line) -> str:
    """Who or what did it."""
    kind = line.actor.partition(":")[0]
    names = {
        "engine": "Latchboard",
        "schlage": "Schlage",
        "feed": gettext("Calendar"),
        "api": "API",
        "guest": gettext("Guest"),
        "manager": line.who or gettext("A manager"),
        "staff": str(line.data.get("name") or gettext("Staff")),
    }
    return names.get(kind, line.actor)


def feed_note(note: Mapping[str, Any]) -> str:
    """One change or left-out entry of a calendar, as the intake put it into words."""
    parts = [days(str(note["when"])) if note.get("when") else "", filters.tr(note.get("words", ""))]
    return ": ".join(filter(None, parts))


def days(text: str) -> str:
    """The days of a note, such as Nov 30 – Dec 3, 2026; as it stands where it holds none."""
    try:
        first, last = (date.fromisoformat(part) for part in text.split(" - "))
    except ValueError:
        return text
    return format_interval(first, last, "yMMMd", locale=filters.locale())


def _wish(data: Mapping[str, Any]) -> str:
    return {
        "add": gettext("add the code"),
        "update": gettext("change the code"),
        "delete": gettext("remove the code"),
        "delete_all": gettext("delete all codes"),
        "unlock": gettext("unlock"),
        "lock": gettext("lock"),
    }.get(str(data.get("command", "")), gettext("a command"))


def _deed(data: Mapping[str, Any]) -> str:
    return {
        "add": gettext("the code is on it"),
        "update": gettext("the code is up to date"),
        "delete": gettext("the code is off"),
        "delete_all": gettext("all codes are off"),
        "unlock": gettext("it is unlocked"),
        "lock": gettext("it is locked"),
    }.get(str(data.get("command", "")), gettext("it is done"))


def _problem_title(data: Mapping[str, Any]) -> str:
    key = data.get("problem")
    return filters.tr(CATALOGUE[ProblemKey(key)].title) if key in set(ProblemKey) else ""


def _after(data: Mapping[str, Any]) -> str:
    seconds = data.get("seconds")
    if not isinstance(seconds, int):
        return ""
    if seconds < 1:
        return gettext("answered at once")
    return gettext("answered after %(time)s", time=filters.time_limit(seconds))


def _accepted(data: Mapping[str, Any], lock: str) -> Told:
    words = gettext("Schlage accepted it; that says nothing about %(lock)s yet", lock=lock)
    return Told(words, _after(data), "", "clock", "grey")


def _closed(data: Mapping[str, Any], lock: str) -> Told:
    after = _after(data)
    by = {
        "webhook": gettext("by Schlage's message"),
        "look_up": gettext("found by asking Schlage"),
        "answer": gettext("in Schlage's own answer"),
    }.get(str(data.get("by", "")), "")
    how = ", ".join(part for part in (after, by) if part)
    # Schlage's words, or at least its own name for the end.
    raw = str(data.get("text") or data.get("raw_state") or "")
    if data.get("state") == "succeeded":
        words = gettext("%(lock)s confirmed: %(what)s", lock=lock, what=_deed(data))
        return Told(words, how, "", "circle-check", "green")
    if data.get("state") in {"timed_out", "unknown"}:
        words = gettext("No answer from %(lock)s in time (%(what)s)", lock=lock, what=_wish(data))
        return Told(words, how, raw, "circle-question-mark", "amber")
    words = gettext("%(lock)s refused (%(what)s)", lock=lock, what=_wish(data))
    return Told(words, _problem_title(data) or how, raw, "circle-x", "red")


def _sent(data: Mapping[str, Any], lock: str) -> Told:
    cause = str(data.get("cause") or "").partition(":")[0]
    why = {
        "arrival": gettext("the guest arrives"),
        "staff": gettext("a staff code"),
        "spare": gettext("kept ready"),
        "change": gettext("the booking changed"),
        "resync": gettext("Resync"),
        "removal": gettext("the stay is over or cancelled"),
        "replaced": gettext("a new code took its place"),
        "retry": gettext("another try"),
    }.get(cause, "")
    words = gettext("Sent to %(lock)s (%(what)s)", lock=lock, what=_wish(data))
    return Told(words, why, "", "send", "slate")


def _status(data: Mapping[str, Any], lock: str) -> Told:
    after = data.get("after")
    if after not in set(Status):
        return Told(gettext("%(lock)s: %(status)s", lock=lock, status=after))
    look = filters.STATUS[Status(after)]
    words = gettext("%(lock)s: %(status)s", lock=lock, status=look.word)
    return Told(words, _problem_title(data), "", look.icon, look.tone)


def _created(data: Mapping[str, Any], _lock: str) -> Told:
    return Told(gettext("Booking received"), "", "", "inbox", "slate")


def _changed(data: Mapping[str, Any], _lock: str) -> Told:
    names = {
        "property": gettext("property"),
        "arrival": gettext("arrival"),
        "departure": gettext("departure"),
        "status": gettext("status"),
        "pin": gettext("PIN"),
        "details": gettext("guest's details"),
    }
    what = [names.get(str(name), str(name)) for name in data.get("what") or []]
    return Told(
        gettext("Booking changed: %(what)s", what=", ".join(what)), "", "", "pencil", "slate"
    )


def _pin_chosen(data: Mapping[str, Any], _lock: str) -> Told:
    words = (
        gettext("PIN taken from the guest's phone number")
        if data.get("origin") == "phone"
        else gettext("Random PIN chosen")
    )
    return Told(
        words, filters.tr(data["note"]) if data.get("note") else "", "", "key-round", "slate"
    )


def _message(data: Mapping[str, Any], _lock: str) -> Told:
    words = gettext("Message for the guest shown")
    if not data.get("forced"):
        return Told(words, "", "", "send", "slate")
    why = gettext("all the same, before every door had confirmed the code")
    return Told(words, why, "", "send", "amber")


def _sent_to_guest(words: Any, icon: str, tone: str) -> Callable[[Mapping[str, Any], str], Told]:
    """A message that went out, or did not: by which way, whereto (masked), in which language."""

    def tell(data: Mapping[str, Any], _lock: str) -> Told:
        parts = []
        if data.get("way") in set(Way):
            parts.append(_sending_words.how(data["way"], data.get("to", ""), data.get("language")))
        if data.get("forced"):
            parts.append(gettext("all the same, before every door had confirmed the code"))
        if data.get("words"):
            parts.append(filters.tr(data["words"]))
        return Told(str(words), "; ".join(parts), "", icon, tone)

    return tell


def _entry(is_there: bool) -> Callable[[Mapping[str, Any], str], Told]:
    def tell(data: Mapping[str, Any], lock: str) -> Told:
        if is_there:
            words = gettext("The list of %(lock)s shows our code", lock=lock)
            return Told(words, "", "", "list", "slate")
        words = gettext("The list of %(lock)s does not show our code", lock=lock)
        reads = int(data.get("reads") or 1)
        return Told(words, ngettext("read once", "read %(num)s times", reads), "", "list", "amber")

    return tell


def _outside(data: Mapping[str, Any], lock: str) -> Told:
    words = (
        gettext("Somebody removed our code from %(lock)s in another app", lock=lock)
        if data.get("lost")
        else gettext("Somebody changed our code on %(lock)s in another app", lock=lock)
    )
    why = gettext("We put it back.") if data.get("restoring") else gettext("We ask you first.")
    return Told(words, why, "", "triangle-alert", "amber")


def _preflight(data: Mapping[str, Any], lock: str) -> Told:
    words = gettext("Not sent to %(lock)s: it would be refused", lock=lock)
    return Told(words, filters.tr(data["words"]) if data.get("words") else "", "", "ban", "amber")


def _ladder(data: Mapping[str, Any], lock: str) -> Told:
    sentences: dict[str, str] = {
        Rung.FRESH_LABEL: gettext("The same digits are tried once under another name."),
        Rung.FRESH_PIN: gettext("Nobody was shown the PIN yet, so another one is tried."),
        Rung.SPLIT_BRAIN: gettext("Only a person can put this right now."),
    }
    words = gettext("%(lock)s refuses a code that its list does not show", lock=lock)
    return Told(words, sentences.get(str(data.get("rung")), ""), "", "wrench", "amber")


def _restore_policy(data: Mapping[str, Any], _lock: str) -> Told:
    if data.get("policy") == RestorePolicy.ASK:
        words = gettext("Chosen: ask first when somebody else changes a code")
    else:
        words = gettext("Chosen: put codes back by itself when somebody else changes them")
    return Told(words, icon="rotate-ccw")


def _mapping(data: Mapping[str, Any], lock: str) -> Told:
    words = (
        gettext("%(lock)s now opens %(property)s", lock=lock, property=data.get("property", ""))
        if data.get("added")
        else gettext(
            "%(lock)s no longer opens %(property)s", lock=lock, property=data.get("property", "")
        )
    )
    return Told(words, "", "", "link", "slate")


def _keypad(data: Mapping[str, Any], lock: str) -> Told:
    words = {
        "keypad_paused": gettext("The keypad of %(lock)s paused after wrong tries", lock=lock),
        "alarm": gettext("The alarm of %(lock)s went off", lock=lock),
    }.get(str(data.get("what")), gettext("%(lock)s reported its keypad", lock=lock))
    return Told(words, "", "", "triangle-alert", "amber")


def _rebuild(data: Mapping[str, Any], lock: str) -> Told:
    left = int(data.get("left") or 0)
    if left:
        words = ngettext(
            "The codes of %(lock)s were set again, but for one",
            "The codes of %(lock)s were set again, but for %(num)s",
            left,
            lock=lock,
        )
        return Told(words, "", "", "wrench", "amber")
    words = {
        Stage.WAITING: gettext("Setting all codes of %(lock)s again was begun", lock=lock),
        Stage.DELETING: gettext("All codes of %(lock)s are being deleted from here", lock=lock),
        Stage.VERIFYING: gettext("Checking that %(lock)s is empty", lock=lock),
        Stage.SETTING: gettext("%(lock)s is empty; its codes are set again", lock=lock),
        Stage.DONE: gettext("All codes of %(lock)s were set again", lock=lock),
        Stage.STOPPED: gettext("Setting all codes of %(lock)s again was stopped", lock=lock),
    }[Stage(str(data.get("stage", Stage.STOPPED)))]
    return Told(words, "", "", "wrench", "green" if data.get("stage") == "done" else "slate")


def _person(text: Callable[[str], str], icon: str, tone: str = "slate") -> Any:
    def tell(data: Mapping[str, Any], _lock: str) -> Told:
        return Told(text(str(data.get("name") or gettext("Somebody"))), "", "", icon, tone)

    return tell


def _role(data: Mapping[str, Any], _lock: str) -> Told:
    name = str(data.get("name") or gettext("Somebody"))
    words = gettext("%(name)s: role changed", name=name)
    return Told(words, f"{data.get('before', '')} → {data.get('after', '')}", "", "users", "slate")


def _token(is_made: bool) -> Callable[[Mapping[str, Any], str], Told]:
    def tell(data: Mapping[str, Any], _lock: str) -> Told:
        words = (
            gettext("API token made for %(name)s", name=data.get("name", ""))
            if is_made
            else gettext("API token of %(name)s revoked", name=data.get("name", ""))
        )
        return Told(words, str(data.get("token_name") or ""), "", "key", "slate")

    return tell


def _staff_changed(data: Mapping[str, Any], _lock: str) -> Told:
    names = {
        "name": gettext("name"),
        "contact": gettext("phone or e-mail"),
        "places": gettext("locks"),
        "times": gettext("hours"),
        "end": gettext("last day"),
        "pin": gettext("PIN"),
    }
    what = ", ".join(names.get(str(name), str(name)) for name in data.get("what") or [])
    return Told(gettext("Staff code changed: %(what)s", what=what), "", "", "pencil", "slate")


def _plain(text: Callable[[str], str], icon: str, tone: str = "slate") -> Any:
    def tell(data: Mapping[str, Any], lock: str) -> Told:
        return Told(text(lock), "", str(data.get("text") or ""), icon, tone)

    return tell


_SAYS_WHOSE: Final = {
    Kind.SPARE_MADE,
    Kind.SPARE_GIVEN,
    Kind.SPARE_DROPPED,
}
_TELLERS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Told]]] = {
    Kind.BOOKING_CREATED: _created,
    Kind.BOOKING_CHANGED: _changed,
    Kind.BOOKING_CANCELLED: _plain(lambda _: gettext("Booking cancelled"), "ban", "grey"),
    Kind.BOOKING_REINSTATED: _plain(lambda _: gettext("Booking stands again"), "rotate-ccw"),
    Kind.PIN_CHOSEN: _pin_chosen,
    Kind.PIN_SHOWN: _plain(lambda _: gettext("PIN shown"), "eye"),
    Kind.RESYNC_PRESSED: _plain(lambda _: gettext("Resync pressed"), "refresh-cw"),
    Kind.MESSAGE_SHOWN: _message,
    Kind.MESSAGE_SENT: _sent_to_guest(lazy_gettext("Message sent to the guest"), "mail", "green"),
    Kind.MESSAGE_NOT_SENT: _sent_to_guest(
        lazy_gettext("The message to the guest could not be sent"), "circle-x", "red"
    ),
    Kind.MESSAGE_UNSURE: _sent_to_guest(
        lazy_gettext("The message to the guest may have been sent"),
        "circle-question-mark",
        "amber",
    ),
    Kind.MESSAGE_ARRIVED: _plain(
        lambda _: gettext("The message has arrived, somebody here says"), "mail", "green"
    ),
    Kind.GUEST_LINK_MADE: _plain(lambda _: gettext("Link to the guest page made"), "link"),
    Kind.GUEST_LINK_SHOWN: _plain(lambda _: gettext("Link to the guest page shown"), "eye"),
    Kind.GUEST_LINK_REVOKED: _plain(lambda _: gettext("Link to the guest page revoked"), "unlink"),
    Kind.GUEST_PAGE_OPENED: _plain(lambda _: gettext("Guest page opened"), "globe"),
    Kind.GUEST_SAW_PIN: _plain(lambda _: gettext("The guest page showed the PIN"), "eye"),
    Kind.GUEST_ASKED: _plain(
        lambda _: gettext("The guest says that the door does not open"), "triangle-alert", "red"
    ),
    Kind.GUEST_HELPED: _plain(lambda _: gettext("The guest was helped"), "circle-check", "green"),
    Kind.SPARE_MADE: _plain(
        lambda lock: gettext("%(lock)s is to hold one more spare", lock=lock), "plus"
    ),
    Kind.SPARE_GIVEN: _plain(
        lambda lock: gettext("The guest was given a spare of %(lock)s", lock=lock), "key", "green"
    ),
    Kind.SPARE_DROPPED: _plain(
        lambda lock: gettext("A spare of %(lock)s is not needed or makes room", lock=lock),
        "trash-2",
        "grey",
    ),
    Kind.STAFF_CODE_MADE: _plain(lambda _: gettext("Staff code made"), "plus"),
    Kind.STAFF_CODE_CHANGED: _staff_changed,
    Kind.STAFF_CODE_REVOKED: _plain(lambda _: gettext("Staff code revoked"), "ban", "amber"),
    Kind.COMMAND_SENT: _sent,
    Kind.COMMAND_ACCEPTED: _accepted,
    Kind.COMMAND_CLOSED: _closed,
    Kind.STATUS_CHANGED: _status,
    Kind.LIST_READ: _plain(
        lambda lock: gettext("The list of %(lock)s was read", lock=lock), "list"
    ),
    Kind.ENTRY_FOUND: _entry(True),
    Kind.ENTRY_ABSENT: _entry(False),
    Kind.FOUND_IN_LOG: _plain(
        lambda lock: gettext("The log of %(lock)s says that it holds the code", lock=lock),
        "check",
        "green",
    ),
    Kind.NOT_IN_LOG: _plain(
        lambda lock: gettext(
            "Schlage said it was done, but the log of %(lock)s does not tell of it", lock=lock
        ),
        "triangle-alert",
        "amber",
    ),
    Kind.CHANGED_OUTSIDE: _outside,
    Kind.LADDER: _ladder,
    Kind.PREFLIGHT_FAILED: _preflight,
    Kind.DOOR_OPENED: _plain(
        lambda lock: gettext("The code opened %(lock)s", lock=lock), "door-open", "green"
    ),
    Kind.BOLT_MOVED: _plain(lambda lock: gettext("%(lock)s moved its bolt", lock=lock), "lock"),
    Kind.UNLOCK_ASKED: _plain(
        lambda lock: gettext("%(lock)s was told to unlock", lock=lock), "lock-open"
    ),
    Kind.LOCK_ONLINE: _plain(
        lambda lock: gettext("%(lock)s is online", lock=lock), "wifi", "green"
    ),
    Kind.LOCK_OFFLINE: _plain(
        lambda lock: gettext("%(lock)s went offline", lock=lock), "wifi-off", "amber"
    ),
    Kind.BATTERY: _plain(
        lambda lock: gettext("%(lock)s reported its batteries", lock=lock), "battery-medium"
    ),
    Kind.KEYPAD: _keypad,
    Kind.LOCK_FOUND: _plain(
        lambda lock: gettext("Schlage lists %(lock)s", lock=lock), "lock", "green"
    ),
    Kind.LOCK_MISSING: _plain(
        lambda lock: gettext("Schlage no longer lists %(lock)s", lock=lock), "unlink", "amber"
    ),
    Kind.RESTORE_POLICY_CHANGED: _restore_policy,
    Kind.MAPPING_CHANGED: _mapping,
    Kind.CONNECTED: _plain(lambda _: gettext("Connected to Schlage"), "plug", "green"),
    Kind.SIGNED_OUT: _plain(lambda _: gettext("Schlage ended our access"), "log-out", "red"),
    Kind.DISCONNECTED: _plain(lambda _: gettext("Disconnected from Schlage"), "unplug"),
    Kind.REBUILD: _rebuild,
    Kind.MANAGER_ADDED: _person(
        lambda name: gettext("%(name)s was added to the team", name=name), "users"
    ),
    Kind.ROLE_CHANGED: _role,
    Kind.MANAGER_DISABLED: _person(
        lambda name: gettext("%(name)s was shut out", name=name), "ban", "amber"
    ),
    Kind.MANAGER_ENABLED: _person(
        lambda name: gettext("%(name)s may sign in again", name=name), "log-in"
    ),
    Kind.PASSWORD_CHANGED: _person(
        lambda name: gettext("%(name)s chose another password", name=name), "shield-check"
    ),
    Kind.SIGN_IN_ENDED: _person(
        lambda name: gettext("A browser of %(name)s was signed out", name=name), "log-out"
    ),
    Kind.TOKEN_MADE: _token(True),
    Kind.TOKEN_REVOKED: _token(False),
}
