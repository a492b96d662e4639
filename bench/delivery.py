"""Durable delivery of 10 KB messages, a connection for each, into one mailbox and into 400, beside Debian's Postfix with Dovecot's LMTP.

Both do the same work: take it by SMTP, fsync, answer 250, and have it in the mailbox. Three comparisons: nothing checked; the same on
a disk with 5 ms more a sync; everything checked, beside Debian's OpenDKIM and Dovecot's Sieve. The runs alternate on one machine, so
that the ratio outlives whatever else the machine does; a run of the peer ends when the last message lies in its mailbox.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import checked, cost, servers, slow, world
from bench.table import Row

OCTETS, SESSIONS = 10_240, 16
MAILBOXES = (1, 400)
WARM_UP = 64
PLAIN = ("stadtmail", "Postfix → Dovecot LMTP")
CHECKED = ("stadtmail: SPF, DKIM, ARC, DMARC, filter for spam, Sieve", "Postfix, OpenDKIM → Dovecot LMTP, Sieve")


@dataclass(frozen=True)
class Side:
    """One that is measured: its processes, what delivers so many messages to it, and what counts its syncs."""

    name: str
    roots: tuple[int, ...]
    deliver: Callable[[int], None]
    slowed: Sequence[slow.Slow] = ()
    tidy: Callable[[], None] = lambda: None

    def syncs(self) -> list[int]:
        """Syncs so far, of each of its programs that were slowed."""
        return [one.syncs() for one in self.slowed]


def run(*, quick: bool) -> list[Row]:
    """Measure. Raises servers.NotThere."""
    count, rounds = (400, 3) if quick else (2_000, 5)
    port = servers.free_port()
    with world.folder(port_smtp=str(port)) as data:
        people = world.residents(world.city(), max(MAILBOXES) + 1, name="{}messung")
        rows = _plain(port, count, rounds) + _slow(port, count // 2 if quick else count, rounds)
        with checked.prepared(data, people) as made:
            return rows + _checked(port, made, count, rounds)


def _plain(port: int, count: int, rounds: int) -> list[Row]:
    with servers.ours("doors", port) as doors, servers.peer() as peer:
        return _sizes("nothing", port, peer, (doors,), count=count, rounds=rounds)


def _slow(port: int, count: int, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-slow-") as name, ExitStack() as stack:
        mine, postfix, dovecot = (slow.made(Path(name), one) for one in ("stadtmail", "postfix", "dovecot"))
        doors = stack.enter_context(servers.ours("doors", port, LD_PRELOAD=str(mine.library)))
        peer = stack.enter_context(servers.peer(postfix=postfix.library, dovecot=dovecot.library))
        slowed = ((mine,), (postfix, dovecot))
        return _sizes("nothing, 5 ms more a sync", port, peer, (doors,), count=count, rounds=rounds, slowed=slowed)


def _checked(port: int, made: checked.Prepared, count: int, rounds: int) -> list[Row]:
    with servers.ours("doors", port, STADTMAIL_RESOLVER=made.resolver) as doors, servers.peer(made.peer) as peer:
        return _sizes("everything", port, peer, (doors,), count=count, rounds=rounds, message=made.message)


def _sizes(
    checks: str, port: int, peer: servers.Peer, doors: tuple[int, ...], *, count: int, rounds: int, message: "int | Path" = OCTETS,
    slowed: tuple[Sequence[slow.Slow], Sequence[slow.Slow]] = ((), ()),
) -> list[Row]:  # fmt: skip
    rows: list[Row] = []
    ours, theirs = PLAIN if isinstance(message, int) else CHECKED
    for mailboxes in MAILBOXES:
        world.say(f"{count} messages into {mailboxes} mailbox(es), checked: {checks}; {rounds} rounds each")
        sides = [
            Side(ours, doors, _us(port, mailboxes, message), slowed[0]),
            Side(theirs, peer.roots, _them(peer, mailboxes, message), slowed[1], peer.empty),
        ]
        rows += [{"checked": checks, "mailboxes": mailboxes, **row} for row in _compared(sides, count, rounds, max(WARM_UP, mailboxes))]
    return rows


def _us(port: int, mailboxes: int, message: "int | Path") -> Callable[[int], None]:
    return lambda count: servers.spread(port, count, SESSIONS, _to("ahaus.net", mailboxes), mailboxes=mailboxes, message=message)


def _them(peer: servers.Peer, mailboxes: int, message: "int | Path") -> Callable[[int], None]:
    def deliver(count: int) -> None:
        already = peer.stored()
        servers.spread(peer.port, count, SESSIONS, _to("bench.example", mailboxes), mailboxes=mailboxes, message=message)
        while peer.stored() < already + count:
            time.sleep(0.02)

    return deliver


def _to(domain: str, mailboxes: int) -> str:
    return f"{0 if mailboxes == 1 else ''}messung@{domain}"  # the client puts its number in front


def _compared(sides: Sequence[Side], count: int, rounds: int, warm_up: int) -> list[Row]:
    costs: dict[str, list[cost.Cost]] = {side.name: [] for side in sides}
    for side in sides:
        side.deliver(warm_up)
    before = {side.name: side.syncs() for side in sides}
    for _ in range(rounds):
        for side in sides:
            side.tidy()
            with cost.measured(side.roots) as one:
                side.deliver(count)
            costs[side.name].append(one)
    middles = {name: cost.middle(found) for name, found in costs.items()}
    base = middles[sides[-1].name]
    return [_row(side.name, middles[side.name], base, count, _syncs(side, before[side.name], count * rounds)) for side in sides]


def _syncs(side: Side, before: Sequence[int], messages: int) -> str:
    """Syncs a message of each slowed program. Raises NotThere where the slow disk did not reach one."""
    more = [now - then for now, then in zip(side.syncs(), before, strict=True)]
    if not all(more):
        raise servers.NotThere(f"the slow disk does not reach all of {side.name}")
    return " + ".join(f"{number / messages:.2f}" for number in more) or "-"


def _row(name: str, found: cost.Cost, base: cost.Cost, count: int, syncs: str) -> Row:
    return {
        "side": name, "messages a second": count / found.wall, "ms of processor a message": 1000 * found.cpu / count,
        "times as fast": base.wall / found.wall, "times less processor": base.cpu / found.cpu, "syncs a message": syncs,
    }  # fmt: skip
