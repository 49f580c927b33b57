"""Which event of a poll is which stay we know.

A feed's UID is the identity of a stay, with exceptions that were measured on real feeds:

- Booking.com makes its UIDs from the room and the first day listed. A stay in progress loses its
  past nights at every local midnight, and so gets another UID every night with the same end.
- A booking that is changed may come back under another UID in the same poll.
- Some feeds use one UID for several events.

Every possible pair gets a rank; the best pairs are taken first, each stay and each event once. The
result does not depend on the order of either list.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from itertools import accumulate
from typing import Final

from portal.domain.intake_types import (
    FeedSource,
    FeedStay,
    KnownStatus,
    KnownStay,
    Poll,
    day_of,
    same_moment,
)

_SAME_UID_SAME_DATES = 0
_REST_OF_A_RUNNING_STAY = 1
_SAME_UID = 2
_SAME_RESERVATION = 3
_SAME_DATES = 4
_SAME_END_WHILE_RUNNING = 5
_SAME_END = 6
_SAME_START = 7
# What was cancelled is asked last: an event that continues a live stay is not a return.
_CANCELLED_BEHIND = 10


#: A calendar kept in another zone than the property's is up to a day ahead of it.
ZONE_SLACK: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The days of a stay at its property, first and last (the day of departure) included."""

    first: date
    last: date

    def is_running(self, today: date) -> bool:
        """Whether a guest may be inside: from the day of arrival through the day of departure."""
        return self.first <= today <= self.last

    def is_over(self, today: date) -> bool:
        return self.last < today

    def nights_shared(self, other: "Span") -> int:
        """How many nights both have; 0 or less when they have none."""
        return (min(self.last, other.last) - max(self.first, other.first)).days


@dataclass(frozen=True, slots=True)
class Matching:
    """The pairs of a poll; its events that are no stay of ours; and the live stays it lacks."""

    pairs: list[tuple[KnownStay, FeedStay]]
    new: list[FeedStay]
    absent: list[KnownStay]


def span_of(stay: KnownStay | FeedStay, zone: tzinfo) -> Span:
    """The days of `stay` at a property in `zone`."""
    return Span(day_of(stay.starts, zone), day_of(stay.ends, zone))


def match(known: Sequence[KnownStay], stays: Sequence[FeedStay], poll: Poll) -> Matching:
    """The stays of `known` paired with the events `stays` of `poll`, each at most once."""
    candidates = sorted(_candidates(known, stays, poll))
    taken_keys: set[int] = set()
    taken_events: set[int] = set()
    by_key = {stay.key: stay for stay in known}
    pairs = []
    for *_, key, index in candidates:
        if key in taken_keys or index in taken_events:
            continue
        taken_keys.add(key)
        taken_events.add(index)
        pairs.append((by_key[key], stays[index]))
    new = [stay for index, stay in enumerate(stays) if index not in taken_events]
    unlisted = [stay for stay in known if stay.key not in taken_keys]
    pairs.sort(key=lambda pair: pair[0].key)
    return Matching(pairs, _ordered(new), _absent(unlisted, poll))


def _ordered(stays: Iterable[FeedStay]) -> list[FeedStay]:
    return sorted(stays, key=lambda s: (s.starts.isoformat(), s.ends.isoformat(), s.uid))


_Candidate = tuple[int, bool, int, int, int, str, int, int]


def _candidates(
    known: Sequence[KnownStay], stays: Sequence[FeedStay], poll: Poll
) -> Iterator[_Candidate]:
    """Every possible pair as (rank, other reservation, -shared nights, days between, tie-breaks,
    key, index).

    Every rule wants the same UID, the same reservation, the same first or the same last day: so
    only those are looked at, and a feed of thousands of events stays fast.
    """
    spans = [span_of(stay, poll.zone) for stay in stays]
    index_of: defaultdict[object, list[int]] = defaultdict(list)
    for index, (event, span) in enumerate(zip(stays, spans, strict=True)):
        index_of["uid", event.uid].append(index)
        index_of["first", span.first].append(index)
        index_of["last", span.last].append(index)
        if event.reservation_code:
            index_of["code", event.reservation_code].append(index)
    order = {id(event): place for place, event in enumerate(_ordered(stays))}
    for stay in known:
        mine = span_of(stay, poll.zone)
        near = {
            index
            for trait in (
                ("uid", stay.uid),
                ("code", stay.reservation_code),
                ("first", mine.first),
                ("last", mine.last),
            )
            for index in index_of.get(trait, ())
        }
        for index in near:
            rank = _rank(stay, mine, stays[index], spans[index], poll)
            if rank is not None:
                shared = mine.nights_shared(spans[index])
                apart = abs((mine.first - spans[index].first).days)
                place = order[id(stays[index])]
                other = stay.reservation_code != stays[index].reservation_code
                yield rank, other, -shared, apart, place, stay.uid, stay.key, index


def _rank(stay: KnownStay, mine: Span, event: FeedStay, theirs: Span, poll: Poll) -> int | None:
    if stay.status is not KnownStatus.CANCELLED:
        return _rank_of_live(stay, mine, event, theirs, poll)
    if mine.is_over(poll.today) or theirs.is_over(poll.today):
        return None
    rank = _rank_by_name(stay, mine, event, theirs, poll)
    return None if rank is None else rank + _CANCELLED_BEHIND


