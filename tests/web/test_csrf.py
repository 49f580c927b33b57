"""Forms of other sites change nothing."""

import pytest
from flask import Flask

from portal.extensions import csrf
from tests.support.builders import make_manager
from tests.support.client import PortalClient

# Whatever protects these instead of a form's token.
EXEMPT = {
    "guest.ask_for_help": "a token made from the guest's link; tests/web/test_guest_page.py",
    "webhooks.receive": "the signature",
    "api_bookings.put": "the bearer token",
    "api_bookings.resync": "the bearer token",
    "api_properties.create": "the bearer token",
    "api_properties.set_locks": "the bearer token",
}


def changing_routes(app: Flask) -> list[tuple[str, str, str]]:
    """Endpoint, method and address of every route that may change something."""
    found = []
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            for method in sorted((rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}):
                values = {n: 1 if n.endswith("_id") else "api" for n in rule.arguments}
                found.append((rule.endpoint, method, app.url_for(rule.endpoint, **values)))
    return found


@pytest.fixture
def browser(client: PortalClient) -> PortalClient:
    """A browser that an owner signed in with."""
    client.become(make_manager())
    return client


def test_every_form_without_a_token_is_refused(app: Flask, browser: PortalClient) -> None:
    taken = [
        endpoint
        for endpoint, method, path in changing_routes(app)
        if endpoint not in EXEMPT and browser.open(path, method=method).status_code != 403
    ]

    assert taken == []


def test_a_token_of_another_session_is_refused(app: Flask, browser: PortalClient) -> None:
    foreign = app.test_client().csrf_token()
    browser.csrf_token()

    taken = [
        endpoint
        for endpoint, method, path in changing_routes(app)
        if endpoint not in EXEMPT
        and browser.open(path, method=method, data={"csrf_token": foreign}).status_code != 403
    ]

    assert taken == []


def test_the_exemptions_are_the_ones_we_know(app: Flask) -> None:
    exempt = set()
    for endpoint, _, path in changing_routes(app):
        with app.test_request_context(path):
            view = app.view_functions[endpoint]
            blueprint = app.blueprints.get(endpoint.rpartition(".")[0])
            if blueprint in csrf._exempt_blueprints:
                exempt.add(endpoint)
            assert f"{view.__module__}.{view.__name__}" not in csrf._exempt_views

    assert exempt == set(EXEMPT)


def test_a_form_that_the_browser_says_comes_from_another_site_is_refused(
    browser: PortalClient,
) -> None:
    answer = browser.send("/sign-out", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "another website" in answer.text


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_our_own_forms_are_taken(browser: PortalClient, site: str) -> None:
    assert browser.send("/sign-out", headers={"Sec-Fetch-Site": site}).status_code == 303


def test_the_token_may_come_as_the_header_that_htmx_sends(browser: PortalClient) -> None:
    headers = {"X-CSRFToken": browser.csrf_token(), "HX-Request": "true"}

    answer = browser.post("/sign-out", headers=headers)

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, "/sign-in")


def test_an_old_form_is_explained_in_words(browser: PortalClient) -> None:
    answer = browser.post("/sign-out")

    assert answer.status_code == 403
    assert "This form is too old or came from elsewhere" in answer.text
