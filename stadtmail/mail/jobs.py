"""Recurring work of the room: new pairs for the roles each month, Trash and Junk, and blobs that a crash left behind."""

from datetime import datetime

from stadtmail.mail.actions import emptying, gone, rolekeys
from stadtmail.mail.models import Mailbox
from stadtmail.tenants import queries as tenants


def renew_role_keys(now: datetime) -> int:
    """Give each role's mailbox its pair of this month. (Mail that comes earlier makes it itself.) Returns how many were made."""
    due = Mailbox.objects.exclude(role="").exclude(keys__current=True, keys__until__gt=now).select_related("tenant")
    for mailbox in due:
        rolekeys.renew(mailbox, now=now)
    return len(due)


def empty_due_folders(now: datetime) -> int:
    """Delete what has lain in Trash and Junk for its city's period. Returns how many messages went."""
    return sum(emptying.empty(city, now=now) for city in tenants.cities())


def remove_lost_blobs(now: datetime) -> int:
    """Unlink what waits for it, and remove blobs that no row names. Returns how many."""
    return gone.unlink() + gone.remove_lost(now)
