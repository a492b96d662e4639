"""Takes connections, registers each in RAM for as long as it lasts, and hands messages to the mail room.

It knows the mail room by four functions only, `recipient`, `examine`, `is_light` and `deliver`. Nothing about a connection is logged
but counts of reply codes (C-4.2).
"""

import asyncio
import os
import ssl
import stat
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import datetime
from functools import partial
from ipaddress import ip_address, ip_network
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
        self, message: bytes | Spooled, recipients: Sequence[Any], /, *, received: bytes, now: datetime, **verdict: Any
    ) -> "Future[list[StadtmailError | None]]": ...


class IsLight(Protocol):
    """mail.actions.delivery.is_light: does a small message to these ask only for what is at hand, so that the loop may seal it?"""

    def __call__(self, recipients: Sequence[Any], /) -> bool: ...


class Examine(Protocol):
    """mail.inbound.examining: what is found about a message; it goes to `deliver` as `verdict`. Never raises."""

    def __call__(self, message: bytes | Spooled, /, *, address: str, helo: str, sender: str) -> Awaitable[Any]: ...


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
        service: str = "smtp",
        converse: type[Conversation] = Conversation,
        examine: Examine | None = None,
        is_light: IsLight | None = None,
        allowed: Sequence[str] | None = None,
    ) -> None:
        self.recipient, self.deliver, self.hostname, self.tls = recipient, deliver, hostname, tls
        self.examine, self.is_light = examine, is_light or (lambda _: False)
        self.is_lmtp = allowed is not None  # RFC 2033: only for servers of our own, and one reply a recipient
        self._allowed = [ip_network(one) for one in allowed or ()]
        self.postmaster = postmaster or f"postmaster@{hostname}"
        self.bounds = bounds or Bounds()
        self.draining = False
        self.counts: Counter[int] = Counter()
        self.places = asyncio.Semaphore(self.bounds.large_at_once)
        self.crew: Crew
        self.service = service
        self._threads, self._converse = threads, converse
        self._running: dict[asyncio.Task[None], Stream] = {}
        self._live: dict[Connection, Stream] = {}
        self._networks: Counter[str] = Counter()
        self._listeners: list[asyncio.Server] = []
        self._tickers: list[asyncio.Task[None]] = []

    async def listen(self, host: str, port: int, *, tls: bool = False) -> Self:
        """Open a port (0: any free one); with TLS from the first octet (RFC 8314), or as it is."""
        context, patience = (self.tls, self.bounds.handshake_seconds) if tls else (None, None)
        make, loop = self._ready(), asyncio.get_running_loop()
        self._listeners.append(await loop.create_server(make, host, port, backlog=512, ssl=context, ssl_handshake_timeout=patience))
        return self

    async def listen_at(self, path: str) -> Self:
        """Open a Unix socket instead; a dead one in its place is removed."""
        with suppress(FileNotFoundError):
            if stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116
                os.unlink(path)  # noqa: PTH108
        make = self._ready()
        self._listeners.append(await asyncio.get_running_loop().create_unix_server(make, path, backlog=512))
        os.chmod(path, 0o660)  # noqa: PTH101 - owner and group, as Postfix's own sockets
        return self

    def _ready(self) -> Callable[[], Stream]:
        """How a connection begins; with the first port, the threads and timers of all."""
        loop = asyncio.get_running_loop()
        if not self._listeners:
            self.crew = Crew(threads=self._threads)
            self._tickers = [loop.create_task(self._tick()), loop.create_task(self._watch())]
        return partial(Stream, self._arrived)

    @property
    def ports(self) -> list[int]:
        """The ports on which it listens."""
        return [int(one.sockets[0].getsockname()[1]) for one in self._listeners]

    @property
    def port(self) -> int:
        """The first of them."""
        return self.ports[0]

    async def drain(self, *, seconds: float = 30.0) -> None:
        """Take no more connections, let messages under way finish, tell everybody else to come back; then end."""
        self.draining = True
        for listener in self._listeners:
            listener.close()
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
        if self.is_lmtp and not self._is_allowed(stream.peer):
            self._turn_away(stream, replies.NOT_FOR_YOU)
            return
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
        """The life of one connection: registered first, served, and gone from RAM at its end whatever ended it.

        What lasts longer than a moment `_watch` enters into the store: two writes that most mail never needs.
        """
        try:
            connection = await self.crew.light(partial(self._register, stream.peer, network))
        except Exception as error:  # noqa: BLE001 - a connection that cannot be registered is not served
            log.bug(error, role="doors")
            self._turn_away(stream, replies.OUT_OF_ORDER)
            return
        if connection is None:
            self._turn_away(stream, replies.TOO_MANY)
            return
        self._live[connection] = stream
        stream.deadline = asyncio.get_running_loop().time() + self.bounds.session_seconds
        conversation = self._converse(self, stream, connection)
        try:
            await conversation.run()
        finally:
            del self._live[conversation.connection]
            await self.crew.light(conversation.connection.end)

    async def known(self, conversation: Conversation, connection: Connection) -> None:
        """Somebody said who they are: their connection takes the place of the stranger's."""
        old, conversation.connection = conversation.connection, connection
        self._live[connection] = self._live.pop(old)
        await self.crew.light(old.end)

    def _register(self, peer: str, network: str) -> Connection | None:
        now, most = clock.now(), self.bounds.arrivals_a_minute
        if not self._is_trusted(network) and not limits.allow(f"{self.service}.arrival", network, limit=most, per_seconds=60, now=now):
            return None
        return connections.begin(self.service, peer=peer, tenant=None, person=None, now=now, is_entered=False)

    def _is_trusted(self, network: str) -> bool:
        return self.is_lmtp or network in self.bounds.trusted_networks

    def _is_allowed(self, peer: str) -> bool:
        """May this server deliver by LMTP? A Unix socket has no address: who gets in there, its folder says."""
        if not peer:
            return True
        address = ip_address(peer.partition("%")[0])
        return any(address in network for network in self._allowed)

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
                await self._beat(self._live)
                if time.monotonic() - logged >= LOG_SECONDS:
                    logged = time.monotonic()
                    await self.crew.quick(self._write_counts)
            except Exception as error:  # noqa: BLE001 - the next beat may succeed
                log.bug(error, role="doors")

    async def _beat(self, these: Iterable[Connection]) -> None:
        self._cut(await self.crew.quick(partial(_lost, list(these))))

    def _cut(self, these: Iterable[Connection]) -> None:
        for connection in these:
            if connection in self._live:
                self._live[connection].interrupt(only_idle=False)

    async def _watch(self) -> None:
        """Once a second: connections that have lasted a moment are entered, or cut where that cannot be; those that were ended from
        elsewhere (a revoked password, logging out everywhere) are cut, too."""
        ended = None
        while True:
            fresh = [one for one in self._live if not one.is_entered]
            try:
                before, ended = ended, await self.crew.quick(connections.endings)
                await self._beat(self._live if before not in (None, ended) else fresh)
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                log.bug(error, role="doors")
                self._cut(fresh)
            await asyncio.sleep(self.bounds.watch_seconds)

    def _write_counts(self) -> None:
        counts, self.counts = self.counts, Counter()
        for code, count in sorted(counts.items()):
            log.event("smtp.replies", role="doors", kind=self.service, code=code, count=count)

    async def _end(self) -> None:
        for ticker in self._tickers:
            ticker.cancel()
        if self._tickers:
            await asyncio.wait(self._tickers)
        await self.crew.quick(self._write_counts)
        await self.crew.end()


def _lost(live: list[Connection]) -> list[Connection]:
    now = clock.now()
    return [connection for connection in live if not connection.beat(now)]
