"""Pictures are fetched from the internet and from nowhere else, from the very address that was looked at, and never without end.

C-1.2, C-2.5: whatever a message, a name server or a web server says, no inner address is connected to, and nothing of a reader is sent.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from stadtmail.kit import egress
from stadtmail.mail import fetching
from stadtmail.mail.fetching import NoPicture
from stadtmail.wire import pictures
from tests.dns import FakeDns

PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(PNG) + PNG
PUBLIC = "93.184.216.34"
INNER = [
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1",
    "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "::ffff:169.254.169.254",
]  # fmt: skip


@pytest.fixture
def names(monkeypatch) -> Iterator[FakeDns]:
    with FakeDns() as dns:
        monkeypatch.setattr(fetching.resolver, "configured", dns.resolver)
        yield dns


class Server:
    """A web server on loopback, at which `trap.example` lies; `answer` is what it sends to each connection."""

    def __init__(self, answer: bytes | Callable[[socket.socket], None]) -> None:
        self.answer, self.heard = answer, list[bytes]()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            self.heard.append(connection.recv(65536))
            if callable(self.answer):
                self.answer(connection)
            else:
                connection.sendall(self.answer)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[..., Server]]:
    """Begin a server; names that end with "trap.example" lead to it, for everything else the real rules hold."""
    real, begun = fetching.addresses, list[Server]()

    def looked_up(host: str, **more) -> list[str]:
        return ["127.0.0.1"] if host.endswith("trap.example") else real(host, **more)

    def begin(answer: bytes | Callable[[socket.socket], None]) -> Server:
        begun.append(Server(answer))
        monkeypatch.setitem(pictures.PORTS, "http", begun[-1].port)
        return begun[-1]

    monkeypatch.setattr(fetching, "addresses", looked_up)
    yield begin
    for one in begun:
        one.close()


@pytest.mark.parametrize("address", INNER)
def test_c12_no_inner_address_is_a_destination_written_out_or_behind_a_name(names: FakeDns, address: str) -> None:
    with pytest.raises(NoPicture):
        fetching.addresses(address)
    names.add({"x.example": {"AAAA" if ":" in address else "A": [address]}})
    with pytest.raises(NoPicture):
        fetching.addresses("x.example")
    written = f"[{address}]" if ":" in address else address
    with pytest.raises(NoPicture):
        fetching.fetch(f"http://{written}/x.png")


def test_c12_a_name_with_one_inner_address_is_not_to_be_trusted(names: FakeDns) -> None:
    names.add({"good.example": {"A": [PUBLIC]}, "mixed.example": {"A": [PUBLIC, "10.0.0.1"]}})
    names.add({"six.example": {"A": [PUBLIC], "AAAA": ["::1"]}})
    names.add({"alias.example": {"CNAME": ["inner.example."]}, "inner.example": {"A": ["192.168.0.1"]}})
    assert fetching.addresses("good.example") == [PUBLIC]
    for name in ("mixed.example", "six.example", "alias.example", "nobody.example"):
        with pytest.raises(NoPicture):
            fetching.addresses(name)


def test_c12_this_machine_and_this_instance_are_no_destination(names: FakeDns, monkeypatch) -> None:
    names.add({"portal.example": {"A": [PUBLIC]}})
    with pytest.raises(NoPicture):
        fetching.addresses("portal.example", own=["portal.example"])
    monkeypatch.setattr(fetching.guard, "is_public", lambda _: True)
    for own in ("127.0.0.1", "::1"):
        with pytest.raises(NoPicture):
            fetching.addresses(own)


def test_c25_what_is_asked_says_nothing_of_a_reader(serve) -> None:
    server = serve(OK)
    found = fetching.fetch("http://trap.example/a.png?b=c")
    assert (found.kind, found.content) == ("image/png", PNG)
    lines = server.heard[0].decode().split("\r\n")
    assert lines[0] == "GET /a.png?b=c HTTP/1.1"
    assert {line.partition(":")[0] for line in lines[1:] if line} == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}
    assert lines[2] == f"User-Agent: {fetching.AGENT}"


@pytest.mark.parametrize("place", [
    "http://127.0.0.1/x", "http://10.0.0.1/", "http://[::1]/", "http://[::ffff:10.0.0.1]/", "http://169.254.169.254/latest/meta-data/",
    "http://localhost/", "http://2130706433/", "file:///etc/passwd", "http://trap.example:22/", "http://a@trap.example/", "//10.0.0.1/",
    "gopher://trap.example/", "http://inner.example/",
])  # fmt: skip
def test_c12_a_redirect_leads_nowhere_that_a_message_could_not(names: FakeDns, serve, place: str) -> None:
    names.add({"inner.example": {"A": ["10.0.0.1"]}})
    server = serve(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % place.encode())
    with pytest.raises(NoPicture):
        fetching.fetch("http://trap.example/x")
    assert len(server.heard) == 1


def test_two_redirects_are_followed_and_no_more(serve) -> None:
    def answer(connection: socket.socket) -> None:
        asked = len(server.heard)
        moved = b"HTTP/1.1 301 Moved\r\nLocation: /%d\r\nContent-Length: 0\r\n\r\n" % asked
        connection.sendall(moved if asked <= hops else OK)

    server = serve(answer)
    hops = fetching.REDIRECTS
    assert fetching.fetch("http://trap.example/x").content == PNG
    assert [one.split()[1] for one in server.heard] == [b"/x", b"/1", b"/2"]
    server.heard.clear()
    hops = 10
    with pytest.raises(NoPicture):
        fetching.fetch("http://trap.example/x")
    assert len(server.heard) == fetching.REDIRECTS + 1


def test_c12_a_name_that_changes_its_mind_is_asked_once(names: FakeDns, monkeypatch) -> None:
    """DNS rebinding: between the look at an address and the connection nothing is looked up again."""
    connected = list[tuple[str, int]]()
    names.add({"turns.example": {"A": [PUBLIC]}})

    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address)
        names.zones.clear()
        names.add({"turns.example": {"A": ["127.0.0.1"]}})
        raise ConnectionRefusedError

    monkeypatch.setattr(fetching.egress, "allowed", lambda *_: True)
    monkeypatch.setattr(fetching, "socket", type("Socket", (socket.socket,), {"connect": connect}))
    with pytest.raises(NoPicture):
        fetching.fetch("http://turns.example/x.png")
    assert connected == [(PUBLIC, 80)]
    assert [kind for name, kind, _ in names.asked] == ["A", "AAAA"]


BAD = {
    "no picture": b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n<html>" + b"x" * 100,
    "svg": b"HTTP/1.1 200 OK\r\nContent-Type: image/svg+xml\r\n\r\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "not found": b"HTTP/1.1 404 Not Found\r\n\r\n" + PNG,
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + PNG,
    "no http": b"SSH-2.0-OpenSSH\r\n" + PNG,
    "login": b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n\r\n",
    "nowhere": b"HTTP/1.1 302 Found\r\n\r\n",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n" + PNG,
    "long field": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n" + PNG,
    "bad pieces": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + PNG,
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_picture_is_none(serve, what: str) -> None:
    serve(BAD[what])
    with pytest.raises(NoPicture):
        fetching.fetch("http://trap.example/x")


def test_a_picture_without_end_is_left(serve) -> None:
    sent = [0]

    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + PNG)
        with suppress(OSError):
            while sent[0] < 20 * fetching.MOST_BYTES:
                sent[0] += connection.send(bytes(65536))

    serve(pour)
    with pytest.raises(NoPicture):
        fetching.fetch("http://trap.example/x")
    time.sleep(0.2)
    assert sent[0] < 5 * fetching.MOST_BYTES


@pytest.mark.parametrize("begin", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n" + PNG, b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_whoever_drips_is_waited_for_no_longer_than_for_others(serve, begin: bytes) -> None:
    stopped = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(begin)
        while not stopped.wait(0.05):
            connection.sendall(b"x")

    serve(drip)
    began = time.monotonic()
    with pytest.raises(NoPicture):
        fetching.fetch("http://trap.example/x", seconds=1.0)
    stopped.set()
    assert 0.5 < time.monotonic() - began < 8


def test_all_pictures_of_a_message_end_together(serve, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "ALL_SECONDS", 1.5)
    stopped = threading.Event()
    server = serve(lambda connection: connection.sendall(OK) if b"/good" in server.heard[-1] else stopped.wait(30) and None)
    began = time.monotonic()
    found = list(fetching.every(["http://trap.example/good", *(f"http://trap.example/{n}" for n in range(80))]))
    stopped.set()
    assert time.monotonic() - began < 15
    assert found[0] is not None
    assert found[1:] == [None] * 80
    assert len(server.heard) <= fetching.MOST_PICTURES


def test_all_pictures_together_have_a_size(serve, monkeypatch) -> None:
    monkeypatch.setattr(fetching, "MOST_TOGETHER", 5 * len(PNG))
    serve(OK)
    found = list(fetching.every([f"http://trap.example/{n}" for n in range(40)]))
    assert sum(one is not None for one in found) == 5
    assert len(found) == 40


def test_c12_a_test_instance_fetches_nothing_even_if_it_is_asked(names: FakeDns) -> None:
    names.add({"good.example": {"A": [PUBLIC]}})
    assert not fetching.leads()
    assert list(fetching.every(["http://good.example/x.png"])) == [None]
    assert egress.refuses(PUBLIC, 80)
