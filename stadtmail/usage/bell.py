"""A bell between the processes of a machine: "something happened in this", sixteen random octets and nothing else.

Each process that wants to hear has a socket in the folder of the volatile store. A ring that gets lost is no harm: whoever
waits also looks by itself, only later.
"""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from stadtmail.usage import folder

LOOK_SECONDS = 1.0  # so old may be what is known about who listens
SETTLED_NS = 50_000_000  # a folder that changed so lately may change again without a newer date: the clock of file systems ticks
MOST_HEARD = 1000  # rings that are taken at once
_known: tuple[float, tuple[int, int], list[str]] = (0.0, (0, 0), [])
_sender: tuple[int, socket.socket] | None = None


class Bell:
    """Hears the rings of all processes. `fileno` can be waited for."""

    def __init__(self) -> None:
        self._path = _place() / f"{os.getpid()}-{uuid4().hex}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        place = os.open(self._path.parent, os.O_PATH | os.O_CLOEXEC)
        try:
            self._socket.bind(_short(str(self._path), place))
        finally:
            os.close(place)

    def fileno(self) -> int:
        """The descriptor that becomes readable."""
        return self._socket.fileno()

    def heard(self) -> set[UUID]:
        """What has been rung for since the last time."""
        found = set()
        with suppress(BlockingIOError):
            for _ in range(MOST_HEARD):
                ring = self._socket.recv(17)
                if len(ring) == 16:
                    found.add(UUID(bytes=ring))
        return found

    def close(self) -> None:
        """Hear nothing more."""
        self._socket.close()
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # others are left
            self._path.parent.rmdir()


def ring(what: UUID, *, besides: Bell | None = None) -> None:
    """Tell everybody who listens, but not oneself. Never waits, never raises."""
    paths = [path for path in _listeners() if besides is None or path != str(besides._path)]
    if not paths:
        return
    try:
        place = os.open(_place(), os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        for path in paths:
            _send(what, path, place)
    finally:
        os.close(place)


def _send(what: UUID, path: str, place: int) -> None:
    try:
        _socket().sendto(what.bytes, _short(path, place))
    except ConnectionRefusedError:  # its process has died
        Path(path).unlink(missing_ok=True)
    except OSError:  # it has gone, or its queue is full: it will look by itself
        pass


def _listeners() -> list[str]:
    """Looked up again when somebody has come or gone: who begins to wait is rung for from then on."""
    global _known  # noqa: PLW0603 - what this process knows
    place, now = _place(), time.monotonic()
    try:
        as_it_is = place.stat()
        state = (as_it_is.st_ino, as_it_is.st_mtime_ns)
        if state != _known[1] or now - _known[0] > LOOK_SECONDS:
            is_settled = time.time_ns() - as_it_is.st_mtime_ns > SETTLED_NS
            _known = (now, state if is_settled else (0, 0), [entry.path for entry in os.scandir(place)])
    except FileNotFoundError:  # the last one has just gone, and its folder with it
        return []
    return _known[2]


def _socket() -> socket.socket:
    global _sender  # noqa: PLW0603 - one a process, not inherited by its children
    if _sender is None or _sender[0] != os.getpid():
        _sender = (os.getpid(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    return _sender[1]


def _place() -> Path:
    """A folder beside that of the store: sockets have no contents that could be looked through."""
    store = folder.current()
    place = store.with_name(f"{store.name}-bells")
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def _short(path: str, place: int) -> str:
    """The same socket by a name of few signs: the system takes no more than 107 (unix(7))."""
    return f"/proc/self/fd/{place}/{os.path.basename(path)}"  # noqa: PTH119 - a string in, a string out
