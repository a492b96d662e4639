"""Carries what is in transit: takes legs whose time has come, groups them by destination, and settles each try.

Any number of workers may run on one queue: a leg belongs to one of them until its lease has run out, so what a killed worker had
goes on after five minutes. The event loop waits for servers only; rows and bodies are read in threads.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

from django.db import close_old_connections, connections

from stadtmail.kit import clock, errors, log
from stadtmail.kit.resolver import Resolver
from stadtmail.kit.smarthost import Smarthost
from stadtmail.mail import sealing, transit
from stadtmail.mail.actions import delivery, legs, local
from stadtmail.mail.actions.legs import Try
from stadtmail.mail.outbound import bounds, counts
from stadtmail.mail.outbound.client import Connection, Lost, Refused
from stadtmail.mail.outbound.policies import Policies
from stadtmail.mail.outbound.reporting import Reports
from stadtmail.mail.outbound.routes import NO_ANSWER, NoRoute, Route, Routes
from stadtmail.mail.outbound.securing import Securing
from stadtmail.mail.transit import Opened, To
from stadtmail.wire.smtpclient import Reply

T = TypeVar("T")
TICK_SECONDS, RENEW_SECONDS = 1.0, 60.0
_REASONS = {"1": "address", "2": "mailbox", "3": "server", "5": "protocol", "6": "content", "7": "policy"}  # subjects of RFC 3463
_NETWORK = {"1": "no_connection", "2": "lost", "3": "no_answer"}
TOO_MANY = 452  # recipients for one transaction (RFC 5321 4.5.3.1.10)


@dataclass
class _Lane:
    """What goes to one destination (or to the smarthost) while somebody is at it."""

    waiting: deque[Opened] = field(default_factory=deque)
    sessions: set["asyncio.Task[None]"] = field(default_factory=set)


class Worker:
    """`round` carries all that is due now and returns; `run` does so until it is stopped. `step` is for tests that crash."""

    def __init__(
        self, *, hostname: str, resolver: Resolver, relay: Smarthost | None = None, limits: bounds.Bounds | None = None, port: int = 25,
        https_port: int = 443, trust: ssl.SSLContext | None = None, late: timedelta | None = None, now: Callable[[], datetime] = clock.now,
        step: Callable[[int], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._now, self._step, self._limits = now, step, limits or bounds.Bounds()
        self._routes = Routes(resolver, Policies(resolver, port=https_port, trust=trust), hostname=hostname, relay=relay, port=port)
        self.securing = Securing(helo=hostname, limits=self._limits, now=now, trust=trust)
        self.reports = Reports(resolver, self._thread, port=https_port, trust=trust, late=late)
        self._most = self._limits.per_smarthost if relay else self._limits.per_destination
        self._id, self._lanes = uuid4(), dict[str, _Lane]()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="outbound")  # its database connections are closed at the end
        self._settling: list[tuple[Opened, Try, asyncio.Future[None]]] = []
        self._is_settling = False
        self._places = asyncio.Semaphore(self._limits.connections)
        self._large = asyncio.Semaphore(self._limits.large)
        self._in_hand: set[UUID] = set()
        self._reporting: asyncio.Task[int] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; what has begun is finished, within reason."""
        renewed = counted = asyncio.get_running_loop().time()
        try:
            while not stop.is_set():
                try:
                    await self._take()
                    if (moment := asyncio.get_running_loop().time()) - renewed > RENEW_SECONDS:
                        renewed = moment
                        await self._thread(partial(legs.renew, self._id, self._now()))
                    if moment - counted > TICK_SECONDS and self.securing.counted:
                        counted = moment
                        await self._thread(partial(counts.note, dict(self.securing.counted), self._now()))
                        self.securing.counted.clear()
                    self._report()
                except Exception as error:  # noqa: BLE001 - a database that is away for a moment must not end the worker
                    log.bug(error, role="work")
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), TICK_SECONDS)
        finally:
            await self.close()

    def _report(self) -> None:
        """Send the day's reports beside the mail: a host that a domain names may be slow."""
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.get_running_loop().create_task(self.reports.send(now=self._now()))

    async def round(self) -> int:
        """Carry everything that is due now. Returns how many legs were tried."""
        count = 0
        while True:
            count += await self._take()
            tasks = [task for lane in self._lanes.values() for task in lane.sessions]
            if not tasks:
                return count
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)  # their lanes are tidied

    async def close(self, *, seconds: float = 20.0) -> None:
        """Let sessions finish for a while, give the rest back."""
        tasks: list[asyncio.Task[Any]] = [task for lane in self._lanes.values() for task in lane.sessions]
        for lane in self._lanes.values():
            lane.waiting.clear()
        tasks += [self._reporting] if self._reporting is not None else []
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(Exception):
            await self._thread(partial(legs.give_back, self._id))
        with suppress(Exception):
            await self._thread(connections.close_all)
        self._threads.shutdown(wait=False)

    async def _take(self) -> int:
        """Claim what is due and put it into its lanes."""
        room = self._limits.claimed - len(self._in_hand)
        if room <= 0:
            return 0
        found = await self._thread(partial(_claimed, self._id, room, self._now()))
        for leg, is_here in found:
            if leg.id not in self._in_hand:  # a lease that ran out on ourselves
                self._in_hand.add(leg.id)
                self._put("@" if is_here else self._lane(leg), leg)
        return len(found)

    def _lane(self, leg: Opened) -> str:
        """What shares connections. A report about TLS goes where TLS fails, too: nothing else may use its connection."""
        name = self._routes.lane(leg.destination)
        return f"{name} report" if leg.envelope.is_tls_report and name else name

    def _put(self, name: str, leg: Opened) -> None:
        lane = self._lanes.setdefault(name, _Lane())
        lane.waiting.append(leg)
        if len(lane.sessions) < min(self._most, len(lane.waiting)):
            self._begin(name, lane)

    def _begin(self, name: str, lane: _Lane) -> None:
        task = asyncio.get_running_loop().create_task(self._session(name, lane))
        lane.sessions.add(task)
        task.add_done_callback(partial(self._ended, name, lane))

    def _ended(self, name: str, lane: _Lane, task: "asyncio.Task[None]") -> None:
        lane.sessions.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.bug(task.exception() or RuntimeError(), role="work")
        if len(lane.sessions) < min(self._most, len(lane.waiting)) and not task.cancelled():
            self._begin(name, lane)
        if not lane.waiting and not lane.sessions:
            self._lanes.pop(name, None)

    async def _session(self, name: str, lane: _Lane) -> None:
        """One connection's worth of work: at least one leg leaves the lane, whatever happens."""
        if not lane.waiting:  # another session of the lane was faster
            return
        leg = lane.waiting.popleft()
        try:
            if name == "@":
                await self._settle(leg, await self._thread(partial(_here, leg, self._now())))
            else:
                async with self._places:
                    await self._travel(lane, leg)
        finally:
            self._in_hand.discard(leg.id)

    async def _travel(self, lane: _Lane, leg: Opened) -> None:
        try:
            connection, way, host = await self._connected(leg)
        except NoRoute as wrong:
            await self._answer(leg, [wrong.reply] * len(leg.waiting), way="", host="")
            await self._same_for_all(lane, wrong.reply)
            return
        next_leg: Opened | None = leg
        try:
            while next_leg is not None:
                current, next_leg = next_leg, None
                await self._carry(current, connection, way, host)
                if connection.is_open and connection.carried < self._limits.messages and lane.waiting:
                    next_leg = lane.waiting.popleft()
        finally:
            if connection.is_open:
                await connection.quit()

    async def _connected(self, leg: Opened) -> tuple[Connection, str, str]:
        """A connection to where a leg goes, as its domain wants it; noted for the report that the domain may want. Raises NoRoute."""
        route = await self._routes.to(leg.destination, now=self._now())
        if leg.envelope.is_tls_report:
            return await self._connect(route.without_policies())
        try:
            return await self._connect(route)
        finally:
            await self._noted(leg, route)

    async def _noted(self, leg: Opened, route: Route) -> None:
        try:
            await self.reports.note(leg.row.tenant_id, leg.destination, route.sessions, now=self._now())
        except Exception as error:  # noqa: BLE001 - what is counted must not keep mail from being carried
            log.bug(error, role="work")

    async def _same_for_all(self, lane: _Lane, reply: Reply) -> None:
        """What waits for the same destination need not find out for itself."""
        while lane.waiting:
            leg = lane.waiting.popleft()
            await self._answer(leg, [reply] * len(leg.waiting), way="", host="")

    async def _connect(self, route: Route) -> tuple[Connection, str, str]:
        """The first host that can be used. Raises NoRoute with what the last one said, as something that may pass."""
        said = NO_ANSWER
        for host in route.hosts[: self._limits.hosts]:
            for address in host.addresses[:2]:
                try:
                    connection, way = await self.securing.connect(host, address, route)
                    return connection, way, host.name or address
                except (Lost, Refused) as wrong:
                    said = wrong.reply
                except ssl.SSLError:
                    said = Reply(454, ("4.7.0 TLS failed",))
        raise NoRoute(Reply(min(said.code, 450), (f"4.4.1 {said.text}",)) if said.is_final else said)

    async def _carry(self, leg: Opened, connection: Connection, way: str, host: str) -> None:
        """One leg over this connection, in as many transactions as the server wants."""
        answers: dict[str, Reply] = {}
        left = list(leg.waiting)
        try:
            async with asyncio.timeout(self._limits.message_seconds):
                while left and connection.is_open:
                    part, left = left[: self._limits.recipients], left[self._limits.recipients :]
                    replies = await self._transaction(leg, part, connection)
                    answers |= {one.address: reply for one, reply in zip(part, replies, strict=True)}
                    again = [one for one in part if answers[one.address].code == TOO_MANY]
                    left += again if len(again) < len(part) else []
        except TimeoutError:
            connection.abort()
        except Exception as error:  # noqa: BLE001 - a body that does not open, a bug: it waits, and is not lost
            connection.abort()
            log.bug(error, role="work")
        lost = Reply(421, ("4.4.2 the connection was lost",))
        self._step(1)
        confirms = "DSN" in connection.offers
        await self._answer(leg, [answers.get(one.address, lost) for one in leg.waiting], way=way, host=host, confirms=confirms)

    async def _transaction(self, leg: Opened, part: Sequence[To], connection: Connection) -> list[Reply]:
        size, body = leg.row.size_bytes, self._body(leg)
        if leg.row.blob is None:
            return await connection.carry(leg.envelope, part, body, size)
        async with self._large:
            return await connection.carry(leg.envelope, part, body, size)

    async def _body(self, leg: Opened) -> AsyncIterator[bytes]:
        pieces: Iterator[bytes] = transit.body(leg.row)  # in the thread: this process's copy of the key may have run out
        while (piece := await self._thread(partial(next, pieces, b""))) != b"":
            yield piece

    async def _answer(self, leg: Opened, replies: Sequence[Reply], *, way: str, host: str, confirms: bool = False) -> None:
        """Settle a try by the servers' answers."""
        given = iter(replies)
        after = [_after(one, next(given), host) if one.state == transit.OPEN else one for one in leg.recipients]
        reason = next((_reason(reply) for reply in replies if not reply.is_ok and not reply.is_final), "")
        await self._settle(leg, Try(after, way, reason, confirms))

    async def _settle(self, leg: Opened, tried: Try) -> None:
        """Into the next transaction; returns when it is durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._settling.append((leg, tried, done))
        if not self._is_settling:
            self._is_settling = True
            asyncio.get_running_loop().call_soon(self._settle_next)
        try:
            await done
        finally:
            self._in_hand.discard(leg.id)

    def _settle_next(self) -> None:
        batch, self._settling = self._settling, []
        self._is_settling = bool(batch)
        if batch:
            task = asyncio.get_running_loop().create_task(self._settle_batch(batch))
            task.add_done_callback(lambda _: self._settle_next())

    async def _settle_batch(self, batch: Sequence[tuple[Opened, Try, "asyncio.Future[None]"]]) -> None:
        """All at once; where that fails, one by one, so that nobody's bug keeps the others' 250 from being noted."""
        try:
            await self._thread(partial(legs.settle, [(leg, tried) for leg, tried, _ in batch], now=self._now(), step=self._settled))
        except Exception:  # noqa: BLE001
            for leg, tried, _ in batch:
                try:
                    await self._thread(partial(legs.settle, [(leg, tried)], now=self._now()))
                except Exception as error:  # noqa: BLE001 - its lease runs out, and it is tried again
                    log.bug(error, role="work")
        for _, _, done in batch:
            if not done.done():
                done.set_result(None)

    def _settled(self, number: int) -> None:
        self._step(1 + number)

    async def _thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, _with_care, work)


def _with_care(work: Callable[[], Any]) -> Any:
    close_old_connections()
    return work()


def _claimed(worker: UUID, most: int, now: datetime) -> list[tuple[Opened, bool]]:
    """Legs to work on, and whether each goes to mailboxes of this instance."""
    return [(leg, bounds.is_own(leg.destination)) for leg in legs.claim(worker, most=most, now=now)]


def _here(leg: Opened, now: datetime) -> Try:
    """Copies for the mailboxes of a leg, placed in the transaction that ends it, and the answers for those who have none."""
    after: list[To] = []
    targets: dict[str, sealing.Target] = {}
    reason = ""
    for one in leg.recipients:
        if one.state != transit.OPEN:
            after.append(one)
            continue
        try:
            targets[one.address] = delivery.recipient(one.address, now=now)
            after.append(one.answered(legs.DELIVERED, "2.1.5", ""))
        except errors.TryLater:
            reason = "city_closed"
            after.append(one)
        except errors.OverQuota:
            after.append(one.answered(transit.FAILED, "5.2.2", "the mailbox is full"))
        except errors.StadtmailError:
            after.append(one.answered(transit.FAILED, "5.1.1", "there is no such mailbox"))
    if not targets:
        return Try(after, "local", reason)
    copies = local.copies(b"".join(transit.body(leg.row)), list(targets.values()), sender=leg.envelope.sender, now=now)
    boxes = {address: target.mailbox for address, target in targets.items()}
    said = {address: copies.refused[box].reason for address, box in boxes.items() if box in copies.refused}
    after = [one.answered(transit.FAILED, "5.7.1", said[one.address]) if one.address in said else one for one in after]
    return Try(after, "local", reason, here=copies, mailboxes=boxes)


def _after(one: To, reply: Reply, host: str) -> To:
    state = legs.DELIVERED if reply.is_ok else transit.FAILED if reply.is_final else transit.OPEN
    return one.answered(state, reply.status, reply.text, host)


def _reason(reply: Reply) -> str:
    """A closed word for why it waits: RFC 3463's subject, never the server's text."""
    subject, detail = reply.status.split(".")[1:]
    return _NETWORK.get(detail, "network") if subject == "4" else _REASONS.get(subject, "later")
