"""The client that acts for a connection, and the tokens it acts with."""

from datetime import datetime, timedelta
from typing import Final

import requests
from flask import current_app
from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from portal import clock
from portal.config import Settings
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Connection, ConnectionState
from portal.schlage.client import SchlageClient
from portal.schlage.errors import SchlageError, SchlageUnauthorized, SchlageUnavailable
from portal.schlage.oauth import SchlageOAuth, Tokens
from portal.unit_of_work import writing

REFRESH_EARLY: Final = timedelta(minutes=5)
REFRESH_TAKES_AT_MOST: Final = timedelta(seconds=60)


def oauth() -> SchlageOAuth:
    """The OAuth client of this installation."""
    settings: Settings = current_app.extensions["settings"]
    return SchlageOAuth(
        _http(),
        settings.schlage_authorize_url,
        settings.schlage_token_url,
        settings.schlage_client_id,
        settings.schlage_client_secret,
        f"{settings.public_url}/settings/door-locks/schlage/callback",
    )


def client_for(connection_id: int) -> SchlageClient:
    """A client that acts for this connection, with a token that is refreshed in time."""
    return _client(_TokenSource(connection_id))


def client_of(connection: Connection, now: datetime) -> SchlageClient:
    """The same for a connection whose row is at hand, which saves its first call a look.

    For calls that follow at once, not for a client that is kept.
    """
    return _client(_TokenSource(connection.id, _lasting_token(connection, now)))


def _client(tokens: "_TokenSource") -> SchlageClient:
    settings: Settings = current_app.extensions["settings"]
    return SchlageClient(
        _http(), settings.schlage_api_url, settings.schlage_subscription_key, tokens
    )


class _TokenSource:
    """Gives a connection's access token; refreshes it early, and one worker at a time."""

    def __init__(self, connection_id: int, at_hand: Secret | None = None) -> None:
        self._connection_id = connection_id
        self._at_hand = at_hand
        self._given: str | None = None

    def __call__(self, must_refresh: bool) -> str:
        now = clock.now()
        at_hand, self._at_hand = self._at_hand, None
        if not must_refresh and (lasting := at_hand or self._stored(now)):
            self._given = lasting.reveal()
            return self._given
        with writing() as session:
            connection = session.get_one(Connection, self._connection_id)
            token = connection.access_token.reveal() if connection.access_token else ""
            if connection.state is not ConnectionState.CONNECTED or not token:
                raise SchlageUnauthorized("This connection is signed out.")
            is_fresh = connection.expires_at is None or connection.expires_at > now
            is_lasting = not must_refresh and _lasting_token(connection, now) is not None
            # Refused, but another worker has refreshed meanwhile: theirs is tried first.
            was_replaced = must_refresh and self._given is not None and token != self._given
            if is_lasting or was_replaced:
                self._given = token
                return token
            if not self._claim(session, now):
                if is_fresh and not must_refresh:
                    self._given = token
                    return token
                raise SchlageUnavailable("Another worker is refreshing the sign-in.")
            secret = connection.refresh_token
        if secret is None:
            raise SchlageUnauthorized("Schlage gave no way to renew this sign-in.")
        self._given = self._refresh(secret)
        return self._given

    def _stored(self, now: datetime) -> Secret | None:
        """The token where it needs no refresh for a while: most calls, and no write lock."""
        session = db.session()
        session.rollback()
        try:
            connection = session.get(Connection, self._connection_id, populate_existing=True)
            return _lasting_token(connection, now) if connection is not None else None
        finally:
            session.rollback()

    def _claim(self, session: Session, now: datetime) -> bool:
        claimed = session.execute(
            update(Connection)
            .where(
                Connection.id == self._connection_id,
                (Connection.refreshing_until.is_(None)) | (Connection.refreshing_until <= now),
            )
            .values(refreshing_until=now + REFRESH_TAKES_AT_MOST)
            .execution_options(synchronize_session="fetch")
        )
        assert isinstance(claimed, CursorResult)
        return bool(claimed.rowcount)

    def _refresh(self, used: Secret) -> str:
        """The renewed token. Where the stored way to renew is another by then, what Schlage says of
        the old one is forgotten: a newer sign-in's token comes back, and of an ended one none.
        """
        failure: SchlageError | None = None
        tokens: Tokens | None = None
        try:
            tokens = oauth().refresh(used.reveal(), now=clock.now())
        except SchlageError as error:
            failure = error
        with writing() as session:
            connection = session.get_one(Connection, self._connection_id)
            if connection.refresh_token != used:
                if connection.state is ConnectionState.CONNECTED and connection.access_token:
                    return connection.access_token.reveal()
                raise SchlageUnauthorized("This connection is signed out.")
            connection.refreshing_until = None
            if tokens is not None:
                keep(connection, tokens)
                return tokens.access_token
        assert failure is not None
        raise failure


def _lasting_token(connection: Connection, now: datetime) -> Secret | None:
    """The connection's token, unless it is to be refreshed first or there is none to use."""
    is_early = connection.expires_at is None or connection.expires_at - REFRESH_EARLY > now
    is_usable = connection.state is ConnectionState.CONNECTED and is_early
    return connection.access_token if is_usable else None


def keep(connection: Connection, tokens: Tokens) -> None:
    """The connection has these tokens from now on, and its old way to renew where none is new."""
    connection.access_token = Secret(tokens.access_token)
    if tokens.refresh_token:
        connection.refresh_token = Secret(tokens.refresh_token)
    connection.expires_at = tokens.expires_at
    # A refresh that is still under way was of tokens before these, and holds nobody up.
    connection.refreshing_until = None


def _http() -> requests.Session:
    make: object = current_app.extensions["schlage_http"]
    assert callable(make)
    session = make()
    assert isinstance(session, requests.Session)
    return session
