"""Up to which uid of a folder mail programs have been told of messages: what is \\Recent to one session is so to no other.

In RAM, because a write to the disk for each arrival in each waiting session would cost more than the delivery; the folder's own
number (mail.models.Folder.recent) follows when a session leaves the folder (RFC 3501 2.3.2). It says when a mail program was there, so
it goes within the time in which its connection would have to (C-4.2); who cannot know whether they are the first may take it so.
"""

from datetime import datetime, timedelta
from uuid import UUID

from stadtmail.usage import volatile

_SPACE = "recent"
_KEPT = timedelta(minutes=10)


def first(folder: UUID, *, at_least: int, now: datetime) -> int:
    """The first uid that no session has been told of; `at_least`: what the folder itself says."""
    found = volatile.get(_SPACE, folder.bytes, now)
    return max(at_least, int.from_bytes(found, "big")) if found else at_least


def claim(folder: UUID, *, before: int, at_least: int, now: datetime) -> int:
    """Take all messages before this uid. Returns the first that nobody had taken; of any number that try at once one gets each."""
    known = at_least

    def step(value: bytes | None) -> tuple[bytes, datetime] | None:
        nonlocal known
        known = max(at_least, int.from_bytes(value, "big")) if value else at_least
        return (before.to_bytes(8, "big"), now + _KEPT) if before > known else None

    volatile.change(_SPACE, folder.bytes, step, now=now)
    return known
