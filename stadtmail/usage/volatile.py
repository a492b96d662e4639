"""The volatile store: small entries in RAM, each with a moment at which it ends. One SQLite file (WAL) on tmpfs, no ORM.

This interface is all that the rooms above know, so that Valkey fits behind it. Keys come in as keyed hashes or random ids,
values sealed: a copy of the folder names nobody. An entry is there while now < until, not a second longer.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stadtmail.usage import folder
from stadtmail.usage.privacy import SPACES

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    space TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, until INTEGER NOT NULL, person BLOB NOT NULL, via BLOB NOT NULL,
    PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entry_until ON entry (until);
CREATE INDEX IF NOT EXISTS entry_person ON entry (person) WHERE person != x'';
CREATE INDEX IF NOT EXISTS entry_via ON entry (via) WHERE via != x'';
"""
_FORM = 2  # of the table: what an older program left in RAM is of no use to anybody
_ENDINGS = b"endings"
_EPOCH, _FOR_EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Step = Callable[[bytes | None], tuple[bytes, datetime] | None]


class _Store:
    """This process's connection: shared by its threads, and taking turns with other processes (kit/store.py says why)."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._turn = os.open(path / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._db = sqlite3.connect(path / "volatile.sqlite3", isolation_level=None, timeout=10, check_same_thread=False)
        with self.writing() as db:
            db.execute("PRAGMA journal_mode=WAL")
            for pragma in ("synchronous=OFF", "secure_delete=ON", "temp_store=MEMORY", "trusted_schema=OFF", "wal_autocheckpoint=100"):
                db.execute(f"PRAGMA {pragma}")
            if db.execute("PRAGMA user_version").fetchone()[0] != _FORM:
                db.executescript(f"DROP TABLE IF EXISTS entry; PRAGMA user_version = {_FORM};")
            db.executescript(_SCHEMA)

    def disown(self) -> None:
        """Let go of the turn; a child must, or its parent's turn would outlive the parent."""
        os.close(self._turn)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
            try:
                yield self._db
            finally:
                fcntl.flock(self._turn, fcntl.LOCK_UN)


_stores: dict[Path, _Store] = {}
_inherited: list[_Store] = []  # a child must neither use nor close the connections of its parent
_opening = threading.Lock()


def put(space: str, key: bytes, value: bytes, *, until: datetime, person: bytes = b"", via: bytes = b"") -> None:
    """Store an entry, in place of an older one. `person` is a keyed reference (marks.of_person); so is `via`, of the credential."""
    with _store().writing() as db:
        _put(db, space, key, (value, until), owners=(person, via))


def add(space: str, key: bytes, value: bytes, *, until: datetime, now: datetime) -> bool:
    """Store an entry unless a living one is there. Of any number that try at once exactly one is told True."""
    with _store().writing() as db:
        db.execute("DELETE FROM entry WHERE space = ? AND key = ? AND until <= ?", (_known(space), key, _number(now)))
        row = (space, key, value, _number(until), b"", b"")
        return db.execute("INSERT OR IGNORE INTO entry VALUES (?, ?, ?, ?, ?, ?)", row).rowcount == 1


def replace(space: str, key: bytes, value: bytes, *, until: datetime, now: datetime) -> bool:
    """Give a living entry a new value and end. False where it has ended: nothing comes back to life."""
    with _store().writing() as db:
        sql = "UPDATE entry SET value = ?, until = ? WHERE space = ? AND key = ? AND until > ?"
        return db.execute(sql, (value, _number(until), _known(space), key, _number(now))).rowcount == 1


def change(space: str, key: bytes, step: Step, *, now: datetime) -> None:
    """Read and write as one: `step` gets the living value or None and returns the new value with its end, or None for no change."""
    with _store().writing() as db:
        changed = step(_get(db, space, key, now))
        if changed is not None:
            _put(db, space, key, changed)


def revise(space: str, step: Callable[[bytes, datetime], bytes], *, now: datetime) -> int:
    """Give every living entry of a space the value that `step` makes of its value and end. Returns how many changed."""
    with _store().writing() as db:
        rows = db.execute("SELECT key, value, until FROM entry WHERE space = ? AND until > ?", (_known(space), _number(now))).fetchall()
        made = ((step(bytes(value), _EPOCH + until * _MICROSECOND), key, bytes(value)) for key, value, until in rows)
        changed = [(new, space, key) for new, key, old in made if new != old]
        db.executemany("UPDATE entry SET value = ? WHERE space = ? AND key = ?", changed)
        return len(changed)


def get(space: str, key: bytes, now: datetime) -> bytes | None:
    """The value, or None where there is none or it has ended."""
    with _store().reading() as db:
        return _get(db, space, key, now)


def take(space: str, key: bytes, now: datetime) -> bytes | None:
    """The value, and it is gone: of any number that ask at once exactly one gets it."""
    with _store().writing() as db:
        sql = "DELETE FROM entry WHERE space = ? AND key = ? RETURNING value, until"
        row = db.execute(sql, (_known(space), key)).fetchone()
        return bytes(row[0]) if row and row[1] > _number(now) else None


def drop(space: str, key: bytes) -> bool:
    """End one entry. True if it was there. Idempotent."""
    with _store().writing() as db:
        return db.execute("DELETE FROM entry WHERE space = ? AND key = ?", (_known(space), key)).rowcount == 1


