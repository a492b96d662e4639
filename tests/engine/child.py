"""A process that sweeps and kills itself after a step: python -m tests.engine.child STEP NOW, on the data folder of the caller."""

import os
import signal
import sys
from datetime import datetime

import django


def main(fatal: int, now: datetime) -> None:
    django.setup()
    from stadtmail.privacy import sweep

    def step(number: int) -> None:
        if number == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    sweep.run(now, step=step)


if __name__ == "__main__":
    main(int(sys.argv[1]), datetime.fromisoformat(sys.argv[2]))
