"""`stadtmail hold`: place, list and release holds. Whoever acts logs in, and a second person where the policy asks for one.

Nothing personal is printed: ids, closed words, dates and counts. A mail address is better read from standard input (`-`) than
from the command line, where the shell's history keeps it.
"""

import argparse
import sys
from typing import TYPE_CHECKING, Any
from uuid import UUID

from stadtmail.doors.console import staff, start
from stadtmail.doors.console.clock import moved
from stadtmail.kit import clock, errors

if TYPE_CHECKING:
    from datetime import datetime

    from stadtmail.privacy.holds import Standing
    from stadtmail.tenants.models import Tenant


class NothingToHold(errors.NotFound):
    """Nothing is stored under that address, category or id."""


class WrongCall(errors.NotAllowed):
    """Either units, or an address and a category; periods like P30D."""


def add(verbs: Any) -> None:
    """Register the verbs."""
    family = verbs.add_parser("hold", help="narrow, dated reasons not to erase").add_subparsers(dest="what", required=True, metavar="WHAT")
    place = family.add_parser("place", help="hold units of one contract, or units by their ids")
    _who(place)
    place.add_argument("--type", required=True, help="a type of the policy (legal_hold, unpaid_claim, ...)")
    place.add_argument("--reason", required=True, help="one of the reasons that the policy lists for the type")
    place.add_argument("--address", help="mail address of the contract; - reads it from standard input")
    place.add_argument("--category", action="append", default=[], help="what of the contract (BD, BD-ID, INH, ...); may be repeated")
    place.add_argument("--unit", action="append", default=[], type=UUID, help="id of a unit; may be repeated")
    place.add_argument("--review", help="when somebody looks at it again, for example P30D (default: the policy's)")
    place.add_argument("--until", help="when it runs out by itself, for example P90D")
    place.set_defaults(run=run_place)
    release = family.add_parser("release", help="release a hold; what has fallen due is erased at once")
    _who(release)
    release.add_argument("hold", type=UUID)
    release.add_argument("--by-letter", action="store_true", help="a restriction: its person has been told by letter")
    release.set_defaults(run=run_release)
    listing = family.add_parser("list", help="the holds that stand")
    listing.add_argument("slug", help="the city")
    listing.set_defaults(run=run_list)


def run_place(chosen: argparse.Namespace) -> None:
    """Place it. Raises WrongCall, NothingToHold, and what privacy.holds.place raises."""
    if bool(chosen.unit) == bool(chosen.address) or bool(chosen.address) != bool(chosen.category):
        raise WrongCall("give either --unit, or --address with --category")
    held = start.joining()
    from stadtmail.privacy import holds, policy
    from stadtmail.tenants import queries as tenants

    city, now = tenants.city_of_slug(chosen.slug), clock.now()
    units = chosen.unit or _units(city, chosen.address, chosen.category)
    by, second = _logged_in(city, chosen)
    kind = policy.current(city).hold_types.get(chosen.type)
    if kind is None:
        raise holds.NotInMatrix(f"the policy knows no hold {chosen.type}")
    made = holds.place(
        tenant=city, type=chosen.type, reason=chosen.reason, units=units, by=by, approved_by=second, now=now,
        review_at=moved(now, _period(chosen.review) if chosen.review else kind.review),
        ends_at=moved(now, _period(chosen.until)) if chosen.until else None,
    )  # fmt: skip
    held.release()
    print(f"{made.id}  {made.type}: {len(set(units))} unit(s), review {made.review_at:%Y-%m-%d}")


def run_release(chosen: argparse.Namespace) -> None:
    """Release it; a person's restriction is announced to them instead (Art. 18(3) GDPR). Raises NoSuchHold, SecondPersonMissing."""
    held = start.joining()
    from stadtmail.privacy import holds, policy
    from stadtmail.tenants import queries as tenants

    city, now = tenants.city_of_slug(chosen.slug), clock.now()
    found = next((one for one in holds.open_holds(city) if one.hold == chosen.hold), None)
    if found is None:
        raise holds.NoSuchHold
    by, second = _logged_in(city, chosen)
    kind = policy.current(city).hold_types.get(found.type)
    if kind is not None and kind.four_eyes and second in ("", by):
        raise holds.SecondPersonMissing
    if found.type == holds.RESTRICTION:
        said = _announced(city, chosen, now)
    else:
        said = f"released, {holds.release(chosen.hold, tenant=city, now=now)} unit(s) erased"
    held.release()
    print(f"{chosen.hold}  {said}")


def run_list(chosen: argparse.Namespace) -> None:
    """Print them."""
    held = start.joining()
    from stadtmail.privacy import holds
    from stadtmail.tenants import queries as tenants

    for one in holds.open_holds(tenants.city_of_slug(chosen.slug)):
        print(_line(one))
    held.release()


def _announced(city: "Tenant", chosen: argparse.Namespace, now: "datetime") -> str:
    from stadtmail.mail.actions import restrictions

    ends = restrictions.announce(chosen.hold, tenant=city, now=now, by_letter=chosen.by_letter)
    return f"its person has been told; it ends by itself on {ends:%Y-%m-%dT%H:%MZ}"


def _line(one: "Standing") -> str:
    what = " ".join(f"{category}:{count}" for category, count in sorted(one.units.items()))
    until = f"{one.ends_at:%Y-%m-%d}" if one.ends_at else "released"
    return f"{one.hold}  {one.type}  {one.reason}  since {one.placed_at:%Y-%m-%d}  review {one.review_at:%Y-%m-%d}  until {until}  {what}"


def _who(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("slug", help="the city")
    verb.add_argument("--by", required=True, metavar="LOGIN", help="who of the staff decides; their password is asked for")
    verb.add_argument("--second", metavar="LOGIN", help="who agrees, where the policy asks for two; their password is asked for, too")


def _logged_in(city: "Tenant", chosen: argparse.Namespace) -> tuple[str, str]:
    """Role and random id of both. Raises people.actions.credentials.WrongCredentials."""
    from stadtmail.people.actions import staff as people

    found = []
    for login in filter(None, (chosen.by, chosen.second)):
        session = people.sign_in(city, login, staff.password(f"Password of {login}: ", twice=False))
        found.append(f"{session.role}:{session.staff}")
    return found[0], found[1] if len(found) > 1 else ""


def _units(city: "Tenant", address: str, categories: list[str]) -> list[UUID]:
    from stadtmail.people import queries as people

    given = sys.stdin.readline().strip() if address == "-" else address
    contract = people.contract_of_address(city, given)
    found = [unit.id for unit in people.units_of(city, contract) if unit.category in categories] if contract else []
    if not found:
        raise NothingToHold
    return found


def _period(text: str) -> Any:
    from stadtmail.privacy import periods

    try:
        return periods.Period.parse(text.upper())
    except periods.BadPeriod as problem:
        raise WrongCall(f"{problem}: write for example P30D") from None
