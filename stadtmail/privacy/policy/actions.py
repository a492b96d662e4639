"""Opening a city and publishing its policy: nothing opens without a policy that lint lets pass (C-1.1, C-1.2)."""

from datetime import datetime

from stadtmail.privacy.policy import published
from stadtmail.privacy.policy.findings import Findings
from stadtmail.tenants import actions as tenants
from stadtmail.tenants.models import Tenant


def open_city(*, slug: str, domain: str, hosts: list[str], now: datetime) -> Tenant:
    """Open a city: its policy is checked, the rows are made, the policy is published, all or nothing.

    Raises published.PolicyRefused (the policy does not compile, lint finds an error, the processing contract has expired,
    a configured destination is not listed), tenants.actions.CityExists.
    """
    return tenants.open_city(slug=slug, domain=domain, hosts=hosts, check=published.publish, now=now)


def settle_city(tenant: Tenant, *, now: datetime) -> Findings:
    """At a start: a city whose published policy holds is open, another one closed (C-1.2). Returns what is wrong."""
    wrong = published.wrong(tenant, now)
    tenants.set_open(tenant, is_open=not wrong)
    return wrong
