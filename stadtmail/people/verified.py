"""Login passwords that were right a moment ago: mail programs open three to five connections at once, and Argon2 is meant to be slow.

In this process's memory only, under a keyed hash whose key no other process has, for a minute. A hit is worth nothing by
itself: the caller looks at the credential as it is now, so that a changed password or switch counts at once.
"""

import hmac
import os
import threading
import time
from uuid import UUID

SECONDS = 60.0  # C-4.2: what is left of a use is usually gone within a minute
MOST = 2_000
_key = os.urandom(32)
_lock = threading.Lock()
_known: dict[bytes, tuple[bytes, float]] = {}
stripes = tuple(threading.Lock() for _ in range(64))  # of those who ask at once, one does the work


def mark(tenant: UUID, address: str, password: str) -> bytes:
    """What an attempt is known by."""
    return hmac.digest(_key, tenant.bytes + f"{address.strip().lower()}\0{password}".encode(), "sha256")


def turn(attempt: bytes) -> threading.Lock:
    """Held while an attempt is checked: whoever waits for it finds the result."""
    return stripes[attempt[0] % len(stripes)]


def was_right(attempt: bytes, stored: bytes) -> bool:
    """Was this attempt right within the last minute, against exactly these stored bytes?"""
    with _lock:
        found = _known.get(attempt)
    return found is not None and found[1] > time.monotonic() and hmac.compare_digest(found[0], _of(stored))


def remember(attempt: bytes, stored: bytes) -> None:
    """The attempt was right against these stored bytes."""
    now = time.monotonic()
    with _lock:
        if len(_known) >= MOST:
            _known.clear()
        for old in [one for one, (_, until) in _known.items() if until <= now]:
            del _known[old]
        _known[attempt] = _of(stored), now + SECONDS


def forget() -> None:
    """Forget everything (a test, or the end of a program)."""
    with _lock:
        _known.clear()


def _of(stored: bytes) -> bytes:
    return hmac.digest(_key, stored, "sha256")
