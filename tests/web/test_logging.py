"""What stands in the logs, and what must never."""

import json
import logging

import pytest
import structlog
from flask import Flask

from portal import logging as portal_logging
from portal.domain.secret import Secret
from tests.support.builders import make_booking, make_manager, make_token
from tests.support.client import PASSWORD, PortalClient

FEED = "https://www.airbnb.example/calendar/ical/123.ics?s=0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET with Authorization: Bearer lb_abc-DEF.123", "lb_abc-DEF.123"),
        ("Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        (f"could not fetch {FEED}", "0123456789abcdef"),
        (f"could not fetch {FEED}", "123.ics"),
        ("webcal://user:pass@calendars.example/x", "pass"),
        ("callback?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz123", "SplxlOBeZQQYbYS6WxSbIA"),
        ("callback?code=SplxlOBeZQQYbYS6WxSbIA&state=xyz123", "xyz123"),
        ('{"accessCode": "482917", "name": "Ana"}', "482917"),
        ("{'access_token': 'eyJhbGciOi', 'expires_in': 3600}", "eyJhbGciOi"),
        ("refresh_token=abc123def", "abc123def"),
        ("client_secret: s3cr3t", "s3cr3t"),
        ("password=hunter2hunter2", "hunter2hunter2"),
        ("pin=482917", "482917"),
    ],
)
def test_texts_lose_their_secrets(text: str, hidden: str) -> None:
    assert hidden not in portal_logging.clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "the lock did not answer in time",
        "booking 482917 of account 7 was saved",
        'File "/work/portal/views/sign_in.py", line 42, in submit',
        "status: confirmed",
    ],
)
def test_harmless_texts_stay_as_they_are(text: str) -> None:
    assert portal_logging.clean(text) == text


def test_values_under_telling_names_are_masked_wherever_they_stand() -> None:
    event = {"event": "x", "pin": "482917", "request": {"headers": {"Authorization": "abc"}}}

    redacted = portal_logging.redact(None, "info", event)

    assert "482917" not in str(redacted)
    assert "abc" not in str(redacted)
    assert redacted["event"] == "x"


def test_a_secret_masks_itself(capfd: pytest.CaptureFixture[str]) -> None:
    portal_logging.configure(as_json=True)

    structlog.get_logger("test").info("stored", value=Secret("482917"), all=[Secret("482917")])

    assert "482917" not in capfd.readouterr().err


def test_an_exception_is_logged_without_its_local_variables_and_their_secrets(
    capfd: pytest.CaptureFixture[str],
) -> None:
    portal_logging.configure(as_json=True)

    def fail() -> None:
        digits = "482917"
        raise ValueError(f"Bearer {digits}abc refused")

    try:
        fail()
    except ValueError:
        structlog.get_logger("test").exception("it_failed")

    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert line["event"] == "it_failed"
    assert "ValueError" in line["exception"]
    assert "482917abc" not in line["exception"]


def test_lines_of_libraries_go_the_same_way(capfd: pytest.CaptureFixture[str]) -> None:
    portal_logging.configure(as_json=True)

    logging.getLogger("urllib3").warning("Retrying %s", FEED)

    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert line["event"] == "Retrying https://www.airbnb.example/…"
    assert line["level"] == "warning"


def test_a_request_has_one_line_without_its_query(
    client: PortalClient, capfd: pytest.CaptureFixture[str]
) -> None:
    client.get("/sign-in?next=/secret-place")

    (line,) = [json.loads(x) for x in capfd.readouterr().err.splitlines() if '"request"' in x]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/sign-in", 200)
    assert "secret-place" not in json.dumps(line)
    assert line["request_id"]


def test_lines_of_the_signed_in_name_who_by_number(
    app: Flask, capfd: pytest.CaptureFixture[str]
) -> None:
    manager = make_manager(email="maria@example.com")
    booking = make_booking(pin="274916")
    token = make_token(manager)
    capfd.readouterr()

    app.test_client().get(
        f"/api/v1/bookings/{booking.id}?reveal=pin", headers={"Authorization": f"Bearer {token}"}
    )

    logged = capfd.readouterr().err
    assert f'"account": {manager.account_id}' in logged
    assert '"actor": "api:' in logged
    for secret in ("274916", token, "maria@example.com", "reveal"):
        assert secret not in logged


def test_signing_in_leaves_neither_password_nor_address_in_the_log(
    client: PortalClient, capfd: pytest.CaptureFixture[str]
) -> None:
    make_manager(email="maria@example.com")
    capfd.readouterr()

    client.sign_in("maria@example.com", "wrong password 1")
    client.sign_in("maria@example.com", PASSWORD)

    logged = capfd.readouterr().err
    assert "sign_in_refused" in logged
    assert "signed_in" in logged
    for secret in ("maria@example.com", PASSWORD, "wrong password 1"):
        assert secret not in logged
