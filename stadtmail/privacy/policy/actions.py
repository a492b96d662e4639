"""Opening a city and publishing its policy: nothing opens without a policy that lint lets pass (C-1.1, C-1.2)."""

from datetime import datetime

from stadtmail.privacy import deadlines
from stadtmail.privacy.models import NoticeVersion
from stadtmail.privacy.notice import kept
from stadtmail.privacy.policy import published
from stadtmail.privacy.policy.findings import Findings
from stadtmail.tenants import actions as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys


def open_city(*, slug: str, domain: str, hosts: list[str], now: datetime) -> Tenant:
    """Open a city: its policy is checked, the rows are made, the policy is published, all or nothing.

    Raises published.PolicyRefused (the policy does not compile, lint finds an error, the processing contract has expired,
    a configured destination is not listed), tenants.actions.CityExists.
    """
    return tenants.open_city(slug=slug, domain=domain, hosts=hosts, check=_begin, now=now)


def _begin(tenant: Tenant, now: datetime) -> None:
    published.publish(tenant, now)
    kept.keep(tenant, published.current(tenant), now=now)
    keys.found_city(tenant.id, now=now)


def settle_city(tenant: Tenant, *, now: datetime) -> Findings:
    """At a start: a city whose published policy holds is open, another one closed (C-1.2). Returns what is wrong."""
    wrong = published.wrong(tenant, now)
    tenants.set_open(tenant, is_open=not wrong)
    return wrong


def publish(tenant: Tenant, *, now: datetime) -> NoticeVersion:
    """Publish the city's file, and let every clock follow it: what the new notice shortens is short at once (C-4.1).

    A crash in between is mended by publishing again. Raises published.PolicyRefused, published.VersionNotRaised.
    """
    row = published.publish(tenant, now)
    kept.keep(tenant, published.current(tenant), now=now)
    deadlines.follow(tenant)
    return row
