"""Which names of a code a person may find in the Schlage Home app."""

import pytest

from portal.domain.entry import EntryState, Evidence, NameOnLock, Sent, names_on_lock

HELD = (EntryState.HELD, Evidence.CONFIRMED)
LOST = (EntryState.MAYBE, Evidence.SENT)
GONE = (EntryState.GONE, Evidence.DELETED)
UNSENT = (EntryState.MAYBE, Evidence.NOT_SENT)


@pytest.mark.parametrize(
    ("entries", "names"),
    [
        ([], []),
        ([Sent("Ana 1", *HELD)], [NameOnLock("Ana 1")]),
        ([Sent("Ana 1", *LOST)], [NameOnLock("Ana 1")]),  # it may be there
        ([Sent("Ana 1", *UNSENT)], []),
        ([Sent("Ana 1", *GONE)], []),
        (
            [Sent("Ana 1", *HELD), Sent("Ana 2", *HELD)],
            [NameOnLock("Ana 1", is_old=True), NameOnLock("Ana 2")],
        ),
        # The new one is not there yet, and the old one goes once it is.
        ([Sent("Ana 1", *HELD), Sent("Ana 2", *UNSENT)], [NameOnLock("Ana 1", is_old=True)]),
        ([Sent("Ana 1", *HELD), Sent("Ana 2", *GONE)], [NameOnLock("Ana 1", is_old=True)]),
        (
            [Sent("Ana 1", *LOST, is_retired=True), Sent("Ana 2", *GONE, is_retired=True)],
            [NameOnLock("Ana 1", is_old=True)],
        ),
        (
            [Sent("Ana 1", *HELD), Sent("Ana 2", *LOST, is_retired=True)],
            [NameOnLock("Ana 1"), NameOnLock("Ana 2", is_old=True)],
        ),
    ],
)
def test_every_name_that_may_be_on_the_lock_is_told_and_which_are_old(
    entries: list[Sent], names: list[NameOnLock]
) -> None:
    assert list(names_on_lock(entries)) == names
