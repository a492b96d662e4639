"""`stadtmail staff`: appoint somebody to a desk. Passwords are asked for or made, never taken from the command line."""

import argparse
import getpass
import secrets
import sys
from typing import Any

from stadtmail.doors.console import start
from stadtmail.kit import clock, errors


class NoPassword(errors.NotAllowed):
    """The two passwords differ, or there is none."""


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("staff", help="people at the desks").add_subparsers(dest="what", required=True, metavar="WHAT")
    appoint = family.add_parser("appoint", help="give somebody a desk; their password is asked for, read from standard input, or made")
    appoint.add_argument("slug", help="the city")
    appoint.add_argument("--role", choices=["desk", "officer"], required=True)
    appoint.add_argument("--login", required=True, help="name to log in with")
    appoint.add_argument("--name", required=True, help="name that residents see where their data were looked at")
    appoint.add_argument("--make-password", action="store_true", help="make a password and print it once")
    appoint.set_defaults(run=run_appoint)


def run_appoint(chosen: argparse.Namespace) -> None:
    """Appoint. Raises NoPassword, and what people.actions.staff.appoint raises."""
    held = start.joining()
    from stadtmail.people.actions import staff
    from stadtmail.tenants import queries as tenants

    password = secrets.token_urlsafe(15) if chosen.make_password else _password()
    city = tenants.city_of_slug(chosen.slug)
    staff.appoint(city, role=chosen.role, name=chosen.name, login=chosen.login, password=password, now=clock.now())
    held.release()
    print(f"{chosen.slug}: appointed ({chosen.role})")
    if chosen.make_password:
        print(f"password, shown once: {password}")


def _password() -> str:
    if not sys.stdin.isatty():
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = getpass.getpass("Password: ")
        if password != getpass.getpass("Again: "):
            raise NoPassword("the two passwords differ")
    if not password:
        raise NoPassword("there is no password")
    return password
