"""Where an index lies, whose turn it is, and how it is opened: for one call, by the private half of the pair it belongs to.

An index that does not open, or whose version is not ours, is removed and begins anew: nobody ever sees an error of it.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import sqlcipher3
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from stadtmail.kit import config, log
from stadtmail.mail.index import tables
from stadtmail.mail.index.tables import Index
from stadtmail.vault.seal import derived

T = TypeVar("T")
PAGE_BYTES, RESERVED_BYTES, SALT_BYTES, IV_BYTES = 4096, 80, 16, 16  # of SQLCipher 4
_READS = ("cipher_memory_security=OFF", "temp_store=MEMORY", "trusted_schema=OFF", "cache_size=-8000")
_WRITES = (*_READS, "journal_mode=TRUNCATE", "synchronous=NORMAL", "secure_delete=ON")


@dataclass(frozen=True)
class Place:
    """Whose index it is: a pair of a mailbox, and the secret from which its key is made."""

    tenant: UUID
    mailbox: UUID
    pair: UUID
    private: bytes = field(repr=False)

    @property
    def key(self) -> bytes:
        """The key of the file."""
        info = b"search index" + self.tenant.bytes + self.mailbox.bytes + self.pair.bytes
        return derived(self.private, info)


def root() -> Path:
    """Folder of all indexes: a store of the scan, and of no backup."""
    return config.load().data / "search"


def path_of(pair: UUID) -> Path:
    """Where the index of a pair lies."""
    return root() / pair.hex[:2] / str(pair)


def ask(place: Place, question: Callable[[Index], T]) -> T | None:
    """The answer of an index; None where there is none that can be used. A damaged one is removed."""
    try:
        with _turn(place.pair, alone=False):
            index = _opened(place, pragmas=_READS) if path_of(place.pair).exists() else None
            if index is None:
                return None
            with closing(index):
                return question(index)
    except sqlcipher3.DatabaseError as error:
        if is_damage(error):
            log.event("index_removed", role="mail")
            remove([place.pair])
        return None


@contextmanager
def writing(place: Place) -> Iterator[Index]:
    """The index for writing, made where there is none. Look whether the pair still lives inside: no erasure passes by there."""
    with _turn(place.pair, alone=True):
        index = _opened(place, pragmas=_WRITES) or _made(place)
        with closing(index):
            try:
                yield index
            except sqlcipher3.DatabaseError as error:
                if is_damage(error):
                    log.event("index_removed", role="mail")
                    _unlink(path_of(place.pair))
                raise


def remove(pairs: Iterable[UUID]) -> int:
    """Remove the indexes of these pairs with their journals. Idempotent; returns how many there were."""
    count = 0
    for pair in pairs:
        if path_of(pair).parent.exists():
            with _turn(pair, alone=True):
                count += _unlink(path_of(pair))
    return count


def left(pairs: Iterable[UUID]) -> int:
    """How many files of these pairs are there."""
    return sum(path.exists() for pair in pairs for path in _files(path_of(pair)))


def every() -> Iterator[UUID]:
    """The pairs of which there is an index."""
    for path in root().glob("*/*"):
        if not path.suffix and "-journal" not in path.name:
            yield UUID(path.name)


def pages(place: Place) -> Iterator[bytes]:
    """The opened pages of an index as they lie, free ones included: for the scan, which believes no table."""
    key = place.key
    with _turn(place.pair, alone=True):
        raw = path_of(place.pair).read_bytes() if path_of(place.pair).exists() else b""
    for at in range(0, len(raw) - PAGE_BYTES + 1, PAGE_BYTES):
        page = raw[at + (SALT_BYTES if at == 0 else 0) : at + PAGE_BYTES]
        opener = Cipher(AES(key), CBC(page[-RESERVED_BYTES:][:IV_BYTES])).decryptor()
        yield opener.update(page[:-RESERVED_BYTES]) + opener.finalize()


def is_damage(error: Exception) -> bool:
    """Is the file itself at fault, and not a full disk or somebody else's lock?"""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF not in (5, 6, 13)  # busy, locked, full


def _opened(place: Place, *, pragmas: Sequence[str]) -> Index | None:
    """The index, None where it is new, damaged or of another version."""
    db = _connected(place)
    try:
        index = _prepared(db, place, pragmas)
        if index.version() == tables.VERSION:
            return index
    except sqlcipher3.DatabaseError as error:
        if not is_damage(error):
            db.close()
            raise
    db.close()
    return None


def _made(place: Place) -> Index:
    _unlink(path_of(place.pair))
    index = _prepared(_connected(place), place, _WRITES)
    index.make()
    return index


def _connected(place: Place) -> Any:
    return sqlcipher3.connect(str(path_of(place.pair)), isolation_level=None, timeout=10)


def _prepared(db: Any, place: Place, pragmas: Sequence[str]) -> Index:
    db.execute(f"PRAGMA key = \"x'{place.key.hex()}'\"")
    for pragma in pragmas:
        db.execute(f"PRAGMA {pragma}").fetchall()
    return Index(db)


def _files(path: Path) -> tuple[Path, ...]:
    return path, path.with_name(f"{path.name}-journal"), path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _unlink(path: Path) -> int:
    found = path.exists()
    for one in _files(path):
        one.unlink(missing_ok=True)
    return int(found)


@contextmanager
def _turn(pair: UUID, *, alone: bool) -> Iterator[None]:
    # the lock is on the folder that it shares with others: a lock file of its own would keep the name of what was erased
    folder = path_of(pair).parent
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)
