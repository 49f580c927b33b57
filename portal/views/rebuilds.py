"""Rebuild: the guided page that sets all codes of a lock again after Delete All."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.problems import CATALOGUE, as_it_came, beyond_rebuild
from portal.domain.rebuild import RUNNING, Stage
from portal.domain.status import Status
from portal.extensions import db
from portal.models import Lock, Rebuild, Role
from portal.services import lock_cards, rebuilds, refusals, roles
from portal.services.rebuilds import CannotRebuild, Preview
from portal.services.ringing import changing
from portal.views import _htmx, _live, _staff, filters
from portal.views._guard import caller, requires
from portal.views._pages import Anchor, Place, links

blueprint = Blueprint("rebuilds", __name__, url_prefix="/locks/<int:lock_id>/rebuild")
_staff.keep_out(blueprint)


@blueprint.get("")
@requires(Role.VIEWER)
def show(lock_id: int) -> str:
    return render_template("rebuilds/show.html", **_context(lock_id))


@blueprint.get("/live")
@requires(Role.VIEWER)
def live(lock_id: int) -> str:
    """How far it is; 204 while the page would say the same."""
    return render_template("rebuilds/_panel.html", **_context(lock_id))


@blueprint.post("")
@requires(Role.MANAGER)
def start(lock_id: int) -> BaseResponse | tuple[str, int]:
    """Begins: by Delete All in the app, or by our own command."""
    _lock(lock_id)
    try:
        with changing() as session:
            rebuilds.start(
                session,
                session.get_one(Lock, lock_id),
                caller().actor,
                by_command=request.form.get("way") == "command",
                typed_name=request.form.get("typed_name", ""),
            )
    except CannotRebuild as refused:
        page = render_template("rebuilds/show.html", fault=refused.words, **_context(lock_id))
        return page, 422
    return _htmx.go_to(url_for("rebuilds.show", lock_id=lock_id))


@blueprint.post("/pressed")
@requires(Role.MANAGER)
def pressed(lock_id: int) -> BaseResponse:
    """The person says that Delete All was pressed in the app."""
    _lock(lock_id)
    with changing() as session:
        rebuild = rebuilds.running(session, lock_id)
        if rebuild is not None:
            rebuilds.pressed(session, rebuild, caller().actor)
    return _htmx.go_to(url_for("rebuilds.show", lock_id=lock_id))


@blueprint.post("/stop")
@requires(Role.MANAGER)
def stop(lock_id: int) -> BaseResponse:
    """Ends it where it is; the lock's queue runs again."""
    _lock(lock_id)
    is_stopped, may_have_deleted = False, False
    with changing() as session:
        rebuild = rebuilds.running(session, lock_id)
        if rebuild is not None and rebuild.stage is not Stage.SETTING:
            rebuilds.stop(session, rebuild, caller().actor, clock.now())
            is_stopped, may_have_deleted = True, rebuilds.may_have_deleted(session, rebuild)
    if not is_stopped:
        flash(gettext("It cannot be stopped any more: the codes are being set again."), "info")
    elif may_have_deleted:
        flash(gettext("Stopped. Delete All may have worked: see below."), "warn")
    else:
        flash(gettext("Stopped. Nothing was deleted."), "good")
    return _htmx.go_to(url_for("rebuilds.show", lock_id=lock_id))


def _lock(lock_id: int) -> Lock:
    lock = db.session.get(Lock, lock_id)
    if lock is None:
        abort(404)
    return lock


def _context(lock_id: int) -> dict[str, Any]:
    lock = _lock(lock_id)
    latest = rebuilds.latest(db.session(), lock_id)
    preview = rebuilds.preview(db.session(), lock)
    is_running = latest is not None and latest.stage in RUNNING
    return {
        "lock": lock,
        "zone": lock_cards.zone_of(db.session(), lock_id, lock.time_zone),
        "preview": preview,
        "rebuild": latest,
        "is_running": is_running,
        "refusal": _refusal(latest) if latest is not None else "",
        "may_have_deleted": latest is not None
        and latest.stage is Stage.STOPPED
        and rebuilds.may_have_deleted(db.session(), latest),
        "beyond": _beyond(preview, lock_id),
        "steps": _steps(latest) if latest is not None and is_running else (),
        "is_set": sum(code.status is Status.CONFIRMED for code in preview.again),
        "needing": [code for code in preview.again if code.status is Status.NEEDS_YOU],
        "not_set": rebuilds.not_set(latest, preview) if latest is not None else (),
        "live_url": _live.url(
            "rebuilds.live", caller(), clock.now() + timedelta(hours=1), lock_id=lock_id
        ),
        "may_act": roles.is_at_least(caller().role, Role.MANAGER),
    }


@dataclass(frozen=True)
class Beyond:
    """What is left where setting all codes of the lock again does not help."""

    steps: tuple[str, ...]
    links: tuple[Anchor, ...]


def _beyond(seen: Preview, lock_id: int) -> Beyond | None:
    """By what the lock said of its codes; None where it is not known to take more."""
    led_to = refusals.led_to(db.session(), seen.again)
    for code in seen.again:
        if code.problem is None:
            continue
        led = led_to.get(code.id, frozenset())
        steps = beyond_rebuild(as_it_came(code.problem, led))
        if steps:
            anchors = links(code.problem, Place(lock_id=lock_id), led)
            return Beyond(steps, tuple(anchor for anchor in anchors if anchor.is_outside))
    return None


def _refusal(rebuild: Rebuild) -> str:
    """Why our own Delete All was refused; empty where it was not."""
    problem = rebuilds.refusal(db.session(), rebuild)
    return filters.tr(CATALOGUE[problem].title) if problem is not None else ""


def _steps(rebuild: Rebuild) -> tuple[tuple[str, str], ...]:
    """The steps of a running rebuild, each done, now or to come."""
    words = (
        gettext("Delete All"),
        gettext("The list is checked to be empty, twice"),
        gettext("Every code is set again, the guest inside first"),
    )
    at = {Stage.WAITING: 0, Stage.DELETING: 0, Stage.VERIFYING: 1, Stage.SETTING: 2}[rebuild.stage]
    names = ("done", "now", "later")
    return tuple((word, names[(number >= at) + (number > at)]) for number, word in enumerate(words))
