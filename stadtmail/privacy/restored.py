"""After a restore of `default`: what the log tells of holds, and the rows do not know any more.

The leaf of a hold carries the hold's id inside the evidence store (never in the public log), and the leaf of its release one that
follows from it. So a hold that was placed since the backup is missed, and one that was released since does not stand again.
"""

from collections import Counter
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from stadtmail.kit import store
from stadtmail.privacy import generation, holds
from stadtmail.privacy.evidence import leaves, log
from stadtmail.privacy.models import Hold, Leaf, Outbox
from stadtmail.tenants.queries import cities


def lost_holds() -> Counter[str]:
    """Type of hold -> how many stand in the log and are missing in the rows."""
    placed, released = _told()
    there = set(Hold.objects.values_list("id", flat=True))
    return Counter(kind for hold, kind in placed.items() if hold not in there and holds.release_mark(hold) not in released)


def release_again(now: datetime) -> int:
    """Holds that had been released since the backup are released. Returns how many."""
    _, released = _told()
    back = [row for row in Hold.objects.filter(released_at=None).select_related("tenant") if holds.release_mark(row.id) in released]
    for row in back:
        with suppress(holds.NoSuchHold):
            holds.release(row.id, tenant=row.tenant, now=now)
    return len(back)


def confess(count: int, now: datetime) -> None:
    """Write the restore into each city's log, once: how many units were erased again."""
    found = {"type": "restored", "count": count, "at": leaves.minute(now)}
    for tenant in cities():
        mark = generation.mark(tenant.id)
        with store.writing():
            if log.leaf_of(mark) is None and not Outbox.objects.filter(id=mark).exists():
                log.note(tenant, found, now=now, outbox=mark)
    log.move(now)


def _told() -> tuple[dict[UUID, str], set[UUID]]:
    """(hold -> its type, marks of releases), from the log of all cities."""
    placed, released = {}, set()
    for outbox, data in Leaf.objects.values_list("outbox", "data").iterator(chunk_size=5_000):
        if b'"type":"hold_' in bytes(data):
            leaf = leaves.read(bytes(data))
            if leaf["type"] == "hold_placed":
                placed[outbox] = str(leaf["hold"])
            else:
                released.add(outbox)
    return placed, released
