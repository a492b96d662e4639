"""Deadlines: what the city's rule makes of the events that have happened. Recomputed whenever an event or the policy changes.

A new policy may shorten what is stored already; it lengthens only what was taken in under its own notice (privacy.md 5.2):
of the rule of then and the rule of now the earlier date counts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from stadtmail.kit import store
from stadtmail.privacy import holds, policy
from stadtmail.privacy.models import ERASING, SUPERSEDED, Event, HoldItem, Unit
from stadtmail.privacy.periods import EXACT
from stadtmail.tenants.models import Tenant

PART = 400


class Rules:
    """Rules of the cities, by version, read once for a whole recomputation."""

    def __init__(self) -> None:
        self._now: dict[UUID, policy.Policy] = {}
        self._then: dict[tuple[UUID, int], policy.Policy] = {}

    def of(self, unit: Unit) -> tuple[policy.Policy, policy.Policy]:
        """The policy of now, and the one under which the unit was taken in."""
        now = self._now.get(unit.tenant_id)
        if now is None:
            now = self._now[unit.tenant_id] = policy.current(unit.tenant)
        then = now if unit.policy == now.version else self._then.get((unit.tenant_id, unit.policy))
        if then is None:
            then = self._then[unit.tenant_id, unit.policy] = policy.version(unit.tenant, unit.policy)
        return now, then

    def since(self, unit: Unit) -> datetime:
        """When the policy of now was published: before that nobody could know what it shortens."""
        return policy.versions(unit.tenant)[0].since


def recompute(rows: Sequence[Unit]) -> None:
    """Set keep_until, due_at and known_at of these units from their anchors' events. Call inside `store.writing()`."""
    happened = events_of(list(dict.fromkeys(row.anchor for row in rows)))
    rules, changed = Rules(), []
    for row in rows:
        if row.state == ERASING:
            continue
        events = happened.get((row.tenant_id, row.anchor), {})
        dates = _dates(row, events, rules)
        if dates != (row.keep_until, row.due_at, row.known_at):
            row.keep_until, row.due_at, row.known_at = dates
            changed.append(row)
    Unit.objects.bulk_update(changed, ["keep_until", "due_at", "known_at"], batch_size=100)


def began(row: Unit, due: datetime, rules: Rules) -> tuple[str, datetime] | None:
    """What started the clock of a unit that was due then, and when: only where its rule leaves no doubt (one start, exact)."""
    found = [known.rules[row.category].starts for known in rules.of(row) if row.category in known.rules]
    events = {start.event for starts in found for start in starts}
    if len(events) != 1 or any(start.gone_by.kind != EXACT for starts in found for start in starts):
        return None
    periods = [start.gone_by.period for starts in found for start in starts]
    return events.pop(), max(due - timedelta(days=one.days, seconds=one.seconds) for one in periods)


def follow(tenant: Tenant) -> int:
    """After a new policy: recompute every clock of the city, drop holds that it does not allow. Idempotent; returns units.

    Also those that stand still: the new rule may start them by something that has happened already.
    """
    count, last = 0, UUID(int=0)
    while True:
        with store.writing():
            rows = Unit.objects.filter(tenant=tenant, id__gt=last).exclude(state=ERASING)
            part = list(store.locked(rows.select_related("tenant").order_by("id"))[:PART])
            recompute(part)
            _drop_holds(tenant, part)
        if not part:
            return count
        count, last = count + len(part), part[-1].id


def events_of(anchors: Sequence[UUID]) -> dict[tuple[UUID, UUID], dict[str, Event]]:
    """(city, anchor) -> name -> the event that stands. Of several of one name the last recorded counts."""
    found: dict[tuple[UUID, UUID], dict[str, Event]] = {}
    for at in range(0, len(anchors), PART):
        for event in Event.objects.filter(anchor__in=anchors[at : at + PART], revoked_at=None).order_by("recorded_at"):
            found.setdefault((event.tenant_id, event.anchor), {})[event.name] = event
    return found


def next_due(tenant: Tenant | None, *, after: datetime) -> datetime | None:
    """The next moment at which something falls due: where `clock advance` stops."""
    rows = Unit.objects.filter(due_at__gt=after).exclude(state=ERASING)
    if tenant is not None:
        rows = rows.filter(tenant=tenant)
    return rows.order_by("due_at").values_list("due_at", flat=True).first()


def _dates(
    row: Unit, events: Mapping[str, Event], rules: Rules
) -> tuple[datetime | None, datetime | None, datetime | None]:
    if SUPERSEDED in events:
        return None, events[SUPERSEDED].at, events[SUPERSEDED].recorded_at
    now, then = rules.of(row)
    moments = {name: event.at for name, event in events.items()}
    rule = now.rules.get(row.category)
    due = rule.due(moments, now.tz) if rule else None
    kept = rule.kept_until(moments, now.tz) if rule else None
    old = then.rules[row.category].due(moments, then.tz) if then is not now and row.category in then.rules else due
    shortened = due is not None and old is not None and due < old
    due = min((date for date in (due, old) if date is not None), default=None)
    if due is None or rule is None:
        return kept, due, None
    known = [events[start.event].recorded_at for start in rule.starts if start.event in events]
    return kept, due, max([*known, *([rules.since(row)] if shortened else [])], default=None)


def _drop_holds(tenant: Tenant, rows: Sequence[Unit]) -> None:
    allowed = policy.current(tenant).holds
    items = HoldItem.objects.filter(unit__in=[row.id for row in rows], hold__released_at=None).select_related("hold", "unit")
    barred = [item for item in items if item.hold.type not in allowed.get(item.unit.category, frozenset())]
    HoldItem.objects.filter(id__in=[item.pk for item in barred]).delete()
    holds.drop_empty([item.hold_id for item in barred])
