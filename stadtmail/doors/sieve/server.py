"""Takes connections and registers each in RAM for as long as it lasts. Nothing about one is logged but counts (C-4.2).

Work that may wait for a database, and all opening of scripts, runs in a small pool of threads.
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar
from uuid import UUID

from stadtmail.doors.sieve.bounds import Bounds
from stadtmail.doors.sieve.replies import line
from stadtmail.doors.sieve.session import Session
from stadtmail.doors.sieve.stream import Stream
from stadtmail.kit import clock, log, threads
from stadtmail.mail import views
from stadtmail.mail.actions.passing import Enqueue
from stadtmail.usage import connections, limits
from stadtmail.usage.connections import Connection

T = TypeVar("T")
LOG_SECONDS = 60.0
THREADS, LOGIN_THREADS = 2, 2


class Server:
    """The open door: made by `start`, ended by `drain`. `enqueue` hands mail to the outgoing queue."""

    def __init__(self, *, tls: ssl.SSLContext | None, enqueue: Enqueue | None, bounds: Bounds | None = None) -> None:
        self.tls, self.enqueue, self.bounds = tls, enqueue, bounds or Bounds()
        self.counts: Counter[str] = Counter()
        self.persons: Counter[UUID] = Counter()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="sieve")
        self._logins = ThreadPoolExecutor(LOGIN_THREADS, thread_name_prefix="sieve-login")
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._networks: Counter[str] = Counter()
        self._listener: asyncio.Server | None = None
        self._beating: asyncio.Task[None] | None = None
        self._draining = False

    async def listen(self, host: str, port: int) -> int:
        """Open a port (0: any free one). Returns it."""
        loop = asyncio.get_running_loop()
        make = partial(Stream, self._arrived, reading_seconds=self.bounds.reading_seconds)
        self._listener = await loop.create_server(make, host, port, backlog=256)
        self._beating = loop.create_task(self._beats())
        return int(self._listener.sockets[0].getsockname()[1])

    async def drain(self, *, seconds: float = 5.0) -> Self:
        """Take no more connections, tell everybody to come back; then end."""
        self._draining = True
        if self._listener is not None:
            self._listener.close()
        for session in self._sessions:
            session.interrupt("Server is going down, come back soon")
        if self._sessions:
            await asyncio.wait(list(self._sessions.values()), timeout=seconds)
        for task in self._sessions.values():
            task.cancel()
        if self._sessions:
            await asyncio.wait(list(self._sessions.values()), timeout=5.0)
        await self._end()
        return self

    async def pool(self, work: Callable[[], T]) -> T:
        """Run what may wait for a database, outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, threads.with_care, work)

    async def login(self, work: Callable[[], T]) -> T:
        """Check a password: in threads of its own, because that may take long and many may ask."""
        return await asyncio.get_running_loop().run_in_executor(self._logins, threads.with_care, work)

    def _arrived(self, stream: Stream) -> None:
        network = limits.network(stream.peer)
        is_trusted = network in self.bounds.trusted_networks
        is_many = not is_trusted and self._networks[network] >= self.bounds.connections_a_network
        if len(self._sessions) >= self.bounds.connections or is_many or self._draining:
            stream.write(line("BYE", "Too many connections", "TRYLATER"))
            stream.close()
            return
        self._networks[network] += 1
        session = Session(self, stream)
        self._sessions[session] = task = asyncio.get_running_loop().create_task(self._serve(session, None if is_trusted else network))
        task.add_done_callback(partial(self._left, session, network))

    def _left(self, session: Session, network: str, task: "asyncio.Task[None]") -> None:
        self._sessions.pop(session, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.bug(error, role="doors")
        self._networks[network] -= 1
        if not self._networks[network]:
            del self._networks[network]  # the name of a network does not stay longer than its connections

    async def _serve(self, session: Session, network: str | None) -> None:
        """The life of one connection: registered first, served, and gone from RAM at its end whatever ended it."""
        session.connection = await self.pool(partial(self._register, session.stream.peer, network))
        if session.connection is None:
            session.stream.write(line("BYE", "Too many connections", "TRYLATER"))
            session.stream.close()
            return
        session.limit_login()
        self.counts["arrived"] += 1
        try:
            await session.run()
        finally:
            ended, session.connection = session.connection, None
            self._threads.submit(threads.with_care, ended.end)  # also where this task is cancelled: before the pool ends
            session.forget()

    def _register(self, peer: str, network: str | None) -> Connection | None:
        now = clock.now()
        if network is not None and not limits.allow("sieve.arrival", network, limit=self.bounds.arrivals_a_minute, per_seconds=60, now=now):
            return None
        return connections.begin("sieve", peer=peer, tenant=None, person=None, now=now)

    async def _beats(self) -> None:
        """Keep the leases of living connections; cut those that have ended and those whose mailbox is being erased.

        What ends connections from elsewhere (an app password is revoked) is seen within a second.
        """
        logged = beaten = time.monotonic()
        ended = None
        while True:
            try:
                before, ended = ended, await self.pool(connections.endings)
                if before not in (None, ended) or time.monotonic() - beaten >= self.bounds.beat_seconds:
                    beaten = time.monotonic()
                    await self._beat()
                    if beaten - logged >= LOG_SECONDS:
                        logged = beaten
                        await self.pool(self._write_counts)
            except Exception as error:  # noqa: BLE001 - the next beat may succeed
                log.bug(error, role="doors")
            await asyncio.sleep(self.bounds.look_seconds)

    async def _beat(self) -> None:
        live = {session: session.connection for session in self._sessions if session.connection is not None}
        boxes = {session: session.o.mailbox.id for session in live if session.o is not None}
        lost, living = await self.pool(lambda: (_lost(list(live.values())), views.living(list(set(boxes.values())))))
        for session, connection in live.items():
            if session.connection is connection and connection in lost:
                session.interrupt("The time of this connection has ended")
        for session, box in boxes.items():
            if box not in living:
                session.interrupt("The mailbox is closed")

    def _write_counts(self) -> None:
        counts, self.counts = self.counts, Counter()
        for kind, count in sorted(counts.items()):
            log.event("sieve.counts", role="doors", kind=kind, count=count)

    async def _end(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
        await self.pool(self._write_counts)
        loop = asyncio.get_running_loop()
        for pool, count in ((self._threads, THREADS), (self._logins, LOGIN_THREADS)):
            await asyncio.gather(*(loop.run_in_executor(pool, work) for work in threads.closers(count)), return_exceptions=True)
            await loop.run_in_executor(None, pool.shutdown)


async def start(
    host: str, *, port: int, tls: ssl.SSLContext | None, enqueue: Enqueue | None, bounds: Bounds | None = None
) -> tuple[Server, int]:
    """Open the door (port 0: any free one). Returns it with its port."""
    server = Server(tls=tls, enqueue=enqueue, bounds=bounds)
    return server, await server.listen(host, port)


def _lost(live: list[Connection]) -> set[Connection]:
    now = clock.now()
    return {connection for connection in live if not connection.beat(now)}
