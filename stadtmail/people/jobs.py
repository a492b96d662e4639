"""What people does by itself: ends take effect, and what a crash left over is mended. Idempotent; before every sweep."""

from datetime import datetime

from stadtmail.people.actions import ends, voluntary


def run(now: datetime) -> int:
    """One round. Returns how many contracts ended."""
    ended = ends.take_due_effects(now)
    ends.mend(now)
    voluntary.mend(now)
    return ended
