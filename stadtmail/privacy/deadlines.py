"""Deadlines: what the city's rule makes of the events that have happened. Recomputed whenever an event or the policy changes.

A new policy may shorten what is stored already; it lengthens only what was taken in under its own notice (privacy.md 5.2):
of the rule of then and the rule of now the earlier date counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from stadtmail.kit import store
from stadtmail.privacy import holds, periods, policy
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
        kept, due, known = _dates(row, events, rules)
        dates = kept, due, _since(row, due, known)
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
    """(kept until, due, since when that date could be known) by what has happened: the earliest date counts, however it came about."""
    if SUPERSEDED in events:
        return None, events[SUPERSEDED].at, events[SUPERSEDED].recorded_at
    now, then = rules.of(row)
    rule = now.rules.get(row.category)
    kept = rule.kept_until({name: event.at for name, event in events.items()}, now.tz) if rule else None
    clocks = list(_clocks(row.category, now, events, since=None if then is now else rules.since(row)))
    if then is not now:
        clocks += _clocks(row.category, then, events, since=None)
    due, known = min(clocks, default=(None, None))
    return kept, due, known


def _clocks(
    category: str, rules: policy.Policy, events: Mapping[str, Event], since: datetime | None
) -> Iterator[tuple[datetime, datetime]]:
    """(due, known) of each start of the category's rule that has happened; `since`: when the rule itself was published."""
    for start in rules.rules[category].starts if category in rules.rules else ():
        if (event := events.get(start.event)) is not None:
            yield periods.due(event.at, start.gone_by, rules.tz), max(event.recorded_at, since or event.recorded_at)


def _since(row: Unit, due: datetime | None, known: datetime | None) -> datetime | None:
    """Since when `due` binds. Whoever is late with the old date does not become punctual by another one that is put in later."""
    if row.due_at is None or due is None or known is None:
        return known
    before = row.known_at or row.due_at
    return min(known, before if due >= row.due_at else max(row.due_at, before))


def _drop_holds(tenant: Tenant, rows: Sequence[Unit]) -> None:
    allowed = policy.current(tenant).holds
    items = HoldItem.objects.filter(unit__in=[row.id for row in rows], hold__released_at=None).select_related("hold", "unit")
    barred = [item for item in items if item.hold.type not in allowed.get(item.unit.category, frozenset())]
    HoldItem.objects.filter(id__in=[item.pk for item in barred]).delete()
    holds.drop_empty([item.hold_id for item in barred])
