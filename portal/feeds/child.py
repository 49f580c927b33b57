"""Calendars of strangers parsed in a process of their own, with limits on what they may cost.

The process gets the bytes and nothing else: no environment (so no secrets), no database, no
network it was told of. What it says comes back as JSON and is checked on the way in.
"""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, Final

from portal.domain.intake_types import (
    FeedSource,
    FeedStay,
    Moment,
    SkippedEvent,
    SkipReason,
    moment_from_text,
    moment_text,
)
from portal.feeds.calendar_text import LARGEST_BODY
from portal.feeds.errors import FeedUnreadable
from portal.feeds.reader import Reading

MEMORY_BYTES: Final = 512 * 1024 * 1024
CPU_SECONDS: Final = 15
WALL_SECONDS: Final = 20.0
_PROGRAM: Final = Path(__file__).with_name("parse_one.py")


def read_limited(
    body: bytes,
    source: FeedSource | None = None,
    *,
    today: date,
    memory_bytes: int = MEMORY_BYTES,
    cpu_seconds: int = CPU_SECONDS,
    wall_seconds: float = WALL_SECONDS,
) -> Reading:
    """What `portal.feeds.reader.read` says of `body`, found out in a limited process.

    FeedUnreadable also when the process ran out of memory or time or died: the reason is the
    calendar then, and it is the same for the caller.
    """
    if len(body) > LARGEST_BODY:
        raise FeedUnreadable("too_big", "The calendar is larger than 2 MB.")
    command = [
        sys.executable,
        "-I",
        str(_PROGRAM),
        str(source or ""),
        today.isoformat(),
        str(memory_bytes),
        str(cpu_seconds),
    ]
    try:
        # A fixed program and arguments of our own making; the calendar goes in by the pipe.
        done = subprocess.run(  # noqa: S603
            command,
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=wall_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_costly() from None
    if done.returncode != 0:
        raise _too_costly()
    return _answer(done.stdout)


def _too_costly() -> FeedUnreadable:
    words = "Reading the calendar took too much time or memory."
    return FeedUnreadable("too_costly", words)


def _answer(output: bytes) -> Reading:
    try:
        answer = json.loads(output)
        if "unreadable" in answer:
            problem = answer["unreadable"]
            raise FeedUnreadable(str(problem["key"]), str(problem["words"]))
        return reading_from_json(answer)
    except (ValueError, KeyError, TypeError):
        raise FeedUnreadable("cannot_parse", "The calendar cannot be read.") from None


def reading_to_json(reading: Reading) -> dict[str, Any]:
    """`reading` in JSON's types, for `reading_from_json`."""
    return {
        "source": str(reading.source),
        "stays": [
            [
                stay.uid,
                moment_text(stay.starts),
                moment_text(stay.ends),
                stay.guest_name,
                stay.phone_last4,
                stay.reservation_code,
                stay.summary,
            ]
            for stay in reading.stays
        ],
        "skipped": [
            [event.uid, str(event.reason), event.words, _text(event.starts), _text(event.ends)]
            for event in reading.skipped
        ],
        "flags": reading.flags,
        "rejected_uids": reading.rejected_uids,
        "has_unreadable": reading.has_unreadable,
        "event_count": reading.event_count,
    }


def reading_from_json(answer: dict[str, Any]) -> Reading:
    """The reading that `reading_to_json` wrote; ValueError, KeyError or TypeError if it is none."""
    return Reading(
        source=FeedSource(answer["source"]),
        stays=[
            FeedStay(
                uid=str(uid),
                starts=moment_from_text(starts),
                ends=moment_from_text(ends),
                guest_name=name,
                phone_last4=digits,
                reservation_code=code,
                summary=str(summary),
            )
            for uid, starts, ends, name, digits, code, summary in answer["stays"]
        ],
        skipped=[
            SkippedEvent(
                uid=str(uid),
                reason=SkipReason(reason),
                words=str(words),
                starts=moment_from_text(starts) if starts else None,
                ends=moment_from_text(ends) if ends else None,
            )
            for uid, reason, words, starts, ends in answer["skipped"]
        ],
        flags=[str(flag) for flag in answer["flags"]],
        rejected_uids=[str(uid) for uid in answer["rejected_uids"]],
        has_unreadable=bool(answer["has_unreadable"]),
        event_count=int(answer["event_count"]),
    )


def _text(moment: Moment | None) -> str | None:
    return moment_text(moment) if moment is not None else None
