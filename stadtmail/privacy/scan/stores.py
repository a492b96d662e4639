"""Every store, named once: whatever keeps bytes for this instance is listed here or registered, and is scanned.

Files are read as they lie, write-ahead logs and free pages included; temporary files of all our processes lie in the data
folder too (kit/instance.py). Rows of a PostgreSQL server are read as text and bytes.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.db import connections

from stadtmail.kit import config, undisturbed
from stadtmail.vault import blobs

CHUNK_BYTES = 16 * 1024 * 1024
OVERLAP_BYTES = 4096  # longer than any form of a token
_registered: dict[str, Callable[[], Iterable[Path]]] = {}


@dataclass(frozen=True)
class Place:
    """Where bytes lie: the store, and inside of it a file or a table."""

    store: str
    name: str


def register_store(name: str, folders: Callable[[], Iterable[Path]]) -> None:
    """A room above keeps bytes in these folders as well (volatile store, search, exports)."""
    _registered[name] = folders


def names() -> list[str]:
    """Every store that is searched."""
    return sorted({"data folder", "blobs", "witness", *_registered, *(f"database {name}" for name in _servers())})


def pieces(*, changed_since: float | None = None, most: int | None = None) -> Iterator[tuple[Place, bytes]]:
    """All bytes of all stores, in pieces that overlap; or of files changed since then (machine's time), small ones first, up to `most`."""
    found = [(store, folder, path) for store, folder in _folders() for path in sorted(folder.rglob("*"))]
    rest = most
    for store, folder, path in found if most is None else sorted(found, key=lambda one: _size(one[2])):
        if not path.is_file() or path.is_symlink() or not _is_changed(path, changed_since):
            continue
        if rest is not None and (rest := rest - _size(path)) < 0:
            break
        yield from _file(Place(store, str(path.relative_to(folder))), path)
    for name in _servers():
        yield from _rows(name)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def _is_changed(path: Path, since: float | None) -> bool:
    try:
        return since is None or path.stat().st_mtime >= since - 1
    except FileNotFoundError:
        return False


def _folders() -> Iterator[tuple[str, Path]]:
    chosen = config.load()
    wanted = [("data folder", chosen.data), ("blobs", blobs.root())]
    wanted += [("witness", Path(chosen.witness_url.removeprefix("file://")))] if chosen.witness_url else []
    wanted += [(name, path) for name, folders in _registered.items() for path in folders()]
    seen: list[Path] = []
    for store, folder in wanted:
        place = folder.resolve()
        if place.is_dir() and not any(place.is_relative_to(known) for known in seen):
            seen.append(place)
            yield store, place


def _file(place: Place, path: Path) -> Iterator[tuple[Place, bytes]]:
    try:
        tail = b""
        for chunk in undisturbed.pieces(path, CHUNK_BYTES):
            yield place, tail + chunk
            tail = chunk[-OVERLAP_BYTES:]
    except FileNotFoundError:  # erased while we look
        return


def _servers() -> list[str]:
    return [name for name in connections if connections[name].vendor == "postgresql"]


def _rows(name: str) -> Iterator[tuple[Place, bytes]]:
    """What the server gives: every table of every schema that is ours, statistics included (privacy.md 6)."""
    with connections[name].cursor() as cursor:
        cursor.execute("select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
    for table in [*tables, "pg_stats"]:
        place = Place(f"database {name}", table)
        with connections[name].cursor() as cursor:
            cursor.execute(f"select * from {table}")  # noqa: S608 - a name that the server itself has quoted
            while rows := cursor.fetchmany(2_000):
                yield place, b"\0".join(_bytes(value) for row in rows for value in row)


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, (bytes, memoryview)) else str(value).encode()
