"""The lock of the data folder. Exclusive: somebody starts up. Shared: somebody works on a folder that has been started up.

Whoever gets it exclusively is alone and has to start up (start.py); whoever finds it shared joins a running instance. So
`serve`, a role on its own and a short command all use one rule, and no two of them migrate or replay at once.
"""

import fcntl
import os
import time
from pathlib import Path

from stadtmail.kit import config, errors

WAIT_SECONDS = 60.0


class InUse(errors.Conflict):
    """Another process works on the data folder."""


class Lock:
    """The held lock; it ends with the process, or with `release`."""

    def __init__(self, fd: int, *, alone: bool) -> None:
        self._fd = fd
        self.alone = alone

    def share(self) -> None:
        """Start-up is done: others may join."""
        fcntl.flock(self._fd, fcntl.LOCK_SH)
        self.alone = False

    def release(self) -> None:
        """Let go."""
        os.close(self._fd)


def take_alone() -> Lock:
    """Exclusively, for `serve` and for commands that need the instance stopped. Raises InUse."""
    fd = _open()
    if _try(fd, fcntl.LOCK_EX):
        return Lock(fd, alone=True)
    os.close(fd)
    raise InUse(f"another process works on {config.load().data}: stop it first (a running `stadtmail serve`, or a command)")


def join() -> Lock:
    """Exclusively if nobody is there, else shared; waits while somebody else starts up. Raises InUse."""
    fd, until = _open(), time.monotonic() + WAIT_SECONDS
    while True:
        if _try(fd, fcntl.LOCK_EX):
            return Lock(fd, alone=True)
        if _try(fd, fcntl.LOCK_SH):
            return Lock(fd, alone=False)
        if time.monotonic() > until:
            os.close(fd)
            raise InUse(f"another process has been starting up on {config.load().data} for a minute")
        time.sleep(0.1)


def _open() -> int:
    return os.open(_path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try(fd: int, how: int) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _path() -> Path:
    return config.load().data / "lock"
