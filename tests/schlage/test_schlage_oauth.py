"""Signing in: state and PKCE go out, tokens come back; signed out is told from out of order."""

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from authlib.oauth2 import client as authlib_client
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageError,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
    SignedOut,
)
from portal.schlage.oauth import SchlageOAuth, Tokens
from simulator.adapter import CloudAdapter
from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from tests.fakes.schlage_wire import ScriptedAdapter, respond

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REDIRECT = "https://portal.test/settings/door-locks/schlage/callback"
GOOD = {
    "access_token": "access-1",
    "refresh_token": "refresh-1",
    "token_type": "Bearer",
    "expires_in": 3600,
}
CALLS = {
    "exchange": lambda oauth: oauth.exchange("code-1", "verifier-1", now=NOW),
    "refresh": lambda oauth: oauth.refresh("refresh-0", now=NOW),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


def make_oauth(session, client_secret="secret-1"):
    return SchlageOAuth(
        session,
        "https://account.test/OAuth2/authorize",
        "https://account.test/oauth2/token",
        "client-1",
        client_secret,
        REDIRECT,
    )


def answering(status=200, body=GOOD, headers=None, failure=None):
    def answer(request):
        if failure is not None:
            raise failure
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return respond(request, status, data, headers)

    adapter = ScriptedAdapter(answer)
    session = requests.Session()
    session.mount("https://", adapter)
    return make_oauth(session), adapter


def form_of(request):
    return {name: values[0] for name, values in parse_qs(request.body).items()}


def test_the_person_is_sent_with_state_and_an_s256_challenge():
    oauth, adapter = answering()

    url, state, verifier = oauth.authorize_url()

    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert url.startswith("https://account.test/OAuth2/authorize?")
    assert query == {
        "response_type": "code",
        "client_id": "client-1",
        "redirect_uri": REDIRECT,
        "state": state,
        "code_challenge": create_s256_code_challenge(verifier),
        "code_challenge_method": "S256",
    }
    assert adapter.requests == []


def test_no_state_or_verifier_is_used_twice_or_short():
    oauth, _ = answering()

    started = [oauth.authorize_url() for _ in range(20)]

    assert len({one.state for one in started}) == len({one.verifier for one in started}) == 20
    assert all(len(one.state) >= 32 and 43 <= len(one.verifier) <= 128 for one in started)
    assert all(one.verifier not in one.url and one.verifier not in repr(one) for one in started)


def test_a_code_is_exchanged_for_tokens():
    oauth, adapter = answering()

    tokens = oauth.exchange("code-1", "verifier-1", now=NOW)

    assert tokens == Tokens("access-1", "refresh-1", NOW + timedelta(hours=1))
    (request,) = adapter.requests
    assert request.method == "POST"
    assert form_of(request) == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "code_verifier": "verifier-1",
        "redirect_uri": REDIRECT,
    }
    assert request.headers["Authorization"] == "Basic Y2xpZW50LTE6c2VjcmV0LTE="
    assert request.headers["Content-Type"].startswith("application/x-www-form-urlencoded")
    assert adapter.options[0]["timeout"] == (5.0, 20.0)


def test_a_refresh_takes_over_a_new_refresh_token():
    oauth, adapter = answering()

    tokens = oauth.refresh("refresh-0", now=NOW)

    assert tokens.refresh_token == "refresh-1"
    assert form_of(adapter.requests[0]) == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-0",
    }


def test_a_refresh_without_a_new_refresh_token_keeps_the_old_one():
    oauth, _ = answering(body={"access_token": "access-2", "expires_in": 600})

    tokens = oauth.refresh("refresh-0", now=NOW)

    assert tokens == Tokens("access-2", "refresh-0", NOW + timedelta(minutes=10))


@pytest.mark.parametrize(
    ("expires_in", "seconds"),
    [("900", 900), (None, 1800), ("soon", 1800), (0, 1800), (-5, 60), (1, 60), (10**9, 86400)],
)
def test_a_lifetime_that_is_missing_or_odd_is_brought_within_bounds(expires_in, seconds):
    oauth, _ = answering(body=GOOD | {"expires_in": expires_in})

    assert oauth.refresh("refresh-0", now=NOW).expires_at == NOW + timedelta(seconds=seconds)


@every_call
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": "invalid_grant"}),
        (401, {"error": "invalid_grant"}),
        (200, {"error": "invalid_grant"}),
        (403, {"error": "access_denied"}),
        (400, {}),
        (401, b"<html>"),
    ],
)
def test_a_grant_that_is_refused_is_signed_out_for_good(call, status, body):
    oauth, adapter = answering(status, body)

    with pytest.raises(SignedOut):
        call(oauth)

    assert len(adapter.requests) == 1
    assert issubclass(SignedOut, SchlageUnauthorized)


@every_call
@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_wrong_settings_of_ours_sign_nobody_out_and_are_named(call, error):
    oauth, _ = answering(401, {"error": error})

    with pytest.raises(SchlageRejected, match="SCHLAGE_CLIENT_SECRET"):
        call(oauth)


