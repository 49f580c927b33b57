"""You: one's own password, and the browsers one is signed in with. For every role."""

from math import ceil
from typing import cast

from flask import Blueprint, abort, flash, render_template, url_for
from flask_babel import gettext, ngettext
from werkzeug.wrappers import Response as BaseResponse

from portal import clock
from portal.crypto import token_hash
from portal.extensions import db
from portal.models import Manager, Role, SignIn
from portal.services import accounts, limits, team, team_page
from portal.services.accounts import BadAccount
from portal.services.callers import SignedIn
from portal.unit_of_work import writing
from portal.views import _htmx
from portal.views._guard import caller, requires
from portal.views.forms import tell
from portal.views.team import ROLE_WORDS
from portal.views.team_forms import PasswordForm

blueprint = Blueprint("you", __name__, url_prefix="/you")


@blueprint.get("")
@requires(Role.VIEWER)
def show() -> str | tuple[str, int]:
    return _page(PasswordForm())


@blueprint.post("/password")
@requires(Role.VIEWER)
def password() -> BaseResponse | str | tuple[str, int]:
    """Another password; every other browser of this person is signed out."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return _page(form)
    try:
        _change(form)
    except BadAccount as bad:
        tell(form, bad.field, bad.words, "password")
        return _page(form)
    flash(gettext("Your password is changed. Other browsers are signed out."), "good")
    return _htmx.go_to(url_for("you.show"))


@blueprint.post("/sign-ins/<int:sign_in_id>/end")
@requires(Role.VIEWER)
def end_sign_in(sign_in_id: int) -> BaseResponse:
    """Signs another browser of this person out."""
    found = db.session.get(SignIn, sign_in_id)
    if found is None or found.manager_id != caller().manager_id:
        abort(404)
    with writing() as session:
        team.end_sign_in(session, session.get_one(SignIn, sign_in_id), caller().actor)
    flash(gettext("That browser is signed out."), "good")
    return _htmx.go_to(url_for("you.show"))


def _change(form: PasswordForm) -> None:
    """1. A try is taken from the bucket of signing in: a borrowed browser guesses no faster here.
    2. The password of today is compared, the new one judged and hashed, outside any transaction.
    3. It is stored, other browsers are signed out, and the try is given back."""
    me = _signed_in()
    now = clock.now()
    who = token_hash(me.email)[:32]
    try:
        with writing() as session:
            limits.take(session, limits.SIGN_IN_PER_EMAIL, who, now)
    except limits.Limited as limited:
        minutes = max(1, ceil(limited.retry_after.total_seconds() / 60))
        words = ngettext(
            "Too many tries. Wait a minute, then try again.",
            "Too many tries. Wait %(num)s minutes, then try again.",
            minutes,
        )
        raise BadAccount("current", words) from limited
    stored = db.session.get_one(Manager, me.manager_id).password_hash
    if not accounts.is_password(stored, form.current.data or ""):
        raise BadAccount("current", gettext("This is not your password of today."))
    new = form.password.data or ""
    accounts.require_good_password(new, me.email)
    hashed = accounts.hash_password(new)
    with writing() as session:
        person = session.get_one(Manager, me.manager_id)
        team.change_password(session, person, hashed, me.sign_in_id, me.actor)
        limits.give_back(session, limits.SIGN_IN_PER_EMAIL, who, now)


def _page(form: PasswordForm) -> str | tuple[str, int]:
    me = _signed_in()
    page = render_template(
        "you/show.html",
        form=form,
        me=me,
        role_words=ROLE_WORDS,
        browsers=team_page.browsers(db.session(), me.manager_id, me.sign_in_id),
    )
    return (page, 422) if form.errors else page


def _signed_in() -> SignedIn:
    """Pages are asked for by browsers only: tokens open the API and nothing else."""
    return cast(SignedIn, caller())
