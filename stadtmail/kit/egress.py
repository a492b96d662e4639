"""Which connections this process may open (C-1.2): none but those of its role's purposes. Whatever else Python code tries is refused.

`guard` hooks into the interpreter (PEP 578), below every library; what C code opens by itself (libpq, libuv) `strangers` finds in the
kernel's table. A name given to `connect` itself is looked up before the hook hears of it; the connection is refused all the same.
Where a connection was to go reaches no log and no error's text: a host can say who writes to whom.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stadtmail.kit import config, instance, log

# purposes of a role. A recipient's mail server can be anybody's: `mail` and `mail_policy` (MTA-STS, RFC 8461) go to any host, and so
# do `import`, to the provider that a person names, `pictures`, to the web servers that a message names, when its reader asks for
# them, and `tls_report` (RFC 8460), to the host that a domain names (mail/importing/guard.py refuses inner networks for all three)
ROLES: Mapping[str, tuple[str, ...]] = {
    "web": ("database", "resolver", "pictures"),
    "doors": ("database", "resolver", "scanner"),
    "imap": ("database",),
    "work": ("database", "resolver", "smarthost", "mail", "mail_policy", "tls_report", "import"),
    "console": ("database", "resolver"),
}
# what a role opens inside of `within` alone, in the thread that does it: for all other code of the process it is closed
WITHIN: Mapping[str, tuple[str, ...]] = {"web": ("resolver", "pictures")}
NAMES_SECONDS = 300.0
_LISTENING = "0A"


class Refused(PermissionError):
    """No purpose of this process leads there. An OSError: for whoever tried it looks like a network that is not there."""


@dataclass(frozen=True)
class Way:
    """A destination that a purpose leads to. `host` "" is any."""

    host: str
    port: int


@dataclass(frozen=True)
class _Guard:
    role: str
    ways: Mapping[str, frozenset[Way]]
    own: frozenset[str]  # names and addresses of this machine
    report: Callable[[], None]


_guard: _Guard | None = None
_hooked: list[bool] = []
_inside: ContextVar[bool] = ContextVar("inside", default=False)  # our own look-up, or our own probe: neither refused twice nor counted
_now_open: ContextVar[bool] = ContextVar("now_open", default=False)  # inside of `within`
_turns = [0, 0]  # threads that are inside of `within`, and how many have been
_turn = threading.Lock()
_names: dict[str, tuple[float, frozenset[str]]] = {}


def guard(role: str, *, report: Callable[[], None] = lambda: None) -> None:
    """From now on this process opens only what its role may. `report` is called for each connection that was refused."""
    global _guard  # noqa: PLW0603 - a hook of the interpreter is the whole process's
    chosen = config.load()
    _guard = _Guard(role, _ways(role, chosen), frozenset({chosen.host, "localhost", socket.gethostname()}), report)
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)


@contextmanager
def within() -> Iterator[None]:
    """Inside, this thread may open what its role opens here alone (WITHIN)."""
    mark = _now_open.set(True)
    with _turn:
        _turns[0] += 1
        _turns[1] += 1
    try:
        yield
    finally:
        with _turn:
            _turns[0] -= 1
        _now_open.reset(mark)


def leads(purpose: str) -> bool:
    """Has this process such a purpose, and does it lead anywhere? A demo's `mail`, `import` and `pictures` do not."""
    return _guard is not None and bool(_guard.ways.get(purpose))


def allowed(purpose: str, host: str, port: int) -> bool:
    """May this thread connect there for this purpose (one of ROLES), here and now? Its own machine is no destination."""
    if _guard is None:
        return False
    return _is_here(host) or (_is_open(purpose) and any(_leads(way, host, port) for way in _guard.ways.get(purpose, ())))


def refuses(host: str, port: int) -> bool:
    """Would the guard refuse a connection? It is tried, so that what is measured is what happens; nothing of it is counted."""
    mark = _inside.set(True)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:  # without a guard this sends nothing either
            probe.connect((host, port))
    except Refused:
        return True
    except OSError:
        return False
    finally:
        _inside.reset(mark)
    return False


