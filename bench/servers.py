"""The two that are compared: `stadtmail serve` as an operator starts it, and Debian's Postfix that hands to Debian's Dovecot."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PEER = Path(__file__).with_name("peer_mail.sh")
CLIENT = "smtp-source"  # Postfix's own load generator
UP_SECONDS, END_SECONDS = 180.0, 60.0  # on a machine that is loaded tenfold too


class NotThere(Exception):
    """A program of the measurement is missing, or did not come up."""


@dataclass(frozen=True)
class Peer:
    """A running Postfix with Dovecot: where it listens, its processes, where its mail lies."""

    port: int
    roots: tuple[int, ...]
    mail: Path

    def stored(self) -> int:
        """Messages that lie in mailboxes."""
        return sum(sum(1 for _ in os.scandir(new)) for new in self.mail.glob("*/new"))

    def empty(self) -> None:
        """Remove all mail, so that counting it costs the next run no processor."""
        for new in self.mail.glob("*/new"):
            for one in os.scandir(new):
                os.unlink(one)  # noqa: PTH108 - thousands of them


@dataclass(frozen=True)
class Checks:
    """What the peer checks mail with: the keys of senders for OpenDKIM (name, record), and everybody's script of Sieve."""

    keys: tuple[tuple[str, str], ...]
    script: str


def has_peer(*more: str) -> bool:
    """Are Debian's packages there?"""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin"
    return all(shutil.which(name, path=places) for name in ("postfix", "dovecot", CLIENT, *more))


@contextmanager
def peer(checks: Checks | None = None, **slow: Path) -> Iterator[Peer]:
    """Postfix and Dovecot in a folder of their own, stopped and gone at the end. `slow`: libraries for postfix and dovecot.

    Raises NotThere.
    """
    if os.geteuid() != 0 or not has_peer(*(["opendkim", "sievec"] if checks else [])):
        raise NotThere(f"the peer needs root, and: apt-get install postfix dovecot-lmtpd{' opendkim dovecot-sieve' if checks else ''}")
    folder, port = Path(tempfile.mkdtemp(prefix="bench-peer-")), free_port()
    folder.chmod(0o755)
    wanted = {f"SLOW_{name.upper()}": str(library) for name, library in slow.items()}
    try:
        if checks is not None:
            wanted["CHECKED"] = "1"
            (folder / "dns").write_text("".join(f"{name} {record}\n" for name, record in checks.keys))
            (folder / "filter.sieve").write_text(checks.script)
        subprocess.run([PEER, "start", folder, str(port)], check=True, stdin=subprocess.DEVNULL, env=os.environ | wanted)
        pids = [folder / "queue/pid/master.pid", folder / "run/master.pid", *([folder / "milter/pid"] if checks else [])]
        yield Peer(port, tuple(int(path.read_text()) for path in pids), folder / "mail")
    finally:
        subprocess.run([PEER, "stop", folder], check=False, stdin=subprocess.DEVNULL)


@contextmanager
def ours(role: str, port: int, **settings: str) -> Iterator[int]:
    """One role of `stadtmail serve` on this process's data folder, up when its port answers. Gives its process id.

    `settings`: more of its environment.
    """
    with several(role, port, 1, **settings) as (process,):
        yield process


@contextmanager
def several(role: str, port: int, processes: int, **settings: str) -> Iterator[tuple[int, ...]]:
    """So many processes of a role that share a port, up when all listen there."""
    command = [sys.executable, "-m", "stadtmail.doors.console.main", "serve", role]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(processes):
            started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ | settings))
            _await(started[-1], port, number + 1)
        yield tuple(process.pid for process in started)
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            _ended(process)


def _ended(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:  # a busy machine: nothing of it may be left all the same
        process.kill()
        process.wait()


def send(port: int, count: int, octets: int, sessions: int, to: list[str]) -> None:
    """Deliver `count` messages over `sessions` at a time, shared among the mailboxes; returns when every one has its 250."""
    started = [client(port, count // len(to), octets, max(1, sessions // len(to)), address) for address in to]
    if sum(process.wait() for process in started):
        raise NotThere("the client could not deliver")


def client(port: int, count: int, octets: int, sessions: int, to: str) -> "subprocess.Popen[bytes]":
    """Begin to deliver to one mailbox, a connection for each message."""
    path = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}
    command = [CLIENT, "-s", str(sessions), "-m", str(count), "-l", str(octets), "-f", "sender@elsewhere.example", "-t", to]
    return subprocess.Popen([*command, f"127.0.0.1:{port}"], env=path)


def spread(port: int, count: int, sessions: int, to: str, *, mailboxes: int, message: "int | Path") -> None:
    """Deliver over `sessions` at a time, a connection for each message, to the mailboxes 1to, 2to, … in turn, or to the one `to`.

    `message`: so many octets, or a file. Returns when every one has its 250.
    """
    path = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin"}
    what = ["-l", str(message)] if isinstance(message, int) else ["-F", str(message)]
    command = [CLIENT, "-s", str(sessions), *what, "-f", "sender@elsewhere.example", "-t", to, *(["-N"] if mailboxes > 1 else [])]
    while count > 0:
        turn = min(count, mailboxes) if mailboxes > 1 else count  # the client counts from one again in each turn
        if subprocess.run([*command, "-m", str(turn), f"127.0.0.1:{port}"], env=path, check=False).returncode:
            raise NotThere("the client could not deliver")
        count -= turn


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(process: "subprocess.Popen[bytes]", port: int, listening: int) -> None:
    """Until so many sockets listen at a port."""
    until = time.monotonic() + UP_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if _listening(port) >= listening:
            return
        time.sleep(0.1)
    raise NotThere("stadtmail serve did not come up")


def _listening(port: int) -> int:
    """How many sockets listen there (proc(5), /proc/net/tcp: address, port and state in hexadecimal digits)."""
    tables = [path.read_text() for path in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if path.exists()]
    rows = [line.split() for text in tables for line in text.splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)
