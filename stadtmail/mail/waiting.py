"""What the operator sees of the queue: counts by city, state, reason and way. No address, no domain of a recipient, no person (C-4.2)."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Sum

from stadtmail.mail.leaving import Leg, Stopped, Transit
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant


@dataclass(frozen=True)
class Row:
    """So many destinations of messages wait in this state, for this reason; `way`: how they were last tried ("" never)."""

    city: str
    state: str
    reason: str
    way: str
    count: int
    next_at: datetime | None


def rows(tenant: Tenant | None = None) -> list[Row]:
    """The queue, counted."""
    legs = Leg.objects.exclude(transit__unit__state=ERASING)
    legs = legs if tenant is None else legs.filter(transit__tenant=tenant)
    grouped = legs.values_list("transit__tenant__slug", "state", "reason", "way").annotate(Count("id"), Min("next_at"))
    return [Row(*row) for row in grouped.order_by("transit__tenant__slug", "state", "reason", "way")]


def size(tenant: Tenant | None = None) -> tuple[int, int]:
    """(messages, bytes) in transit."""
    found = Transit.objects.exclude(unit__state=ERASING).filter(legs__isnull=False)
    found = found if tenant is None else found.filter(tenant=tenant)
    sums = Transit.objects.filter(unit__in=found.values("unit")).aggregate(Count("unit"), Sum("size_bytes"))
    return int(sums["unit__count"] or 0), int(sums["size_bytes__sum"] or 0)


def is_stopped(tenant: Tenant) -> bool:
    """Has the operator stopped this city?"""
    return Stopped.objects.filter(tenant=tenant).exists()
