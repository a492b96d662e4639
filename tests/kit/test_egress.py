"""No process connects where its purposes do not lead: tried with what Python has, and with what goes past Python (C-1.2)."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stadtmail.kit import config, egress, instance
from stadtmail.usage import outgoing, volatile

AWAY, NAME = "192.0.2.77", "zaehlpixel.example"  # of nobody (RFC 5737, RFC 2606)
ROOT = Path(__file__).resolve().parents[2]


def _udp(address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", address)


async def _stream(host: str) -> None:
    await asyncio.open_connection(host, 443)


TRIES: dict[str, Callable[[], object]] = {
    "tcp": lambda: socket.create_connection((AWAY, 443), timeout=1),
    "mapped": lambda: socket.socket(socket.AF_INET6).connect((f"::ffff:{AWAY}", 443)),
    "ipv6": lambda: socket.socket(socket.AF_INET6).connect(("2001:db8::1", 443, 0, 0)),
    "udp": lambda: _udp((AWAY, 53)),
    "mail": lambda: socket.create_connection((AWAY, 25), timeout=1),
    "web page": lambda: urllib.request.urlopen(f"http://{NAME}/zaehlpixel.gif", timeout=1),
    "name as a beacon": lambda: socket.getaddrinfo(f"anna.{NAME}", 80),
    "old look-up": lambda: socket.gethostbyname(NAME),
    "reverse look-up": lambda: socket.gethostbyaddr(NAME),
    "asyncio": lambda: asyncio.run(_stream(AWAY)),
    "asyncio by name": lambda: asyncio.run(_stream(NAME)),
}


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    egress.guard("web", report=lambda: seen.append(1))
    seen: list[int] = []
    yield seen
    outgoing.guard("web")


@pytest.mark.parametrize("how", TRIES)
def test_c12_what_leads_elsewhere_is_refused_before_a_packet_leaves(counted, how: str) -> None:
    with pytest.raises(OSError, match="no purpose") as refused:
        TRIES[how]()
    reason = refused.value if isinstance(refused.value, egress.Refused) else getattr(refused.value, "reason", None)
    assert isinstance(reason, egress.Refused), refused.value
    assert "192.0.2" not in str(reason)
    assert "example" not in str(reason)
    assert counted == [1]


def test_c12_the_log_says_that_and_not_where(counted) -> None:
    with pytest.raises(OSError, match="no purpose"):
        socket.create_connection((AWAY, 25), timeout=1)
    written = "".join(log.read_text() for log in config.load().data.rglob("*.log"))
    assert '"what":"egress_refused","role":"web","port":25,"clause":"C-1.2"' in written
    assert AWAY not in written
    assert NAME not in written


def test_one_s_own_machine_is_no_destination(counted) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()
        socket.create_connection(("localhost", server.getsockname()[1]), timeout=5).close()
    for host in ("", "0.0.0.0", "::1", "::ffff:127.0.0.1", "127.0.0.53", "ahaus.localhost", socket.gethostname()):
        assert egress.allowed("database", host, 5432), host
    left, right = socket.socketpair()
    left.close()
    right.close()
    assert counted == []


def given(monkeypatch, kind: str, role: str, **settings: str) -> None:
    monkeypatch.setattr(config, "load", lambda: replace(real, **settings))
    monkeypatch.setattr(instance, "current", lambda: replace(here, kind=kind))
    egress.guard(role)


real, here = config.load(), instance.current()


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    yield
    monkeypatch.undo()
    outgoing.guard("web")


def test_c12_each_role_has_its_own_purposes(monkeypatch) -> None:
    url = {"database_url": "postgresql://u:p@192.0.2.10:6432/x", "resolver": "192.0.2.53 trust-ad"}
    for role, open_to in {
        "web": {"database"}, "doors": {"database", "resolver"}, "work": {"database", "resolver", "mail", "mail_policy", "tls_report"},
        "console": {"database", "resolver"},
    }.items():  # fmt: skip
        given(monkeypatch, "production", role, **url)
        places = {"database": ("192.0.2.10", 6432), "resolver": ("192.0.2.53", 53), "mail": (AWAY, 25)}
        places |= {"mail_policy": (AWAY, 443), "tls_report": (AWAY, 443)}
        assert {purpose for purpose, place in places.items() if egress.allowed(purpose, *place)} == open_to
        assert {purpose for purpose, place in places.items() if not egress.refuses(*place)} == open_to
        assert egress.refuses(AWAY, 80)
        assert egress.refuses("192.0.2.10", 5432)
        assert not egress.allowed("web_analytics", AWAY, 443)


def test_c12_what_fetches_pictures_opens_the_way_for_nobody_else(monkeypatch) -> None:
    given(monkeypatch, "production", "web", resolver="192.0.2.53")
    assert egress.leads("pictures")
    places = ((AWAY, 80), (AWAY, 443), ("192.0.2.53", 53))
    assert all(egress.refuses(*place) for place in places)
    with egress.within():
        assert not any(egress.refuses(*place) for place in places)
        assert egress.refuses(AWAY, 25)
        assert egress.refuses(AWAY, 8080)
        seen: list[bool] = []
        other = threading.Thread(target=lambda: seen.extend(egress.refuses(*place) for place in places))
        other.start()
        other.join()
        assert seen == [True, True, True]
    assert all(egress.refuses(*place) for place in places)
    for role in ("doors", "imap", "work"):
        given(monkeypatch, "production", role)
        with egress.within():
            assert egress.refuses(AWAY, 80)
    given(monkeypatch, "demo", "web")
    with egress.within():
        assert not egress.leads("pictures")
        assert all(egress.refuses(*place) for place in places)


def test_c12_with_a_relay_mail_goes_there_alone_and_a_demo_sends_to_nobody(monkeypatch) -> None:
    for relay, port in (("192.0.2.25", 25), ("192.0.2.25:587", 587), ("smtps://u:p@192.0.2.25", 465)):
        given(monkeypatch, "production", "work", smarthost=relay)
        assert egress.allowed("smarthost", "192.0.2.25", port)
        assert not egress.refuses("192.0.2.25", port)
        assert egress.refuses(AWAY, 25)
    given(monkeypatch, "demo", "work")
    assert egress.refuses(AWAY, 25)
    assert egress.refuses(AWAY, 443)


def test_a_listed_name_leads_to_its_addresses(monkeypatch) -> None:
    monkeypatch.setattr(egress, "_names", {})
    given(monkeypatch, "production", "work", smarthost=f"{NAME}:587")
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [(2, 1, 6, "", (AWAY, 0))])
    assert egress.allowed("smarthost", AWAY, 587)
    assert egress.allowed("smarthost", NAME, 587)
    assert not egress.allowed("smarthost", "192.0.2.78", 587)


def test_without_a_guard_nothing_is_allowed_and_the_probe_says_so(monkeypatch) -> None:
    monkeypatch.setattr(egress, "_guard", None)
    assert not egress.allowed("mail", AWAY, 25)
    assert not egress.refuses("127.0.0.1", 9)


PAST = """
    import ctypes, socket, struct, sys
    from stadtmail.kit import egress
    from stadtmail.usage import outgoing
    outgoing.guard("web")
    server = socket.create_server(("192.0.2.77", 4711))
    assert egress.refuses("192.0.2.77", 4711)
    client = socket.socket()
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 4711) + socket.inet_aton("192.0.2.77") + bytes(8)
    assert ctypes.CDLL(None).connect(client.fileno(), address, 16) == 0  # as libpq and libuv do
    accepted, _ = server.accept()
    print(egress.strangers(), list(egress.outgoing()), outgoing.look("web"))
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="needs a network namespace")
def test_c12_what_c_code_opens_past_the_guard_is_found_in_the_kernel_s_table(tmp_path) -> None:
    volatile.clear()
    inside = "ip link set lo up && ip addr add 192.0.2.77/32 dev lo && exec "
    (tmp_path / "past.py").write_text(textwrap.dedent(PAST))
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", f"{inside} {sys.executable} {tmp_path / 'past.py'}"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "Operation not permitted" in done.stderr:
        pytest.skip("no network namespace here")
    assert done.returncode == 0, done.stderr
    assert '4711' in done.stdout.partition(']')[0], done.stdout
    assert "('192.0.2.77', 4711)" in done.stdout
    volatile.close()
