"""The tables of this program and of the databases: migrated by whoever starts up alone, compared by everybody.

A database that another version has written is refused with a sentence instead of failing in the middle of an erasure.
"""

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

STORES = ("default", "evidence", "keys")


def migrate() -> None:
    """Bring every store to this program's tables; nothing happens where they are."""
    from django.core.management import call_command

    for store in STORES:
        executor = MigrationExecutor(connections[store])
        if not _foreign(executor) and executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", database=store, verbosity=0, interactive=False)


def problems() -> list[str]:
    """What differs between the tables as they are and as this program knows them, one sentence each."""
    found = []
    for store in STORES:
        executor = MigrationExecutor(connections[store])
        foreign = _foreign(executor)
        if foreign:
            found.append(f"{store}: written by another version of this program ({', '.join(foreign)})")
        elif executor.migration_plan(executor.loader.graph.leaf_nodes()):
            found.append(f"{store}: its tables are older than this program; stop everything and start again")
        else:
            found += [f"{store}: {problem}" for problem in _columns(store)]
    return found


def _foreign(executor: MigrationExecutor) -> list[str]:
    # a store that Django has never seen has no table of migrations yet
    if not executor.recorder.has_table():
        return []
    known = set(executor.loader.graph.nodes) | set(executor.loader.replacements)
    rooms = {label for label, _ in known}
    return sorted(f"{label} {name}" for label, name in executor.loader.applied_migrations if label in rooms and (label, name) not in known)


def _columns(store: str) -> list[str]:
    from django.apps import apps

    from stadtmail.kit.router import store_of

    found, connection = [], connections[store]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        for model in apps.get_models():
            if store_of(model) != store:
                continue
            table = model._meta.db_table
            if table not in there:
                found.append(f"table {table} is missing: it was made by another version of this program")
                continue
            real = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            wanted = {str(field.column) for field in model._meta.concrete_fields}
            for name in sorted(real ^ wanted):
                how = "unknown" if name in real else "missing"
                found.append(f"column {table}.{name} is {how}: it was made by another version of this program")
    return found
