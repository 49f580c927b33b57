"""Signed webhooks: RSA-PSS with SHA-256 and a salt of 32 bytes over the bytes of the body."""

from base64 import b64encode

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KEY_BITS = 2048
SALT_BYTES = 32


class Signer:
    """Signs bodies with a key of its own."""

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> "Signer":
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS))

    @classmethod
    def from_pem(cls, pem: str) -> "Signer":
        key = serialization.load_pem_private_key(pem.encode(), password=None)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError("the signing key must be an RSA key")
        return cls(key)

    def sign(self, body: bytes) -> str:
        """The value of the `WebHook-Signature` header for this body."""
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=SALT_BYTES)
        return b64encode(self._key.sign(body, pss, hashes.SHA256())).decode()

    def public_pem(self) -> str:
        """The public key, as receivers are given it."""
        return (
            self._key.public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            .decode()
        )

    def private_pem(self) -> str:
        """The key itself, for the simulator's own state file."""
        return self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
