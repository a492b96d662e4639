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
UP_SECONDS = 60.0


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


def has_peer() -> bool:
    """Are Debian's packages there?"""
    return all(shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin") for name in ("postfix", "dovecot", CLIENT))


@contextmanager
def peer() -> Iterator[Peer]:
    """Postfix and Dovecot in a folder of their own, stopped and gone at the end. Raises NotThere."""
    if not has_peer() or os.geteuid() != 0:
        raise NotThere("the peer needs root, and: apt-get install postfix dovecot-lmtpd")
    folder, port = Path(tempfile.mkdtemp(prefix="bench-peer-")), free_port()
    folder.chmod(0o755)
    try:
        subprocess.run([PEER, "start", folder, str(port)], check=True, stdin=subprocess.DEVNULL)
        pids = (folder / "queue/pid/master.pid", folder / "run/master.pid")
        yield Peer(port, tuple(int(path.read_text()) for path in pids), folder / "mail")
    finally:
        subprocess.run([PEER, "stop", folder], check=False, stdin=subprocess.DEVNULL)


@contextmanager
def ours(role: str, port: int) -> Iterator[int]:
    """One role of `stadtmail serve` on this process's data folder, up when its port answers. Gives its process id."""
    process = subprocess.Popen([sys.executable, "-m", "stadtmail.doors.console.main", "serve", role], stdin=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + UP_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise NotThere("stadtmail serve did not come up")
