"""The live refresh: a poll is answered 204 from what signing in already read, or with a fragment.

The page gives back the version it was made from and the time at which it goes out of date by time
alone. While neither has moved, nothing else is read.
"""

from datetime import datetime
from typing import Any, Protocol

from flask import request, url_for


class Looker(Protocol):
    """Whoever has a page open: a manager who is signed in, or a guest."""

    @property
    def account_version(self) -> int: ...


def is_unchanged(caller: Looker, now: datetime) -> bool:
    """Whether the page that polls still shows what is true."""
    version = request.args.get("version", "")
    until = request.args.get("until", "")
    return (
        version.isdecimal()
        and until.isdecimal()
        and int(version) == caller.account_version
        and now.timestamp() < int(until)
    )


def url(endpoint: str, caller: Looker, until: datetime, **values: Any) -> str:
    """Where a page made now polls; the account's version was read before its rows were."""
    seconds = int(until.timestamp()) + 1
    return url_for(endpoint, version=caller.account_version, until=seconds, **values)
