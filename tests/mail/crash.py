"""A process that delivers and is killed: `python -m tests.mail.crash STEP SIZE` dies at the step, STEP 0 goes on until killed.

Prints a line for each message that it would have answered with 250.
"""

import os
import signal
import sys
import threading
from datetime import UTC, datetime

import django


def main(step: int, size: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    django.setup()
    from stadtmail.mail.actions import delivery

    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    writer = delivery.Writer(step=lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == step else None)
    writer.start()

    def send(thread: int) -> None:
        for number in range(1_000_000):
            name = f"{thread}-{number}"
            (answer,) = writer.submit(b"Subject: " + name.encode() + b"\n\n" + b"x" * size, to, received=b"", now=now).result()
            assert answer is None
            os.write(1, f"{name}\n".encode())

    for thread in range(1 if step else 4):
        threading.Thread(target=send, args=(thread,), daemon=True).start()
    signal.pause()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
