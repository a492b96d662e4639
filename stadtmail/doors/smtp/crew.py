"""Work that may wait for a database or a disk, outside of the event loop.

What is light (an entry in RAM, a row of a file of this machine, a small message) is done in the loop itself: waking a thread and
then the loop costs more than the work. What is quick but may ask a server waits in one line, and one thread takes all that waits at
once. What is long has threads of its own, so that nobody quick waits behind it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections

from stadtmail.kit import store, threads

T = TypeVar("T")
CHECKS = 2  # threads
Waiting = tuple[Callable[[], Any], "asyncio.Future[Any]"]
Outcome = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Crew:
    """One quick thread and a few for what is long. Made and ended in the event loop that it works for."""

    def __init__(self, *, threads: int) -> None:
        self._count = threads
        self._long = ThreadPoolExecutor(threads, thread_name_prefix="smtp-long")
        self._checks = ThreadPoolExecutor(CHECKS, thread_name_prefix="smtp-login")
        self._line: list[Waiting] = []
        self._batches: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._at_work = False
        self._is_near = store.is_near()
        self._quick = Thread(target=self._work, name="smtp", daemon=True)
        self._quick.start()

    async def light(self, work: Callable[[], T]) -> T:
        """Run it at once where the database is a file of this machine, else (or where a key is not at hand) in the line.

        It asks Django's own connections before it changes anything, or not at all.
        """
        if self._is_near:
            try:
                return work()
            except SynchronousOnlyOperation:  # it has to ask Django's own connection
                pass
        return await self.quick(work)

    async def quick(self, work: Callable[[], T]) -> T:
        """Run it after what waits already; it must not wait for a client, or for much of a disk."""
        result: asyncio.Future[T] = self._loop.create_future()
        self._line.append((work, result))
        if not self._at_work:
            self._at_work = True
            self._loop.call_soon(self._begin)  # whoever else comes in this turn of the loop goes along
        return await result

    async def long(self, work: Callable[[], T]) -> T:
        """Run it in a thread of its own for as long as it takes."""
        return await self._loop.run_in_executor(self._long, threads.with_care, work)

    async def check(self, work: Callable[[], T]) -> T:
        """Check a password: in threads of its own, because that may take long and many may ask."""
        return await self._loop.run_in_executor(self._checks, threads.with_care, work)

    def later(self, work: Callable[[], None]) -> None:
        """Run it some time, from any thread."""
        try:
            self._long.submit(work)
        except RuntimeError:  # the crew has gone home
            work()

    async def end(self) -> None:
        """Close each thread's databases, then end."""
        closing = [self.long(work) for work in threads.closers(self._count)]
        closing += [self.check(work) for work in threads.closers(CHECKS)]
        await asyncio.gather(self.quick(connections.close_all), *closing, return_exceptions=True)
        self._batches.put(None)
        for wait in (self._quick.join, self._long.shutdown, self._checks.shutdown):
            await self._loop.run_in_executor(None, wait)

    def _begin(self) -> None:
        batch, self._line = self._line, []
        self._batches.put(batch)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            self._loop.call_soon_threadsafe(self._tell, [(result, *self._outcome(work)) for work, result in batch])

    def _outcome(self, work: Callable[[], Any]) -> tuple[Any, BaseException | None]:
        try:
            return threads.with_care(work), None
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
            return None, error

    def _tell(self, done: list[Outcome]) -> None:
        for result, value, error in done:
            if result.cancelled():
                continue
            if error is None:
                result.set_result(value)
            else:
                result.set_exception(error)
        self._at_work = bool(self._line)
        if self._at_work:
            self._begin()
