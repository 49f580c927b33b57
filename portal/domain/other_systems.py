"""Whether the codes on a lock that we did not make look like the work of another program.

Two programs that write to one lock undo each other's codes. Programs name their codes by a scheme,
people by names; so a scheme is what is looked for.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_SAME_SCHEME: Final = 3  # so many names of one scheme are no accident
_DATED: Final = 2
# Airbnb's confirmation codes, and the booking numbers of some property management systems.
_RESERVATION: Final = re.compile(r"\bHM[A-Z0-9]{8}\b|\b(?:ORB|OR|RES|BK|BOOKING|GST)[-# ]*\d{4,}\b")
_DATE: Final = re.compile(r"\b\d{1,2}[/.-]\d{1,2}(?:[/.-]\d{2,4})?\b|\b\d{4}-\d{2}-\d{2}\b")
_NUMBER: Final = re.compile(r"\d+")


class Scheme(StrEnum):
    """How another program seems to name its codes."""

    RESERVATION = "reservation"  # by reservation numbers
    NUMBERED = "numbered"  # one text with a running number
    DATED = "dated"  # with the dates of the stay


@dataclass(frozen=True)
class Sign:
    """The scheme, and some of the names that show it."""

    scheme: Scheme
    examples: tuple[str, ...]


def sign_of(labels: Iterable[str]) -> Sign | None:
    """The sign of another program in these names of foreign codes; None where people named them."""
    names = sorted({" ".join(label.split()) for label in labels} - {""})
    reserved = [name for name in names if _RESERVATION.search(name.upper())]
    if reserved:
        return _sign(Scheme.RESERVATION, reserved)
    dated = [name for name in names if _DATE.search(name)]
    if len(dated) >= _DATED:
        return _sign(Scheme.DATED, dated)
    schemes = defaultdict(list)
    for name in names:
        if _NUMBER.search(name):
            schemes[_NUMBER.sub("#", name.casefold())].append(name)
    same = max(schemes.values(), key=len, default=[])
    return _sign(Scheme.NUMBERED, same) if len(same) >= _SAME_SCHEME else None


def _sign(scheme: Scheme, names: list[str]) -> Sign:
    return Sign(scheme, tuple(names[:3]))
