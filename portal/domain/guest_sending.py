"""Sending a guest their message: to whom, by which way, and when it is not to be sent.

A message brings a PIN, so it goes out once: what may have been sent is never sent again by itself,
and a person who was sent it already is left out unless somebody insists.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Final

LONGEST_EMAIL: Final = 254
# How long a worker may take before its message counts as one that may have been sent; sending
# takes a fraction of it.
CLAIM: Final = timedelta(minutes=3)

_PLAIN: Final = r"[^\s@<>\",:;\\()?&%#/\x00-\x1f\x7f]+"
_EMAIL: Final = re.compile(f"{_PLAIN}@{_PLAIN}")
_HOST: Final = re.compile(r"(?!-)[\w-]{1,63}(?<!-)(\.(?!-)[\w-]{1,63}(?<!-))+")
# A PIN may be made of as many last digits of a phone number.
_PIN_DIGITS: Final = 8
_FEWEST_DIGITS: Final = 8
_MOST_DIGITS: Final = 15


class Way(StrEnum):
    """How a message reaches a guest."""

    EMAIL = "email"
    SMS = "sms"


class State(StrEnum):
    """Where the sending of one message stands."""

    INTENDED = "intended"  # to be sent; nothing has left yet
    SENDING = "sending"  # committed right before the call: from here on it may have been sent
    SENT = "sent"  # the other side took it
    FAILED = "failed"  # it did not: a person may send it again
    UNSURE = "unsure"  # it may have been sent: a person says whether it arrived
    DROPPED = "dropped"  # not sent after all: `Hindrance` says why


OPEN: Final = frozenset({State.INTENDED, State.SENDING})


class Hindrance(StrEnum):
    """Why a guest is not sent their message."""

    CANCELLED = "cancelled"
    OVER = "over"
    NO_PIN = "no_pin"
    UNCONFIRMED = "unconfirmed"  # a door has not confirmed the code
    NO_WAY = "no_way"  # the account has set none up, or not the one that was chosen
    NO_ADDRESS = "no_address"  # the guest's is not known
    NO_COUNTRY_CODE = "no_country_code"  # a phone number that a gateway cannot call
    BEING_SENT = "being_sent"
    ALREADY_SENT = "already_sent"  # this very message, to this very address
    MAY_BE_SENT = "may_be_sent"


# What a person may insist on all the same.
REPEATABLE: Final = frozenset({Hindrance.ALREADY_SENT, Hindrance.MAY_BE_SENT})


@dataclass(frozen=True, kw_only=True)
class MessageFacts:
    """One booking, as far as the sending of its message must know it."""

    is_cancelled: bool = False
    is_over: bool = False
    has_pin: bool = True
    is_confirmed: bool = True  # every door holds the code
    ways: frozenset[Way] = frozenset({Way.EMAIL})  # that the account has set up
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)  # as its source wrote it
    language: str = "en"  # of the text that the guest gets
    # By the ways that this very message has gone before, where that stands.
    before: Mapping[Way, State] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sending:
    """What a sending does: the way and the address, or the reason against it."""

    hindrance: Hindrance | None = None
    way: Way | None = None
    address: str = field(default="", repr=False)

    @property
    def to(self) -> str:
        """The address as logs and lists show it."""
        return masked(self.way, self.address) if self.way is not None else ""


def plan(
    facts: MessageFacts,
    *,
    way: Way | None = None,
    is_forced: bool = False,
    is_again: bool = False,
) -> Sending:
    """How this guest is sent their message now, or why not; without a way, by e-mail first.

    `is_forced` also where a door has not confirmed; `is_again` also where this message has gone.
    """
    why = _against(facts, is_forced=is_forced)
    if why is not None:
        return Sending(hindrance=why)
    wanted = (way,) if way is not None else tuple(Way)
    open_ways = [each for each in wanted if each in facts.ways]
    if not open_ways:
        return Sending(hindrance=Hindrance.NO_WAY)
    for each in open_ways:
        address = address_of(facts, each)
        if address:
            why = _repeated(facts.before.get(each))
            if is_again and why in REPEATABLE:
                why = None
            return Sending(hindrance=why, way=each, address=address)
    lacks_code = Way.SMS in open_ways and has_digits(facts.phone)
    return Sending(hindrance=Hindrance.NO_COUNTRY_CODE if lacks_code else Hindrance.NO_ADDRESS)


def address_of(facts: MessageFacts, way: Way) -> str:
    """Where a message goes by this way; empty where the guest cannot be reached by it."""
    return facts.email if way is Way.EMAIL else sms_number(facts.phone)


def is_email(text: str) -> bool:
    """Whether this can be one e-mail address, and nothing beside it."""
    if len(text) > LONGEST_EMAIL or not _EMAIL.fullmatch(text):
        return False
    return bool(_HOST.fullmatch(text.rpartition("@")[2]))


def sms_number(phone: str) -> str:
    """The digits with the country code; empty where the number does not say it."""
    plain = re.sub(r"\(0\)", "", phone.strip())
    digits = re.sub(r"[^0-9]", "", plain)
    if plain.startswith("00"):
        digits = digits[2:]
    elif not plain.startswith("+"):
        return ""
    return digits if _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS else ""


def has_digits(phone: str) -> bool:
    """Whether there is a whole number at all, and not only the last digits of one."""
    return len(re.sub(r"[^0-9]", "", phone)) > 4


def masked(way: Way, address: str) -> str:
    """The address as far as a log may tell it: of a phone nothing that a PIN can be made of."""
    if way is Way.EMAIL:
        name, _, host = address.rpartition("@")
        return f"{name[:1]}•••@{host}"
    return f"+{address[:-_PIN_DIGITS]}•••"


def _against(facts: MessageFacts, *, is_forced: bool) -> Hindrance | None:
    if facts.is_cancelled:
        return Hindrance.CANCELLED
    if facts.is_over:
        return Hindrance.OVER
    if not facts.has_pin:
        return Hindrance.NO_PIN
    return None if facts.is_confirmed or is_forced else Hindrance.UNCONFIRMED


def _repeated(before: State | None) -> Hindrance | None:
    if before in OPEN:
        return Hindrance.BEING_SENT
    if before is State.SENT:
        return Hindrance.ALREADY_SENT
    return Hindrance.MAY_BE_SENT if before is State.UNSURE else None
