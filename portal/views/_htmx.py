"""The one door to htmx-flask.

What works there is used (reading the request's headers, `redirect`, `trigger`, `retarget`);
`reswap` is not, because it refuses the words that morphing needs. Leaving the package is a change
of this file alone.
"""

from urllib.parse import urlsplit

from flask import Flask, Response, redirect
from htmx_flask import Htmx, make_response, request
from werkzeug.wrappers import Response as BaseResponse

__all__ = ["answer", "current_path", "go_to", "init_app", "is_fragment_wanted"]


def init_app(app: Flask) -> None:
    """Requests of this app know about htmx, and caches keep pages and fragments apart."""
    Htmx().init_app(app)
    app.after_request(_vary)


def is_fragment_wanted() -> bool:
    """Whether htmx asks for a part of a page.

    Boosted links and the way back through the history come from htmx too, and want whole pages.
    """
    htmx = request.htmx
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def current_path() -> str | None:
    """Path and query of the page that the person looks at, when htmx sends this request."""
    url = request.htmx.current_url
    if not url:
        return None
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def go_to(address: str, *, status: int = 200) -> BaseResponse:
    """The browser opens this address next, whether htmx or the browser itself sent the request.

    A redirect would be followed by htmx and the page it leads to swapped into a table cell.
    """
    if request.htmx:
        return answer("", status, redirect=address)
    return redirect(address, code=303)


def answer(
    body: str = "",
    status: int = 200,
    *,
    trigger: str | dict[str, object] | None = None,
    retarget: str | None = None,
    redirect: str | None = None,
) -> Response:
    """A reply to htmx, with the headers that make it do something beside the swap."""
    response: Response = make_response(
        body, status, trigger=trigger, retarget=retarget, redirect=redirect
    )
    return response


def _vary(response: Response) -> Response:
    response.vary.add("HX-Request")
    return response
