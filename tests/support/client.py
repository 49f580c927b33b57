"""The test client: each request in a context of its own, as on a server."""

import re
from contextvars import Context
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

PASSWORD = "correct horse battery"


class PortalClient(FlaskClient):
    """A browser or program that talks to the portal.

    Requests run in an empty context: neither the test's tenancy scope nor its database session can
    hide that a view forgot its own.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        return Context().run(super().open, *args, **kwargs)

    def csrf_token(self, page: str = "/sign-in") -> str:
        """A token of this browser's session, read from a page as a person's form would carry it."""
        html = self.get(page).text
        found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', html) or re.search(
            r'name="csrf-token"[^>]*content="([^"]+)"', html
        )
        assert found, f"{page} carries no CSRF token"
        return found.group(1)

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        """The answer to signing in through the form."""
        data = {"email": email, "password": password, "csrf_token": self.csrf_token(), **fields}
        return self.post("/sign-in", data=data)

    def send(self, path: str, page: str = "/sign-in", **fields: str) -> TestResponse:
        """The answer to a form sent to `path` with a valid CSRF token (htmx: as a header)."""
        return self.post(path, data={**fields, "csrf_token": self.csrf_token(page)})
