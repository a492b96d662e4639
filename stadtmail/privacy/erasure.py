"""The one path that erases (law 3; house.md 4): claim, intent, keys, copies, rows, read back, done.

Only the claim can be refused. After its commit nobody reads the units, a new hold is too late, and recovery goes forward
only: from the last step that the ledger has, at every start and in every sweep, as often as it takes.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID, uuid4, uuid5

from django.db import connections

from stadtmail.kit import errors, instance, store
from stadtmail.kit import log as lines
from stadtmail.privacy import deadlines, holdings, holds, policy, units
from stadtmail.privacy.evidence import leaves, log, tree
from stadtmail.privacy.models import ERASING, Event, HoldItem, LedgerEntry, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import epochs, keys
from stadtmail.vault.copies import LEASE_SECONDS

BATCH = 500
CLAIM, INTENT, KEYS, COPIES, ROWS, READ_BACK, DONE = range(1, 8)
CAUSES = frozenset({"due", "withdrawn", "refused", "deleted", "orphan"})
_leaf_of = UUID("0d9f3a52-6a0e-4f0e-8d0f-0f4f6a6d0b11")

Step = Callable[[int], None]


class ReadBackFailed(errors.TryLater):
    """Something was still there after it had been erased: loud, counted, repeated by the next sweep."""


@dataclass(frozen=True)
class Withheld:
    """A unit that the claim refused: because of a hold, or because it is not due yet ("early")."""

    unit: UUID
    category: str
    hold: str
    until: datetime | None


@dataclass
class Outcome:
    """What an erasure did."""

    erased: int = 0
    late: int = 0
    withheld: list[Withheld] = field(default_factory=list)
    erasures: list[UUID] = field(default_factory=list)


def erase(ids: Sequence[UUID], *, tenant: Tenant, now: datetime, cause: str, step: Step = lambda number: None) -> Outcome:
    """Erase units of the city. `cause` "due" never erases early; the other causes are a person's own decision.

    Units that do not exist any more are passed over (idempotent). `step(n)` is called after each step, for tests that crash.
    """
    assert cause in CAUSES
    outcome = Outcome()
    for at in range(0, len(ids), BATCH):
        for entry in _claim(ids[at : at + BATCH], tenant, now, cause, outcome):
            step(CLAIM)
            _go_on(entry, now, step)
            outcome.erased += len(entry.units) // 16
            outcome.erasures.append(entry.erasure)
    return outcome


def recover(now: datetime, *, step: Step = lambda number: None) -> int:
    """Bring every begun erasure to its end, forward only. Returns how many."""
    begun = list(LedgerEntry.objects.filter(done_at=None).order_by("intent_at"))
    for entry in begun:
        _go_on(entry, now, step)
    return len(begun) + sum(1 for _ in _claimed_only(now, step))


def replay(now: datetime) -> int:
    """After a start: erase again every row whose unit is in the ledger or whose key is missing (a restore cannot raise the dead)."""
    again = 0
    gone = _in_ledger()
    rows = Unit.objects.exclude(state=ERASING).exclude(key=None).order_by("id").iterator(chunk_size=400)
    dead: list[Unit] = []
    for part in _parts(rows):
        living = keys.exists([row.key for row in part if row.key])
        dead += [row for row in part if row.key not in living or row.id in gone]
    dead += list(Unit.objects.filter(key=None, id__in=gone).exclude(state=ERASING)) if len(gone) < 400 else _keyless(gone)
    for row in dead:
        if row.id in gone:  # erased before the restore: once more, without a second leaf
            keys.destroy([row.key] if row.key else [])
            _purge([row.id], [(row.anchor_kind, row.anchor)], row.category, leaf=None)
        else:  # the key is gone and nobody wrote it down: the row follows, with its leaf
            with store.writing():
                Unit.objects.filter(id=row.id).update(state=ERASING, erasure=uuid4())
        again += 1
    return again + recover(now)


# -- 1 claim ---------------------------------------------------------------------------------------------------------


def _claim(ids: Sequence[UUID], tenant: Tenant, now: datetime, cause: str, outcome: Outcome) -> list[LedgerEntry]:
    rules = policy.current(tenant)
    with store.writing():
        rows = [r for r in store.locked(Unit.objects.filter(tenant=tenant, id__in=ids)).select_related("tenant") if r.state != ERASING]
        deadlines.recompute(rows)
        held = holds.standing([row.id for row in rows], now=now)
        claimed = [row for row in rows if _may_go(row, held, rules, now, cause, outcome)]
        entries = []
        for (category, due), group in groupby(sorted(claimed, key=_group), key=_group):
            entry = _entry(list(group), category, due if due > _NEVER else None, now, cause)
            Unit.objects.filter(id__in=_ids(entry.units)).update(state=ERASING, erasure=entry.erasure)
            entries.append(entry)
    return entries


def _may_go(
    row: Unit, held: dict[UUID, holds.Hold], rules: policy.Policy, now: datetime, cause: str, outcome: Outcome
) -> bool:
    hold = held.get(row.id)
    if hold is not None and _can_hold(rules, row.category, hold.type):
        outcome.withheld.append(Withheld(row.id, row.category, hold.type, hold.ends_at))
        return False
    rule = rules.rules.get(row.category)
    if rule is None or not holdings.of_category(row.category):  # nobody declared how to erase it: refuse, loudly
        lines.event("not_erasable", category=row.category)
        outcome.withheld.append(Withheld(row.id, row.category, "undeclared", None))
        return False
    if _is_early(row, now, cause):
        outcome.withheld.append(Withheld(row.id, row.category, "early", row.due_at))
        return False
    if cause == "due" and row.due_at is not None and now > row.due_at + rule.lateness:
        outcome.late += 1
    return True


def _can_hold(rules: policy.Policy, category: str, hold_type: str) -> bool:
    return hold_type in rules.holds.get(category, frozenset())  # a hold that is not in the matrix cannot block


def _is_early(row: Unit, now: datetime, cause: str) -> bool:
    if row.keep_until is not None and row.keep_until > now:
        return True
    return cause == "due" and (row.due_at is None or row.due_at > now)


_NEVER = datetime.fromisoformat("0001-01-02T00:00:00+00:00")


def _group(row: Unit) -> tuple[str, datetime]:
    return row.category, row.due_at or _NEVER


def _entry(rows: list[Unit], category: str, due: datetime | None, now: datetime, cause: str) -> LedgerEntry:
    marks = units.commitments(rows)
    return LedgerEntry(
        erasure=uuid4(),
        tenant=rows[0].tenant_id,
        category=category,
        rule_due=due,
        units=b"".join(row.id.bytes for row in rows),
        keys=b"".join(row.key.bytes for row in rows if row.key),
        commitments=b"".join(units.commitment(marks[row.id], row.id) for row in rows if row.id in marks),
        cause=cause,
        step=CLAIM,
        intent_at=now,
        test=instance.current().is_test,
    )


# -- 2 to 7, forward only --------------------------------------------------------------------------------------------


def _go_on(entry: LedgerEntry, now: datetime, step: Step) -> None:
    for number, action in ((INTENT, _intend), (KEYS, _destroy), (COPIES, _drop), (ROWS, _erase_rows), (READ_BACK, _read_back)):
        if entry.step < number:
            action(entry, now)
            _reached(entry, number, now)
            step(number)
    entry.done_at = now
    _reached(entry, DONE, now)
    step(DONE)


def _intend(entry: LedgerEntry, now: datetime) -> None:
    """The row itself is the intent: `_reached` writes it, and nothing has been destroyed before."""


def _reached(entry: LedgerEntry, number: int, now: datetime) -> None:
    entry.step = number
    if number == KEYS:
        entry.keys_gone_at = now
    with store.writing("evidence"):
        entry.save()


def _destroy(entry: LedgerEntry, now: datetime) -> None:  # noqa: ARG001
    keys.destroy(_ids(entry.keys))


def _drop(entry: LedgerEntry, now: datetime) -> None:  # noqa: ARG001
    # processes of this machine dropped their copies with the raised generation; those of other machines have a lease
    if connections["keys"].vendor != "sqlite" and entry.keys:
        time.sleep(LEASE_SECONDS)


def _erase_rows(entry: LedgerEntry, now: datetime) -> None:
    rows = Unit.objects.filter(id__in=_ids(entry.units), erasure=entry.erasure)
    anchors = list(rows.values_list("anchor_kind", "anchor").distinct())
    if anchors:  # otherwise this step was committed before the crash, together with its leaf
        _purge(_ids(entry.units), anchors, entry.category, leaf=lambda: _leaf(entry, now))


def _read_back(entry: LedgerEntry, now: datetime) -> None:  # noqa: ARG001
    ids = _ids(entry.units)
    left = len(keys.exists(_ids(entry.keys))) + Unit.objects.filter(id__in=ids).count()
    left += sum(holding.find(ids) for holding in holdings.of_category(entry.category) if holding.find)
    if left:
        lines.event("read_back_failed", category=entry.category, key=entry.erasure, count=left)
        raise ReadBackFailed


def _purge(ids: list[UUID], anchors: Sequence[tuple[str, UUID]], category: str, *, leaf: Callable[[], object] | None) -> None:
    with store.writing():
        for holding in holdings.of_category(category):
            if holding.purge:
                holding.purge(ids)
        for part in _parts(iter(ids)):
            HoldItem.objects.filter(unit__in=part).delete()
            Unit.objects.filter(id__in=part).delete()
        _tidy(anchors)
        if leaf is not None:
            leaf()


def _tidy(anchors: Sequence[tuple[str, UUID]]) -> None:
    """Empty shells go with their last unit: events of the anchor, then the rooms' own (contract, person, mailbox)."""
    left: set[UUID] = set()
    for part in _parts(iter([anchor for _, anchor in anchors])):
        left |= set(Unit.objects.filter(anchor__in=part).values_list("anchor", flat=True))
    empty = [(kind, anchor) for kind, anchor in anchors if anchor not in left]
    for part in _parts(iter([anchor for _, anchor in empty])):
        Event.objects.filter(anchor__in=part).delete()
    for holding in holdings.all_holdings():
        if holding.after and empty:
            holding.after(empty)