def outgoing() -> Iterator[tuple[str, int]]:
    """(address, port) of every connection that this process has opened and not closed, as the kernel knows them."""
    own = set(config.load().ports.values())
    mine = set(_sockets())
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/self/net/{kind}").read_text().splitlines()[1:]:
            parts = line.split()
            if parts[9] in mine and parts[3] != _LISTENING:
                port = int(parts[2].rpartition(":")[2], 16)
                if port and int(parts[1].rpartition(":")[2], 16) not in own:
                    yield _address(parts[2].rpartition(":")[0]), port


def strangers() -> list[int]:
    """Ports of those that no purpose of this process leads to: what went past the hook. What opens inside of `within` alone counts as
    a purpose while some thread is inside."""
    inside, been = _turns
    there = list(outgoing())
    mark = _now_open.set(bool(inside) or _turns[1] != been)
    try:
        return [port for host, port in there if not _may(host, port)]
    finally:
        _now_open.reset(mark)


def _ways(role: str, chosen: config.Config) -> dict[str, frozenset[Way]]:
    """purpose -> where it leads. A demo or test instance sends nothing to other machines."""
    found: dict[str, set[Way]] = {purpose: set() for purpose in ROLES.get(role, ())}
    databases = (urlsplit(url) for url in (chosen.database_url, chosen.keys_url) if url)
    wanted = {
        "database": {Way(url.hostname or "", url.port or 5432) for url in databases if url.hostname},
        "resolver": set(_resolvers(chosen.resolver)),
        "scanner": set(_scanners(chosen)),
        "smarthost": {_relay(chosen.smarthost)} if chosen.smarthost else set(),
        "mail": {Way("", 25)} if not chosen.smarthost else set(),
        "mail_policy": {Way("", 443)},
        "tls_report": {Way("", 443)} if not chosen.smarthost else set(),
        "import": {Way("", 993), Way("", 143)},
        "pictures": {Way("", 443), Way("", 80)},
    }
    if _is_demo():
        wanted |= {"mail": set(), "mail_policy": set(), "tls_report": set(), "import": set(), "pictures": set()}
    return {purpose: frozenset(wanted[purpose]) for purpose in found}


def _is_demo() -> bool:
    try:
        return instance.current().kind != "production"
    except FileNotFoundError:  # the command that makes the instance
        return True


def _resolvers(setting: str) -> Iterator[Way]:
    """The name servers that are set, or the system's."""
    place = setting.partition(" ")[0]
    if place and place != "none":
        host, _, port = place.rpartition(":") if place.startswith("[") or place.count(":") == 1 else (place, "", "")
        yield Way((host or place).strip("[]"), int(port or 53))
    elif not place and Path("/etc/resolv.conf").is_file():
        lines = (line.split() for line in Path("/etc/resolv.conf").read_text().splitlines())
        yield from (Way(words[1].partition("%")[0], 53) for words in lines if len(words) > 1 and words[0] == "nameserver")


def _scanners(chosen: config.Config) -> Iterator[Way]:
    """rspamd and ClamAV, where the operator has set them up and they are no sockets of this machine."""
    if chosen.rspamd_url:
        url = urlsplit(chosen.rspamd_url)
        yield Way(url.hostname or "", url.port or 80)
    host, _, port = chosen.clamd.rpartition(":")
    if host and not chosen.clamd.startswith("/") and port.isdecimal():
        yield Way(host.strip("[]"), int(port))


def _relay(setting: str) -> Way:
    parts = urlsplit(setting if "://" in setting else f"smtp://{setting}")
    return Way(parts.hostname or "", parts.port or (465 if parts.scheme == "smtps" else 25))


# -- the hook ----------------------------------------------------------------------------------------------------------


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event.startswith("socket.") and _guard is not None and event in _EVENTS:
        target = _EVENTS[event](args)
        if target is not None and not _passes(*target):
            _refuse(target[1])


