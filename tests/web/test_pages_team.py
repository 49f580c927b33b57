"""Team and You: people, roles, passwords, browsers, tokens; and the owner who always stays."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal import clock
from portal.extensions import db
from portal.models import Account, ApiToken, Manager, Role, SignIn, TimelineEntry
from portal.services import accounts
from portal.services.timeline import TEAM, Kind
from portal.views._devices import device
from tests.support.builders import (
    fresh,
    make_account,
    make_api_token,
    make_manager,
    make_sign_in,
    make_token,
)
from tests.support.client import PASSWORD, PortalClient
from tests.web.api import Program
from tests.web.pages import browser, element, words

NEW_PASSWORD = "four unrelated plain words"
ROSA = {
    "name": "Rosa Planner",
    "email": "Rosa@Example.com ",
    "role": "staff",
    "password": NEW_PASSWORD,
}


@pytest.fixture
def account(app: Flask) -> Account:
    return make_account()


@pytest.fixture
def owner(account: Account) -> Manager:
    return make_manager(account, name="Olga Owner")


@pytest.fixture
def page(client: PortalClient, owner: Manager) -> PortalClient:
    """The browser of an owner."""
    client.become(owner)
    return client


def kinds() -> list[str]:
    db.session.rollback()
    rows = db.session.query(TimelineEntry.kind).filter(TimelineEntry.kind.in_(TEAM))
    return [row.kind for row in rows.order_by(TimelineEntry.id)]


def person(email: str) -> Manager:
    db.session.rollback()
    return db.session.query(Manager).filter_by(email=email).one()


def sign_ins_of(manager: Manager) -> int:
    db.session.rollback()
    return db.session.query(SignIn).filter_by(manager_id=manager.id).count()


def test_a_person_is_added_with_a_role_and_can_sign_in(app: Flask, page: PortalClient) -> None:
    answer = page.send("/team/new", **ROSA)

    rosa = person("rosa@example.com")
    theirs = app.test_client()
    assert isinstance(theirs, PortalClient)
    assert (answer.status_code, answer.location) == (303, "/team")
    assert (rosa.name, rosa.role) == ("Rosa Planner", Role.STAFF)
    assert theirs.sign_in("rosa@example.com", NEW_PASSWORD).status_code == 303
    assert kinds() == [Kind.MANAGER_ADDED]
    history = words(element(page.get("/team").text, id="timeline").text)
    assert "Rosa Planner was added to the team" in history
    assert "Olga Owner" in history


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 201),
        ("email", "rosa"),
        ("email", ""),
        ("password", "short"),
        ("password", "passwordpassword"),
        ("password", "x" * 129),
        ("role", "king"),
    ],
)
def test_what_will_not_do_is_said_at_its_field_and_the_rest_stays_typed(
    page: PortalClient, field: str, value: str
) -> None:
    answer = page.send("/team/new", **ROSA | {field: value})

    assert answer.status_code == 422
    assert words(element(answer.text, id=f"{field}-error").text)
    if field != "name":
        assert element(answer.text, id="name")["value"] == "Rosa Planner"
    assert NEW_PASSWORD not in answer.text
    assert db.session.query(Manager).count() == 1


def test_an_address_of_another_account_is_taken_too(page: PortalClient) -> None:
    make_manager(make_account("Theirs"), email="rosa@example.com")

    answer = page.send("/team/new", **ROSA)

    assert answer.status_code == 422
    assert "exists already" in element(answer.text, id="email-error").text


def test_a_changed_role_counts_from_the_next_click(
    app: Flask, account: Account, page: PortalClient
) -> None:
    rosa = make_manager(account, role=Role.MANAGER)
    theirs = app.test_client()
    assert isinstance(theirs, PortalClient)
    theirs.become(rosa)
    before = theirs.get("/locks").status_code

    page.send(f"/team/{rosa.id}/role", role="staff")

    assert before == 200
    assert theirs.get("/locks").status_code == 403
    assert kinds() == [Kind.ROLE_CHANGED]


def test_a_disabled_person_is_out_everywhere_and_can_be_let_in_again(
    app: Flask, account: Account, page: PortalClient
) -> None:
    rosa = make_manager(account, role=Role.MANAGER)
    program = Program(app, make_token(rosa))
    theirs = app.test_client()
    assert isinstance(theirs, PortalClient)
    theirs.become(rosa)

    page.send(f"/team/{rosa.id}/disable")

    assert theirs.get("/").status_code == 303
    assert program.get("/api/v1/locks").status_code == 401
    assert sign_ins_of(rosa) == 0
    assert "Shut out" in element(page.get("/team").text, id=f"manager-{rosa.id}").text
    page.send(f"/team/{rosa.id}/enable")
    assert program.get("/api/v1/locks").status_code == 200
    assert kinds() == [Kind.MANAGER_DISABLED, Kind.MANAGER_ENABLED]


def test_the_last_owner_cannot_be_demoted(
    account: Account, owner: Manager, page: PortalClient
) -> None:
    make_manager(account, role=Role.OWNER, is_active=False)
    make_manager(make_account("Theirs"), role=Role.OWNER)

    answer = page.send(f"/team/{owner.id}/role", role="viewer")

    assert answer.status_code == 422
    assert "last owner" in element(answer.text, id="role-error").text
    assert fresh(owner).role is Role.OWNER


def test_an_owner_steps_down_where_another_stays(
    account: Account, owner: Manager, page: PortalClient
) -> None:
    make_manager(account, role=Role.OWNER)

    answer = page.send(f"/team/{owner.id}/role", role="manager")

    assert (answer.status_code, answer.location) == (303, "/you")
    assert fresh(owner).role is Role.MANAGER
    assert page.get("/team").status_code == 403


def test_nobody_shuts_themselves_out(account: Account, owner: Manager, page: PortalClient) -> None:
    make_manager(account, role=Role.OWNER)

    page.send(f"/team/{owner.id}/disable")

    assert fresh(owner).is_active
    assert "Ask another owner" in page.get(f"/team/{owner.id}").text


def test_another_owner_can_be_shut_out_as_long_as_one_stays(
    account: Account, owner: Manager, page: PortalClient
) -> None:
    other = make_manager(account, role=Role.OWNER)

    page.send(f"/team/{other.id}/disable")

    assert not fresh(other).is_active
    assert fresh(owner).is_active


def test_a_token_is_shown_once_and_opens_the_api(
    app: Flask, owner: Manager, page: PortalClient
) -> None:
    answer = page.send("/team/tokens/new", name="Booking robot", manager_id=str(owner.id))

    token = words(element(answer.text, id="token").text)
    row = db.session.query(ApiToken).one()
    listed = page.get("/team").text
    assert answer.headers["Cache-Control"] == "no-store"
    assert Program(app, token).get("/api/v1/locks").status_code == 200
    assert token not in listed
    assert "Booking robot" in element(listed, id=f"token-{row.id}").text
    assert "last used" in element(page.get("/team").text, id=f"token-{row.id}").text
    assert not row.can_reveal_pins
    assert kinds() == [Kind.TOKEN_MADE]


def test_a_token_that_may_read_pins_says_so_by_a_tick(page: PortalClient, owner: Manager) -> None:
    page.send("/team/tokens/new", name="Robot", manager_id=str(owner.id), can_reveal_pins="y")

    assert db.session.query(ApiToken).one().can_reveal_pins


@pytest.mark.parametrize("change", [{"name": ""}, {"name": "x" * 101}, {"manager_id": "999"}])
def test_a_token_without_a_name_or_person_is_not_made(
    page: PortalClient, owner: Manager, change: dict[str, str]
) -> None:
    fields = {"name": "Robot", "manager_id": str(owner.id)} | change

    answer = page.send("/team/tokens/new", **fields)

    assert answer.status_code == 422
    assert words(element(answer.text, id=f"{next(iter(change))}-error").text)
    assert db.session.query(ApiToken).count() == 0


def test_a_token_of_another_accounts_person_cannot_be_made(page: PortalClient) -> None:
    theirs = make_manager(make_account("Theirs"))

    answer = page.send("/team/tokens/new", name="Robot", manager_id=str(theirs.id))

    assert answer.status_code == 422


def test_a_revoked_token_is_refused_at_once_after_asking(
    app: Flask, owner: Manager, page: PortalClient
) -> None:
    program = Program(app, make_token(owner, name="Old robot"))
    row = db.session.query(ApiToken).one()

    asked = page.get(f"/team/tokens/{row.id}/revoke").text
    still = program.get("/api/v1/locks").status_code
    page.send(f"/team/tokens/{row.id}/revoke")

    assert "Old robot" in asked
    assert still == 200
    assert program.get("/api/v1/locks").status_code == 401
    assert kinds() == [Kind.TOKEN_REVOKED]


@pytest.mark.parametrize("role", [Role.MANAGER, Role.STAFF, Role.VIEWER])
def test_the_team_is_the_owners_business_and_you_is_everybodys(app: Flask, role: Role) -> None:
    client = browser(app, role=role)

    assert client.get("/team").status_code == 403
    assert client.get("/you").status_code == 200


def test_a_new_password_ends_every_other_browser_and_not_this_one(
    app: Flask, owner: Manager, page: PortalClient
) -> None:
    make_sign_in(owner)
    colleague = make_sign_in()

    answer = page.send("/you/password", current=PASSWORD, password=NEW_PASSWORD, again=NEW_PASSWORD)

    assert answer.status_code == 303
    assert sign_ins_of(owner) == 1
    assert sign_ins_of(db.session.get_one(Manager, colleague.manager_id)) == 1
    assert page.get("/you").status_code == 200
    assert accounts.is_password(fresh(owner).password_hash, NEW_PASSWORD)
    assert not accounts.is_password(fresh(owner).password_hash, PASSWORD)
    assert kinds() == [Kind.PASSWORD_CHANGED]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"current": "not the password"}, "current"),
        ({"current": ""}, "current"),
        ({"password": "short", "again": "short"}, "password"),
        ({"password": "qwertyuiopas", "again": "qwertyuiopas"}, "password"),
        ({"again": "something quite else"}, "again"),
    ],
)
def test_a_password_that_will_not_do_is_said_at_its_field(
    owner: Manager, page: PortalClient, change: dict[str, str], field: str
) -> None:
    typed = {"current": PASSWORD, "password": NEW_PASSWORD, "again": NEW_PASSWORD} | change
    make_sign_in(owner)

    answer = page.send("/you/password", **typed)

    assert answer.status_code == 422
    assert words(element(answer.text, id=f"{field}-error").text)
    assert accounts.is_password(fresh(owner).password_hash, PASSWORD)
    assert sign_ins_of(owner) == 2


def test_guessing_the_password_of_today_is_limited(page: PortalClient, owner: Manager) -> None:
    typed: dict[str, Any] = {"password": NEW_PASSWORD, "again": NEW_PASSWORD}

    for _ in range(10):
        page.send("/you/password", current="a wrong guess", **typed)
    answer = page.send("/you/password", current=PASSWORD, **typed)

    assert answer.status_code == 422
    assert "Too many tries" in element(answer.text, id="current-error").text
    assert accounts.is_password(fresh(owner).password_hash, PASSWORD)


def test_a_lost_phone_is_signed_out_from_another_browser(
    owner: Manager, page: PortalClient
) -> None:
    phone = make_sign_in(owner, last_seen_at=clock.now() - timedelta(hours=3))

    listed = words(element(page.get("/you").text, id=f"sign-in-{phone.id}").text)
    page.send(f"/you/sign-ins/{phone.id}/end")

    assert "Safari on iPhone" in listed
    assert "last seen 3 h ago" in listed
    assert sign_ins_of(owner) == 1
    assert kinds() == [Kind.SIGN_IN_ENDED]


def test_a_colleagues_browser_is_like_a_missing_one(account: Account, page: PortalClient) -> None:
    theirs = make_sign_in(make_manager(account))

    assert page.send(f"/you/sign-ins/{theirs.id}/end").status_code == 404
    assert sign_ins_of(db.session.get_one(Manager, theirs.manager_id)) == 1


def test_the_team_of_another_account_is_not_listed(page: PortalClient) -> None:
    other = make_account("Theirs")
    make_manager(other, name="Nobody of ours")
    make_api_token(other, name="Not our robot")

    html = page.get("/team").text

    assert "Nobody of ours" not in html
    assert "Not our robot" not in html


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537 Chrome/130 Safari/537",
            "Chrome on Windows",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537 Edg/130", "Edge on Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko Firefox/130.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 14) Chrome/130 Mobile Safari/537", "Chrome on Android"),
        ("curl/8.1", "curl"),
        ("", "An unknown browser"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_browser_is_told_in_a_few_words(app: Flask, user_agent: str, expected: str) -> None:
    with app.test_request_context():
        assert device(user_agent) == expected