def count(space: str, now: datetime) -> int:
    """How many entries of a space are alive."""
    with _store().reading() as db:
        sql = "SELECT count(*) FROM entry WHERE space = ? AND until > ?"
        return int(db.execute(sql, (_known(space), _number(now))).fetchone()[0])


def of_person(space: str, person: bytes, now: datetime) -> list[bytes]:
    """The values of a person's living entries in a space."""
    return [value for _, value in entries_of_person(space, person, now)]


def entries_of_person(space: str, person: bytes, now: datetime) -> list[tuple[bytes, bytes]]:
    """Key and value of a person's living entries in a space."""
    assert person
    with _store().reading() as db:
        sql = "SELECT key, value FROM entry WHERE space = ? AND person = ? AND until > ?"
        return [(bytes(key), bytes(value)) for key, value in db.execute(sql, (_known(space), person, _number(now)))]


def end_of_person(person: bytes) -> int:
    """End all entries of a person, in every space. Returns how many."""
    assert person
    return _end("DELETE FROM entry WHERE person = ?", person)


def end_of_entry(space: str, key: bytes) -> int:
    """End one entry of somebody's, and let whoever serves it know. Returns how many: one or none."""
    return _end("DELETE FROM entry WHERE space = ? AND key = ?", _known(space), key)


def end_of_credential(via: bytes) -> int:
    """End all entries that began with a credential. Returns how many."""
    assert via
    return _end("DELETE FROM entry WHERE via = ?", via)


def count_of_credential(via: bytes, now: datetime) -> int:
    """How many living entries began with a credential."""
    assert via
    with _store().reading() as db:
        return int(db.execute("SELECT count(*) FROM entry WHERE via = ? AND until > ?", (via, _number(now))).fetchone()[0])


def endings() -> int:
    """How often somebody's entries were ended together: whoever serves connections looks at them when this has changed."""
    with _store().reading() as db:
        row = db.execute("SELECT value FROM entry WHERE space = 'ended' AND key = ?", (_ENDINGS,)).fetchone()
        return int.from_bytes(row[0], "big") if row else 0


def every() -> list[tuple[str, datetime]]:
    """Space and end of each entry, also of those that have ended and were not swept yet: for measures, without keys and values."""
    with _store().reading() as db:
        return [(space, _EPOCH + until * _MICROSECOND) for space, until in db.execute("SELECT space, until FROM entry")]


def sweep(now: datetime, *, space: str = "") -> int:
    """Remove what has ended (of one space, or of all) and truncate the log. Returns how many were removed."""
    with _store().writing() as db:
        sql, values = "DELETE FROM entry WHERE until <= ?", [_number(now)]
        gone = db.execute(f"{sql} AND space = ?", [*values, _known(space)]) if space else db.execute(sql, values)
        _truncate(db)
        return gone.rowcount


def clear() -> None:
    """Empty the store: `serve` calls this when it holds the lock of the data folder. All sessions and connections are over."""
    with _store().writing() as db:
        db.execute("DELETE FROM entry")
        _truncate(db)


def close() -> None:
    """Close this process's connections (the end of a program, or of a test)."""
    with _opening:
        for store in _stores.values():
            with store.reading() as db:
                db.close()
            store.disown()
        _stores.clear()


def _end(statement: str, *values: str | bytes) -> int:
    with _store().writing() as db:
        gone = db.execute(statement, values).rowcount
        count = "SELECT coalesce(max(value), x'0000000000000000') FROM entry WHERE space = 'ended' AND key = ?"
        next_one = int.from_bytes(db.execute(count, (_ENDINGS,)).fetchone()[0], "big") + 1
        _put(db, "ended", _ENDINGS, (next_one.to_bytes(8, "big"), _FOR_EVER))
        return gone


def _put(
    db: sqlite3.Connection, space: str, key: bytes, entry: tuple[bytes, datetime], *, owners: tuple[bytes, bytes] = (b"", b"")
) -> None:
    row = (_known(space), key, entry[0], _number(entry[1]), *owners)
    db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?, ?)", row)


def _get(db: sqlite3.Connection, space: str, key: bytes, now: datetime) -> bytes | None:
    sql = "SELECT value FROM entry WHERE space = ? AND key = ? AND until > ?"
    row = db.execute(sql, (_known(space), key, _number(now))).fetchone()
    return bytes(row[0]) if row else None


def _truncate(db: sqlite3.Connection) -> None:
    # a reader in another process only puts it off to the next sweep: what is left behind is sealed or hashed
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _known(space: str) -> str:
    assert space in SPACES, f"the space {space} is not declared in usage/privacy.py"
    return space


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _store() -> _Store:
    path = folder.current()
    found = _stores.get(path)
    if found is None:
        with _opening:
            found = _stores.get(path) or _stores.setdefault(path, _Store(path))
    return found


def _forget_after_fork() -> None:
    for store in _stores.values():
        store.disown()
    _inherited.extend(_stores.values())
    _stores.clear()
    _opening.release()


# forking waits for a store that is just being opened, so that the child's lock is not held by a thread that it does not have
os.register_at_fork(before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_forget_after_fork)
