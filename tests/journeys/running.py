"""A real instance for a journey: a demo of its own (tests/demo.py), served by a real supervisor on free ports; it can be killed."""

import json
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
from datetime import datetime
from pathlib import Path

from stadtmail.kit import config
from tests import demo
from tests.demo import COMMAND, PASSWORD, ROOT


class Running:
    """The instance of one journey. `start`, `kill` (the whole of it, -9), `stop`, `command` beside it or without it."""

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        names = [name for name in config.SETTINGS if name.startswith("PORT_")]
        ports = dict(zip(names, _free_ports(len(names)), strict=True))
        self.web, self.smtp, self.ports = ports["PORT_WEB"], ports["PORT_SMTP"], ports
        (folder / "tmp").mkdir(exist_ok=True)
        self.environment = {
            **demo.without_settings(),
            **demo.place(folder),
            **{f"STADTMAIL_{name}": str(port) for name, port in ports.items()},
            "STADTMAIL_DEMO_PASSWORD": PASSWORD,
            **more,
        }
        self.under: tuple[str, ...] = ()  # a command that watches everything that is started from now on
        self._supervisor: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Serve, and wait until every port answers."""
        with (self.folder / "serve.err").open("a") as errors:
            self._supervisor = subprocess.Popen(
                [*self.under, *COMMAND, "serve"], cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=errors
            )
        assert self._supervisor.stdout is not None
        line = self._supervisor.stdout.readline()
        assert line == "ready\n", (line, (self.folder / "serve.err").read_text()[-3000:])

    def kill(self) -> None:
        """kill -9 of every process of the instance: the power is gone."""
        assert self._supervisor is not None
        family = [self._supervisor.pid, *_offspring(self._supervisor.pid)]
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._supervisor.wait(20)
        until = time.monotonic() + 20
        while any(_lives(pid) for pid in family) and time.monotonic() < until:
            time.sleep(0.05)
        self._supervisor = None

    def kill_role(self, role: str) -> None:
        """kill -9 of one role with its workers; the supervisor starts it again."""
        assert self._supervisor is not None
        for pid in _offspring(self._supervisor.pid):
            if _command_of(pid).endswith(f"serve\0{role}\0"):
                for one in (*_offspring(pid), pid):
                    os.kill(one, signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait for the drain."""
        if self._supervisor is None:
            return
        self._supervisor.terminate()
        try:
            self._supervisor.wait(60)
        finally:
            if self._supervisor.poll() is None:
                self.kill()
        self._supervisor = None

    def command(self, *arguments: str, fails: bool = False, timeout: float = 600) -> str:
        """Run the operator's command. Returns what it prints."""
        done = self._run([*self.under, *COMMAND, *arguments], timeout=timeout)
        assert fails or done.returncode == 0, (arguments, done.returncode, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout if not fails else done.stdout + done.stderr

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin a command that will be killed."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen([*COMMAND, *arguments], cwd=ROOT, env=self.environment, stdout=quiet, stderr=quiet)

    def look(self, what: str, *more: str, given: str = "") -> object:
        """Ask `look.py`, in a process of its own on this data folder."""
        done = self._run([sys.executable, "-m", "tests.journeys.look", what, *more], given=given)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def _run(self, command: list[str], given: str = "", timeout: float = 600) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, input=given, text=True, capture_output=True, timeout=timeout, check=False
        )


def moment(here: Running) -> datetime:
    """The instance's present moment, from its own command: another test may have walked its clock."""
    text = here.command("clock", "show").split("now")[1].split("UTC")[0].strip()
    return datetime.fromisoformat(f"{text}+00:00")


@contextmanager
def running(**more: str) -> Iterator[Running]:
    """A demo that serves; its folders and databases are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="journey-"))
    try:
        with demo.copied(folder) as made:
            here = Running(folder, **made.settings, **more)
            try:
                here.start()
                yield here
            finally:
                here.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _offspring(pid: int) -> list[int]:
    """Children and their children, from /proc."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found, new = [], [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
