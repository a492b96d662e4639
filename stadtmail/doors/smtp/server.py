"""The SMTP door as a program: `start` opens it for tests and other programs, `run` is the role "doors" until SIGTERM.

It stands between two halves that it introduces to each other: the listener here, the writer of the mail room.
"""

import asyncio
import signal
import ssl
from collections.abc import Callable

from stadtmail.doors.smtp.bounds import Bounds
from stadtmail.doors.smtp.listener import Deliver, Recipient, Server
from stadtmail.doors.smtp.tls import context
from stadtmail.kit import certificates, config
from stadtmail.mail.actions import delivery
from stadtmail.tenants import queries as tenants

NAMELESS = "localhost"  # before the first city is opened


async def start(
    host: str,
    port: int,
    *,
    recipient: Recipient,
    deliver: Deliver,
    hostname: str,
    tls: ssl.SSLContext | None = None,
    postmaster: str = "",
    bounds: Bounds | None = None,
) -> Server:
    """Open the door. `deliver` is the mail writer's `submit`, `hostname` what the greeting says, `postmaster` whom <postmaster> means."""
    server = Server(recipient=recipient, deliver=deliver, hostname=hostname, tls=tls, postmaster=postmaster, bounds=bounds)
    return await server.listen(host, port)


def run() -> None:
    """Take mail for all cities of the instance until SIGTERM or SIGINT; messages under way are finished first."""
    hostname = _hostname()
    tls = context(*certificates.paths([hostname]))
    writer = delivery.Writer()
    writer.start()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(writer, hostname, tls))
    finally:
        writer.stop()


async def _serve(writer: delivery.Writer, hostname: str, tls: ssl.SSLContext) -> None:
    stop, loop, chosen = asyncio.Event(), asyncio.get_running_loop(), config.load()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    host, port = chosen.host, chosen.ports["smtp"]
    door = await start(host, port, recipient=delivery.recipient, deliver=writer.submit, hostname=hostname, tls=tls)
    await stop.wait()
    await door.drain()


def _hostname() -> str:
    """The name of the door: the mail domain of the city that also answers on the bare address."""
    try:
        return tenants.city_of_host("localhost").domain
    except tenants.NoSuchCity:
        return NAMELESS


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # optional: the door is the same without it, and slower
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
