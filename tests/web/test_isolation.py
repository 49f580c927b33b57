"""Made from the URL map: every route says who may call it, and no route knows other accounts.

A route that is added without a role, or with an id that no case here can fill, fails these tests.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from portal import clock
from portal.models import Account, Role
from portal.services import roles
from portal.views import _guard
from tests.support.builders import (
    fresh,
    make_account,
    make_alert,
    make_api_token,
    make_booking,
    make_bulk_run,
    make_channel,
    make_connection,
    make_csv_import,
    make_door_code,
    make_endpoint,
    make_endpoint_call,
    make_feed,
    make_lock,
    make_manager,
    make_property,
    make_sign_in,
    make_staff_code,
    make_token,
)
from tests.support.client import PortalClient

# How to make, in an account, what an argument of a route names; the answer is its id.
ID_OF: dict[str, Callable[[Account], int]] = {
    "alert_id": lambda account: make_alert(account).id,
    "booking_id": lambda account: make_booking(account=account).id,
    "bulk_id": lambda account: make_bulk_run(make_booking(account=account)).id,
    "call_id": lambda account: make_endpoint_call(make_endpoint(account)).id,
    "channel_id": lambda account: make_channel(account).id,
    "connection_id": lambda account: make_connection(account).id,
    "door_code_id": lambda account: make_door_code(make_booking(account=account)).id,
    "endpoint_id": lambda account: make_endpoint(account).id,
    "feed_id": lambda account: make_feed(account=account).id,
    "import_id": lambda account: make_csv_import(account).id,
    "lock_id": lambda account: make_lock(account=account).id,
    "manager_id": lambda account: make_manager(account).id,
    "property_id": lambda account: make_property(account).id,
    "staff_code_id": lambda account: make_staff_code(account).id,
    "sign_in_id": lambda account: make_sign_in(make_manager(account)).id,
    "token_id": lambda account: make_api_token(account).id,
}
# What a route needs to get as far as looking for the id.
BODIES: dict[str, dict[str, Any]] = {
    "api_properties.set_locks": {"json": {"lock_ids": []}},
}
# Routes whose arguments name nothing of another account, and why.
NO_FOREIGN_ID = {
    "api_bookings.put": "the sources' ids are each account's own; tests/web/test_api_bookings.py",
}
# Addresses that another server sends the browser to, so that only GET is possible; what protects
# them is their one-time `state`.
CHANGES_BY_GET = {"settings.callback", "settings.connect"}
MISSING_ID = 2_000_000_000


@dataclass(frozen=True)
class Call:
    """One way to call one route."""

    rule: Rule
    method: str

    def __str__(self) -> str:
        return f"{self.method} {self.rule.rule}"

    @property
    def is_api(self) -> bool:
        return self.rule.rule.startswith(_guard.API_PREFIX)


def calls(app: Flask) -> Iterator[Call]:
    """Every route with every method of its own, but those that anybody may call."""
    for rule in app.url_map.iter_rules():
        if not _guard.is_public(app.view_functions[rule.endpoint]):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield Call(rule, method)


class Person:
    """A manager of an account, with a browser and a token."""

    def __init__(self, app: Flask, account: Account, role: Role = Role.OWNER) -> None:
        manager = make_manager(account, role=role)
        self.token = make_token(manager)
        client = app.test_client()
        assert isinstance(client, PortalClient)
        client.become(manager)
        self.client = client
        self.csrf_token = client.csrf_token()

    def do(self, call: Call, values: dict[str, Any]) -> TestResponse:
        with self.client.application.test_request_context():
            path = self.client.application.url_for(call.rule.endpoint, **values)
        headers = {"X-CSRFToken": self.csrf_token}
        client = self.client
        if call.is_api:
            client = self.client.application.test_client()
            headers = {"Authorization": f"Bearer {self.token}"}
        body = BODIES.get(call.rule.endpoint, {})
        return client.open(path, method=call.method, headers=headers, **body)


def any_value(rule: Rule) -> dict[str, Any]:
    return {name: MISSING_ID if name in ID_OF else "api" for name in rule.arguments}


def test_every_route_says_who_may_call_it(app: Flask) -> None:
    _guard.require_declarations(app)


def test_an_app_with_a_silent_view_does_not_start(app: Flask) -> None:
    bare = Flask(__name__)
    bare.add_url_rule("/forgotten", view_func=lambda: "", endpoint="forgotten")
    _guard.public("")(bare.view_functions["static"])

    with pytest.raises(_guard.UndeclaredView, match="forgotten"):
        _guard.require_declarations(bare)


def test_public_routes_are_the_ones_we_know(app: Flask) -> None:
    public = {name for name, view in app.view_functions.items() if _guard.is_public(view)}

    assert public == {
        "api_description.openapi",
        "guest.ask_for_help",
        "guest.live",
        "guest.show",
        "health.alive",
        "health.metrics",
        "health.ready",
        "sign_in.form",
        "sign_in.submit",
        "static",
        "webhooks.handshake",
        "webhooks.receive",
    }


def test_nobody_gets_in_without_signing_in(app: Flask) -> None:
    stranger = app.test_client()

    let_in = []
    for call in calls(app):
        with app.test_request_context():
            path = app.url_for(call.rule.endpoint, **any_value(call.rule))
        answer = stranger.open(path, method=call.method)
        is_sent_away = answer.status_code == 303 and answer.location.startswith("/sign-in")
        if not (answer.status_code == 401 if call.is_api else is_sent_away):
            let_in.append(f"{call}: {answer.status_code}")

    assert let_in == []


def test_no_role_may_do_what_asks_for_a_higher_one(app: Flask) -> None:
    account = make_account()
    people = {role: Person(app, account, role) for role in Role}

    wrong = []
    for call in calls(app):
        least = _guard.least_role(app.view_functions[call.rule.endpoint])
        assert least is not None
        for role, person in people.items():
            if not roles.is_at_least(role, least):
                answer = person.do(call, any_value(call.rule))
                if answer.status_code != 403:
                    wrong.append(f"{role} {call}: {answer.status_code}")

    assert wrong == []


def test_another_accounts_id_is_answered_exactly_like_a_missing_one(app: Flask) -> None:
    ours, theirs = make_account("Ours"), make_account("Theirs")
    person = Person(app, ours)

    different = []
    for call in calls(app):
        if not call.rule.arguments or call.rule.endpoint in NO_FOREIGN_ID:
            continue
        unknown = call.rule.arguments - ID_OF.keys()
        assert not unknown, f"{call}: say in ID_OF how to make {unknown}"
        foreign = {name: ID_OF[name](theirs) for name in call.rule.arguments}
        missing = dict.fromkeys(call.rule.arguments, MISSING_ID)
        with freeze_time(clock.now()):
            answers = [person.do(call, values) for values in (foreign, missing)]
        told = [(answer.status_code, answer.data) for answer in answers]
        if told[0] != told[1] or told[0][0] != 404:
            different.append(f"{call}: {told[0][0]} and {told[1][0]}")

    assert different == []


def test_ones_own_id_is_found_so_that_the_test_above_can_fail(app: Flask) -> None:
    account = make_account()
    person = Person(app, account)

    hidden = []
    for call in calls(app):
        if call.method != "GET" or not call.rule.arguments:
            continue
        values = {name: ID_OF[name](account) for name in call.rule.arguments}
        if person.do(call, values).status_code == 404:
            hidden.append(str(call))

    assert hidden == []


def test_reading_a_page_changes_nothing(app: Flask) -> None:
    account = make_account()
    person = Person(app, account)

    changing = []
    for call in calls(app):
        if call.method != "GET" or call.rule.endpoint in CHANGES_BY_GET:
            continue
        values = {name: ID_OF[name](account) for name in call.rule.arguments}
        version = fresh(account).version
        person.do(call, values)
        if fresh(account).version != version:
            changing.append(str(call))

    assert changing == []
