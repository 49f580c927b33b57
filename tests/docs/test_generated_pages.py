"""The pages that are made from the code say what the code does."""

from docs import generate
from portal.domain.command import TRANSITIONS, Event, State
from portal.domain.entry import EntryState, Evidence
from portal.domain.status import Status
from portal.domain.webhook_events import FIELDS, EventKind


def test_the_page_of_states_is_what_the_code_says_now() -> None:
    written = generate.STATE_MACHINE.read_text()

    assert written == generate.state_machine(), "run `make docs`"


def test_the_page_of_webhooks_is_what_the_code_says_now() -> None:
    written = generate.WEBHOOKS_OUT.read_text()

    assert written == generate.webhooks_out(), "run `make docs`"


def test_every_event_has_its_fields() -> None:
    assert set(FIELDS) == set(EventKind)
    assert all(FIELDS.values())


def test_every_word_of_the_states_has_a_meaning() -> None:
    for words in (State, Event, EntryState, Evidence, Status, EventKind):
        said = generate.meanings(words)

        assert set(said) == set(words)
        assert all(said.values()), f"{words.__name__}: a comment is missing behind a member"


def test_every_arrow_between_two_states_is_drawn() -> None:
    page = generate.state_machine()

    for (state, event), after in TRANSITIONS.items():
        if state is not after:
            arrow = next(line for line in page.splitlines() if f"{state} --> {after}:" in line)
            assert str(event) in arrow.partition(": ")[2].split(", ")
