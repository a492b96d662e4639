"""Sealed bytes: AES-256-GCM whose associated data bind city, category and object, so that no record can be moved.

Frame: one byte version (1), 12 bytes random nonce, ciphertext with tag. The policy version is not bound: a new policy must
not make old data unreadable.
"""

import hmac
import os
import zlib
from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stadtmail.kit import errors

VERSION = b"\x01"
NONCE_BYTES = 12
OVERHEAD_BYTES = 1 + NONCE_BYTES + 16
_LENGTH = Struct(">I")


class Unreadable(errors.StadtmailError):
    """The bytes do not open: wrong key, wrong city, category or object, or damage. Which of them is not told."""


def seal(key: bytes, plain: bytes, *, tenant: UUID, category: str, object: str) -> bytes:  # noqa: A002
    """Seal `plain` under a 32-byte key for exactly this place."""
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, plain, _place(tenant, category, object))


def open_sealed(key: bytes, sealed: bytes, *, tenant: UUID, category: str, object: str) -> bytes:  # noqa: A002
    """Open what `seal` made for the same place. Raises Unreadable."""
    sealed = bytes(sealed)
    if len(sealed) < OVERHEAD_BYTES or sealed[:1] != VERSION:
        raise Unreadable
    try:
        return AESGCM(key).decrypt(sealed[1:13], sealed[13:], _place(tenant, category, object))
    except InvalidTag:
        raise Unreadable from None


def derived(secret: bytes, info: bytes) -> bytes:
    """A 32-byte key that follows from a secret of full strength: HKDF-SHA-256 (RFC 5869) without salt, one block to extract and one to
    expand. By hand, because it takes an eighth of the library's time.
    """
    return hmac.digest(hmac.digest(bytes(32), secret, "sha256"), info + b"\x01", "sha256")


class Opener:
    """One key that opens many values of a city and category: its cipher is made once, and lives as long as this object."""

    __slots__ = ("_cipher", "_head")

    def __init__(self, key: bytes, *, tenant: UUID, category: str) -> None:
        self._cipher, self._head = AESGCM(key), _head(tenant, category)

    def opened(self, sealed: bytes, *, object: str) -> bytes:  # noqa: A002
        """The same as `open_sealed`. Raises Unreadable."""
        if len(sealed) < OVERHEAD_BYTES or sealed[:1] != VERSION:
            raise Unreadable
        place = object.encode()
        try:
            return self._cipher.decrypt(sealed[1:13], sealed[13:], self._head + _LENGTH.pack(len(place)) + place)
        except InvalidTag:
            raise Unreadable from None


def seal_block(key: bytes, entries: Sequence[bytes], *, tenant: UUID, category: str, object: str) -> bytes:  # noqa: A002
    """Seal 500 to 1,000 small entries as one: 200,000 rows open in 3 ms as blocks, in 378 ms one by one."""
    plain = b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)
    return seal(key, zlib.compress(plain, 1), tenant=tenant, category=category, object=object)


def open_block(key: bytes, sealed: bytes, *, tenant: UUID, category: str, object: str) -> list[bytes]:  # noqa: A002
    """The entries of `seal_block`, in order. Raises Unreadable."""
    plain = zlib.decompress(open_sealed(key, sealed, tenant=tenant, category=category, object=object))
    entries, at = [], 0
    while at < len(plain):
        (length,) = _LENGTH.unpack_from(plain, at)
        entries.append(plain[at + 4 : at + 4 + length])
        at += 4 + length
    return entries


def _place(tenant: UUID, category: str, object_: str) -> bytes:
    # every part is length-prefixed: no two places share their bytes
    place = object_.encode()
    return _head(tenant, category) + _LENGTH.pack(len(place)) + place


@lru_cache(maxsize=1024)
def _head(tenant: UUID, category: str) -> bytes:
    kind = category.encode()
    return _LENGTH.pack(16) + tenant.bytes + _LENGTH.pack(len(kind)) + kind
