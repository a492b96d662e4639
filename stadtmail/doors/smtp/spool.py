"""A message on its way in: in memory while it is small, in a sealed blob when it grows. Its key lies in this process only.

Nothing plain ever reaches the disk, and what a crash leaves behind opens for nobody.
"""

import os
from collections.abc import Iterator
from uuid import UUID

from stadtmail.vault import blobs

_NO_CITY = UUID(int=0)
_CATEGORY = "INH"


class Spooled:
    """A large message that can be read any number of times until it is dropped. Iterating gives chunks of bytes."""

    def __init__(self, blob: UUID, key: bytes, size_bytes: int) -> None:
        self._blob, self._key = blob, key
        self.size_bytes = size_bytes

    def __len__(self) -> int:
        return self.size_bytes

    def __iter__(self) -> Iterator[bytes]:
        return blobs.get(self._blob, key=self._key, tenant=_NO_CITY, category=_CATEGORY)

    def __bytes__(self) -> bytes:
        return b"".join(self)

    def drop(self) -> None:
        """Forget it. Idempotent."""
        self._key = bytes(32)
        blobs.delete([self._blob])


class Spool:
    """Takes a message in pieces. `write_down` and `finish` may wait for the disk: not in the event loop."""

    def __init__(self, memory_bytes: int) -> None:
        self.size_bytes = 0
        self._memory_bytes = memory_bytes
        self._waiting = bytearray()
        self._writer: blobs.Writer | None = None
        self._key = b""

    @property
    def is_full(self) -> bool:
        """More lies in memory than may: call write_down."""
        return len(self._waiting) > self._memory_bytes

    @property
    def on_disk(self) -> bool:
        """Has anything been written down (sealed)?"""
        return self._writer is not None

    def add(self, piece: bytes) -> None:
        """Take a piece."""
        self._waiting += piece
        self.size_bytes += len(piece)

    def write_down(self) -> None:
        """Seal what waits and write it to the blob."""
        if self._writer is None:
            self._key = os.urandom(32)
            self._writer = blobs.Writer(key=self._key, tenant=_NO_CITY, category=_CATEGORY)
        self._writer.write(bytes(self._waiting))
        self._waiting.clear()

    def finish(self) -> bytes | Spooled:
        """The whole message."""
        if self._writer is None:
            return bytes(self._waiting)
        self.write_down()
        blob = self._writer.finish()
        self._writer = None
        return Spooled(blob, self._key, self.size_bytes)

    def abandon(self) -> None:
        """Forget the message. Idempotent."""
        self._waiting.clear()
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None
