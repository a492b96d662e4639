"""What people does by itself: ends take effect, and what a crash left over is mended. Idempotent; before every sweep."""

from collections.abc import Callable
from datetime import datetime

from stadtmail.people.actions import ends, resets, voluntary
from stadtmail.people.models import Contract


def recover(now: datetime) -> int:
    """At a start, after privacy.recovery.replay: end again what a restore made active. Returns how many contracts."""
    return ends.recover(now)


def run(now: datetime, *, ended: Callable[[Contract], object] = lambda _: None) -> int:
    """One round. Returns how many contracts ended; `ended` is told each, to cut what its person still has open."""
    count = ends.take_due_effects(now, ended=ended)
    ends.mend(now)
    voluntary.mend(now)
    return count


def expire_resets(now: datetime) -> int:
    """Letters with which a password could be set, and whose time is over, are erased. Returns how many."""
    return resets.expire(now)
