"""Page writes while mail is delivered: how long a write waits for its turn (p95), alone and beside a full door.

A page write is what marking a message as read does: one transaction through `store.writing`, in a process of its own as the
portal's workers are. Both wait for the same turn of the data folder.
"""

import subprocess
import time

from bench import cost, servers, world
from bench.delivery import OCTETS, SESSIONS
from bench.table import Row

PAUSE = 0.005  # between two writes: a busy portal, not a second flood


def run(*, quick: bool) -> list[Row]:
    """Measure: the same writes, first alone and then for as long as `count` messages take."""
    seconds, count = (4.0, 1_500) if quick else (15.0, 8_000)
    port = servers.free_port()
    with world.folder(port_smtp=str(port)):
        to = world.residents(world.city(), SESSIONS)
        with servers.ours("doors", port) as doors:
            servers.send(port, 64, OCTETS, SESSIONS, to[:1])
            alone = _writes(to[0], seconds)
            with cost.measured((doors,)) as one:
                sending = servers.client(port, count, OCTETS, SESSIONS, to[1])
                beside = _writes(to[0], 600.0, until=sending)
            return [_row("alone", alone, 0.0), _row("beside delivery", beside, count / one.wall)]


def _writes(address: str, seconds: float, until: "subprocess.Popen[bytes] | None" = None) -> list[float]:
    from stadtmail.kit import clock, store
    from stadtmail.mail.actions import messages
    from stadtmail.mail.models import Message

    opened = world.opened(address)
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end and (until is None or until.poll() is None):
        with store.writing():
            Message.objects.filter(folder__mailbox=opened.mailbox).update(flags=0)  # unread again, so that each write is one
        begun = time.perf_counter()
        messages.mark_seen(opened, 1, 1, now=clock.now())
        took.append(time.perf_counter() - begun)
        time.sleep(PAUSE)
    return took


def _row(name: str, took: list[float], rate: float) -> Row:
    return {
        "page writes": name, "writes": len(took), "median ms": 1000 * cost.percentile(took, 0.5),
        "p95 ms": 1000 * cost.percentile(took, 0.95),
        "slowest ms": 1000 * max(took), "messages a second": rate,
    }  # fmt: skip
