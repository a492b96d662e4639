"""Changes of flags share their transactions: what is asked for while others are being written is written with the next ones.

One sync of the disk for all of them, and no waiting for company: whoever is alone is written at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from stadtmail.mail.actions import changing
from stadtmail.mail.actions.changing import Stored, Wish

MOST = 64  # of one transaction

Pool = Callable[[Callable[[], Any]], Awaitable[Any]]


class Together:
    """What waits to be written. Of one event loop."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: list[tuple[Wish, asyncio.Future[Stored]]] = []
        self._task: asyncio.Task[None] | None = None

    async def store(self, wish: Wish) -> Stored:
        """What became of it, once it is durable. Raises NoSuchFolder, guests.NotShared."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Stored] = loop.create_future()
        self._waiting.append((wish, future))
        if self._task is None:
            self._task = loop.create_task(self._write())
        return await future

    async def _write(self) -> None:
        try:
            while self._waiting:
                part, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
                await self._written(part)
        finally:
            self._task = None
            for _, future in self._waiting:  # the loop ends
                future.cancel()

    async def _written(self, part: list[tuple[Wish, "asyncio.Future[Stored]"]]) -> None:
        try:
            found = await self._pool(partial(changing.store_together, [wish for wish, _ in part]))
        except asyncio.CancelledError:
            for _, future in part:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked says it to their client
            found = [error] * len(part)
        for (_, future), one in zip(part, found, strict=True):
            if future.done():  # whoever asked has gone
                continue
            if isinstance(one, Exception):
                future.set_exception(one)
            else:
                future.set_result(one)
