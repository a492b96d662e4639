"""The guard over this process's connections (kit/egress.py): what it refused, or found open, is tallied for the figure of C-1.2."""

import threading
from datetime import datetime
from uuid import UUID

from stadtmail.kit import clock, egress, log
from stadtmail.usage import tallies

HERE = UUID(int=0)  # a connection is the instance's, and no city's
WATCH_SECONDS = 15.0


def guard(role: str) -> None:
    """Refuse what the role may not open, and count it."""
    egress.guard(role, report=_count)


def watch(role: str) -> None:
    """Look into the kernel's table every few seconds, in a thread of its own, for what C code opened past the guard."""
    threading.Thread(target=_watch, args=(role, threading.Event()), name="egress", daemon=True).start()


def refused(now: datetime) -> int:
    """Connections that were refused or found within the last day, in any process of this instance."""
    return tallies.noted("connections_refused", tenant=HERE, now=now)


def look(role: str) -> int:
    """Count what is open now and may not be. Returns how many."""
    found = egress.strangers()
    for port in found:
        log.event("egress_found", role=role, port=port, clause="C-1.2")
        _count()
    return len(found)


def _watch(role: str, never: threading.Event) -> None:
    while not never.wait(WATCH_SECONDS):
        try:
            look(role)
        except Exception as error:  # noqa: BLE001 - the next look may see again
            log.bug(error, role=role)


def _count() -> None:
    try:
        tallies.note("connections_refused", tenant=HERE, now=clock.now())
    except Exception as error:  # noqa: BLE001 - refused all the same, and in the log
        log.bug(error, role="egress")
