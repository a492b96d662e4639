"""The octets of one connection: a hand-written asyncio protocol with a bounded buffer, read in whole buffers and not line by line.

Replies wait until the client has to be waited for, so that pipelined commands are answered in one packet (RFC 2920). Nothing
that arrived before TLS is read after it (RFC 3207).
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

HIGH_BYTES = 256 * 1024  # more is not read before some was taken
CUT_SECONDS = 5.0  # for a client to read our last words


class Gone(Exception):
    """The client has gone, or reads nothing any more."""


class TimedOut(Exception):
    """The client said nothing for too long."""


class Interrupted(Exception):
    """The server wants this connection to end."""


class LineTooLong(Exception):
    """A line was longer than its bound; it has been skipped."""


class Flood(Exception):
    """A line that does not end."""


class Stream(asyncio.Protocol):
    """One connection's octets in and out. `begin` is called once, when the connection is there."""

    def __init__(self, begin: Callable[["Stream"], None]) -> None:
        self.peer = ""
        self.deadline = float("inf")  # of the whole connection, by the loop's clock
        self.idle = False  # between two commands
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._in, self._out = bytearray(), bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._cutter: asyncio.TimerHandle | None = None
        self._until, self._late = float("inf"), False
        self._watch: asyncio.TimerHandle | None = None
        self._lost, self._eof, self._interrupted, self._reading, self._writable = False, False, False, True, True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        name = transport.get_extra_info("peername")
        self.peer = str(name[0]) if isinstance(name, tuple) else ""
        self._begin(self)

    def data_received(self, data: bytes) -> None:
        self._in += data
        if len(self._in) > HIGH_BYTES and self._reading:
            self._reading = False
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._eof = True
        self._wake()
        return self._transport.get_extra_info("ssl_object") is None  # half closed: answer what it has asked, then hang up

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why does not matter, and may name somebody
        self._lost = True
        for timer in (self._cutter, self._watch):
            if timer is not None:
                timer.cancel()
        self._wake()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake()

    @property
    def is_tls(self) -> bool:
        """Is this connection encrypted?"""
        return self._transport.get_extra_info("ssl_object") is not None

    async def line(self, *, limit: int, flood: int, seconds: float) -> bytes:
        """The next line with its end, whatever that is. Raises LineTooLong, Flood, TimedOut, Gone, Interrupted."""
        looked, skipped = 0, 0
        while True:
            end = self._in.find(b"\n", looked)
            if end >= 0:
                line = self._taken(end + 1)
                if skipped or len(line) > limit:
                    raise LineTooLong
                return line
            looked = len(self._in)
            if looked > limit:
                skipped += len(self._taken(looked))
                looked = 0
            if skipped > flood:
                raise Flood
            self.idle = not self._in and not skipped
            await self._more(seconds)

    async def some(self, *, seconds: float, most: int = HIGH_BYTES) -> bytes:
        """Whatever is there, at least one octet. Raises TimedOut, Gone, Interrupted."""
        while not self._in:
            await self._more(seconds)
        return self._taken(min(most, len(self._in)))

    def give_back(self, data: bytes) -> None:
        """Octets that were read too far."""
        self._in[:0] = data

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

    def interrupt(self, *, only_idle: bool) -> None:
        """Make the next wait (or the present one) end with Interrupted."""
        if only_idle and not (self.idle and self._waiter):
            return
        self._interrupted = True
        self._wake()

    def close(self) -> None:
        """Say what is left and hang up; a client that does not read is cut off soon."""
        self.flush()
        if not self._lost:
            self._transport.close()
            self._cutter = self._loop.call_later(CUT_SECONDS, self._transport.abort)

    async def _more(self, seconds: float) -> None:
        """Wait until something has arrived."""
        self.flush()
        have = len(self._in)
        self._wait_until(min(self._loop.time() + seconds, self.deadline))
        try:
            while len(self._in) == have or not self._writable:
                if self._interrupted:
                    raise Interrupted
                if self._lost or self._eof:
                    raise Gone
                if self._late:
                    raise TimedOut
                self._waiter = self._loop.create_future()
                await self._waiter
        finally:
            self._waiter, self.idle, self._until = None, False, float("inf")

    def _wait_until(self, moment: float) -> None:
        """One timer a connection: most waits end long before it rings, and then it is only looked at again."""
        self._until, self._late = moment, False
        if self._watch is None or self._watch.when() > moment:
            if self._watch is not None:
                self._watch.cancel()
            self._watch = self._loop.call_at(moment, self._ring)

    def _ring(self) -> None:
        self._watch = None
        if self._loop.time() >= self._until:
            self._late = True
            self._wake()
        elif self._until < float("inf"):
            self._watch = self._loop.call_at(self._until, self._ring)

    def _taken(self, count: int) -> bytes:
        taken = bytes(self._in[:count])
        del self._in[:count]
        if len(self._in) <= HIGH_BYTES:
            self._resume()
        return taken

    def _resume(self) -> None:
        if not self._reading and not self._lost:
            self._reading = True
            self._transport.resume_reading()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
