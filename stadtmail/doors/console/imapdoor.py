"""The IMAP door in one asyncio process of several: all listen on the same ports, and the kernel deals out the connections.

A process that dies takes its own connections along and no others. What one changes the others hear (usage/bell.py).
"""

import asyncio
import importlib
import signal

from stadtmail.doors.console import certificate
from stadtmail.kit import config

IMAP = "stadtmail.doors.imap.server"
SMTP = "stadtmail.doors.smtp.server"  # for its TLS alone


def run() -> None:
    """Until SIGTERM or SIGINT."""
    try:
        import uvloop
    except ImportError:  # optional: only faster
        asyncio.run(_run())
    else:
        uvloop.run(_run())


async def _run() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    imap, chosen = importlib.import_module(IMAP), config.load()
    _, chain, key = await loop.run_in_executor(None, certificate.of_instance)
    tls = importlib.import_module(SMTP).tls_context(str(chain), str(key))
    server, _ = await imap.start(chosen.host, port=chosen.ports["imap"], tls_port=chosen.ports["imaps"], tls=tls, shared=True)
    await stop.wait()
    await server.drain(seconds=10)
