"""Team: who works here and what each may do, and the tokens of their programs. For owners."""

from typing import Any, Final

from flask import Blueprint, abort, flash, render_template, request, url_for
from flask_babel import gettext, lazy_gettext
from werkzeug.wrappers import Response as BaseResponse
from wtforms.fields.choices import SelectChoice

from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import ApiToken, Manager, Role
from portal.services import team, team_page
from portal.services.accounts import BadAccount
from portal.unit_of_work import writing
from portal.views import _htmx, filters
from portal.views._guard import caller, requires
from portal.views.forms import tell
from portal.views.team_forms import PersonForm, RoleForm, TokenForm

blueprint = Blueprint("team", __name__, url_prefix="/team")

ROLE_WORDS: Final = {
    Role.OWNER: (
        lazy_gettext("Owner"),
        lazy_gettext("everything, also team, tokens and connections"),
    ),
    Role.MANAGER: (lazy_gettext("Manager"), lazy_gettext("bookings, locks, properties, import")),
    Role.STAFF: (
        lazy_gettext("Staff"),
        lazy_gettext("today's and tomorrow's arrivals and their PINs"),
    ),
    Role.VIEWER: (lazy_gettext("Viewer"), lazy_gettext("reads everything, sees no PIN")),
}


@blueprint.get("")
@requires(Role.OWNER)
def index() -> str:
    session = db.session()
    return render_template(
        "team/index.html",
        people=team_page.people(session),
        tokens=team_page.tokens(session),
        lines=team_page.history(session),
        zone=team_page.zone(session),
        role_words=ROLE_WORDS,
        own_id=caller().manager_id,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@requires(Role.OWNER)
def new() -> BaseResponse | str | tuple[str, int]:
    """Somebody new, with a first password that the owner passes on."""
    form = PersonForm()
    form.role.choices = _role_choices()
    if form.validate_on_submit():
        try:
            with writing() as session:
                team.add(
                    session,
                    caller().account_id,
                    name=form.name.data or "",
                    email=form.email.data or "",
                    password=form.password.data or "",
                    role=Role(form.role.data),
                    actor=caller().actor,
                )
        except BadAccount as bad:
            tell(form, bad.field, bad.words, "email")
        else:
            flash(
                gettext(
                    "%(name)s can sign in now. Pass the password on in person; they choose their "
                    "own by a click on their name at the top.",
                    name=form.name.data,
                ),
                "good",
            )
            return _to_team()
    return _form_page("team/new.html", form)


@blueprint.get("/<int:manager_id>")
@requires(Role.OWNER)
def show(manager_id: int) -> str | tuple[str, int]:
    person = _person(manager_id)
    form = RoleForm(role=str(person.role))
    form.role.choices = _role_choices()
    return _person_page(person, form)


@blueprint.post("/<int:manager_id>/role")
@requires(Role.OWNER)
def role(manager_id: int) -> BaseResponse | str | tuple[str, int]:
    _person(manager_id)
    form = RoleForm()
    form.role.choices = _role_choices()
    if form.validate_on_submit():
        try:
            with writing() as session:
                person = session.get_one(Manager, manager_id)
                is_changed = team.change_role(session, person, Role(form.role.data), caller().actor)
                name = person.name
        except BadAccount as bad:
            tell(form, "role", bad.words, "role")
        else:
            if is_changed:
                flash(gettext("The role of %(name)s is changed, at once.", name=name), "good")
            is_own = manager_id == caller().manager_id
            return _htmx.go_to(url_for("you.show")) if is_own and is_changed else _to_team()
    return _person_page(_person(manager_id), form)


@blueprint.post("/<int:manager_id>/disable")
@requires(Role.OWNER)
def disable(manager_id: int) -> BaseResponse | str | tuple[str, int]:
    """Signs the person out everywhere; they cannot sign in until an owner lets them."""
    name = _person(manager_id).name
    try:
        with writing() as session:
            team.disable(session, session.get_one(Manager, manager_id), caller().actor)
    except BadAccount as bad:
        flash(filters.tr(bad.words), "bad")
        return _htmx.go_to(url_for("team.show", manager_id=manager_id))
    flash(gettext("%(name)s is signed out and shut out.", name=name), "good")
    return _to_team()


@blueprint.post("/<int:manager_id>/enable")
@requires(Role.OWNER)
def enable(manager_id: int) -> BaseResponse:
    name = _person(manager_id).name
    with writing() as session:
        team.enable(session, session.get_one(Manager, manager_id), caller().actor)
    flash(gettext("%(name)s can sign in again.", name=name), "good")
    return _to_team()


@blueprint.route("/tokens/new", methods=["GET", "POST"])
@requires(Role.OWNER)
def new_token() -> str | tuple[str, int]:
    """Makes a token; the page that answers is the only one that ever shows it."""
    form = TokenForm()
    active = [person for person in team_page.people(db.session()) if person.is_active]
    form.manager_id.choices = [
        SelectChoice(person.id, f"{person.name} ({ROLE_WORDS[person.role][0]})")
        for person in active
    ]
    if form.manager_id.data is None:
        form.manager_id.data = caller().manager_id
    if form.validate_on_submit():
        try:
            token = _make_token(form)
        except BadAccount as bad:
            tell(form, bad.field, bad.words, "name")
        else:
            return render_template("team/token.html", token=token, name=form.name.data)
    return _form_page("team/new_token.html", form)


@blueprint.route("/tokens/<int:token_id>/revoke", methods=["GET", "POST"])
@requires(Role.OWNER)
def revoke(token_id: int) -> BaseResponse | str:
    """Asks first: a program that still uses the token stops working."""
    token = db.session.get(ApiToken, token_id)
    if token is None:
        abort(404)
    if request.method == "GET":
        return render_template("team/revoke.html", token=token)
    with writing() as session:
        team.revoke_token(session, session.get_one(ApiToken, token_id), caller().actor)
    flash(gettext("The token is revoked. Programs that hold it are refused."), "good")
    return _htmx.go_to(url_for("team.index", _anchor="tokens"))


def _make_token(form: TokenForm) -> Secret:
    with writing() as session:
        found: Secret = team.make_token(
            session,
            session.get_one(Manager, form.manager_id.data),
            name=form.name.data or "",
            can_reveal_pins=bool(form.can_reveal_pins.data),
            actor=caller().actor,
        )
    return found


def _person(manager_id: int) -> Manager:
    person: Manager | None = db.session.get(Manager, manager_id)
    if person is None:
        abort(404)
    return person


def _role_choices() -> list[SelectChoice]:
    return [SelectChoice(str(role), f"{name}: {what}") for role, (name, what) in ROLE_WORDS.items()]


def _person_page(person: Manager, form: RoleForm) -> str | tuple[str, int]:
    return _form_page(
        "team/show.html", form, person=person, is_own=person.id == caller().manager_id
    )


def _form_page(template: str, form: Any, **context: Any) -> str | tuple[str, int]:
    page = render_template(template, form=form, **context)
    return (page, 422) if form.errors else page


def _to_team() -> BaseResponse:
    return _htmx.go_to(url_for("team.index"))
