"""`stadtmail serve`: all roles under one supervisor, or one role alone."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from stadtmail.doors.console import ports, roles, start, supervisor
from stadtmail.kit import certificates, config, errors


class CouldNotServe(errors.TryLater):
    """A role did not come up."""


def add(verbs: Any) -> None:
    """Register the verb."""
    verb = verbs.add_parser("serve", help="serve the instance until SIGTERM: web, doors, imap and work, or one of them alone")
    verb.add_argument("role", nargs="?", choices=sorted(roles.ROLES))
    verb.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Serve. Raises start.CannotStart, ports.Taken, lock.InUse, certificates.NotUsable."""
    certificates.check()
    if chosen.role:
        roles.run(chosen.role)
    else:
        everything(when_ready=lambda: print("ready", flush=True))


def everything(*, when_ready: Callable[[], None]) -> None:
    """Come up and run all roles. Raises what `run` raises, and CouldNotServe."""
    held = start.serving(first=lambda: ports.check(list(roles.ROLES)))
    try:
        supervisor.Supervisor(roles.every()).run(when_ready)
    except supervisor.NotReady as problem:
        where = config.load().data / "log" / "stadtmail.log"
        raise CouldNotServe(f"{problem}: see above, or the last lines of {where}") from None
    finally:
        held.release()
    print("stopped", file=sys.stderr)
