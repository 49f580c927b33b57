"""The texts of the message that brings a guest their code: the account's, and one property's."""

from typing import Any

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField, TextAreaField

from portal.domain import guest_message
from portal.domain.guest_message import Placeholder
from portal.domain.guest_sending import Way
from portal.extensions import db
from portal.models import Property, Role
from portal.services import guest_messages, guest_ways, roles
from portal.services.guest_messages import BadMessage
from portal.unit_of_work import writing
from portal.views import _htmx, _staff
from portal.views._guard import caller, requires
from portal.views._language import language_name
from portal.views.forms import tell

blueprint = Blueprint("guest_texts", __name__, url_prefix="/settings/guest-messages")
_staff.keep_out(blueprint)

_FILLED_WITH = {
    Placeholder.GUEST: lazy_gettext("the guest's name"),
    Placeholder.PROPERTY: lazy_gettext("the property's name"),
    Placeholder.PIN: lazy_gettext("the digits"),
    Placeholder.CHECK_IN: lazy_gettext("day and time of arrival, on the property's clock"),
    Placeholder.CHECK_OUT: lazy_gettext("day and time of departure, on the property's clock"),
    Placeholder.ADDRESS: lazy_gettext("the property's address"),
    Placeholder.DIRECTIONS: lazy_gettext("how to find the door"),
    Placeholder.LINK: lazy_gettext("the link to the guest's own page"),
    Placeholder.FALLBACK: lazy_gettext("the other way in"),
}


class TextForm(FlaskForm):
    """A text in a language. What it may hold is said by the service."""

    language = StringField(lazy_gettext("Language"))
    text = TextAreaField(lazy_gettext("Message"))


@blueprint.get("")
@requires(Role.VIEWER)
def index() -> str:
    return render_template(
        "guest_texts/index.html",
        texts=guest_messages.texts(db.session()),
        place=None,
        with_own=_with_own(),
        ways=guest_ways.ways(db.session()),
        Way=Way,
        may_act=_may_act(),
    )


@blueprint.get("/property/<int:property_id>")
@requires(Role.VIEWER)
def of_property(property_id: int) -> str:
    """The texts that this property's guests get: its own, or the account's."""
    return render_template(
        "guest_texts/index.html",
        texts=guest_messages.texts(db.session(), property_id),
        place=_place(property_id),
        may_act=_may_act(),
    )


@blueprint.route("/edit", methods=["GET", "POST"])
@requires(Role.MANAGER)
def edit() -> BaseResponse | str | tuple[str, int]:
    """The text of `?language=`, or a new one where none is named."""
    return _edit(None)


@blueprint.route("/property/<int:property_id>/edit", methods=["GET", "POST"])
@requires(Role.MANAGER)
def edit_of_property(property_id: int) -> BaseResponse | str | tuple[str, int]:
    """The same for this property's guests alone."""
    return _edit(_place(property_id))


@blueprint.post("/remove")
@requires(Role.MANAGER)
def remove() -> BaseResponse:
    """The account's own text in this language is gone; in English ours stands again."""
    return _remove(None)


@blueprint.post("/property/<int:property_id>/remove")
@requires(Role.MANAGER)
def remove_of_property(property_id: int) -> BaseResponse:
    """The property's own text in this language is gone; the account's stands again."""
    return _remove(_place(property_id))


def _edit(place: Property | None) -> BaseResponse | str | tuple[str, int]:
    form = TextForm()
    place_id = place.id if place else None
    if not form.is_submitted():
        return _edit_page(form, place)
    if form.validate():
        try:
            with writing() as session:
                guest_messages.save(
                    session,
                    caller().account_id,
                    form.language.data or "",
                    form.text.data or "",
                    place_id,
                )
        except BadMessage as bad:
            tell(form, bad.field, bad.words, "text")
        else:
            flash(gettext("The message is saved."), "good")
            return _htmx.go_to(_index_url(place_id))
    return _edit_page(form, db.session.get_one(Property, place_id) if place_id else None)


def _remove(place: Property | None) -> BaseResponse:
    place_id = place.id if place else None
    with writing() as session:
        is_removed = guest_messages.remove(session, request.form.get("language", ""), place_id)
    if is_removed:
        flash(gettext("The message is removed."), "good")
    else:
        flash(gettext("There was no such message: nothing is changed."), "info")
    return _htmx.go_to(_index_url(place_id))


def _index_url(place_id: int | None) -> str:
    if place_id is None:
        return url_for("guest_texts.index")
    return url_for("guest_texts.of_property", property_id=place_id)


def _place(property_id: int) -> Property:
    place = db.session.get(Property, property_id)
    if place is None:
        abort(404)
    return place


def _with_own() -> list[Property]:
    """The properties that have texts of their own."""
    ids = guest_messages.read(db.session()).of_property
    places = [db.session.get_one(Property, place_id) for place_id in ids]
    return sorted(places, key=lambda place: place.name)


def _may_act() -> bool:
    return roles.is_at_least(caller().role, Role.MANAGER)


def _edit_page(form: TextForm, place: Property | None) -> Any:
    place_id = place.id if place else None
    own = {text.language: text for text in guest_messages.texts(db.session(), place_id)}
    known = own.get(request.values.get("language", ""))
    if not form.is_submitted():
        form.language.data = known.language if known else ""
        form.text.data = known.text if known else guest_message.DEFAULT
    page = render_template(
        "guest_texts/edit.html",
        form=form,
        known=known,
        place=place,
        back_url=_index_url(place_id),
        title=language_name(known.language) if known else gettext("Another language"),
        filled_with=_FILLED_WITH,
    )
    return (page, 422) if form.errors else page
