"""Backups of `default` as an operator makes them, put back over what is there: SQLite's own copy, pg_dump and pg_restore."""

import os
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.db import connections

from stadtmail.kit import store


def backup() -> Callable[[], None]:
    """Copy the rows of this process's instance now. What is returned puts the copy back."""
    connection = connections["default"]
    connection.ensure_connection()
    if connection.vendor == "postgresql":
        given = connection.settings_dict
        url = f"postgresql://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
        dump = dumped(url)
        return lambda: put_back_dump(url, dump)
    copy = sqlite3.connect(":memory:")
    connection.connection.backup(copy)

    def put_back() -> None:
        store.close_reader()
        connection.ensure_connection()
        copy.backup(connection.connection)

    return put_back


def backup_of(folder: Path, url: str) -> Callable[[], None]:
    """The same of an instance of other processes, which is stopped when it is put back."""
    if url:
        dump = dumped(url)
        return lambda: put_back_dump(url, dump)
    file = folder / "default.sqlite3"
    copy = sqlite3.connect(":memory:")
    source = sqlite3.connect(file)
    source.backup(copy)
    source.close()

    def put_back() -> None:
        for old in (file, *folder.glob(f"{file.name}-*")):
            old.unlink()
        target = sqlite3.connect(file)
        copy.backup(target)
        target.close()

    return put_back


def dumped(url: str) -> bytes:
    """pg_dump of a database."""
    return _client("pg_dump", "--format=custom", url=url)


def put_back_dump(url: str, dump: bytes) -> None:
    """pg_restore over what is there."""
    _client("pg_restore", "--clean", "--if-exists", "--single-transaction", "--exit-on-error", url=url, data=dump)


def _client(program: str, *options: str, url: str, data: bytes = b"") -> bytes:
    parts = urlsplit(url)
    bare = f"postgresql://{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
    environment = {**os.environ, "PGPASSWORD": unquote(parts.password or "")}
    command = [str(_newest(program)), *options, f"--dbname={bare}"]
    done = subprocess.run(command, env=environment, input=data, capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _newest(program: str) -> Path:
    """Of the newest server on this machine: an older pg_dump refuses it, and not every package puts it on the path."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{program}")
    return max(versions, key=lambda path: float(path.parts[4]), default=Path(program))
