"""What the room measures: does a letter to the officer arrive, and is it theirs alone (C-1.5)?"""

from datetime import datetime, timedelta

from stadtmail.mail.actions import probe
from stadtmail.mail.models import Transit
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants.models import Tenant


def declare() -> None:
    """Register the measures. Called once at start."""
    register(
        Measure("C-1.5", "failed_probes_to_the_officer", _probes),
        Measure("C-4.2", "messages_past_their_end", _past),
    )


def _past(tenant: Tenant, now: datetime) -> Measured:
    """Messages in transit that are still there although they were delivered, bounced or five days old a while ago."""
    limit = now - timedelta(minutes=15)  # C-4.2: without delay, at the latest
    found = Transit.objects.filter(tenant=tenant, unit__due_at__lte=limit).count()
    return Measured(found, found == 0)


def _probes(tenant: Tenant, now: datetime) -> Measured:
    failed = probe.probe(tenant, now=now)
    return Measured(failed, failed == 0, real=False)
