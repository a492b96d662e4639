"""The IMAP door on real sockets with the real mail room behind it; after each test nothing of a connection is left in RAM."""

import asyncio
import socket
import ssl
import threading

import pytest

from stadtmail.doors.imap import server as doors
from stadtmail.doors.imap.bounds import Bounds
from stadtmail.kit import clock
from stadtmail.mail.actions import delivery
from tests.doors.opening import PASSWORD, client, door, opening, residents, wait_for  # noqa: F401 - what all mail doors do alike
from tests.doors.smtp.conftest import tls  # noqa: F401 - a certificate
from tests.mail.conftest import _no_old_blobs, anna, ben, contract, deliver, writer  # noqa: F401 - the standing cast


class Door:
    """A door in a thread of its own."""

    def __init__(self, tls_context=None, **bounds) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        bounds = {"look_seconds": 0.1, "beat_seconds": 0.2, **bounds}
        self.server, self.ports = self.call(self._start(tls_context, Bounds(**bounds)))

    async def _start(self, context, bounds):
        return await doors.start("127.0.0.1", port=0, tls_port=0 if context else None, tls=context, bounds=bounds)

    @property
    def port(self) -> int:
        return self.ports[0]

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def client(self, *, login: str = "anna@ahaus.net", greeted: bool = True) -> "Client":
        made = Client(self.port)
        if greeted:
            made.line()
        if login:
            assert made.ask(f'LOGIN {login} "{PASSWORD}"')[-1].startswith(b"OK [CAPABILITY IMAP4rev2")
        return made

    def close(self) -> None:
        self.call(self.server.drain(seconds=2))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Client:
    """Speaks octets. `ask` returns the lines of an answer; literals stay in their line, the last one is without its tag."""

    def __init__(self, port: int, *, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        if context is not None:
            self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")
        self.count = 0

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        """One response with its literals, without its end."""
        whole = b""
        while True:
            line = self.file.readline()
            whole += line
            if not line.endswith(b"}\r\n"):
                return whole.removesuffix(b"\r\n")
            size = int(line[line.rindex(b"{") + 1 : -3])
            whole += self.file.read(size)

    def ask(self, command: str | bytes, *literals: bytes) -> list[bytes]:
        """Send a command (each {} is a literal, sent without waiting) and read its answer."""
        self.count += 1
        tag = b"a%d" % self.count
        text = command.encode() if isinstance(command, str) else command
        for one in literals:
            text = text.replace(b"{}", b"{%d+}\r\n\1" % len(one), 1).replace(b"\1", one)
        self.send(tag + b" " + text + b"\r\n")
        return self.answer(tag)

    def answer(self, tag: bytes) -> list[bytes]:
        lines = []
        while True:
            line = self.line()
            if not line:
                return [*lines, b""]
            if line.startswith(tag + b" "):
                return [*lines, line[len(tag) + 1 :]]
            lines.append(line)

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def open_door():
    with opening(Door, "_sessions", "_waiting") as make:
        yield make


@pytest.fixture
def mail(writer):  # noqa: F811
    """Deliver to Anna's inbox."""

    def run(*raws: bytes, to: str = "anna@ahaus.net") -> None:
        target = [delivery.recipient(to, now=clock.now())]
        for future in [writer.submit(raw, target, received=b"", now=clock.now()) for raw in raws]:
            assert future.result(timeout=30) == [None]

    return run
