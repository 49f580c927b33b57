"""Which addresses a channel may have, and what is shown of them."""

import pytest

from portal.messages.addresses import KINDS, check, mail_address
from portal.network.errors import CallRefused

SECRET = "t0ken"

TAKEN = [
    ("slack://T1JJ3T3L2/A1BRTD4JD/t0ken", "slack", ""),
    ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/t0ken", "slack", "hooks.slack.com"),
    (
        "https://prod-1.westus.logic.azure.com/workflows/1/t0ken",
        "teams",
        "prod-1.westus.logic.azure.com",
    ),
    ("workflows://prod-1.westus.logic.azure.com/1/t0ken", "teams", ""),
    ("twilio://account:t0ken@15551234567/15557654321", "sms", ""),
    ("tgram://t0ken/123", "chat", ""),
    ("ntfys://t0ken", "push", ""),
    ("jsons://alerts.example.com/t0ken?to=x", "generic", "alerts.example.com"),
    ("mailtos://me:t0ken@mail.example.com:587?mode=starttls", "email", "mail.example.com"),
]

HOSTILE = [
    ("", "bad_address"),
    ("not an address", "bad_address"),
    ("slack://a\nb", "bad_address"),
    ("slack://" + "a" * 2100, "bad_address"),
    ("https://[::1", "bad_address"),
    ("file:///etc/passwd?t0ken", "bad_schema"),
    ("dbus://", "bad_schema"),
    ("gnome://", "bad_schema"),
    ("macosx://", "bad_schema"),
    ("windows://", "bad_schema"),
    ("syslog://", "bad_schema"),
    ("exec://ls", "bad_schema"),
    ("rsyslog://10.0.0.1", "bad_schema"),
    ("mqtt://10.0.0.1/t0ken", "bad_schema"),
    ("kodi://10.0.0.1/", "bad_schema"),
    ("form://10.0.0.1/", "bad_schema"),
    ("apprise://10.0.0.1/t0ken", "bad_schema"),
    ("vapid://t0ken/x", "bad_schema"),
    ("javascript:alert(1)", "bad_schema"),
    ("slack:", "bad_schema"),
    ("https://calendar.example.com/t0ken", "bad_schema"),
    ("https://hooks.slack.com.evil.example/t0ken", "bad_schema"),
    ("https://evil-logic.azure.com/t0ken", "bad_schema"),
    ("http://hooks.slack.com/services/t0ken", "bad_schema"),
    ("json://alerts.example.com/t0ken", "not_encrypted"),
    ("mailto://me:t0ken@example.com", "not_encrypted"),
    ("workflows://h/1/t0ken?template=/etc/passwd", "bad_option"),
    ("mailtos://me:t0ken@example.com?pgpkey=/etc/passwd", "bad_option"),
    ("jsons://example.com/?verify=no&t0ken=1", "bad_option"),
    ("jsons://example.com/?attach=file:///etc/passwd", "bad_option"),
    ("jsons://example.com/?+Host=10.0.0.1", "bad_option"),
    ("jsons://10.0.0.1/t0ken", "private_address"),
    ("jsons://169.254.169.254/t0ken", "private_address"),
    ("jsons://[::ffff:127.0.0.1]/t0ken", "private_address"),
    ("mailtos://me:t0ken@localhost", "private_address"),
    ("gotifys://box/t0ken", "private_address"),
]


@pytest.mark.parametrize(("address", "kind", "hint"), TAKEN)
def test_an_address_of_a_messenger_is_taken_and_its_token_not_shown(
    address: str, kind: str, hint: str
) -> None:
    assert check(address) == (kind, hint)
    assert SECRET not in hint


@pytest.mark.parametrize(("address", "key"), HOSTILE)
def test_a_hostile_address_is_refused_without_repeating_it(address: str, key: str) -> None:
    with pytest.raises(CallRefused) as refused:
        check(address)

    assert refused.value.key == key
    assert SECRET not in refused.value.words or key == "bad_option"
    assert "passwd" not in refused.value.words


def test_no_schema_belongs_to_two_kinds() -> None:
    schemas = [schema for kind in KINDS.values() for schema in kind]

    assert len(schemas) == len(set(schemas))


def test_a_trial_on_this_machine_may_call_this_machine() -> None:
    assert check("json://127.0.0.1:8080/", allow_private=True) == ("generic", "127.0.0.1")


def test_what_a_mail_form_holds_cannot_become_another_part_of_the_address() -> None:
    address = mail_address(
        server="smtp.example.com",
        port=587,
        security="starttls",
        user="maria@example.com",
        password="p@ss/w?rd&smtp=10.0.0.1#",
        sender="maria@example.com",
        recipients=["night@example.com", "day@example.com"],
    )

    assert check(address) == ("email", "smtp.example.com")
    assert address.count("?") == 1
    assert address.count("smtp=") == 1
    assert "#" not in address
