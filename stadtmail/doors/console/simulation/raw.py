"""The stores as bytes of SQLite, read through connections of our own. Nothing of stadtmail is imported."""

import sqlite3
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def filled(rows: sqlite3.Connection) -> set[str]:
    """Ids of units that have at least one row of their own, in whatever table names a unit."""
    found: set[str] = set()
    tables = [name for (name,) in rows.execute("select name from sqlite_master where type = 'table'")]
    for table in tables:
        columns = {row[1] for row in rows.execute(f"pragma table_info({table})")}
        if "unit_id" in columns and not table.startswith("privacy_"):
            found |= {unit for (unit,) in rows.execute(f"select distinct unit_id from {table} where unit_id is not null")}  # noqa: S608
    return found


def newest_pair(rows: sqlite3.Connection, city: str, role: str) -> str | None:
    """The unit under whose pair the newest message of a role's mailbox lies."""
    found = rows.execute(
        "select message.pair_id from mail_message message join mail_folder folder on folder.id = message.folder_id"
        " join mail_mailbox box on box.id = folder.mailbox_id join tenants_tenant city on city.id = box.tenant_id"
        " where city.slug = ? and box.role = ? order by message.uid desc limit 1",
        [city, role],
    ).fetchone()
    return found and str(found[0])


def ring(path: Path) -> dict[int, int]:
    """Number -> ordinal of the first day of each epoch whose key is still in the ring."""
    raw, slot = path.read_bytes(), struct.Struct(">II60s")
    found = (slot.unpack_from(raw, at)[:2] for at in range(0, len(raw), slot.size))
    return {number: day for number, day in found if number}


class opened:  # noqa: N801 - reads like the function that it is
    """A read-only connection of our own that is really closed."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, *details: Any) -> None:
        self._connection.close()


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
