"""`stadtmail queue` and `stadtmail dkim`: what waits to leave, by count and reason and never by person; the cities' signing keys."""

import argparse
from datetime import UTC, timedelta
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("queue", help="outgoing mail: counts and reasons").add_subparsers(dest="what", required=True, metavar="WHAT")
    listing = family.add_parser("list", help="what waits, by city, state, reason and way")
    listing.add_argument("slug", nargs="?", help="one city; without it: all")
    listing.set_defaults(run=run_list)
    family.add_parser("tls", help="TLS of the last seven days, by policy and result").set_defaults(run=run_tls)
    for name, run, said in (
        ("retry", run_retry, "try everything of the city now"),
        ("hold", run_hold, "stop what the city sends: what waits and what comes"),
        ("release", run_release, "let it go again"),
    ):
        verb = family.add_parser(name, help=said)
        verb.add_argument("slug")
        verb.set_defaults(run=run)
    keys = verbs.add_parser("dkim", help="DKIM keys of a city").add_subparsers(dest="what", required=True, metavar="WHAT")
    for name, run, said in (
        ("show", run_show, "the records that belong into the city's DNS"),
        ("rotate", run_rotate, "make new keys, which sign from now on; publish their records at once"),
    ):
        verb = keys.add_parser(name, help=said)
        verb.add_argument("slug")
        verb.set_defaults(run=run)


def run_list(chosen: argparse.Namespace) -> None:
    """Print the counts."""
    held = start.joining()
    from stadtmail.mail import waiting
    from stadtmail.tenants import queries as tenants

    cities = [tenants.city_of_slug(chosen.slug)] if chosen.slug else tenants.cities()
    for city in cities:
        messages, octets = waiting.size(city)
        print(f"{city.slug}: {messages} message(s), {octets} bytes{', stopped by the operator' if waiting.is_stopped(city) else ''}")
        for row in waiting.rows(city):
            moment = f"  next {row.next_at.astimezone(UTC):%Y-%m-%d %H:%MZ}" if row.next_at and row.state == "waiting" else ""
            print(f"  {row.count:>6}  {row.state:<8} {row.reason or '-':<16} {row.way or '-':<10}{moment}")
    held.release()


def run_tls(chosen: argparse.Namespace) -> None:  # noqa: ARG001
    """Print what was counted."""
    held = start.joining()
    from stadtmail.mail.outbound import counts

    now = clock.now()
    for back in range(counts.DAYS):
        day = (now - timedelta(days=back)).astimezone(UTC).date()
        for (policy, result), number in sorted(counts.of_day(day, now=now).items()):
            print(f"{day}  {number:>7}  {policy:<16} {result}")
    held.release()


def run_retry(chosen: argparse.Namespace) -> None:
    """Bring forward."""
    held = start.joining()
    from stadtmail.mail.actions import legs
    from stadtmail.tenants import queries as tenants

    count = legs.retry(tenants.city_of_slug(chosen.slug), now=clock.now())
    held.release()
    print(f"{chosen.slug}: {count} brought forward")


def run_hold(chosen: argparse.Namespace) -> None:
    """Stop."""
    held = start.joining()
    from stadtmail.mail.actions import legs
    from stadtmail.tenants import queries as tenants

    count = legs.hold(tenants.city_of_slug(chosen.slug))
    held.release()
    print(f"{chosen.slug}: stopped, {count} held. What is five days old is bounced all the same.")


def run_release(chosen: argparse.Namespace) -> None:
    """Let go."""
    held = start.joining()
    from stadtmail.mail.actions import legs
    from stadtmail.tenants import queries as tenants

    count = legs.release(tenants.city_of_slug(chosen.slug), now=clock.now())
    held.release()
    print(f"{chosen.slug}: {count} released")


def run_show(chosen: argparse.Namespace) -> None:
    """Print the records."""
    held = start.joining()
    from stadtmail.mail.actions import signing
    from stadtmail.tenants import queries as tenants

    _print(signing.records(tenants.city_of_slug(chosen.slug)))
    held.release()


def run_rotate(chosen: argparse.Namespace) -> None:
    """New keys. Raises RotatedToday."""
    held = start.joining()
    from stadtmail.mail.actions import signing
    from stadtmail.tenants import queries as tenants

    _print(signing.rotate(tenants.city_of_slug(chosen.slug), now=clock.now()))
    held.release()


def _print(records: Any) -> None:
    if not records:
        print("no keys: `stadtmail dkim rotate` makes them")
    for one in records:
        parts = " ".join(f'"{one.text[at : at + 200]}"' for at in range(0, len(one.text), 200))
        print(f"{one.name}. IN TXT ( {parts} )  ; {one.state}")
