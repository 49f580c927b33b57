"""Signing in and out."""

from datetime import timedelta
from math import ceil
from typing import Final

import structlog
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_babel import ngettext
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, tenancy
from portal.crypto import token_hash
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Role
from portal.services import limits, sign_ins
from portal.unit_of_work import writing
from portal.views import _htmx
from portal.views._guard import caller, own_path, public, requires
from portal.views._remote import address

log = structlog.get_logger(__name__)

blueprint = Blueprint("sign_in", __name__)

WRONG: Final = "E-mail address or password is wrong."


@blueprint.get("/sign-in")
@public("nobody is signed in before this")
def form() -> BaseResponse | str:
    wanted = own_path(request.args.get("next"), "/")
    if current_user.is_authenticated:
        return redirect(wanted, code=303)
    return render_template("sign_in/show.html", email="", wanted=wanted, error=None)


@blueprint.post("/sign-in")
@public("nobody is signed in before this")
def submit() -> BaseResponse | tuple[str, int] | tuple[str, int, dict[str, str]]:
    """Signs the manager in, or says that something is wrong without saying what.

    1. A try is taken from the buckets of the e-mail address and of the caller's network address,
       before anything is compared: tries at the same moment all count.
    2. The password is compared, in the same time whether or not anybody has this address.
    3. A good try is given back, and gets a sign-in with a token of its own.
    """
    email = request.form.get("email", "")
    password = request.form.get("password", "")
    wanted = own_path(request.form.get("next"), "/")
    now = clock.now()
    buckets = _buckets(email)
    with tenancy.as_system():
        try:
            with writing() as rows:
                for limit, who in buckets:
                    limits.take(rows, limit, who, now)
        except limits.Limited as limited:
            log.warning("sign_in_limited")
            return _refuse_for_now(email, wanted, limited.retry_after)
        manager = sign_ins.manager_with(db.session(), email, password)
        if manager is None:
            log.info("sign_in_refused")
            page = render_template("sign_in/show.html", email=email, wanted=wanted, error=WRONG)
            return page, 422
        manager_id = manager.id
        with writing() as rows:
            for limit, who in buckets:
                limits.give_back(rows, limit, who, now)
            sign_ins.renew_hash(rows, manager_id, password)
            token = sign_ins.start(rows, manager_id, request.user_agent.string, now)
    _remember(token)
    log.info("signed_in", manager=manager_id)
    return redirect(wanted, code=303)


@blueprint.post("/sign-out")
@requires(Role.VIEWER)
def sign_out() -> BaseResponse:
    signed_in = caller()
    with writing() as rows:
        sign_ins.end(rows, getattr(signed_in, "sign_in_id"))  # noqa: B009
    logout_user()
    session.clear()
    return _htmx.go_to(url_for("sign_in.form"))


def _remember(token: Secret) -> None:
    """The cookie holds the token and nothing of the browser's life before: no fixed session."""
    with tenancy.as_system():
        signed_in = sign_ins.find(db.session(), token.reveal(), clock.now())
    session.clear()
    login_user(signed_in)
    # Flask-Login's own notes about address and browser are not used (see _guard.init_app).
    session.pop("_id", None)
    session.pop("_fresh", None)
    session.permanent = True


def _buckets(email: str) -> list[tuple[limits.Limit, str]]:
    # Hashed: the table is not to become a list of the addresses that strangers try.
    email_mark = token_hash(sign_ins.accounts.normalised_email(email))[:32]
    return [
        (limits.SIGN_IN_PER_EMAIL, email_mark),
        (limits.SIGN_IN_PER_ADDRESS, token_hash(address())[:32]),
    ]


def _refuse_for_now(
    email: str, wanted: str, retry_after: timedelta
) -> tuple[str, int, dict[str, str]]:
    seconds = max(1, ceil(retry_after.total_seconds()))
    minutes = ceil(seconds / 60)
    words = ngettext(
        "Too many tries. Wait a minute, then try again.",
        "Too many tries. Wait %(num)s minutes, then try again.",
        minutes,
    )
    page = render_template("sign_in/show.html", email=email, wanted=wanted, error=words)
    return page, 429, {"Retry-After": str(seconds)}
