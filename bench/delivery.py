"""Durable delivery of 10 KB messages, a connection for each, beside Debian's Postfix with Dovecot's LMTP.

Both do the same work: take it by SMTP, fsync, answer 250, and have it in the mailbox. The runs alternate on one machine, so
that the ratio outlives whatever else the machine does; a run of the peer ends when the last message lies in its mailbox.
"""

import time
from collections.abc import Callable

from bench import cost, servers, world
from bench.table import Row

OCTETS, SESSIONS = 10_240, 16
WARM_UP = 64
Run = Callable[[int], None]


def run(*, quick: bool) -> list[Row]:
    """Measure. Raises servers.NotThere."""
    count, rounds = (400, 3) if quick else (2_000, 5)
    port = servers.free_port()
    with world.folder(port_smtp=str(port)):
        residents = world.residents(world.city(), SESSIONS)
        with servers.ours("doors", port) as doors, servers.peer() as peer:
            rows = []
            for mailboxes in (1, SESSIONS):
                world.say(f"{count} messages into {mailboxes} mailbox(es), {rounds} rounds each")
                theirs = [f"messung{number}@bench.example" for number in range(mailboxes)]
                sides: dict[str, tuple[tuple[int, ...], Run]] = {
                    "stadtmail": ((doors,), _us(port, residents[:mailboxes])),
                    "Postfix → Dovecot LMTP": (peer.roots, _them(peer, theirs)),
                }
                rows += _compared(sides, count, rounds, mailboxes)
            return rows


def _us(port: int, to: list[str]) -> Run:
    return lambda count: servers.send(port, count, OCTETS, SESSIONS, to)


def _them(peer: servers.Peer, to: list[str]) -> Run:
    def deliver(count: int) -> None:
        wanted = peer.stored() + count
        servers.send(peer.port, count, OCTETS, SESSIONS, to)
        while peer.stored() < wanted:
            time.sleep(0.01)

    return deliver


def _compared(sides: dict[str, tuple[tuple[int, ...], Run]], count: int, rounds: int, mailboxes: int) -> list[Row]:
    costs: dict[str, list[cost.Cost]] = {name: [] for name in sides}
    for _, deliver in sides.values():
        deliver(WARM_UP)
    for _ in range(rounds):
        for name, (roots, deliver) in sides.items():
            with cost.measured(roots) as one:
                deliver(count)
            costs[name].append(one)
    middles = {name: cost.middle(found) for name, found in costs.items()}
    base = middles["Postfix → Dovecot LMTP"]
    return [
        {
            "side": name, "mailboxes": mailboxes, "messages a second": count / found.wall,
            "ms of processor a message": 1000 * found.cpu / count, "times as fast": base.wall / found.wall,
            "times less processor": base.cpu / found.cpu,
        }
        for name, found in middles.items()
    ]  # fmt: skip
