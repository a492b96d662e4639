"""`stadtmail staff`: appoint somebody to a desk, reset their second factor, dismiss them.

Passwords are asked for or made, never taken from the command line."""

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
    appoint.add_argument("--name", required=True, help="name for the city's own records; residents see the role, never the name")
    appoint.add_argument("--make-password", action="store_true", help="make a password and print it once")
    appoint.set_defaults(run=run_appoint)
    reset = family.add_parser("reset", help="take somebody's second factor off, who has lost it; their next log-in sets a new one up")
    reset.add_argument("slug", help="the city")
    reset.add_argument("--login", required=True, help="name they log in with")
    reset.set_defaults(run=run_reset)
    dismiss = family.add_parser("dismiss", help="somebody leaves the desk: no log-in from now on, the account goes within a day")
    dismiss.add_argument("slug", help="the city")
    dismiss.add_argument("--login", required=True, help="name they log in with")
    dismiss.set_defaults(run=run_dismiss)


def run_appoint(chosen: argparse.Namespace) -> None:
    """Appoint. Raises NoPassword, and what people.actions.staff.appoint raises."""
    held = start.joining()
    from stadtmail.people.actions import staff
    from stadtmail.tenants import queries as tenants

    given = secrets.token_urlsafe(15) if chosen.make_password else password("Password: ")
    city = tenants.city_of_slug(chosen.slug)
    staff.appoint(city, role=chosen.role, name=chosen.name, login=chosen.login, password=given, now=clock.now())
    held.release()
    print(f"{chosen.slug}: appointed ({chosen.role})")
    if chosen.make_password:
        print(f"password, shown once: {given}")


def run_reset(chosen: argparse.Namespace) -> None:
    """Reset the second factor, and end the sessions that began with it. Raises people.actions.accesses.NotStaff."""
    held = start.joining()
    from stadtmail.people import second_factor
    from stadtmail.people.actions import accesses, second_factors, staff
    from stadtmail.tenants import queries as tenants
    from stadtmail.usage import sessions

    city, now = tenants.city_of_slug(chosen.slug), clock.now()
    who = accesses.staff(city, staff.account(city, chosen.login), "dsr", now=now)
    second_factors.turn_off(second_factor.of_staff(city, who), now=now)
    sessions.end_person(city.id, who.unit_id)
    held.release()
    print(f"{chosen.slug}: second factor reset")


def run_dismiss(chosen: argparse.Namespace) -> None:
    """Dismiss. Raises people.actions.accesses.NotStaff."""
    held = start.joining()
    from stadtmail.people.actions import staff
    from stadtmail.tenants import queries as tenants
    from stadtmail.usage import sessions

    city = tenants.city_of_slug(chosen.slug)
    who = staff.account(city, chosen.login)
    staff.dismiss(who, tenant=city, now=clock.now())
    sessions.end_person(city.id, who)
    held.release()
    print(f"{chosen.slug}: dismissed")


def password(prompt: str, *, twice: bool = True) -> str:
    """A password from the terminal (`twice`: a new one), or a line of standard input. Raises NoPassword."""
    if not sys.stdin.isatty():
        given = sys.stdin.readline().rstrip("\n")
    else:
        given = getpass.getpass(prompt)
        if twice and given != getpass.getpass("Again: "):
            raise NoPassword("the two passwords differ")
    if not given:
        raise NoPassword("there is no password")
    return given
