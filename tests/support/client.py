"""The test client: each request in a context of its own, as on a server."""

import secrets
from contextvars import Context
from typing import Any

from flask import has_app_context
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from werkzeug.test import TestResponse

from portal import clock
from portal.extensions import db
from portal.models import Manager
from portal.services import sign_ins
from portal.unit_of_work import writing

PASSWORD = "correct horse battery"


class PortalClient(FlaskClient):
    """A browser or program that talks to the portal.

    Requests run in an empty context: neither the test's tenancy scope nor its database session can
    hide that a view forgot its own.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        # Read to its end, so that files it is served from are closed.
        kwargs.setdefault("buffered", True)
        try:
            return Context().run(super().open, *args, **kwargs)
        finally:
            if has_app_context():
                # The test's own session ends its transaction, or it would not see what changed.
                db.session.rollback()

    def become(self, manager: Manager) -> None:
        """This browser is signed in as the manager, without the time that hashing takes."""
        with writing() as rows:
            token = sign_ins.start(rows, manager.id, "a test", clock.now())
        with self.session_transaction() as cookie:
            cookie["_user_id"] = token.reveal()
            cookie.permanent = True

    def csrf_token(self) -> str:
        """A token of this browser's session, as Flask-WTF puts it into forms."""
        with self.session_transaction() as cookie:
            seed = cookie.setdefault("csrf_token", secrets.token_hex(20))
        key = self.application.secret_key
        return str(URLSafeTimedSerializer(key, salt="wtf-csrf-token").dumps(seed))

    def sign_in(self, email: str, password: str = PASSWORD, **fields: str) -> TestResponse:
        """The answer to signing in through the form."""
        data = {"email": email, "password": password, "csrf_token": self.csrf_token(), **fields}
        return self.post("/sign-in", data=data)

    def send(self, path: str, headers: Any = None, **fields: Any) -> TestResponse:
        """The answer to a form sent to `path` with a valid CSRF token."""
        data = {**fields, "csrf_token": self.csrf_token()}
        return self.post(path, data=data, headers=headers)
