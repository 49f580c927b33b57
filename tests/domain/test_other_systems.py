"""Whether codes that we did not make look like the work of another program."""

import pytest

from portal.domain.other_systems import Scheme, sign_of


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (["Anna HMA4XYZ2K9"], Scheme.RESERVATION),
        (["ORB1234567"], Scheme.RESERVATION),
        (["Res #47112"], Scheme.RESERVATION),
        (["Guest 11/25-11/28", "Smith 12/01-12/04"], Scheme.DATED),
        (["Stay 2026-11-25", "Stay 2026-12-02"], Scheme.DATED),
        (["Slot 1", "Slot 2", "Slot 3"], Scheme.NUMBERED),
        (["guest 7", "Guest 12", "GUEST 30"], Scheme.NUMBERED),
    ],
)
def test_a_scheme_gives_a_program_away(labels: list[str], scheme: Scheme) -> None:
    found = sign_of(labels)

    assert found is not None
    assert found.scheme is scheme
    assert set(found.examples) <= set(labels)


@pytest.mark.parametrize(
    "labels",
    [
        [],
        ["", "  "],
        ["Cleaner", "Owner", "Neighbour Jo"],
        ["Cleaner 1", "Cleaner 2"],
        ["Unit 4", "Floor 2", "Cleaner 1"],
        ["Birthday 11/25"],
        ["Hampton", "HMS Victory"],
    ],
)
def test_names_that_people_give_are_no_sign(labels: list[str]) -> None:
    assert sign_of(labels) is None


def test_at_most_three_names_are_shown_and_the_order_does_not_matter() -> None:
    labels = [f"Slot {n}" for n in range(9)]

    assert sign_of(labels) == sign_of(reversed(labels))
    assert len(sign_of(labels).examples) == 3  # type: ignore[union-attr]
