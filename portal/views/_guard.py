"""Who may call which view, said at the view and enforced here.

Every view says the least role it needs with `@requires(Role.X)`, or with `@public("why")` that it
needs none. A view that says neither stops the app from starting. The rest of the request then runs
inside its account's tenancy: other accounts' rows do not exist for it, so a foreign id is a missing
id by construction.
"""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import structlog
from flask import Flask, Response, abort, current_app, g, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, tenancy
from portal.domain.sentences import Sentence, word
from portal.extensions import csrf, db, login
from portal.models import Role
from portal.services import roles, sign_ins, tokens
from portal.services.callers import Caller, SignedIn, TokenHolder
from portal.unit_of_work import writing
from portal.views import _htmx

View = TypeVar("View", bound=Callable[..., Any])

API_PREFIX: Final = "/api/"
_ROLE: Final = "_least_role"
_PUBLIC: Final = "_public_because"
_MAY_NOT: Final = Sentence(
    "This needs the role “{least}”, and you are “{own}”.", ours={"least", "own"}
)
_ROLES: Final = {
    Role.OWNER: word("owner"),
    Role.MANAGER: word("manager"),
    Role.STAFF: word("staff"),
    Role.VIEWER: word("viewer"),
}


class UndeclaredView(Exception):
    """A view says neither which role it needs nor that it is public. The app does not start."""


def requires(least: Role) -> Callable[[View], View]:
    """The view may be called by this role and by every role that may do more."""

    def mark(view: View) -> View:
        setattr(view, _ROLE, least)
        return view

    return mark


def public(because: str) -> Callable[[View], View]:
    """The view may be called by anybody; `because` says why that is right."""

    def mark(view: View) -> View:
        setattr(view, _PUBLIC, because)
        return view

    return mark


def least_role(view: Callable[..., Any]) -> Role | None:
    """The role that a view asks for; None when it is public."""
    return getattr(view, _ROLE, None)


def is_public(view: Callable[..., Any]) -> bool:
    return hasattr(view, _PUBLIC)


def caller() -> Caller:
    """Who sent this request: for views that asked for a role, and for whoever is signed in."""
    found: Caller = g.caller if "caller" in g else current_user._get_current_object()
    return found


def init_app(app: Flask) -> None:
    """Requests of this app pass the guard. Call `require_declarations` once all views are there."""
    # What protects the cookie is that its token is random, hashed and revocable. Binding it to
    # address and browser as well would sign people out in trains.
    login.session_protection = None
    login.user_loader(_load_signed_in)
    public("files of the front end")(app.view_functions["static"])
    app.before_request(_refuse_cross_site)
    app.before_request(_admit)
    app.teardown_request(_leave)


def require_declarations(app: Flask) -> None:
    """Raises UndeclaredView, naming them, when views say nothing about who may call them."""
    silent = [
        name
        for name, view in app.view_functions.items()
        if not is_public(view) and least_role(view) is None
    ]
    if silent:
        raise UndeclaredView(
            f"{', '.join(sorted(silent))}: add @requires(Role.X) or @public('why') to the view."
        )


def own_path(address: str | None, otherwise: str) -> str:
    """The address where it is a path on this site, else `otherwise`.

    `//host`, `/\\host` and control characters are what browsers may read as another site.
    """
    if not address or not address.startswith("/") or address[1:2] in ("/", "\\"):
        return otherwise
    if any(ord(character) < 32 or character == "\\" for character in address):
        return otherwise
    try:
        parts = urlsplit(address)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else address


def _load_signed_in(token: str) -> SignedIn | None:
    with tenancy.as_system():
        return sign_ins.find(db.session(), token, clock.now())


def _refuse_cross_site() -> None:
    """Forms of other sites are refused by the browser's own word, beside the CSRF token."""
    if request.method in ("GET", "HEAD", "OPTIONS") or _view_is_exempt():
        return
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        abort(403, "This form was sent from another website.")


def _view_is_exempt() -> bool:
    exempt: bool = csrf._is_exempt()
    return exempt


def _admit() -> BaseResponse | None:
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or is_public(view):
        return None
    least = least_role(view)
    if least is None:  # added after the start: never open by oversight
        abort(403)
    found = _bearer() if request.path.startswith(API_PREFIX) else _signed_in()
    if isinstance(found, BaseResponse):
        return found
    g.caller = found
    structlog.contextvars.bind_contextvars(account=found.account_id, actor=found.actor)
    if not roles.is_at_least(found.role, least):
        abort(403, _MAY_NOT(least=_ROLES[least], own=_ROLES[found.role]))
    g.tenancy = ExitStack()
    g.tenancy.enter_context(tenancy.as_account(found.account_id))
    return None


def _leave(_error: BaseException | None) -> None:
    stack: ExitStack | None = g.pop("tenancy", None)
    if stack is not None:
        stack.close()


def _signed_in() -> SignedIn | BaseResponse:
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    # The value itself, not Flask-Login's proxy: it is passed on and compared.
    signed_in: SignedIn = current_user._get_current_object()
    now = clock.now()
    if sign_ins.is_seen_due(signed_in, now):
        with tenancy.as_account(signed_in.account_id), writing() as session:
            sign_ins.note_seen(session, signed_in.sign_in_id, now)
    return signed_in


def _ask_to_sign_in() -> BaseResponse:
    wanted = _htmx.current_path() if _htmx.request.htmx else request.full_path.rstrip("?")
    if request.method not in ("GET", "HEAD") and not _htmx.request.htmx:
        wanted = None
    address = url_for("sign_in.form")
    wanted = own_path(wanted, "/")
    if wanted != "/":
        address += f"?next={quote(wanted, safe='/')}"
    return _htmx.go_to(address, status=401)


def _bearer() -> TokenHolder | Response:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    holder = None
    if scheme.lower() == "bearer" and token.strip():
        with tenancy.as_system():
            holder = tokens.find(db.session(), token.strip())
    if holder is None:
        abort(401, "Send a token of this account: Authorization: Bearer <token>.")
    now = clock.now()
    if tokens.is_use_due(holder, now):
        with tenancy.as_account(holder.account_id), writing() as session:
            tokens.note_used(session, holder.token_id, now)
    return holder
