"""Which digits and which names a lock is given."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain import label, pin
from portal.domain.pin import LengthRule

digits = st.text("0123456789", min_size=4, max_size=8)


@given(st.sampled_from(range(4, 9)), st.sets(digits, max_size=40), st.integers())
def test_a_chosen_pin_is_well_formed_not_trivial_and_clear_of_the_taken(
    length: int, taken: set[str], seed: int
) -> None:
    chosen = pin.choose(length, taken, Random(seed))

    assert len(chosen) == length
    assert pin.is_well_formed(chosen)
    assert not pin.is_trivial(chosen)
    assert not any(pin.clashes(chosen, other) for other in taken)


def test_when_no_first_four_digits_are_left_it_says_so() -> None:
    everything = {f"{number:04}" for number in range(10_000)}

    with pytest.raises(LookupError):
        pin.choose(6, everything, Random(1))


@pytest.mark.parametrize(
    "easy", ["1234", "4321", "0000", "123456", "999999", "1212", "121212", "1987", "2024", "2580",
             "890123", "456456"]
)  # fmt: skip
def test_a_pin_a_stranger_tries_first_is_trivial(easy: str) -> None:
    assert pin.is_trivial(easy)


@pytest.mark.parametrize("good", ["4829", "482917", "7390", "30741968"])
def test_other_pins_are_not(good: str) -> None:
    assert not pin.is_trivial(good)


@pytest.mark.parametrize("bad", ["", "123", "123456789", "12a4", "١٢٣٤", "12 34", "1234\n"])
def test_a_pin_is_four_to_eight_ascii_digits(bad: str) -> None:
    assert not pin.is_well_formed(bad)


@pytest.mark.parametrize(
    ("known", "has_vlac", "listed", "length"),
    [
        (None, False, [4, 4], 4),
        (4, False, [6], 6),
        (4, False, [4, 6], 4),
        (4, False, [], 4),
        (4, True, [6, 6], 4),
    ],
)
def test_codes_of_one_length_show_the_locks_rule_also_a_new_one(
    known: int | None, has_vlac: bool, listed: list[int], length: int | None
) -> None:
    assert pin.length_shown(LengthRule(known, has_vlac), listed) == length


@pytest.mark.parametrize(
    ("rule", "text", "allowed"),
    [
        (LengthRule(6, False), "482917", True),
        (LengthRule(6, False), "4829", False),
        (LengthRule(6, True), "4829", True),
        (LengthRule(None, False), "4829", True),
    ],
)
def test_a_lock_without_vlac_holds_codes_of_one_length(
    rule: LengthRule, text: str, allowed: bool
) -> None:
    assert rule.allows(text) is allowed


@pytest.mark.parametrize(
    ("rules", "length"),
    [
        ([], 6),
        ([LengthRule(None, False)], 6),
        ([LengthRule(4, False), LengthRule(None, True)], 4),
        ([LengthRule(4, True), LengthRule(5, False)], 5),
        ([LengthRule(4, False), LengthRule(6, False)], None),
    ],
)
def test_doors_that_contradict_each_other_have_no_common_length(
    rules: list[LengthRule], length: int | None
) -> None:
    assert pin.common_length(rules) == length


@pytest.mark.parametrize(
    ("phone", "length", "digits_"),
    [
        ("+1 (212) 555-0142", 4, "0142"),
        ("+1 212 555 0142", 6, "550142"),
        ("0000", 4, None),
        ("", 4, None),
        ("call me: 12", 4, None),
        ("٠١٢٣", 4, None),
    ],
)
def test_a_phone_number_gives_its_last_digits_unless_too_few_or_too_easy(
    phone: str, length: int, digits_: str | None
) -> None:
    assert pin.from_phone(phone, length) == digits_


@given(digits, digits)
def test_clashing_is_mutual_and_about_the_first_four(one: str, other: str) -> None:
    assert pin.clashes(one, other) is pin.clashes(other, one) is (one[:4] == other[:4])


@given(st.text(max_size=60), st.integers())
def test_every_name_makes_a_legal_label_that_is_proven_ours(name: str, seed: int) -> None:
    made = label.make(name, "key", "device", Random(seed))

    assert made.strip()
    assert made.isascii()
    assert made.isprintable()
    assert len(made) <= label.MAX_LENGTH
    assert label.is_ours(made, "key", "device")
    assert label.is_ours(made.upper(), "key", "device")


def test_a_label_that_was_there_is_never_made_again() -> None:
    first = label.make("Reserved", "key", "device", Random(1))

    again = label.make("Reserved", "key", "device", Random(1), is_taken={first}.__contains__)

    assert again != first
    assert again.startswith("Reserved ")


@given(st.text(max_size=24))
def test_a_foreign_label_is_not_taken_for_ours(name: str) -> None:
    made = label.make(name, "key", "device", Random(1))

    assert not label.is_ours(made, "key", "another device")
    assert not label.is_ours(made, "another key", "device")


@pytest.mark.parametrize("name", ["", "Cleaner", "Maria x7k2", "Maria abcdabc", " "])
def test_names_without_our_tag_are_foreign(name: str) -> None:
    assert not label.is_ours(name, "key", "device")


@pytest.mark.parametrize(
    ("name", "start"),
    [("José Núñez", "Jose Nunez "), ("李小龙", "Guest "), ("A" * 90, "A" * 16 + " "),
     ("<b>Bob</b>", "b Bob b ")],
)  # fmt: skip
def test_a_label_shows_the_name_in_plain_letters(name: str, start: str) -> None:
    assert label.make(name, "key", "device", Random(1)).startswith(start)
