"""Sign-in with Schlage: the authorization code grant with PKCE, and refresh tokens that rotate."""

import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from simulator.core import Core

CODE_LIVES = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with the Schlage Home app and locks of their own."""

    id: str
    name: str
    email: str

    def to_row(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Grant:
    """A signed-in user's consent: an access token and the refresh token beside it."""

    access_token: str
    refresh_token: str
    user_id: str
    client_id: str
    expires_at: datetime

    def to_row(self) -> dict[str, Any]:
        return {**asdict(self), "expires_at": self.expires_at.isoformat()}


@dataclass(frozen=True, slots=True)
class Consent:
    """An authorization code that was given out, to be used once."""

    user_id: str
    client_id: str
    redirect_uri: str
    challenge: str
    expires_at: datetime


class OAuthError(Exception):
    """A refusal of the token endpoint, by its RFC 6749 name."""

    def __init__(self, error: str, status: int = 400) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


class OAuth:
    """Users and what they have granted. Without a list of clients any client may ask."""

    def __init__(
        self, core: Core, clients: Mapping[str, str] | None = None, token_seconds: int = 3600
    ) -> None:
        self._core = core
        self._clients = clients or {}
        self.token_seconds = token_seconds
        self.users: dict[str, User] = {}
        self._codes: dict[str, Consent] = {}
        self._by_access: dict[str, Grant] = {}
        self._by_refresh: dict[str, Grant] = {}

    def add_user(self, id: str, name: str, email: str = "") -> User:
        user = User(id, name, email or f"{id}@example.com")
        self.users[id] = user
        self._core.store.put("user", id, user)
        return user

    def refusal_of(self, query: Mapping[str, str]) -> str | None:
        """Why an authorization request cannot even be shown, or None when it can."""
        target = urlsplit(query.get("redirect_uri", ""))
        if target.scheme not in ("http", "https") or not target.netloc or target.fragment:
            return "redirect_uri must be an absolute http or https address"
        if not query.get("client_id"):
            return "client_id is missing"
        if self._clients and query["client_id"] not in self._clients:
            return "client_id is not known here"
        if query.get("response_type") != "code":
            return "response_type must be code"
        if query.get("code_challenge") and query.get("code_challenge_method") != "S256":
            return "code_challenge_method must be S256"
        return None

    def consent(self, user_id: str, query: Mapping[str, str]) -> str:
        """Where the browser goes after the user said yes: back, with a code and the state."""
        code = self._token()
        self._codes[code] = Consent(
            user_id, query["client_id"], query["redirect_uri"], query.get("code_challenge", ""),
            self._core.now() + CODE_LIVES,
        )  # fmt: skip
        return _redirect(query, code=code)

    def deny(self, query: Mapping[str, str]) -> str:
        """Where the browser goes after the user said no."""
        return _redirect(query, error="access_denied")

    def exchange(self, form: Mapping[str, str], authorization: str = "") -> dict[str, Any]:
        """The token endpoint's answer; raises OAuthError."""
        client_id = self._client(form, authorization)
        match form.get("grant_type"):
            case "authorization_code":
                return self._answer(self._by_code(form, client_id))
            case "refresh_token":
                old = self._by_refresh.get(form.get("refresh_token", ""))
                if old is None or old.client_id != client_id:
                    raise OAuthError("invalid_grant")
                self._forget(old)
                return self._answer(self.grant(old.user_id, client_id))
        raise OAuthError("unsupported_grant_type")

    def grant(self, user_id: str, client_id: str) -> Grant:
        """New tokens for this user, as if they had just signed in."""
        expires_at = self._core.now() + timedelta(seconds=self.token_seconds)
        claims = {"sub": user_id, "client_id": client_id, "exp": int(expires_at.timestamp())}
        access = ".".join((_segment({"alg": "HS256"}), _segment(claims), self._token()))
        made = Grant(access, self._token(), user_id, client_id, expires_at)
        self._remember(made)
        self._core.store.put("grant", made.refresh_token, made)
        return made

    def holder(self, authorization: str) -> Grant | None:
        """The grant behind an `Authorization` header, while its access token lives."""
        scheme, _, token = authorization.partition(" ")
        grant = self._by_access.get(token.strip()) if scheme.lower() == "bearer" else None
        return grant if grant and self._core.now() < grant.expires_at else None

    def sign_out(self, user_id: str) -> None:
        """No token of this user works any longer, here and everywhere."""
        for grant in [one for one in self._by_refresh.values() if one.user_id == user_id]:
            self._forget(grant)

    def expire_access(self, user_id: str) -> None:
        """The user's access tokens are over; the refresh tokens still work."""
        for grant in [one for one in self._by_access.values() if one.user_id == user_id]:
            self._by_access.pop(grant.access_token)

    def restore(self, users: list[dict[str, Any]], grants: list[dict[str, Any]]) -> None:
        """Users and tokens of an earlier run are known again."""
        for row in users:
            self.users[row["id"]] = User(**row)
        for row in grants:
            self._remember(
                Grant(**{**row, "expires_at": datetime.fromisoformat(row["expires_at"])})
            )

    def _client(self, form: Mapping[str, str], authorization: str) -> str:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if authorization.lower().startswith("basic "):
            try:
                plain = b64decode(authorization[6:]).decode()
            except ValueError as error:
                raise OAuthError("invalid_client", 401) from error
            client_id, _, secret = plain.partition(":")
        if not client_id:
            raise OAuthError("invalid_client", 401)
        if self._clients and not hmac.compare_digest(
            self._clients.get(client_id, "").encode(), secret.encode()
        ):
            raise OAuthError("invalid_client", 401)
        return client_id

    def _by_code(self, form: Mapping[str, str], client_id: str) -> Grant:
        consent = self._codes.pop(form.get("code", ""), None)
        if (
            consent is None
            or consent.expires_at <= self._core.now()
            or consent.client_id != client_id
            or consent.redirect_uri != form.get("redirect_uri")
        ):
            raise OAuthError("invalid_grant")
        if consent.challenge and challenge_of(form.get("code_verifier", "")) != consent.challenge:
            raise OAuthError("invalid_grant")
        return self.grant(consent.user_id, client_id)

    def _answer(self, grant: Grant) -> dict[str, Any]:
        return {
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.token_seconds,
        }

    def _remember(self, grant: Grant) -> None:
        self._by_access[grant.access_token] = grant
        self._by_refresh[grant.refresh_token] = grant

    def _forget(self, grant: Grant) -> None:
        self._by_access.pop(grant.access_token, None)
        self._by_refresh.pop(grant.refresh_token, None)
        self._core.store.drop("grant", grant.refresh_token)

    def _token(self) -> str:
        return f"{self._core.ids.getrandbits(256):064x}"


def challenge_of(verifier: str) -> str:
    """The S256 code challenge of a PKCE verifier."""
    return _base64url(sha256(verifier.encode()).digest())


def _segment(claims: dict[str, Any]) -> str:
    return _base64url(json.dumps(claims, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _redirect(query: Mapping[str, str], **answer: str) -> str:
    if "state" in query:
        answer["state"] = query["state"]
    target = query["redirect_uri"]
    return f"{target}{'&' if urlsplit(target).query else '?'}{urlencode(answer)}"
