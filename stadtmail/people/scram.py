"""SCRAM-SHA-256 (RFC 5802, RFC 7677) as the server computes it: what is stored, and how a proof is checked.

One salt and one iteration count a name, so that any of a person's app passwords can answer. The salt is a keyed hash of the
name: a name that nobody has gets one too, always the same, and nothing changes when somebody takes it. The server learns
ClientKey from a proof and keeps it nowhere: it opens a sealed mailbox (mail/wraps.py).
"""

import hashlib
import hmac
import os
from collections.abc import Sequence

from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys
from stadtmail.wire import sasl

ITERATIONS = 50_000  # RFC 7677 asks for 4,096 at least, and Cyrus SASL refuses more than 65,536; we count them when a password is made
SALT_BYTES, KEY_BYTES = 16, 32
_NOBODYS = os.urandom(2 * KEY_BYTES)  # compared with where there is nothing to compare with


def salt(tenant: Tenant, address: str) -> bytes:
    """The salt of a login name of this city, whether anybody has it or not."""
    return hmac.digest(keys.city(tenant.id, "apps"), b"scram salt\0" + address.strip().lower().encode(), "sha256")[:SALT_BYTES]


def check_values(password: str, salted: bytes) -> bytes:
    """StoredKey and ServerKey of a password, 64 bytes: enough to check proofs, not enough to make one (RFC 5802 3)."""
    salted_password = _salted(password, salted)
    client_key = hmac.digest(salted_password, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest() + hmac.digest(salted_password, b"Server Key", "sha256")


def client_key(password: str, salted: bytes) -> bytes:
    """ClientKey of a password: what a proof tells the server, and what it never keeps."""
    return hmac.digest(_salted(password, salted), b"Client Key", "sha256")


def proven_key(values: bytes, auth_message: bytes, proof: bytes) -> bytes:
    """ClientKey, as a proof that was right tells it."""
    signature = hmac.digest(values[:KEY_BYTES], auth_message, "sha256")
    return bytes(a ^ b for a, b in zip(signature, proof, strict=True))


def proven(known: Sequence[bytes], auth_message: bytes, proof: bytes) -> int | None:
    """Which of the known check values the proof belongs to. None where to none of them; at least one is always compared."""
    found = None
    for number, values in enumerate([*known, _NOBODYS]):
        signature = hmac.digest(values[:KEY_BYTES], auth_message, "sha256")
        client_key = bytes(a ^ b for a, b in zip(signature, proof, strict=True))
        if hmac.compare_digest(hashlib.sha256(client_key).digest(), values[:KEY_BYTES]) and number < len(known):
            found = number
    return found


def signature(values: bytes, auth_message: bytes) -> bytes:
    """What proves to the client that the server knows its password too (ServerSignature)."""
    return hmac.digest(values[KEY_BYTES:], auth_message, "sha256")


def _salted(password: str, salted: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", sasl.prepared(password).encode(), salted, ITERATIONS)
