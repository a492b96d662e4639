"""The ring: the epoch keys, wrapped by the root key, in a fixed-size file outside every database.

It is rewritten in place and synced, so that a key that has left it is overwritten on the disk and not only forgotten.
The root key lies outside the data folder on production instances, and no backup ever takes both.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from stadtmail.kit import config, errors, instance
from stadtmail.vault import boxes

SLOTS = 64
KEY_BYTES = 32
_SLOT = Struct(">II12s48s")  # epoch number, day of its begin (ordinal), nonce, wrapped key
_EMPTY = bytes(_SLOT.size)


class NoRootKey(errors.StadtmailError):
    """The root key is not where the instance says it is; without it nothing opens."""


class RingFull(errors.TryLater):
    """No free slot: old epochs could not be retired."""


@dataclass(frozen=True)
class Epoch:
    """One epoch: its number, the ordinal of the UTC day on which it began, and its key."""

    number: int
    day: int
    key: bytes


def make_root_key(path: Path) -> None:
    """Make a new root key of 32 bytes at `path` (mode 0600). Raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, os.urandom(KEY_BYTES))
        os.fsync(fd)
    finally:
        os.close(fd)


def root_key() -> bytes:
    """The root key: from systemd's credentials if given, else from the file. A test instance makes its own."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    given = Path(folder) / "stadtmail-root-key" if folder else None
    path = given if given and given.exists() else instance.current().root_key
    if not path.exists() and instance.current().is_test:
        with suppress(FileExistsError):  # another process was first
            make_root_key(path)
    try:
        key = path.read_bytes()
    except OSError:
        raise NoRootKey from None
    if len(key) != KEY_BYTES:
        raise NoRootKey
    return key


@contextmanager
def turn() -> Iterator[None]:
    """The writers' turn for the ring, across processes."""
    fd = os.open(_path().with_suffix(".turn"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def epochs() -> list[Epoch]:
    """All epochs in the ring, oldest first."""
    if not _path().exists():
        return []
    raw, root = _path().read_bytes(), AESGCM(root_key())
    found = []
    for at in range(0, len(raw), _SLOT.size):
        if raw[at : at + _SLOT.size] == _EMPTY:
            continue
        number, day, nonce, wrapped = _SLOT.unpack_from(raw, at)
        try:
            found.append(Epoch(number, day, root.decrypt(nonce, wrapped, _aad(number, day))))
        except InvalidTag:
            raise NoRootKey from None
    return sorted(found, key=lambda epoch: epoch.number)


def add(number: int, day: int) -> Epoch:
    """A new epoch with a new key, durable when this returns. Call inside `turn`. Raises RingFull."""
    epoch = Epoch(number, day, os.urandom(32))
    nonce = os.urandom(12)
    slot = _SLOT.pack(number, day, nonce, AESGCM(root_key()).encrypt(nonce, epoch.key, _aad(number, day)))
    raw = _path().read_bytes() if _path().exists() else _EMPTY * SLOTS
    for at in range(0, len(raw), _SLOT.size):
        if raw[at : at + _SLOT.size] == _EMPTY:
            _write(raw[:at] + slot + raw[at + _SLOT.size :])
            return epoch
    raise RingFull


def remove(number: int) -> None:
    """Overwrite the slot of an epoch: with random bytes first, then with nothing. Call inside `turn`. Idempotent."""
    raw = _path().read_bytes()
    for at in range(0, len(raw), _SLOT.size):
        slot = raw[at : at + _SLOT.size]
        if slot != _EMPTY and _SLOT.unpack(slot)[0] == number:
            for fill in (os.urandom(_SLOT.size), _EMPTY):
                raw = raw[:at] + fill + raw[at + _SLOT.size :]
                _write(raw)


def escrow(public: bytes) -> bytes:
    """Recovery kit: ring and root key, sealed to the operator's offline key."""
    return boxes.seal_to(public, root_key() + _path().read_bytes(), context=b"recovery kit")


def recover(kit: bytes, private: bytes, *, root_key_path: Path) -> None:
    """Write root key and ring from a recovery kit. Raises Unreadable for a wrong key."""
    plain = boxes.open_with(private, kit, context=b"recovery kit")
    _write_private(root_key_path, plain[:32])
    _write(plain[32:])


def _write_private(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, 0o600)  # before the first byte: one that lay there may have been open to others
        os.ftruncate(fd, 0)
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)


def _aad(number: int, day: int) -> bytes:
    return b"stadtmail epoch" + number.to_bytes(4, "big") + day.to_bytes(4, "big")


def _write(raw: bytes) -> None:
    # in place, so that the old bytes are overwritten and not left behind in freed blocks
    fd = os.open(_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, raw, 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def _path() -> Path:
    return config.load().data / "ring"
