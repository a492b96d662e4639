"""The command: python -m bench all [--quick] | one of TITLES [--quick] [--json FILE].

Each measurement runs in a process of its own; tables go to standard output, what is going on to standard error.
"""

import argparse
import importlib
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import table
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
ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure what was asked for; 1 where something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("what", choices=["all", *TITLES])
    parser.add_argument("--quick", action="store_true", help="small sizes: all of it in less than five minutes")
    parser.add_argument("--json", type=Path, help="write the results there too")
    chosen = parser.parse_args()
    if chosen.what == "all":
        print(_machine())
        results = {name: rows for name in TITLES if (rows := _apart(name, quick=chosen.quick))}
    else:
        results = {chosen.what: _here(chosen.what, quick=chosen.quick)}
    if chosen.json:
        chosen.json.write_text(table.as_json(results))
    return 0 if all(results.values()) and (chosen.what != "all" or len(results) == len(TITLES)) else 1


def _here(name: str, *, quick: bool) -> list[table.Row]:
    try:
        rows: list[table.Row] = importlib.import_module(f"bench.{name}").run(quick=quick)
    except NotThere as missing:
        print(f"{TITLES[name]}: {missing}", file=sys.stderr)
        return []
    print(table.markdown(TITLES[name], rows), flush=True)
    return rows


def _apart(name: str, *, quick: bool) -> list[table.Row]:
    print(f"{TITLES[name]} ...", file=sys.stderr, flush=True)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "bench", name, "--json", file.name, *(["--quick"] if quick else [])]
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            return []
        rows: list[table.Row] = json.loads(Path(file.name).read_text())[name]
        return rows


def _machine() -> str:
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "?")
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    load = Path("/proc/loadavg").read_text().split()[0]
    return f"{platform.platform()}, {cores} × {cpu}, Python {platform.python_version()}, load {load} at the start\n"


if __name__ == "__main__":
    sys.exit(main())
