"""The one clock. Times are aware UTC datetimes; below the doors `now` is a parameter and nobody calls this.

On demo and test instances the clock can be moved forward (`stadtmail clock advance`): the offset lies in a small file of
the data folder that every process maps, so that all see the same moment. Production instances ignore the file.
"""

import mmap
import os
import struct
import time
from datetime import UTC, datetime, timedelta
from functools import cache

from stadtmail.kit import config, instance

_OFFSET = struct.Struct("<d")


def now() -> datetime:
    """The present moment, UTC, aware."""
    return datetime.now(UTC) + offset()


def offset() -> timedelta:
    """How far this instance's clock has been moved (zero on production instances)."""
    try:
        here = instance.current()
    except FileNotFoundError:  # no instance yet
        return timedelta(0)
    return timedelta(seconds=_OFFSET.unpack_from(_shared(here))[0]) if here.is_test else timedelta(0)


def move_to(moment: datetime) -> None:
    """Move the clock forward to `moment`. Raises ValueError on a production instance or for a moment that has passed."""
    if not instance.current().is_test:
        raise ValueError("the clock of a production instance cannot be moved")
    if moment < now():
        raise ValueError("the clock moves forward only")
    _OFFSET.pack_into(_shared(instance.current()), 0, (moment - datetime.now(UTC)).total_seconds())


def monotonic() -> float:
    """Seconds of a clock that nobody can set, and that goes on while the machine is suspended: what the wall clock is checked against."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@cache
def _shared(here: instance.Instance) -> mmap.mmap:  # noqa: ARG001 - one mapping for each instance that this process becomes
    fd = os.open(config.load().data / "clock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if os.fstat(fd).st_size < _OFFSET.size:
            os.ftruncate(fd, _OFFSET.size)
        return mmap.mmap(fd, _OFFSET.size)
    finally:
        os.close(fd)
