"""Marks tell texts apart, and tell nothing of them to who lacks the key."""

from portal.crypto import KeyRing

OLD, NEW = KeyRing([b"o" * 32]), KeyRing([b"n" * 32, b"o" * 32])


def test_a_mark_is_of_its_text_alone() -> None:
    mark = OLD.mark("PIN 482917", "a column")

    assert OLD.is_mark_of(mark, "PIN 482917", "a column")
    assert not OLD.is_mark_of(mark, "PIN 482918", "a column")
    assert not OLD.is_mark_of(mark, "PIN 482917", "another column")
    assert not OLD.is_mark_of("", "PIN 482917", "a column")


def test_a_mark_of_an_older_key_of_the_ring_is_still_known() -> None:
    assert NEW.is_mark_of(OLD.mark("text", "a column"), "text", "a column")
    assert not OLD.is_mark_of(NEW.mark("text", "a column"), "text", "a column")


def test_without_the_key_nobody_can_try_pins() -> None:
    other = KeyRing([b"x" * 32])

    assert OLD.mark("482917", "a column") != other.mark("482917", "a column")
    assert "482917" not in OLD.mark("482917", "a column")
