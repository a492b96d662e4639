"""Events start, move and stop clocks. They are recorded in the transaction of what caused them.

`contract_end` also locks: every holding of the anchor is told to restrict (the mailbox closes, credentials stop working);
a revoked end is told to release. A correction keeps both values until the anchor's last unit is gone (C-4.1).
"""

from datetime import datetime
from uuid import UUID

from stadtmail.kit import store
from stadtmail.privacy import deadlines, holdings
from stadtmail.privacy.models import ERASING, LIVE, RESTRICTED, Event, Unit
from stadtmail.tenants.models import Tenant

LOCKING = frozenset({"contract_end"})


def record(
    *, tenant: Tenant, anchor_kind: str, anchor: UUID, name: str, at: datetime, now: datetime, known_at: datetime | None = None
) -> None:
    """Record that something happened, revoke an earlier event of the same name, recompute. Call inside `store.writing()`.

    `known_at` is when we could first know it (default: now): for an end that was scheduled its own moment, so that a machine
    that slept over it is late; for a correction backwards the moment of the correction.
    """
    rows = _rows(tenant, anchor)
    Event.objects.filter(tenant=tenant, anchor=anchor, name=name, revoked_at=None).update(revoked_at=now)
    Event.objects.create(
        tenant=tenant, anchor_kind=anchor_kind, anchor=anchor, name=name, at=at, recorded_at=known_at or now
    )
    deadlines.recompute(rows)
    if name in LOCKING:
        _lock(rows)


def revoke(*, tenant: Tenant, anchor: UUID, name: str, now: datetime) -> bool:
    """The event does not stand any more. Returns whether there was one. Call inside `store.writing()`."""
    rows = _rows(tenant, anchor)
    if not Event.objects.filter(tenant=tenant, anchor=anchor, name=name, revoked_at=None).update(revoked_at=now):
        return False
    deadlines.recompute(rows)
    if name in LOCKING:
        _unlock(rows)
    return True


def happened(tenant: Tenant, anchor: UUID, name: str) -> datetime | None:
    """When the event happened, if it stands."""
    return Event.objects.filter(tenant=tenant, anchor=anchor, name=name, revoked_at=None).values_list("at", flat=True).first()


def _rows(tenant: Tenant, anchor: UUID) -> list[Unit]:
    rows = Unit.objects.filter(tenant=tenant, anchor=anchor).exclude(state=ERASING).select_related("tenant")
    return list(store.locked(rows))  # the claim of an erasure locks the same rows: one of the two comes first


def _lock(rows: list[Unit]) -> None:
    Unit.objects.filter(id__in=[row.id for row in rows], state=LIVE).update(state=RESTRICTED)
    for category in {row.category for row in rows}:
        ids = [row.id for row in rows if row.category == category]
        for holding in holdings.of_category(category):
            if holding.restrict:
                holding.restrict(ids)


def _unlock(rows: list[Unit]) -> None:
    Unit.objects.filter(id__in=[row.id for row in rows], state=RESTRICTED).update(state=LIVE)
    for category in {row.category for row in rows}:
        ids = [row.id for row in rows if row.category == category]
        for holding in holdings.of_category(category):
            if holding.release:
                holding.release(ids)
