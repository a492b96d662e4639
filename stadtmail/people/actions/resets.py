"""A new password by letter, for whoever has lost password and recovery code: two people of the desk, a case, the person's own address.

Staff have no path to contents (law 4). So both are written into the access record before the letter is made, the person is told in
their mailbox at once, the code opens nothing for two days, in which they can stop it, and a second factor stays as it is
(docs/decisions/014-reset-by-letter.md).
"""

import json
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import passwords, queries
from stadtmail.people.actions import accesses
from stadtmail.people.models import Contract, Identity, Reset
from stadtmail.privacy import erasure, units
from stadtmail.tenants.models import Tenant

PURPOSE = "login_reset"
WAITS, LASTS = timedelta(days=2), timedelta(days=14)
LONGEST_CASE = 80


class SamePerson(errors.NotAllowed):
    """Nobody resets alone."""


class NoCase(errors.NotAllowed):
    """A case is expected: a short text or a file number, which the person reads as well."""


class NotRunning(errors.Conflict):
    """The contract has ended."""


@dataclass(frozen=True)
class Letter:
    """What the desk prints."""

    code: str = field(repr=False)
    lines: tuple[str, ...] = field(repr=False)
    opens_at: datetime
    ends_at: datetime


def issue(contract: Contract, *, tenant: Tenant, by: UUID, second: UUID, case: str, now: datetime) -> Letter:
    """Make the letter, shown once; an earlier one opens nothing any more. On record for both before anything else.

    Raises SamePerson, NoCase, NotRunning, accesses.NotStaff, restriction.Restricted.
    """
    if by == second:
        raise SamePerson
    check(case)
    if contract.tenant_id != tenant.id or contract.state != "active":
        raise NotRunning
    for who in (by, second):
        accesses.staff(tenant, who, PURPOSE, now=now)
    for who in (by, second):
        accesses.note(
            tenant, by=who, purpose=PURPOSE, categories=["BD-ID"], subject=contract.person_id, contract=contract, case=case.strip(), now=now
        )
    identity = Identity.objects.select_related("unit").get(contract=contract)
    place = json.loads(units.text(identity.unit, "address", identity.address))
    lines = (units.text(identity.unit, "name", identity.name), place["street"], f"{place['postcode']} {place['town']}")
    stop(contract, tenant=tenant, now=now)
    made = Letter(passwords.new_code(), lines, now + WAITS, now + LASTS)
    (unit,) = units.prepare(tenant, [units.Wanted("BD-CRED", "contract", contract.id, contract.person_id)], now=now)
    with store.writing():
        if not store.locked(Contract.objects.filter(id=contract.id, tenant=tenant, state="active")).exists():
            raise NotRunning
        units.save([unit])
        digest = queries.code_digest(tenant, made.code)
        Reset.objects.create(unit_id=unit.id, contract=contract, digest=digest, opens_at=made.opens_at, ends_at=made.ends_at)
    return made


def check(case: str) -> None:
    """Raises NoCase."""
    text = case.strip()
    if not 2 < len(text) <= LONGEST_CASE or any(unicodedata.category(sign).startswith("C") for sign in text):
        raise NoCase


def stop(contract: Contract, *, tenant: Tenant, now: datetime) -> bool:
    """Its letters open nothing from now on: stopped by the person, replaced, or not needed any more. Returns whether there was one."""
    found = list(queries.resets(tenant, contract).values_list("unit", flat=True))
    return bool(found) and erasure.erase(found, tenant=tenant, now=now, cause="withdrawn").erased > 0


def expire(now: datetime) -> int:
    """Erase letters whose time is over. Returns how many."""
    rows = Reset.objects.filter(ends_at__lte=now).select_related("contract__tenant")
    return sum(stop(row.contract, tenant=row.contract.tenant, now=now) for row in rows)
