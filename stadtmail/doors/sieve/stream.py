"""The octets of one connection: bounded both ways. Nothing that arrived before TLS is read after it (RFC 5804 2.2)."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

HIGH_BYTES = 64 * 1024  # more is not read before some was taken
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


class Stream(asyncio.Protocol):
    """One connection's octets in and out. `begin` is called once, when the connection is there."""

    def __init__(self, begin: Callable[["Stream"], None], *, reading_seconds: float) -> None:
        self.peer, self.deadline = "", float("inf")  # by the loop's clock
        self._begin, self._reading_seconds = begin, reading_seconds
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._in = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._ended, self._interrupted, self._reading, self._writable = False, False, True, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""
        plain = transport.get_extra_info("socket")
        if plain is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            try:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, LOST_SECONDS * 1000)
            except OSError:  # it has gone already
                pass
        self._begin(self)

    @property
    def is_tls(self) -> bool:
        """Is it encrypted?"""
        return self._transport.get_extra_info("ssl_object") is not None

    def data_received(self, data: bytes) -> None:
        self._in += data
        if len(self._in) > HIGH_BYTES and self._reading:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter, and may name somebody
        self._ended = True
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    async def line(self, *, limit: int, seconds: float) -> bytes:
        """The next line with its end. Raises TooLong, TimedOut, Gone, Interrupted."""
        looked = 0
        while (end := self._in.find(b"\n", looked)) < 0:
            looked = len(self._in)
            if looked > limit:
                raise TooLong
            await self._more(seconds)
        if end > limit:
            raise TooLong
        return self._taken(end + 1)

    async def exactly(self, count: int, *, seconds: float, keep: bool = True) -> bytes:
        """So many octets; not `keep`: they are read and forgotten. Raises TimedOut, Gone, Interrupted."""
        found, left = bytearray(), count
        while left:
            while not self._in:
                await self._more(seconds)
            piece = self._taken(min(left, len(self._in)))
            left -= len(piece)
            if keep:
                found += piece
        return bytes(found)

    def write(self, data: bytes) -> None:
        """Say something."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the client has taken most of what was said. Raises Gone, Interrupted."""
        try:
            async with asyncio.timeout(self._reading_seconds):
                while not self._writable:
                    await self._wait()
        except TimeoutError:
            self._transport.abort()
            raise Gone from None

    async def start_tls(self, context: ssl.SSLContext, *, seconds: float) -> None:
        """Change to TLS; everything that came before is forgotten. Raises Gone."""
        self._in.clear()  # no await between here and the change of protocol: nothing plain can slip in
        self._resume()
        try:
            changed = await self._loop.start_tls(self._transport, self, context, server_side=True, ssl_handshake_timeout=seconds)
        except (TimeoutError, OSError, ssl.SSLError):
            raise Gone from None
        if changed is None:
            raise Gone
        self._transport = changed

    def interrupt(self) -> None:
        """Make the next wait (or the present one) end with Interrupted."""
        self._interrupted = True
        self._wake()

    def close(self) -> None:
        """Say what is left and hang up; a client that does not read is cut off soon."""
        self._transport.close()
        self._loop.call_later(CUT_SECONDS, self._transport.abort)

    async def _more(self, seconds: float) -> None:
        have = len(self._in)
        try:
            async with asyncio.timeout_at(min(self._loop.time() + seconds, self.deadline)):
                while len(self._in) == have:
                    await self._wait()
        except TimeoutError:
            raise TimedOut from None

    async def _wait(self) -> None:
        if self._interrupted:
            raise Interrupted
        if self._ended:
            raise Gone
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _taken(self, count: int) -> bytes:
        taken = bytes(self._in[:count])
        del self._in[:count]
        if len(self._in) <= HIGH_BYTES:
            self._resume()
        return taken

    def _resume(self) -> None:
        if not self._reading and not self._ended:
            self._reading = True
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
