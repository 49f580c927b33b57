"""The guest's own page: when, which code, how to key it in, and help where it does not open.

Whoever has the link is the guest. Its random token stands in the address and nowhere else: not in
a log (portal.logging), not in a link of the page, not in what the browser tells other sites. What
opens nothing is answered in one way, whether it never existed, was revoked or is over.
"""

import re
from collections.abc import Callable
from hmac import compare_digest
from math import ceil
from typing import Any, Final

import structlog
from flask import Blueprint, Flask, Response, current_app, make_response, render_template, request
from flask import url_for as address_of
from flask_babel import force_locale, gettext, lazy_gettext
from itsdangerous import Signer
from werkzeug.wrappers import Response as BaseResponse

from portal import clock, tenancy
from portal.crypto import token_hash
from portal.domain import guest_view
from portal.extensions import csrf, db
from portal.models import Booking
from portal.services import guest_help, guest_links, guest_page, limits
from portal.services.guest_links import Visitor
from portal.services.guest_page import GuestPage
from portal.services.ringing import changing
from portal.unit_of_work import writing
from portal.views import _htmx, _language, _live
from portal.views._guard import public
from portal.views._remote import address
from portal.views._throttle import Throttle

log = structlog.get_logger(__name__)

# Links that open nothing, of one address; and looks at one page, which polls every few seconds.
WRONG_BURST: Final = 30
WRONG_PER_SECOND: Final = 0.1
LOOKS_BURST: Final = 60
LOOKS_PER_SECOND: Final = 2.0

_WHY: Final = "whoever has the random link is the guest"
# Programs of messengers that fetch a link to show what it leads to. A PIN is not for them.
# By their own names: "bot" alone would shut out the owners of a CUBOT phone.
_PREVIEW: Final = re.compile(
    r"(twitter|telegram|slack|discord|linkedin|google|bing|apple|pinterest)bot|"
    r"whatsapp/|facebookexternalhit|skypeuripreview",
    re.IGNORECASE,
)
_OLD_FORM: Final = lazy_gettext("That did not arrive. Please press the button once more.")

blueprint = Blueprint("guest", __name__, url_prefix="/guest")
# A guest has no session and needs no cookie: their forms carry a token made from their link.
csrf.exempt(blueprint)


def init_app(app: Flask) -> None:
    """Guests have their pages in `app`."""
    app.extensions["guest_strangers"] = Throttle(burst=WRONG_BURST, per_second=WRONG_PER_SECOND)
    app.extensions["guest_looks"] = Throttle(burst=LOOKS_BURST, per_second=LOOKS_PER_SECOND)
    app.register_blueprint(blueprint)


@blueprint.after_request
def _keep_to_ourselves(response: Response) -> Response:
    """The address is the key: no site is told it, no search engine keeps it."""
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/<token>")
@public(_WHY)
def show(token: str) -> BaseResponse:
    return _for_guest(token, lambda visitor: _page(token, visitor))


@blueprint.get("/<token>/live")
@public(_WHY)
def live(token: str) -> BaseResponse:
    """The part of the page that moves; 204 while it would say the same."""

    def answer(visitor: Visitor) -> BaseResponse:
        if _live.is_unchanged(visitor, clock.now()):
            return Response(status=204)
        return make_response(render_template("guest/_panel.html", **_context(token, visitor)))

    return _for_guest(token, answer)


@blueprint.post("/<token>/help")
@public(_WHY)
def ask_for_help(token: str) -> BaseResponse:
    """The doors are checked now and the manager is alerted; twice does no more than once."""

    def answer(visitor: Visitor) -> BaseResponse:
        if not _is_own_form(token):
            return _page(token, visitor, note=_OLD_FORM, status=403)
        try:
            _ask(visitor)
        except limits.Limited as limited:
            words = gettext("You have asked several times: we are on it, and your host knows.")
            page = _page(token, visitor, note=words, status=429)
            page.headers["Retry-After"] = str(ceil(limited.retry_after.total_seconds()))
            return page
        return _htmx.go_to(address_of("guest.show", token=token, _anchor="help"))

    return _for_guest(token, answer)


