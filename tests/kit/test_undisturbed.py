"""Looking at a database's bytes must not take away the locks of whoever has it open: its log would vanish under them."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from stadtmail.kit import undisturbed

VISIT = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('select count(*) from t').fetchone(); db.close()"


def opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute("create table if not exists t (a)")
    db.execute("insert into t values (1)")
    return db


def look(folder: Path) -> bytes:
    return b"".join(b"".join(undisturbed.pieces(path, 1000)) for path in sorted(folder.iterdir()))


def log_survives_a_visit(path: Path) -> bool:
    subprocess.run([sys.executable, "-c", VISIT, str(path)], check=True)
    return path.with_name(f"{path.name}-wal").exists()


def test_a_look_leaves_the_locks(tmp_path) -> None:
    path = tmp_path / "x.sqlite3"
    db = opened(path)
    assert b"SQLite format 3" in look(tmp_path)
    assert log_survives_a_visit(path)
    db.execute("insert into t values (2)")
    assert db.execute("select count(*) from t").fetchone() == (2,)


def test_without_it_the_log_is_taken_away(tmp_path, monkeypatch) -> None:
    path = tmp_path / "x.sqlite3"
    db = opened(path)
    monkeypatch.setattr(undisturbed, "DATABASE", "none is called that")
    look(tmp_path)
    assert not log_survives_a_visit(path)
    db.close()


def test_a_file_in_the_place_of_another_is_read_and_nothing_is_kept_of_the_old(tmp_path) -> None:
    path = tmp_path / "x.sqlite3"
    path.write_bytes(b"old")
    assert look(tmp_path) == b"old"
    before = len(undisturbed._kept)
    (tmp_path / "y").write_bytes(b"new")
    (tmp_path / "y").replace(path)
    assert look(tmp_path) == b"new"
    assert len(undisturbed._kept) == before
    path.unlink()
    with pytest.raises(FileNotFoundError):
        list(undisturbed.pieces(path, 10))
