"""IMAP beside Debian's Dovecot: the session mix with few and many clients, kept and with a login each time.

Both sides hold the same messages in the same number of mailboxes. Ours is encrypted at rest, syncs each change, and has a process for
each core, as an operator starts it; Dovecot has as many as it wants, and its fsync is as Debian configures it. Sides take turns; ratios
and processor time a command are the figures to look at.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import cost, imap_client, servers, world
from bench.aims import Aim
from bench.table import Row

PEER = Path(__file__).with_name("peer_imap.sh")
BODY = b"Zeile mit ungefaehr sechzig Zeichen, damit neun KB voll werden\r\n" * 140


@dataclass(frozen=True)
class Side:
    """A server that is up, with people in it."""

    name: str
    port: int
    roots: tuple[int, ...]
    people: list[str]


def run(*, quick: bool) -> list[Row]:
    """Measure; with `quick` small boxes and short runs."""
    boxes, count, seconds, rounds = (5, 1_000, 3.0, 2) if quick else (10, 5_000, 10.0, 3)
    with ExitStack() as stack:
        all_sides = (_ours(boxes, count), dovecot("maildir", boxes, count), dovecot("sdbox", boxes, count))
        sides = [stack.enter_context(one) for one in all_sides]
        rows: list[Row] = []
        for way, clients in (("keep", 10), ("keep", 50), ("login", 20)):
            rows += _mix(sides, way, clients, seconds, rounds)
        return rows


def aims(rows: list[Row]) -> list[Aim]:
    """At least as many sessions a second as Dovecot with maildir; beside it, what is wished for: with sdbox."""
    found = []
    for row in rows:
        is_maildir = "maildir" in str(row["server"])
        if row["server"] != "stadtmail" and (row["mix"] == "keep" or is_maildir):
            what = f"sessions beside {row['server']}, {row['clients']} clients, {row['mix']}{'' if is_maildir else ' (a wish)'}"
            found.append(Aim(what, float(str(row["ours, times it"])), 1.0, "times as many", at_least=True))
    return found


def _mix(sides: list[Side], way: str, clients: int, seconds: float, rounds: int) -> list[Row]:
    found: dict[str, list[tuple[float, float]]] = {side.name: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            with cost.measured(side.roots) as spent:
                said = _client(side, clients, seconds, way)
            commands = said["sessions"] * (imap_client.COMMANDS + (2 if way == "login" else 0))
            found[side.name].append((said["sessions"] / said["seconds"], 1e6 * spent.cpu / max(1, commands)))
            world.say(f"{way} {clients} {side.name}: {found[side.name][-1][0]:.0f} sessions a second {said['failed'] or ''}")
    ours = median(one[0] for one in found["stadtmail"])
    return [
        {
            "mix": way, "clients": clients, "server": side.name, "sessions a second": median(one[0] for one in found[side.name]),
            "ours, times it": ours / max(0.01, median(one[0] for one in found[side.name])),
            "processor us a command": median(one[1] for one in found[side.name]),
        }
        for side in sides
    ]  # fmt: skip


def _client(side: Side, clients: int, seconds: float, way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.imap_client", str(side.port), str(clients), str(seconds), way, *side.people]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 900)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def message(number: int) -> bytes:
    """A message of 9 KB."""
    return (
        b"From: Eva Beispiel <eva%d@peer.example>\r\nTo: messung@ahaus.net\r\nSubject: Nummer %d von vielen\r\n"
        b"Date: Mon, 23 Nov 2026 10:00:00 +0100\r\nMessage-ID: <%d@peer.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ) % (number % 97, number, number) + BODY


@contextmanager
def _ours(boxes: int, count: int) -> Iterator[Side]:
    port = servers.free_port()
    with world.folder(port_imap=str(port), port_imaps=str(servers.free_port()), port_smtp=str(servers.free_port())):
        people = world.residents(world.city(), boxes)
        for address in people:
            fill(address, count)
        with servers.several("imap", port, os.cpu_count() or 1) as processes:
            yield Side("stadtmail", port, processes, [f"{address}:{world.PASSWORD}" for address in people])


def fill(address: str, count: int) -> None:
    """Put so many messages into an inbox, and let mail programs in."""
    from stadtmail.mail import views
    from stadtmail.mail.actions import filing
    from stadtmail.people import queries as people
    from stadtmail.people.actions import credentials

    o = world.opened(address)
    tenant = o.mailbox.tenant
    credentials.set_mail_login(people.contract(tenant, o.mailbox.contract_id), tenant=tenant, on=True)
    folder = views.named(o, "INBOX").id
    for at in range(0, count, 500):
        news = [filing.New(message(number), 0, world.NOW) for number in range(at, min(count, at + 500))]
        filing.append(o, folder, news, now=world.NOW)


@contextmanager
def dovecot(kind: str, boxes: int, count: int, *extra: str) -> Iterator[Side]:
    """Debian's Dovecot with so many full mailboxes. `extra`: TLS port, chain, key, and how it logs in. Raises servers.NotThere."""
    if not servers.has_peer():
        raise servers.NotThere("the peer needs root, and: apt-get install dovecot-imapd")
    folder, port = Path(tempfile.mkdtemp(prefix="bench-imap-")), servers.free_port()
    folder.chmod(0o755)
    try:
        subprocess.run([PEER, "start", folder, str(port), kind, *extra], check=True, stdin=subprocess.DEVNULL)
        people = [f"messung{number}:x" for number in range(boxes)]
        for who in people:
            _append(port, who, count)
        yield Side(f"dovecot {kind}", port, (int((folder / "run/master.pid").read_text()),), people)
    finally:
        subprocess.run([PEER, "stop", folder], check=False, stdin=subprocess.DEVNULL)


def _append(port: int, who: str, count: int) -> None:
    client = imap_client.Client(port)
    client.login(who)
    for at in range(0, count, 200):
        some = [message(number) for number in range(at, min(count, at + 200))]
        client.ask(b"APPEND INBOX" + b"".join(b" {%d+}\r\n%b" % (len(one), one) for one in some))
    client.close()
