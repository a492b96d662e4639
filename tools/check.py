"""The checks of ./check, one after another; every one runs, and the last line says how many passed and failed.

Static checks first, then all tests on SQLite, then the journeys and the tests marked `postgres` on a real PostgreSQL.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import machine

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv" / "bin"
STATIC = {
    "ruff": ["ruff", "check", "."],
    "mypy": ["mypy", "stadtmail"],
    "import-linter": ["lint-imports", "--no-cache"],
}
# tests wait for sockets, disks and programs: one worker more than the cores keeps these busy; who is done takes from who is not
WORKERS = ("-n", str((os.cpu_count() or 1) + 1), "--dist", "worksteal")
# hundreds of processes load the same modules: they are compiled once, beside the packages, also where the caller's Python writes nothing
COMPILED = {"PYTHONPYCACHEPREFIX": str(ROOT / ".venv" / "pycache")}
_COUNT = re.compile(r"(\d+) (passed|failed|error)")
passed, failed, notes = 0, 0, []


def step(name: str, command: list[str], **extra_environment: str) -> tuple[int, str]:
    """Run one command, showing what it prints. Returns exit code and the last line that counts something."""
    print(f"\n== {name}", flush=True)
    begun, last = time.monotonic(), ""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, **COMPILED, **extra_environment}
    process = subprocess.Popen(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            if _COUNT.search(line):
                last = line
        code = process.wait()
    finally:
        process.terminate()
    print(f"-- {name}: {'ok' if code == 0 else 'NOT ok'} ({time.monotonic() - begun:.0f} s)", flush=True)
    return code, last


def static(name: str, command: list[str]) -> None:
    """A check that passes or fails as a whole."""
    global passed, failed
    code, _ = step(name, command)
    passed, failed = passed + (code == 0), failed + (code != 0)
    if code:
        notes.append(f"{name} is not clean")


def tests(name: str, marks: str, *more: str, **environment: str) -> None:
    """A run of pytest. Exit code 5 (nothing collected) is a failure too: a check that checks nothing has been lost."""
    global passed, failed
    code, last = step(name, ["pytest", "-m", marks, *more], **environment)
    counted = dict.fromkeys(("passed", "failed", "error"), 0) | {word: int(number) for number, word in _COUNT.findall(last)}
    bad = counted["failed"] + counted["error"]
    passed, failed = passed + counted["passed"], failed + (bad or (1 if code else 0))
    if code:
        notes.append(f"{name} failed")


def main(arguments: list[str]) -> int:
    """Run everything. Returns the exit code."""
    if arguments not in ([], ["all"]):
        print("./check runs what an engineer runs before each commit; ./check all adds the long tests.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped, the cluster too
    short = "" if arguments else " and not long"
    notes.extend(machine.prepare())
    for name, command in STATIC.items():
        static(name, command)
    tests("tests on SQLite", f"not only_postgres{short}", *WORKERS)
    if machine.postgres_programs() is None:
        notes.append("left out: the tests on PostgreSQL (its programs are not on this machine)")
    else:
        with machine.postgres() as url:
            marks = f"(postgres or only_postgres or journey){short}"
            tests("journeys on PostgreSQL", marks, *WORKERS, STADTMAIL_TEST_DATABASE_URL=url)
    print()
    for note in notes:
        print(f"note: {note}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
