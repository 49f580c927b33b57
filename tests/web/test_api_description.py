"""The OpenAPI description is made from the code, and the code keeps to it."""

import json
from contextvars import Context
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode

from portal.views._throttle import Throttle
from tests.support.builders import make_booking, make_lock, make_property, make_token
from tests.support.client import PortalClient

CALLS = {
    ("get", "/api/v1/locks"),
    ("post", "/api/v1/properties"),
    ("put", "/api/v1/properties/{property_id}/locks"),
    ("put", "/api/v1/bookings/{source}/{external_id}"),
    ("get", "/api/v1/bookings/{booking_id}"),
    ("get", "/api/v1/bookings"),
    ("post", "/api/v1/bookings/{booking_id}/resync"),
    ("get", "/api/v1/bookings/{booking_id}/timeline"),
}


@pytest.fixture
def description(client: PortalClient) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    found: dict[str, Any] = answer.json
    return found


def test_it_describes_every_call_and_no_other(description: dict[str, Any]) -> None:
    described = {
        (method, path)
        for path, item in description["paths"].items()
        for method in item
        if method != "parameters"
    }

    assert described == CALLS


def test_every_call_says_what_it_does_and_how_errors_look(description: dict[str, Any]) -> None:
    for path, item in description["paths"].items():
        for method, call in item.items():
            if method != "parameters":
                assert call["summary"], f"{method} {path}"
                assert "default" in call["responses"], f"{method} {path}"


def test_errors_are_described_as_problem_details(description: dict[str, Any]) -> None:
    text = json.dumps(description["components"])

    assert "application/problem+json" in text
    assert "RFC 9457" in description["info"]["description"]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), sorted(CALLS))
def test_no_input_made_from_the_description_is_answered_500(
    app: Flask, method: str, path: str, mode: GenerationMode
) -> None:
    """Schemathesis makes bodies, paths and queries from the description, right and wrong ones."""
    lock = make_lock()
    make_booking(make_property(locks=[lock]))
    headers = {"Authorization": f"Bearer {make_token()}"}
    app.extensions["api_throttle"] = Throttle(burst=1_000_000, per_second=1)
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)
    answers = []

    @settings(
        max_examples=15,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method.upper()].as_strategy(generation_mode=mode))
    def attack(case: Case) -> None:
        answer = Context().run(case.call, headers=headers)
        answers.append(answer.status_code)
        assert answer.status_code < 500
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == ["application/problem+json"]

    try:
        attack()
    except Unsatisfiable:
        pytest.skip("there is nothing to get wrong about this call")

    assert set(answers) - {401}, "it tried nothing but requests without a token"
    assert 429 not in answers
