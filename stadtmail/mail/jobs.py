"""Recurring work of the room: new pairs for the roles each month, blobs that a crash left behind, the search indexes."""

from datetime import datetime

from stadtmail.mail.actions import gone, indexing, rolekeys
from stadtmail.mail.importing import running
from stadtmail.mail.models import Mailbox


def renew_role_keys(now: datetime) -> int:
    """Give each role's mailbox its pair of this month. (Mail that comes earlier makes it itself.) Returns how many were made."""
    due = Mailbox.objects.exclude(role="").exclude(keys__current=True, keys__until__gt=now).select_related("tenant")
    for mailbox in due:
        rolekeys.renew(mailbox, now=now)
    return len(due)


def remove_lost_blobs(now: datetime) -> int:
    """Unlink what waits for it, and remove blobs that no row names. Returns how many."""
    return gone.unlink() + gone.remove_lost(now)


def follow_mail(now: datetime) -> int:
    """Take new mail into the search indexes, and what went out of them. Returns how many mailboxes are up to date."""
    return indexing.run(now)


def import_mail(now: datetime) -> int:
    """Begin the imports that wait, and go on with those whose process has died. Returns how many were begun."""
    return running.begin_waiting(now)
