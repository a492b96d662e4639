"""After a crash or a restore: what was begun is brought to its end, and what was erased is erased again.

Runs at every start before a port opens (`replay`) and in every sweep (`recover`). A restore of `default` cannot raise the
dead: what the ledger names, and what has lost its key, goes again.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.kit import log as lines
from stadtmail.privacy import deadlines, erasure, events
from stadtmail.privacy.models import ERASING, LedgerEntry, Unit, Watermark
from stadtmail.tenants.queries import cities
from stadtmail.vault import keys

PART = 400


class RowsLost(errors.NotAllowed):
    """The keystore has keys, and the main database no city: check STADTMAIL_DATABASE_URL, or put back its backup (docs/operate.md)."""


def recover(now: datetime, *, step: erasure.Step = erasure.no_step) -> int:
    """Bring every begun erasure to its end, forward only. Returns how many. Raises TryLater like `erasure.forward`."""
    begun = list(LedgerEntry.objects.filter(done_at=None).order_by("intent_at")) + _claimed_only(now)
    if begun:
        erasure.forward(begun, now, step)
    return len(begun)


def replay(now: datetime) -> int:
    """After a start: erase again each unit that is in the ledger or whose key is missing. Returns how many units.

    Raises RowsLost. Whether so many keys may be missing `unaccounted` says, and who calls decides, before.
    """
    if not cities() and keys.any_of_units():
        raise RowsLost
    recover(now)
    gone = _in_ledger()
    again = lost = 0
    for rows in _all_units():
        dead = [row for row in rows if row.id.bytes in gone]
        _start_clocks(dead, gone, now)
        _purge_again(dead)
        living = keys.exists([row.key for row in rows if row.key])
        keyless = [row for row in rows if row.key and row.key not in living and row.id.bytes not in gone]
        _claim_lost(keyless, now)
        again, lost = again + len(dead), lost + len(keyless)
    if lost:
        recover(now)
    Watermark.objects.filter(name="orphans").delete()  # a restore takes rows of hours that were looked at: every key is looked at anew
    if again or lost:
        lines.event("replayed", count=again + lost)
    return again + lost


def unaccounted() -> tuple[int, int]:
    """(units whose key is missing although no erasure names them, units that should have a key): a wrong or empty keystore shows."""
    gone = _in_ledger()
    lost = expected = 0
    for rows in _all_units():
        wanted = [row.key for row in rows if row.key and row.state != ERASING and row.id.bytes not in gone]
        expected += len(wanted)
        lost += len(wanted) - len(keys.exists(wanted))
    return lost, expected


def _claimed_only(now: datetime) -> list[LedgerEntry]:
    """Claims that were committed and whose intent was not: the keys still live, so the entry can be made again."""
    rows = list(Unit.objects.filter(state=ERASING).select_related("tenant").order_by("erasure", "id"))
    known = set(LedgerEntry.objects.filter(erasure__in={row.erasure for row in rows}).values_list("erasure", flat=True)) if rows else set()
    waiting = [row for row in rows if row.erasure not in known]
    return [_entry(list(group), now, number) for number, group in groupby(waiting, key=lambda row: row.erasure)]


def _entry(members: list[Unit], now: datetime, number: UUID | None) -> LedgerEntry:
    cause = "due" if members[0].due_at and members[0].due_at <= now else "deleted"
    return erasure.entry_of(members, erasure.kin_of(members, cause, now)[members[0].id], now, number)


def _purge_again(rows: Sequence[Unit]) -> None:
    """Erased before the restore: once more, without a second leaf."""
    if not rows:
        return
    keys.destroy([row.key for row in rows if row.key])
    for category, group in groupby(sorted(rows, key=lambda row: row.category), key=lambda row: row.category):
        erasure.purge([row.id for row in group], category)


def _start_clocks(dead: Sequence[Unit], gone: Mapping[bytes, datetime | None], now: datetime) -> None:
    """Restored from before an event for which these had waited: it has happened, and what is left on the anchor waits for it too."""
    rules = deadlines.Rules()
    for row in dead:
        due = gone[row.id.bytes]
        began = deadlines.began(row, due, rules) if due is not None and row.due_at is None else None
        if began is not None and events.happened(row.tenant, row.anchor, began[0]) is None:
            with store.writing():
                events.record(tenant=row.tenant, anchor_kind=row.anchor_kind, anchor=row.anchor, name=began[0], at=began[1], now=now)


def _claim_lost(rows: Sequence[Unit], now: datetime) -> None:
    """The key is gone and nobody wrote it down: the rows follow, with their leaf."""
    kin = {row.id: (row.tenant_id, known) for row, known in zip(rows, erasure.kin_of(rows, "due", now).values(), strict=True)}
    for _, group in groupby(sorted(rows, key=lambda row: kin[row.id]), key=lambda row: kin[row.id]):
        ids = [row.id for row in group]
        with store.writing():
            Unit.objects.filter(id__in=ids).update(state=ERASING, erasure=uuid4())


def _all_units() -> Iterator[list[Unit]]:
    last = UUID(int=0)
    while rows := list(Unit.objects.filter(id__gt=last).select_related("tenant").order_by("id")[:PART]):
        yield rows
        last = rows[-1].id


def _in_ledger() -> dict[bytes, datetime | None]:
    """Unit id -> the date on which it was due, where that was why it went."""
    entries = LedgerEntry.objects.values_list("units", "rule_due", "cause").iterator()
    return {
        bytes(packed[at : at + 16]): due if cause == "due" else None for packed, due, cause in entries for at in range(0, len(packed), 16)
    }
