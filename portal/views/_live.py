"""The live refresh: a poll is answered 204 from what signing in already read, or with a fragment.

The page gives back the version it was made from and the time at which it goes out of date by time
alone. While neither has moved, nothing else is read. When something has, all open pages ask within
two seconds: what one of them is sent, the others that show the same are sent as well, so that fifty
open tabs cost one rendering and not fifty. And each is told how many alerts are new, because that
count stands in the navigation, outside of every fragment.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Final, Protocol

from flask import Flask, current_app, g, render_template, request, url_for

from portal import clock
from portal.extensions import db
from portal.models import Role
from portal.services import alert_page
from portal.services.callers import Caller
from portal.views import filters
from portal.views._guard import caller, least_role

_KEPT_FOR: Final = timedelta(seconds=5)
_MOST_KEPT: Final = 100
_NAME: Final = "recent_fragments"


class Looker(Protocol):
    """Whoever has a page open: a manager who is signed in, or a guest."""

    @property
    def account_version(self) -> int: ...


class RecentFragments:
    """What was rendered for a poll in the last seconds, by all that it was made from.

    A fragment is the same for everybody of one account who asks for the same page in the same role
    and language, as long as a page made from it would be answered 204.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[object, tuple[datetime, str]] = {}

    def find(self, key: object, now: datetime) -> str | None:
        with self._lock:
            self._drop(now)
            until, text = self._kept.get(key, (now, ""))
            return text if now < until else None

    def keep(self, key: object, text: str, until: datetime, now: datetime) -> None:
        """`find` returns it until then, and for some seconds at most."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (min(until, now + _KEPT_FOR), text)
            self._drop(now)

    def forget(self) -> None:
        """Nothing is kept."""
        with self._lock:
            self._kept.clear()

    def _drop(self, now: datetime) -> None:
        """What is over goes, and the oldest where they are too many."""
        while self._kept:
            oldest = next(iter(self._kept))
            if len(self._kept) <= _MOST_KEPT and now < self._kept[oldest][0]:
                return
            del self._kept[oldest]


def install(app: Flask) -> None:
    """The managers' views in `app` whose addresses end in /live answer polls."""
    app.extensions[_NAME] = RecentFragments()
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if rule.rule.endswith("/live") and least_role(view) is not None:
            app.view_functions[rule.endpoint] = _answering_polls(view)


def is_unchanged(looker: Looker, now: datetime) -> bool:
    """Whether the page that polls still shows what is true."""
    version = request.args.get("version", "")
    until = request.args.get("until", "")
    return (
        version.isdecimal()
        and until.isdecimal()
        and int(version) == looker.account_version
        and now.timestamp() < int(until)
    )


def url(endpoint: str, looker: Looker, until: datetime, **values: Any) -> str:
    """Where a page made now polls; the account's version was read before its rows were."""
    g.is_true_until = until
    seconds = int(until.timestamp()) + 1
    return url_for(endpoint, version=looker.account_version, until=seconds, **values)


def _answering_polls(view: Callable[..., Any]) -> Callable[..., Any]:
    """The view, asked only where the page that polls is out of date and nobody has just asked."""

    @wraps(view)
    def answer(**values: Any) -> Any:
        now = clock.now()
        asking = caller()
        if is_unchanged(asking, now):
            return "", 204
        recent: RecentFragments = current_app.extensions[_NAME]
        key = _made_from(asking)
        found = recent.find(key, now)
        if found is None:
            found = view(**values)
            if not isinstance(found, str):
                return found
            found += _new_alerts(asking)
            recent.keep(key, found, g.is_true_until, now)
        return found

    return answer


def _made_from(asking: Caller) -> object:
    """All that a fragment depends on: two requests that agree in it get the same one."""
    args = tuple(
        (name, tuple(values))
        for name, values in sorted(request.args.lists())
        if name not in {"version", "until"}
    )
    return (
        asking.account_id,
        asking.account_version,
        asking.role,
        str(filters.locale()),
        request.path,
        args,
    )


def _new_alerts(asking: Caller) -> str:
    """How many alerts are new, for the page's navigation; staff have no alerts there."""
    if asking.role is Role.STAFF:
        return ""
    return render_template("_new_alerts.html", new=alert_page.unseen(db.session()), swap="morph")
