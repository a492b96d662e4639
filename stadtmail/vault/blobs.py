"""Blobs: larger sealed bytes on the local disk, durable before anybody names them.

Temporary name in the same store, fsync, rename, fsync of the folder. Sealed in chunks of 1 MiB; the chunk's number and a
last-mark are bound in, so that chunks cannot be dropped, reordered or cut off.
"""

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from struct import Struct
from uuid import UUID, uuid4

from stadtmail.kit import config, errors
from stadtmail.vault.seal import OVERHEAD_BYTES, Unreadable, open_sealed, seal

CHUNK_BYTES = 1024 * 1024
_LENGTH = Struct(">I")


class BlobGone(errors.NotFound):
    """There is no such blob."""


class Writer:
    """Takes plaintext in pieces of any size and writes sealed chunks; nothing plain ever reaches the disk."""

    def __init__(self, *, key: bytes, tenant: UUID, category: str) -> None:
        self.id = uuid4()
        self._key, self._tenant, self._category = key, tenant, category
        self._waiting = bytearray()
        self._number = 0
        self._path = path_of(self.id)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._temporary = self._path.with_suffix(".part")
        self._file = open(self._temporary, "xb")  # noqa: SIM115 - open until finish or abandon

    def write(self, piece: bytes) -> None:
        """Take a piece of plaintext."""
        self._waiting += piece
        while len(self._waiting) > CHUNK_BYTES:
            self._chunk(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]

    def finish(self) -> UUID:
        """Write the last chunk; the blob is durable when this returns."""
        self._chunk(bytes(self._waiting), last=True)
        self._waiting.clear()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self._path)
        _sync(self._path.parent)
        _sync(self._path.parent.parent)
        return self.id

    def abandon(self) -> None:
        """Forget what was written so far."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _chunk(self, plain: bytes, *, last: bool) -> None:
        sealed = seal(self._key, plain, tenant=self._tenant, category=self._category, object=_chunk_name(self.id, self._number, last))
        self._file.write(_LENGTH.pack(len(sealed) | (0x80000000 if last else 0)) + sealed)
        self._number += 1


def put(chunks: Iterable[bytes], *, key: bytes, tenant: UUID, category: str) -> UUID:
    """Store the pieces as one blob, durable when this returns."""
    writer = Writer(key=key, tenant=tenant, category=category)
    try:
        for piece in chunks:
            writer.write(piece)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise


def get(blob: UUID, *, key: bytes, tenant: UUID, category: str) -> Iterator[bytes]:
    """The plaintext in chunks. Raises BlobGone, or Unreadable for damage of any kind."""
    try:
        file = open(path_of(blob), "rb")  # noqa: SIM115 - the with follows
    except FileNotFoundError:
        raise BlobGone from None
    with file:
        number, last = 0, False
        while not last:
            head = file.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                raise Unreadable
            (length,) = _LENGTH.unpack(head)
            last = bool(length & 0x80000000)
            sealed = file.read(length & 0x7FFFFFFF)
            yield open_sealed(key, sealed, tenant=tenant, category=category, object=_chunk_name(blob, number, last))
            number += 1
        if file.read(1):
            raise Unreadable


def chunk(blob: UUID, number: int, *, key: bytes, tenant: UUID, category: str) -> tuple[bytes, bool]:
    """(plaintext, is it the last) of one chunk: for a reader that goes to and fro. Raises BlobGone, Unreadable."""
    try:
        file = open(path_of(blob), "rb")  # noqa: SIM115 - the with follows
    except FileNotFoundError:
        raise BlobGone from None
    with file:
        file.seek(number * (_LENGTH.size + CHUNK_BYTES + OVERHEAD_BYTES))
        head = file.read(_LENGTH.size)
        if len(head) < _LENGTH.size:
            raise Unreadable
        (length,) = _LENGTH.unpack(head)
        last = bool(length & 0x80000000)
        sealed = file.read(length & 0x7FFFFFFF)
    return open_sealed(key, sealed, tenant=tenant, category=category, object=_chunk_name(blob, number, last)), last


def size(blob: UUID) -> int:
    """How many bytes of plaintext a blob has. Raises BlobGone."""
    try:
        whole = path_of(blob).stat().st_size
    except FileNotFoundError:
        raise BlobGone from None
    chunks = max(1, -(-whole // (_LENGTH.size + CHUNK_BYTES + OVERHEAD_BYTES)))
    return whole - chunks * (_LENGTH.size + OVERHEAD_BYTES)


def delete(blobs: Iterable[UUID]) -> None:
    """Unlink the blobs and sync their folders. Idempotent. (Their keys went first; this is hygiene.)"""
    folders = set()
    for blob in blobs:
        path = path_of(blob)
        path.unlink(missing_ok=True)
        folders.add(path.parent)
    for folder in folders:
        if folder.exists():
            _sync(folder)


def every() -> Iterator[UUID]:
    """All blobs in the store."""
    for path in root().glob("*/*"):
        if not path.suffix:
            yield UUID(path.name)


def age(blob: UUID) -> float | None:
    """When the blob became durable (seconds since 1970 by the machine's clock), None if there is none."""
    try:
        return path_of(blob).stat().st_mtime
    except FileNotFoundError:
        return None


def sweep_temporary(before: datetime) -> int:
    """Remove unfinished blobs that a crash left behind. Returns how many."""
    old = [path for path in root().glob("*/*.part") if path.stat().st_mtime < before.timestamp()]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def root() -> Path:
    """Folder of the store."""
    chosen = config.load()
    return Path(chosen.blobs_url.removeprefix("file://")) if chosen.blobs_url else chosen.data / "blobs"


def path_of(blob: UUID) -> Path:
    """Where the blob lies."""
    return root() / blob.hex[:2] / str(blob)


def _chunk_name(blob: UUID, number: int, last: bool) -> str:
    return f"blob {blob} {number} {'last' if last else 'more'}"


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
