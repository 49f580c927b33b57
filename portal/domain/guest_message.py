"""The message that brings a guest their code: a text with placeholders, checked when saved."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from portal.domain.sentences import Sentence

MAX_LENGTH: Final = 4000


class Placeholder(StrEnum):
    """What a text may name in braces; the rendering fills each one."""

    GUEST = "guest"
    PROPERTY = "property"
    PIN = "pin"
    CHECK_IN = "check_in"
    CHECK_OUT = "check_out"
    ADDRESS = "address"
    DIRECTIONS = "directions"
    LINK = "link"
    FALLBACK = "fallback"


# At least one of them must be in a text: without both the guest learns no code.
TELLING: Final = frozenset({Placeholder.PIN, Placeholder.LINK})
# These may have nothing to say; a line that names one of them is then left out.
OPTIONAL: Final = frozenset(
    {
        Placeholder.GUEST,
        Placeholder.ADDRESS,
        Placeholder.DIRECTIONS,
        Placeholder.LINK,
        Placeholder.FALLBACK,
    }
)

DEFAULT: Final = """\
Hello {guest},

your door code for {property} is {pin}

It works from {check_in} until {check_out}.
Type the digits on the keypad. There is no key to confirm: after the last digit wait for the green \
check mark, then turn.

Address: {address}
{directions}
Everything about your door, and help if it does not open: {link}
"""


_TOO_LONG: Final = Sentence("At most {most} characters; this text has {length}.")
_UNKNOWN: Final = Sentence("We cannot fill {wrong}. You can use {known}.")
_LONE_BRACE: Final = Sentence(
    "A brace stands alone. Write placeholders such as {example}: {known}."
)

_NAMED: Final = re.compile(r"\{([^{}]*)\}")


class BadText(Exception):
    """The text cannot be used so; the words name what is wrong and what would do."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def check(text: str) -> None:
    """Raises BadText unless every placeholder is known and the guest learns a code."""
    if not text.strip():
        raise BadText("Write the message, or go back to our text.")
    if len(text) > MAX_LENGTH:
        raise BadText(_TOO_LONG(most=MAX_LENGTH, length=len(text)))
    names = _NAMED.findall(text)
    wrong = sorted({f"{{{name}}}" for name in names if name not in set(Placeholder)})
    if wrong:
        raise BadText(_UNKNOWN(wrong=", ".join(wrong), known=_all()))
    if "{" in _NAMED.sub("", text) or "}" in _NAMED.sub("", text):
        raise BadText(_LONE_BRACE(example="{pin}", known=_all()))
    if not TELLING & set(names):
        raise BadText("Without {pin} or {link} the guest learns no code. Put one of them in.")


def names_in(text: str) -> frozenset[Placeholder]:
    """The placeholders that a checked text names."""
    return frozenset(Placeholder(name) for name in _NAMED.findall(text))


def render(text: str, values: Mapping[Placeholder, str]) -> str:
    """A checked text with its placeholders filled.

    What a value holds is never read for placeholders again. A line is left out whose placeholder
    has nothing to say; a greeting alone keeps its line without the name.
    """
    lines = [_filled(line, values) for line in text.strip().splitlines() if _stays(line, values)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _stays(line: str, values: Mapping[Placeholder, str]) -> bool:
    empty = {name for name in names_in(line) & OPTIONAL if not values.get(name)}
    return not empty - {Placeholder.GUEST}


def _filled(line: str, values: Mapping[Placeholder, str]) -> str:
    if not values.get(Placeholder.GUEST):
        line = re.sub(r"\s*\{guest\}", "", line)
    return _NAMED.sub(lambda found: values.get(Placeholder(found[1]), ""), line)


def _all() -> str:
    return ", ".join(f"{{{name}}}" for name in Placeholder)