def _for_guest(token: str, answer: Callable[[Visitor], BaseResponse]) -> BaseResponse:
    """What `answer` makes for the visitor with this token, in their language and their tenancy."""
    if _is_only_a_look_ahead():
        return Response(status=204)
    strangers: Throttle = current_app.extensions["guest_strangers"]
    wait = strangers.wait(address())
    if wait:
        return _busy(wait)
    with tenancy.as_system():
        visitor = guest_links.find(db.session(), token, clock.now())
    if visitor is None:
        strangers.take(address())
        return _nothing_here()
    looks: Throttle = current_app.extensions["guest_looks"]
    wait = looks.take(token_hash(token))
    if wait:
        return _busy(wait)
    structlog.contextvars.bind_contextvars(
        account=visitor.account_id, actor=guest_help.GUEST, booking=visitor.booking_id
    )
    locale = _language.of_guest(visitor.language)
    with tenancy.as_account(visitor.account_id), force_locale(locale):
        return answer(visitor)


def _is_only_a_look_ahead() -> bool:
    """Whether no person looks: a messenger's preview, a browser that fetches ahead, a HEAD."""
    return (
        request.method == "HEAD"
        or "prefetch" in request.headers.get("Sec-Purpose", "")
        or _PREVIEW.search(request.user_agent.string) is not None
    )


def _nothing_here() -> BaseResponse:
    """The same answer to every link that opens nothing; an open page is left for it at once."""
    if _htmx.is_fragment_wanted():
        shown = address_of("guest.show", **(request.view_args or {}))
        return _htmx.answer("", 404, redirect=shown)
    with force_locale(_language.of_guest("")):
        return make_response(render_template("guest/nothing.html"), 404)


def _busy(wait: float) -> BaseResponse:
    with force_locale(_language.of_guest("")):
        page = make_response(render_template("guest/busy.html"), 429)
    page.headers["Retry-After"] = str(ceil(wait))
    return page


def _page(token: str, visitor: Visitor, *, note: Any = "", status: int = 200) -> Response:
    context = _context(token, visitor, is_opening=status == 200)
    return make_response(render_template("guest/show.html", note=note, **context), status)


def _context(token: str, visitor: Visitor, *, is_opening: bool = False) -> dict[str, Any]:
    page = _read(visitor, is_opening=is_opening)
    return {
        "page": page,
        "live_url": _live.url("guest.live", visitor, page.until, token=token),
        "help_url": address_of("guest.ask_for_help", token=token),
        "form_token": _form_token(token),
    }


def _read(visitor: Visitor, *, is_opening: bool) -> GuestPage:
    """The page; where it is the first to show this PIN that is written down with what it shows."""
    now = clock.now()
    page = guest_page.read(db.session(), visitor.booking_id, now)
    is_news = is_opening and visitor.is_opening_due(now)
    if not is_news and not guest_page.is_seeing_due(db.session(), visitor.booking_id, page):
        return page
    with writing() as session:
        page = guest_page.read(session, visitor.booking_id, now)
        guest_page.note_seen(session, visitor.booking_id, page, now)
        if is_opening:
            guest_links.note_opened(session, visitor, now)
    return page


def _ask(visitor: Visitor) -> None:
    now = clock.now()
    with changing() as session:
        booking = session.get_one(Booking, visitor.booking_id)
        if not guest_view.may_ask(guest_page.facts_of(session, booking), now):
            return
        limits.take(session, limits.GUEST_CALLS, str(visitor.link_id), now)
        is_new = guest_help.ask(session, booking, now)
    log.info("guest_asked_for_help", is_new=is_new)


def _is_own_form(token: str) -> bool:
    """Whether the form was made for this very link, and not sent by another website."""
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return False
    return compare_digest(request.form.get("form_token", "").encode(), _form_token(token).encode())


def _form_token(token: str) -> str:
    signer = Signer(current_app.secret_key or "", salt="guest-form")
    return signer.get_signature(token_hash(token)).decode()
