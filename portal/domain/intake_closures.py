"""Closed seasons: long closures that are no guest, also when only a short rest of one is listed."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from portal.domain.intake_match import ZONE_SLACK
from portal.domain.intake_types import (
    LONGEST_STAY_NIGHTS,
    Closure,
    FeedSource,
    FeedStay,
    KnownStatus,
    KnownStay,
    Poll,
    SkippedEvent,
    SkipReason,
    day_of,
)
from portal.domain.sentences import Sentence

_REST: Final = Sentence("The rest of a closure of {nights} nights: too long to be a guest.")


def drop_closures(
    known: Iterable[KnownStay], poll: Poll
) -> tuple[list[FeedStay], list[Closure], list[SkippedEvent]]:
    """The poll's stays without those that only continue a closed season; the closed seasons to
    remember; and the events dropped.

    Booking.com cuts the past nights off a closure every midnight, so after enough nights a season
    of half a year looks like a stay. A closure keeps the first day it was ever seen with.
    In other feeds a long event whose UID is a live stay's is that guest staying on. A calendar
    that came empty says nothing, also not that a season is over.
    """
    if poll.event_count == 0:
        return list(poll.stays), list(poll.earlier_closures), []
    if poll.source is not FeedSource.BOOKING_COM:
        return [*poll.stays, *_extended_stays(known, poll)], list(poll.closures), []
    stays: list[FeedStay] = []
    skipped: list[SkippedEvent] = []
    closures = [_continued(closure, poll) for closure in poll.closures]
    for stay in poll.stays:
        closure = Closure(uid=stay.uid, starts=stay.starts, ends=stay.ends)
        whole = _continued(closure, poll)
        if whole != closure and _nights(whole, poll) > LONGEST_STAY_NIGHTS:
            closures.append(whole)
            skipped.append(_skip(stay, _nights(whole, poll)))
        else:
            stays.append(stay)
    return stays, closures, skipped


def _continued(closure: Closure, poll: Poll) -> Closure:
    """`closure` with the first day of the earlier closure whose rest it is, if there is one."""
    first, last = day_of(closure.starts, poll.zone), day_of(closure.ends, poll.zone)
    for earlier in poll.earlier_closures:
        began, ended = day_of(earlier.starts, poll.zone), day_of(earlier.ends, poll.zone)
        is_rest = ended == last and began < first <= poll.today + ZONE_SLACK
        is_renamed = earlier.uid == closure.uid and began < first < ended
        if is_rest or is_renamed:
            return replace(closure, starts=earlier.starts)
    return closure


def _nights(closure: Closure, poll: Poll) -> int:
    return (day_of(closure.ends, poll.zone) - day_of(closure.starts, poll.zone)).days


def _extended_stays(known: Iterable[KnownStay], poll: Poll) -> Sequence[FeedStay]:
    live = {stay.uid: stay for stay in known if stay.status is KnownStatus.LIVE}
    return [
        FeedStay(uid=closure.uid, starts=closure.starts, ends=closure.ends)
        for closure in poll.closures
        if closure.uid in live
    ]


def _skip(stay: FeedStay, nights: int) -> SkippedEvent:
    return SkippedEvent(
        uid=stay.uid,
        reason=SkipReason.CLOSED_SEASON,
        words=_REST(nights=nights),
        starts=stay.starts,
        ends=stay.ends,
    )
