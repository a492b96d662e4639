"""The one path that erases (law 3; house.md 4): claim, intent, keys, copies, rows, read back, done.

Only the claim can be refused. After its commit nobody reads the units, a new hold is too late, and everything goes forward
only (`recovery`): from the last step that the ledger has, at every start and in every sweep, as often as it takes. Each step
may be repeated, and by two processes at once, without a second effect.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4, uuid5

from django.db import InterfaceError, OperationalError

from stadtmail.kit import errors, instance, store
from stadtmail.kit import log as lines
from stadtmail.privacy import deadlines, guard, holdings, holds, policy, units, witness
from stadtmail.privacy.evidence import leaves, log, tree
from stadtmail.privacy.models import ERASING, Event, Hold, HoldItem, LedgerEntry, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import epochs, keys, machines

BATCH = 500
PART = 400  # ids in one statement
CLAIM, INTENT, KEYS, COPIES, ROWS, READ_BACK, DONE = range(1, 8)
BY_DATE = frozenset({"due", "released"})  # the others are somebody's decision, which no clock can make wrong
CAUSES = frozenset({"due", "released", "withdrawn", "refused", "deleted", "orphan"})
_leaf_of = UUID("0d9f3a52-6a0e-4f0e-8d0f-0f4f6a6d0b11")
_never = datetime.fromisoformat("0001-01-02T00:00:00+00:00")

T = TypeVar("T")
Step = Callable[[int], None]


class Unfinished(errors.TryLater):
    """An erasure could not be brought to its end: loud, counted, repeated by the next sweep. All others of the same call are done."""


class ReadBackFailed(Unfinished):
    """Something was still there after it had been erased twice."""


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


def no_step(number: int) -> None:
    """Default of `step`: tests that crash between two steps pass their own."""


def erase(ids: Sequence[UUID], *, tenant: Tenant, now: datetime, cause: str, step: Step = no_step) -> Outcome:
    """Erase units of the city. `cause` "due" and "released" (of a hold) never erase early; the others are somebody's decision.

    Units that do not exist any more are passed over (idempotent). `step(n)` is called after each step. Raises TryLater when
    a step has to be repeated (a reader blocks the keystore's log, something was still there): recovery repeats it; and
    guard.TimeNotTrusted, before anything is claimed, where the date alone would erase and the clock has jumped.
    """
    outcome = Outcome()
    entries = claim(ids, tenant=tenant, now=now, cause=cause, outcome=outcome)
    if entries:
        step(CLAIM)
        forward(entries, now, step)
    return outcome


def claim(ids: Sequence[UUID], *, tenant: Tenant, now: datetime, cause: str, outcome: Outcome) -> list[LedgerEntry]:
    """Step 1 of `erase` alone, so that a sweep brings the claims of all cities forward together. Raises guard.TimeNotTrusted."""
    assert cause in CAUSES
    if cause in BY_DATE:
        guard.check(now)
    entries = [entry for part in _parts(ids, BATCH) for entry in _claim(part, tenant, now, cause, outcome)]
    outcome.erasures += [entry.erasure for entry in entries]
    outcome.erased += sum(len(entry.units) // 16 for entry in entries)
    return entries


def forward(entries: Sequence[LedgerEntry], now: datetime, step: Step = no_step) -> None:
    """Bring claimed erasures to their end, each from the step that it has reached. Never back.

    Up to the copies all go together, so that whoever waits for them waits once. From then on each goes for itself: one that
    cannot go on keeps no other. Raises Unfinished when the others are done.
    """
    failed: set[UUID] = set()
    for number, action in STEPS:
        waiting = [entry for entry in entries if entry.step < number and entry.erasure not in failed]
        if waiting:
            came_through = _each(action, waiting, now) if number in SINGLY else _all(action, waiting, now)
            failed |= {entry.erasure for entry in waiting if entry not in came_through}
            _reached(came_through, number, now)
            step(number)
    if failed:
        raise Unfinished


def _all(action: "Action", entries: list[LedgerEntry], now: datetime) -> list[LedgerEntry]:
    action(entries, now)
    return entries


def _each(action: "Action", entries: Sequence[LedgerEntry], now: datetime) -> list[LedgerEntry]:
    """Those of the entries with which the step came through. A database that is gone is gone for all of them."""
    done = []
    for entry in entries:
        try:
            action([entry], now)
        except (OperationalError, InterfaceError):
            raise
        except ReadBackFailed:
            continue  # it has been said where it was seen
        except Exception as error:  # noqa: BLE001 - a bug with one category must not keep the others from their date
            lines.bug(error, role="erasure")
        else:
            done.append(entry)
    return done


# -- 1 claim: the only step that can be refused ----------------------------------------------------------------------


def _claim(ids: Sequence[UUID], tenant: Tenant, now: datetime, cause: str, outcome: Outcome) -> list[LedgerEntry]:
    rules = policy.current(tenant)
    with store.writing():
        found = Unit.objects.filter(tenant=tenant, id__in=ids).exclude(state=ERASING).select_related("tenant")
        rows = [row for row in store.locked(found) if row.state != ERASING]
        deadlines.recompute(rows)
        held = holds.standing([row.id for row in rows], now=now)
        refusal = {row.id: _refusal(row, held.get(row.id, []), rules, now, cause) for row in rows}
        claimed = [row for row in rows if refusal[row.id] is None]
        kin = kin_of(claimed, cause, now)
        entries = [entry_of(list(group), key, now) for key, group in groupby(sorted(claimed, key=_of(kin)), key=_of(kin))]
        for entry in entries:
            Unit.objects.filter(id__in=ids_of(entry.units)).update(state=ERASING, erasure=entry.erasure)
    outcome.withheld += [refused for refused in refusal.values() if refused is not None]
    outcome.late += sum(entry.late for entry in entries)
    return entries


def _refusal(row: Unit, held: list[Hold], rules: policy.Policy, now: datetime, cause: str) -> Withheld | None:
    # one that is not in the matrix cannot block, and does not hide one that can
    hold = next((one for one in held if one.type in rules.holds.get(row.category, frozenset())), None)
    if hold is not None:
        return Withheld(row.id, row.category, hold.type, hold.ends_at)
    if row.category not in rules.rules or not holdings.of_category(row.category):  # nobody says how to erase it
        lines.event("not_erasable", category=row.category)
        return Withheld(row.id, row.category, "undeclared", None)
    if is_early(row, now, cause):
        return Withheld(row.id, row.category, "early", row.due_at)
    return None


def is_early(row: Unit, now: datetime, cause: str) -> bool:
    """May the unit not go yet? A duty to keep binds every cause, the promised date only the sweep."""
    if row.keep_until is not None and row.keep_until > now:
        return True
    return cause in BY_DATE and (row.due_at is None or row.due_at > now)


def _of(kin: Mapping[UUID, "Kin"]) -> Callable[[Unit], "Kin"]:
    return lambda row: kin[row.id]


class Kin(NamedTuple):
    """What units of one city have in common that one leaf speaks of."""

    category: str
    due: datetime
    bound: datetime  # since when it could go, where that was after it was due: a date put right, a hold that ended
    cause: str
    synthetic: bool


def kin_of(rows: Sequence[Unit], cause: str, now: datetime) -> dict[UUID, Kin]:
    """unit -> its kin. What a hold kept beyond its date goes because the hold has ended, whoever takes it."""
    freed = holds.freed([row.id for row in rows], now=now)
    return {row.id: _kin(row, cause, freed.get(row.id, _never)) for row in rows}


def _kin(row: Unit, cause: str, freed: datetime) -> Kin:
    due = row.due_at or _never
    if cause not in BY_DATE or row.due_at is None:
        return Kin(row.category, due, _never, cause, row.synthetic)
    bound = max(row.known_at or due, freed)
    return Kin(row.category, due, bound if bound > due else _never, "released" if freed > due else cause, row.synthetic)


def entry_of(rows: list[Unit], kin: Kin, now: datetime, erasure: UUID | None = None) -> LedgerEntry:
    """The ledger's entry for claimed units of one city and one kin, not yet written."""
    marks, rules = units.commitments(rows), policy.current(rows[0].tenant)
    return LedgerEntry(
        erasure=erasure or uuid4(),
        tenant=rows[0].tenant_id,
        category=kin.category,
        rule_due=rows[0].due_at,
        rule_known=kin.bound if kin.bound != _never else None,
        units=b"".join(row.id.bytes for row in rows),
        keys=b"".join(row.key.bytes for row in rows if row.key),
        commitments=b"".join(units.commitment(marks[row.id], row.id) for row in rows if row.id in marks),
        cause=kin.cause,
        late=len(rows) if _is_late(kin, rules, now) else 0,
        step=CLAIM,
        intent_at=now,
        test=instance.current().is_test,
        synthetic=kin.synthetic,
    )


def _is_late(kin: Kin, rules: policy.Policy, now: datetime) -> bool:
    if kin.cause not in BY_DATE or kin.due == _never or kin.category not in rules.rules:
        return False
    return now > max(kin.due, kin.bound) + rules.rules[kin.category].lateness


# -- 2 to 7: forward only --------------------------------------------------------------------------------------------


def _intend(entries: Sequence[LedgerEntry], now: datetime) -> None:
    """Written before anything is destroyed, here and at the witness. Whoever was first has named the keys."""
    with store.writing("evidence"):
        LedgerEntry.objects.bulk_create(entries, ignore_conflicts=True)
    witness.copy(now)  # a machine that is rolled back to before this moment learns of it at its next start


def _destroy(entries: Sequence[LedgerEntry], now: datetime) -> None:  # noqa: ARG001
    keys.destroy([key for entry in entries for key in ids_of(entry.keys)])


def _drop(entries: Sequence[LedgerEntry], now: datetime) -> None:  # noqa: ARG001
    # processes of this machine dropped their copies with the raised generation; those of other machines have a lease
    if any(entry.keys for entry in entries):
        machines.wait_for_others()


def _erase_rows(entries: Sequence[LedgerEntry], now: datetime) -> None:
    for entry in entries:
        purge(ids_of(entry.units), entry.category, erasure=entry.erasure, leaf=partial(_leaf, entry, now))


def _read_back(entries: Sequence[LedgerEntry], now: datetime) -> None:  # noqa: ARG001
    for entry in entries:
        ids = ids_of(entry.units)
        if _left(entry, ids):
            purge(ids, entry.category)
        if left := _left(entry, ids):
            lines.event("read_back_failed", category=entry.category, key=entry.erasure, count=left)
            raise ReadBackFailed


def _done(entries: Sequence[LedgerEntry], now: datetime) -> None:
    """`_reached` writes it."""


Action = Callable[[Sequence[LedgerEntry], datetime], None]
STEPS: tuple[tuple[int, Action], ...] = (
    (INTENT, _intend), (KEYS, _destroy), (COPIES, _drop), (ROWS, _erase_rows), (READ_BACK, _read_back), (DONE, _done),
)  # fmt: skip
SINGLY = frozenset({ROWS, READ_BACK})


def _reached(entries: Sequence[LedgerEntry], number: int, now: datetime) -> None:
    moment = {KEYS: {"keys_gone_at": now}, DONE: {"done_at": now}}.get(number, {})
    with store.writing("evidence"):
        for part in _parts([entry.erasure for entry in entries], PART):
            LedgerEntry.objects.filter(erasure__in=part, step__lt=number).update(step=number, **moment)
    for entry in entries:
        entry.step = number


def _left(entry: LedgerEntry, ids: list[UUID]) -> int:
    left = len(keys.exists(ids_of(entry.keys)))
    left += sum(Unit.objects.filter(id__in=part).count() for part in _parts(ids, PART))
    return left + sum(holding.find(ids) for holding in holdings.of_category(entry.category) if holding.find)


def purge(ids: Sequence[UUID], category: str, *, erasure: UUID | None = None, leaf: Callable[[], object] | None = None) -> None:
    """Rows and bytes of the units, their holds, the units; then empty shells. The leaf is written in the same transaction.

    With `erasure` nothing happens where the units of that erasure are gone already: the step was committed, leaf included.
    """
    with store.writing():
        rows = Unit.objects.filter(id__in=ids) if erasure is None else Unit.objects.filter(erasure=erasure)
        anchors = sorted(set(store.locked(rows).values_list("anchor_kind", "anchor")))
        if erasure is not None and not anchors:
            return
        for holding in holdings.of_category(category):
            if holding.purge:
                holding.purge(ids)
        for part in _parts(ids, PART):
            held = HoldItem.objects.filter(unit__in=part)
            named = list(held.values_list("hold", flat=True).distinct())
            held.delete()
            holds.drop_empty(named)
            Unit.objects.filter(id__in=part).delete()
        _tidy(anchors)
        if leaf is not None:
            leaf()


def _tidy(anchors: Sequence[tuple[str, UUID]]) -> None:
    """Empty shells go with their last unit: events of the anchor, then the rooms' own (contract, person, mailbox)."""
    left: set[UUID] = set()
    for part in _parts([anchor for _, anchor in anchors], PART):
        left |= set(Unit.objects.filter(anchor__in=part).values_list("anchor", flat=True))
    empty = [(kind, anchor) for kind, anchor in anchors if anchor not in left]
    for part in _parts([anchor for _, anchor in empty], PART):
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
        "late": entry.late,
        "done": leaves.minute(now),
        "root": tree.root_of(hashes).hex(),
        "readable_in_backups_until": epochs.irrecoverable_at(now).date().isoformat(),
    }
    if entry.rule_due is not None:
        fields["due"] = leaves.minute(entry.rule_due)
    if entry.rule_known is not None:
        fields["known"] = leaves.minute(entry.rule_known)
    if entry.synthetic:
        fields["synthetic"] = True
    tenant = Tenant.objects.get(id=entry.tenant)
    log.note(tenant, fields, now=now, outbox=uuid5(_leaf_of, str(entry.erasure)), commitments=marks)


def ids_of(raw: bytes | memoryview) -> list[UUID]:
    """Ids that lie one behind the other, 16 bytes each."""
    raw = bytes(raw)
    return [UUID(bytes=raw[at : at + 16]) for at in range(0, len(raw), 16)]


def _parts(rows: Sequence[T], size: int) -> Iterator[list[T]]:
    return (list(rows[at : at + size]) for at in range(0, len(rows), size))
