"""`stadtmail prove` and `witness`: what shows that the promises hold. The work is done in privacy; this prints it."""

import argparse
import json
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
    from stadtmail.privacy import proofs
    from stadtmail.tenants import queries as tenants

    now, found = clock.now(), []
    for city in [tenants.city_of_slug(chosen.city)] if chosen.city else tenants.cities():
        found += [(city, state) for state in proofs.run(city, now)]
    held.release()
    if chosen.json:
        print(json.dumps([{"city": city.slug, **row} for city, state in found for row in proofs.as_json([state])], indent=2))
    else:
        for city, state in found:
            when, value = f"{state.at:%Y-%m-%d %H:%M}" if state.at else "", "" if state.value is None else state.value
            print(f"{city.slug:20} {state.id:8} {state.state:14} {state.figure or '':32} {value:>8} {when}")
    return 1 if any(state.state == "broken" for _, state in found) else 0


def run_settle(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Confess the fork in each city's log."""
    held = start.settling()
    from stadtmail.privacy import witness

    settled = witness.settle(clock.now())
    held.release()
    print(f"settled: {settled} city log(s) say that they forked")
