"""Signing in and out, as a browser sees it and as the database keeps it."""

from datetime import timedelta

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from portal import clock, crypto
from portal.extensions import db
from portal.models import LimitBucket, Manager, Role, SignIn
from portal.services import accounts
from tests.support.builders import fresh, make_account, make_manager
from tests.support.client import PASSWORD, PortalClient

PRIVATE = "/sign-out"  # any address that needs a sign-in; asked by GET it answers 405 to the known


def is_signed_in(client: PortalClient) -> bool:
    """Whether the server knows this browser: the sign-in page sends the known on."""
    db.session.rollback()
    return client.get("/sign-in").status_code == 303


def cookie_of(client: PortalClient) -> str:
    cookie = client.get_cookie("latchboard")
    assert cookie is not None
    return cookie.value


def test_the_right_password_signs_in_and_leads_home(client: PortalClient) -> None:
    manager = make_manager()

    answer = client.sign_in(manager.email)

    assert (answer.status_code, answer.location) == (303, "/")
    assert is_signed_in(client)


def test_the_address_may_be_written_in_another_case_and_with_spaces(client: PortalClient) -> None:
    make_manager(email="maria@example.com")

    client.sign_in("  Maria@Example.COM ")

    assert is_signed_in(client)


def test_a_wrong_password_says_so_and_keeps_the_address(client: PortalClient) -> None:
    manager = make_manager()

    answer = client.sign_in(manager.email, "not the password")

    assert answer.status_code == 422
    assert "E-mail address or password is wrong." in answer.text
    assert manager.email in answer.text
    assert not is_signed_in(client)


def test_an_unknown_address_gets_the_same_answer_as_a_wrong_password(app: Flask) -> None:
    manager = make_manager(email="known@example.com")

    with freeze_time(clock.now()):
        known = app.test_client().sign_in(manager.email, "not the password")
        unknown = app.test_client().sign_in("nobody@example.com", "not the password")

    def without_what_was_typed(answer: TestResponse) -> str:
        lines = answer.text.replace("known@example.com", "@").replace("nobody@example.com", "@")
        return "\n".join(line for line in lines.splitlines() if "csrf_token" not in line)

    assert (known.status_code, unknown.status_code) == (422, 422)
    assert without_what_was_typed(known) == without_what_was_typed(unknown)


