"""A webhook counts only when Schlage's key signed exactly these bytes in exactly this way."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from portal.schlage.signature import UnusableKey, load_keys, verify

DATA = Path(__file__).parents[1] / "data/schlage"
BODY = (DATA / "vendor/payload.txt").read_bytes()
SIGNATURE = (DATA / "vendor/signature.txt").read_text()
KEYS = load_keys([DATA / "vendor/sample-key.pem"])
OWN_KEYS = load_keys([DATA / "own/key.pem"])
FOREIGN_KEYS = load_keys([DATA / "own/foreign-key.pem"])
VECTORS = json.loads((DATA / "own/vectors.json").read_text())


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def flip(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_vendors_signed_sample_verifies():
    assert verify(BODY, SIGNATURE, KEYS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_our_own_vectors_verify_as_they_say(vector):
    assert verify(vector["body"].encode(), vector["signature"], OWN_KEYS) is vector["verifies"]


def test_any_key_of_the_list_will_do_so_that_keys_can_change():
    assert verify(BODY, SIGNATURE, [*FOREIGN_KEYS, *KEYS])
    assert verify(BODY, SIGNATURE, [*KEYS, *FOREIGN_KEYS])


def test_another_key_does_not_verify_and_no_key_verifies_nothing():
    assert not verify(BODY, SIGNATURE, FOREIGN_KEYS)
    assert not verify(BODY, SIGNATURE, [])


@given(bit=st.integers(0, len(BODY) * 8 - 1))
def test_a_body_with_any_bit_changed_does_not_verify(bit):
    assert not verify(flip(BODY, bit), SIGNATURE, KEYS)


@given(bit=st.integers(0, 256 * 8 - 1))
def test_a_signature_with_any_bit_changed_does_not_verify(bit):
    signature = base64.b64encode(flip(base64.b64decode(SIGNATURE), bit)).decode()

    assert not verify(BODY, signature, KEYS)


@given(at=st.integers(0, len(SIGNATURE) - 1), letter=st.characters(codec="latin-1"))
def test_a_signature_header_with_any_letter_changed_does_not_verify(at, letter):
    changed = SIGNATURE[:at] + letter + SIGNATURE[at + 1 :]

    assert verify(BODY, changed, KEYS) is (changed == SIGNATURE)


def test_a_header_that_decodes_to_the_same_signature_does_not_verify_unless_it_is_the_same():
    changed = SIGNATURE.removesuffix("Q==") + "R=="  # the last four bits mean nothing

    assert base64.b64decode(changed, validate=True) == base64.b64decode(SIGNATURE)
    assert not verify(BODY, changed, KEYS)


@given(signature=st.none() | st.text() | st.binary().map(lambda b: base64.b64encode(b).decode()))
def test_nothing_in_the_header_makes_it_raise(signature):
    assert not verify(BODY, signature, KEYS)


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "=",
        "v1,",
        f"v1,{SIGNATURE}",
        f"{SIGNATURE},{SIGNATURE}",
        f"{SIGNATURE} {SIGNATURE}",
        f" {SIGNATURE}",
        f"{SIGNATURE}\n",
        SIGNATURE[:-2],
        SIGNATURE[:100],
        SIGNATURE * 2,
        SIGNATURE.replace("/", "_").replace("+", "-"),
        "A" * 1_000_000,
        "é",
        "\udcff",
    ],
)
def test_headers_of_other_forms_do_not_verify(signature):
    assert not verify(BODY, signature, KEYS)


@pytest.mark.parametrize(
    "body", [b"", BODY + b"\n", b" " + BODY, BODY.replace(b":", b": "), BODY[:-1], BODY * 2]
)
def test_bodies_of_other_forms_do_not_verify(body):
    assert not verify(body, SIGNATURE, KEYS)


def test_loading_no_key_at_all_names_the_setting():
    with pytest.raises(UnusableKey, match="SCHLAGE_WEBHOOK_KEYS"):
        load_keys([])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read"),
        (b"", "no public key in PEM form"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no public key in PEM"),
        (public_pem(rsa.generate_private_key(65537, 1024)), "2048 bits"),  # noqa: S505
        (public_pem(ec.generate_private_key(ec.SECP256R1())), "no RSA key"),
        (public_pem(ed25519.Ed25519PrivateKey.generate()), "no RSA key"),
        (
            rsa.generate_private_key(65537, 2048).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "no public key in PEM form",
        ),
    ],
    ids=["missing", "empty", "damaged", "short", "elliptic", "edwards", "private"],
)
def test_a_file_without_a_usable_key_is_named_with_the_remedy(tmp_path, content, reason):
    path = tmp_path / "schlage.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UnusableKey, match=reason) as caught:
        load_keys([DATA / "vendor/sample-key.pem", path])

    assert str(path) in str(caught.value)
    assert "SCHLAGE_WEBHOOK_KEYS" in str(caught.value)
