"""Which locks a property's name points at."""

import pytest

from portal.domain.naming import suggestions


@pytest.mark.parametrize(
    ("name", "locks", "suggested"),
    [
        ("Maple Cottage", ["Maple Cottage Front Door", "Lake House"], ["Maple Cottage Front Door"]),
        ("Maple Cotage", ["Maple Cottage Front Door"], ["Maple Cottage Front Door"]),
        ("Mapel Cottage", ["Maple Cottage"], ["Maple Cottage"]),
        ("MAPLE-COTTAGE", ["maple_cottage door"], ["maple_cottage door"]),
        ("Harbour Loft 2", ["Harbour Loft 1", "Harbour Loft 2"], ["Harbour Loft 2"]),
        ("Harbour Loft 2", ["Harbour Loft 02"], ["Harbour Loft 02"]),
        ("Harbour Loft 2", ["Harbour Loft 3"], []),
        ("Unit 4", ["Unit 5 door"], []),
        ("Apt 4B", ["Apt 4B", "Apt 4C"], ["Apt 4B"]),
        ("Casa Verde", ["Front door", "Back door"], []),
        ("The House", ["The House door"], []),
        ("Loft", ["Loft one", "Loft two"], []),
        ("Casa", ["Cass"], []),
        ("Anything", [], []),
        ("", ["Front door"], []),
    ],
)
def test_locks_are_suggested_by_their_names_or_not_at_all(
    name: str, locks: list[str], suggested: list[str]
) -> None:
    found = suggestions({7: name}, dict(enumerate(locks)))

    assert [locks[lock_id] for lock_id in found.get(7, ())] == suggested


def test_two_doors_that_both_bear_the_whole_name_are_offered_together() -> None:
    locks = {1: "Maple Cottage Front Door", 2: "Maple Cottage Back Door", 3: "Maple Lodge"}

    assert suggestions({7: "Maple Cottage"}, locks) == {7: (1, 2)}


def test_a_lock_goes_to_the_property_that_it_fits_best() -> None:
    places = {1: "Maple Cottage", 2: "Maple Cottage Annex"}
    locks = {10: "Maple Cottage Annex door", 11: "Maple Cottage door"}

    assert suggestions(places, locks) == {1: (11,), 2: (10,)}


def test_a_lock_that_fits_two_properties_equally_is_offered_to_neither() -> None:
    assert suggestions({1: "Pine North", 2: "Pine South"}, {10: "Pine"}) == {}


def test_the_order_in_which_the_names_come_changes_nothing() -> None:
    places = {1: "Maple Cottage", 2: "Harbour Loft", 3: "Old Mill"}
    locks = {10: "Old Mill gate", 11: "Harbor Loft", 12: "Maple Cottage"}

    found = suggestions(places, locks)

    assert found == {1: (12,), 2: (11,), 3: (10,)}
    assert found == suggestions(dict(reversed(places.items())), dict(reversed(locks.items())))
