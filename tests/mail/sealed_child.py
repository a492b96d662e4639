"""A process that switches a mailbox, or changes its password, and is killed: `python -m tests.mail.sealed_child ACTION WHEN CONTRACT`.

"work" does the recurring work and waits: its memory is looked at from outside.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from uuid import UUID

import django

PASSWORD, NEW = "ein langer Satz 7", "ein anderer Satz 8"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def work(now: datetime) -> None:
    """All that the work role does with mailboxes, and all that living keys open; then wait to be looked at."""
    from stadtmail.mail import jobs
    from stadtmail.mail.models import Mailbox
    from stadtmail.mail.queries import Opened, folders
    from stadtmail.privacy.scan import opened

    for job in (jobs.finish_sealing, jobs.follow_mail, jobs.empty_due_folders, jobs.forget_repeats, jobs.remove_lost_blobs):
        job(now)
    for box in Mailbox.objects.exclude(contract=None):
        folders(Opened(box))
    count = sum(1 for _ in opened.pieces())
    print(f"{count} pieces", flush=True)
    sys.stdin.read()


def main(action: str, when: str, contract_id: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    django.setup()
    from stadtmail.mail import wraps
    from stadtmail.mail.actions import moving, sealed
    from stadtmail.mail.models import Mailbox
    from stadtmail.people import queries as people
    from stadtmail.privacy import erasure

    now = datetime(2026, 11, 23, 10, tzinfo=UTC)
    tenant = Mailbox.objects.exclude(contract=None).select_related("tenant").first().tenant
    contract = people.contract(tenant, UUID(contract_id))
    if action == "work":
        work(now)
        return
    moving.PORTION = 2

    def killing(real, *, after: bool, nth: int = 1):
        calls = []

        def killed(*given, **named):
            calls.append(1)
            if len(calls) == nth and not after:
                die()
            found = real(*given, **named)
            if len(calls) == nth and after:
                die()
            return found

        return killed

    if when.startswith("wraps"):  # inside the transaction, before and behind the wraps
        wraps.replace = killing(wraps.replace, after=when == "wraps after")
    if when.startswith("portion"):  # between two portions of the move, and inside of one
        moving.store.change = killing(moving.store.change, after=when == "portion inside", nth=2)
    if when.startswith("erasure"):  # at a numbered step of the one path
        number = int(when.split()[1])
        real = erasure._reached
        erasure._reached = lambda entries, step, at: (real(entries, step, at), die() if step == number else None)[0]
    act = {
        "seal": lambda: sealed.seal_mailbox(
            contract, tenant=tenant, password=PASSWORD, now=now, step=lambda n: die() if when == f"step {n}" else None
        ),
        "unseal": lambda: sealed.unseal_mailbox(contract, tenant=tenant, password=PASSWORD, now=now),
        "password": lambda: sealed.set_password(contract, tenant=tenant, old=PASSWORD, new=NEW, now=now),
        "anew": lambda: sealed.begin_anew(
            contract, tenant=tenant, password=PASSWORD, now=now, step=lambda n: die() if when == f"step {n}" else None
        ),
    }
    act[action]()
    die()  # "end": after everything


if __name__ == "__main__":
    main(*sys.argv[1:])
