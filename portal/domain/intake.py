"""What a poll of a booking feed changes: intake that never loses a stay and never locks one out.

The rules, each from what recorded feeds really do (six months, 40,000 polls):

- New stays and new dates count at once: one in ten is first seen two days or less before arrival.
- A stay that a poll lacks is cancelled only when 2 healthy polls and 3 hours lack it. Feeds drop
  and list again, and a calendar once came empty for 98 minutes with 38 live stays.
- Nothing is revoked by absence from the day of arrival on: a guest may be inside.
- An empty calendar, 3 or more stays, or over a fifth of the live ones gone together wait 24 hours
  for a person. "Together" means within the 3 hours in which absences are not yet believed, so an
  outage that eats a calendar bit by bit is caught too. In a calendar of fewer than five a single
  stay is over a fifth. It waits as well, under a reason of its own (ONE_OF_FEW) that calls for a
  note and not for an alarm: going one at a time is normal (267 of 272 disappearances), but small
  calendars are the ones that list a stay again after half a day (Booking.com, 10 and 15 hours
  seen), and waiting costs nothing, for a code is not valid before its window.
- New dates that would shut out a guest who is inside, or three or more stays moved to other days
  in one poll, wait the same way; then they are believed.
- What a person says stands (`keep`) stands until the feed lists it again, and no longer counts
  when others go.
- A stay that comes back is the same stay with the same PIN.
- The same poll twice changes nothing the second time but the count of absences.

The caller never brings an unhealthy poll here: what is not a complete calendar changes nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from portal.domain.intake_closures import drop_closures
from portal.domain.intake_match import ZONE_SLACK, match, span_of
from portal.domain.intake_types import (
    Cancelled,
    Change,
    Created,
    DatesChanged,
    DetailsChanged,
    FeedStay,
    Held,
    HoldReason,
    HoldReleased,
    Kept,
    KnownStatus,
    KnownStay,
    MarkedMissing,
    Moment,
    Outcome,
    Poll,
    Reappeared,
    SkippedEvent,
    SkipReason,
    UidReplaced,
    day_of,
    same_moment,
)

POLLS_TO_BELIEVE: Final = 2
TIME_TO_BELIEVE: Final = timedelta(hours=3)
HOLD: Final = timedelta(hours=24)
MANY: Final = 3
#: More than one live stay in this many.
SHARE: Final = 5


def reconcile(known: Sequence[KnownStay], poll: Poll) -> Outcome:
    """What `poll` changes in the stays we know of its feed.

    `known` holds every stay of the feed whose departure is not more than a week past, cancelled
    ones included. The changes are in the order in which they are to be applied.
    """
    known = sorted(known, key=lambda stay: stay.key)
    stays, closures, skipped = drop_closures(known, poll)
    matching = match(known, stays, poll)
    live = [
        stay
        for stay in known
        if stay.status is KnownStatus.LIVE and not span_of(stay, poll.zone).is_over(poll.today)
    ]
    changes = [
        *_listed(matching.pairs, poll, len(live)),
        *_no_longer_missing(live, matching.pairs, matching.absent, poll),
        *_missing(matching.absent, poll, len(live)),
    ]
    for stay in matching.new:
        if span_of(stay, poll.zone).is_over(poll.today):
            skipped.append(_over(stay))
        else:
            changes.append(Created(stay))
    return Outcome(changes, closures, skipped)


def accept(known: Iterable[KnownStay], now: datetime, zone: tzinfo) -> list[Change]:
    """The changes of a person's click on "these are really gone" (or "really moved").

    Held stays that are absent are cancelled, but for those whose guest may be inside: the click
    is for a list, and a person who means one of those cancels its booking. The hold of held
    moves ends, so the next poll moves them.
    """
    today = now.astimezone(zone).date()
    changes: list[Change] = []
    for stay in sorted(known, key=lambda stay: stay.key):
        if stay.status is not KnownStatus.LIVE or stay.held_until is None:
            continue
        if stay.missing_since is None:
            changes.append(Held(HoldReason.MOVED, (stay.key,), now))
        elif not span_of(stay, zone).is_running(today):
            changes.append(Cancelled(stay.key))
    return changes


def keep(known: Iterable[KnownStay]) -> list[Change]:
    """The changes of a person's click on "these stand": of all that is held, gone or moved."""
    keys = tuple(
        stay.key
        for stay in sorted(known, key=lambda stay: stay.key)
        if stay.status is KnownStatus.LIVE and stay.held_until is not None
    )
    return [Kept(keys)] if keys else []


