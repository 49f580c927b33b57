"""The commands: what they print, and what they refuse."""

import base64
import re

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from portal import crypto
from portal.domain.secret import Secret
from portal.extensions import db
from portal.models import Account, ApiToken, CsvChange, Manager, Property, Role
from portal.services import accounts, key_change
from tests.support.builders import (
    make_booking,
    make_channel,
    make_csv_import,
    make_endpoint,
    make_entry,
    make_feed,
    make_foreign_code,
    make_guest_link,
    make_guest_send,
    make_guest_way,
    make_lock,
    make_manager,
    make_property,
    make_spare,
    make_staff_code,
    make_webhook_event,
    saved,
)
from tests.support.client import PASSWORD, PortalClient

EMAIL = "maria@example.com"


def create_account(app: Flask, password: str = PASSWORD, email: str = EMAIL, name: str = "Casa"):  # type: ignore[no-untyped-def]
    arguments = ["account", "create", name, "--email", email, "--password-stdin"]
    result = app.test_cli_runner().invoke(args=arguments, input=f"{password}\n")
    db.session.rollback()
    return result


def test_an_account_is_made_and_only_its_id_is_printed(app: Flask, client: PortalClient) -> None:
    result = create_account(app)

    account = db.session.scalars(select(Account)).one()
    owner = db.session.scalars(select(Manager)).one()
    assert (result.exit_code, result.stdout) == (0, f"{account.id}\n")
    assert (owner.account_id, owner.role, owner.email) == (account.id, Role.OWNER, EMAIL)
    assert client.sign_in(EMAIL).status_code == 303


def test_every_account_has_a_label_key_of_its_own(app: Flask) -> None:
    create_account(app)
    create_account(app, email="other@example.com")

    keys = db.session.scalars(select(Account.label_key)).all()
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "at least 12"),
        ("short", "at least 12"),
        ("x" * 129, "at most 128"),
        ("aaaaaaaaaaaa", "first that are guessed"),
        ("123456789012", "first that are guessed"),
        ("password1234", "first that are guessed"),
        ("qwertyuiopas", "first that are guessed"),
        ("Latchboard!1", "first that are guessed"),
        ("maria12345678", "first that are guessed"),
    ],
)
def test_a_bad_password_is_refused_by_the_rule_it_breaks(
    app: Flask, password: str, words: str
) -> None:
    result = create_account(app, password, email="maria@example.com")

    assert result.exit_code != 0
    assert result.stdout == ""
    assert words in result.stderr
    assert db.session.scalar(select(func.count()).select_from(Account)) == 0


@pytest.mark.parametrize(
    "password", ["correct horse battery", "k7#mQ2!vXp9z", "тринадцатьслов", "x9KmW3" * 21]
)
def test_a_good_password_is_taken_whatever_its_characters(password: str) -> None:
    accounts.require_good_password(password, EMAIL)


@pytest.mark.parametrize("email", ["", "maria", "@x.example", "a@", "a b@example.com", "x" * 300])
def test_what_is_no_address_is_refused(app: Flask, email: str) -> None:
    result = create_account(app, email=email)

    assert result.exit_code != 0
    assert "e-mail address" in result.stderr


def test_an_address_belongs_to_one_manager(app: Flask) -> None:
    create_account(app)

    result = create_account(app, email=EMAIL.upper())

    assert result.exit_code != 0
    assert "exists already" in result.stderr
    assert db.session.scalar(select(func.count()).select_from(Account)) == 1


