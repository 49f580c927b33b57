"""Properties: where they are, when guests come and go, and the other way in."""

from typing import Any
from zoneinfo import available_timezones

from flask import Blueprint, abort, flash, render_template, url_for
from flask_babel import gettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import PinSource, Property, Role
from portal.services import properties, property_page, roles
from portal.services.properties import BadProperty
from portal.services.ringing import changing
from portal.views import _htmx, _staff
from portal.views._guard import caller, requires
from portal.views._pages import mapping_url
from portal.views.forms import PropertyForm, tell

blueprint = Blueprint("properties", __name__, url_prefix="/properties")
_staff.keep_out(blueprint)


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template(
        "properties/index.html",
        cards=property_page.cards(db.session(), clock.now()),
        may_act=_may_act(),
        mapping_url=mapping_url,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Role.MANAGER)
def new() -> BaseResponse | str | tuple[str, int]:
    form = PropertyForm()
    if form.validate_on_submit():
        try:
            with changing() as session:
                place = properties.create(session, caller().account_id, **_fields(form))
                place_id = place.id
        except BadProperty as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            flash(gettext("The property is there. Now choose which locks open it."), "good")
            return _htmx.go_to(mapping_url(place_id))
    return _form_page("properties/new.html", form)


@blueprint.get("/<int:property_id>")
@requires(Role.VIEWER)
def show(property_id: int) -> str | tuple[str, int]:
    place = _place(property_id)
    form = PropertyForm(obj=place)
    # The other way in opens the door as a PIN does: viewers are not shown it.
    form.fallback_entry.data = (
        place.fallback_entry.reveal() if place.fallback_entry and _may_act() else ""
    )
    return _show(place, form)


@blueprint.post("/<int:property_id>")
@requires(Role.MANAGER)
def save(property_id: int) -> BaseResponse | str | tuple[str, int]:
    _place(property_id)
    form = PropertyForm()
    if form.validate_on_submit():
        try:
            with changing() as session:
                place = session.get_one(Property, property_id)
                properties.update(session, place, **_fields(form))
        except BadProperty as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            flash(gettext("Saved. Stays and codes follow the new settings."), "good")
            return _htmx.go_to(url_for("properties.show", property_id=property_id))
    return _show(_place(property_id), form)


def _show(place: Property, form: PropertyForm) -> str | tuple[str, int]:
    locks = property_page.lock_names(db.session()).get(place.id, [])
    return _form_page(
        "properties/show.html", form, place=place, locks=locks, mapping_url=mapping_url(place.id)
    )


def _form_page(template: str, form: PropertyForm, **context: Any) -> str | tuple[str, int]:
    page = render_template(
        template, form=form, zones=sorted(available_timezones()), may_act=_may_act(), **context
    )
    return (page, 422) if form.errors else page


def _fields(form: PropertyForm) -> dict[str, Any]:
    text = form.fallback_entry.data or ""
    return {
        "name": form.name.data,
        "time_zone": (form.time_zone.data or "").strip(),
        "check_in": form.check_in.data,
        "check_out": form.check_out.data,
        "lead_days": form.lead_days.data,
        "buffer_before_minutes": form.buffer_before_minutes.data,
        "buffer_after_minutes": form.buffer_after_minutes.data,
        "spare_codes": form.spare_codes.data,
        "pin_source": PinSource(form.pin_source.data),
        "alerts_when_vacant": form.alerts_when_vacant.data,
        "fallback_entry": Secret(text) if text.strip() else None,
        "address": form.address.data,
        "directions": form.directions.data,
        "pin_hours_before": form.pin_hours_before.data,
        "shares_fallback": form.shares_fallback.data,
    }


def _place(property_id: int) -> Property:
    place = db.session.get(Property, property_id)
    if place is None:
        abort(404)
    return place


def _may_act() -> bool:
    return roles.is_at_least(caller().role, Role.MANAGER)
