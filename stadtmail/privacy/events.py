"""Events start, move and stop clocks. They are recorded in the transaction of what caused them.

`contract_end` also locks: every holding of the anchor is told to restrict (the mailbox closes, credentials stop working);
a revoked end is told to release. A correction keeps both values until the anchor's last unit is gone (C-4.1).
"""

from datetime import datetime
from uuid import UUID

from stadtmail.privacy import deadlines, holdings
from stadtmail.privacy.models import ERASING, LIVE, RESTRICTED, Event, Unit
from stadtmail.tenants.models import Tenant

LOCKING = frozenset({"contract_end"})


def record(*, tenant: Tenant, anchor_kind: str, anchor: UUID, name: str, at: datetime, now: datetime) -> None:
    """Record that something happened, revoke an earlier event of the same name, recompute. Call inside `store.writing()`."""
    Event.objects.filter(tenant=tenant, anchor=anchor, name=name, revoked_at=None).update(revoked_at=now)
    Event.objects.create(tenant=tenant, anchor_kind=anchor_kind, anchor=anchor, name=name, at=at, recorded_at=now)
    rows = _rows(tenant, anchor)
    deadlines.recompute(rows)
    if name in LOCKING:
        _lock(rows)


def revoke(*, tenant: Tenant, anchor: UUID, name: str, now: datetime) -> bool:
    """The event does not stand any more. Returns whether there was one. Call inside `store.writing()`."""
    if not Event.objects.filter(tenant=tenant, anchor=anchor, name=name, revoked_at=None).update(revoked_at=now):
        return False
    rows = _rows(tenant, anchor)
    deadlines.recompute(rows)
    if name in LOCKING:
        _unlock(rows)
    return True


def happened(tenant: Tenant, anchor: UUID, name: str) -> datetime | None:
    """When the event happened, if it stands."""
    return Event.objects.filter(tenant=tenant, anchor=anchor, name=name, revoked_at=None).values_list("at", flat=True).first()


def _rows(tenant: Tenant, anchor: UUID) -> list[Unit]:
    return list(Unit.objects.filter(tenant=tenant, anchor=anchor).exclude(state=ERASING).select_related("tenant"))


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
