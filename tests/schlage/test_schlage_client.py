"""What the client sends, and which exception each answer becomes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from portal.schlage.client import SchlageClient
from portal.schlage.errors import (
    SchlageError,
    SchlageForbidden,
    SchlageNotFound,
    SchlageRejected,
    SchlageThrottled,
    SchlageUnauthorized,
    SchlageUnavailable,
    SchlageUncertain,
    SignedOut,
)
from portal.schlage.schedules import temporary_schedule
from tests.fakes.schlage_wire import ScriptedAdapter, respond

STAY = temporary_schedule(
    datetime(2026, 11, 25, 21, 0, tzinfo=UTC), datetime(2026, 11, 28, 16, 0, tzinfo=UTC), UTC
)
PIN = "004829"
BODY_34 = {
    "type": "https://api.allegion.com/errors/producers/SchlageHomeAPI/errorcodes/"
    "ResourceProviderBadGateway",
    "title": "The resource provider returned an invalid response.",
    "errors": {"Error Code: 34": ["Invalid access code schedule parameters."]},
}

READS = {
    "list_devices": lambda client: client.list_devices(),
    "get_device": lambda client: client.get_device("d1"),
    "list_codes": lambda client: client.list_codes("d1"),
    "get_command": lambda client: client.get_command("d1", "c1"),
    "list_history": lambda client: client.list_history("d1", 10),
    "list_subscriptions": lambda client: client.list_subscriptions(),
}
COMMANDS = {
    "add_code": lambda client: client.add_code("d1", "Guest A", PIN, STAY),
    "update_code": lambda client: client.update_code("d1", "a1", "Guest A", PIN, STAY),
    "remove_code": lambda client: client.remove_code("d1", "a1"),
    "remove_all_codes": lambda client: client.remove_all_codes("d1"),
    "lock": lambda client: client.lock("d1"),
    "unlock": lambda client: client.unlock("d1"),
}
WRITES = COMMANDS | {
    "subscribe": lambda client: client.subscribe("https://portal.test/hook"),
    "unsubscribe": lambda client: client.unsubscribe("s1"),
}
ALL_CALLS = READS | WRITES

every_read = pytest.mark.parametrize("call", READS.values(), ids=READS)
every_write = pytest.mark.parametrize("call", WRITES.values(), ids=WRITES)
every_command = pytest.mark.parametrize("call", COMMANDS.values(), ids=COMMANDS)
every_call = pytest.mark.parametrize("call", ALL_CALLS.values(), ids=ALL_CALLS)


class Tokens:
    """A source of tokens that counts what it was asked."""

    def __init__(self, *tokens):
        self.asked = []
        self._tokens = list(tokens) or ["token-1", "token-2"]

    def __call__(self, must_refresh):
        self.asked.append(must_refresh)
        token = self._tokens[min(len(self.asked), len(self._tokens)) - 1]
        if isinstance(token, Exception):
            raise token
        return token


def answering(*answers, tokens=None, base="https://api.test/schlage-home"):
    """A client whose server gives these answers in turn, and the adapter that saw the requests.

    An answer is an exception to raise, or (status, body) with optional headers.
    """
    left = list(answers)

    def answer(request):
        given_answer = left.pop(0)
        if isinstance(given_answer, Exception):
            raise given_answer
        status, body, *headers = given_answer
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return respond(request, status, data, *headers)

    adapter = ScriptedAdapter(answer)
    session = requests.Session()
    session.mount("https://", adapter)
    return SchlageClient(session, base, "key-1", tokens or Tokens()), adapter


# What is sent


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("list_devices", "GET", "/Devices"),
        ("get_device", "GET", "/Devices/d1"),
        ("list_codes", "GET", "/Devices/d1/accesscodes"),
        ("add_code", "POST", "/Devices/d1/accesscodes"),
        ("update_code", "PUT", "/Devices/d1/accesscodes/a1"),
        ("remove_code", "DELETE", "/Devices/d1/accesscodes/a1"),
        ("remove_all_codes", "DELETE", "/Devices/d1/accesscodes"),
        ("get_command", "GET", "/Devices/d1/commands/c1"),
        ("lock", "POST", "/Devices/d1/lock"),
        ("unlock", "POST", "/Devices/d1/unlock"),
        ("list_history", "GET", "/devices/d1/history?limit=10&deviceLocalTime=false"),
        ("subscribe", "POST", "/Events/subscriptions"),
        ("list_subscriptions", "GET", "/Events/subscriptions"),
        ("unsubscribe", "DELETE", "/Events/subscriptions/s1"),
    ],
)
def test_each_call_is_one_request_to_its_path_with_token_and_key(name, method, path):
    client, adapter = answering((404, b""))

    with pytest.raises(SchlageNotFound):
        ALL_CALLS[name](client)

    (request,) = adapter.requests
    assert (request.method, request.path_url) == (method, "/schlage-home" + path)
    assert request.headers["Authorization"] == "Bearer token-1"
    assert request.headers["alle-subscription-key"] == "key-1"
    assert request.headers["Content-Type"] == "application/json"
    assert adapter.options[0]["timeout"] == (5.0, 20.0)


@pytest.mark.parametrize("name", ["add_code", "update_code"])
def test_a_code_goes_out_as_the_vendor_wants_it(name):
    client, adapter = answering((202, {"commandId": "c1"}))

    command_id = ALL_CALLS[name](client)

    assert command_id == "c1"
    assert json.loads(adapter.requests[0].body) == {
        "name": "Guest A",
        "accessCode": "004829",
        "schedule": {
            "scheduleType": "Temporary",
            "scheduleDetails": {
                "startDateTime": "2026-11-25T21:00:00+00:00",
                "endDateTime": "2026-11-28T16:00:00+00:00",
            },
        },
    }


def test_the_pin_stands_in_no_url():
    client, adapter = answering((202, {"commandId": "c1"}))

    client.add_code("d1", "Guest A", PIN, STAY)

    assert PIN not in adapter.requests[0].url


@pytest.mark.parametrize("bad_id", ["", " ", ".", "..", "...", ". ."])
def test_an_id_that_would_change_the_meaning_of_a_path_is_never_sent(bad_id):
    client, adapter = answering()

    for call in (client.remove_all_codes, client.get_device, client.unlock):
        with pytest.raises(ValueError, match="an id in a path"):
            call(bad_id)
    with pytest.raises(ValueError, match="an id in a path"):
        client.remove_code("d1", bad_id)

    assert adapter.requests == []


@given(access_code_id=st.text(min_size=1).filter(lambda text: text.strip(". ")))
def test_any_other_id_stays_one_segment_of_the_path(access_code_id):
    try:
        access_code_id.encode()
    except UnicodeEncodeError:
        return  # cannot come out of an answer: reading replaces half surrogates
    client, adapter = answering((202, {"commandId": "c1"}))

    client.remove_code("d1", access_code_id)

    path = adapter.requests[0].path_url
    assert path.startswith("/schlage-home/Devices/d1/accesscodes/")
    assert path.count("/") == 5
    assert "?" not in path


def test_a_netrc_entry_of_the_machine_does_not_take_the_tokens_place(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.test login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    client, adapter = answering((200, []))

    client.list_devices()

    assert adapter.requests[0].headers["Authorization"] == "Bearer token-1"


def test_no_cookie_is_carried_from_one_call_to_the_next():
    client, adapter = answering((200, [], {"Set-Cookie": "who=somebody"}), (200, []))

    client.list_devices()
    client.list_devices()

    assert "Cookie" not in adapter.requests[1].headers


def test_a_base_address_that_is_no_address_is_refused_at_once():
    with pytest.raises(ValueError, match="https"):
        SchlageClient(requests.Session(), "api.allegion.com", "key", lambda _: "token")


def test_the_repr_of_a_client_has_no_secrets():
    client, _ = answering()

    assert repr(client) == "SchlageClient('https://api.test/schlage-home')"


# The token


@every_call
def test_after_a_401_the_token_is_refreshed_once_and_the_request_made_once_more(call):
    tokens = Tokens("old", "new")
    client, adapter = answering((401, b""), (404, b""), tokens=tokens)

    with pytest.raises(SchlageNotFound):
        call(client)

    assert tokens.asked == [False, True]
    first, second = adapter.requests
    assert second.headers["Authorization"] == "Bearer new"
    assert (first.method, first.url, first.body) == (second.method, second.url, second.body)


@every_call
def test_a_second_401_is_unauthorized_and_ends_it(call):
    client, adapter = answering((401, b""), (401, {"message": "Unauthorized"}))

    with pytest.raises(SchlageUnauthorized) as caught:
        call(client)

    assert len(adapter.requests) == 2
    assert caught.value.texts == ("Unauthorized",)


def test_a_refresh_that_is_refused_is_told_as_it_is():
    client, adapter = answering((401, b""), tokens=Tokens("old", SignedOut("reconnect")))

    with pytest.raises(SignedOut):
        client.unlock("d1")

    assert len(adapter.requests) == 1


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "a\r\nX: y", "tökén"])
def test_a_damaged_token_is_never_sent(token):
    client, adapter = answering(tokens=Tokens(token))

    with pytest.raises(SchlageUnauthorized) as caught:
        client.list_devices()

    assert adapter.requests == []
    assert token == "" or token not in str(caught.value)


# What an answer becomes


@every_call
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, SchlageRejected),
        (403, SchlageForbidden),
        (404, SchlageNotFound),
        (409, SchlageRejected),
    ],
)
def test_a_refusal_is_rejected_with_the_vendors_words(call, status, kind):
    body = {"errors": {"Error Code: 21": ["Access code/code name are already in use"]}}
    client, adapter = answering((status, body, {"X-Request-Id": "r-1"}))

    with pytest.raises(SchlageRejected) as caught:
        call(client)

    assert type(caught.value) is kind
    assert caught.value.status == status
    assert caught.value.texts == ("Access code/code name are already in use",)
    assert caught.value.error_code == 21
    assert caught.value.request_id == "r-1"
    assert len(adapter.requests) == 1


@every_call
@pytest.mark.parametrize("status", [302, 307, 408, 500, 502, 503, 504])
def test_a_write_that_was_not_clearly_answered_is_uncertain_and_a_read_unavailable(call, status):
    client, adapter = answering((status, BODY_34, {"Location": "https://elsewhere.test/"}))

    with pytest.raises(SchlageError) as caught:
        call(client)

    is_read = call in READS.values()
    assert type(caught.value) is (SchlageUnavailable if is_read else SchlageUncertain)
    assert caught.value.texts == ("Invalid access code schedule parameters.",)
    assert caught.value.error_code == 34
    assert caught.value.error_type == "ResourceProviderBadGateway"
    assert len(adapter.requests) == 1


@every_command
@pytest.mark.parametrize(
    "body", [b"", b"OK", b"[]", b"{}", b'{"commandId": null}', b'{"commandId": ""}', b"\xff"]
)
def test_an_accepted_write_without_a_command_id_is_uncertain(call, body):
    client, _ = answering((202, body))

    with pytest.raises(SchlageUncertain):
        call(client)


@every_command
@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_accepted_write_gives_its_command_id(call, status):
    client, _ = answering((status, {"CommandId": "c7", "more": 1}))

    assert call(client) == "c7"


@every_read
@pytest.mark.parametrize("body", [b"", b"<html>", b"17", b'"x"'])
def test_a_read_that_cannot_be_read_is_unavailable_and_not_empty(call, body):
    client, _ = answering((200, body))

    with pytest.raises(SchlageUnavailable):
        call(client)


def test_a_subscription_without_an_id_is_uncertain():
    client, _ = answering((201, {"url": "https://portal.test/hook"}))

    with pytest.raises(SchlageUncertain):
        client.subscribe("https://portal.test/hook")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "99999999999999999999"}, 3600),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "-5"}, 60),
        ({"Retry-After": "٣"}, 60),
        ({}, 60),
        (
            {
                "Retry-After": "Tue, 24 Nov 2026 12:01:30 GMT",
                "Date": "Tue, 24 Nov 2026 12:00:00 GMT",
            },
            90,
        ),
        ({"Retry-After": "Tue, 24 Nov 2026 12:01:30 GMT"}, 60),
        ({"Retry-After": "Tue, 24 Nov 2026 12:01:30 GMT", "Date": "Tue, 24 Nov 2026 12:00:00"}, 60),
    ],
)
def test_too_many_requests_says_how_long_to_wait(headers, seconds):
    client, _ = answering((429, b"", headers))

    with pytest.raises(SchlageThrottled) as caught:
        client.unlock("d1")

    assert caught.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("body", "texts", "error_code"),
    [
        (BODY_34, ("Invalid access code schedule parameters.",), 34),
        ({"errors": {"Error Code: 0": ["a", "b"], "Error Code: 9": "c"}}, ("a", "b", "c"), 0),
        ({"errors": ["a", 3, None, ""]}, ("a",), None),
        ({"title": "Nothing here."}, ("Nothing here.",), None),
        ({"message": "Throttle", "errorCode": "12"}, ("Throttle",), 12),
        ({"error": {"errorCode": 5, "errorMesage": "Nack"}}, ("Nack",), 5),
        ({"Error": "odd"}, ("odd",), None),
        (b"Bad Gateway", ("Bad Gateway",), None),
        (b"<html><h1>Bad Gateway</h1></html>", (), None),
        (b"", (), None),
        ([1, 2], (), None),
        ({"errors": {"Error Code: 99999999999999": [{}]}}, (), 999999999),
    ],
)
def test_the_vendors_texts_are_found_in_every_form_of_error(body, texts, error_code):
    client, _ = answering((400, body))

    with pytest.raises(SchlageRejected) as caught:
        client.unlock("d1")

    assert caught.value.texts == texts
    if error_code != 999999999:
        assert caught.value.error_code == error_code


# Secrets


@pytest.mark.parametrize("status", [202, 400, 429, 500])
@pytest.mark.parametrize(
    "echo",
    [
        {"name": "Guest A", "accessCode": PIN},
        {"accessCode": int(PIN)},
        {"errors": {"Error Code: 21": [f"Code {PIN} is in use, Bearer token-1, key-1"]}},
        {"title": f"x{PIN}x"},
    ],
)
def test_what_an_answer_echoes_of_our_secrets_is_taken_out(status, echo):
    client, _ = answering((status, echo))

    with pytest.raises(SchlageError) as caught:
        client.add_code("d1", "Guest A", PIN, STAY)

    error = caught.value
    told = " ".join([str(error), repr(error), error.raw, *error.texts])
    assert bool(error.raw) is (status != 202)
    for secret in (PIN, str(int(PIN)), "token-1", "key-1"):
        assert secret not in told


def test_the_pins_of_others_in_a_list_we_cannot_read_are_not_told():
    client, _ = answering((200, {"codes": {"code": "739104"}}))

    with pytest.raises(SchlageUnavailable) as caught:
        client.list_codes("d1")

    assert "739104" not in str(caught.value) + caught.value.raw


def test_raw_is_only_the_start_of_a_long_answer():
    client, _ = answering((400, b"x" * 100_000))

    with pytest.raises(SchlageRejected) as caught:
        client.unlock("d1")

    assert len(caught.value.raw) == 2000


# Bounds


def test_an_answer_that_is_too_large_is_not_read_to_its_end():
    huge = b"[" + b" " * (3 * 1024 * 1024) + b"]"
    client, _ = answering((200, huge), (202, huge))

    with pytest.raises(SchlageUnavailable, match="larger"):
        client.list_devices()
    with pytest.raises(SchlageUncertain, match="larger"):
        client.unlock("d1")


@every_write
@pytest.mark.parametrize("failure", [requests.ReadTimeout, requests.ConnectionError])
def test_the_clients_exceptions_keep_the_cause(call, failure):
    client, _ = answering(failure())

    with pytest.raises(SchlageUncertain) as caught:
        call(client)

    assert isinstance(caught.value.__cause__.__cause__, failure)


def test_a_connection_that_took_too_long_to_make_is_unavailable():
    client, _ = answering(requests.ConnectTimeout())

    with pytest.raises(SchlageUnavailable):
        client.unlock("d1")


def test_the_time_limits_together_stay_under_the_lease():
    client, adapter = answering((200, []))

    client.list_devices()

    assert timedelta(seconds=sum(adapter.options[0]["timeout"])) < timedelta(seconds=30)
