"""`stadtmail city`: open a city whose policy holds, and list the cities."""

import argparse
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("city", help="cities of this instance").add_subparsers(dest="what", required=True, metavar="WHAT")
    opening = family.add_parser("open", help="open the city of policies/SLUG.toml, with its role mailboxes")
    opening.add_argument("slug")
    opening.add_argument("--host", action="append", required=True, help="host name of its portal (the first city: also the bare address)")
    opening.set_defaults(run=run_open)
    listing = family.add_parser("list", help="the cities and their host names")
    listing.set_defaults(run=run_list)


def run_open(chosen: argparse.Namespace) -> int:
    """Open it. Returns 1 where the policy is refused."""
    held = start.joining()
    from stadtmail.mail.actions import accounts, signing
    from stadtmail.privacy import policy
    from stadtmail.privacy.policy import actions

    now = clock.now()
    try:
        domain = policy.load(chosen.slug).domain
        city = actions.open_city(slug=chosen.slug, domain=domain, hosts=chosen.host, now=now)
        accounts.open_roles(city, now=now)
        if not signing.has_keys(city):
            signing.rotate(city, now=now)
    except policy.PolicyRefused as refused:
        for finding in refused.findings:
            print(f"{chosen.slug}: {finding.severity}: {finding.code}: {finding.words.en}")
        return 1
    finally:
        held.release()
    print(f"{chosen.slug}: open, domain {city.domain}, on {', '.join(chosen.host)}")
    return 0


def run_list(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Print them."""
    held = start.joining()
    from stadtmail.privacy import policy
    from stadtmail.tenants import queries as tenants

    for city in tenants.cities():
        print(f"{city.slug}  {city.domain}  policy {policy.current(city).version}  {' '.join(tenants.hosts_of(city))}")
    held.release()
