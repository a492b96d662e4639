"""`stadtmail dns print` and `dns check`: the records that each city's domain needs, as a zone file, and whether they are there.

Only names of cities are asked for; what is asked goes to the name server of the instance (STADTMAIL_RESOLVER).
"""

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stadtmail.doors.console import certificate, start

if TYPE_CHECKING:
    from stadtmail.mail.services import Record
    from stadtmail.tenants.models import Tenant


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("dns", help="the cities' records in the DNS").add_subparsers(dest="what", required=True, metavar="WHAT")
    printing = family.add_parser("print", help="all records, as they stand in a zone file")
    checking = family.add_parser("check", help="ask for them; exit code 1 where one that is needed is not right")
    for verb in (printing, checking):
        verb.add_argument("--city", metavar="SLUG", help="one city; without it: all")
    checking.add_argument("--json", action="store_true", help="one object a record")
    printing.set_defaults(run=run_print)
    checking.set_defaults(run=run_check)


def run_print(chosen: argparse.Namespace) -> None:
    """Print them."""
    held = start.joining()
    for city in _cities(chosen):
        print(f"; {city.slug}")
        why = ""
        for record in _records(city):
            if record.why != why:
                print(f"; {record.why}")
                why = record.why
            if record.value:
                print(f"{record.name}. IN {record.kind} {_written(record)}")
        print()
    held.release()


def run_check(chosen: argparse.Namespace) -> int:
    """Ask for each and print what was found. Returns 1 where a needed one is missing or different."""
    held = start.joining()
    from stadtmail.kit import resolver
    from stadtmail.mail import dnscheck

    asked = resolver.configured()
    results = [(city, dnscheck.check(record, asked)) for city in _cities(chosen) for record in _records(city)]
    held.release()
    if chosen.json:
        rows = [{"city": city.slug, "name": one.record.name, "kind": one.record.kind, "wanted": one.record.value, "state": one.state,
                 "found": list(one.found), "needed": one.record.is_needed} for city, one in results]  # fmt: skip
        print(json.dumps(rows, indent=1))
    else:
        for city, one in results:
            print(f"{city.slug}  {one.state:9}  {one.record.kind:5} {one.record.name}  {_remark(one)}".rstrip())
    bad = [one for _, one in results if one.record.is_needed and one.state != dnscheck.RIGHT]
    print(f"{len(results)} records, {len(bad)} that are needed are not right") if not chosen.json else None
    return 1 if bad else 0


def _remark(one: Any) -> str:
    from stadtmail.mail import dnscheck

    if one.state == dnscheck.RIGHT:
        return ""
    wanted = f"wanted: {one.record.value}" if one.record.value else one.record.why
    return f"{wanted}; found: {', '.join(one.found) or 'nothing'}" if one.state == dnscheck.DIFFERENT else wanted


def _cities(chosen: argparse.Namespace) -> "list[Tenant]":
    from stadtmail.tenants import queries as tenants

    return [tenants.city_of_slug(chosen.city)] if chosen.city else tenants.cities()


def _records(city: "Tenant") -> "Sequence[Record]":
    from stadtmail.mail import services

    certificate.of_instance()  # made where there is none yet: its key is in a record
    return services.records(city, dkim=services.signing_keys(city))


def _written(record: "Record") -> str:
    if record.kind != "TXT":
        return record.value
    parts = [record.value[at : at + 255] for at in range(0, len(record.value), 255)]  # RFC 1035 3.3: strings of 255 octets
    return " ".join(f'"{part}"' for part in parts)
