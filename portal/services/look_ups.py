"""Asking Schlage how a command ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from portal import clock
from portal.domain.command import Event
from portal.domain.problems import ProblemKey, recognise
from portal.models import Command, Lock
from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageNotFound,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
)
from portal.schlage.payloads import CommandState, CommandStatus
from portal.services import connections
from portal.services.commands import Answer
from portal.services.outcomes import News

FORGOTTEN_AFTER: Final = timedelta(seconds=60)  # a 404 sooner than this means "not yet"

_EVENTS: Final = {
    CommandState.SUCCEEDED: Event.SUCCEEDED,
    CommandState.FAILED: Event.FAILED,
    CommandState.NACK: Event.FAILED,
    CommandState.TIMED_OUT: Event.TIMED_OUT,
}


@dataclass(frozen=True)
class Question:
    """A command that Schlage accepted, with all that is needed to ask while no session is open."""

    command_row_id: int
    device_id: str
    lock_id: int
    schlage_id: str
    sent_at: datetime | None


def about(command: Command, lock: Lock) -> Question:
    """The question how this command of the lock ended; it has Schlage's id."""
    assert command.command_id is not None
    return Question(command.id, lock.device_id, lock.id, command.command_id, command.sent_at)


def ask(client: SchlageClient, question: Question) -> Answer:
    """What Schlage answers when it is asked how the command ended; whatever goes wrong is none."""
    try:
        status = client.get_command(question.device_id, question.schlage_id)
    except SchlageNotFound:
        if question.sent_at is not None and clock.now() - question.sent_at < FORGOTTEN_AFTER:
            return Answer()
        return Answer(News(event=Event.EXPIRED, by="look_up", raw_state="404"), "404")
    except SchlageUnauthorized:
        connections.signed_out(question.lock_id)
        return Answer()
    except SchlageRejected:
        return Answer()
    except SchlageThrottled as error:
        return Answer(is_given=False, ask_after=error.retry_after)
    except SchlageUnavailable:
        return Answer(is_given=False)
    return Answer(_news_of(status), status.raw_state)


def _news_of(status: CommandStatus) -> News | None:
    """The news in a look-up's answer; None while the command is pending.

    A state word that we do not know counts as pending: only the deadline ends it.
    """
    event = _EVENTS.get(status.state)
    if event is None:
        return None
    problem = None
    if event is Event.FAILED:
        problem = recognise(status.error_text or "", error_code=status.error_code)
        if status.state is CommandState.NACK and problem is ProblemKey.UNKNOWN:
            problem = ProblemKey.NACK
    return News(
        event=event,
        by="look_up",
        problem=problem,
        text=status.error_text or "",
        raw_state=status.raw_state,
        access_code_id=status.access_code_id,
    )
