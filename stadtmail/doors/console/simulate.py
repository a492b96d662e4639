"""`stadtmail simulate`: a synthetic city lives for years in minutes; an independent checker watches every day of it.

It runs in a process and a temporary data folder of its own, which are gone at the end, and never sees this instance.
"""

import argparse
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from stadtmail.kit import config, errors, instance

DAYS_A_YEAR = 365
ROOT = Path(__file__).resolve().parents[3]
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder below it is made by mkdtemp
BAR = 30


class CouldNotSimulate(errors.TryLater):
    """The simulation ended before its last day."""


def add(verbs: Any) -> None:
    """Register the verb."""
    verb = verbs.add_parser("simulate", help="let a synthetic city live for years; exit code 1 if a date was not kept")
    verb.add_argument("--residents", type=_at_least_one, default=100)
    length = verb.add_mutually_exclusive_group()
    length.add_argument("--years", type=_at_least_one, default=2)
    length.add_argument("--days", type=_at_least_one)
    verb.add_argument("--seed", type=int, default=1, help="the same seed, the same city")
    verb.add_argument("--json", action="store_true", help="the totals as one object")
    verb.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Simulate and print. Returns 1 if the checker found anything. Raises CouldNotSimulate."""
    days = chosen.days or chosen.years * DAYS_A_YEAR
    problems: list[str] = []
    totals: dict[str, Any] = {}
    with closing(simulated(chosen.residents, days, chosen.seed)) as lines:
        for line in lines:
            totals = line
            if "day" in line:
                problems += [f"day {line['day']}: {problem}" for problem in line["problems"]]
                _show(line, chosen)
    if "seconds" not in totals:
        raise CouldNotSimulate("the simulation ended before its last day: what it said is above")
    if chosen.json:
        print(json.dumps({**totals, "found": problems}, indent=2))
    else:
        print("\n".join([*problems, *_words(totals)]))
    return 1 if totals["problems"] else 0


def simulated(residents: int, days: int, seed: int) -> Generator[dict[str, Any], None, None]:
    """One object a day, then the totals. Everything that it made is removed, also where the reader stops early."""
    with _world() as environment:
        command = [sys.executable, "-m", "stadtmail.doors.console.simulation.run", str(residents), str(days), str(seed)]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        try:
            yield from (json.loads(line) for line in process.stdout)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


@contextmanager
def _world() -> Iterator[dict[str, str]]:
    """A data folder and a volatile store of the simulation's own, in memory where there is room for it."""
    place = SHARED_MEMORY if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free > 1 << 30 else None
    folder = Path(tempfile.mkdtemp(prefix="stadtmail-simulation-", dir=place))
    try:
        data = folder / "data"
        data.mkdir(mode=0o700)
        (folder / "root.key").write_bytes(secrets.token_bytes(32))
        (folder / "root.key").chmod(0o600)
        instance.create(data, kind="test", root_key=folder / "root.key")
        yield {
            **config.without_settings(), "STADTMAIL_DATA": str(data), "STADTMAIL_VOLATILE_URL": str(folder / "volatile"),
            "DJANGO_SETTINGS_MODULE": "stadtmail.settings", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _show(line: dict[str, Any], chosen: argparse.Namespace) -> None:
    if not sys.stderr.isatty() or chosen.json:
        return
    done = BAR * int(line["day"]) // int(line["of"])
    end = "\n" if line["day"] == line["of"] else ""
    print(f"\r[{'#' * done}{'.' * (BAR - done)}] day {line['day']} of {line['of']}", end=end, file=sys.stderr, flush=True)


def _words(totals: dict[str, Any]) -> list[str]:
    lived = ", ".join(f"{count} {what}" for what, count in sorted(totals["lived"].items()))
    latest = f"the latest {totals['worst_lateness_seconds']:.0f} s after it was due"
    return [
        f"{totals['residents']} residents, {totals['days']} days, seed {totals['seed']}, {totals['seconds']} s",
        f"lived: {lived}",
        f"checked: {totals['checked']} units, one by one, day by day; {totals['erased']} erased, {latest}",
        f"problems: {totals['problems']}",
    ]


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
