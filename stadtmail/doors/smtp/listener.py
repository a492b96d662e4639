"""Takes connections, registers each in RAM for as long as it lasts, and hands messages to the mail room.

It knows the mail room by two functions only, `recipient` and `deliver`. Nothing about a connection is logged but counts of
reply codes (C-4.2).
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Any, Protocol, Self

from stadtmail.doors.smtp import replies
from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.doors.smtp.conversation import Conversation
from stadtmail.doors.smtp.crew import Crew
from stadtmail.doors.smtp.replies import Reply
from stadtmail.doors.smtp.spool import Spooled
from stadtmail.doors.smtp.stream import Stream
from stadtmail.kit import clock, log
from stadtmail.kit.errors import StadtmailError
from stadtmail.usage import connections, limits
from stadtmail.usage.connections import Connection

LOG_SECONDS = 60.0


class Recipient(Protocol):
    """mail.actions.delivery.recipient: the mailbox of an address, or the reason why there is none."""

    def __call__(self, address: str, /, *, now: datetime, size_bytes: int = 0) -> Any: ...


class Deliver(Protocol):
    """mail.actions.delivery.Writer.submit: resolved after the commit, with None or an error for each recipient."""

    def __call__(
        self, message: bytes | Spooled, recipients: Sequence[Any], /, *, received: bytes, now: datetime
    ) -> "Future[list[StadtmailError | None]]": ...


class Server:
    """One listening door: made by `server.start`, ended by `drain`."""

    def __init__(
        self,
        *,
        recipient: Recipient,
        deliver: Deliver,
        hostname: str,
        tls: ssl.SSLContext | None = None,
        postmaster: str = "",
        bounds: Bounds | None = None,
        threads: int = 4,
    ) -> None:
        self.recipient, self.deliver, self.hostname, self.tls = recipient, deliver, hostname, tls
        self.postmaster = postmaster or f"postmaster@{hostname}"
        self.bounds = bounds or Bounds()
        self.draining = False
        self.counts: Counter[int] = Counter()
        self.places = asyncio.Semaphore(self.bounds.large_at_once)
        self.crew: Crew
        self._threads = threads
        self._running: dict[asyncio.Task[None], Stream] = {}
        self._live: dict[Connection, Stream] = {}
        self._networks: Counter[str] = Counter()
        self._listener: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None

    async def listen(self, host: str, port: int) -> Self:
        """Open the port (0: any free one)."""
        loop = asyncio.get_running_loop()
        self.crew = Crew(threads=self._threads)
        self._listener = await loop.create_server(lambda: Stream(self._arrived), host, port, backlog=512)
        self._ticker = loop.create_task(self._tick())
        return self

    @property
    def port(self) -> int:
        """The port on which it listens."""
        assert self._listener is not None
        return int(self._listener.sockets[0].getsockname()[1])

    async def drain(self, *, seconds: float = 30.0) -> None:
        """Take no more connections, let messages under way finish, tell everybody else to come back; then end."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for stream in self._running.values():
            stream.interrupt(only_idle=True)
        if self._running:
            await asyncio.wait(list(self._running), timeout=seconds)
        for stream in self._running.values():
            stream.interrupt(only_idle=False)
        if self._running:
            await asyncio.wait(list(self._running), timeout=5.0)
        await self._end()

    def patience(self, seconds: float) -> float:
        """How long to wait for a client: not long while nearly all places are taken."""
        return min(seconds, self.bounds.busy_seconds) if 10 * len(self._running) >= 9 * self.bounds.connections else seconds

    def _arrived(self, stream: Stream) -> None:
        network = limits.network(stream.peer)
        is_full = len(self._running) >= self.bounds.connections
        is_many = not self._is_trusted(network) and self._networks[network] >= self.bounds.connections_a_network
        if is_full or is_many or self.draining:
            self._turn_away(stream, replies.SHUTTING_DOWN if self.draining else replies.TOO_MANY)
            return
        self._networks[network] += 1
        task = asyncio.get_running_loop().create_task(self._serve(stream, network))
        self._running[task] = stream
        task.add_done_callback(partial(self._left, network))

    def _left(self, network: str, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.bug(error, role="doors")
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]  # the name of a network does not stay longer than its connections

    async def _serve(self, stream: Stream, network: str) -> None:
        """The life of one connection: registered first, served, and gone from RAM at its end whatever ended it."""
        try:
            connection = await self.crew.quick(partial(self._register, stream.peer, network))
        except Exception as error:  # noqa: BLE001 - a connection that cannot be registered is not served
            log.bug(error, role="doors")
            self._turn_away(stream, replies.OUT_OF_ORDER)
            return
        if connection is None:
            self._turn_away(stream, replies.TOO_MANY)
            return
        self._live[connection] = stream
        stream.deadline = asyncio.get_running_loop().time() + self.bounds.session_seconds
        try:
            await Conversation(self, stream).run()
        finally:
            del self._live[connection]
            await self.crew.quick(connection.end)

    def _register(self, peer: str, network: str) -> Connection | None:
        now, most = clock.now(), self.bounds.arrivals_a_minute
        if not self._is_trusted(network) and not limits.allow("smtp.arrival", network, limit=most, per_seconds=60, now=now):
            return None
        return connections.begin("smtp", peer=peer, tenant=None, person=None, now=now)

    def _is_trusted(self, network: str) -> bool:
        return network in self.bounds.trusted_networks

    def _turn_away(self, stream: Stream, reply: Reply) -> None:
        self.counts[reply.code] += 1
        stream.write(bytes(reply))
        stream.close()

    async def _tick(self) -> None:
        """Keep the leases of living connections, cut those that have ended, write down the counts."""
        logged = time.monotonic()
        while True:
            await asyncio.sleep(self.bounds.beat_seconds)
            try:
                for connection in await self.crew.quick(partial(_lost, list(self._live))):
                    if connection in self._live:
                        self._live[connection].interrupt(only_idle=False)
                if time.monotonic() - logged >= LOG_SECONDS:
                    logged = time.monotonic()
                    await self.crew.quick(self._write_counts)
            except Exception as error:  # noqa: BLE001 - the next beat may succeed
                log.bug(error, role="doors")

    def _write_counts(self) -> None:
        counts, self.counts = self.counts, Counter()
        for code, count in sorted(counts.items()):
            log.event("smtp.replies", role="doors", code=code, count=count)

    async def _end(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait({self._ticker})
        await self.crew.quick(self._write_counts)
        await self.crew.end()


def _lost(live: list[Connection]) -> list[Connection]:
    now = clock.now()
    return [connection for connection in live if not connection.beat(now)]
