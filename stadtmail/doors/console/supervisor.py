"""The supervisor: its children, each of which comes back when it dies, with a growing pause; SIGTERM drains them all."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stadtmail.doors.console import ports
from stadtmail.kit import log, processes

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY_SECONDS = 60.0  # who lived that long starts again without a pause
DRAIN_SECONDS = 30.0
READY_SECONDS = 60.0


class NotReady(Exception):
    """A role did not come up."""


@dataclass
class Child:
    """One role and its process."""

    role: str
    process: subprocess.Popen[bytes] | None = None
    begun: float = 0.0
    pause: float = FIRST_PAUSE
    again_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the role in a session of its own: Ctrl-C reaches the supervisor, which drains."""
        self.process = subprocess.Popen(command(self.role), start_new_session=True, stdin=subprocess.DEVNULL)
        self.begun = time.monotonic()

    def look(self) -> None:
        """Start it again where it has died and its pause is over."""
        if self.process is None:
            if time.monotonic() >= self.again_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        log.event("role_died", role=self.role, code=code)
        self.pause = FIRST_PAUSE if time.monotonic() - self.begun > STEADY_SECONDS else min(self.pause * 2, LONGEST_PAUSE)
        self.process, self.again_at = None, time.monotonic() + self.pause


def command(role: str) -> list[str]:
    """How a role is started."""
    return [sys.executable, "-m", "stadtmail.doors.console.main", "serve", role]


class Supervisor:
    """Runs until SIGTERM or SIGINT."""

    def __init__(self, roles: Sequence[str]) -> None:
        self.children = [Child(role) for role in roles]
        self._stopping = False

    def run(self, when_ready: Callable[[], None]) -> None:
        """Start, tell when every port answers, keep alive, drain. Raises NotReady where a role dies before that."""
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, self._stop)
        processes.be_parent()
        for child in self.children:
            child.start()
        try:
            if self._ready():
                processes.tell_manager("READY=1")
                when_ready()
            while not self._stopping:
                for child in self.children:
                    child.look()
                time.sleep(0.2)
        finally:
            processes.tell_manager("STOPPING=1")
            self._drain()

    def _stop(self, *_: object) -> None:
        self._stopping = True

    def _ready(self) -> bool:
        until = time.monotonic() + READY_SECONDS
        while not self._stopping:
            for child in self.children:
                if child.process is not None and child.process.poll() is not None:
                    raise NotReady(f"the role {child.role} did not come up")
            if all(processes.answers(*address) for address in ports.of([child.role for child in self.children])):
                return True
            if time.monotonic() > until:
                raise NotReady(f"the ports did not answer within {READY_SECONDS:.0f} seconds")
            time.sleep(0.1)
        return False

    def _drain(self) -> None:
        running = [child.process for child in self.children if child.process is not None and child.process.poll() is None]
        for process in running:
            process.terminate()
        until = time.monotonic() + DRAIN_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
