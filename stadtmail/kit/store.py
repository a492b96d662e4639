"""How rows are written: one helper for SQLite and PostgreSQL, because Django ignores select_for_update on SQLite.

On SQLite every write transaction is BEGIN IMMEDIATE and first takes the data folder's turn (flock): with SQLite's own
waiting, page writes beside delivery waited ten times as long. Locks are taken in the order default, evidence, keys.
No network and no DNS inside a transaction. No read transaction stays open: it would block the destruction of a key.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connections, transaction
from django.db.models import BooleanField, DateField, DateTimeField, Model, QuerySet, UUIDField
from django.db.utils import OperationalError

M = TypeVar("M", bound=Model)
Value = str | bytes | int | UUID | date | None
MOST_ROWS = 256  # of one statement
ORDER = ("default", "evidence", "keys")
SOON_MS = 250  # that the emptying of a log waits for readers, and writers for it
_held, _later, _readers = threading.local(), threading.local(), threading.local()


@contextmanager
def writing(using: str = "default") -> Iterator[None]:
    """One write transaction in one database. Nested calls for the same database join the outer one."""
    depth: dict[str, int] = _held.__dict__
    if depth.get(using):
        with transaction.atomic(using=using):
            yield
        return
    later = [name for name in ORDER[ORDER.index(using) + 1 :] if depth.get(name)]
    assert not later, f"lock order: {using} asked for while {later} is held"
    depth[using] = 1
    try:
        with _turn(using), transaction.atomic(using=using):
            yield
    finally:
        depth[using] = 0
        later, _later.__dict__[using] = _later.__dict__.get(using, []), []
    for work in later:
        work()


def after(work: Callable[[], object], using: str = "default") -> None:
    """Do this once the present write transaction is committed and its turn passed on: work that takes long and must not be lost
    sight of. Nothing is done where the transaction fails. It must not raise."""
    if not _held.__dict__.get(using):
        work()
        return
    transaction.on_commit(lambda: _later.__dict__.setdefault(using, []).append(work), using=using)


def locked(rows: "QuerySet[M]", using: str = "default") -> "QuerySet[M]":
    """The rows, locked until the end of the write transaction (FOR UPDATE on PostgreSQL; SQLite has the turn).

    Locked in the order of their keys, so that two transactions cannot wait for each other, and without the rows they join:
    a locked city would stop everybody who writes for it.
    """
    return rows.select_for_update(of=("self",)).order_by("pk") if connections[using].vendor == "postgresql" else rows


def select(sql: str, values: Sequence[str | bytes | int | UUID], using: str = "default") -> list[tuple[Any, ...]]:
    """Rows of a statement by hand: for the few reads of the hot paths, where the models' own takes twenty times as long.

    On SQLite and outside of `writing` it is read on a plain connection of this thread, so that an event loop may do it too.
    """
    if not _held.__dict__.get(using) and is_near(using):
        plain = [value.hex if isinstance(value, UUID) else value for value in values]
        try:
            return _reader(using).execute(sql.replace("%s", "?"), plain).fetchall()
        except (FileNotFoundError, sqlite3.OperationalError) as error:  # as Django says it: the store is away
            raise OperationalError(str(error)) from error
    return _execute(sql, values, using, rows=True)


def insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[Value]], *, conflict: str = "", using: str = "default") -> None:
    """Rows by hand in as few statements as possible, none where there are none. Call inside `writing`.

    `conflict`: what becomes of a row that is there already (ON CONFLICT …).
    """
    assert not rows or _held.__dict__.get(using)
    head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "  # noqa: S608 - our own names
    for part in _portions(rows):
        _execute(f"{head}{_table(part)} {conflict}", [value for row in part for value in row], using)


def update(table: str, change: str, rows: Sequence[Sequence[Value]], using: str = "default") -> None:
    """Change the rows whose ids are the first value of each of `rows`; `change` names the others new.column2, new.column3, …

    Numbers and ids only: what else a value might be, PostgreSQL would have to be told. Call inside `writing`.
    """
    assert not rows or _held.__dict__.get(using)
    for part in _portions(rows):
        sql = f"UPDATE {table} SET {change} FROM (VALUES {_table(part)}) AS new WHERE {table}.id = new.column1"  # noqa: S608
        _execute(sql, [value for row in part for value in row], using)


def _portions(rows: Sequence[Sequence[Value]]) -> Iterator[Sequence[Sequence[Value]]]:
    """So many at once that a statement has few enough values, in powers of two: each size is prepared once (SQLite)."""
    at = 0
    while at < len(rows):
        size = min(MOST_ROWS, 1 << (len(rows) - at).bit_length() - 1)
        yield rows[at : at + size]
        at += size


def _table(rows: Sequence[Sequence[Value]]) -> str:
    return ", ".join([f"({marks(rows[0])})"] * len(rows))


def _execute(sql: str, values: Sequence[Value], using: str, *, rows: bool = False) -> list[tuple[Any, ...]]:
    """Run a statement with Django's connection; its `rows`, where it gives any. In SQLite without Django's own cursor, which looks at
    each mark by itself."""
    database = connections[using]
    if database.vendor != "sqlite":
        with database.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall() if rows else []
    database.ensure_connection()
    with database.wrap_database_errors:
        found: list[tuple[Any, ...]] = database.connection.execute(sql.replace("%s", "?"), [_plain(value) for value in values]).fetchall()
    return found


def _plain(value: Value) -> "str | bytes | int | None":
    """A value as SQLite's tables have it: digits of an id, a date in ISO's form."""
    if isinstance(value, UUID):
        return value.hex
    return value.isoformat() if isinstance(value, date) else value


def change(sql: str, rows: Sequence[Sequence[str | bytes | int | UUID]], using: str = "default") -> None:
    """A statement by hand for each of the rows of values. Call inside `writing`."""
    assert _held.__dict__.get(using)
    native = connections[using].features.has_native_uuid_field
    values = rows if native else [[value.hex if isinstance(value, UUID) else value for value in row] for row in rows]
    with connections[using].cursor() as cursor:
        cursor.executemany(sql, values)


def lock(using: str = "default") -> str:
    """What a SELECT by hand ends with, to lock its rows until the end of `writing` (SQLite has the turn)."""
    return "" if is_near(using) else " FOR UPDATE"


def is_near(using: str = "default") -> bool:
    """Is the database a file of this machine, so that a short read waits for nobody?"""
    return bool(settings.DATABASES[using]["ENGINE"].endswith("sqlite3"))


def marks(values: Sequence[Any]) -> str:
    """As many marks for values in a statement."""
    return ", ".join(["%s"] * len(values))


def _reader(using: str) -> sqlite3.Connection:
    """This thread's connection for reading. A file that was put in the place of another one (a restore) is opened anew."""
    path = connections.settings[using]["NAME"]
    found = os.stat(path)  # noqa: PTH116 - on the hottest path
    identity = (os.getpid(), found.st_dev, found.st_ino)
    kept: tuple[tuple[int, int, int], sqlite3.Connection] | None = _readers.__dict__.get(using)
    if kept is None or kept[0] != identity:
        made = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, timeout=30, cached_statements=200)
        made.execute("PRAGMA trusted_schema=OFF")
        kept = _readers.__dict__[using] = (identity, made)
    return kept[1]


