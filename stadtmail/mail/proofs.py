"""What the room measures: do letters to the officer arrive, theirs alone (C-1.5)? Does a sealed mailbox open without its holder (C-4.7)?"""

from datetime import datetime, timedelta

from stadtmail.mail import queries
from stadtmail.mail.actions import probe
from stadtmail.mail.leaving import Transit
from stadtmail.mail.models import MailboxKey
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants.models import Tenant

MOST_TRIED = 200  # sealed mailboxes of a city that are tried at each measuring


def declare() -> None:
    """Register the measures. Called once at start."""
    register(
        Measure("C-1.5", "failed_probes_to_the_officer", _probes),
        Measure("C-4.2", "messages_past_their_end", _past),
        Measure("C-4.7", "sealed_mailboxes_that_open_here", _open_here),
    )


def _open_here(tenant: Tenant, now: datetime) -> Measured:  # noqa: ARG001
    """Sealed mailboxes of which the store has a wrap for us, or which open with the instance's own keys."""
    pairs = MailboxKey.objects.filter(mailbox__tenant=tenant).exclude(unit__state=ERASING)
    found = pairs.exclude(wraps=None).exclude(private=None).distinct().count()
    for pair in pairs.filter(private=None, current=True).select_related("mailbox")[:MOST_TRIED]:
        try:
            found += pair.unit_id in queries.privates(queries.Opened(pair.mailbox))
        except units.Gone:
            continue
    return Measured(found, found == 0)


def _past(tenant: Tenant, now: datetime) -> Measured:
    """Messages in transit that are still there although they were delivered, bounced or five days old a while ago."""
    limit = now - timedelta(minutes=15)  # C-4.2: without delay, at the latest
    found = Transit.objects.filter(tenant=tenant, unit__due_at__lte=limit).count()
    return Measured(found, found == 0)


def _probes(tenant: Tenant, now: datetime) -> Measured:
    failed = probe.probe(tenant, now=now)
    return Measured(failed, failed == 0, real=False)