def _of_connection(args: tuple[Any, ...]) -> tuple[str, int] | None:
    address = args[1]
    return (_text(address[0]), int(address[1])) if isinstance(address, tuple) and len(address) > 1 else None  # else: of this machine


def _of_name(args: tuple[Any, ...]) -> tuple[str, int] | None:
    host = args[0][0] if isinstance(args[0], tuple) else args[0]
    return (_text(host), 0) if host else None


_EVENTS: Mapping[str, Callable[[tuple[Any, ...]], tuple[str, int] | None]] = {
    "socket.connect": _of_connection, "socket.sendto": _of_connection, "socket.sendmsg": _of_connection,
    "socket.getaddrinfo": _of_name, "socket.gethostbyname": _of_name, "socket.gethostbyaddr": _of_name, "socket.getnameinfo": _of_name,
}  # fmt: skip


def _passes(host: str, port: int) -> bool:
    """A look-up (port 0) tells the system's name server a name: only listed ones may be asked for there. Where any host may be reached,
    its name is asked of the policy's own name server (kit/resolver.py). An address tells nobody anything."""
    if port == 0:
        return _inside.get() or _is_here(host) or _number(host) is not None or any(way.host == host for way in _every())
    return _may(host, port)


def _refuse(port: int) -> None:
    if _guard is not None and not _inside.get():
        log.event("egress_refused", role=_guard.role, port=port, clause="C-1.2")
        _guard.report()
    raise Refused("no purpose of this process leads there (C-1.2)")


def _may(host: str, port: int) -> bool:
    return _is_here(host) or any(_leads(way, host, port) for way in _every())


def _every() -> Iterator[Way]:
    return (way for purpose, ways in _guard.ways.items() if _is_open(purpose) for way in ways) if _guard is not None else iter(())


def _is_open(purpose: str) -> bool:
    return _guard is not None and (_now_open.get() or purpose not in WITHIN.get(_guard.role, ()))


def _leads(way: Way, host: str, port: int) -> bool:
    if way.port != port:
        return False
    return not way.host or way.host == host or (_number(host) is not None and host in _addresses_of(way.host))


def _is_here(host: str) -> bool:
    """This machine: loopback, no address at all, its own name."""
    number = _number(host)
    if number is None:
        return not host or host.endswith(".localhost") or (_guard is not None and host in _guard.own)
    return number.is_loopback or number.is_unspecified or (_guard is not None and str(number) in _guard.own)


def _number(host: str) -> IPv4Address | IPv6Address | None:
    try:
        number = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (number.ipv4_mapped or number) if isinstance(number, IPv6Address) else number


def _addresses_of(name: str) -> frozenset[str]:
    """The addresses of a listed name, asked for anew every few minutes."""
    if _number(name) is not None:
        return frozenset({name})
    until, known = _names.get(name, (0.0, frozenset()))
    if until > time.monotonic():
        return known
    mark = _inside.set(True)
    try:
        known = frozenset(str(row[4][0]) for row in socket.getaddrinfo(name, None))
    except OSError:
        known = frozenset()
    finally:
        _inside.reset(mark)
    _names[name] = (time.monotonic() + NAMES_SECONDS, known)
    return known


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host)


# -- the kernel's table ------------------------------------------------------------------------------------------------


def _sockets() -> Iterator[str]:
    for handle in Path("/proc/self/fd").iterdir():
        try:
            link = str(handle.readlink())
        except OSError:  # closed meanwhile
            continue
        if link.startswith("socket:["):
            yield link[8:-1]


def _address(digits: str) -> str:
    """An address of /proc/net: words of 32 bits, each in the machine's order."""
    words = (bytes.fromhex(digits[at : at + 8]) for at in range(0, len(digits), 8))
    raw = b"".join(word[::-1] if sys.byteorder == "little" else word for word in words)
    number = _number(str(ip_address(raw)))
    return str(number)
