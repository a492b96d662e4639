"""What the room measures: does a letter to the officer arrive, and is it theirs alone (C-1.5)?"""

from datetime import datetime

from stadtmail.mail.actions import probe
from stadtmail.privacy.proofs import Measure, Measured, register
from stadtmail.tenants.models import Tenant


def declare() -> None:
    """Register the measures. Called once at start."""
    register(Measure("C-1.5", "failed_probes_to_the_officer", _probes))


def _probes(tenant: Tenant, now: datetime) -> Measured:
    failed = probe.probe(tenant, now=now)
    return Measured(failed, failed == 0, real=False)
