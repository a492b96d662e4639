"""Keys that follow from a secret: what is written by hand is the standard (RFC 5869), so that what lies under them opens."""

import os

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from stadtmail.vault.seal import derived


def test_a_derived_key_is_that_of_the_standard() -> None:
    for length in (0, 16, 32, 43, 64, 65, 200):
        for info in (b"", b"stadtmail session contents", os.urandom(90)):
            secret = os.urandom(length)
            assert derived(secret, info) == HKDF(SHA256(), 32, salt=None, info=info).derive(secret)


def test_another_purpose_is_another_key() -> None:
    secret = os.urandom(32)
    assert derived(secret, b"one") != derived(secret, b"two")
