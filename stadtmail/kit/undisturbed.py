"""A file's bytes as they lie, read without ending the locks that this process has on it.

POSIX ends all locks of a process on a file when any descriptor of it is closed (fcntl(2); sqlite.org, "How To Corrupt", 2.2):
another process then believes that it is alone with the database and takes its log away. So the descriptor of a database is kept
for as long as its file is there.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

DATABASE = ".sqlite3"  # in the name of a database, of its log and of its shared memory
_lock = threading.Lock()
_kept: dict[tuple[int, int], int] = {}


def pieces(path: Path, size_bytes: int) -> Iterator[bytes]:
    """The bytes of a file, in pieces of at most `size_bytes`. Raises FileNotFoundError."""
    if DATABASE in path.name:
        descriptor, at = _descriptor(path), 0
        while piece := os.pread(descriptor, size_bytes, at):
            yield piece
            at += len(piece)
        return
    with path.open("rb") as file:
        while piece := file.read(size_bytes):
            yield piece


def _descriptor(path: Path) -> int:
    with _lock:
        descriptor = _kept.get(_identity(path.stat()))
        if descriptor is None:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            _kept[_identity(os.fstat(descriptor))] = descriptor
        _forget_removed(descriptor)
    return descriptor


def _forget_removed(wanted: int) -> None:
    """A file that has lost its name is nobody's database any more."""
    for identity, descriptor in list(_kept.items()):
        if descriptor != wanted and os.fstat(descriptor).st_nlink == 0:
            os.close(_kept.pop(identity))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
