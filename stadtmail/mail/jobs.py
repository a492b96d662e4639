"""Recurring work of the room: new pairs for the roles each month, Trash and Junk, lost blobs, the filters' memory, search indexes."""

from datetime import datetime

from stadtmail.mail.actions import (
    accounts,
    emptying,
    forwarding,
    gone,
    importing,
    indexing,
    legs,
    moving,
    planning,
    remembering,
    repeats,
    rolekeys,
)
from stadtmail.mail.importing import running
from stadtmail.mail.models import Mailbox
from stadtmail.tenants import queries as tenants


def renew_role_keys(now: datetime) -> int:
    """Give each role's mailbox its pair of this month. (Mail that comes earlier makes it itself.) Returns how many were made."""
    due = Mailbox.objects.exclude(role="").exclude(keys__current=True, keys__until__gt=now).select_related("tenant")
    for mailbox in due:
        rolekeys.renew(mailbox, now=now)
    return len(due)


def transits_due(now: datetime, last: datetime | None) -> bool:
    """Has a message waited for as long as it may, or lost its mailbox?"""
    return last is None or legs.expiry_is_due(now)


def end_transits(now: datetime) -> int:
    """Bounce what could not be delivered in time, end what belongs to an erased mailbox. Returns how many."""
    return legs.end_orphans(now) + legs.expire(now)


def forget_repeats(now: datetime) -> int:
    """Forget which messages were to come again, when no sender tries any more. Returns how many."""
    return repeats.forget(now)


def finish_sealing(now: datetime) -> int:
    """Go on with mailboxes whose messages move to another pair. Returns how many are done."""
    return moving.finish_all(now)


def mend_mailboxes(now: datetime) -> int:
    """Give running contracts that a restore left without a mailbox an empty one. Returns how many."""
    return accounts.mend(now)


def empty_due_folders(now: datetime) -> int:
    """Delete what has lain in Trash and Junk for its city's period. Returns how many messages went."""
    return sum(emptying.empty(city, now=now) for city in tenants.cities())


def remove_lost_blobs(now: datetime) -> int:
    """Unlink what waits for it, and remove blobs that no row names. Returns how many."""
    return gone.unlink() + gone.remove_lost(now)


def forget_for_filters(now: datetime) -> int:
    """What filters remember ends with its days, and so do codes that nobody gave back. Returns how many."""
    return remembering.forget_due(now) + forwarding.forget_unanswered(now)


def held_back_due(now: datetime, last: datetime | None) -> bool:  # noqa: ARG001
    """Can something that was sent not be undone any more?"""
    return planning.is_due(now, later=False)


def send_held_back(now: datetime) -> int:
    """Send what could be undone until now. Returns how many."""
    return planning.send_due(now, later=False)


def planned_due(now: datetime, last: datetime | None) -> bool:  # noqa: ARG001
    """Has the moment come that somebody chose for a message?"""
    return planning.is_due(now, later=True)


def next_planned(after: datetime) -> datetime | None:
    """The next moment at which a message is to be sent."""
    return planning.next_due(after)


def send_planned(now: datetime) -> int:
    """Send what its writer planned for now. Returns how many."""
    return planning.send_due(now, later=True)


def forget_lost_plans(now: datetime) -> int:
    """Plans whose message was deleted go. Returns how many."""
    return planning.forget_lost(now)


def follow_mail(now: datetime) -> int:
    """Take new mail into the search indexes, and what went out of them. Returns how many mailboxes are up to date."""
    return indexing.run(now)


def end_imports(now: datetime) -> int:
    """Imports end with their contracts. Returns how many."""
    return importing.end_with_contracts(now)


def import_mail(now: datetime) -> int:
    """Begin the imports that wait, and go on with those whose process has died. Returns how many were begun."""
    return running.begin_waiting(now)
