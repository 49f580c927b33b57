"""A sentence is found again by its own words, whatever stands in its places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.sentences import Sentence, filled, find

OPENED = Sentence("{zebra} was opened by zebra {name} while all zebras slept.")
SLEPT = Sentence("{zebra} while all zebras slept.")
NAPPED = Sentence("{zebra} naps for {minutes}.")
SAID = Sentence("{words} Zebras say so.", ours={"words"})
ODD = Sentence("(Zebras?) take {count}+ digits: [0-9]* and “{shown}”.")


def test_a_sentence_reads_as_it_is_written() -> None:
    assert ODD(count=4, shown="x") == "(Zebras?) take 4+ digits: [0-9]* and “x”."


def test_a_sentence_without_one_of_its_values_is_never_shown() -> None:
    with pytest.raises(KeyError):
        ODD(count=4)


@given(st.text(), st.text())
def test_a_sentence_with_any_values_is_found_and_reads_the_same(one: str, other: str) -> None:
    for text in (OPENED(zebra=one, name=other), SLEPT(zebra=one), ODD(count=one, shown=other)):
        found = find(text)

        assert found is not None
        assert filled(found.sentence.template, found.values) == text


@given(st.text("abc{}\\.*“” \n"), st.text("abc{}\\.*“” \n"))
def test_values_come_back_as_they_were_given(one: str, other: str) -> None:
    found = find(OPENED(zebra=one, name=other))

    assert found is not None
    assert found.sentence is OPENED
    assert found.values == {"zebra": one, "name": other}


def test_of_two_sentences_it_is_the_one_with_most_words_of_its_own() -> None:
    found = [find(OPENED(zebra="Ezra", name="Zoe")), find(SLEPT(zebra="Ezra"))]

    assert [each and each.sentence for each in found] == [OPENED, SLEPT]


def test_a_sentence_within_a_sentence_is_no_value_of_the_inner_one() -> None:
    found = find(SAID(words=NAPPED(zebra="Ezra", minutes=20)))

    assert found is not None
    assert (found.sentence, found.values) == (SAID, {"words": "Ezra naps for 20."})


def test_names_that_are_full_of_our_own_words_cost_little() -> None:
    deep, long = f"x{' Zebras say so.' * 60}", f"x{' Zebras say so.' * 5000}"

    assert find(deep) is not None
    assert find(long) is None


def test_what_is_no_sentence_of_ours_or_only_half_of_one_is_not_found() -> None:
    assert find("Zebras sleep where they like") is None
    assert find(OPENED(zebra="Ezra", name="Zoe")[:40]) is None


def test_a_translation_puts_the_values_where_it_wants_them() -> None:
    assert filled("„{b}“ vor {a}", {"a": "eins", "b": "{a}"}) == "„{a}“ vor eins"


def test_a_translation_that_invents_a_place_breaks_nothing() -> None:
    assert filled("{lock} {locl} { } {0}", {"lock": "Gate"}) == "Gate {locl} { } {0}"
