"""`stadtmail prove` and `witness`: what shows that the promises hold. The work is done in privacy; this prints it."""

import argparse
import json
import sys
from collections import Counter
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock


def add(verbs: Any) -> None:
    """Register the verbs."""
    prove = verbs.add_parser("prove", help="every clause of the notice: is it kept, and which figure shows it")
    prove.add_argument("--json", action="store_true", help="a list of objects with id, state and the rest")
    prove.add_argument("--city", help="slug; without it: every city")
    prove.set_defaults(run=run_prove)
    witness = verbs.add_parser("witness", help="the copy of ledger and tree heads elsewhere").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    settle = witness.add_parser("settle", help="after a roll-back with a fork: confess it in the log and begin a new witness file")
    settle.set_defaults(run=run_settle)


def run_prove(chosen: argparse.Namespace) -> int:
    """Measure and print. Returns 1 if anything is broken."""
    held = start.joining()
    try:
        found = _proven(chosen.city)
    finally:
        held.release()
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        for row in found:
            print(_line(row))
            for figure in sorted(set(row["figures"]) - {row["figure"]}):
                print(f"{'':44} {figure:32} {row['figures'][figure]:>6}")
    for line in _remarks(found):
        print(line, file=sys.stderr)
    return 1 if any(row["state"] == "broken" for row in found) else 0


def _proven(slug: str | None) -> list[dict[str, Any]]:
    """The states of all clauses of the cities. It waits for the work's turn: no sweep runs through the test resident's life."""
    from stadtmail.doors.console import work
    from stadtmail.privacy import proofs
    from stadtmail.tenants import queries as tenants

    chosen = [tenants.city_of_slug(slug)] if slug else tenants.cities()
    with work.turn(wait=True):
        return [{"city": city.slug, **row} for city in chosen for row in proofs.as_json(proofs.run(city, clock.now()))]


def _line(row: dict[str, Any]) -> str:
    value = "" if row["value"] is None else row["value"]
    leaf = "" if row["leaf"] is None else f"leaf {row['leaf']}"
    how = "" if row["real"] is None else "real" if row["real"] else "test resident"
    head = f"{row['city']:20} {row['id']:7} {row['state']:14} {row['figure'] or '':32}"
    return f"{head} {value:>6} {(row['at'] or '')[:16]:16} {leaf:10} {how}".rstrip()


def _remarks(found: list[dict[str, Any]]) -> list[str]:
    """How many of what, and what a figure alone does not say."""
    from stadtmail.privacy import witness

    counts = Counter(row["state"] for row in found)
    lines = [", ".join(f"{count} {state}" for state, count in sorted(counts.items()))]
    if witness.place() is None:
        lines.append("note: no witness (STADTMAIL_WITNESS_URL): nobody else would see it if this machine's log were rolled back")
    return lines


def run_settle(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Confess the fork in each city's log."""
    held = start.settling()
    from stadtmail.privacy import witness

    settled = witness.settle(clock.now())
    held.release()
    print(f"settled: {settled} city log(s) say that they forked")
