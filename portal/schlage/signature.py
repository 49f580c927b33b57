"""Whether a webhook was signed by Schlage.

RSASSA-PSS over the raw body with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes, the signature
as base64 in the header `WebHook-Signature`. The vendor's published example
(Yonomi/schlage-home-api-v2-webhook-signature) verifies with a salt of 32 and with no other. The
algorithm is fixed here: nothing in a request chooses it.
"""

import base64
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

HEADER = "WebHook-Signature"

_PADDING = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
_MIN_KEY_BITS = 2048
_MAX_SIGNATURE_LENGTH = 4096


class UnusableKey(ValueError):
    """A file named in SCHLAGE_WEBHOOK_KEYS holds no public key we can use: fix the setting.

    The text names the file and the remedy; the program does not start without a usable key.
    """


def verify(body: bytes, signature_b64: str | None, keys: Sequence[RSAPublicKey]) -> bool:
    """Whether one of the keys made this signature over exactly these bytes. Never raises."""
    signature = _decoded(signature_b64)
    return signature is not None and any(_is_made_by(key, signature, body) for key in keys)


def _is_made_by(key: RSAPublicKey, signature: bytes, body: bytes) -> bool:
    try:
        key.verify(signature, body, _PADDING, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _decoded(signature_b64: str | None) -> bytes | None:
    """The bytes of a signature written in the one right way, so that no other text passes.

    Base64 of 256 bytes leaves four bits unused, which a plain decoder ignores.
    """
    if not signature_b64 or len(signature_b64) > _MAX_SIGNATURE_LENGTH:
        return None
    try:
        signature = base64.b64decode(signature_b64, validate=True)
    except ValueError:
        return None
    return signature if base64.b64encode(signature).decode() == signature_b64 else None


def load_keys(paths: Sequence[str | Path]) -> list[RSAPublicKey]:
    """The public keys in these PEM files, at least one. Raises UnusableKey, naming the file.

    Several keys are trusted at once so that Schlage can change its key without a gap.
    """
    if not paths:
        raise UnusableKey(
            "No webhook key is configured: set SCHLAGE_WEBHOOK_KEYS to the path of a PEM file "
            "with Schlage's public key for webhooks."
        )
    return [_load_key(Path(path)) for path in paths]


def _load_key(path: Path) -> RSAPublicKey:
    remedy = "put Schlage's public key for webhooks there, or correct SCHLAGE_WEBHOOK_KEYS."
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise UnusableKey(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(f"{path} holds no public key in PEM form: {remedy}") from error
    if not isinstance(key, RSAPublicKey) or key.key_size < _MIN_KEY_BITS:
        raise UnusableKey(f"{path} holds no RSA key of {_MIN_KEY_BITS} bits or more: {remedy}")
    return key
