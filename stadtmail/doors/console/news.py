"""`stadtmail news`: what the city says on its residents' start page, dated and about nobody."""

import argparse
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from stadtmail.doors.console import start
from stadtmail.kit import clock


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("news", help="messages of a city on its start page").add_subparsers(
        dest="what", required=True, metavar="WHAT"
    )
    adding = family.add_parser("add", help="publish one until a day; it names nobody and has no mail address in it")
    adding.add_argument("slug", help="the city")
    for name, what in (
        ("title-de", "German title"),
        ("text-de", "German text"),
        ("title-en", "English title"),
        ("text-en", "English text"),
    ):
        adding.add_argument(f"--{name}", required=True, help=what)
    adding.add_argument("--until", required=True, type=date.fromisoformat, metavar="DAY", help="last day, for example 2026-12-24")
    adding.add_argument("--from", dest="begins", type=date.fromisoformat, metavar="DAY", help="first day (default: at once)")
    adding.set_defaults(run=run_add)
    listing = family.add_parser("list", help="what stands, with its number")
    listing.add_argument("slug", help="the city")
    listing.set_defaults(run=run_list)
    ending = family.add_parser("end", help="take one back at once")
    ending.add_argument("slug", help="the city")
    ending.add_argument("number", type=int)
    ending.set_defaults(run=run_end)


def run_add(chosen: argparse.Namespace) -> None:
    """Publish it. Raises tenants.news.BadNews."""
    held = start.joining()
    from stadtmail.privacy import policy
    from stadtmail.tenants import news
    from stadtmail.tenants import queries as tenants

    try:
        city, now = tenants.city_of_slug(chosen.slug), clock.now()
        tz = policy.current(city).tz
        number = news.add(
            city,
            german=news.Words(chosen.title_de, chosen.text_de),
            english=news.Words(chosen.title_en, chosen.text_en),
            begins_at=_midnight(chosen.begins, tz) if chosen.begins else now,
            ends_at=_midnight(chosen.until + timedelta(days=1), tz),
            now=now,
        )
    finally:
        held.release()
    print(f"{chosen.slug}: news {number}, until {chosen.until}")


def run_list(chosen: argparse.Namespace) -> None:
    """Print what stands."""
    held = start.joining()
    from stadtmail.privacy import policy
    from stadtmail.tenants import news
    from stadtmail.tenants import queries as tenants

    try:
        city = tenants.city_of_slug(chosen.slug)
        tz = policy.current(city).tz
        for one in news.standing(city, now=clock.now()):
            last = one.ends_at.astimezone(tz).date() - timedelta(days=1)
            print(f"{one.pk}  {one.begins_at.astimezone(tz).date()} to {last}  {one.title_de}")
    finally:
        held.release()


def run_end(chosen: argparse.Namespace) -> None:
    """Take it back. Raises tenants.news.NoSuchNews."""
    held = start.joining()
    from stadtmail.tenants import news
    from stadtmail.tenants import queries as tenants

    try:
        news.end(tenants.city_of_slug(chosen.slug), chosen.number)
    finally:
        held.release()
    print(f"{chosen.slug}: news {chosen.number} is gone")


def _midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tz)
