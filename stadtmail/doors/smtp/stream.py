"""The octets of one connection: a hand-written asyncio protocol with a bounded buffer, read in whole buffers and not line by line.

Replies wait until the client has to be waited for, so that pipelined commands are answered in one packet (RFC 2920). Nothing
that arrived before TLS is read after it (RFC 3207).
"""

import asyncio
from collections.abc import Callable

from stadtmail.kit.octets import Gone, Interrupted, Octets, TimedOut

__all__ = ["Flood", "Gone", "Interrupted", "LineTooLong", "Stream", "TimedOut"]
HIGH_BYTES = 256 * 1024  # more is not read before some was taken


class LineTooLong(Exception):
    """A line was longer than its bound; it has been skipped."""


class Flood(Exception):
    """A line that does not end."""


class Stream(Octets):
    """One connection's octets in and out."""

    HIGH_BYTES = HIGH_BYTES

    def __init__(self, begin: Callable[["Stream"], None]) -> None:
        super().__init__(begin)
        self.idle = False  # between two commands
        self._cutter: asyncio.TimerHandle | None = None
        self._until, self._late = float("inf"), False
        self._watch: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._cutter, self._watch):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

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

    def interrupt(self, *, only_idle: bool) -> None:
        """Make the next wait (or the present one) end with Interrupted."""
        if only_idle and not (self.idle and self._waiter):
            return
        self._interrupted = True
        self._wake()

    def _cut(self, timer: asyncio.TimerHandle) -> None:
        self._cutter = timer

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
