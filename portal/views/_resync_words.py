"""The steps of a Resync in words."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Flask
from flask_babel import gettext, lazy_gettext

from portal.domain.resync import Progress, Step, StepState
from portal.views.story import Told

# Of a Resync's step: that it is done, and that it is being done or to come.
_STEPS: Final[Mapping[Step, tuple[Any, Any]]] = {
    Step.ASKED: (
        lazy_gettext("Schlage was asked what became of the last command"),
        lazy_gettext("Ask Schlage what became of the last command"),
    ),
    Step.READ: (lazy_gettext("The lock's list was read"), lazy_gettext("Read the lock's list")),
    Step.SENT: (lazy_gettext("The code was sent"), lazy_gettext("Send the code")),
    Step.ACCEPTED: (
        lazy_gettext("Schlage accepted it"),
        lazy_gettext("Wait for Schlage to accept it"),
    ),
    Step.CONFIRMED: (
        lazy_gettext("The lock confirmed it"),
        lazy_gettext("Wait for the lock to confirm it"),
    ),
}


def install(app: Flask) -> None:
    """The filter of this module exists in every template of `app`."""
    app.jinja_env.filters["resync_step"] = resync_step


def resync_step(state: StepState) -> Told:
    """One step of a Resync: its words, and how it looks."""
    done, to_do = _STEPS[state.step]
    if state.progress is Progress.FAILED:
        return Told(gettext("The lock did not confirm it"), "", "", "circle-x", "red")
    icon, tone = {
        Progress.DONE: ("circle-check", "green"),
        Progress.NOW: ("loader", "slate"),
        Progress.LATER: ("clock", "grey"),
        Progress.SKIPPED: ("circle-dashed", "grey"),
    }[state.progress]
    words = str(done if state.progress is Progress.DONE else to_do)
    why = gettext("not needed, or not reached") if state.progress is Progress.SKIPPED else ""
    return Told(words, why, "", icon, tone)
