"""One deed for many bookings: choose, look, confirm, watch; and what was done before."""

from typing import Any, Final

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.bulk import ItemState, RunState
from portal.domain.status import Verdict
from portal.extensions import db
from portal.models import BulkRun, Role
from portal.services import board, bulk, bulk_page, guest_ways, stays
from portal.services.bulk import BadRun
from portal.unit_of_work import writing
from portal.views import _bulk_words, _htmx, _live, _wishes
from portal.views._guard import caller, requires
from portal.views.forms import BulkForm

blueprint = Blueprint("bulk", __name__, url_prefix="/bulk")

_ALL: Final = "all"


@blueprint.get("")
@requires(Role.MANAGER)
def choose() -> str:
    """Bookings to choose from, by the filters in the address."""
    ticked = request.args.get("ticked") == _ALL
    return _choose_page(BulkForm(), set(), is_all_ticked=ticked)


@blueprint.post("")
@requires(Role.MANAGER)
def stage() -> BaseResponse | tuple[str, int]:
    """Keeps the choice and leads to its preview; nothing is changed yet."""
    form = BulkForm()
    chosen = {int(text) for text in request.form.getlist("booking") if _wishes.is_number(text)}
    fault = ""
    if form.validate_on_submit():
        ids = chosen
        if form.scope.data == _ALL:
            ids = set(bulk_page.ids_of(db.session(), _wishes.read(), clock.now()))
        try:
            with writing() as session:
                run = bulk.stage(session, form.deed, form.options, ids, caller().actor)
                run_id = run.id
        except BadRun as bad:
            fault = bad.words
        else:
            return _to(run_id)
    return _choose_page(form, chosen, fault=fault), 422


@blueprint.get("/runs")
@requires(Role.MANAGER)
def runs() -> str:
    return render_template("bulk/runs.html", runs=bulk_page.past(db.session()))


@blueprint.get("/<int:bulk_id>")
@requires(Role.MANAGER)
def show(bulk_id: int) -> str:
    """A preview before the start; afterwards how far it is, and the result of each booking."""
    context = _context(bulk_id)
    if context["run"].state is RunState.PREVIEW:
        return render_template("bulk/preview.html", **context)
    return render_template("bulk/show.html", **context)


@blueprint.get("/<int:bulk_id>/live")
@requires(Role.MANAGER)
def live(bulk_id: int) -> str:
    """The part of the page that moves; 204 while it would say the same."""
    return render_template("bulk/live.html", **_context(bulk_id))


@blueprint.post("/<int:bulk_id>/start")
@requires(Role.MANAGER)
def start(bulk_id: int) -> BaseResponse:
    """Begins, or goes on with what a stop left over."""
    _run(bulk_id)
    if not bulk.start(bulk_id):
        flash(gettext("This was started already."), "info")
    return _to(bulk_id)


@blueprint.post("/<int:bulk_id>/stop")
@requires(Role.MANAGER)
def stop(bulk_id: int) -> BaseResponse:
    _run(bulk_id)
    with writing() as session:
        is_stopped = bulk.stop(session, session.get_one(BulkRun, bulk_id))
    if is_stopped:
        flash(gettext("Stopped. What is done stays done; the rest is left as it was."), "good")
    return _to(bulk_id)


@blueprint.post("/<int:bulk_id>/discard")
@requires(Role.MANAGER)
def discard(bulk_id: int) -> BaseResponse:
    _run(bulk_id)
    with writing() as session:
        is_gone = bulk.discard(session, session.get_one(BulkRun, bulk_id))
    if not is_gone:
        return _to(bulk_id)
    flash(gettext("Nothing was changed."), "info")
    return _htmx.go_to(url_for("bulk.choose"))


def _to(bulk_id: int) -> BaseResponse:
    return _htmx.go_to(url_for("bulk.show", bulk_id=bulk_id))


def _run(bulk_id: int) -> BulkRun:
    found = db.session.get(BulkRun, bulk_id)
    if found is None:
        abort(404)
    return found


def _choose_page(
    form: BulkForm, chosen: set[int], *, fault: str = "", is_all_ticked: bool = False
) -> str:
    now = clock.now()
    wish = _wishes.read()
    query = _wishes.query(wish)
    read = bulk_page.choices(db.session(), wish, now)
    return render_template(
        "bulk/choose.html",
        choices=read,
        wish=wish,
        form=form,
        kinds=_bulk_words.KINDS,
        ways=guest_ways.ways(db.session()),
        fault=fault,
        chosen={stay.id for stay in read.stays} if is_all_ticked else chosen,
        here=url_for("bulk.choose", **query),
        tick_all_url=url_for("bulk.choose", **query, ticked=_ALL),
        page_url=lambda page: url_for("bulk.choose", **{**query, "page": page}),
        find_url=url_for("bulk.choose"),
        back_url=url_for("arrivals.index", **query),
        properties=board.properties(db.session()),
        when_choices=_wishes.WHEN_CHOICES,
        verdicts=list(Verdict),
        now=now,
    )


def _context(bulk_id: int) -> dict[str, Any]:
    now = clock.now()
    run = bulk_page.find(db.session(), bulk_id, _wishes.page(), now)
    if run is None:
        abort(404)
    shown = [row.stay for row in run.rows]
    query = {"page": run.page} if run.page > 1 else {}
    return {
        "run": run,
        "title": _bulk_words.title(run.kind, run.options),
        "summary": _summary(run),
        "live_url": _live.url(
            "bulk.live", caller(), stays.next_turn(shown, now), bulk_id=bulk_id, **query
        ),
        "page_url": lambda page: url_for("bulk.show", bulk_id=bulk_id, page=page),
        "now": now,
    }


def _summary(run: bulk_page.Run) -> str:
    """How many of each result, in a line."""
    parts = [
        ngettext("1 done", "%(num)s done", run.count(ItemState.DONE)),
        ngettext("1 failed", "%(num)s failed", run.count(ItemState.FAILED)),
        *_in_doubt(run),
        ngettext("1 left out", "%(num)s left out", run.count(ItemState.LEFT_OUT)),
        ngettext(
            "1 waiting",
            "%(num)s waiting",
            run.count(ItemState.WAITING) + run.count(ItemState.BEGUN),
        ),
    ]
    return " · ".join(parts)


def _in_doubt(run: bulk_page.Run) -> list[str]:
    """What may have been sent, where there is any."""
    unsure = run.count(ItemState.UNSURE)
    if not unsure:
        return []
    return [ngettext("1 may have been sent", "%(num)s may have been sent", unsure)]
