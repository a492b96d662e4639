"""Takes a message off the wire: DATA up to CR LF . CR LF, or BDAT by count. A bare CR or LF spoils it (smuggling, 5.6.11).

A message that is refused is still read to its end, so that its octets are never taken for commands.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from stadtmail.doors.smtp import replies
from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.doors.smtp.replies import Reply
from stadtmail.doors.smtp.spool import Spool, Spooled
from stadtmail.doors.smtp.stream import Stream, TimedOut
from stadtmail.wire import smtp

Pool = Callable[[Callable[[], Any]], Awaitable[Any]]  # runs what may wait for a disk or a database
PIECE = 64 * 1024
SMALL_BYTES = 64 * 1024  # a message that is sealed at once, in one row
LIGHT_BYTES = 16 * 1024  # …and so quickly that nobody in the loop notices


class Unending(Exception):
    """Far more octets than were ever allowed."""


class Intake:
    """One message on its way in. After its end `refusal` says why it cannot be taken, or is None."""

    def __init__(self, stream: Stream, bounds: Bounds, pool: Pool, places: asyncio.Semaphore) -> None:
        self.refusal: Reply | None = None
        self._stream, self._bounds, self._pool = stream, bounds, pool
        self._places, self._has_place = places, False
        self._spool = Spool(bounds.memory_bytes)
        self._lines = smtp.Lines()
        self._seen = 0
        self._began = asyncio.get_running_loop().time()

    async def data(self, *, seconds: float) -> None:
        """Read the body of DATA."""
        body = smtp.Body()
        while not body.ended:
            await self._take(body.feed(await self._stream.some(seconds=seconds)))
            if body.lines.broken:
                await self._refuse(replies.BARE_LINE_END)
        self._stream.give_back(body.rest)

    async def chunk(self, octets: int, *, seconds: float) -> None:
        """Read one chunk of BDAT: exactly so many octets."""
        while octets:
            piece = await self._stream.some(seconds=seconds, most=min(octets, PIECE))
            octets -= len(piece)
            self._lines.see(piece)
            await self._take(piece)
            if self._lines.broken:
                await self._refuse(replies.BARE_LINE_END)

    async def finish(self) -> bytes | Spooled | None:
        """The message, or None with a refusal."""
        self._lines.end()
        if self._lines.broken:
            await self._refuse(replies.BARE_LINE_END)
        if self.refusal is not None:
            return None
        try:
            message: bytes | Spooled = await self._pool(self._spool.finish) if self._spool.on_disk else self._spool.finish()
        finally:
            self._leave()
        return message

    async def abandon(self) -> None:
        """Forget what came so far. Idempotent."""
        try:
            if self._spool.on_disk:
                await self._pool(self._spool.abandon)
            else:
                self._spool.abandon()
        finally:
            self._leave()

    async def _take(self, piece: bytes) -> None:
        self._seen += len(piece)
        if self._seen > self._bounds.message_bytes:
            await self._refuse(replies.TOO_BIG)
        if self._seen > 4 * self._bounds.message_bytes + PIECE:
            raise Unending
        late = asyncio.get_running_loop().time() - self._began - self._bounds.grace_seconds
        if late > self._seen / self._bounds.slowest_bytes_a_second:
            raise TimedOut
        if self.refusal is None:
            self._spool.add(piece)
            if self._spool.is_full:
                await self._enter()
                await self._pool(self._spool.write_down)

    async def _enter(self) -> None:
        """Wait for one of the places for large messages; meanwhile nothing is read, so that the sender waits too."""
        if not self._has_place:
            try:
                async with asyncio.timeout(self._bounds.data_seconds):
                    await self._places.acquire()
            except TimeoutError:
                raise TimedOut from None
            self._has_place = True

    def _leave(self) -> None:
        if self._has_place:
            self._has_place = False
            self._places.release()

    async def _refuse(self, reply: Reply) -> None:
        if self.refusal is None:
            self.refusal = reply
            await self.abandon()


async def swallow(stream: Stream, octets: int, *, seconds: float) -> None:
    """Read and forget a chunk that nobody asked for."""
    while octets:
        octets -= len(await stream.some(seconds=seconds, most=min(octets, PIECE)))


def drop(message: bytes | Spooled) -> None:
    """Forget a message after its delivery."""
    if isinstance(message, Spooled):
        message.drop()
