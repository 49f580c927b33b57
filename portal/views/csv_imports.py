"""Tables of bookings: upload, preview with its choices, result, and undoing."""

from typing import Any, Final

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext, lazy_gettext, ngettext
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from portal.extensions import db
from portal.feeds.csv_reader import DateOrder, Field, TableUnreadable
from portal.models import CsvImport, ImportState, Role
from portal.services import board, imports
from portal.services.import_plan import Deed, Plan
from portal.services.imports import NotReady
from portal.unit_of_work import writing
from portal.views import _htmx, _staff, filters
from portal.views._guard import caller, requires
from portal.views.forms import TableForm, tell

blueprint = Blueprint("csv_imports", __name__, url_prefix="/imports/csv")
_staff.keep_out(blueprint)

MOST_SHOWN: Final = 200
FIELDS: Final = (
    (Field.ARRIVES, lazy_gettext("Arrival")),
    (Field.DEPARTS, lazy_gettext("Departure")),
    (Field.PROPERTY, lazy_gettext("Property")),
    (Field.GUEST, lazy_gettext("Guest's name")),
    (Field.PHONE, lazy_gettext("Guest's phone")),
    (Field.EMAIL, lazy_gettext("Guest's e-mail")),
    (Field.PIN, lazy_gettext("PIN")),
    (Field.ID, lazy_gettext("Booking's number")),
    (Field.STATUS, lazy_gettext("Status")),
    (Field.NOTE, lazy_gettext("Note")),
)
# What needs a person's eye comes first.
_RANK: Final = {Deed.ERROR: 0, Deed.CHANGE: 2, Deed.CREATE: 3, Deed.LEFT_OUT: 4, Deed.SAME: 5}


@blueprint.route("", methods=["GET", "POST"])
@requires(Role.MANAGER)
def upload() -> BaseResponse | str | tuple[str, int]:
    """A table is uploaded; nothing is taken over yet."""
    form = TableForm()
    if form.validate_on_submit():
        file = form.file.data
        try:
            import_id = imports.stage(file.filename or "", file.read(), caller().actor)
        except TableUnreadable as bad:
            tell(form, "file", bad.words, "file")
        else:
            return _to(import_id)
    page = render_template("imports/csv_upload.html", form=form)
    return (page, 422) if form.errors else page


@blueprint.route("/<int:import_id>", methods=["GET", "POST"])
@requires(Role.MANAGER)
def show(import_id: int) -> BaseResponse | str:
    """What the table would do, with the choices that decide it; once taken over, what it did."""
    row = _import(db.session(), import_id)
    if request.method == "POST":
        with writing() as session:
            imports.choose(session, _import(session, import_id), **_choices(request.form))
        return _to(import_id, "rows")
    if row.state is not ImportState.PENDING:
        return render_template(
            "imports/csv_result.html",
            table=row,
            remarks=imports.remarks_of(row),
            can_undo=imports.can_undo(row),
        )
    preview = imports.preview(db.session(), row)
    plans = sorted(preview.plans, key=_rank)
    return render_template(
        "imports/csv_preview.html",
        table=row,
        preview=preview,
        plans=plans[:MOST_SHOWN],
        more=max(0, len(plans) - MOST_SHOWN),
        fields=FIELDS,
        orders=DateOrder,
        deeds=Deed,
        properties=board.properties(db.session()),
    )


@blueprint.post("/<int:import_id>/confirm")
@requires(Role.MANAGER)
def confirm(import_id: int) -> BaseResponse:
    """Every good row is taken over."""
    _import(db.session(), import_id)
    try:
        left = imports.confirm(import_id, caller().actor)
    except NotReady as why:
        flash(filters.tr(why.words), "bad")
    else:
        if left:
            words = ngettext(
                "Taken over so far; 1 row is left. Press “Take over the good rows” to go on.",
                "Taken over so far; %(num)s rows are left."
                " Press “Take over the good rows” to go on.",
                left,
            )
            flash(words, "info")
            return _to(import_id, "rows")
        flash(gettext("The table is taken over. Codes are sent by themselves."), "good")
    return _to(import_id)


@blueprint.route("/<int:import_id>/undo", methods=["GET", "POST"])
@requires(Role.MANAGER)
def undo(import_id: int) -> BaseResponse | str:
    """Takes the import back after asking."""
    row = _import(db.session(), import_id)
    if request.method == "GET" and imports.can_undo(row):
        return render_template("imports/csv_undo.html", table=row)
    if request.method == "POST":
        try:
            imports.undo(import_id, caller().actor)
        except NotReady as why:
            flash(filters.tr(why.words), "bad")
        else:
            flash(gettext("The import is undone."), "good")
    return _to(import_id)


@blueprint.post("/<int:import_id>/discard")
@requires(Role.MANAGER)
def discard(import_id: int) -> BaseResponse:
    """Forgets a table that was not taken over."""
    with writing() as session:
        imports.discard(session, _import(session, import_id))
    return _htmx.go_to(url_for("imports.index"))


def _to(import_id: int, anchor: str | None = None) -> BaseResponse:
    return _htmx.go_to(url_for("csv_imports.show", import_id=import_id, _anchor=anchor))


def _import(session: Any, import_id: int) -> CsvImport:
    found: CsvImport | None = session.get(CsvImport, import_id)
    if found is None:
        abort(404)
    return found


def _choices(form: MultiDict[str, str]) -> dict[str, Any]:
    """What the form says; what nobody can have chosen there counts as not chosen."""
    columns = {}
    for wanted, _ in FIELDS:
        place = form.get(f"column-{wanted}", "")
        if place.isdecimal() and len(place) < 4:
            columns[wanted] = int(place)
    order, place_id = form.get("order", ""), form.get("property_id", "")
    return {
        "columns": columns,
        "order": DateOrder(order) if order in set(DateOrder) else None,
        "property_id": int(place_id) if place_id.isdecimal() and len(place_id) < 10 else None,
        "pads_pins": form.get("pads_pins") == "1",
    }


def _rank(plan: Plan) -> tuple[int, int]:
    return (1 if plan.warning else _RANK[plan.deed], plan.line)
