"""The ManageSieve door on real sockets with the real mail room behind it; after each test nothing of a connection is left in RAM."""

import asyncio
import base64
import socket
import ssl
import threading

import pytest

from stadtmail.doors.sieve import server as doors
from stadtmail.doors.sieve.bounds import Bounds
from tests.doors.opening import PASSWORD, client, door, opening, residents, wait_for  # noqa: F401 - what all mail doors do alike
from tests.doors.smtp.conftest import tls  # noqa: F401 - a certificate
from tests.mail.conftest import _no_old_blobs, anna, ben, contract, deliver, writer  # noqa: F401 - the standing cast
from tests.mail.outbox import Outbox


class Door:
    """A door in a thread of its own."""

    def __init__(self, context=None, **bounds) -> None:
        self.outbox, self.is_drained = Outbox(), False
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        made = Bounds(**{"beat_seconds": 0.2, "look_seconds": 0.1, **bounds})
        self.server, self.port = self.call(doors.start("127.0.0.1", port=0, tls=context, enqueue=self.outbox, bounds=made))

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def client(self, *, login: str = "anna@ahaus.net", greeted: bool = True) -> "Client":
        made = Client(self.port)
        if greeted:
            assert made.answer()[-1] == b'OK "ready"'
        if login:
            assert made.login(login) == b'OK "Welcome"'
        return made

    def drain(self) -> None:
        if not self.is_drained:
            self.is_drained = True
            self.call(self.server.drain(seconds=2))

    def close(self) -> None:
        self.drain()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


class Client:
    """Speaks octets. `ask` returns the lines of an answer; literals stay in their line."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def encrypt(self) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def line(self) -> bytes:
        whole = b""
        while True:
            line = self.file.readline()
            whole += line
            if not line.endswith(b"}\r\n"):
                return whole.removesuffix(b"\r\n")
            whole += self.file.read(int(line[line.rindex(b"{") + 1 : -3]))

    def answer(self) -> list[bytes]:
        """Up to OK, NO, BYE or the end."""
        lines = []
        while True:
            lines.append(self.line())
            if not lines[-1] or lines[-1][:3] in (b"OK ", b"NO ", b"BYE"):
                return lines

    def ask(self, command: str | bytes, *literals: bytes) -> list[bytes]:
        """Send a command (each {} is a literal) and read its answer."""
        text = command.encode() if isinstance(command, str) else command
        for one in literals:
            text = text.replace(b"{}", b"{%d+}\r\n\1" % len(one), 1).replace(b"\1", one)
        self.send(text + b"\r\n")
        return self.answer()

    def login(self, name: str = "anna@ahaus.net", password: str = PASSWORD, *, authorize: str = "") -> bytes:
        said = base64.b64encode(f"{authorize}\0{name}\0{password}".encode()).decode()
        return self.ask(f'AUTHENTICATE "PLAIN" "{said}"')[-1]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@pytest.fixture
def open_door():
    with opening(Door, "_sessions", "_networks", "persons") as make:
        yield make
