"""The sweep: what is due is erased, by city, category and due day. Its cost follows what is due, not what is stored."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from django.db.models import Exists, OuterRef

from stadtmail.kit import config
from stadtmail.kit import log as lines
from stadtmail.privacy import deadlines, erasure, guard, holds
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import ERASING, HoldItem, Unit
from stadtmail.vault import keys

ORPHAN_AGE = timedelta(hours=1)
READ = 5_000
next_due = deadlines.next_due


@dataclass
class Swept:
    """What one sweep did. `late`: erased after their lateness limit; `paused`: time could not be trusted."""

    erased: int = 0
    withheld: int = 0
    late: int = 0
    recovered: int = 0
    released: int = 0
    orphans: int = 0
    leaves: int = 0
    paused: bool = False


def run(now: datetime, *, step: erasure.Step = lambda number: None) -> Swept:
    """One sweep. Only one runs at a time on a data folder; destructive work pauses while time cannot be trusted."""
    swept = Swept()
    with _alone():
        if guard.paused(now):
            swept.paused = True
            return swept
        swept.recovered = erasure.recover(now, step=step)
        for hold in holds.run_out(now):
            swept.released += 1
            swept.erased += holds.release(hold.id, tenant=hold.tenant, now=now)
        _erase_due(now, swept, step)
        swept.orphans = _destroy_orphans(now)
        swept.leaves = log.move(now)
        guard.note(now)
    if swept.erased:
        lines.event("swept", count=swept.erased)
    return swept


def is_due(now: datetime) -> bool:
    """Is there anything for a sweep to erase? One look into an index."""
    return _due(now).exists()


def _erase_due(now: datetime, swept: Swept, step: erasure.Step) -> None:
    seen: set[object] = set()
    while True:
        rows = [row for row in _due(now).select_related("tenant").order_by("due_at", "tenant", "category")[:READ] if row.id not in seen]
        if not rows:
            return
        for _, group in groupby(rows, key=lambda row: (row.due_at, row.tenant_id, row.category)):
            members = list(group)
            done = erasure.erase([row.id for row in members], tenant=members[0].tenant, now=now, cause="due", step=step)
            swept.erased += done.erased
            swept.late += done.late
            swept.withheld += len(done.withheld)
        seen |= {row.id for row in rows}


def _due(now: datetime):  # type: ignore[no-untyped-def]
    held = HoldItem.objects.filter(holds.open_at(now), unit=OuterRef("id"))
    return Unit.objects.filter(due_at__lte=now).exclude(state=ERASING).exclude(Exists(held))


def _destroy_orphans(now: datetime) -> int:
    found = keys.orphans(now - ORPHAN_AGE)
    if not found:
        return 0
    known = {key for at in range(0, len(found), 400) for key in _known([key for _, key in found[at : at + 400]])}
    lost = [key for _, key in found if key not in known]
    keys.destroy(lost) if lost else None
    return len(lost)


def _known(ids: list) -> set:  # type: ignore[type-arg]
    return set(Unit.objects.filter(key__in=ids).values_list("key", flat=True))


@contextmanager
def _alone() -> Iterator[None]:
    fd = os.open(config.load().data / "sweep.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