def close_reader(using: str = "default") -> None:
    """Close this thread's connection for reading, before other bytes are put into the database's file."""
    kept = _readers.__dict__.pop(using, None)
    if kept is not None:
        kept[1].close()


def rows_of(model: type[M], where: str, values: Sequence[str | bytes | int | UUID], using: str = "default") -> list[M]:
    """A model's rows by a condition of ours by hand: what `select` is for, where the callers want rows and not values."""
    names, columns, makers = _form(model)
    sql = f"SELECT {columns} FROM {model._meta.db_table} WHERE {where}"  # noqa: S608 - our own names
    return [
        model.from_db(using, names, [make(value) if make and value is not None else value for make, value in zip(makers, row, strict=True)])
        for row in select(sql, values, using)
    ]


def as_id(value: "UUID | str") -> UUID:
    """An id as `select` gives it: PostgreSQL knows ids, SQLite their digits."""
    return value if isinstance(value, UUID) else UUID(hex=value)


def as_moment(value: "datetime | str") -> datetime:
    """A moment as `select` gives it: PostgreSQL knows moments, SQLite their text in UTC (inside of `writing` a moment without zone)."""
    found = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def as_day(value: "date | str") -> date:
    """A day as `select` gives it."""
    return value if isinstance(value, date) else date.fromisoformat(value)


@cache
def _form(model: type[Model]) -> tuple[list[str], str, list[Callable[[Any], Any] | None]]:
    """A model's attributes, its columns, and what makes a value of each, as `select` gives it, the model's own."""
    makers: list[tuple[type, Callable[[Any], Any]]] = [
        (UUIDField, as_id), (DateTimeField, as_moment), (DateField, as_day), (BooleanField, bool)
    ]  # fmt: skip
    fields = model._meta.concrete_fields
    made = [next((make for kind, make in makers if isinstance(_own(field), kind)), None) for field in fields]
    return [field.attname for field in fields], ", ".join(f"{field.column}" for field in fields), made


def _own(field: Any) -> Any:
    """The field whose values a reference has: a row's key may be another's."""
    return _own(field.target_field) if field.is_relation else field


def truncate_log(using: str) -> bool:
    """Bring the log of a SQLite database to length zero: until then it keeps pages that were overwritten. False: somebody reads."""
    connection = connections[using]
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return not cursor.fetchone()[0]


def shorten_log(using: str = "default") -> bool:
    """Empty the log of a SQLite database of what was deleted or overwritten since, and keep nobody waiting for long: most of it is moved
    beside the writers, the rest in a turn of its own. False: somebody reads just now; the next call does it."""
    connection = connections[using]
    if connection.vendor != "sqlite" or not _log_bytes(using):
        return True
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        cursor.execute("PRAGMA busy_timeout")
        (patience,) = cursor.fetchone()
        cursor.execute(f"PRAGMA busy_timeout={SOON_MS}")
        try:
            with _turn(using):
                return truncate_log(using)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={patience}")


def _log_bytes(using: str) -> int:
    """How long the log of a SQLite database is."""
    try:
        return Path(f"{connections.settings[using]['NAME']}-wal").stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _turn(using: str) -> Iterator[None]:
    if connections[using].vendor != "sqlite":
        yield
        return
    folder = os.path.dirname(connections.settings[using]["NAME"])  # noqa: PTH120 - on the hottest path
    fd = os.open(f"{folder}/turn.{using}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
