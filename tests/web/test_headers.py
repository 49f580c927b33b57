"""The headers of every answer, and the cookie."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from portal import create_app
from portal.views import headers
from tests.support.bells import FakeBell
from tests.support.builders import make_manager
from tests.support.client import PortalClient
from tests.support.settings import make_settings

EXPECTED_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}


@pytest.fixture
def https_app(database_url: str, app: Flask) -> Iterator[Flask]:
    """The same portal on a public address."""
    settings = make_settings(DATABASE_URL=database_url, PUBLIC_URL="https://doors.example.com")
    app = create_app(settings, bell=FakeBell())
    app.test_client_class = PortalClient
    yield app
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def answers(client: PortalClient) -> Iterator[TestResponse]:
    """Pages, data, redirects, errors and static files."""
    for path in ("/sign-in", "/sign-out", "/healthz", "/nowhere", "/api/v1/locks", "/readyz"):
        yield client.get(path)
    yield client.post("/sign-in")
    yield client.post("/webhooks/schlage")
    yield client.get("/static/css/latchboard.css")
    yield client.get("/static/nowhere.css")


def test_every_answer_carries_the_strict_headers(client: PortalClient) -> None:
    for answer in answers(client):
        for name, value in headers.ALWAYS.items():
            assert answer.headers.getlist(name) == [value], answer.request.path


def test_the_policy_is_strict_and_has_nothing_unsafe(client: PortalClient) -> None:
    policy = client.get("/sign-in").headers["Content-Security-Policy"]

    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert parts == EXPECTED_POLICY
    assert "unsafe" not in policy


def test_pages_are_kept_by_no_cache(client: PortalClient) -> None:
    for path in ("/sign-in", "/nowhere", "/api/v1/locks", "/healthz"):
        assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_static_file_under_its_hash_is_kept_for_ever_and_under_its_name_is_not(
    client: PortalClient,
) -> None:
    hashed = next(
        part.split('"')[0]
        for part in client.get("/sign-in").text.split('href="')
        if part.startswith("/static/css/latchboard.")
    )

    assert "immutable" in client.get(hashed).headers["Cache-Control"]
    assert "immutable" not in client.get("/static/css/latchboard.css").headers["Cache-Control"]
    assert client.get(hashed).data == client.get("/static/css/latchboard.css").data


def test_caches_keep_pages_and_fragments_apart(client: PortalClient) -> None:
    assert "HX-Request" in client.get("/sign-in").headers["Vary"]


def test_on_loopback_the_cookie_goes_without_secure(client: PortalClient) -> None:
    cookie = client.sign_in(make_manager().email).headers["Set-Cookie"]

    assert cookie.startswith("latchboard=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_on_https_the_cookie_is_bound_to_the_host(https_app: Flask) -> None:
    client = https_app.test_client()

    cookie = client.get("/sign-in", base_url="https://doors.example.com").headers["Set-Cookie"]

    assert cookie.startswith("__Host-latchboard=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie


def test_https_is_asked_for_a_year_where_it_is_used(https_app: Flask, client: PortalClient) -> None:
    there = https_app.test_client().get("/healthz", base_url="https://doors.example.com")

    assert there.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" not in client.get("/healthz").headers


def test_the_portal_answers_to_its_own_names_only(client: PortalClient) -> None:
    wrong = client.get("/sign-in", base_url="http://evil.example/")

    assert wrong.status_code == 400
    assert "PUBLIC_URL" in wrong.text
    assert client.get("/sign-in", base_url="http://127.0.0.1:8123/").status_code == 200


def test_forwarded_addresses_count_only_behind_as_many_proxies_as_are_set(
    database_url: str, app: Flask
) -> None:
    behind_one = create_app(
        make_settings(DATABASE_URL=database_url, PROXY_HOPS="1"), bell=FakeBell()
    )
    forged = {"X-Forwarded-For": "127.0.0.1, 203.0.113.9"}

    answer = behind_one.test_client().get("/metrics", headers=forged)

    assert answer.status_code == 403
    with behind_one.app_context():
        behind_one.extensions["sqlalchemy"].engine.dispose()
