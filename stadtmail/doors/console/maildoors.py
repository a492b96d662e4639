"""The mail doors in one asyncio process: opened with the mail room behind them, drained at SIGTERM.

Doors do not import each other: they are named as text. The SMTP door gets the two functions of the mail room that it knows.
"""

import asyncio
import importlib
import signal

from stadtmail.doors.console import certificate
from stadtmail.kit import config

SMTP = "stadtmail.doors.smtp.server"
IMAP = "stadtmail.doors.imap.server"
SIEVE = "stadtmail.doors.sieve.server"


_enqueue = None  # what filters send out is kept until the outgoing queue is there


def run() -> None:
    """Until SIGTERM or SIGINT."""
    try:
        import uvloop
    except ImportError:  # optional: only faster
        asyncio.run(_run())
    else:
        uvloop.run(_run())


async def _run() -> None:
    from stadtmail.mail.actions import delivery

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    smtp, imap, sieve = (importlib.import_module(door) for door in (SMTP, IMAP, SIEVE))
    chosen = config.load()
    name, chain, key = await loop.run_in_executor(None, certificate.of_instance)
    memory = await loop.run_in_executor(None, _memory_seconds)
    writer = delivery.Writer(enqueue=_enqueue)
    writer.start()
    try:
        server = await smtp.start(
            chosen.host,
            chosen.ports["smtp"],
            recipient=delivery.recipient,
            deliver=writer.submit,
            hostname=name,
            tls=smtp.tls_context(str(chain), str(key)),
            memory_seconds=memory,
        )
        readers, _ = await imap.start(
            chosen.host, port=chosen.ports["imap"], tls_port=chosen.ports["imaps"], tls=smtp.tls_context(str(chain), str(key))
        )
        filters, _ = await sieve.start(
            chosen.host, port=chosen.ports["sieve"], tls=smtp.tls_context(str(chain), str(key)), enqueue=_enqueue
        )
        senders = await smtp.start_submission(
            chosen.host, port=chosen.ports["submission"], tls_port=chosen.ports["submissions"], hostname=name,
            tls=smtp.tls_context(str(chain), str(key)),
        )  # fmt: skip
        await stop.wait()
        await asyncio.gather(server.drain(seconds=20), readers.drain(seconds=10), senders.drain(seconds=20), filters.drain(seconds=10))
    finally:
        await loop.run_in_executor(None, writer.stop)  # after the last connection: everything taken is committed


def _memory_seconds() -> int:
    """The shortest memory that a city of this door promises for counters (C-2.4): a network does not belong to one city."""
    from stadtmail.privacy import policy
    from stadtmail.tenants import queries as tenants

    kept = [policy.current(city).limits["throttle"] for city in tenants.cities()]
    return min((period.days * 86_400 + period.seconds for period in kept), default=600)
