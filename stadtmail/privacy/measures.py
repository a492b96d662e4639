"""What the room privacy measures itself. The rooms above register theirs in a proofs.py of their own.

A measure looks at what is stored and never asks the code that it measures for its opinion.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Q

from stadtmail.kit import config, store
from stadtmail.kit import log as lines
from stadtmail.privacy import holdings, holds, logscan, policy, witness
from stadtmail.privacy.evidence import leaves, log
from stadtmail.privacy.models import ERASING, Head, Hold, Leaf, LedgerEntry, Outbox, Unit
from stadtmail.privacy.notice import kept
from stadtmail.privacy.policy.lint import destinations
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants.models import Tenant
from stadtmail.tenants.queries import cities

STUCK = timedelta(minutes=15)  # an erasure that was begun longer ago has not been finished
BY_DATE = ("due", "released")  # causes of erasures that a date sets going; the others are somebody's decision
REVIEW_DAYS = 366  # C-6.5: P12M
_published = UUID("5f3c1e0a-0d54-4a6e-9a53-6f1b8f9a7c02")


def started(now: datetime) -> None:
    """Note in every city's log what this start found (C-1.1): the schema's digest, its coverage, the published policy.

    A notice that this program words differently from the one before is kept beside it.
    """
    declared, columns = holdings.coverage()
    found = {"type": "start", "digest": holdings.schema_digest(), "declared": declared, "columns": columns, "at": leaves.minute(now)}
    for tenant in cities():
        kept.keep(tenant, policy.current(tenant), now=now)
    with store.writing():
        for tenant in cities():
            log.note(tenant, found, now=now)
            for row in policy.versions(tenant):
                mark = uuid5(_published, f"{tenant.id}/{row.version}/{row.digest}")
                if log.leaf_of(mark) is None and not Outbox.objects.filter(id=mark).exists():
                    fields = {"type": "policy_published", "policy": row.version, "digest": row.digest, "at": leaves.minute(row.since)}
                    log.note(tenant, fields, now=now, outbox=mark)
    log.move(now)


def own() -> tuple[Measure, ...]:
    """All measures of this room."""
    return (
        Measure("C-1.1", "inventory_coverage_percent", _coverage),
        Measure("C-1.1", "inventory_problems", _problems),
        Measure("C-1.2", "unlisted_destinations", _destinations),
        Measure("C-1.2", "processing_contract_days", _contract),
        Measure("C-4.1", "overdue_units", _overdue),
        Measure("C-4.1", "late_units", _late),
        Measure("C-4.1", "unfinished_erasures", _unfinished),
        Measure("C-4.1", "witnesses", _witness),
        Measure("C-4.1", "holds_past_review", _unreviewed),
        Measure("C-4.2", "log_scan_hits", _logs),
        *(Measure(clause, "days_since_review", _review) for clause in ("C-6.3", "C-6.4", "C-6.5")),
    )


def declare() -> None:
    """Register them. Called once at start."""
    register(*own())


def _coverage(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    declared, columns = holdings.coverage()
    return Measured(100 * declared // columns, declared == columns)


def _problems(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    found = len(holdings.check(policy.current(tenant).categories))
    return Measured(found, found == 0)


def _destinations(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    found = len(destinations(policy.current(tenant), config.load()))
    return Measured(found, found == 0)


def _contract(tenant: Tenant, now: datetime) -> Measured:
    rules = policy.current(tenant)
    today = now.astimezone(rules.tz).date()
    operator = rules.parties.operator
    ends = min([operator.contract.ends, *(sub.contract.ends for sub in operator.sub_processors)])
    return Measured(max(0, (ends - today).days), ends >= today >= operator.contract.signed)


def overdue(tenant: Tenant, now: datetime) -> int:
    """Units that should be gone and are neither held nor being erased. A date that was moved into the past counts from then."""
    found = 0
    for category, rule in policy.current(tenant).rules.items():
        limit = now - rule.lateness
        binds = Q(known_at=None) | Q(known_at__lte=limit)
        late = Unit.objects.filter(binds, tenant=tenant, category=category, due_at__lte=limit).exclude(state=ERASING)
        ids = list(late.values_list("id", flat=True))
        waits = {unit for unit, ended in holds.freed(ids, now=now).items() if ended > limit}  # its hold ended only now
        found += len(set(ids) - waits - set(holds.standing(ids, now=now)))
    return found


def _overdue(tenant: Tenant, now: datetime) -> Measured:
    found = overdue(tenant, now)
    return Measured(found, found == 0)


def _late(tenant: Tenant, now: datetime) -> Measured | None:
    """Of real units that fell due and were erased in the last day, how many too late by the leaf or by its dates; None where none was."""
    found = [leaf for leaf in _erasures(tenant, now - timedelta(days=1)) if leaf["cause"] in BY_DATE and not leaf.get("synthetic")]
    rules = policy.current(tenant).rules
    late = sum(int(leaf["count"]) if _is_late(leaf, rules) else int(leaf["late"]) for leaf in found)
    return Measured(late, late == 0) if found else None


def _is_late(leaf: Mapping[str, Any], rules: Mapping[str, policy.Rule]) -> bool:
    rule = rules.get(leaf["category"])
    if rule is None or "due" not in leaf:
        return False
    return leaves.moment(leaf["done"]) > leaves.moment(max(leaf["due"], leaf.get("known", ""))) + rule.lateness


def _erasures(tenant: Tenant, since: datetime) -> Iterator[dict[str, Any]]:
    """Leaves of erasures done since that moment: those that no older head covers."""
    heads = Head.objects.filter(tenant=tenant.id)
    first = heads.filter(signed_at__gte=since - timedelta(minutes=1)).order_by("size").first()
    if first is None:
        return
    older = heads.filter(size__lt=first.size).order_by("-size").values_list("size", flat=True).first() or 0
    for data in Leaf.objects.filter(tenant=tenant.id, index__gte=older).values_list("data", flat=True).iterator(chunk_size=1_000):
        leaf: dict[str, Any] = leaves.read(bytes(data))
        if leaf["type"] == "erasure" and leaves.moment(leaf["done"]) >= since:
            yield leaf


def _unfinished(tenant: Tenant, now: datetime) -> Measured:
    found = LedgerEntry.objects.filter(tenant=tenant.id, done_at=None, intent_at__lt=now - STUCK).count()
    return Measured(found, found == 0)


def _unreviewed(tenant: Tenant, now: datetime) -> Measured:
    """Holds that nobody has looked at again when their policy wanted it. They stand all the same: a reminder, and no breach."""
    found = Hold.objects.filter(tenant=tenant, review_at__lte=now, released_at=None).exclude(ends_at__lte=now).count()
    if found:
        lines.event("holds_unreviewed", role="prove", count=found)
    return Measured(found, kept=True)


def _witness(tenant: Tenant, now: datetime) -> Measured:
    """1: a witness has everything. 0: there is none (nothing is broken, and the figure says so), or it is behind."""
    if witness.place() is None:
        return Measured(0, kept=True)
    witness.copy(now)
    whole = witness.lag(tenant) == 0
    return Measured(int(whole), whole)


def _logs(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    found = sum(logscan.scan(config.load().data).values())
    return Measured(found, found == 0)


def _review(tenant: Tenant, now: datetime) -> Measured:
    rules = policy.current(tenant)
    today = now.astimezone(rules.tz).date()
    oldest = min((authority.reviewed for authority in rules.parties.authorities), default=None)
    days = (today - oldest).days if oldest else leaves.MOST - 1
    return Measured(max(0, days), 0 <= days <= REVIEW_DAYS)
