"""Writes docs/state-machine.md from the code: `python -m docs.generate` (`make docs`).

The words come from the enums themselves, each with the comment behind it, and the arrows from the
transition table, so the page cannot say anything that the code does not do.
"""

import inspect
import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Final

from portal.domain.command import (
    LANE_OF,
    OPEN,
    TRANSITIONS,
    UNCERTAIN,
    Event,
    Kind,
    Lane,
    State,
)
from portal.domain.entry import EntryState, Evidence
from portal.domain.status import Status, Verdict

STATE_MACHINE: Final = Path(__file__).with_name("state-machine.md")

_MEMBER: Final = re.compile(r'^\s+[A-Z_]+ = "(?P<value>[a-z_]+)"(?:\s+# (?P<words>.+))?$')


_PAGE: Final = """\
# The states

<!-- Made by `make docs` from portal/domain: change the code, not this page. -->
This page is generated from [command.py](../portal/domain/command.py),
[entry.py](../portal/domain/entry.py) and [status.py](../portal/domain/status.py); a test fails when
it differs from them.

## A command

A command is one write sent to Schlage for one lock. It is the only thing here that moves from state
to state; everything else on this page is evidence or is computed.

{diagram}

{states}

Open, and so at most one per lock and lane: {open}. After {uncertain} the lock may or may not have
done it, so an add is read before it is sent again.

### What can happen to it

{events}

### Every state, every event

An empty field is a pair that cannot happen: the code raises `IllegalTransition`. A field that names
its own row is legal and changes nothing, which is what makes late and doubled news harmless. News
of a closed command ranks success, failure, time-out: every order of the same news ends in the same
state.

{matrix}

### Kinds and lanes

One command may be open per lock *and lane*, so that opening the door never waits for a code that is
being sent.

{lanes}

## A lock entry

An entry is one line that we ever sent to a lock. It has no transition table: it is what the newest
evidence says.

{entry_states}

{evidence}

## A door code's status

Computed by [standing.py](../portal/domain/standing.py) from what is wanted, the entries, the lock's
open command and the time. Stored only as an index for queries.

{statuses}

## A booking's verdict

Computed by [verdict.py](../portal/domain/verdict.py) from the doors; the worst door decides. Best
first: {verdicts}.
"""


def state_machine() -> str:
    """The whole page as Markdown."""
    return _PAGE.format(
        diagram=_diagram(),
        states=_words("state", State),
        open=_code(state for state in State if state in OPEN),
        uncertain=_code(state for state in State if state in UNCERTAIN),
        events=_words("event", Event),
        matrix=_matrix(),
        lanes=_table(("lane", "kinds"), [(f"`{lane}`", _code(_kinds(lane))) for lane in Lane]),
        entry_states=_words("state", EntryState),
        evidence=_words("evidence", Evidence),
        statuses=_words("status", Status),
        verdicts=_code(Verdict),
    )


def meanings(words: type[StrEnum]) -> dict[str, str]:
    """Each value of the enum with the comment that stands behind it in the source."""
    found = {}
    for line in inspect.getsource(words).splitlines():
        match = _MEMBER.match(line)
        if match:
            found[match["value"]] = match["words"] or ""
    return found


def _diagram() -> str:
    """The arrows between different states, those of one pair on one line."""
    events: dict[tuple[State, State], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        if state is not after:
            events.setdefault((state, after), []).append(str(event))
    closed = [state for state in State if state not in OPEN]
    arrows = [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in events.items()]
    return "\n".join(
        (
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {State.INTENDED}",
            *arrows,
            *(f"    {state} --> [*]" for state in closed if state not in UNCERTAIN),
            "```",
        )
    )


def _matrix() -> str:
    rows = [
        (f"**{state}**", *(str(TRANSITIONS.get((state, event), "")) for event in Event))
        for state in State
    ]
    return _table(("", *(str(event) for event in Event)), rows)


def _words(title: str, words: type[StrEnum]) -> str:
    rows = [(f"`{value}`", text) for value, text in meanings(words).items()]
    return _table((title, "means"), rows)


def _kinds(lane: Lane) -> list[Kind]:
    return [kind for kind in Kind if LANE_OF[kind] is lane]


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    STATE_MACHINE.write_text(state_machine())
    print(f"{STATE_MACHINE.name} is up to date with the code.")