def _over(stay: FeedStay) -> SkippedEvent:
    words = "It had ended before this feed was first read."
    return SkippedEvent(
        uid=stay.uid, reason=SkipReason.OVER, words=words, starts=stay.starts, ends=stay.ends
    )


def _listed(
    pairs: Sequence[tuple[KnownStay, FeedStay]], poll: Poll, live_count: int
) -> list[Change]:
    """The changes of the stays that the poll lists."""
    moved_away = _moved_away(pairs, poll, live_count)
    changes: list[Change] = []
    for stay, event in pairs:
        is_running = span_of(stay, poll.zone).is_running(poll.today)
        if span_of(event, poll.zone).is_over(poll.today) and not is_running:
            continue
        if stay.uid != event.uid:
            changes.append(UidReplaced(stay.key, event.uid))
        if stay.status is not KnownStatus.DISMISSED:
            changes.extend(_returns(stay))
            changes.extend(_details(stay, event))
        changes.extend(_dates(stay, event, poll, many_moved=stay.key in moved_away))
    return changes


def _returns(stay: KnownStay) -> list[Change]:
    changes: list[Change] = []
    if stay.status is KnownStatus.CANCELLED:
        changes.append(Reappeared(stay.key, was_cancelled=True))
    elif stay.missing_since is not None:
        if stay.held_until is not None or stay.is_kept:
            changes.append(HoldReleased((stay.key,)))
        changes.append(Reappeared(stay.key, was_cancelled=False))
    return changes


def _details(stay: KnownStay, event: FeedStay) -> list[Change]:
    """What the feed says anew of the guest; what it no longer says is kept."""
    old = (stay.guest_name, stay.phone_last4, stay.reservation_code)
    new = (
        event.guest_name or stay.guest_name,
        event.phone_last4 or stay.phone_last4,
        event.reservation_code or stay.reservation_code,
    )
    return [DetailsChanged(stay.key, *new)] if new != old else []


def _dates(stay: KnownStay, event: FeedStay, poll: Poll, *, many_moved: bool) -> list[Change]:
    """The changes of a stay's dates, with the hold of those that would shut a guest out."""
    held_until = stay.held_until if stay.missing_since is None else None
    is_kept = stay.is_kept and stay.missing_since is None
    starts, ends = _wanted(stay, event, poll)
    if same_moment(stay.starts, starts, poll.zone) and same_moment(stay.ends, ends, poll.zone):
        return [HoldReleased((stay.key,))] if held_until or is_kept else []
    move = DatesChanged(stay.key, starts, ends)
    shuts_out = stay.status is KnownStatus.LIVE and _shuts_out(stay, event, poll)
    is_held = is_kept or (held_until is not None and held_until > poll.now)
    if not (shuts_out or many_moved or is_held):
        return [move, HoldReleased((stay.key,))] if held_until else [move]
    if held_until and held_until <= poll.now:
        return [move, HoldReleased((stay.key,))]
    changes: list[Change] = []
    if shuts_out and _extends(stay, event, poll.zone):
        changes.append(DatesChanged(stay.key, stay.starts, event.ends))
    if held_until is None and not is_kept:
        reason = HoldReason.MOVED if shuts_out else HoldReason.MANY_MOVED
        changes.append(Held(reason, (stay.key,), poll.now + HOLD))
    return changes


def _wanted(stay: KnownStay, event: FeedStay, poll: Poll) -> tuple[Moment, Moment]:
    """The dates the event asks for. Of a stay that has begun, the first day stays: what feeds
    cut off is past.
    """
    span = span_of(stay, poll.zone)
    has_begun = span.is_running(poll.today)
    first = day_of(event.starts, poll.zone)
    if has_begun and span.first < first <= poll.today + ZONE_SLACK:
        return stay.starts, event.ends
    return event.starts, event.ends


def _shuts_out(stay: KnownStay, event: FeedStay, poll: Poll) -> bool:
    """Whether the event's dates would end the code of a guest who may be inside now."""
    mine, theirs = span_of(stay, poll.zone), span_of(event, poll.zone)
    if not mine.is_running(poll.today):
        return False
    return theirs.first > poll.today + ZONE_SLACK or theirs.last <= min(
        poll.today, mine.last - _A_DAY
    )


