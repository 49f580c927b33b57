"""Errors in words, as pages and as problems of the API."""

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from portal import create_app
from portal.extensions import db
from portal.models import Role
from portal.views._guard import public, requires
from tests.support.bells import FakeBell
from tests.support.builders import make_manager, make_token
from tests.support.client import PortalClient
from tests.support.settings import make_settings

SECRET = "482917"


@pytest.fixture
def broken_app(database_url: str, app: Flask) -> Iterator[Flask]:
    """The portal with views that fail, as a server would run it."""
    broken = create_app(make_settings(DATABASE_URL=database_url), bell=FakeBell())
    broken.test_client_class = PortalClient

    @broken.get("/fails")
    @public("a test")
    def fails() -> str:
        pin = SECRET
        raise RuntimeError(f"it broke with {pin}")

    @broken.get("/api/v1/fails")
    @requires(Role.VIEWER)
    def api_fails() -> str:
        raise RuntimeError(f"it broke with {SECRET}")

    @broken.get("/no-database")
    @public("a test")
    def no_database() -> str:
        raise OperationalError("SELECT secret", {}, Exception("unable to open database file"))

    yield broken
    with broken.app_context():
        db.engine.dispose()


def test_a_missing_page_says_so_and_where_to_go(client: PortalClient) -> None:
    answer = client.get("/nowhere")

    assert answer.status_code == 404
    assert "There is nothing here" in answer.text
    assert 'href="/"' in answer.text


def test_our_own_fault_is_a_page_with_a_number_to_look_up_and_no_details(
    broken_app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = broken_app.test_client().get("/fails")

    number = answer.text.partition("<code>")[2].partition("</code>")[0]
    logged = capfd.readouterr().err
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    assert len(number) == 12
    assert f'"request_id": "{number}"' in logged
    assert "RuntimeError" in logged


def test_our_own_fault_in_the_api_is_a_problem_with_the_number(broken_app: Flask) -> None:
    headers = {"Authorization": f"Bearer {make_token()}"}

    answer = broken_app.test_client().get("/api/v1/fails", headers=headers)

    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert len(answer.json["request_id"]) == 12
    assert SECRET not in answer.text


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(broken_app: Flask) -> None:
    answer = broken_app.test_client().get("/no-database")

    assert answer.status_code == 503
    assert "cannot reach its database" in answer.text
    assert "SELECT" not in answer.text


def test_a_wrong_method_says_which_are_right(client: PortalClient) -> None:
    client.become(make_manager())

    answer = client.get("/sign-out")

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_too_low_a_role_is_told_in_words(broken_app: Flask) -> None:
    @broken_app.get("/owners")
    @requires(Role.OWNER)
    def owners() -> str:
        return ""

    client = broken_app.test_client()
    client.become(make_manager(role=Role.VIEWER))

    answer = client.get("/owners")

    assert answer.status_code == 403
    assert "This needs the role “owner”, and you are “viewer”." in answer.text


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client: PortalClient) -> None:
    answer = client.post("/sign-in", data=b"x" * (4 * 1024 * 1024))

    assert answer.status_code == 413


def test_error_pages_of_the_signed_in_look_the_same_as_of_strangers(client: PortalClient) -> None:
    """Nothing on it tells who is looking: it is the same page for a foreign and a missing id."""
    stranger = client.get("/nowhere").data
    client.become(make_manager())

    assert client.get("/nowhere").data == stranger


@pytest.mark.parametrize("path", ["/%00", "/bookings/99999999999999999999999", "/%ff%fe"])
def test_odd_addresses_are_not_found_and_no_error(client: PortalClient, path: str) -> None:
    client.become(make_manager())

    assert client.get(path).status_code == 404