@every_call
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (502, b"<html>Bad Gateway</html>"),
        (503, {"error": "invalid_grant"}),
        (400, {"error": "temporarily_unavailable"}),
        (302, b""),
        (200, b"<html>"),
        (200, []),
        (200, {}),
        (200, {"access_token": ""}),
        (204, b""),
    ],
)
def test_an_outage_or_a_strange_answer_signs_nobody_out(call, status, body):
    oauth, _ = answering(status, body)

    with pytest.raises(SchlageUnavailable):
        call(oauth)


@every_call
@pytest.mark.parametrize("failure", [requests.ConnectTimeout, requests.ReadTimeout])
def test_no_answer_signs_nobody_out(call, failure):
    oauth, _ = answering(failure=failure())

    with pytest.raises(SchlageUnavailable):
        call(oauth)


@every_call
def test_too_many_requests_say_how_long_to_wait(call):
    oauth, _ = answering(429, {"error": "slow_down"}, {"Retry-After": "12"})

    with pytest.raises(SchlageThrottled) as caught:
        call(oauth)

    assert caught.value.retry_after == timedelta(seconds=12)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
@pytest.mark.parametrize(
    ("call", "secrets"),
    [
        (CALLS["exchange"], ["secret-1", "code-1", "verifier-1"]),
        (CALLS["refresh"], ["secret-1", "refresh-0"]),
    ],
    ids=CALLS,
)
def test_no_secret_shows_in_what_went_wrong(call, secrets, status):
    oauth, _ = answering(status, {"message": " ".join(secrets)})

    with pytest.raises(SchlageError) as caught:
        call(oauth)

    told = str(caught.value) + caught.value.raw + " ".join(caught.value.texts)
    assert not [secret for secret in secrets if secret in told]


def test_nothing_prints_its_secrets():
    oauth, _ = answering()

    tokens = oauth.refresh("refresh-0", now=NOW)

    assert repr(tokens) == f"Tokens(expires_at={tokens.expires_at!r})"
    assert repr(oauth) == "SchlageOAuth('https://account.test/oauth2/token')"


def test_our_secret_does_not_stay_in_the_headers_that_authlib_shares():
    oauth, _ = answering()

    oauth.exchange("code-1", "verifier-1", now=NOW)

    assert "Authorization" not in authlib_client.DEFAULT_HEADERS


# With the simulated sign-in


@pytest.fixture
def cloud():
    cloud = Cloud(VirtualClock(NOW), faults="clean", clients={"client-1": "secret-1"})
    cloud.add_user("owner")
    cloud.add_lock("owner", "Front door", "lock-1")
    return cloud


def session_of(cloud):
    session = requests.Session()
    session.mount("https://account.test", CloudAdapter(cloud))
    return session


def consented(cloud, oauth):
    """The code that came back after the owner said yes, and the verifier kept for it."""
    url, state, verifier = oauth.authorize_url()
    query = dict(item.split("=", 1) for item in urlsplit(url).query.split("&"))
    query = {name: requests.utils.unquote(value) for name, value in query.items()}
    back = cloud.oauth.consent("owner", query)
    answer = parse_qs(urlsplit(back).query)
    assert answer["state"] == [state]
    return answer["code"][0], verifier


def test_a_sign_in_ends_in_a_token_that_opens_the_api(cloud):
    session = session_of(cloud)
    oauth = make_oauth(session)
    code, verifier = consented(cloud, oauth)

    tokens = oauth.refresh(oauth.exchange(code, verifier, now=NOW).refresh_token, now=NOW)

    client = SchlageClient(
        session, "https://account.test/schlage-home", "key", lambda _: tokens.access_token
    )
    assert [device.device_id for device in client.list_devices()] == ["lock-1"]


def test_a_code_stolen_without_its_verifier_is_worth_nothing(cloud):
    oauth = make_oauth(session_of(cloud))
    code, _ = consented(cloud, oauth)

    with pytest.raises(SignedOut):
        oauth.exchange(code, "another-verifier-of-the-right-length-0123456789", now=NOW)


def test_a_refresh_token_used_twice_or_signed_out_everywhere_is_signed_out(cloud):
    oauth = make_oauth(session_of(cloud))
    code, verifier = consented(cloud, oauth)
    first = oauth.exchange(code, verifier, now=NOW)
    second = oauth.refresh(first.refresh_token, now=NOW)

    with pytest.raises(SignedOut):
        oauth.refresh(first.refresh_token, now=NOW)
    cloud.sign_out("owner")
    with pytest.raises(SignedOut):
        oauth.refresh(second.refresh_token, now=NOW)


def test_a_wrong_client_secret_is_our_fault_and_not_the_owners(cloud):
    oauth = make_oauth(session_of(cloud), client_secret="wrong")

    with pytest.raises(SchlageRejected):
        oauth.refresh("refresh-0", now=NOW)
