"""Between two tests every store is empty again: one question finds the tables that have rows, and only these are emptied.

Django's flush empties all tables of all stores after each test, in PostgreSQL by a TRUNCATE that takes longer than most tests do.
"""

from functools import cache

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from stadtmail.privacy.evidence import append_only


def empty(alias: str) -> None:
    """Take all rows out of a store; the order does not matter, since foreign keys are looked at when the transaction ends."""
    connection = connections[alias]
    lost = _wrong_triggers(connection)
    filled = _filled(connection)
    if not filled and not lost:
        return
    with transaction.atomic(alias), connection.cursor() as cursor:
        aside = {name: made for name, made in _triggers(connection).items() if name in lost or _forbids(made, filled)}
        for name in aside:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
        for table in filled:
            cursor.execute(f"DELETE FROM {table}")
        for made in aside.values():
            cursor.execute(made)


def _filled(connection: BaseDatabaseWrapper) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_question(connection.alias))
        return [name for (name,) in cursor.fetchall()]


@cache
def _question(alias: str) -> str:
    """The tables of the store's rooms that have a row."""
    tables = connections[alias].introspection.django_table_names(only_existing=True, include_views=False)
    return " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)


def _triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Evidence refuses to be deleted: between two tests it has to be. A test may have taken a trigger off as well."""
    return append_only.triggers() if connection.alias == "evidence" else {}


def _wrong_triggers(connection: BaseDatabaseWrapper) -> set[str]:
    wanted = _triggers(connection)
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return {name for name, _ in wanted.items() - set(cursor.fetchall())}


def _forbids(trigger: str, tables: list[str]) -> bool:
    return any(f" BEFORE DELETE ON {table} " in trigger for table in tables)
