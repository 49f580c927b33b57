"""What was sent, or is about to be, in words."""

from collections.abc import Mapping
from typing import Final

from flask_babel import gettext, lazy_gettext
from markupsafe import Markup

from portal.domain.notices import Kind
from portal.domain.outgoing import State
from portal.services.channel_page import Line
from portal.views import filters
from portal.views.filters import Look

CHANNEL_KINDS: Final = {
    "email": lazy_gettext("E-mail"),
    "slack": "Slack",
    "teams": "Microsoft Teams",
    "sms": lazy_gettext("Text message"),
    "chat": lazy_gettext("Chat"),
    "push": lazy_gettext("Push message"),
    "generic": lazy_gettext("JSON to a web address"),
}

NOTICE_KINDS: Final[Mapping[str, object]] = {
    Kind.OPENED: lazy_gettext("Alert"),
    Kind.ESCALATED: lazy_gettext("More urgent"),
    Kind.RESOLVED: lazy_gettext("Over"),
    Kind.DIGEST: lazy_gettext("Morning digest"),
    Kind.TEST: lazy_gettext("Test"),
}

LOOKS: Final[Mapping[State, Look]] = {
    State.INTENDED: Look(lazy_gettext("Waiting"), "hourglass", "slate"),
    State.SENDING: Look(lazy_gettext("Being sent"), "send", "slate"),
    State.SENT: Look(lazy_gettext("Sent"), "circle-check", "green"),
    State.DEAD: Look(lazy_gettext("Failed"), "circle-x", "red"),
    State.DROPPED: Look(lazy_gettext("Not sent"), "ban", "grey"),
}
_TRYING: Final = Look(lazy_gettext("Trying again"), "rotate-ccw", "amber")


def look(line: Line) -> Look:
    return _TRYING if line.state is State.INTENDED and line.attempts else LOOKS[line.state]


def outcome(line: Line) -> Markup | str:
    """What came of it, and what happens next."""
    if line.state is State.DROPPED:
        return gettext("It was over, or no longer wanted, before it was sent.")
    if line.state is State.INTENDED and line.attempts and line.due_at:
        return Markup("{} {} {}").format(
            filters.tr(line.error), gettext("Next try by itself"), filters.due(line.due_at)
        )
    return filters.tr(line.error) if line.error else ""