def test_a_token_is_printed_and_nothing_else_and_stored_as_a_hash(
    app: Flask, client: PortalClient
) -> None:
    make_manager(email=EMAIL)

    result = app.test_cli_runner().invoke(args=["token", "create", "--email", EMAIL])

    token = result.stdout.strip()
    db.session.rollback()
    row = db.session.scalars(select(ApiToken)).one()
    assert re.fullmatch(r"lb_[\w-]{43}\n", result.stdout)
    assert row.token_hash == crypto.token_hash(token)
    answer = client.get("/api/v1/locks", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200


def test_a_token_for_nobody_is_refused_in_words(app: Flask) -> None:
    result = app.test_cli_runner().invoke(args=["token", "create", "--email", "x@example.com"])

    assert (result.exit_code, result.stdout) == (1, "")
    assert "No active manager has the e-mail address" in result.stderr


def test_a_token_may_be_made_that_never_reads_a_pin(app: Flask) -> None:
    make_manager(email=EMAIL)

    app.test_cli_runner().invoke(args=["token", "create", "--email", EMAIL, "--no-pins"])

    db.session.rollback()
    assert not db.session.scalars(select(ApiToken)).one().can_reveal_pins


class TestChangingTheKey:
    """`keys re-encrypt`, with a new first key beside the old one."""

    OLD, NEW = b"k" * 32, b"n" * 32

    @pytest.fixture(autouse=True)
    def _old_ring_afterwards(self, app: Flask):  # type: ignore[no-untyped-def]
        yield
        crypto.use(crypto.KeyRing([self.OLD]))

    @staticmethod
    def stored_pins() -> list[str]:
        db.session.rollback()
        return list(db.session.execute(text("SELECT pin FROM booking ORDER BY id")).scalars())

    def test_every_value_is_written_with_the_first_key_and_reads_as_before(
        self, app: Flask
    ) -> None:
        for number in range(7):
            make_booking(pin=f"48291{number}")
        make_feed(make_property(fallback_entry=Secret("key box 4711")))
        old_values = self.stored_pins()
        crypto.use(crypto.KeyRing([self.NEW, self.OLD]))

        result = app.test_cli_runner().invoke(args=["keys", "re-encrypt", "--batch", "3"])

        assert result.exit_code == 0, result.output
        assert "booking.pin: 7 re-encrypted" in result.stderr
        assert not set(old_values) & set(self.stored_pins())
        crypto.use(crypto.KeyRing([self.NEW]))
        fallbacks = [p.fallback_entry for p in db.session.scalars(select(Property))]
        assert Secret("key box 4711") in fallbacks

    def test_no_table_keeps_a_value_of_the_old_key(self, app: Flask) -> None:
        booking = make_booking(make_property(fallback_entry=Secret("key box 4711")))
        lock = make_lock()
        make_entry(make_spare(lock))
        make_staff_code(locks=[lock])
        make_foreign_code(lock, pin=Secret("284951"))
        make_guest_link(booking)
        make_guest_way()
        make_guest_send(booking, address=Secret("ana@example.com"))
        make_feed()
        make_channel()
        make_endpoint()
        make_webhook_event()
        imported = make_csv_import(remarks=Secret("[]"))
        saved(
            CsvChange(
                account_id=imported.account_id,
                import_id=imported.id,
                booking_id=booking.id,
                before=Secret("{}"),
                after=Secret("{}"),
            )
        )
        crypto.use(crypto.KeyRing([self.NEW, self.OLD]))

        app.test_cli_runner().invoke(args=["keys", "re-encrypt"])

        db.session.rollback()
        crypto.use(crypto.KeyRing([self.NEW]))
        for column in key_change.encrypted_columns():
            values = db.session.scalars(select(column).where(column.is_not(None))).all()
            assert values, f"this test makes no row with {column}"
            assert all(isinstance(value, Secret) for value in values)

    def test_a_second_run_finds_nothing_to_do(self, app: Flask) -> None:
        make_booking()
        crypto.use(crypto.KeyRing([self.NEW, self.OLD]))
        runner = app.test_cli_runner()
        runner.invoke(args=["keys", "re-encrypt"])
        before = self.stored_pins()

        result = runner.invoke(args=["keys", "re-encrypt"])

        assert "booking.pin: 0 re-encrypted" in result.stderr
        assert self.stored_pins() == before

    def test_a_value_of_an_unknown_key_is_said_and_left_as_it_is(self, app: Flask) -> None:
        make_booking()
        before = self.stored_pins()
        crypto.use(crypto.KeyRing([self.NEW]))

        result = app.test_cli_runner().invoke(args=["keys", "re-encrypt"])

        assert result.exit_code == 1
        assert "1 values could not be read" in result.stderr
        assert self.stored_pins() == before

    def test_no_accounts_pages_refresh_for_it(self, app: Flask) -> None:
        booking = make_booking()
        version = db.session.get_one(Account, booking.account_id).version
        crypto.use(crypto.KeyRing([self.NEW, self.OLD]))

        app.test_cli_runner().invoke(args=["keys", "re-encrypt"])

        db.session.rollback()
        assert db.session.get_one(Account, booking.account_id).version == version


def test_keys_are_read_as_the_environment_has_them() -> None:
    encoded = base64.urlsafe_b64encode(b"n" * 32).decode()

    assert crypto.parse_keys(f" {encoded} , {encoded}") == [b"n" * 32] * 2
