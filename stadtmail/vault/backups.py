"""The keystore's daily backups: kept for seven days, then overwritten and removed, as every certificate of erasure says.

They lie beside the data and hold no ring and no root key. A keystore on PostgreSQL is backed up by its operator.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.db import connections

from stadtmail.kit import config
from stadtmail.vault import epochs


def keep(now: datetime, *, again: bool = False) -> Path | None:
    """Make the day's backup if there is none yet (`again`: a newer one instead). None for PostgreSQL."""
    if connections["keys"].vendor != "sqlite":
        return None
    path = folder() / f"{now.astimezone(UTC).date().isoformat()}.sqlite3"
    if path.exists() and not again:
        return path
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    epochs.backup(temporary)
    _overwrite(path)
    os.replace(temporary, path)
    return path


def expire(now: datetime) -> list[date]:
    """Overwrite and remove backups older than seven days, and what a crash left of one. Returns their days."""
    gone, oldest = [], now.astimezone(UTC).date() - timedelta(days=epochs.BACKUP_DAYS)
    for path in sorted([*folder().glob("*.sqlite3"), *folder().glob("*.part")]):
        day = date.fromisoformat(path.stem)
        if day < oldest:
            _overwrite(path)
            path.unlink()
            gone.append(day)
    return gone


def folder() -> Path:
    """Where they lie."""
    return config.load().data / "backups" / "keys"


def _overwrite(path: Path) -> None:
    # hygiene: what makes a backup unreadable is that the epoch keys of its rows have left the ring
    if not path.exists():
        return
    fd = os.open(path, os.O_WRONLY)
    try:
        left = os.fstat(fd).st_size
        while left > 0:
            left -= os.write(fd, os.urandom(min(left, 1 << 20)))
        os.fsync(fd)
    finally:
        os.close(fd)
