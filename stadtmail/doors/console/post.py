"""The queue's worker inside the role `work`: an event loop in a thread of its own, so that a long sweep delays no mail.

Several roles `work`, also on other machines, share the queue by leases; each carries what it has claimed.
"""

import asyncio
import threading
from types import TracebackType
from typing import Self

from stadtmail.doors.console import certificate
from stadtmail.kit import config, log, resolver, smarthost

END_SECONDS = 25.0


class Post:
    """Carries mail while the `with` lasts; at its end what has begun is finished, and the rest given back."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="post", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._carry())
        except Exception as problem:  # noqa: BLE001 - the role goes on sweeping; the next start carries on
            log.bug(problem, role="work")

    async def _carry(self) -> None:
        from stadtmail.mail.outbound.worker import Worker

        chosen = config.load()
        name = await asyncio.to_thread(_name)
        relay = smarthost.Smarthost.read(chosen.smarthost)
        await Worker(hostname=name, resolver=resolver.configured(), relay=relay).run(self._stop)


def _name() -> str:
    from django.db import connections

    try:
        return certificate.name_of_instance()
    finally:
        connections.close_all()  # this thread is not seen again
