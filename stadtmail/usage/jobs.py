"""Recurring work of the room: at least every quarter of a minute, so that lost connections are gone well before their limit."""

from datetime import datetime

from stadtmail.usage import limits, volatile


def sweep(now: datetime) -> int:
    """Remove everything in RAM that has ended: lost connections, sessions, counts, used challenges. Returns how many."""
    limits.prune(now)
    return volatile.sweep(now)
