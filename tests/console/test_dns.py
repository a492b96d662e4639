"""`stadtmail dns`: what it prints is a zone file that it then finds right, through a real name server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console.test_main import ROOT, stadtmail
from tests.dns import FakeDns
from tests.instance import POSTGRES

pytestmark = pytest.mark.skipif(bool(POSTGRES), reason="the demo is made on SQLite")


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "data"
    done = stadtmail(folder, "demo", TMPDIR=str(folder.parent))
    assert done.returncode == 0, done.stderr
    return folder


def dns(demo: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("STADTMAIL_")}
    environment = {**kept, "STADTMAIL_DATA": str(demo), "TMPDIR": str(demo.parent), **settings}
    command = [sys.executable, "-m", "stadtmail.doors.console.main", "dns", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, timeout=100, check=False)


def zone(printed: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for line in printed.splitlines():
        if line and not line.startswith(";"):
            name, _, kind, value = line.split(maxsplit=3)
            text = value.replace('" "', "").strip('"') if kind == "TXT" else value
            found.setdefault(name.rstrip("."), {}).setdefault(kind, []).append(text)
    return found


def test_what_is_printed_is_what_is_checked(demo) -> None:
    printed = dns(demo, "print")
    assert printed.returncode == 0, printed.stderr
    records = zone(printed.stdout)
    assert {"ahaus.net", "musterstadt.example", "_dmarc.ahaus.net", "_imaps._tcp.musterstadt.example"} <= set(records)
    with FakeDns({**records, "ahaus.localhost": {"A": ["192.0.2.1"]}, "musterstadt.localhost": {"A": ["192.0.2.1"]}}) as server:
        done = dns(demo, "check", "--json", STADTMAIL_RESOLVER=server.address)
        rows = json.loads(done.stdout)
        wrong = {(row["name"], row["kind"]) for row in rows if row["state"] not in ("right", "by hand", "missing")}
        assert wrong == set()
        assert {row["kind"] for row in rows if row["state"] == "missing"} <= {"CAA"}  # a certifier that only the operator knows
        server.zones["_dmarc.ahaus.net."] = {"TXT": ["v=DMARC1; p=none"]}
        done = dns(demo, "check", "--city", "ahaus.net", STADTMAIL_RESOLVER=server.address)
        assert done.returncode == 1
        assert "different  TXT   _dmarc.ahaus.net" in done.stdout
        assert "musterstadt" not in done.stdout


def test_an_unknown_city_is_said(demo) -> None:
    done = dns(demo, "print", "--city", "nirgendwo")
    assert done.returncode == 1
    assert "city" in done.stderr
