"""What a webhook or a line of a lock's log tells of the door itself, in our words.

Schlage publishes neither the names of all events nor the codes of a log's lines: the words are
matched tolerantly, the numbers are those of the consumer app. What fits nothing is left out; the
webhook's own line stands in the lock's history all the same.
"""

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from portal.domain.door_event import How, Told, What
from portal.schlage.events import TROUBLES, EventKind, WebhookEvent
from portal.schlage.payloads import HistoryItem, LockState
from portal.schlage.reading import Fields

_WHAT_OF: Final = {
    EventKind.WRONG_CODE: What.WRONG_TRY,
    EventKind.KEYPAD_PAUSED: What.KEYPAD_PAUSED,
    EventKind.ALARM: What.ALARM,
}
_BY_NUMBER: Final = {
    2: (What.OPENED, How.CODE),
    4: (What.OPENED, How.THUMB_TURN),
    7: (What.OPENED, How.APP),
    9: (What.OPENED, How.TIMER),
    11: (What.KEYPAD_PAUSED, How.UNKNOWN),
    12: (What.ALARM, How.UNKNOWN),
    52: (What.OPENED, How.APPLE_KEY),
}
# Looked at in this order, in the access type and in the words of the log.
_MEANS: Final = (
    (r"apple|nfc|homekey", How.APPLE_KEY),
    (r"thumb", How.THUMB_TURN),
    (r"accesscode|keypad|code", How.CODE),
    (r"virtualkey|mobile|phone|app\b|remote", How.APP),
    (r"button|touch", How.BUTTON),
    (r"schedul|time|auto", How.TIMER),
)
_NAME_LENGTH: Final = 100
# Every log says the same few things, a hundred times over with each read.
_WORDS_KEPT: Final = 256


def of_event(event: WebhookEvent, now: datetime) -> Told | None:
    """What the webhook tells of the door; None where it tells of something else.

    A webhook without a time of its own happened when it came.
    """
    accessor = Fields(event.data).child("accessor")
    is_opening = event.kind is EventKind.LOCK_STATE and event.lock_state is LockState.UNLOCKED
    what = What.OPENED if is_opening else _WHAT_OF.get(event.kind)
    if what is None:
        return None
    access_type = accessor.text("accessType") or (event.event_type if is_opening else "")
    return Told(
        key=_key(event.event_id),
        at=event.at or now,
        what=what,
        how=_how(access_type or ""),
        code_id=accessor.text("id"),
        name=(accessor.text("friendlyName", "name") or "")[:_NAME_LENGTH],
    )


def of_line(item: HistoryItem) -> Told | None:
    """What the line of a lock's log tells of the door; None for all other lines."""
    found = _reading(item.event_code)
    if item.at is None or found is None:
        return None
    what, how = found
    by_type = _how(item.access_type or "")
    # A line without an id of its own is told by what it says.
    said = f"{item.at.isoformat()}|{item.event_code}|{item.accessor_id}|{item.accessor_name}"
    return Told(
        key=_key(item.history_id or said),
        at=item.at,
        what=what,
        how=by_type if by_type is not How.UNKNOWN else how,
        code_id=item.accessor_id,
        name=(item.accessor_name or "")[:_NAME_LENGTH],
    )


@lru_cache(maxsize=_WORDS_KEPT)
def _reading(event_code: str) -> tuple[What, How] | None:
    if event_code.isascii() and event_code.isdecimal():
        return _BY_NUMBER.get(int(event_code))
    words = event_code.lower()
    for pattern, kind in TROUBLES:
        if re.search(pattern, words):
            return _WHAT_OF[kind], How.UNKNOWN
    if re.search(r"unlock|opened", words) and not re.search(r"fail|jam|unsuccess", words):
        return What.OPENED, _how(words)
    return None


@lru_cache(maxsize=_WORDS_KEPT)
def _how(words: str) -> How:
    folded = re.sub(r"[\s_-]", "", words.lower())
    return next((how for pattern, how in _MEANS if re.search(pattern, folded)), How.UNKNOWN)


def _key(name: str) -> str:
    """A name of any length as one that fits a column."""
    return hashlib.sha256(name.encode()).hexdigest()[:40]
