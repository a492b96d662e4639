"""The octets of a mail program's connection: what is said is collected, and a client in IDLE waits for a word of either side."""

import asyncio
from collections.abc import Callable

from stadtmail.kit.octets import Gone, Interrupted, Lines, TimedOut, TooLong

__all__ = ["Gone", "Interrupted", "Stream", "TimedOut", "TooLong"]
SEND_BYTES = 32 * 1024  # so much is collected before it is sent


class Stream(Lines):
    """One connection's octets in and out."""

    __slots__ = ("looked",)

    def __init__(self, begin: Callable[["Stream"], None], *, reading_seconds: float) -> None:
        super().__init__(begin, reading_seconds=reading_seconds)
        self.looked = False  # somebody outside wants the present wait to end: see `wait`

    @property
    def lost(self) -> bool:
        """Has the client gone?"""
        return self._lost

    def write(self, data: bytes) -> None:
        """Say something: sent when the client is waited for, or when enough has come together."""
        self._out += data
        if len(self._out) >= SEND_BYTES:
            self.flush()

    def look(self) -> None:
        """Make the present `wait` of an idle client end without a word from it."""
        self.looked = True
        self._wake()

    async def wait(self, seconds: float) -> str:
        """Wait for a word of the client ("word"), for `look` ("look"), or for so long (""). Raises Gone, Interrupted."""
        self.flush()
        try:
            async with asyncio.timeout(seconds):
                while not self._in and not self.looked:
                    await self._wait()
        except TimeoutError:
            return ""
        self.looked = False
        return "word" if self._in else "look"
