"""The sweep: what is due is erased, by city, category and due day. Its cost follows what is due, not what is stored."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, InterfaceError, OperationalError
from django.db.models import Exists, OuterRef, QuerySet

from stadtmail.kit import config, errors, store
from stadtmail.kit import log as lines
from stadtmail.privacy import deadlines, erasure, guard, holds, recovery
from stadtmail.privacy.evidence import log
from stadtmail.privacy.models import ERASING, Hold, HoldItem, LedgerEntry, Unit, Watermark
from stadtmail.tenants.models import Tenant
from stadtmail.tenants.queries import cities
from stadtmail.vault import keys

ORPHAN_AGE = timedelta(hours=1)
READ = 5_000  # units of one city that are claimed before the first key is destroyed
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
    repeated: int = 0  # erasures that could not be finished and go on in the next sweep
    bugs: list[Exception] = field(default_factory=list)


def run(now: datetime, *, step: erasure.Step = erasure.no_step) -> Swept:
    """One sweep. Only one runs at a time on a data folder; destructive work pauses while time cannot be trusted."""
    swept = Swept()
    with _alone():
        if guard.paused(now):
            swept.paused = True
            return swept
        with _going_on(swept):
            swept.recovered = recovery.recover(now, step=step)
        for hold in holds.run_out(now):
            with _going_on(swept):
                _release(hold, now, swept)
        with _going_on(swept):
            _erase_due(now, swept, step)
        swept.orphans = _destroy_orphans(now)
        swept.leaves = log.move(now)
        _forget_pages()
        guard.note(now)
    if swept.erased:
        lines.event("swept", count=swept.erased)
    if swept.bugs:
        raise swept.bugs[0]  # loud, now that everything else is done
    return swept


def is_due(now: datetime) -> bool:
    """Is there anything for a sweep to erase? One look into an index."""
    return _due(now).exists()


@contextmanager
def _going_on(swept: Swept) -> Iterator[None]:
    """What has to be repeated (a reader blocks the keystore, something was still there) or is a bug must not stop the others."""
    try:
        yield
    except (OperationalError, InterfaceError):
        raise  # a database is gone: for all of them
    except errors.TryLater as error:
        swept.repeated += 1
        lines.event("erasure_repeated", error=type(error).__name__)
    except Exception as error:  # noqa: BLE001 - one city's bug must not keep the others from their dates
        swept.bugs.append(error)


def _release(hold: Hold, now: datetime, swept: Swept) -> None:
    with suppress(holds.NoSuchHold):  # its placer was faster
        swept.erased += holds.release(hold.id, tenant=hold.tenant, now=now)
        swept.released += 1


def _erase_due(now: datetime, swept: Swept, step: erasure.Step) -> None:
    """Portions of all cities together: their keys are destroyed first, then whoever has copies is waited for once."""
    refused: set[UUID] = set()
    waiting: Sequence[Tenant] = cities()
    while waiting:
        begun, waiting = _portion(waiting, now, swept, refused)
        if begun:
            step(erasure.CLAIM)
            try:
                erasure.forward(begun, now, step)
            except erasure.Unfinished:  # the others of the portion are done, and the next one goes on
                swept.repeated += 1


def _portion(waiting: Sequence[Tenant], now: datetime, swept: Swept, refused: set[UUID]) -> tuple[list[LedgerEntry], Sequence[Tenant]]:
    """Claim up to READ units of these cities. Returns the claims, and the cities of which something may be left."""
    begun: list[LedgerEntry] = []
    room = READ
    for number, tenant in enumerate(waiting):
        rows = _due(now).filter(tenant=tenant).order_by("due_at", "category").values_list("id", flat=True)
        ids = [unit for unit in rows[: room + len(refused)] if unit not in refused][:room]
        with _going_on(swept):
            begun += _claimed(ids, tenant, now, swept, refused)
        room -= len(ids)
        if not room:
            return begun, waiting[number:]
    return begun, ()


def _claimed(ids: Sequence[UUID], tenant: Tenant, now: datetime, swept: Swept, refused: set[UUID]) -> list[LedgerEntry]:
    refused |= set(ids)  # whatever comes of them is not asked for again in this sweep
    outcome = erasure.Outcome()
    begun = erasure.claim(ids, tenant=tenant, now=now, cause="due", outcome=outcome)
    refused -= set(ids) - {withheld.unit for withheld in outcome.withheld}
    swept.erased += outcome.erased
    swept.late += outcome.late
    swept.withheld += len(outcome.withheld)
    return begun


def _due(now: datetime) -> QuerySet[Unit]:
    held = HoldItem.objects.filter(holds.open_at(now), unit=OuterRef("id"))
    return Unit.objects.filter(due_at__lte=now).exclude(state=ERASING).exclude(Exists(held))


def _destroy_orphans(now: datetime) -> int:
    """Keys whose row never came. Each hour's keys are looked at once: the cost follows what was made, not what is stored."""
    until = now - ORPHAN_AGE
    seen = Watermark.objects.filter(name="orphans").values_list("at", flat=True).first()
    lost: list[UUID] = []
    for part in keys.made_between(seen or _BEGIN, until):
        known = set(Unit.objects.filter(key__in=part).values_list("key", flat=True))
        lost += [key for key in part if key not in known]
    if lost:
        keys.destroy(lost)
    with store.writing("evidence"):
        Watermark.objects.update_or_create(name="orphans", defaults={"at": until})
    return len(lost)


def _forget_pages() -> None:
    """Keyed hashes of what was erased, and messages that their holders deleted (their pair's key lives), stay in old pages of the log
    until it is truncated. Whoever reads now: the next sweep."""
    with suppress(DatabaseError):
        store.truncate_log("default")


_BEGIN = datetime(2000, 1, 1, tzinfo=UTC)


@contextmanager
def _alone() -> Iterator[None]:
    fd = os.open(config.load().data / "sweep.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
