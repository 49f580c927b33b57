"""Encryption at rest: a ring of AES-256-GCM keys, the first of which encrypts.

A stored value is `v1.<key id>.<nonce and ciphertext>`; the key id lets a new first key stand beside
the old ones while `flask --app wsgi keys re-encrypt` runs. Each value is bound to its table and
column, so a ciphertext copied into another column does not open.
"""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = "v1"
_NONCE_BYTES = 12


class CannotDecrypt(Exception):
    """The value was made with a key that is not in ENCRYPTION_KEYS, or it was altered."""


class KeyRing:
    """Encrypts with the first key, decrypts with whichever key made the value."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys:
            raise ValueError("ENCRYPTION_KEYS needs at least one key.")
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._marking = {_key_id(key): _marking_key(key) for key in keys}
        self._first = _key_id(keys[0])

    def encrypt(self, text: str, bound_to: str) -> str:
        """The stored form of `text`, which only opens again for the same `bound_to`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._first].encrypt(nonce, text.encode(), bound_to.encode())
        return f"{_VERSION}.{self._first}.{_b64(nonce + sealed)}"

    def decrypt(self, stored: str, bound_to: str) -> str:
        """The text again; raises CannotDecrypt where no key of the ring opens it."""
        try:
            _, key_id, payload = stored.split(".")
            raw = base64.urlsafe_b64decode(payload)
            cipher = self._ciphers[key_id]
            return cipher.decrypt(
                raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound_to.encode()
            ).decode()
        except (ValueError, KeyError, InvalidTag) as error:
            raise CannotDecrypt(
                f"{bound_to} cannot be read: is the key that wrote it in ENCRYPTION_KEYS?"
            ) from error

    def mark(self, text: str, bound_to: str) -> str:
        """What tells this text from others, and gives nothing of it away to who lacks the key."""
        return f"{self._first}.{self._mac(self._first, text, bound_to)}"

    def is_mark_of(self, mark: str, text: str, bound_to: str) -> bool:
        """Whether the mark was made of this text, with whichever key of the ring."""
        key_id, _, known = mark.partition(".")
        if key_id not in self._marking:
            return False
        return hmac.compare_digest(known, self._mac(key_id, text, bound_to))

    def _mac(self, key_id: str, text: str, bound_to: str) -> str:
        message = f"{bound_to}\x1f{text}".encode()
        return hmac.new(self._marking[key_id], message, hashlib.sha256).hexdigest()

    def is_current(self, stored: str) -> bool:
        """Whether the first key wrote this value, so that re-encryption may skip it."""
        return stored.startswith(f"{_VERSION}.{self._first}.")


def parse_keys(text: str) -> list[bytes]:
    """The keys of ENCRYPTION_KEYS: comma-separated, each 32 bytes as URL-safe base64."""
    keys = []
    for position, part in enumerate(filter(None, (p.strip() for p in text.split(","))), start=1):
        try:
            key = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        except ValueError as error:
            raise ValueError(f"ENCRYPTION_KEYS: key {position} is not URL-safe base64.") from error
        if len(key) != 32:
            raise ValueError(
                f"ENCRYPTION_KEYS: key {position} has {len(key)} bytes; make one of 32 with "
                "`openssl rand -base64 32 | tr +/ -_`"
            )
        keys.append(key)
    return keys


def token_hash(token: str) -> str:
    """What is stored of a random token (sign-in, API, guest link): its SHA-256 in hex.

    A plain hash is enough because our tokens carry at least 128 random bits.
    """
    return hashlib.sha256(token.encode()).hexdigest()


_ring: KeyRing | None = None


def use(ring: KeyRing) -> None:
    """Every encrypted column of this process is read and written with `ring` from now on."""
    global _ring
    _ring = ring


def ring() -> KeyRing:
    """The ring in use; raises RuntimeError before `use` was called."""
    if _ring is None:
        raise RuntimeError("No key ring: create_app() sets it from ENCRYPTION_KEYS.")
    return _ring


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"latchboard key id" + key).hexdigest()[:8]


def _marking_key(key: bytes) -> bytes:
    """A key for marks alone: none serves two ends."""
    return hmac.new(key, b"latchboard marks", hashlib.sha256).digest()


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()
