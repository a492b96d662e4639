"""The command: python -m bench all [--quick] | one of TITLES [--quick] [--json FILE].

Each measurement runs in a process of its own; tables and, below them, the verdicts on its aims go to standard output, what is going on
to standard error. Whoever ends it by a signal (SIGTERM, SIGINT) finds it tidied up.
"""

import argparse
import importlib
import json
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import aims, table
from bench.servers import NotThere

TITLES = {
    "delivery": "Delivery of 10 KB messages, 16 sessions, 1 and 400 mailboxes",
    "outgoing": "Mail out: taken, carried, erased (10 KB)",
    "imap": "IMAP: the session mix beside Dovecot",
    "idle": "IMAP: clients that wait, over TLS",
    "large": "IMAP: a folder of 200,000 messages",
    "together": "Delivery and page writes at the same time",
    "submission": "Submission: processor time of a login and of a 10 KB message",
    "rows": "Erasure: rows erased a second",
    "sweep": "Sweep: 1,000 due among what is stored",
    "new_year": "One New Year's midnight",
    "search": "Search in a large mailbox",
    "portal": "The portal beside Roundcube, a folder of 50,000 messages (5,000 with --quick)",
    "checks": "Checks of incoming mail, 10 KB",
    "sealed": "A sealed mailbox beside a standard one",
}
AIMS = "aims"  # what the verdicts of one measurement are called beside its rows
ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure what was asked for; 1 where something could not be measured. A missed aim is told, and no failure of the command."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is ended and removed
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("what", choices=["all", *TITLES])
    parser.add_argument("--quick", action="store_true", help="small sizes: all of it in less than five minutes")
    parser.add_argument("--json", type=Path, help="write the results there too")
    chosen = parser.parse_args()
    if chosen.what == "all":
        print(_machine())
        told = [_apart(name, quick=chosen.quick) for name in TITLES]
        print("\n".join(["### All aims", "", *(line for _, lines in told for line in lines), ""]))
        results = {name: rows for name, (rows, _) in zip(TITLES, told, strict=True)}
    else:
        rows, lines = _here(chosen.what, quick=chosen.quick)
        results = {chosen.what: rows, **({AIMS: [{"aim": line} for line in lines]} if chosen.json else {})}
    if chosen.json:
        chosen.json.write_text(table.as_json(results))
    return 0 if all(rows for name, rows in results.items() if name != AIMS) else 1


def _here(name: str, *, quick: bool) -> tuple[list[table.Row], list[str]]:
    """Rows and verdicts; none of the first where it could not be measured, which is then a verdict of its own."""
    command = f"python -m bench {name}{' --quick' if quick else ''}"
    module = importlib.import_module(f"bench.{name}")
    try:
        rows: list[table.Row] = module.run(quick=quick)
    except NotThere as missing:
        print(f"{TITLES[name]}: {missing}", file=sys.stderr)
        lines = [f"NOT MEASURED | {missing} | {command}"]
        print("\n".join([*lines, ""]), flush=True)
        return [], lines
    lines = aims.lines(module.aims(rows), command, aims.load()) if hasattr(module, "aims") else []
    print(table.markdown(TITLES[name], rows), flush=True)
    print("\n".join([*lines, ""]) if lines else "", flush=True)
    return rows, lines


def _apart(name: str, *, quick: bool) -> tuple[list[table.Row], list[str]]:
    print(f"{TITLES[name]} ...", file=sys.stderr, flush=True)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "bench", name, "--json", file.name, *(["--quick"] if quick else [])]
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                process.wait()
            except BaseException:  # tidy up there as well
                process.terminate()
                process.wait()
                raise
        try:
            found = json.loads(Path(file.name).read_text())
        except ValueError:
            return [], [f"NOT MEASURED | ended with {process.returncode} | python -m bench {name}"]
        return found[name], [row["aim"] for row in found[AIMS]]


def _machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{platform.platform()}, {cores} × {cpu}, Python {platform.python_version()}, load {load} at the start\n"


if __name__ == "__main__":
    sys.exit(main())
