"""Signing in to a Schlage Home account: OAuth 2.0 authorization code with state and PKCE.

Tokens are opaque here: nothing is read out of them. How long one lasts is what the token
endpoint says, since the vendor publishes no lifetimes.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import requests
from authlib.common.security import generate_token
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from portal.schlage.answers import failure
from portal.schlage.errors import SchlageError, SchlageRejected, SchlageUnavailable, SignedOut
from portal.schlage.reading import Fields, Unreadable, load
from portal.schlage.transport import DEFAULT_TIMEOUTS, AnswerLost, HeaderAuth, NotSent, send

_STATE_LENGTH = 43
_VERIFIER_LENGTH = 64

#: Used when the endpoint does not say how long a token lasts, and bounds for what it says.
_DEFAULT_LIFETIME_SECONDS = 1800
_MIN_LIFETIME_SECONDS = 60
_MAX_LIFETIME_SECONDS = 86400

#: Errors of RFC 6749 section 5.2 that are about our settings, not about a person's sign-in.
_OUR_FAULTS = frozenset(
    {
        "invalid_client",
        "unauthorized_client",
        "invalid_request",
        "invalid_scope",
        "unsupported_grant_type",
    }
)

_PASSING = frozenset({"server_error", "temporarily_unavailable", "slow_down"})


class Authorization(NamedTuple):
    """What starts a sign-in. `state` and `verifier` are kept in the person's session."""

    url: str
    state: str
    verifier: str

    def __repr__(self) -> str:
        return "Authorization(…)"


@dataclass(frozen=True)
class Tokens:
    """What a connection needs to act for its account. The secrets stay out of the repr."""

    access_token: str = field(repr=False)
    #: None when the endpoint gave none: then the connection ends with the access token.
    refresh_token: str | None = field(repr=False)
    #: UTC. After this moment the access token is refused.
    expires_at: datetime


class SchlageOAuth:
    """The OAuth client of this installation, for all its connections."""

    def __init__(
        self,
        session: requests.Session,
        authorize_url: str,
        token_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        timeouts: tuple[float, float] = DEFAULT_TIMEOUTS,
    ) -> None:
        self._endpoint = _TokenEndpoint(session, timeouts)
        self._authorize_url = authorize_url
        self._token_url = token_url
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri

    def __repr__(self) -> str:
        return f"SchlageOAuth({self._token_url!r})"

    def authorize_url(self) -> Authorization:
        """Where to send the person, with a fresh state and PKCE verifier (S256)."""
        verifier = generate_token(_VERIFIER_LENGTH)
        url, state = self._client().create_authorization_url(
            self._authorize_url, state=generate_token(_STATE_LENGTH), code_verifier=verifier
        )
        return Authorization(url, state, verifier)

    def exchange(self, code: str, verifier: str, *, now: datetime) -> Tokens:
        """The tokens for the code that came back to the redirect URI.

        The caller has compared the state before. Raises SignedOut when the code is not accepted,
        SchlageRejected when our own settings are wrong, SchlageUnavailable or SchlageThrottled
        when it may work later.
        """
        answer = self._client().fetch_token(
            self._token_url, grant_type="authorization_code", code=code, code_verifier=verifier
        )
        return _tokens(answer, now)

    def refresh(self, refresh_token: str, *, now: datetime) -> Tokens:
        """New tokens; the refresh token is the old one where the endpoint gives no new one.

        Raises as `exchange` does. SignedOut is final: a person has to reconnect. An endpoint may
        end the old refresh token with every use, so only one worker refreshes at a time.
        """
        answer = self._client().refresh_token(self._token_url, refresh_token=refresh_token)
        return _tokens(answer, now)

    def _client(self) -> Any:
        """Authlib's client. A fresh one for every call, since it keeps the tokens it gets."""
        return OAuth2Client(
            session=self._endpoint,
            client_id=self._client_id,
            client_secret=self._client_secret,
            redirect_uri=self._redirect_uri,
            code_challenge_method="S256",
        )


@dataclass(frozen=True)
class _TokenAnswer:
    """A good answer of the token endpoint, with the two members that Authlib looks at."""

    status_code: int
    fields: dict[str, Any] = field(repr=False)

    def json(self) -> dict[str, Any]:
        return self.fields


class _TokenEndpoint:
    """What Authlib posts through: our bounded exchange, with failures as our exceptions."""

    def __init__(self, session: requests.Session, timeouts: tuple[float, float]) -> None:
        self._session = session
        self._timeouts = timeouts

    def post(
        self, url: str, data: dict[str, str], headers: dict[str, str], auth: ClientAuth
    ) -> _TokenAnswer:
        # A copy: Authlib passes one dict of the whole process, and would keep our secret in it.
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        try:
            answer = send(
                self._session,
                "POST",
                url,
                timeouts=self._timeouts,
                auth=HeaderAuth(headers["Authorization"]),
                headers=headers,
                data=body,
            )
        except (NotSent, AnswerLost) as error:
            raise SchlageUnavailable(f"no answer from Schlage's sign-in ({error})") from error
        value = _object(answer.body)
        error_word = Fields(value).text("error")
        if answer.status in (400, 401) or (error_word is not None and answer.status != 429):
            raise _refusal(error_word, answer.status)
        sent = (data.get(name, "") for name in ("code", "code_verifier", "refresh_token"))
        problem = failure(answer, is_write=False, secrets=(auth.client_secret, *sent))
        if problem is not None:
            raise problem
        return _TokenAnswer(answer.status, _token_fields(value))


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object in a body; an empty one for anything else, such as a gateway's page."""
    try:
        value = load(body)
    except Unreadable:
        return {}
    return value if isinstance(value, dict) else {}


def _refusal(error_word: str | None, status: int) -> SchlageError:
    """The exception for an error that the token endpoint names (RFC 6749 section 5.2)."""
    texts = (error_word,) if error_word else ()
    if error_word in _OUR_FAULTS:
        return SchlageRejected(
            f"Schlage's sign-in refused this installation ({error_word}): check "
            "SCHLAGE_CLIENT_ID, SCHLAGE_CLIENT_SECRET and the redirect URL registered for them",
            status=status,
            texts=texts,
        )
    if status >= 500 or error_word in _PASSING:
        return SchlageUnavailable("Schlage's sign-in is out of order", status=status, texts=texts)
    return SignedOut(
        "Schlage no longer accepts this sign-in: reconnect the account", status=status, texts=texts
    )


def _token_fields(value: dict[str, Any]) -> dict[str, Any]:
    """What we take from an answer, in the types that Authlib expects."""
    fields = Fields(value)
    access_token = fields.text("access_token")
    if access_token is None:
        raise SchlageUnavailable("Schlage's sign-in answered without a token")
    lifetime = fields.number("expires_in") or _DEFAULT_LIFETIME_SECONDS
    taken: dict[str, Any] = {
        "access_token": access_token,
        "expires_in": min(max(lifetime, _MIN_LIFETIME_SECONDS), _MAX_LIFETIME_SECONDS),
    }
    refresh_token = fields.text("refresh_token")
    return taken if refresh_token is None else taken | {"refresh_token": refresh_token}


def _tokens(answer: dict[str, Any], now: datetime) -> Tokens:
    return Tokens(
        access_token=answer["access_token"],
        refresh_token=answer.get("refresh_token"),
        expires_at=now + timedelta(seconds=answer["expires_in"]),
    )
