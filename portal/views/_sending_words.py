"""Messages to guests in words: by which way, where they stand, why one is not sent."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Flask
from flask_babel import gettext, lazy_gettext

from portal.domain.guest_sending import Hindrance, State, Way
from portal.services.guest_sending_page import Sent
from portal.views import filters
from portal.views._language import language_name
from portal.views.filters import Look

WAYS: Final[Mapping[Way, Any]] = {
    Way.EMAIL: lazy_gettext("E-mail"),
    Way.SMS: lazy_gettext("Text message"),
}

LOOKS: Final[Mapping[State, Look]] = {
    State.INTENDED: Look(lazy_gettext("Waiting"), "hourglass", "slate"),
    State.SENDING: Look(lazy_gettext("Being sent"), "send", "slate"),
    State.SENT: Look(lazy_gettext("Sent"), "circle-check", "green"),
    State.FAILED: Look(lazy_gettext("Failed"), "circle-x", "red"),
    State.UNSURE: Look(lazy_gettext("May have been sent"), "circle-question-mark", "amber"),
    State.DROPPED: Look(lazy_gettext("Not sent"), "ban", "grey"),
}

WHY: Final[Mapping[Hindrance, Any]] = {
    Hindrance.CANCELLED: lazy_gettext("The booking is cancelled."),
    Hindrance.OVER: lazy_gettext("The stay is over."),
    Hindrance.NO_PIN: lazy_gettext("There is no PIN yet: its property needs a lock."),
    Hindrance.UNCONFIRMED: lazy_gettext(
        "Not every door has confirmed the code: it may not open, and may still change."
    ),
    Hindrance.NO_WAY: lazy_gettext(
        "No way to reach guests is set up for this: see Settings, Guest messages."
    ),
    Hindrance.NO_ADDRESS: lazy_gettext(
        "The guest's address is not known: write it down under “Guest and note”."
    ),
    Hindrance.NO_COUNTRY_CODE: lazy_gettext(
        "The phone number lacks its country code, such as +1: complete it under “Guest and note”."
    ),
    Hindrance.BEING_SENT: lazy_gettext("This message is on its way already."),
    Hindrance.ALREADY_SENT: lazy_gettext("The guest has this very message already."),
    Hindrance.MAY_BE_SENT: lazy_gettext(
        "It may have been sent already: say on the booking's page whether it arrived."
    ),
}

ASK: Final = lazy_gettext("Say on the booking's page whether it arrived, or send it again there.")


def install(app: Flask) -> None:
    """The filters of this module exist in every template of `app`."""
    app.jinja_env.filters.update(
        way=lambda way: WAYS[way],
        send_state=lambda state: LOOKS[state],
        send_why=lambda why: WHY[why],
    )
    app.jinja_env.globals.update(sent_how=how_of, sent_outcome=outcome)


def how(way: Any, to: str, language: Any) -> str:
    """By which way, whereto and in which language: `E-mail to a•••@example.com, German`."""
    words = gettext("%(way)s to %(to)s", way=WAYS[Way(way)], to=to)
    return f"{words}, {language_name(str(language))}" if language else words


def how_of(sent: Sent) -> str:
    return how(sent.way, sent.to, sent.language)


def outcome(sent: Sent) -> str:
    """What came of it beside its state; empty where there is nothing to add."""
    if sent.why is not None:
        return str(WHY[sent.why])
    return filters.tr(sent.error) if sent.error else ""
