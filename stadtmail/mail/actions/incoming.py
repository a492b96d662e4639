"""A message while it arrives: up to 64 KiB (or less) in memory, beyond that sealed on the disk under a key that only this object has.

Nothing plain reaches the disk; what a crash leaves opens for nobody and is removed after an hour as a lost blob.
"""

import os
from types import TracebackType
from typing import Self
from uuid import UUID

from stadtmail.mail.sealing import MOST_IN_ROW
from stadtmail.vault import blobs

_CATEGORY = "incoming"


class Incoming:
    """Takes a message in pieces; `with` forgets it at the end."""

    def __init__(self, tenant: UUID, *, in_memory: int = MOST_IN_ROW) -> None:
        self._tenant, self._key, self._most = tenant, os.urandom(32), in_memory
        self._memory = bytearray()
        self._writer: blobs.Writer | None = None
        self._blob: UUID | None = None
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def write(self, piece: bytes) -> None:
        """Take a piece. Raises OSError where the disk is full."""
        self._size += len(piece)
        if self._writer is None and self._size <= self._most:
            self._memory += piece
            return
        if self._writer is None:
            self._writer = blobs.Writer(key=self._key, tenant=self._tenant, category=_CATEGORY)
            self._writer.write(bytes(self._memory))
            self._memory.clear()
        self._writer.write(piece)

    def __bytes__(self) -> bytes:
        if self._writer is None:
            return bytes(self._memory)
        if self._blob is None:
            self._blob = self._writer.finish()
        return b"".join(blobs.get(self._blob, key=self._key, tenant=self._tenant, category=_CATEGORY))

    def forget(self) -> None:
        """Remove what lies on the disk. Idempotent."""
        if self._blob is not None:
            blobs.delete([self._blob])
        elif self._writer is not None:
            self._writer.abandon()
        self._memory.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.forget()
