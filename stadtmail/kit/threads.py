"""Threads that ask databases: their connections are looked after while they work, and closed by themselves at the end."""

import time
from collections.abc import Callable
from threading import Barrier, local
from typing import TypeVar

from django.db import close_old_connections, connections

from stadtmail.kit.errors import StadtmailError

T = TypeVar("T")
KEEP_SECONDS = 5.0  # a thread's database connections are looked after this often
END_SECONDS = 5.0
_looked_after = local()


def with_care(work: Callable[[], T]) -> T:
    """Run with database connections that are neither broken nor too old."""
    if time.monotonic() - getattr(_looked_after, "at", 0.0) > KEEP_SECONDS:
        close_old_connections()
        _looked_after.at = time.monotonic()
    try:
        return work()
    except StadtmailError:
        raise
    except BaseException:
        close_old_connections()
        raise


def closers(count: int) -> list[Callable[[], None]]:
    """For a pool of so many threads: work that each of them does once, so that each closes its own connections."""
    together = Barrier(count, timeout=END_SECONDS)

    def close() -> None:
        together.wait()
        connections.close_all()

    return [close] * count
