"""A process, its family and its sockets: die with the parent, tell the service manager, find out whether a port is free."""

import ctypes
import errno
import os
import resource
import signal
import socket
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PARENT = "SERVED_BY"


def die_with_parent(sign: int = signal.SIGTERM) -> None:
    """Get this signal when the parent dies: no role outlives its supervisor with a lock or a port in its hands.

    Where the parent has said that it is one (`be_parent`) and died before this was called, nobody sends a signal any more: end now.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(sign), 0, 0, 0)
    expected = os.environ.get(_PARENT, "")
    if expected and os.getppid() != int(expected):
        os.kill(os.getpid(), signal.SIGKILL)


def be_parent() -> None:
    """Whoever is started from now on belongs to this process."""
    os.environ[_PARENT] = str(os.getpid())


def tell_manager(state: str) -> None:
    """Tell systemd ("READY=1", "STOPPING=1"), where it asked to be told (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)


def many_files() -> None:
    """As many open files as the system lets this process have: each connection is one."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def defer_accept(port: int, seconds: int) -> int:
    """A connection that says nothing stays with the kernel, which drops it after so many seconds (tcp(7), TCP_DEFER_ACCEPT).

    For the sockets on which this process listens at the port. Returns how many they were.
    """
    found = 0
    for handle in Path("/proc/self/fd").iterdir():
        try:
            is_socket = str(handle.readlink()).startswith("socket:")
        except OSError:  # closed meanwhile
            continue
        if not is_socket:
            continue
        with socket.socket(fileno=os.dup(int(handle.name))) as listening:
            if _listens(listening, port):
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, seconds)
                found += 1
    return found


def _listens(one: socket.socket, port: int) -> bool:
    if one.family not in (socket.AF_INET, socket.AF_INET6) or one.type != socket.SOCK_STREAM:
        return False
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)) and one.getsockname()[1] == port


def is_free(host: str, port: int) -> bool:
    """Could a server listen there now? Raises PermissionError where this user may not, OSError where the address is not this machine's."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def answers(host: str, port: int) -> bool:
    """Does somebody accept connections there? (A server that listens everywhere is asked on loopback.)"""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104 - compared, not opened
    try:
        with socket.create_connection((target, port), timeout=1):
            return True
    except OSError:
        return False