def _rank_of_live(
    stay: KnownStay, mine: Span, event: FeedStay, theirs: Span, poll: Poll
) -> int | None:
    rank = _rank_by_name(stay, mine, event, theirs, poll)
    if rank == _SAME_UID_SAME_DATES:
        return rank
    if poll.source is FeedSource.BOOKING_COM and _is_rest(mine, theirs, poll.today):
        return _REST_OF_A_RUNNING_STAY
    if rank is not None:
        return rank
    if mine.is_over(poll.today) or theirs.is_over(poll.today) or _contradict(stay, event):
        return None
    return _rank_by_days(stay, mine, event, theirs, poll)


def _rank_by_name(
    stay: KnownStay, mine: Span, event: FeedStay, theirs: Span, poll: Poll
) -> int | None:
    """The rank by UID or reservation code.

    A stay that is over is never moved to other days, and an event that is over is never the new
    date of a stay to come: the first would give one guest's PIN to another, the second would take
    the code of a guest who has yet to arrive. The late extension of a stay that just ended is one,
    and so is a running stay that was shortened.
    """
    if stay.uid == event.uid and _same_dates(stay, event, poll.zone):
        return _SAME_UID_SAME_DATES
    if mine.is_over(poll.today) and mine.nights_shared(theirs) <= 0:
        return None
    is_shortened = mine.is_running(poll.today) and mine.nights_shared(theirs) > 0
    if theirs.is_over(poll.today) and not (mine.is_over(poll.today) or is_shortened):
        return None
    if stay.uid == event.uid:
        return _SAME_UID
    if stay.reservation_code and stay.reservation_code == event.reservation_code:
        return _SAME_RESERVATION
    return None


def _rank_by_days(
    stay: KnownStay, mine: Span, event: FeedStay, theirs: Span, poll: Poll
) -> int | None:
    """The rank of a vanished stay and an event under a UID that is new to it.

    Equal days are enough at any time before the absence is believed: nobody else can have booked
    them meanwhile. A shared first or last day is enough in the poll in which the UID went.
    """
    if mine == theirs:
        return _SAME_DATES
    if mine.nights_shared(theirs) <= 0:
        return None
    if mine.last == theirs.last and mine.is_running(poll.today):
        return _SAME_END_WHILE_RUNNING
    if stay.missing_since is not None:
        return None
    return _SAME_END if mine.last == theirs.last else _SAME_START


def _is_rest(mine: Span, theirs: Span, today: date) -> bool:
    """Whether the event is what Booking.com lists of a stay in progress."""
    return (
        mine.is_running(today) and theirs.last == mine.last and mine.first <= theirs.first <= today
    )


def _contradict(stay: KnownStay, event: FeedStay) -> bool:
    """Whether the two name different guests: then equal dates do not make them one stay, or a
    guest who cancelled would hold the PIN of the next one.
    """
    if stay.phone_last4 and event.phone_last4:
        return stay.phone_last4 != event.phone_last4
    if stay.reservation_code and event.reservation_code:
        return stay.reservation_code != event.reservation_code
    if stay.guest_name and event.guest_name:
        return stay.guest_name.casefold() != event.guest_name.casefold()
    return False


def _same_dates(stay: KnownStay, event: FeedStay, zone: tzinfo) -> bool:
    return same_moment(stay.starts, event.starts, zone) and same_moment(stay.ends, event.ends, zone)


def _absent(unlisted: Iterable[KnownStay], poll: Poll) -> list[KnownStay]:
    """The live stays that `poll` really lacks.

    In its last night a stay has no later night to list: Booking.com drops it on the day of
    departure, and a calendar in another zone the evening before. An event that was unusable but
    named its UID is there. Booking.com joins closed days that touch into one event (seen: two
    stays and the gap between them as one), so a stay whose nights are all still closed has not
    vanished there.
    """
    present = set(poll.present_uids)
    closed = (
        _ClosedDays([span_of(stay, poll.zone) for stay in poll.stays] + _closure_spans(poll))
        if poll.source is FeedSource.BOOKING_COM
        else _ClosedDays([])
    )
    absent = []
    for stay in unlisted:
        span = span_of(stay, poll.zone)
        if stay.status is not KnownStatus.LIVE or _is_in_last_night(span, poll.today):
            continue
        tomorrow = poll.today + ZONE_SLACK
        rest = Span(tomorrow if span.is_running(poll.today) else span.first, span.last)
        # An occurrence of a recurring event has its day behind the event's own UID.
        is_there = stay.uid in present or stay.uid.rpartition("#")[0] in present
        if not is_there and not closed.cover(rest):
            absent.append(stay)
    return sorted(absent, key=lambda stay: stay.key)


def _is_in_last_night(span: Span, today: date) -> bool:
    return span.first <= today and span.last <= today + ZONE_SLACK


def _closure_spans(poll: Poll) -> list[Span]:
    return [
        Span(day_of(closure.starts, poll.zone), day_of(closure.ends, poll.zone))
        for closure in poll.closures
    ]


class _ClosedDays:
    """The days that a calendar closes, asked whether one event of it covers a stay."""

    def __init__(self, spans: list[Span]) -> None:
        spans.sort(key=lambda span: span.first)
        self._firsts = [span.first for span in spans]
        self._furthest = list(accumulate((span.last for span in spans), max))

    def cover(self, span: Span) -> bool:
        place = bisect_right(self._firsts, span.first)
        return place > 0 and self._furthest[place - 1] >= span.last
