"""The simulation with its rows and keys on PostgreSQL: python -m tests.console.simulation_on_postgres RESIDENTS DAYS SEED.

`stadtmail simulate` takes SQLite wherever it runs, since its checker reads the files. Here the checker asks the same questions of the
server, by a connection of its own; what it makes of the answers is its own code, untouched.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from stadtmail.doors.console.simulation import checker, raw, run

SERVERS = {"default": "STADTMAIL_DATABASE_URL", "keys": "STADTMAIL_KEYS_URL"}
WORDS = (  # of SQLite, and of PostgreSQL
    (r"select name from sqlite_master where type = 'table'", "select tablename from pg_tables where schemaname = 'public'"),
    (r"pragma table_info\((\w+)\)", r"select ordinal_position, column_name from information_schema.columns where table_name = '\1'"),
    (r"\?", "%s"),
)


class Rows:
    """A connection that takes SQLite's words and answers with ids as SQLite's tables have them."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def execute(self, sql: str, values: Any = ()) -> "Rows":
        for word, other in WORDS:
            sql = re.sub(word, other, sql)
        self._answer = self._connection.execute(sql, values or None)
        return self

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return (tuple(value.hex if isinstance(value, UUID) else value for value in row) for row in self._answer)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return list(self)

    def fetchone(self) -> tuple[Any, ...] | None:
        return next(iter(self), None)

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *details: Any) -> None:
        self._connection.close()


def opened(path: Path) -> Any:
    """Rows and keys on the server, evidence in its file."""
    return Rows(os.environ[SERVERS[path.stem]]) if path.stem in SERVERS else raw.opened(path)


if __name__ == "__main__":
    checker.opened = opened  # type: ignore[misc, assignment]
    sys.exit(1 if run.main(*(int(argument) for argument in sys.argv[1:4])) else 0)