_A_DAY: Final = timedelta(days=1)


def _extends(stay: KnownStay, event: FeedStay, zone: tzinfo) -> bool:
    """Whether the event touches the stay and ends later: so much of it is given at once."""
    mine, theirs = span_of(stay, zone), span_of(event, zone)
    return theirs.first <= mine.last < theirs.last


def _moved_away(
    pairs: Sequence[tuple[KnownStay, FeedStay]], poll: Poll, live_count: int
) -> set[int]:
    """The keys of live stays that this poll moves to quite other days, when they are so many
    that the feed is more likely wrong than the guests.
    """
    moved = {
        stay.key
        for stay, event in pairs
        if stay.status is KnownStatus.LIVE
        and not span_of(stay, poll.zone).is_over(poll.today)
        and span_of(stay, poll.zone).nights_shared(span_of(event, poll.zone)) <= 0
        and span_of(stay, poll.zone) != span_of(event, poll.zone)
    }
    is_many = len(moved) >= MANY or (len(moved) > 1 and SHARE * len(moved) > live_count)
    return moved if is_many else set()


def _no_longer_missing(
    live: Iterable[KnownStay],
    pairs: Iterable[tuple[KnownStay, FeedStay]],
    absent: Iterable[KnownStay],
    poll: Poll,
) -> list[Change]:
    """The returns of stays that the poll does not list and that are there all the same."""
    if poll.has_unreadable:
        return []
    elsewhere = {stay.key for stay, _ in pairs} | {stay.key for stay in absent}
    return [
        change
        for stay in live
        if stay.key not in elsewhere and stay.missing_since is not None
        for change in _returns(stay)
    ]


def _missing(absent: Sequence[KnownStay], poll: Poll, live_count: int) -> list[Change]:
    """The changes of the live stays that the poll lacks."""
    if poll.has_unreadable:
        return []
    changes: list[Change] = []
    held = _newly_held(absent, poll, live_count)
    if held:
        changes.append(Held(_reason(absent, poll), tuple(held), poll.now + HOLD))
    for stay in absent:
        is_running = span_of(stay, poll.zone).is_running(poll.today)
        since = stay.missing_since or poll.now
        polls = min(stay.missing_polls + 1, POLLS_TO_BELIEVE)
        if polls > stay.missing_polls:
            changes.append(MarkedMissing(stay.key, since, polls, is_running))
        believed = polls >= POLLS_TO_BELIEVE and poll.now - since >= TIME_TO_BELIEVE
        waits = stay.key in held or _is_held(stay, poll.now)
        if believed and not is_running and not waits:
            changes.append(Cancelled(stay.key))
    return changes


def _is_held(stay: KnownStay, now: datetime) -> bool:
    if stay.missing_since is None:
        return False
    return stay.is_kept or (stay.held_until is not None and stay.held_until > now)


def _newly_held(absent: Sequence[KnownStay], poll: Poll, live_count: int) -> list[int]:
    """The keys of absent stays that must wait for a person because too many are gone together.

    Only a fresh absence begins a hold: the share of those already waiting grows by itself when
    other stays end.
    """
    together = [stay for stay in absent if _counts_together(stay, poll)]
    has_fresh = any(stay.missing_since is None for stay in together)
    too_many = has_fresh and (
        poll.event_count == 0 or len(together) >= MANY or SHARE * len(together) > live_count
    )
    if not too_many:
        return []
    return [stay.key for stay in together if stay.missing_since is None or stay.held_until is None]


def _counts_together(stay: KnownStay, poll: Poll) -> bool:
    """Whether the absence is one whose meaning is still open: fresh, held, or about to be
    believed. One that a person was already asked about, or that only waits for the guest to
    leave, is not.
    """
    if stay.is_kept:
        return False
    if stay.missing_since is None:
        return True
    if stay.held_until is not None:
        return stay.held_until > poll.now
    is_running = span_of(stay, poll.zone).is_running(poll.today)
    return not is_running or poll.now - stay.missing_since < TIME_TO_BELIEVE


def _reason(absent: Sequence[KnownStay], poll: Poll) -> HoldReason:
    if poll.event_count == 0:
        return HoldReason.EMPTY
    together = sum(_counts_together(stay, poll) for stay in absent)
    return HoldReason.MANY if together > 1 else HoldReason.ONE_OF_FEW
