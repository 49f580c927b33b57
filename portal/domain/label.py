"""The name of an entry on the lock: the guest's name for people, a tag that proves it is ours.

Labels are unique per lock, ASCII, at most 24 characters (Allegion release notes, January 2024).
The tag is four random characters and three that only the account's key can make from them, so an
entry is known to be ours even if the row that describes it was lost (a restored backup). Such a one
is shown as ours and never touched: nobody knows any more whose it is.
"""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from random import Random
from secrets import SystemRandom
from typing import Final

MAX_LENGTH: Final = 24
_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
_NONCE: Final = 4
_PROOF: Final = 3
_TAG = re.compile(rf"[{_ALPHABET}]{{{_NONCE}}}[a-z2-7]{{{_PROOF}}}")


def make(
    guest_name: str,
    key: str,
    device_id: str,
    random: Random | None = None,
    is_taken: Callable[[str], bool] = lambda _label: False,
) -> str:
    """A label for a guest on one lock that never was there, such as `Maria G x7k2mqf`."""
    source = random or SystemRandom()
    while True:
        nonce = "".join(source.choice(_ALPHABET) for _ in range(_NONCE))
        tag = nonce + _proof(nonce, key, device_id)
        name = _plain(guest_name)[: MAX_LENGTH - len(tag) - 1].strip() or "Guest"
        label = f"{name} {tag}"
        if not is_taken(label):
            return label


def is_ours(label: str, key: str, device_id: str) -> bool:
    """Whether the label ends in a tag made with this account's key for this lock."""
    tag = label.rpartition(" ")[2].casefold()
    if not _TAG.fullmatch(tag):
        return False
    return hmac.compare_digest(tag[_NONCE:], _proof(tag[:_NONCE], key, device_id))


def _proof(nonce: str, key: str, device_id: str) -> str:
    digest = hmac.new(key.encode(), f"{nonce}:{device_id}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:_PROOF]


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9]+", " ", folded).strip()
