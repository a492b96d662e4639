"""Another process at the index of Anna's mailbox: `python -m tests.mail.index_child WHAT`. Some of it kills itself at a moment."""

import os
import signal
import sys

import django


def main(what: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "stadtmail.settings"
    django.setup()
    from stadtmail.mail import queries
    from stadtmail.mail.actions import changing, indexing
    from stadtmail.mail.folders import DELETED
    from stadtmail.mail.index.tables import Index
    from stadtmail.mail.models import Folder, Mailbox, Message

    box = Mailbox.objects.exclude(contract=None).order_by("last_validity", "id").get(contract__isnull=False, role="")
    o = queries.Opened(box)
    die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    if what == "follow":
        print("begun", flush=True)
        while not indexing.follow(o, seconds=1):
            pass
        return
    moment = what.partition("-")[2]
    if moment == "before":
        indexing.forget = die
    elif moment == "within":
        Index.commit = die
    inbox = Folder.objects.get(mailbox=box, role="inbox").id
    changing.store_flags(o, inbox, [2, 3, 4, 5, 6], how="+", flags=DELETED, now=None)
    changing.expunge(o, inbox, now=None)
    assert Message.objects.filter(folder=inbox).count() == 2
    die()


if __name__ == "__main__":
    main(sys.argv[1])
