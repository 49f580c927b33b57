"""A secret gives its text to who asks for it, and to nothing that prints it."""

import json

import pytest

from portal.domain.secret import MASK, Secret


def sealed(text: str) -> Secret:
    return Secret.sealed(lambda: text)


@pytest.mark.parametrize("make", [Secret, sealed])
def test_only_a_mask_is_printed(make: type[Secret]) -> None:
    secret = make("4711")

    assert {str(secret), repr(secret), f"{secret}"} == {MASK}
    assert json.loads(json.dumps(secret, default=str)) == MASK


@pytest.mark.parametrize("make", [Secret, sealed])
def test_two_are_equal_when_their_texts_are(make: type[Secret]) -> None:
    assert make("4711") == Secret("4711")
    assert hash(make("4711")) == hash(Secret("4711"))
    assert make("4711") != Secret("0815")
    assert make("4711") != "4711"
    assert (len(make("4711")), bool(make("")), bool(make("4711"))) == (4, False, True)


def test_a_sealed_one_is_opened_once_and_not_before_its_text_is_needed() -> None:
    opened = []

    def unseal() -> str:
        opened.append("now")
        return "4711"

    secret = Secret.sealed(unseal)

    assert (str(secret), opened) == (MASK, [])
    assert (secret.reveal(), secret.reveal()) == ("4711", "4711")
    assert opened == ["now"]


def test_what_cannot_be_opened_says_so_to_who_asks() -> None:
    def unseal() -> str:
        raise ValueError("another key")

    secret = Secret.sealed(unseal)

    assert str(secret) == MASK
    with pytest.raises(ValueError, match="another key"):
        secret.reveal()
