"""Writes docs/state-machine.md and docs/webhooks-out.md: `python -m docs.generate` (`make docs`).

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
from portal.domain.outgoing import CALL_PAUSES, ENDPOINT_GIVES_UP
from portal.domain.status import Status, Verdict
from portal.domain.webhook_events import FIELDS, EventKind
from portal.network.post import TOTAL_SECONDS

STATE_MACHINE: Final = Path(__file__).with_name("state-machine.md")
WEBHOOKS_OUT: Final = Path(__file__).with_name("webhooks-out.md")

_MEMBER: Final = re.compile(r'^\s+[A-Z_]+ = "(?P<value>[a-z_.]+)"(?:\s+# (?P<words>.+))?$')


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

_WEBHOOKS: Final = """\
# Webhooks out

<!-- Made by `make docs` from portal/domain: change the code, not this page. -->
Your own programs can be told of what happens here. An owner adds an address under
Settings > Alerts > Webhooks and chooses the events. This page is generated from
[webhook_events.py](../portal/domain/webhook_events.py); a test fails when it differs from it.

## A call

Each event is one `POST` with a JSON body. It holds ids and states, never a name and never a PIN:
ask the API for the rest.

```json
{{
  "type": "door_code.status_changed",
  "timestamp": "2026-03-05T20:00:00+00:00",
  "data": {{
    "door_code_id": 41, "booking_id": 17, "lock_id": 3,
    "before": "sent", "after": "confirmed", "problem": null
  }}
}}
```

Calls are signed as [Standard Webhooks](https://www.standardwebhooks.com/) says, with the headers
`webhook-id`, `webhook-timestamp` and `webhook-signature`. Give the secret that was shown when the
webhook was added to any of its libraries, and let it check the body as it came, before parsing it:

```python
from standardwebhooks import Webhook

event = Webhook(secret).verify(body, headers)
```

Answer with 2xx within {seconds} seconds, and do the work afterwards. Redirects are not followed.
An event is written in the same transaction as the change that it tells of, and sent within about
half a minute of it.

An event can come twice: keep the `webhook-id`s you have seen. Events can come in another order than
they happened, after a failure for example: go by `timestamp`, or ask the API how things stand now.

The address starts with `https://`, names no port but 443, and leads to a public server; every
connection is checked for that once more.

## When a call fails

It is sent again, under the same id, after
{pauses}.
A webhook that took no call for {days} days, or that answers 410, is switched off, and an alert says
so. Its page shows each call with what came of it, and a button sends one again.

## The events

{events}

{fields}
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


def webhooks_out() -> str:
    """The whole page as Markdown."""
    fields = "\n\n".join(
        f"### `{kind}`\n\n"
        + _table(("in `data`", "is"), [(f"`{name}`", means) for name, means in said.items()])
        for kind, said in FIELDS.items()
    )
    return _WEBHOOKS.format(
        seconds=int(TOTAL_SECONDS),
        pauses=_list(_span(pause.total_seconds()) for pause in CALL_PAUSES),
        days=ENDPOINT_GIVES_UP.days,
        events=_words("event", EventKind),
        fields=fields,
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


def _span(seconds: float) -> str:
    units = ((3600, "h"), (60, "min"), (1, "s"))
    size, unit = next(each for each in units if seconds >= each[0])
    return f"{seconds / size:g} {unit}"


def _list(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}"


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    for page, text in ((STATE_MACHINE, state_machine()), (WEBHOOKS_OUT, webhooks_out())):
        page.write_text(text)
        print(f"{page.name} is up to date with the code.")
