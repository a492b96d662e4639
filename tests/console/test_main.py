"""The operator's command: every mistake is a sentence and an exit code, and a bug shows no value."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def stadtmail(data: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STADTMAIL_")}
    environment |= {"STADTMAIL_DATA": str(data), **settings}
    command = [sys.executable, "-m", "stadtmail.doors.console.main", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=100, check=False)


def test_an_unknown_setting_is_refused(tmp_path) -> None:
    done = stadtmail(tmp_path, "clock", "show", STADTMAIL_PROT_WEB="80")
    assert (done.returncode, done.stdout) == (2, "")
    assert "STADTMAIL_PROT_WEB" in done.stderr
    assert "docs/operate.md" in done.stderr


def test_a_folder_without_an_instance_is_told(tmp_path) -> None:
    done = stadtmail(tmp_path, "serve")
    assert done.returncode == 1
    assert "stadtmail init" in done.stderr


def test_lint_needs_no_instance_and_counts_errors(tmp_path) -> None:
    done = stadtmail(tmp_path, "policy", "lint")
    assert done.returncode == 0, done.stdout
    assert "ahaus.net: 0 error(s)" in done.stdout
    assert stadtmail(tmp_path, "policy", "lint", "nowhere").returncode == 1
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("production")
    done = stadtmail(folder / "data", "init", "--root-key", str(folder / "root.key"))
    assert done.returncode == 0, done.stderr
    return folder


def test_the_root_key_may_not_lie_in_the_data_folder(tmp_path) -> None:
    (tmp_path / "detour").symlink_to(tmp_path)
    for path in (tmp_path / "root.key", tmp_path / "deep" / "root.key", tmp_path / "detour" / "root.key"):
        done = stadtmail(tmp_path, "init", "--root-key", str(path))
        assert done.returncode == 1
        assert "must not lie in the data folder" in done.stderr
    assert not (tmp_path / "instance.json").exists()


def test_a_production_instance_is_empty_and_its_clock_stands_fast(place) -> None:
    assert stadtmail(place / "data", "city", "list").stdout == ""
    moved = stadtmail(place / "data", "clock", "advance", "P1D")
    assert moved.returncode == 1
    assert "cannot be moved" in moved.stderr


def test_it_is_not_made_twice_and_takes_no_demo(place) -> None:
    assert "already" in stadtmail(place / "data", "init", "--root-key", str(place / "other.key")).stderr
    done = stadtmail(place / "data", "demo")
    assert done.returncode == 1
    assert "production" in done.stderr


def test_without_its_root_key_nothing_starts(place, tmp_path) -> None:
    data = tmp_path / "data"
    shutil.copytree(place / "data", data)
    known = json.loads((data / "instance.json").read_text())
    (data / "instance.json").write_text(json.dumps({**known, "root_key": str(tmp_path / "nowhere")}))
    done = stadtmail(data, "city", "list")
    assert done.returncode == 1
    assert "root key is not at" in done.stderr


def test_a_wrong_root_key_is_noticed_before_anything_is_served(place, tmp_path) -> None:
    data = tmp_path / "data"
    shutil.copytree(place / "data", data)
    known = json.loads((data / "instance.json").read_text())
    (tmp_path / "other.key").write_bytes(os.urandom(32))
    (data / "instance.json").write_text(json.dumps({**known, "root_key": str(tmp_path / "other.key")}))
    done = stadtmail(data, "city", "list")
    assert done.returncode == 1
    assert "root key" in done.stderr


def test_the_recovery_kit_brings_back_root_key_and_ring(place, tmp_path) -> None:
    data = tmp_path / "data"
    shutil.copytree(place / "data", data)
    known = json.loads((data / "instance.json").read_text())
    (data / "instance.json").write_text(json.dumps({**known, "root_key": str(tmp_path / "root.key")}))
    shutil.copy(place / "root.key", tmp_path / "root.key")
    before = (tmp_path / "root.key").read_bytes(), (data / "ring").read_bytes()
    private, public, kit = (str(tmp_path / name) for name in ("private", "public", "kit"))
    assert stadtmail(data, "keys", "pair", private, public).returncode == 0
    assert stadtmail(data, "keys", "escrow", public, kit).returncode == 0
    (tmp_path / "root.key").unlink()
    (data / "ring").unlink()
    assert stadtmail(data, "keys", "recover", kit, public).returncode == 1  # the wrong half opens nothing
    assert not (data / "ring").exists()
    assert stadtmail(data, "keys", "recover", kit, private).returncode == 0
    assert ((tmp_path / "root.key").read_bytes(), (data / "ring").read_bytes()) == before
    assert before[0] not in (tmp_path / "kit").read_bytes()


def test_the_kit_makes_an_instance_on_another_machine(place, tmp_path) -> None:
    """What docs/operate.md says: instance.json and the kit, and the folder of the root key need not be there yet."""
    stadtmail(place / "data", "keys", "pair", str(tmp_path / "private"), str(tmp_path / "public"))
    assert stadtmail(place / "data", "keys", "escrow", str(tmp_path / "public"), str(tmp_path / "kit")).returncode == 0
    there = tmp_path / "data"
    there.mkdir(mode=0o700)
    told = json.loads((place / "data" / "instance.json").read_text())
    (there / "instance.json").write_text(json.dumps({**told, "root_key": str(tmp_path / "etc" / "root.key")}))
    missing = stadtmail(there, "keys", "recover", str(tmp_path / "no kit"), str(tmp_path / "private"))
    assert (missing.returncode, "no kit: No such file" in missing.stderr) == (1, True), missing.stderr
    done = stadtmail(there, "keys", "recover", str(tmp_path / "kit"), str(tmp_path / "private"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc" / "root.key").read_bytes() == (place / "root.key").read_bytes()
    assert (there / "ring").read_bytes() == (place / "data" / "ring").read_bytes()


def test_a_root_key_that_cannot_be_written_makes_no_instance(tmp_path) -> None:
    (tmp_path / "file").touch()
    done = stadtmail(tmp_path / "data", "init", "--root-key", str(tmp_path / "file" / "root.key"))
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stderr
    assert not (tmp_path / "data" / "instance.json").exists()


def test_a_lost_ring_is_told_and_none_is_made_in_its_place(place, tmp_path) -> None:
    shutil.copytree(place / "data", tmp_path / "data")
    assert stadtmail(tmp_path / "data", "city", "open", "ahaus.net", "--host", "ahaus.localhost").returncode == 0
    (tmp_path / "data" / "ring").unlink()
    done = stadtmail(tmp_path / "data", "city", "list")
    assert done.returncode == 1
    assert "keys recover" in done.stderr
    assert not (tmp_path / "data" / "ring").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"STADTMAIL_DATABASE_URL": "postgresql://u:geheim@127.0.0.1:1/x"}, "a database does not answer"),
        ({"STADTMAIL_DATA": "/dev/null/x"}, "Not a directory"),
        ({"STADTMAIL_TLS_CERT": "/nowhere", "STADTMAIL_TLS_KEY": "/nowhere"}, "STADTMAIL_TLS_CERT"),
        ({"STADTMAIL_TLS_CERT": __file__, "STADTMAIL_TLS_KEY": __file__}, "PKCS#8"),
    ],
)
def test_what_is_wrong_with_the_machine_is_no_bug(place, settings, told) -> None:
    done = stadtmail(place / "data", "serve", **settings)
    assert (done.returncode, told in done.stderr) == (1, True), done.stderr
    assert "bug" not in done.stderr
    assert "geheim" not in done.stderr


def test_tables_of_another_version_are_refused(place, tmp_path) -> None:
    data = tmp_path / "data"
    shutil.copytree(place / "data", data)
    with closing(sqlite3.connect(data / "default.sqlite3")) as db, db:
        db.execute("ALTER TABLE privacy_hold ADD COLUMN remark text")
    done = stadtmail(data, "city", "list")
    assert done.returncode == 1
    assert "privacy_hold.remark is unknown" in done.stderr


def test_publish_comes_up_before_it_loads_a_room(place) -> None:
    done = stadtmail(place / "data", "policy", "publish", "nowhere")
    assert done.returncode == 1, done.stderr
    assert "bug" not in done.stderr
