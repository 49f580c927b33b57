"""A feed and what we know of it, polled step by step as a service would."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from portal.domain.intake import accept, keep, reconcile
from portal.domain.intake_types import (
    Cancelled,
    Change,
    Closure,
    Created,
    DatesChanged,
    DetailsChanged,
    FeedSource,
    FeedStay,
    Held,
    HoldReleased,
    Kept,
    KnownStatus,
    KnownStay,
    MarkedMissing,
    Moment,
    Poll,
    Reappeared,
    SkippedEvent,
    UidReplaced,
)

BERLIN = ZoneInfo("Europe/Berlin")
_ChangeOfOne = DatesChanged | DetailsChanged | UidReplaced | MarkedMissing | Cancelled | Reappeared


def moment(text: str) -> Moment:
    """A date, or a date-time where the text has a T."""
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def a_stay(uid: str, starts: str, ends: str, **details: str | None) -> FeedStay:
    """A stay as a feed lists it."""
    return FeedStay(uid=uid, starts=moment(starts), ends=moment(ends), **details)


def a_closure(uid: str, starts: str, ends: str) -> Closure:
    return Closure(uid=uid, starts=moment(starts), ends=moment(ends))


class PolledFeed:
    """One feed, its known stays, and the changes of its last poll."""

    def __init__(
        self,
        now: str = "2026-11-24T12:00",
        source: FeedSource = FeedSource.ICAL,
        zone: ZoneInfo = BERLIN,
    ) -> None:
        self.now = datetime.fromisoformat(now).replace(tzinfo=zone).astimezone(UTC)
        self.source = source
        self.zone = zone
        self.known: list[KnownStay] = []
        self.closures: list[Closure] = []
        self.changes: list[Change] = []
        self.skipped: list[SkippedEvent] = []
        self._keys = count(1)

    def poll(
        self,
        *stays: FeedStay,
        after: timedelta = timedelta(),
        closures: Iterable[Closure] = (),
        event_count: int | None = None,
        present_uids: Iterable[str] = (),
        has_unreadable: bool = False,
    ) -> list[Change]:
        """What the poll `after` the last one changed."""
        self.now += after
        poll = Poll(
            source=self.source,
            now=self.now,
            zone=self.zone,
            stays=stays,
            event_count=len(stays) if event_count is None else event_count,
            closures=tuple(closures),
            earlier_closures=self.closures,
            present_uids=tuple(present_uids),
            has_unreadable=has_unreadable,
        )
        outcome = reconcile(self.known, poll)
        self.changes = outcome.changes
        self.closures = outcome.closures
        self.skipped = outcome.skipped
        self.known = apply_changes(self.known, self.changes, lambda: next(self._keys))
        return self.changes

    def keep(self) -> list[Change]:
        """What the click that keeps all that is held changed."""
        self.changes = keep(self.known)
        self.known = apply_changes(self.known, self.changes, lambda: next(self._keys))
        return self.changes

    def accept(self) -> list[Change]:
        """What a person's click on the hold changed."""
        self.changes = accept(self.known, self.now, self.zone)
        self.known = apply_changes(self.known, self.changes, lambda: next(self._keys))
        return self.changes

    def live(self) -> set[tuple[str, str, str]]:
        """The live stays as (uid, first day or time, last)."""
        return {
            (stay.uid, stay.starts.isoformat(), stay.ends.isoformat())
            for stay in self.known
            if stay.status is KnownStatus.LIVE
        }

    def key_of(self, uid: str) -> int:
        [key] = [stay.key for stay in self.known if stay.uid == uid]
        return key

    def cancelled(self) -> set[str]:
        """The UIDs that the last poll cancelled."""
        keys = {change.key for change in self.changes if isinstance(change, Cancelled)}
        return {stay.uid for stay in self.known if stay.key in keys}

    def held(self) -> list[Held]:
        """The holds that the last poll began."""
        return [change for change in self.changes if isinstance(change, Held)]


def apply_changes(
    known: Iterable[KnownStay], changes: Iterable[Change], new_key: Callable[[], int]
) -> list[KnownStay]:
    """The stays after `changes`: what a service writes to its rows, in pure form."""
    stays = {stay.key: stay for stay in known}
    for change in changes:
        if isinstance(change, Created):
            stay = change.stay
            key = new_key()
            stays[key] = KnownStay(
                key=key,
                uid=stay.uid,
                starts=stay.starts,
                ends=stay.ends,
                guest_name=stay.guest_name,
                phone_last4=stay.phone_last4,
                reservation_code=stay.reservation_code,
            )
        elif isinstance(change, Held | Kept | HoldReleased):
            until = change.until if isinstance(change, Held) else None
            is_kept = isinstance(change, Kept)
            stays |= {
                key: replace(stays[key], held_until=until, is_kept=is_kept) for key in change.keys
            }
        else:
            stays[change.key] = _changed(stays[change.key], change)
    return list(stays.values())


def _changed(stay: KnownStay, change: _ChangeOfOne) -> KnownStay:
    match change:
        case DatesChanged():
            return replace(stay, starts=change.starts, ends=change.ends)
        case DetailsChanged():
            return replace(
                stay,
                guest_name=change.guest_name,
                phone_last4=change.phone_last4,
                reservation_code=change.reservation_code,
            )
        case UidReplaced():
            return replace(stay, uid=change.uid)
        case MarkedMissing():
            return replace(stay, missing_since=change.since, missing_polls=change.polls)
        case Cancelled():
            return replace(stay, status=KnownStatus.CANCELLED, held_until=None, is_kept=False)
        case Reappeared():
            return replace(
                stay,
                status=KnownStatus.LIVE,
                missing_since=None,
                missing_polls=0,
                held_until=None,
                is_kept=False,
            )