def _leaf(entry: LedgerEntry, now: datetime) -> None:
    marks = bytes(entry.commitments)
    hashes = [tree.leaf_hash(marks[at : at + 32]) for at in range(0, len(marks), 32)]
    fields: dict[str, object] = {
        "type": "erasure",
        "category": entry.category,
        "cause": entry.cause,
        "count": len(entry.units) // 16,
        "done": leaves.minute(now),
        "root": tree.root_of(hashes).hex(),
        "readable_in_backups_until": epochs.irrecoverable_at(now).date().isoformat(),
    }
    if entry.rule_due is not None:
        fields["due"] = leaves.minute(entry.rule_due)
    tenant = Tenant.objects.get(id=entry.tenant)
    log.note(tenant, fields, now=now, outbox=uuid5(_leaf_of, str(entry.erasure)), commitments=marks)


# -- after a crash or a restore --------------------------------------------------------------------------------------


def _claimed_only(now: datetime, step: Step) -> Iterator[None]:
    """Claims that were committed and whose intent was not: the keys still live, so the entry can be made again."""
    known = set(LedgerEntry.objects.values_list("erasure", flat=True)) if Unit.objects.filter(state=ERASING).exists() else set()
    rows = list(Unit.objects.filter(state=ERASING).select_related("tenant").order_by("erasure"))
    for erasure, group in groupby(rows, key=lambda row: row.erasure):
        if erasure in known:
            continue
        members = list(group)
        entry = _entry(members, members[0].category, members[0].due_at, now, "due" if members[0].due_at else "deleted")
        entry.erasure = erasure or entry.erasure
        Unit.objects.filter(id__in=[row.id for row in members]).update(erasure=entry.erasure)
        _go_on(entry, now, step)
        yield


def _in_ledger() -> dict[UUID, UUID]:
    return {
        unit: erasure
        for erasure, raw in LedgerEntry.objects.values_list("erasure", "units").iterator()
        for unit in _ids(raw)
    }


def _keyless(gone: dict[UUID, UUID]) -> list[Unit]:
    return [row for row in Unit.objects.filter(key=None).exclude(state=ERASING) if row.id in gone]


def _ids(raw: bytes) -> list[UUID]:
    raw = bytes(raw)
    return [UUID(bytes=raw[at : at + 16]) for at in range(0, len(raw), 16)]


def _parts(rows: Iterator, size: int = 400) -> Iterator[list]:  # type: ignore[type-arg]
    part = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def overdue(now: datetime, *, grace: timedelta = timedelta(minutes=15)) -> int:
    """Units that should be gone and are neither held nor being erased: 0 on a healthy instance."""
    late = list(Unit.objects.filter(due_at__lte=now - grace).exclude(state=ERASING).values_list("id", flat=True))
    return len(late) - len(holds.standing(late, now=now))
