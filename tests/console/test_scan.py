"""`stadtmail scan`: every store of the house is really searched, tokens stay secret, and only an unexplained hit is an error."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.console.test_main import ROOT, stadtmail
from tests.instance import POSTGRES

pytestmark = pytest.mark.skipif(bool(POSTGRES), reason="the demo is made on SQLite")
TOKEN = "Kanarie-5f0c77aa91"


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    done = stadtmail(folder, "demo", TMPDIR=str(folder.parent))
    assert done.returncode == 0, done.stderr
    return folder


def scan(demo: Path, *arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STADTMAIL_")}
    environment = {**kept, "STADTMAIL_DATA": str(demo), "TMPDIR": str(demo.parent), **settings}
    command = [sys.executable, "-m", "stadtmail.doors.console.main", "scan", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, input=given, capture_output=True, timeout=100, check=False)


def test_a_resident_is_there_and_a_rule_explains_it(demo) -> None:
    done = scan(demo, "Anna Terhaar", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert {hit["way"] for hit in found["hits"]} == {"opened"}
    assert all(hit["explained"].startswith("rule ") for hit in found["hits"])
    assert "Terhaar" not in done.stdout


def _in_table(name: str):
    def plant(demo: Path) -> None:
        with closing(sqlite3.connect(demo / f"{name}.sqlite3")) as rows:
            rows.execute("create table back_door (value text)")
            rows.execute("insert into back_door values (?)", [TOKEN])
            rows.commit()

    def pull(demo: Path) -> None:
        with closing(sqlite3.connect(demo / f"{name}.sqlite3")) as rows:
            rows.execute("pragma secure_delete=on")
            rows.execute("drop table back_door")
            rows.commit()
            rows.execute("pragma wal_checkpoint(truncate)")
            rows.execute("vacuum")

    return plant, pull


def _in_file(name: str):
    def plant(demo: Path) -> None:
        (demo / name).parent.mkdir(parents=True, exist_ok=True)
        (demo / name).write_text(f"....{TOKEN}....")

    return plant, lambda demo: (demo / name).unlink()


@pytest.mark.parametrize(
    "door",
    [
        *(_in_table(name) for name in ("default", "keys", "evidence")),
        *(_in_file(name) for name in ("ring.old", "blobs/ab/left", "log/stray.log", "../blobs-elsewhere/ab/left", "../witness/ledger",
                                     "../volatile/stray", "tmp/part")),
    ],
    ids=["default", "keys", "evidence", "ring", "blobs", "log", "blobs elsewhere", "witness", "volatile", "temporary files"],
)  # fmt: skip
def test_every_store_of_the_house_is_searched(demo, door, request) -> None:
    plant, pull = door
    settings = {}
    if request.node.callspec.id == "blobs elsewhere":
        settings = {"STADTMAIL_BLOBS_URL": str(demo.parent / "blobs-elsewhere")}
    elif request.node.callspec.id == "witness":
        settings = {"STADTMAIL_WITNESS_URL": str(demo.parent / "witness")}
    elif request.node.callspec.id == "volatile":
        (demo.parent / "volatile").mkdir(mode=0o700, exist_ok=True)
        settings = {"STADTMAIL_VOLATILE_URL": str(demo.parent / "volatile")}
    plant(demo)
    try:
        done = scan(demo, "-", given=f"{TOKEN}\n", **settings)
    finally:
        pull(demo)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "UNEXPLAINED" in done.stdout
    assert TOKEN not in done.stdout + done.stderr


def test_nothing_is_found_where_nothing_is(demo) -> None:
    done = scan(demo, "-", given=f"{TOKEN}\n")
    assert done.returncode == 0, done.stdout
    assert "0 found, 0 unexplained" in done.stdout


@pytest.mark.parametrize("given", ["", "kurz\n"])
def test_what_cannot_be_looked_for_is_said(demo, given) -> None:
    assert scan(demo, "-", given=given).returncode == 1
