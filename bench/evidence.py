"""How fast evidence is written, exported, proven and verified. Run: python -m bench.evidence [erasures]

Works on an instance of its own in a temporary folder (SQLite, synchronous=FULL) and prints one line a figure.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

FOLDER = Path(tempfile.mkdtemp(prefix="stadtmail-bench-"))
os.environ["STADTMAIL_DATA"] = str(FOLDER)
os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
VERIFIER = Path(__file__).resolve().parents[1] / "verifier" / "stadtmail_verify.py"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
PER_LEAF = 500


def main(erasures: int) -> None:
    """Measure and print."""
    import django

    from stadtmail.kit import instance

    instance.create(FOLDER, kind="test", root_key=FOLDER / "root.key")
    django.setup()
    from django.core.management import call_command

    for store in ("default", "evidence", "keys"):
        call_command("migrate", database=store, verbosity=0)
    from stadtmail.privacy import witness
    from stadtmail.privacy.evidence import log, public
    from stadtmail.privacy.policy import actions

    city = actions.open_city(slug="ahaus.net", domain="ahaus.net", hosts=["ahaus.localhost"], now=NOW)
    _append(city, 1, PER_LEAF)
    seconds = timed("append one leaf of 500 commitments", lambda: _append(city, 1, PER_LEAF))
    _print("  commitments a second", PER_LEAF / seconds)
    seconds = timed("append 2,000 leaves of one commitment", lambda: _append(city, 2_000, 1))
    _print("  leaves a second", 2_000 / seconds)
    leaves = erasures // PER_LEAF
    timed(f"append {leaves} leaves of {PER_LEAF}, a head a leaf", lambda: [_append(city, 1, PER_LEAF) for _ in range(leaves)])
    mark = bytes.fromhex(_append(city, 1, PER_LEAF))
    os.environ["STADTMAIL_WITNESS_URL"] = str(FOLDER)
    timed("witness: first copy of everything", lambda: witness.copy(NOW))
    _append(city, 1, PER_LEAF)
    timed("witness: copy of what is new", lambda: witness.copy(NOW))
    timed("export the whole log", lambda: (FOLDER / "log.json").write_text(json.dumps(log.export(city))))
    _print("  bytes of the log", (FOLDER / "log.json").stat().st_size)
    timed("proof for one receipt", lambda: (FOLDER / "proof.json").write_text(json.dumps(public.proof_for(city, [mark], since=1))))
    _print("  bytes of the proof", (FOLDER / "proof.json").stat().st_size)
    timed("verify the whole log", lambda: _verify("log.json"))
    timed("verify the proof", lambda: _verify("proof.json"))


def _append(city: object, count: int, marks: int) -> str:
    from stadtmail.kit import store
    from stadtmail.privacy.evidence import log, tree

    last = b""
    with store.writing():
        for _ in range(count):
            digests = [os.urandom(32) for _ in range(marks)]
            last = digests[0]
            fields = {
                "type": "erasure", "category": "BD", "cause": "due", "count": marks, "done": "2026-11-23T10:00Z",
                "due": "2026-11-23T10:00Z", "root": tree.root_of([tree.leaf_hash(d) for d in digests]).hex(),
                "readable_in_backups_until": "2026-12-01",
            }  # fmt: skip
            log.note(city, fields, now=NOW, outbox=uuid4(), commitments=b"".join(digests))
    log.move(NOW + timedelta(minutes=1))
    return last.hex()


def _verify(name: str) -> None:
    done = subprocess.run([sys.executable, "-I", "-S", str(VERIFIER), str(FOLDER / name), "--lang", "en"], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def timed(what: str, work) -> float:  # type: ignore[no-untyped-def]
    """Do the work once and print how long it took."""
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    print(f"{what:<52}{1000 * seconds:>12.1f} ms")
    return seconds


def _print(what: str, value: float) -> None:
    print(f"{what:<52}{value:>12,.0f}")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
