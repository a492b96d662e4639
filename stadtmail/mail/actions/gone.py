"""Bytes of blobs follow their rows: unlinked after the commit that took the row, and found again after a crash.

Their keys went before them, so this is hygiene; still nobody calls an erasure done before it has happened.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from stadtmail.kit import clock, store
from stadtmail.mail.leaving import Transit
from stadtmail.mail.models import BlobGone, Import, Message
from stadtmail.vault import blobs

LOST_AFTER = timedelta(hours=1)
BATCH = 400


def note(rows: "QuerySet[Message]") -> None:
    """Remember the blobs of messages that are about to go. Call inside `store.writing()`."""
    named = rows.exclude(blob=None).values_list("blob", "pair_id").iterator(chunk_size=BATCH)
    waiting = [BlobGone(blob=blob, unit=pair) for blob, pair in named if blob is not None]
    BlobGone.objects.bulk_create(waiting, batch_size=BATCH, ignore_conflicts=True)


def note_transits(ids: Sequence[UUID]) -> None:
    """The same for messages in transit, by their units. Call inside `store.writing()`."""
    named = Transit.objects.filter(unit__in=ids).exclude(blob=None).values_list("blob", "unit")
    waiting = [BlobGone(blob=blob, unit=unit) for blob, unit in named if blob is not None]
    BlobGone.objects.bulk_create(waiting, batch_size=BATCH, ignore_conflicts=True)


def unlink(units: Sequence[UUID] | None = None) -> int:
    """Unlink what waits (of these units, or all) and forget it. Idempotent; returns how many."""
    count = 0
    rows = BlobGone.objects.all() if units is None else BlobGone.objects.filter(unit__in=units)
    while part := list(rows.values_list("blob", flat=True)[:BATCH]):
        blobs.delete(part)
        with store.writing():
            BlobGone.objects.filter(blob__in=part).delete()
        count += len(part)
    return count


def left(units: Sequence[UUID]) -> int:
    """Blobs of these units whose bytes still wait."""
    return BlobGone.objects.filter(unit__in=units).count()


def remove_lost(now: datetime) -> int:
    """Remove blobs that a crash left before any row named them; their keys were never written. Returns how many."""
    before = (now - clock.offset() - LOST_AFTER).timestamp()  # files carry the machine's time, also where the clock was moved
    old = [blob for blob in blobs.every() if (at := blobs.age(blob)) is not None and at < before]
    lost: list[UUID] = []
    for at in range(0, len(old), BATCH):
        part = old[at : at + BATCH]
        known = set(Message.objects.filter(blob__in=part).values_list("blob", flat=True))
        known |= set(Transit.objects.filter(blob__in=part).values_list("blob", flat=True))
        known |= set(Import.objects.filter(blob__in=part).values_list("blob", flat=True))
        lost += [blob for blob in part if blob not in known]
    blobs.delete(lost)
    return len(lost)
