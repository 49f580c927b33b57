"""From bytes to the text of one complete calendar, or the reason why it is none."""

import codecs
import re
from contextlib import suppress
from typing import Final

from portal.feeds.errors import FeedUnreadable

LARGEST_BODY: Final = 2 * 1024 * 1024
MOST_EVENTS: Final = 5_000
_DEEPEST_BLOCK: Final = 8

_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_BLOCK_LINE: Final = re.compile(r"^(BEGIN|END):[ \t]*([^\s]*)[ \t]*$", re.IGNORECASE | re.MULTILINE)


def calendar_text(body: bytes) -> tuple[str, bool]:
    """The calendar in `body` with plain line ends, and whether its characters had to be guessed.

    FeedUnreadable says what came instead: nothing, a web page, an error message, a calendar with
    its end cut off, or one too big.
    """
    if len(body) > LARGEST_BODY:
        raise FeedUnreadable("too_big", "The calendar is larger than 2 MB.")
    text, guessed = _decoded(body)
    text = text.strip("\ufeff\x00 \t\r\n").replace("\r\n", "\n").replace("\r", "\n")
    _check_beginning(text)
    _check_blocks(text)
    return text, guessed


def _decoded(body: bytes) -> tuple[str, bool]:
    """The body as text.

    Some writers fold lines in the middle of a character, so its bytes are joined first where the
    plain way fails. Dates and UIDs are ASCII in every feed, so a body in an old one-byte charset
    is read as such: a name may look odd, but no stay is lost.
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return body.decode("utf-16", errors="replace"), True
    for whole in (body, _FOLD.sub(b"", body)):
        with suppress(UnicodeDecodeError):
            return whole.decode("utf-8-sig"), False
    return body.decode("cp1252", errors="replace"), True


def _check_beginning(text: str) -> None:
    if not text:
        raise FeedUnreadable(
            "empty_body",
            "What came is empty. Get the calendar’s link or file anew at the listing site.",
        )
    first = text[:200].lstrip().upper()
    if first.startswith("BEGIN:VCALENDAR"):
        return
    if first.startswith("<"):
        raise FeedUnreadable(
            "web_page",
            "A web page came instead of a calendar: the link may have expired, or ask to sign in.",
        )
    if first.startswith(("{", "[")):
        raise FeedUnreadable("error_message", "An error message came instead of a calendar.")
    raise FeedUnreadable("not_a_calendar", "What came is not a calendar.")


def _check_blocks(text: str) -> None:
    """Every block is opened and closed in its order, and nothing follows the calendar's end.

    A body that lost a part in the middle or at its end fails here, whatever the part was.
    """
    open_blocks: list[str] = []
    events = 0
    end = 0
    for line in _BLOCK_LINE.finditer(text):
        name = line[2].upper()
        if line[1].upper() == "BEGIN":
            events += name == "VEVENT"
            open_blocks.append(name)
            fits = open_blocks[0] == "VCALENDAR" and len(open_blocks) <= _DEEPEST_BLOCK
        else:
            fits = bool(open_blocks) and open_blocks.pop() == name
        if not fits:
            raise FeedUnreadable("damaged", "The calendar is damaged: its parts do not fit.")
        end = line.end()
    if open_blocks:
        raise FeedUnreadable("truncated", "The calendar is cut off before its end.")
    if text[end:].strip():
        raise FeedUnreadable("damaged", "Something follows the end of the calendar.")
    if events > MOST_EVENTS:
        raise FeedUnreadable("too_many_events", "The calendar has more than 5,000 events.")
