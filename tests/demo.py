"""The demo of ./run for tests that use the operator's command or a whole instance: each worker makes it once, and everybody gets a copy.

With PostgreSQL (tests/instance.py) its rows and keys lie in two databases, which are copied and dropped with it.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from secrets import token_hex

import psycopg

from stadtmail.usage import folder as ram
from tests.instance import POSTGRES  # before any setting is read

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "stadtmail.doors.console.main")
PASSWORD = "sieben stille Wiesen 4"  # of its people
PARTS = {"STADTMAIL_DATABASE_URL": "", "STADTMAIL_KEYS_URL": "_keys"}  # setting -> what is behind the name of its database


@dataclass(frozen=True)
class Demo:
    """A demo that nobody serves. `data`: its folder; `settings`: what its processes need to find it."""

    data: Path
    settings: dict[str, str]

    def command(self, *arguments: str, given: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run the operator's command on it; `more`: further settings."""
        environment = {**without_settings(), **self.settings, **more}
        command = [*COMMAND, *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, text=True, input=given, capture_output=True, timeout=100, check=False)


def without_settings() -> dict[str, str]:
    """This process's environment without what belongs to its own instance."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("STADTMAIL_", "DJANGO_", "TEST_"))}


@contextmanager
def copied(folder: Path) -> Iterator[Demo]:
    """A copy below this folder; its volatile store, wherever that lies, is gone with it."""
    made = _made()
    shutil.copytree(made.data, folder / "data")
    known = json.loads((folder / "data/instance.json").read_text())
    (folder / "data/instance.json").write_text(json.dumps({**known, "root_key": str(folder / "data/root.key")}))
    (folder / "tmp").mkdir()
    with databases(made.settings) as urls:
        try:
            yield Demo(folder / "data", place(folder) | urls)
        finally:
            _clear_volatile(folder / "data")


@cache
def _made() -> Demo:
    folder, kept = Path(tempfile.mkdtemp(prefix="stadtmail-demo-")), ExitStack()
    atexit.register(kept.close)
    kept.callback(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tmp").mkdir()
    demo = Demo(folder / "data", place(folder) | kept.enter_context(databases({})))
    done = demo.command("demo", STADTMAIL_DEMO_PASSWORD=PASSWORD)
    _clear_volatile(demo.data)
    assert done.returncode == 0, done.stderr
    if POSTGRES:
        with psycopg.connect(demo.settings["STADTMAIL_KEYS_URL"]) as keys:
            keys.execute("DELETE FROM vault_machine")  # who made it runs no more: no copy of it has to wait for its lease
    return demo


def _clear_volatile(data: Path) -> None:
    shutil.rmtree(ram._place(data, "", production=False), ignore_errors=True)


def place(folder: Path) -> dict[str, str]:
    """The settings of an instance whose data lie in `data` below this folder."""
    # what is written into temporary files is found, and nobody else's is
    return {"TMPDIR": str(folder / "tmp"), "STADTMAIL_DATA": str(folder / "data")}


@contextmanager
def databases(of: dict[str, str]) -> Iterator[dict[str, str]]:
    """On PostgreSQL two databases of one's own, copies of those that these settings name; on SQLite nothing. Gives the settings."""
    if not POSTGRES:
        yield {}
        return
    base, _, name = POSTGRES.rpartition("/")
    names = {setting: f"{name}_demo_{token_hex(6)}{part}" for setting, part in PARTS.items()}
    with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
        for setting, one in names.items():
            server.execute(f"CREATE DATABASE {one} TEMPLATE {of[setting].rpartition('/')[2] if of else 'template1'}")
    try:
        yield {setting: f"{base}/{one}" for setting, one in names.items()}
    finally:
        with psycopg.connect(f"{base}/postgres", autocommit=True) as server:
            for one in names.values():
                server.execute(f"DROP DATABASE {one} WITH (FORCE)")
