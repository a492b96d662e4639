"""The mail doors in one asyncio process: opened with the mail room behind them, drained at SIGTERM.

Doors do not import each other: they are named as text. The SMTP door gets the functions of the mail room that it knows.
"""

import asyncio
import importlib
import signal
from dataclasses import replace

from stadtmail.doors.console import certificate
from stadtmail.kit import config, resolver

SMTP = "stadtmail.doors.smtp.server"
SIEVE = "stadtmail.doors.sieve.server"


def run() -> None:
    """Until SIGTERM or SIGINT."""
    try:
        import uvloop
    except ImportError:  # optional: only faster
        asyncio.run(_run())
    else:
        uvloop.run(_run())


async def _run() -> None:
    from stadtmail.mail.actions import delivery, outgoing
    from stadtmail.mail.inbound import examining
    from stadtmail.mail.spam import peers

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    smtp, sieve = (importlib.import_module(door) for door in (SMTP, SIEVE))
    chosen = config.load()
    name, chain, key = await loop.run_in_executor(None, certificate.of_instance)
    memory = await loop.run_in_executor(None, _memory_seconds)
    writer = delivery.Writer(enqueue=outgoing.enqueue, names=await loop.run_in_executor(None, _own_names, name, chosen.lmtp_trusts))
    writer.start()
    scanners = peers.configured({"clamd": chosen.clamd, "rspamd_url": chosen.rspamd_url})
    examiner = examining.Examiner(resolver.configured(chosen.resolver), name, scanners)
    try:
        server = await smtp.start(
            chosen.host,
            chosen.ports["smtp"],
            recipient=delivery.recipient,
            deliver=writer.submit,
            hostname=name,
            tls=smtp.tls_context(str(chain), str(key)),
            memory_seconds=memory,
            examine=None if examiner.is_idle else examiner.look,
            is_light=delivery.is_light,
        )
        front = replace(examiner, trusted=chosen.lmtp_trusts)
        rooms = {
            "recipient": delivery.recipient, "deliver": writer.submit, "is_light": delivery.is_light,
            "examine": None if front.is_idle else front.look,
        }  # fmt: skip
        lmtp = [await smtp.start_lmtp(place, allowed=chosen.lmtp_from, hostname=name, **rooms) for place in _lmtp_places(chosen)]
        senders = await smtp.start_submission(
            chosen.host, port=chosen.ports["submission"], tls_port=chosen.ports["submissions"], hostname=name,
            tls=smtp.tls_context(str(chain), str(key)),
        )  # fmt: skip
        filters, _ = await sieve.start(
            chosen.host, port=chosen.ports["sieve"], tls=smtp.tls_context(str(chain), str(key)), enqueue=outgoing.enqueue
        )
        await stop.wait()
        doors = [one.drain(seconds=20) for one in (server, senders, *lmtp)]
        await asyncio.gather(*doors, filters.drain(seconds=10))
    finally:
        examiner.close()
        await loop.run_in_executor(None, writer.stop)  # after the last connection: everything taken is committed


def _lmtp_places(chosen: config.Config) -> list[tuple[str, int] | str]:
    """Where the settings want LMTP: nowhere, unless they say for whom."""
    tcp = [(chosen.host, chosen.ports["lmtp"])] if chosen.lmtp_from else []
    return [*tcp, *([chosen.lmtp_socket] if chosen.lmtp_socket else [])]


def _own_names(name: str, front: str) -> list[str]:
    """The names in which a message may not say what was found about it: the door's, those of the cities, and that of a trusted server in
    front, whose word the door writes anew."""
    from stadtmail.tenants import queries as tenants

    return [name, *(city.domain for city in tenants.cities()), *([front] if front else [])]


def _memory_seconds() -> int:
    """The shortest memory that a city of this door promises for counters (C-2.4): a network does not belong to one city."""
    from stadtmail.privacy import policy
    from stadtmail.tenants import queries as tenants

    kept = [policy.current(city).limits["throttle"] for city in tenants.cities()]
    return min((period.days * 86_400 + period.seconds for period in kept), default=600)
