"""The message to the guest: its placeholders, and what becomes of what has nothing to say."""

import pytest

from portal.domain.guest_message import (
    DEFAULT,
    MAX_LENGTH,
    BadText,
    Placeholder,
    check,
    render,
)
from portal.domain.pin import grouped

FULL = {name: f"<{name}>" for name in Placeholder}


def complaint(text: str) -> str:
    with pytest.raises(BadText) as bad:
        check(text)
    return bad.value.words


def test_a_wrong_placeholder_is_named_together_with_the_right_ones() -> None:
    words = complaint("Your code: {pni}, and {door code}. {pin}")

    assert "{pni}" in words
    assert "{door code}" in words
    for name in Placeholder:
        assert f"{{{name}}}" in words


@pytest.mark.parametrize("text", ["{pin", "pin}", "{pin} {", "{{pin}}", "{pin} }{"])
def test_a_brace_that_stands_alone_is_said(text: str) -> None:
    assert "brace" in complaint(text)


@pytest.mark.parametrize("text", ["Welcome {guest}!", "{property} {check_in}"])
def test_a_text_that_tells_no_code_is_refused(text: str) -> None:
    assert "{pin} or {link}" in complaint(text)


@pytest.mark.parametrize("text", ["", "  \n "])
def test_an_empty_text_is_refused(text: str) -> None:
    assert "Write the message" in complaint(text)


def test_a_text_that_is_too_long_is_refused() -> None:
    assert str(MAX_LENGTH) in complaint("{pin}" + "x" * MAX_LENGTH)


@pytest.mark.parametrize("text", [DEFAULT, "{pin}", "Code: {pin}\n{link}", "{link}"])
def test_good_texts_are_taken(text: str) -> None:
    check(text)


def test_every_placeholder_is_filled() -> None:
    text = "{pin} " + " ".join(f"{{{name}}}" for name in Placeholder)

    told = render(text, FULL)

    for name in Placeholder:
        assert f"<{name}>" in told
    assert "{" not in told


def test_a_line_that_has_nothing_to_say_is_left_out() -> None:
    told = render(DEFAULT, FULL | {Placeholder.ADDRESS: "", Placeholder.DIRECTIONS: ""})

    assert "Address" not in told
    assert "<pin>" in told
    assert "<link>" in told
    assert "\n\n\n" not in told


def test_a_guest_without_a_name_is_greeted_all_the_same() -> None:
    told = render(DEFAULT, FULL | {Placeholder.GUEST: ""})

    assert told.startswith("Hello,\n")


def test_what_a_guest_is_called_is_never_read_as_a_placeholder() -> None:
    told = render("{guest}: {pin}", FULL | {Placeholder.GUEST: "{fallback}"})

    assert told == "{fallback}: <pin>"


@pytest.mark.parametrize(
    ("pin", "expected"),
    [
        ("4829", ("4829",)),
        ("48291", ("48", "291")),
        ("482917", ("482", "917")),
        ("4829173", ("482", "9173")),
        ("48291734", ("4829", "1734")),
    ],
)
def test_digits_stand_in_groups_that_a_person_reads_at_a_glance(
    pin: str, expected: tuple[str, ...]
) -> None:
    assert grouped(pin) == expected
