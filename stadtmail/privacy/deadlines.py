"""Deadlines: what the city's rule makes of the events that have happened. Recomputed whenever an event changes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from stadtmail.privacy import policy
from stadtmail.privacy.models import ERASING, Event, Unit
from stadtmail.tenants.models import Tenant


def recompute(rows: Sequence[Unit]) -> None:
    """Set keep_until and due_at of these units from their anchors' events. Call inside `store.writing()`."""
    anchors = {(row.tenant_id, row.anchor) for row in rows}
    happened = events_of([anchor for _, anchor in anchors])
    policies: dict[UUID, policy.Policy] = {}
    changed = []
    for row in rows:
        if row.state == ERASING:
            continue
        current = policies.setdefault(row.tenant_id, policy.current(row.tenant))
        rule = current.rules.get(row.category)
        events = happened.get((row.tenant_id, row.anchor), {})
        due = rule.due(events, current.tz) if rule else None
        kept = rule.kept_until(events, current.tz) if rule else None
        if (due, kept) != (row.due_at, row.keep_until):
            row.due_at, row.keep_until, row.policy = due, kept, current.version
            changed.append(row)
    Unit.objects.bulk_update(changed, ["due_at", "keep_until", "policy"], batch_size=100)


def events_of(anchors: Sequence[UUID]) -> dict[tuple[UUID, UUID], dict[str, datetime]]:
    """(city, anchor) -> name -> when, of the events that stand. Of several of one name the last recorded counts."""
    found: dict[tuple[UUID, UUID], dict[str, datetime]] = {}
    for at in range(0, len(anchors), 400):
        rows = Event.objects.filter(anchor__in=anchors[at : at + 400], revoked_at=None)
        for tenant, anchor, name, moment in rows.values_list("tenant_id", "anchor", "name", "at"):
            found.setdefault((tenant, anchor), {})[name] = moment
    return found


def next_due(tenant: Tenant | None, *, after: datetime) -> datetime | None:
    """The next moment at which something falls due: where `clock advance` stops."""
    rows = Unit.objects.filter(due_at__gt=after).exclude(state=ERASING)
    if tenant is not None:
        rows = rows.filter(tenant=tenant)
    return rows.order_by("due_at").values_list("due_at", flat=True).first()
