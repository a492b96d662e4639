"""The octets of one connection, for every door: bounded both ways, and nothing that arrived before TLS is read after it.

Reading stops while much waits, writing waits for a client that is slow. What a line is and when something is sent, each door says.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, cast

CUT_SECONDS = 5.0  # for a client to read our last words
LOST_SECONDS = 90  # unacknowledged octets: the peer is gone (TCP_USER_TIMEOUT)


class Gone(Exception):
    """The client has gone, or reads nothing any more."""


class TimedOut(Exception):
    """The client said nothing for too long."""


class Interrupted(Exception):
    """The server wants this connection to end."""


class TooLong(Exception):
    """A line is longer than its bound: nothing more can be understood."""


class Octets(asyncio.Protocol):
    """What all streams have in common. `begin` is called once, when the connection is there (after TLS, if it begins with it)."""

    __slots__ = ("_begin", "_eof", "_in", "_interrupted", "_loop", "_lost", "_out", "_reading", "_transport", "_waiter", "_writable",
                 "deadline", "peer")  # fmt: skip
    HIGH_BYTES = 64 * 1024  # more is not read before some was taken
    IDLE_SECONDS = 0  # after so long without a word the peer is asked whether it lives; 0: never

    def __init__(self, begin: Callable[[Any], None]) -> None:
        self.peer, self.deadline = "", float("inf")  # by the loop's clock
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._in, self._out = bytearray(), bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._lost, self._eof, self._interrupted, self._reading, self._writable = False, False, False, True, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""
        if self.IDLE_SECONDS:
            self._watch_peer(transport.get_extra_info("socket"))
        self._begin(self)

    def _watch_peer(self, plain: socket.socket | None) -> None:
        if plain is None or not hasattr(socket, "TCP_USER_TIMEOUT"):
            return
        try:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, self.IDLE_SECONDS)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_SECONDS * 1000)
        except OSError:  # it has gone already
            pass

    @property
    def is_tls(self) -> bool:
        """Is it encrypted?"""
        return self._transport.get_extra_info("ssl_object") is not None

    def data_received(self, data: bytes) -> None:
        self._in += data
        if len(self._in) > self.HIGH_BYTES and self._reading:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake()
        return not self.is_tls  # half closed: answer what it has asked, then hang up

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter, and may name somebody
        self._lost = True
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    def write(self, data: bytes) -> None:
        """Say something as soon as the client is waited for."""
        self._out += data

    def flush(self) -> None:
        """Say it now."""
        if self._out and not self._lost:
            self._transport.write(bytes(self._out))
        self._out.clear()

    async def start_tls(self, context: ssl.SSLContext, *, seconds: float) -> None:
        """Change to TLS; everything that came before is forgotten. Raises Gone."""
        self.flush()
        self._in.clear()  # no await between here and the change of protocol: nothing plain can slip in
        self._resume()
        try:
            changed = await self._loop.start_tls(self._transport, self, context, server_side=True, ssl_handshake_timeout=seconds)
        except (TimeoutError, OSError, ssl.SSLError):
            raise Gone from None
        if changed is None:
            raise Gone
        self._transport = changed

    def close(self) -> None:
        """Say what is left and hang up; a client that does not read is cut off soon."""
        self.flush()
        if not self._lost:
            self._transport.close()
            self._cut(self._loop.call_later(CUT_SECONDS, self._transport.abort))

    def _cut(self, timer: asyncio.TimerHandle) -> None:
        """The client will be cut off by this timer."""

    def _taken(self, count: int) -> bytes:
        taken = bytes(self._in[:count])
        del self._in[:count]
        if len(self._in) <= self.HIGH_BYTES:
            self._resume()
        return taken

    def _resume(self) -> None:
        if not self._reading and not self._lost:
            self._reading = True
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Lines(Octets):
    """Octets in lines, of which one that is too long is the end: for doors whose clients stay."""

    __slots__ = ("reading_seconds",)
    IDLE_SECONDS = 60

    def __init__(self, begin: Callable[[Any], None], *, reading_seconds: float) -> None:
        super().__init__(begin)
        self.reading_seconds = reading_seconds

    async def line(self, *, limit: int, seconds: float) -> bytes:
        """The next line with its end. Raises TooLong, TimedOut, Gone, Interrupted."""
        looked = 0
        while (end := self._in.find(b"\n", looked)) < 0:
            looked = len(self._in)
            if looked > limit:
                raise TooLong
            await self.more(seconds)
        if end > limit:
            raise TooLong
        return self._taken(end + 1)

    async def some(self, *, most: int, seconds: float) -> bytes:
        """Whatever is there, at least one octet. Raises TimedOut, Gone, Interrupted."""
        while not self._in:
            await self.more(seconds)
        return self._taken(min(most, len(self._in)))

    async def exactly(self, count: int, *, seconds: float, keep: bool = True) -> bytes:
        """So many octets; not `keep`: they are read and forgotten."""
        found, left = bytearray(), count
        while left:
            piece = await self.some(most=left, seconds=seconds)
            left -= len(piece)
            if keep:
                found += piece
        return bytes(found)

    async def drained(self) -> None:
        """Wait until the client has taken most of what was said. Raises Gone, Interrupted."""
        if self._lost:
            raise Gone
        if self._writable:
            return
        try:
            async with asyncio.timeout(self.reading_seconds):
                while not self._writable:
                    await self._wait()
        except TimeoutError:
            self._transport.abort()
            raise Gone from None

    def interrupt(self) -> None:
        """Make the next wait (or the present one) end with Interrupted."""
        self._interrupted = True
        self._wake()

    async def more(self, seconds: float) -> None:
        """Wait until something has arrived. Raises TimedOut, Gone, Interrupted."""
        self.flush()
        have = len(self._in)
        try:
            async with asyncio.timeout_at(min(self._loop.time() + seconds, self.deadline)):
                while len(self._in) == have or not self._writable:
                    await self._wait()
        except TimeoutError:
            raise TimedOut from None

    async def _wait(self) -> None:
        if self._interrupted:
            raise Interrupted
        if self._lost or self._eof:
            raise Gone
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
