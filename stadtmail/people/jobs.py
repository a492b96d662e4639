"""What people does by itself: ends take effect, and what a crash left over is mended. Idempotent; before every sweep."""

from datetime import datetime

from stadtmail.people.actions import ends, voluntary


def recover(now: datetime) -> int:
    """At a start, after privacy.recovery.replay: end again what a restore made active. Returns how many contracts."""
    return ends.recover(now)


def run(now: datetime) -> int:
    """One round. Returns how many contracts ended."""
    ended = ends.take_due_effects(now)
    ends.mend(now)
    voluntary.mend(now)
    return ended
