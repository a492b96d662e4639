"""A ZIP that is sent while it is made: stored, ZIP64, never on a disk, and never more of it in memory than one piece."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from zipfile import ZIP_STORED, ZipFile, ZipInfo


@dataclass(frozen=True)
class Entry:
    """What went into the ZIP under a name."""

    name: str
    size_bytes: int
    sha256: str


class _Pieces(io.RawIOBase):
    """Takes what ZipFile writes and hands it on; it cannot seek, so ZipFile writes sizes behind the bytes."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        """ZipFile asks."""
        return True

    def write(self, piece: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        """Keep a piece until it is taken."""
        self._waiting.append(bytes(piece))
        return len(piece)

    def take(self) -> bytes:
        """Everything written since the last time."""
        piece = b"".join(self._waiting)
        self._waiting.clear()
        return piece


class StreamedZip:
    """`add` and `finish` are iterators over the ZIP's bytes; `entries` says what is in it so far."""

    def __init__(self, *, made_at: datetime) -> None:
        self.entries: list[Entry] = []
        self._names: set[str] = set()
        self._pieces = _Pieces()
        self._zip = ZipFile(self._pieces, "w", ZIP_STORED, allowZip64=True)
        self._time = made_at.timetuple()[:6]

    def add(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Add one file. A name that is taken gets a number."""
        name = self._free(name)
        digest, size = sha256(), 0
        info = ZipInfo(name, date_time=self._time)
        info.external_attr = 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as entry:
            for chunk in chunks:
                entry.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                yield self._pieces.take()
        self.entries.append(Entry(name, size, digest.hexdigest()))
        yield self._pieces.take()

    def finish(self) -> Iterator[bytes]:
        """Write the directory."""
        self._zip.close()
        yield self._pieces.take()

    def _free(self, name: str) -> str:
        stem, dot, suffix = name.rpartition(".")
        free, number = name, 2
        while free.lower() in self._names:  # some file systems do not know capitals
            free, number = f"{stem}-{number}{dot}{suffix}", number + 1
        self._names.add(free.lower())
        return free
