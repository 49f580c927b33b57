"""What goes out of the portal to other people's servers: its states, and how long to wait.

A row is written first and sent later. A crash between the sending and its record sends a second
time, so what goes out carries an id or is harmless twice; nothing is lost.
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where something that goes out stands."""

    INTENDED = "intended"  # to be sent, or to be tried again, at its time
    SENDING = "sending"  # a worker has it; taken over when that worker does not come back
    SENT = "sent"  # the other side took it
    DEAD = "dead"  # every try failed: a person has to look
    DROPPED = "dropped"  # over before it was sent, or no longer wanted


OPEN: Final = (State.INTENDED, State.SENDING)
# How long a worker may take before another one believes it dead; sending takes a fraction of it.
CLAIM: Final = timedelta(minutes=3)
# An unanswered ring repeats after this long, and does not multiply before.
RING_AGAIN: Final = timedelta(seconds=60)

_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
# A message that a person waits for.
NOTICE_PAUSES: Final = (_MINUTE / 2, 2 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR)
# What the Standard Webhooks specification recommends.
CALL_PAUSES: Final = (
    timedelta(seconds=5),
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
# An endpoint that took nothing for so long is called no more until a person says so.
ENDPOINT_GIVES_UP: Final = timedelta(days=3)


def pause_after(attempts: int, pauses: Sequence[timedelta]) -> timedelta | None:
    """The wait after the `attempts`-th try failed; None where that was the last."""
    return pauses[attempts - 1] if 0 < attempts <= len(pauses) else None
