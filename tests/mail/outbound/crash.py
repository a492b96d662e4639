"""A worker that is killed: `python -m tests.mail.outbound.crash STEP SMTP_PORT DNS_PORT` dies at the step, STEP 0 goes on until killed."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime

import django


def main(step: int, port: int, dns: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    django.setup()
    from stadtmail.kit.resolver import Resolver, Server
    from stadtmail.mail.outbound.worker import Worker

    def die(number: int) -> None:
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)

    async def go() -> None:
        now = datetime(2026, 11, 23, 10, tzinfo=UTC)
        resolver = Resolver([Server("127.0.0.1", dns, True)])
        worker = Worker(hostname="post.ahaus.net", resolver=resolver, port=port, now=lambda: now, step=die)
        os.write(1, b"up\n")
        await worker.run(asyncio.Event())

    asyncio.run(go())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
