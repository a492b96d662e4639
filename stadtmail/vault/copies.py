"""Opened keys that a process keeps for a moment, and how all processes drop them at once.

A counter in a mapped file of the data folder is raised by each destruction; every look at a copy compares it first. Where
the keystore is shared by several machines (`machines`), a copy also ends with its lease of five seconds.
"""

import fcntl
import mmap
import os
import threading
from collections import OrderedDict
from struct import Struct
from uuid import UUID

from stadtmail.kit import clock, config

LEASE_SECONDS = 5.0
MOST = 20_000
_COUNTER = Struct("<Q")


class Copies:
    """Least-recently-used copies of opened keys, valid for one generation and one lease."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[UUID, tuple[bytes, float]] = OrderedDict()
        self._seen = -1
        self._map: mmap.mmap | None = None
        self._pid, self._place = 0, ""

    def find(self, key_id: UUID) -> bytes | None:
        """The opened key, if this process has a copy that is still valid."""
        with self._lock:
            self._look()
            kept = self._kept.get(key_id)
            if kept is None or kept[1] < clock.monotonic():
                self._kept.pop(key_id, None)
                return None
            self._kept.move_to_end(key_id)
            return kept[0]

    def keep(self, key_id: UUID, key: bytes, generation: int) -> None:
        """Keep a copy read under `generation`; it is dropped if a destruction came in between."""
        with self._lock:
            self._look()
            if generation != self._seen:
                return
            self._kept[key_id] = (key, clock.monotonic() + LEASE_SECONDS)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)

    def generation(self) -> int:
        """The present generation: read it before reading the store."""
        with self._lock:
            self._look()
            return self._seen

    def raise_generation(self) -> None:
        """Make every process of this machine drop its copies."""
        with self._lock:
            counter = self._open()
            fd = os.open(config.load().data / "generation.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                _COUNTER.pack_into(counter, 0, _COUNTER.unpack_from(counter)[0] + 1)
            finally:
                os.close(fd)
            self._look()

    def drop(self) -> None:
        """Drop this process's copies only."""
        with self._lock:
            self._kept.clear()

    def place(self) -> str:
        """Which file the counter is: processes that have mapped the same one drop their copies together."""
        with self._lock:
            self._open()
            return self._place

    def _look(self) -> None:
        now = _COUNTER.unpack_from(self._open())[0]
        if now != self._seen:
            self._kept.clear()
            self._seen = now

    def _open(self) -> mmap.mmap:
        if self._map is None or self._pid != os.getpid():
            path = config.load().data / "generation"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(fd).st_size < _COUNTER.size:
                    os.ftruncate(fd, _COUNTER.size)
                self._map = mmap.mmap(fd, _COUNTER.size)
                self._place = f"{os.fstat(fd).st_dev} {os.fstat(fd).st_ino}"
            finally:
                os.close(fd)
            self._pid, self._seen = os.getpid(), -1
        return self._map


units = Copies()
