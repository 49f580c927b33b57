"""Signing in: consent, PKCE, tokens that end, refresh tokens that are used once."""

from urllib.parse import parse_qs, urlsplit

import pytest

from simulator.clock import VirtualClock
from simulator.cloud import Cloud
from simulator.oauth import challenge_of
from simulator.wire import Request
from tests.simulator.worlds import NOON, World

VERIFIER = "a-verifier-of-at-least-forty-three-characters-x"
ASKED = {
    "response_type": "code",
    "client_id": "our-client",
    "redirect_uri": "http://127.0.0.1:8000/settings/back?x=1",
    "state": "s t",
    "code_challenge": challenge_of(VERIFIER),
    "code_challenge_method": "S256",
}


def consented(cloud, **changes):
    """The code that comes back after the user said yes."""
    target = cloud.oauth.consent("owner", ASKED | changes)
    return parse_qs(urlsplit(target).query)["code"][0]


def exchange(cloud, **form):
    form = {"client_id": "our-client", "client_secret": "secret"} | form
    return cloud.handle(Request("POST", "/oauth2/TOKEN", {}, form))


def exchange_code(cloud, code, **changes):
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": ASKED["redirect_uri"],
        "code_verifier": VERIFIER,
    }
    return exchange(cloud, **(form | changes))


def test_the_challenge_is_that_of_the_standard():
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_consent_comes_back_with_code_and_state():
    target = World().cloud.oauth.consent("owner", ASKED)

    query = parse_qs(urlsplit(target).query)
    assert target.startswith("http://127.0.0.1:8000/settings/back?x=1&")
    assert query["state"] == ["s t"]
    assert query["code"]


def test_a_code_buys_tokens_once():
    world = World(token_seconds=3600)
    code = consented(world.cloud)

    first, second = exchange_code(world.cloud, code), exchange_code(world.cloud, code)

    assert (first.status, first.json["expires_in"], first.json["token_type"]) == (
        200,
        3600,
        "Bearer",
    )
    assert (second.status, second.json) == (400, {"error": "invalid_grant"})
    assert world.call("GET", "/Devices", token=first.json["access_token"]).status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "another"},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:8000/elsewhere"},
        {"client_id": "somebody-else"},
        {"code": "made-up"},
    ],
)
def test_a_code_is_bound_to_verifier_address_and_client(changes):
    cloud = World().cloud

    answer = exchange_code(cloud, **({"code": consented(cloud)} | changes))

    assert answer.json == {"error": "invalid_grant"}


def test_a_code_ends_after_five_minutes():
    world = World()
    code = consented(world.cloud)
    world.run(301)

    assert exchange_code(world.cloud, code).status == 400


def test_a_refresh_token_is_used_once():
    world = World()
    tokens = exchange_code(world.cloud, consented(world.cloud)).json
    old = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}

    newer = exchange(world.cloud, **old)
    again = exchange(world.cloud, **old)

    assert newer.json["refresh_token"] != tokens["refresh_token"]
    assert again.json == {"error": "invalid_grant"}
    assert world.call("GET", "/Devices", token=tokens["access_token"]).status == 401
    assert world.call("GET", "/Devices", token=newer.json["access_token"]).status == 200


def test_an_access_token_ends_in_time():
    world = World(token_seconds=600)
    world.run(599)
    before = world.call("GET", "/Devices").status
    world.run(2)

    assert (before, world.call("GET", "/Devices").status) == (200, 401)


def test_signing_out_everywhere_ends_the_refresh_token_too():
    world = World()
    tokens = exchange_code(world.cloud, consented(world.cloud)).json

    world.cloud.sign_out("owner")

    answer = exchange(
        world.cloud, grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert answer.json == {"error": "invalid_grant"}


def test_access_tokens_may_end_while_refresh_tokens_live():
    world = World()
    tokens = exchange_code(world.cloud, consented(world.cloud)).json

    world.cloud.oauth.expire_access("owner")

    assert world.call("GET", "/Devices", token=tokens["access_token"]).status == 401
    newer = exchange(world.cloud, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert newer.status == 200


def test_a_known_client_needs_its_secret():
    cloud = Cloud(VirtualClock(NOON), faults="clean", clients={"our-client": "right"})
    cloud.add_user("owner")

    wrong = exchange_code(cloud, consented(cloud), client_secret="wrong")
    right = exchange_code(cloud, consented(cloud), client_secret="right")
    basic = cloud.handle(
        Request(
            "POST",
            "/OAuth2/token",
            {"Authorization": "Basic b3VyLWNsaWVudDpyaWdodA=="},
            {"grant_type": "refresh_token", "refresh_token": right.json["refresh_token"]},
        )
    )

    assert (wrong.status, wrong.json) == (401, {"error": "invalid_client"})
    assert (right.status, basic.status) == (200, 200)
    assert cloud.oauth.refusal_of(ASKED | {"client_id": "other"})


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "javascript:alert(1)"},
        {"redirect_uri": ""},
        {"client_id": ""},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_request_that_cannot_be_is_refused_before_consent(changes):
    oauth = World().cloud.oauth

    assert oauth.refusal_of(ASKED) is None
    assert oauth.refusal_of(ASKED | changes)


@pytest.mark.parametrize("grant_type", ["password", ""])
def test_other_grants_are_not_supported(grant_type):
    answer = exchange(World().cloud, grant_type=grant_type)

    assert answer.json == {"error": "unsupported_grant_type"}


def test_the_api_wants_token_and_key():
    world = World()
    bearer = {"Authorization": f"Bearer {world.token}"}
    path = "/schlage-home/Devices"

    statuses = [
        world.cloud.handle(Request("GET", path, headers)).status
        for headers in (
            {},
            bearer,
            {"ALLE-Subscription-Key": "key"},
            bearer | {"Alle-Subscription-Key": "key"},
            {"Authorization": "Bearer x", "alle-subscription-key": "key"},
        )
    ]

    assert statuses == [401, 401, 401, 200, 401]


def test_nobody_sees_the_locks_of_another():
    world = World()
    world.cloud.add_user("stranger")
    command_id = world.add().json["commandId"]
    stranger = world.cloud.issue_token("stranger").access_token

    statuses = {
        path: world.call("GET", path, token=stranger).status
        for path in (
            "/Devices/lock-1",
            "/Devices/lock-1/accesscodes",
            f"/Devices/lock-1/commands/{command_id}",
            f"/commands/{command_id}",
        )
    }

    assert world.call("GET", "/Devices", token=stranger).json == []
    assert set(statuses.values()) == {404}


def test_signing_out_one_user_leaves_the_others():
    world = World()
    world.cloud.add_user("stranger")
    stranger = world.cloud.issue_token("stranger").access_token

    world.cloud.sign_out("owner")

    assert world.call("GET", "/Devices", token=stranger).status == 200
