"""A process that sends what is due and is killed: `python -m tests.mail.planned_child WHERE`.

WHERE: "prepared" (all sealed, nothing written), "marked" (all written, not committed), "done" (committed, not gone on).
"""

import os
import signal
import sys
from datetime import UTC, datetime

import django


def die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(where: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    django.setup()
    from stadtmail.mail.actions import planning, sending

    if where == "prepared":
        sending._take = die  # type: ignore[assignment]
    if where == "marked":
        planning._mark_original = die
    planning.send_due(datetime(2026, 11, 23, 10, tzinfo=UTC))
    die()


if __name__ == "__main__":
    main(sys.argv[1])
