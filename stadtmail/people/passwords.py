"""Argon2id in a bounded pool (C-2.2): two hashes at a time, so that a flood of logins cannot take the machine's memory."""

import hmac
import os
import secrets
import threading
from functools import cache
from struct import Struct

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw

from stadtmail.kit import errors, instance

_pool = threading.BoundedSemaphore(2)
WAIT_SECONDS = 20.0
KEY_BYTES = 32
_SALT = Struct(">16sBIB")  # random bytes, and the cost that the key was made with: time, memory in KiB, lanes
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # 32 signs without look-alikes: 5 bits each


class Busy(errors.TryLater):
    """Too many logins at once."""


@cache
def _hasher() -> PasswordHasher:
    if instance.current().kind == "test":  # tests and simulations log in thousands of times
        return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)


@cache
def _nobody() -> str:
    return _hasher().hash(secrets.token_hex(16))


def hashed(password: str) -> str:
    """Argon2id hash with its parameters and salt. Raises Busy."""
    with _Place():
        return _hasher().hash(password)


def matches(known: str | None, password: str) -> bool:
    """Is it the password? The same work is done where nobody is known. Raises Busy."""
    with _Place():
        try:
            return _hasher().verify(known or _nobody(), password) and known is not None
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(known: str) -> bool:
    """Was it hashed with older parameters?"""
    return _hasher().check_needs_rehash(known)


def fresh_salt() -> bytes:
    """A salt for `derived`, together with the cost of today."""
    hasher = _hasher()
    return _SALT.pack(os.urandom(16), hasher.time_cost, hasher.memory_cost, hasher.parallelism)


def derived(password: str, salt: bytes) -> bytes:
    """A key that only the password gives (Argon2id): its salt is its own, so the stored check value tells nothing of it. Raises Busy."""
    random, time, memory, lanes = _SALT.unpack(salt)
    with _Place():
        return hash_secret_raw(password.encode(), random, time, memory, lanes, KEY_BYTES, Type.ID)


def new_code(length: int = 26) -> str:
    """A code of 5 random bits a sign (130 in all), in groups that can be read aloud: AB3D-…"""
    signs = "".join(secrets.choice(_ALPHABET) for _ in range(length))
    return "-".join(signs[at : at + 4] for at in range(0, length, 4))


def code_digest(key: bytes, code: str) -> bytes:
    """Keyed hash of a code; spaces, hyphens and case do not matter."""
    return hmac.digest(key, plain_code(code), "sha256")


def plain_code(code: str) -> bytes:
    """A code as it is computed with: spaces, hyphens and case do not matter."""
    return "".join(sign for sign in code.upper() if sign.isalnum()).encode()


class _Place:
    def __enter__(self) -> None:
        if not _pool.acquire(timeout=WAIT_SECONDS):
            raise Busy

    def __exit__(self, *details: object) -> None:
        _pool.release()
