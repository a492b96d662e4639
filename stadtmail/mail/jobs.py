"""Recurring work of the room: new pairs for the roles each month, and blobs that a crash left behind."""

from datetime import datetime

from stadtmail.mail.actions import gone, repeats, rolekeys
from stadtmail.mail.models import Mailbox


def renew_role_keys(now: datetime) -> int:
    """Give each role's mailbox its pair of this month. (Mail that comes earlier makes it itself.) Returns how many were made."""
    due = Mailbox.objects.exclude(role="").exclude(keys__current=True, keys__until__gt=now).select_related("tenant")
    for mailbox in due:
        rolekeys.renew(mailbox, now=now)
    return len(due)


def forget_repeats(now: datetime) -> int:
    """Forget which messages were to come again, when no sender tries any more. Returns how many."""
    return repeats.forget(now)


def remove_lost_blobs(now: datetime) -> int:
    """Unlink what waits for it, and remove blobs that no row names. Returns how many."""
    return gone.unlink() + gone.remove_lost(now)
