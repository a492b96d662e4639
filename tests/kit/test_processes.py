"""Ports, the service manager, and children that do not outlive their parent."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from stadtmail.kit import processes


def test_a_port_is_free_until_somebody_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.listen(1)
        assert not processes.is_free("127.0.0.1", port)
        assert processes.answers("127.0.0.1", port)
    assert processes.is_free("127.0.0.1", port)
    assert not processes.answers("127.0.0.1", port)


def test_the_service_manager_is_told(tmp_path, monkeypatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        processes.tell_manager("READY=1")
        assert manager.recv(100) == b"READY=1"


_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "from stadtmail.kit import processes; processes.die_with_parent(); print(1, flush=True); "
    "import time; time.sleep(60)"], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_dies_with_a_parent_that_was_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", _PARENT], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())})
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 10
    while _is_running(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _descriptors_of(server: socket.socket) -> int:
    """How many of this process's descriptors are this socket: a copy that was forgotten would be a second."""
    name = Path(f"/proc/self/fd/{server.fileno()}").readlink()
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += entry.readlink() == name
    return found


def test_connections_that_say_nothing_are_left_to_the_kernel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert processes.defer_accept(port, 10) == 1
        assert _descriptors_of(server) == 1
        assert server.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) > 0
        server.settimeout(0.3)
        with socket.create_connection(("127.0.0.1", port)) as client:
            with pytest.raises(TimeoutError):
                server.accept()
            client.sendall(b"x")
            server.accept()[0].close()
