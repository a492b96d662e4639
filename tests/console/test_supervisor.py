"""Three roles under one supervisor: up, back after a death with a growing pause, drained at SIGTERM; one lock for all."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from stadtmail.doors.console import lock, ports, supervisor
from stadtmail.kit import config

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DIES = [sys.executable, "-c", "import sys; sys.exit(3)"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTMAIL_DATA", str(tmp_path))
    return tmp_path


def run(monkeypatch, commands: dict[str, list[str]], during) -> supervisor.Supervisor:
    """Run a supervisor in this thread (it takes signals) and `during` beside it, then stop it."""
    monkeypatch.setattr(supervisor, "command", lambda role: commands[role])
    monkeypatch.setattr(ports, "of", lambda roles: [])
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.05)
    made, ready = supervisor.Supervisor(list(commands)), threading.Event()
    for child in made.children:
        child.pause = 0.05

    def beside() -> None:
        ready.wait(10)
        try:
            during(made)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    helper = threading.Thread(target=beside)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    helper.start()
    try:
        made.run(ready.set)
    finally:
        helper.join()
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    return made


def test_a_role_that_dies_comes_back_and_all_are_drained(monkeypatch) -> None:
    seen = []

    def during(made: supervisor.Supervisor) -> None:
        first = made.children[0].process
        assert first is not None
        seen.append(first)
        first.kill()
        until = time.monotonic() + 10
        while (made.children[0].process in (None, first)) and time.monotonic() < until:
            time.sleep(0.02)
        seen.append(made.children[0].process)

    made = run(monkeypatch, {"web": SLEEPER, "work": SLEEPER}, during)
    assert seen[1] is not None
    assert seen[1].pid != seen[0].pid
    assert all(child.process is not None and child.process.poll() is not None for child in made.children)


def test_a_role_that_keeps_dying_is_tried_ever_more_slowly(monkeypatch) -> None:
    child = supervisor.Child("work", pause=0.05)
    monkeypatch.setattr(supervisor, "command", lambda role: DIES)
    pauses, until = [], time.monotonic() + 20
    while len(pauses) < 4 and time.monotonic() < until:
        before = child.pause
        child.look()
        if child.pause != before:
            pauses.append(child.pause)
        time.sleep(0.01)
    assert pauses == [0.1, 0.2, 0.4, 0.8]


def test_a_role_that_never_comes_up_is_told_by_name(monkeypatch) -> None:
    monkeypatch.setattr(supervisor, "command", lambda role: DIES if role == "doors" else SLEEPER)
    monkeypatch.setattr(ports, "of", lambda roles: [("127.0.0.1", 1)])
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    made = supervisor.Supervisor(["web", "doors"])
    with pytest.raises(supervisor.NotReady, match="doors"):
        made.run(lambda: None)
    signal.signal(signal.SIGTERM, before[0])
    signal.signal(signal.SIGINT, before[1])
    assert all(child.process is not None and child.process.poll() is not None for child in made.children)


_HOLDER = "from stadtmail.doors.console import lock; held = lock.{how}(); print(held.alone, flush=True); input()"


def other(how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _HOLDER.format(how=how)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    process.first = process.stdout.readline().strip()  # type: ignore[attr-defined]
    return process


def test_only_one_process_starts_up_and_the_others_join(monkeypatch) -> None:
    held = lock.join()
    assert held.alone
    held.share()
    beside = other("join")
    assert beside.first == "False"
    with pytest.raises(lock.InUse, match=str(config.load().data)):
        lock.take_alone()
    held.release()
    beside.communicate("\n")
    lock.take_alone().release()


def test_whoever_joins_waits_for_the_one_who_starts_up(monkeypatch) -> None:
    starting = other("take_alone")
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.3)
    with pytest.raises(lock.InUse, match="starting up"):
        lock.join()
    starting.kill()  # its lock dies with it
    starting.wait()
    lock.join().release()
