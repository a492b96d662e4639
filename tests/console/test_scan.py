"""`stadtmail scan`: every store of the house is really searched, tokens stay secret, and only an unexplained hit is an error."""

import json
import sqlite3
from contextlib import closing

import psycopg
import pytest

from tests.demo import Demo
from tests.instance import POSTGRES

TOKEN = "Kanarie-5f0c77aa91"


@pytest.mark.postgres
def test_a_resident_is_there_and_a_rule_explains_it(demo) -> None:
    done = demo.command("scan", "Anna Terhaar", "--json")
    hits = json.loads(done.stdout)["hits"]
    assert done.returncode == 0
    assert {hit["way"] for hit in hits} == {"opened"}
    assert all(hit["explained"].startswith("rule ") for hit in hits)
    assert "Terhaar" not in done.stdout


TABLES = ("default", "keys", "evidence")
FILES = ("ring.old", "blobs/ab/left", "log/stray.log", "tmp/part")
ELSEWHERE = {"BLOBS": "../blobs-elsewhere/ab/left", "WITNESS": "../witness/ledger", "VOLATILE": "../volatile/stray"}


def _plant_in_table(demo: Demo, name: str) -> None:
    with closing(sqlite3.connect(demo.data / f"{name}.sqlite3")) as rows:
        rows.execute("create table back_door (value text)")
        rows.execute("insert into back_door values (?)", [TOKEN])
        rows.commit()


def _pull_from_table(demo: Demo, name: str) -> None:
    with closing(sqlite3.connect(demo.data / f"{name}.sqlite3")) as rows:
        rows.execute("pragma secure_delete=on")
        rows.execute("drop table back_door")
        rows.commit()
        rows.execute("pragma wal_checkpoint(truncate)")
        rows.execute("vacuum")


def found(demo: Demo, **settings: str) -> set[str]:
    """The names of what the token lies in, and that nothing explains it."""
    done = demo.command("scan", "-", "--json", given=f"{TOKEN}\n", **settings)
    assert done.returncode == 1, done.stdout + done.stderr
    assert TOKEN not in done.stdout + done.stderr
    hits = json.loads(done.stdout)["hits"]
    assert not [hit for hit in hits if hit["explained"]]
    return {hit["place"].removesuffix("-wal") for hit in hits}


@pytest.mark.skipif(bool(POSTGRES), reason="tables of SQLite: those of servers are below")
def test_every_store_of_the_house_is_searched(demo) -> None:
    """The token lies in each of them at once, and each is named."""
    settings = {f"STADTMAIL_{name}_URL": str(demo.data.parent / path.split("/")[1]) for name, path in ELSEWHERE.items()}
    (demo.data.parent / "volatile").mkdir(mode=0o700)
    paths = [demo.data / path for path in (*FILES, *ELSEWHERE.values())]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"....{TOKEN}....")
    for name in TABLES:
        _plant_in_table(demo, name)
    try:
        everywhere = found(demo, **settings)
        at_home = found(demo)
    finally:
        for name in TABLES:
            _pull_from_table(demo, name)
        for path in paths:
            path.unlink()
    assert everywhere == {*(f"{name}.sqlite3" for name in TABLES), *FILES, "ab/left", "ledger", "stray"}
    assert at_home == everywhere - {"ab/left", "ledger", "stray"}


@pytest.mark.only_postgres
@pytest.mark.parametrize("setting", ["STADTMAIL_DATABASE_URL", "STADTMAIL_KEYS_URL"])
def test_every_table_of_every_server_is_searched(demo, setting) -> None:
    with psycopg.connect(demo.settings[setting], autocommit=True) as rows:
        rows.execute("create table back_door (value text)")
        rows.execute("insert into back_door values (%s)", [TOKEN])
        try:
            assert "public.back_door" in found(demo)
        finally:
            rows.execute("drop table back_door")


@pytest.mark.postgres
def test_nothing_is_found_where_nothing_is(demo) -> None:
    done = demo.command("scan", "-", given=f"{TOKEN}\n")
    assert done.returncode == 0, done.stdout
    assert "0 found, 0 unexplained" in done.stdout


@pytest.mark.parametrize("given", ["", "kurz\n"])
def test_what_cannot_be_looked_for_is_said(demo, given) -> None:
    assert demo.command("scan", "-", given=given).returncode == 1
