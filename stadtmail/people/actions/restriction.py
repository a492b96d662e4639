"""Restriction at the person's own wish (Art. 18 GDPR, C-6.2c): a hold on what is stored, placed and lifted by the person.

Deadlines go on running beside it; what falls due meanwhile is erased when the restriction is lifted or runs out.
"""

from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.people import queries
from stadtmail.people.models import Contract
from stadtmail.privacy import holds, periods, policy
from stadtmail.privacy.models import ERASING, Hold, Unit
from stadtmail.tenants.models import Tenant

TYPE, BY = "restriction", "person"


class NothingToRestrict(errors.Conflict):
    """Everything that could be restricted is restricted, gone or being erased."""


def restrict(contract: Contract, *, tenant: Tenant, reason: str, now: datetime) -> Hold:
    """Keep what the policy lets a person restrict until it is lifted. `reason`: a code of the policy's list.

    Raises holds.NotInMatrix (unknown reason), holds.TooLate, NothingToRestrict.
    """
    rules = policy.current(tenant)
    rows = Unit.objects.filter(tenant=tenant, anchor__in=queries.anchors(tenant, contract)).exclude(state=ERASING)
    held = {unit for hold in standing(contract, tenant=tenant, now=now) for unit in hold.items.values_list("unit", flat=True)}
    wanted = [row.id for row in rows if TYPE in rules.holds.get(row.category, ()) and row.id not in held]
    if not wanted:
        raise NothingToRestrict
    review = periods.add(now, rules.hold_types[TYPE].review, periods.CALENDAR, rules.tz)
    return holds.place(tenant=tenant, type=TYPE, reason=reason, units=wanted, by=BY, review_at=review, now=now)


def lift(contract: Contract, *, tenant: Tenant, now: datetime) -> int:
    """End the person's restrictions of this contract. Returns how many. What has fallen due meanwhile is erased at once."""
    found = standing(contract, tenant=tenant, now=now)
    for hold in found:
        holds.release(hold.id, tenant=tenant, now=now)
    return len(found)


def standing(contract: Contract, *, tenant: Tenant, now: datetime) -> list[Hold]:
    """The person's restrictions of this contract that stand now."""
    ids: list[UUID] = list(Unit.objects.filter(tenant=tenant, anchor__in=queries.anchors(tenant, contract)).values_list("id", flat=True))
    found = [hold for held in holds.standing(ids, now=now).values() for hold in held]
    placed = {hold.id: hold for hold in found if hold.type == TYPE and hold.placed_by == BY}
    return sorted(placed.values(), key=lambda hold: hold.placed_at)
