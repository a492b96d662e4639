"""A mail room of the tests: knows a few addresses, keeps what it is given, fails when told to. And a door on a real socket."""

import asyncio
import socket
import ssl
import threading
import time
from concurrent.futures import Future

import uvloop

from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.doors.smtp.listener import Server
from stadtmail.kit import errors
from stadtmail.tenants.queries import NoSuchCity


class NoSuchMailbox(errors.NotFound):
    pass


class MailboxClosed(errors.NotAllowed):
    pass


class MailboxFull(errors.OverQuota):
    pass


class MailRoom:
    """`recipient` and `deliver` as the door calls them. `answer` is what each delivery gives, `hold` keeps the commit waiting."""

    def __init__(self) -> None:
        self.mails: list[tuple[bytes, list[str], bytes]] = []
        self.sources: list[object] = []
        self.hold = False
        self.held: list[Future] = []
        self.answer: list[Exception | None] | Exception | None = None

    def recipient(self, address: str, /, *, now, size_bytes: int = 0) -> str:
        local, _, domain = address.rpartition("@")
        if domain != "ahaus.net":
            raise NoSuchCity
        kinds = {"closed": MailboxClosed, "full": MailboxFull, "later": errors.TryLater, "bug": ZeroDivisionError, "race": errors.Conflict}
        if local in kinds:
            raise kinds[local]("a text that nobody may see")
        if local not in ("anna", "ben", "postmaster", "jürgen") and not local.lstrip("0123456789").startswith("r"):
            raise NoSuchMailbox
        return address

    def deliver(self, message, recipients, /, *, received: bytes, now) -> Future:
        if isinstance(self.answer, Exception):
            raise self.answer
        whole = message if isinstance(message, bytes) else b"".join(message)
        self.sources.append(message)
        self.mails.append((whole, list(recipients), received))
        future: Future = Future()
        if self.hold:
            self.held.append(future)
        else:
            future.set_result(self.answer or [None] * len(recipients))
        return future


class Door:
    """A door in an event loop of its own thread."""

    def __init__(
        self, room: MailRoom, *, tls: ssl.SSLContext | None = None, loop: str = "uvloop", allowed=None, path: str = "", **bounds
    ) -> None:
        self.room, self._allowed, self.path = room, allowed, path
        self.loop = uvloop.new_event_loop() if loop == "uvloop" else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.server: Server = self.call(self._open(tls, Bounds(**{"beat_seconds": 0.1, **bounds})))

    async def _open(self, tls: ssl.SSLContext | None, bounds: Bounds) -> Server:
        mail_room = {"recipient": self.room.recipient, "deliver": self.room.deliver, "examine": getattr(self.room, "examine", None)}
        names = {"hostname": "mx.ahaus.net", "postmaster": "postmaster@ahaus.net"}
        server = Server(**mail_room, **names, tls=tls, bounds=bounds, allowed=self._allowed)
        return await (server.listen_at(self.path) if self.path else server.listen("127.0.0.1", 0))

    def call(self, work, seconds: float = 20):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        if self.loop.is_closed():
            return
        if not self.server.draining:
            self.call(self.server.drain(seconds=2))
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def client(self) -> "Client":
        return Client(self.server.port)


class Client:
    """A client that says octets and reads replies."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in = b""

    def say(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def line(self) -> bytes:
        while b"\r\n" not in self._in:
            more = self.socket.recv(65_536)
            if not more:
                raise EOFError
            self._in += more
        line, _, self._in = self._in.partition(b"\r\n")
        return line

    def reply(self) -> str:
        """One whole reply, its lines joined by |."""
        lines = [self.line().decode()]
        while lines[-1][3:4] == "-":
            lines.append(self.line().decode())
        return "|".join(lines)

    def ask(self, octets: bytes) -> str:
        self.say(octets + b"\r\n")
        return self.reply()

    def replies_until_end(self) -> list[str]:
        found = []
        try:
            while True:
                found.append(self.reply())
        except (EOFError, ConnectionResetError):
            return found

    def begin(self, sender: bytes = b"x@peer.example", recipient: bytes = b"anna@ahaus.net") -> None:
        """Up to an accepted recipient."""
        for expected, line in (
            ("250", b"EHLO peer.example"),
            ("250", b"MAIL FROM:<" + sender + b">"),
            ("250", b"RCPT TO:<" + recipient + b">"),
        ):
            assert self.ask(line).startswith(expected)

    def start_tls(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self._in = b""

    def close(self) -> None:
        self.socket.close()


def wait_for(what, seconds: float = 10) -> None:
    """Until it is so; what happens in another thread or process needs a moment."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)