def test_an_unknown_address_takes_the_work_of_a_comparison_too(
    client: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    real = accounts._HASHER

    class Counting:
        def verify(self, stored: str, password: str) -> bool:
            compared.append(stored)
            return real.verify(stored, password)

        def hash(self, password: str) -> str:
            return real.hash(password)

    monkeypatch.setattr(accounts, "_HASHER", Counting())

    client.sign_in("nobody@example.com", "not the password")

    assert len(compared) == 1
    assert compared[0].startswith("$argon2id$")


def test_a_manager_who_was_switched_off_cannot_sign_in(client: PortalClient) -> None:
    manager = make_manager(is_active=False)

    assert client.sign_in(manager.email).status_code == 422


def test_switching_a_manager_off_ends_their_sign_ins(client: PortalClient) -> None:
    manager = make_manager()
    client.sign_in(manager.email)

    manager.is_active = False
    db.session.commit()

    assert not is_signed_in(client)


def test_signing_out_deletes_the_sign_in_so_that_a_copied_cookie_is_worth_nothing(
    app: Flask, client: PortalClient
) -> None:
    manager = make_manager()
    client.sign_in(manager.email)
    thief = app.test_client()
    thief.set_cookie("latchboard", cookie_of(client))
    assert is_signed_in(thief)

    client.send("/sign-out")

    assert not is_signed_in(thief)
    assert db.session.scalar(select(func.count()).select_from(SignIn)) == 0


def test_only_a_hash_of_the_token_is_stored(client: PortalClient) -> None:
    manager = make_manager()

    client.sign_in(manager.email)

    with client.session_transaction() as session:
        token = session["_user_id"]
    row = db.session.scalars(select(SignIn)).one()
    assert row.token_hash == crypto.token_hash(token)
    assert len(token) >= 43  # 256 bits


def test_the_cookie_holds_the_token_and_the_seed_of_forms_and_nothing_else(
    client: PortalClient,
) -> None:
    manager = make_manager()

    client.sign_in(manager.email)
    client.get("/sign-in")

    with client.session_transaction() as session:
        assert set(session) <= {"_user_id", "_permanent", "csrf_token"}


def test_every_sign_in_has_a_token_of_its_own(client: PortalClient) -> None:
    manager = make_manager()

    client.sign_in(manager.email)
    first = cookie_of(client)
    client.delete_cookie("latchboard")
    client.sign_in(manager.email)

    assert cookie_of(client) != first
    assert db.session.scalar(select(func.count()).select_from(SignIn)) == 2


def test_a_session_fixed_before_signing_in_is_left_behind(client: PortalClient) -> None:
    manager = make_manager()
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"

    client.sign_in(manager.email)

    with client.session_transaction() as session:
        assert "planted" not in session


def test_a_sign_in_ends_after_twelve_idle_hours(client: PortalClient) -> None:
    with freeze_time("2026-11-24T08:00:00Z") as time:
        client.sign_in(make_manager().email)
        time.tick(timedelta(hours=11, minutes=59))
        assert is_signed_in(client)

        time.tick(timedelta(hours=12, minutes=6))

        assert not is_signed_in(client)


def test_a_sign_in_ends_after_seven_days_however_busy(client: PortalClient) -> None:
    with freeze_time("2026-11-24T08:00:00Z") as time:
        client.sign_in(make_manager().email)
        for _ in range(14):
            time.tick(timedelta(hours=11, minutes=55))
            client.get(PRIVATE)
            client.post(PRIVATE)  # refused for its missing token, after the sign-in was noted
        assert is_signed_in(client)

        time.tick(timedelta(hours=2))

        assert not is_signed_in(client)


def test_the_last_use_is_written_at_most_every_five_minutes(client: PortalClient) -> None:
    with freeze_time("2026-11-24T08:00:00Z") as time:
        client.sign_in(make_manager().email)
        row = db.session.scalars(select(SignIn)).one()
        began = row.last_seen_at
        time.tick(timedelta(minutes=4))
        client.post(PRIVATE)
        assert fresh(row).last_seen_at == began

        time.tick(timedelta(minutes=1))
        client.post(PRIVATE)

        assert fresh(row).last_seen_at == began + timedelta(minutes=5)


def test_noting_the_last_use_refreshes_nobodys_pages(client: PortalClient) -> None:
    account = make_account()
    with freeze_time("2026-11-24T08:00:00Z") as time:
        client.sign_in(make_manager(account).email)
        version = fresh(account).version
        time.tick(timedelta(minutes=10))

        client.post(PRIVATE)

        assert fresh(account).version == version


def test_ten_tries_an_hour_for_one_address_then_a_wait_in_words(app: Flask) -> None:
    manager = make_manager()
    with freeze_time("2026-11-24T08:00:00Z") as time:
        for number in range(10):
            from_elsewhere = {"REMOTE_ADDR": f"198.51.100.{number}"}
            client = app.test_client()
            client.environ_base.update(from_elsewhere)
            assert client.sign_in(manager.email, "wrong password!").status_code == 422

        limited = app.test_client().sign_in(manager.email)
        time.tick(timedelta(minutes=7))
        later = app.test_client().sign_in(manager.email)

    assert limited.status_code == 429
    assert "Too many tries. Wait 6 minutes" in limited.text
    assert 0 < int(limited.headers["Retry-After"]) <= 360
    assert later.status_code == 303


def test_twenty_tries_an_hour_from_one_place_whoever_they_are_for(client: PortalClient) -> None:
    make_manager()
    with freeze_time("2026-11-24T08:00:00Z"):
        for number in range(20):
            assert client.sign_in(f"nobody{number}@example.com", "wrong!").status_code == 422

        assert client.sign_in("nobody@example.com", "wrong!").status_code == 429


def test_a_forged_forwarding_header_does_not_buy_more_tries(client: PortalClient) -> None:
    with freeze_time("2026-11-24T08:00:00Z"):
        for number in range(20):
            client.environ_base["HTTP_X_FORWARDED_FOR"] = f"203.0.113.{number}"
            client.sign_in(f"nobody{number}@example.com", "wrong!")

        assert client.sign_in("nobody@example.com", "wrong!").status_code == 429


def test_good_sign_ins_use_up_no_tries(app: Flask) -> None:
    manager = make_manager()

    answers = [app.test_client().sign_in(manager.email).status_code for _ in range(12)]

    assert set(answers) == {303}


def test_the_table_of_tries_holds_no_addresses(client: PortalClient) -> None:
    client.sign_in("somebody@example.com", "wrong!")

    keys = db.session.scalars(select(LimitBucket.key)).all()
    assert len(keys) == 2
    assert not any("somebody" in key or "127.0.0.1" in key for key in keys)


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/bookings/7", "/bookings/7"),
        ("/?when=inside", "/?when=inside"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_the_browser_stays_on_this_site(
    client: PortalClient, wanted: str, led_to: str
) -> None:
    manager = make_manager()

    answer = client.sign_in(manager.email, next=wanted)

    assert answer.location == led_to


def test_passwords_are_stored_with_argon2id_at_least_as_hard_as_owasp_asks() -> None:
    stored = accounts.hash_password(PASSWORD)

    kind, _, settings = stored.split("$")[1:4]
    values = dict(part.split("=") for part in settings.split(","))
    assert kind == "argon2id"
    assert int(values["m"]) >= 19 * 1024
    assert int(values["t"]) >= 2


def test_a_weaker_hash_is_renewed_at_the_next_sign_in(client: PortalClient) -> None:
    hasher = type(accounts._HASHER)(time_cost=1, memory_cost=8, parallelism=1)
    manager = make_manager(role=Role.MANAGER)
    manager.password_hash = hasher.hash(PASSWORD)
    db.session.commit()
    assert accounts.is_hash_outdated(manager.password_hash)

    client.sign_in(manager.email)

    assert not accounts.is_hash_outdated(fresh(manager).password_hash)


@pytest.mark.parametrize("email", ["a\x00b@example.com", "x" * 5000, "", "ü@exämple.com"])
@pytest.mark.parametrize("password", ["", "x" * 5000, "\x00" * 20])
def test_whatever_is_typed_is_answered_and_not_an_error(
    client: PortalClient, email: str, password: str
) -> None:
    assert client.sign_in(email, password).status_code == 422


def test_the_password_is_not_in_the_page_that_comes_back(client: PortalClient) -> None:
    answer = client.sign_in("a@example.com", "my secret typed password")

    assert "my secret typed password" not in answer.text


def test_a_manager_of_one_account_is_the_one_row_that_signing_in_reads(
    client: PortalClient,
) -> None:
    make_manager(make_account("Other"), email="other@example.com")
    manager = make_manager(make_account("Ours"), email="ours@example.com")

    client.sign_in(manager.email)

    row = db.session.scalars(select(SignIn)).one()
    assert (
        row.manager_id
        == db.session.scalars(select(Manager.id).where(Manager.email == "ours@example.com")).one()
    )
