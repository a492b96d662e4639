"""The memory of filters: who was told that somebody is away, which message was there, what was passed on. Keyed hashes, bounded.

A day stands beside each in clear, so that it is forgotten without being opened; the exact moment is sealed.
"""

from datetime import UTC, datetime, timedelta

from stadtmail.kit import store
from stadtmail.mail import filtering
from stadtmail.mail.models import DeliveryKey, Remembered
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit

MOST = 10_000  # of one mailbox: the ones that end first make room


def remember(key: DeliveryKey, kind: str, value: str, *, seconds: int, now: datetime) -> None:
    """Remember something for so long. Raises units.Gone."""
    own, until = filtering.mark(key, kind, value), now + timedelta(seconds=seconds)
    sealed = units.seal(key.unit, f"ends {own.hex()}", until.isoformat())
    day = until.astimezone(UTC).date() + timedelta(days=1)
    with store.writing():
        if store.locked(Unit.objects.filter(id=key.unit_id).exclude(state=ERASING)).first() is None:
            raise units.Gone
        Remembered.objects.update_or_create(delivery=key, mark=own, defaults={"ends": sealed, "until": day})
        surplus = Remembered.objects.filter(delivery=key).count() - MOST
        if surplus > 0:
            oldest = Remembered.objects.filter(delivery=key).order_by("until", "id").values_list("id", flat=True)[:surplus]
            Remembered.objects.filter(id__in=list(oldest))._raw_delete("default")


def forget_due(now: datetime) -> int:
    """Forget what has run out. Returns how many."""
    with store.writing():
        return Remembered.objects.filter(until__lte=now.astimezone(UTC).date())._raw_delete("default")
