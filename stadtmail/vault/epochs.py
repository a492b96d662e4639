"""Epochs: what makes destruction final for copies that nobody can reach.

All keys are wrapped under the epoch's key. Once a day the next epoch begins: its key is made durable, every row is
rewrapped, and the old key leaves the ring when no row names it and the keystore's backups made under it have expired.
From then on no copy of the keystore opens anything that had been destroyed.
"""

import threading
from datetime import UTC, date, datetime, time
from itertools import pairwise
from pathlib import Path
from uuid import UUID

from django.db import connections

from stadtmail.kit import config, log, store
from stadtmail.vault import ring
from stadtmail.vault.models import Key

BACKUP_DAYS = 7
BATCH = 2_000
_lock = threading.Lock()
_known: dict[int, bytes] = {}
_seen: list[object] = [None]  # identity of the ring file that _known was read from


def current(now: datetime) -> ring.Epoch:
    """The newest epoch; the very first one is made here."""
    found = ring.epochs()
    if found:
        return found[-1]
    with ring.turn():
        found = ring.epochs()
        return found[-1] if found else ring.add(1, _day(now))


def are_lost() -> bool:
    """Has the keystore keys, and the ring not one epoch?"""
    return not ring.epochs() and Key.objects.exists()


def key(number: int) -> bytes | None:
    """The key of an epoch, or None when it has left the ring."""
    with _lock:
        mark = _mark()
        if _seen[0] != mark:
            _known.clear()
            _known.update({epoch.number: epoch.key for epoch in ring.epochs()})
            _seen[0] = mark
        return _known.get(number)


def forget() -> None:
    """Forget this process's epoch keys."""
    with _lock:
        _known.clear()
        _seen[0] = None


def turn(now: datetime) -> int:
    """Begin the next epoch if its day has come, and rewrap what still names an older one. Returns rows rewrapped.

    Resumable: after a crash at any point the next call goes on where the last one stopped.
    """
    newest = current(now)
    if newest.day < _day(now):
        with ring.turn():
            newest = ring.epochs()[-1]
            if newest.day < _day(now):
                newest = ring.add(newest.number + 1, _day(now))
    return _rewrap(newest)


def retire(now: datetime) -> list[int]:
    """Take those epochs out of the ring that no row names and whose backups have expired. Returns their numbers."""
    gone = []
    with ring.turn():
        found = ring.epochs()
        for epoch, successor in pairwise(found):
            ended = successor.day  # an epoch ends when the next one begins
            if _day(now) >= ended + BACKUP_DAYS and not Key.objects.filter(epoch=epoch.number).exists():
                ring.remove(epoch.number)
                gone.append(epoch.number)
    if gone:
        forget()
    return gone


def irrecoverable_at(destroyed_at: datetime) -> datetime:
    """When the last copy of a key destroyed then becomes unreadable: end of the epoch plus the backups' seven days."""
    end = date.fromordinal(_day(destroyed_at) + 1 + BACKUP_DAYS)
    return datetime.combine(end, time(), UTC)


def backup(path: Path) -> None:
    """A consistent copy of the SQLite keystore at `path`, which holds no ring and no root key: useless alone."""
    connection = connections["keys"]
    if connection.vendor != "sqlite":
        raise ValueError("a PostgreSQL keystore is backed up with pg_dump: see docs/operate.md")
    path.unlink(missing_ok=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(path)])
    path.chmod(0o600)


def _rewrap(newest: ring.Epoch) -> int:
    done, last = 0, UUID(int=0)
    while True:
        rows = Key.objects.exclude(epoch=newest.number).filter(id__gt=last).order_by("id")
        ids = list(rows.values_list("id", flat=True)[:BATCH])
        if not ids:
            break
        done, last = done + _rewrap_part(ids, newest), ids[-1]
    if done:
        from stadtmail.vault import keys  # keys needs epochs to wrap; the other way round only here

        keys.truncate()
    return done


def _rewrap_part(ids: list[UUID], newest: ring.Epoch) -> int:
    from stadtmail.vault import keys

    with store.writing("keys"):
        locked = (store.locked(Key.objects.filter(id__in=part), "keys") for part in keys.parts(ids))
        rows = [row for part in locked for row in part.values_list("id", "epoch", "wrapped")]
        old = {number: key(number) for number in {row[1] for row in rows}}
        fresh = []
        for key_id, number, wrapped in rows:
            try:
                opened = keys.unwrap(key_id, number, bytes(wrapped), old[number])
            except keys.KeyGone:  # its epoch has left the ring: nothing opens it any more, so nothing is to be kept
                log.event("key_unreadable", key=key_id)
                continue
            fresh.append((newest.number, keys.wrap(key_id, opened, newest), key_id))
        _update(fresh)
    return len(fresh)


def _update(rows: list[tuple[int, bytes, UUID]]) -> None:
    # by hand: a whole city's keys are rewrapped each day, and bulk_update takes ten times as long
    connection = connections["keys"]
    id_of = Key._meta.get_field("id").get_db_prep_value
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE vault_key SET epoch = %s, wrapped = %s WHERE id = %s",
            [(number, wrapped, id_of(key, connection)) for number, wrapped, key in rows],
        )


def _mark() -> object:
    try:
        stat = (config.load().data / "ring").stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_ino


def _day(moment: datetime) -> int:
    return moment.astimezone(UTC).date().toordinal()
