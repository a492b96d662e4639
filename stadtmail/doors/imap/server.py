"""Takes connections, registers each in RAM for as long as it lasts, and keeps those that wait up to date.

Work that may wait for a database or disk, and all opening of messages, runs in a small pool of threads. Nothing about a
connection is logged but counts (C-4.2).
"""

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar
from uuid import UUID

from django.core.exceptions import SynchronousOnlyOperation

from stadtmail.doors.imap.bounds import Bounds
from stadtmail.doors.imap.numbers import Shelf
from stadtmail.doors.imap.session import Session
from stadtmail.doors.imap.stream import Stream
from stadtmail.doors.imap.together import Together
from stadtmail.kit import clock, log, store, threads
from stadtmail.mail import views
from stadtmail.usage import bell, connections, limits
from stadtmail.usage.connections import Connection

T = TypeVar("T")
LOG_SECONDS = 60.0
LOGIN_THREADS = 2


class Server:
    """The open door: made by `start`, ended by `drain`."""

    def __init__(self, *, tls: ssl.SSLContext | None, bounds: Bounds | None = None, threads: int = 4) -> None:
        self.tls, self.bounds = tls, bounds or Bounds()
        self.counts: Counter[str] = Counter()
        self.large = asyncio.Semaphore(self.bounds.large_at_once)
        self._waiting: dict[UUID, set[Session]] = {}  # folder -> who waits in it (IDLE)
        self._bell: bell.Bell | None = None
        self.shelf = Shelf()
        self.flags = Together(self.pool)
        self._count, self._threads = threads, ThreadPoolExecutor(threads, thread_name_prefix="imap")
        self._logins = ThreadPoolExecutor(LOGIN_THREADS, thread_name_prefix="imap-login")  # a flood of them stops nobody who reads
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._listeners: list[asyncio.Server] = []
        self._tickers: list[asyncio.Task[None]] = []
        self._draining = False
        self._is_near = store.is_near()

    async def listen(self, host: str, port: int, *, tls: bool, shared: bool = False) -> int:
        """Open a port (0: any free one); with TLS from the first octet, or offering STARTTLS. Returns the port.

        `shared`: other processes of ours listen there too, and the kernel deals out the connections.
        """
        loop = asyncio.get_running_loop()
        make = partial(Stream, self._arrived, reading_seconds=self.bounds.reading_seconds)
        patience = self.bounds.handshake_seconds if tls else None
        listener = await loop.create_server(
            make, host, port, backlog=1024, ssl=self.tls if tls else None, ssl_handshake_timeout=patience, reuse_port=shared
        )
        self._listeners.append(listener)
        if not self._tickers:
            self._tickers = [loop.create_task(self._beats()), loop.create_task(self._looks())]
            self._bell = bell.Bell()
            loop.add_reader(self._bell.fileno(), self._heard)
        return int(listener.sockets[0].getsockname()[1])

    async def drain(self, *, seconds: float = 5.0) -> Self:
        """Take no more connections, tell everybody to come back; then end."""
        self._draining = True
        for listener in self._listeners:
            listener.close()
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
        """Run what may wait for a database or disk, or takes long, outside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, threads.with_care, work)

    async def quick(self, work: Callable[[], T]) -> T:
        """Run a short read: at once where the database is a file of this machine, else (or where a key is not at hand) in a thread."""
        if self._is_near:
            try:
                return work()
            except SynchronousOnlyOperation:  # something would have to ask Django's own connection
                pass
        return await self.pool(work)

    async def login(self, work: Callable[[], T]) -> T:
        """Check a password: in threads of its own, because that may take long and many may ask."""
        return await asyncio.get_running_loop().run_in_executor(self._logins, threads.with_care, work)

    def changed(self, folder: UUID, by: Session) -> None:
        """A session has changed a folder: the others that wait in it look at once, in every process."""
        self._look(folder, by)
        bell.ring(folder, besides=self._bell)

    def wait_in(self, folder: UUID, session: Session) -> None:
        """The session waits in this folder."""
        self._waiting.setdefault(folder, set()).add(session)

    def wait_no_more(self, folder: UUID, session: Session) -> None:
        """It does not any more."""
        waiting = self._waiting.get(folder, set())
        waiting.discard(session)
        if not waiting:
            self._waiting.pop(folder, None)

    def _look(self, folder: UUID, by: Session | None = None) -> None:
        for session in self._waiting.get(folder, ()):
            if session is not by:
                session.stream.look()

    def _heard(self) -> None:
        assert self._bell is not None
        for folder in self._bell.heard():
            self._look(folder)

    def _arrived(self, stream: Stream) -> None:
        network = limits.network(stream.peer)
        is_trusted = network in self.bounds.trusted_networks
        if len(self._sessions) >= self.bounds.connections or self._draining:
            stream.write(b"* BYE [UNAVAILABLE] Too many connections\r\n")
            stream.close()
            return
        session = Session(self, stream)
        self._sessions[session] = task = asyncio.get_running_loop().create_task(self._serve(session, None if is_trusted else network))
        task.add_done_callback(partial(self._left, session))

    def _left(self, session: Session, task: "asyncio.Task[None]") -> None:
        self._sessions.pop(session, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.bug(error, role="doors")

    async def _serve(self, session: Session, network: str | None) -> None:
        """The life of one connection: registered first, served, and gone from RAM at its end whatever ended it."""
        stream = session.stream
        session.connection = await self.pool(partial(self._register, stream.peer, network))
        if session.connection is None:
            stream.write(b"* BYE [LIMIT] Too many connections\r\n")
            stream.close()
            return
        stream.deadline = asyncio.get_running_loop().time() + self.bounds.login_seconds
        self.counts["arrived"] += 1
        try:
            await session.run()
        finally:
            ended, session.connection = session.connection, None
            self._threads.submit(threads.with_care, ended.end)  # also where this task is cancelled: before the pool ends
            session.forget()

    def _register(self, peer: str, network: str | None) -> Connection | None:
        """Counted over all processes: arrivals of a network, and those of it that have not logged in yet."""
        now = clock.now()
        if network is not None:
            if not limits.allow("imap.arrival", network, limit=self.bounds.arrivals_a_minute, per_seconds=60, now=now):
                return None
            if connections.of_network(network, now) >= self.bounds.connections_a_network:
                return None
        return connections.begin("imap", peer=peer, tenant=None, person=None, now=now, network=network or "")

    async def _beats(self) -> None:
        """Keep the leases of living connections; cut those that have ended and those whose mailbox is being erased."""
        logged = time.monotonic()
        while True:
            await asyncio.sleep(self.bounds.beat_seconds)
            try:
                await self._beat()
                if time.monotonic() - logged >= LOG_SECONDS:
                    logged = time.monotonic()
                    await self.pool(self._write_counts)
            except Exception as error:  # noqa: BLE001 - the next beat may succeed
                log.bug(error, role="doors")

    async def _beat(self) -> None:
        live = {session: session.connection for session in self._sessions if session.connection is not None}
        boxes = {session: session.o.mailbox.id for session in live if session.o is not None}
        lost, living = await self.pool(lambda: (_lost(list(live.values())), views.living(list(set(boxes.values())))))
        for session in await self._put_out(live):
            session.interrupt("The mailbox is not shared any more")
        for session, connection in live.items():
            if session.connection is connection and connection in lost:
                session.interrupt("The time of this connection has ended")
        for session, box in boxes.items():
            if box not in living:
                session.interrupt("The mailbox is closed")

    async def _looks(self) -> None:
        """What came or changed meanwhile shows to those that wait in IDLE; connections that were ended from elsewhere are cut."""
        ended = None
        while True:
            try:
                before, ended = ended, await self.pool(connections.endings)
                if before not in (None, ended):
                    await self._beat()
                if self._waiting:
                    marks = await self.pool(partial(views.marks, list(self._waiting)))
                    waiting = [one for some in self._waiting.values() for one in some]
                    for session in await self._put_out(waiting):  # a ring may get lost, and not every end of a right rings
                        session.stream.look()
                    for session in waiting:
                        if session.view is not None and marks.get(session.view.folder.id) != session.view.synced:
                            session.stream.look()
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                log.bug(error, role="doors")
            await asyncio.sleep(self.bounds.look_seconds)

    async def _put_out(self, sessions: Iterable[Session]) -> list[Session]:
        """Those of them that are in a folder of somebody else which they may not read any more."""
        guests = {one: one.view.given.guest for one in sessions if one.view is not None and one.view.given is not None}
        return await self.pool(lambda: [one for one, guest in guests.items() if "r" not in guest.rights()]) if guests else []

    def _write_counts(self) -> None:
        counts, self.counts = self.counts, Counter()
        for kind, count in sorted(counts.items()):
            log.event("imap.counts", role="doors", kind=kind, count=count)

    async def _end(self) -> None:
        for ticker in self._tickers:
            ticker.cancel()
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())
            self._bell.close()
        if self._tickers:
            await asyncio.wait(self._tickers)
        await self.pool(self._write_counts)
        loop = asyncio.get_running_loop()
        for pool, count in ((self._threads, self._count), (self._logins, LOGIN_THREADS)):
            await asyncio.gather(*(loop.run_in_executor(pool, work) for work in threads.closers(count)), return_exceptions=True)
            await loop.run_in_executor(None, pool.shutdown)


async def start(
    host: str, *, port: int | None, tls_port: int | None, tls: ssl.SSLContext | None, bounds: Bounds | None = None, shared: bool = False
) -> tuple[Server, list[int]]:
    """Open the door on its two ports (None: not this one; 0: any free one), alone or `shared`. Returns it with the ports."""
    server = Server(tls=tls, bounds=bounds)
    wanted = [(number, is_tls) for number, is_tls in ((port, False), (tls_port, True)) if number is not None]
    return server, [await server.listen(host, number, tls=is_tls, shared=shared) for number, is_tls in wanted]


def _lost(live: list[Connection]) -> set[Connection]:
    now = clock.now()
    return {connection for connection in live if not connection.beat(now)}
