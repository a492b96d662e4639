"""`stadtmail prove`: a fresh demo is green after its first start, stale is broken, and the exit code says it."""

import json
import subprocess
import sys

import pytest

from tests.demo import ROOT, without_settings

pytestmark = pytest.mark.postgres


def test_a_fresh_demo_is_green(demo) -> None:
    done = demo.command("prove", "--json")
    rows = json.loads(done.stdout)
    assert [row for row in rows if row["state"] == "broken"] == []
    assert done.returncode == 0, done.stderr
    assert {row["city"] for row in rows} == {"ahaus.net", "musterstadt.example"}
    assert len(rows) == 2 * 62
    for row in rows:
        assert row["state"] in ("kept", "not_yet_built", "informational")
        if row["state"] == "kept":
            assert row["figure"]
            assert row["value"] is not None
            assert row["at"]
            assert row["leaf"] is not None


def test_it_says_that_no_witness_is_there(demo, tmp_path) -> None:
    assert "no witness" in demo.command("prove", "--city", "ahaus.net").stderr
    (tmp_path / "witness").mkdir()
    assert "no witness" not in demo.command("prove", "--city", "ahaus.net", STADTMAIL_WITNESS_URL=str(tmp_path / "witness")).stderr


def test_a_person_in_the_log_breaks_c42(demo) -> None:
    residue = demo.data / "log" / "stray.log"
    residue.write_text("delivered to somebody@example.org\n")
    try:
        done = demo.command("prove", "--json", "--city", "ahaus.net")
    finally:
        residue.unlink()
    assert done.returncode == 1
    assert [(row["id"], row["figure"]) for row in json.loads(done.stdout) if row["state"] == "broken"] == [("C-4.2", "log_scan_hits")]


def test_stale_counts_as_broken(demo) -> None:
    program = (
        "from stadtmail.doors.console import start\nheld = start.joining()\n"
        "from datetime import timedelta\nfrom stadtmail.kit import clock\nfrom stadtmail.privacy import proofs\n"
        "from stadtmail.tenants.queries import cities\n"
        "found = proofs.states(cities()[0], clock.now() + timedelta(days=3))\n"
        "print(sorted({state.state for state in found}), [state.id for state in found if state.state == 'kept'])"
    )
    environment = {**without_settings(), **demo.settings, "DJANGO_SETTINGS_MODULE": "stadtmail.settings"}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    assert done.stdout.strip() == "['broken', 'informational', 'not_yet_built'] []", done.stderr
