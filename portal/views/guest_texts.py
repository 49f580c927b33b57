"""The account's own texts of the message that brings a guest their code."""

from typing import Any

from flask import Blueprint, flash, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField, TextAreaField

from portal.domain import guest_message
from portal.domain.guest_message import Placeholder
from portal.extensions import db
from portal.models import Role
from portal.services import guest_messages, roles
from portal.services.guest_messages import BadMessage
from portal.unit_of_work import writing
from portal.views import _htmx, _staff
from portal.views._guard import caller, requires
from portal.views.forms import tell
from portal.views.guest_access import language_name

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
        language_name=language_name,
        may_act=roles.is_at_least(caller().role, Role.MANAGER),
    )


@blueprint.route("/edit", methods=["GET", "POST"])
@requires(Role.MANAGER)
def edit() -> BaseResponse | str | tuple[str, int]:
    """The text of `?language=`, or a new one where none is named."""
    form = TextForm()
    if not form.is_submitted():
        return _edit_page(form)
    if form.validate():
        try:
            with writing() as session:
                guest_messages.save(
                    session,
                    caller().account_id,
                    form.language.data or "",
                    form.text.data or "",
                )
        except BadMessage as bad:
            tell(form, bad.field, bad.words, "text")
        else:
            flash(gettext("The message is saved."), "good")
            return _htmx.go_to(url_for("guest_texts.index"))
    return _edit_page(form)


@blueprint.post("/remove")
@requires(Role.MANAGER)
def remove() -> BaseResponse:
    """The account's own text in this language is gone; in English ours stands again."""
    with writing() as session:
        is_removed = guest_messages.remove(session, request.form.get("language", ""))
    if is_removed:
        flash(gettext("The message is removed."), "good")
    else:
        flash(gettext("There was no such message: nothing is changed."), "info")
    return _htmx.go_to(url_for("guest_texts.index"))


def _edit_page(form: TextForm) -> Any:
    own = {text.language: text for text in guest_messages.texts(db.session())}
    known = own.get(request.values.get("language", ""))
    if not form.is_submitted():
        form.language.data = known.language if known else ""
        form.text.data = known.text if known else guest_message.DEFAULT
    page = render_template(
        "guest_texts/edit.html",
        form=form,
        known=known,
        title=language_name(known.language) if known else gettext("Another language"),
        filled_with=_FILLED_WITH,
    )
    return (page, 422) if form.errors else page
