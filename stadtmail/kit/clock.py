"""The one clock. Times are aware UTC datetimes; below the doors `now` is a parameter and nobody calls this.

On demo and test instances the clock can be moved forward (`stadtmail clock advance`): the offset lies in a small file of
the data folder that every process maps, so that all see the same moment. Production instances ignore the file.
"""

import os
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stadtmail.kit import config, instance

_OFFSET = struct.Struct("<d")


def now() -> datetime:
    """The present moment, UTC, aware."""
    return datetime.now(UTC) + offset()


def offset() -> timedelta:
    """How far this instance's clock has been moved (zero on production instances)."""
    try:
        if not instance.current().is_test:
            return timedelta(0)
        with open(_path(), "rb") as file:
            return timedelta(seconds=_OFFSET.unpack(file.read(_OFFSET.size))[0])
    except (FileNotFoundError, struct.error):
        return timedelta(0)


def move_to(moment: datetime) -> None:
    """Move the clock forward to `moment`. Raises ValueError on a production instance or for a moment that has passed."""
    if not instance.current().is_test:
        raise ValueError("the clock of a production instance cannot be moved")
    if moment < now():
        raise ValueError("the clock moves forward only")
    seconds = (moment - datetime.now(UTC)).total_seconds()
    temporary = _path().with_suffix(f".{os.getpid()}")
    temporary.write_bytes(_OFFSET.pack(seconds))
    os.replace(temporary, _path())


def monotonic() -> float:
    """Seconds of the machine's monotonic clock: what the wall clock is checked against."""
    return time.monotonic()


def _path() -> Path:
    return config.load().data / "clock"
