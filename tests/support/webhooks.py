"""A signer of webhooks, as Schlage signs them, with a key made for this run."""

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


class Signer:
    """Signs bodies; its public key is in the file `key_path`."""

    def __init__(self, key_path: Path) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_path = key_path
        key_path.write_bytes(
            self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )

    def sign(self, body: bytes) -> str:
        """The value of the header `WebHook-Signature`."""
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        return base64.b64encode(self._key.sign(body, pss, hashes.SHA256())).decode()

    def request(self, event: Any) -> dict[str, Any]:
        """What to give `client.post("/webhooks/schlage", **…)` for this event or raw body."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return {"data": body, "headers": {"WebHook-Signature": self.sign(body)}}
