"""A program that uses the API."""

from datetime import timedelta
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from portal import clock
from portal.models import Property
from tests.support.builders import make_token


class Program:
    """Sends JSON with a bearer token, as an account's own software would."""

    def __init__(self, app: Flask, token: str | None = None) -> None:
        self._client = app.test_client()
        self._headers = {"Authorization": f"Bearer {token or make_token()}"}

    def get(self, path: str) -> TestResponse:
        return self._client.get(path, headers=self._headers)

    def post(self, path: str, **body: Any) -> TestResponse:
        return self._client.post(path, headers=self._headers, json=body)

    def put(self, path: str, **body: Any) -> TestResponse:
        return self._client.put(path, headers=self._headers, json=body)

    def send(self, method: str, path: str, **options: Any) -> TestResponse:
        """Anything else, such as bodies that are no JSON."""
        headers = {**self._headers, **options.pop("headers", {})}
        return self._client.open(path, method=method, headers=headers, **options)

    def items(self, path: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        found: list[dict[str, Any]] = []
        next_path: str | None = path
        while next_path:
            answer = self.get(next_path)
            assert answer.status_code == 200, answer.text
            found += answer.json["items"]
            next_path = answer.json["next"]
        return found


def stay(place: Property, **changes: Any) -> dict[str, Any]:
    """The body of a booking that arrives in ten days."""
    arrives = (clock.now() + timedelta(days=10)).date()
    body = {
        "property_id": place.id,
        "guest_name": "Ana Guest",
        "guest_phone": "+1 212 555 0142",
        "arrives": arrives.isoformat(),
        "departs": (arrives + timedelta(days=3)).isoformat(),
    }
    return body | changes


def faults(answer: TestResponse) -> dict[str, str]:
    """What a problem says is wrong, by field."""
    assert answer.content_type == "application/problem+json", answer.text
    return {error["field"]: error["detail"] for error in answer.json["errors"]}
