"""When a command that Schlage has accepted is looked up next, while it is pending."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

# A look that nobody answers is none: it is had again this soon.
AGAIN: Final = timedelta(seconds=30)


def planned(
    accepted_at: datetime, looks: int, delays: Sequence[timedelta], now: datetime
) -> datetime:
    """The time of the look after so many that found it pending; `delays` are of the first ones.

    After those it is the last delay again, from now.
    """
    return accepted_at + delays[looks] if looks < len(delays) else now + delays[-1]


def had_again(planned_at: datetime | None, now: datetime) -> datetime:
    """The time of the look after one that nobody answered: soon, or the planned one before that.

    A message from Schlage has a command looked up before its time.
    """
    again = now + AGAIN
    return planned_at if planned_at is not None and now < planned_at < again else again
