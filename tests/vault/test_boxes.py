"""A box is what its description says, made and opened by somebody else's implementation of the same words (X25519, RFC 5869, AES-GCM)."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stadtmail.vault import boxes
from stadtmail.vault.seal import Unreadable


def key(shared: bytes, own: bytes, public: bytes, context: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=own + public, info=b"stadtmail box 1" + context).derive(shared)


@pytest.mark.parametrize("length", [0, 7, 48, 500])
def test_the_librarys_hkdf_opens_what_we_seal_and_we_open_what_it_seals(length: int) -> None:
    private, public = boxes.pair()
    context, plain = os.urandom(length), os.urandom(32)
    box = boxes.seal_to(public, plain, context=context)
    shared = X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(box[1:33]))
    assert AESGCM(key(shared, box[1:33], public, context)).decrypt(bytes(12), box[33:], None) == plain
    ephemeral = X25519PrivateKey.generate()
    own, shared = ephemeral.public_key().public_bytes_raw(), ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    theirs = b"\x01" + own + AESGCM(key(shared, own, public, context)).encrypt(bytes(12), plain, None)
    assert boxes.open_with(private, theirs, context=context) == plain


def test_no_two_boxes_share_a_key_and_none_opens_elsewhere() -> None:
    private, public = boxes.pair()
    first, second = (boxes.seal_to(public, bytes(32), context=b"a") for _ in range(2))
    assert first[1:33] != second[1:33]
    for wrong in (b"", b"b", b"aa"):
        with pytest.raises(Unreadable):
            boxes.open_with(private, first, context=wrong)
    with pytest.raises(Unreadable):
        boxes.open_with(boxes.pair()[0], first, context=b"a")
