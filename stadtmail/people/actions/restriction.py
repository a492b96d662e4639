"""Restriction at the person's own wish (Art. 18 GDPR, C-6.2c): what is stored stays, and nobody of the staff uses it.

It is a hold on what the policy lets a person keep, and a lock on everything of the contract: `ask` refuses each purpose that
Art. 18(2) does not leave. The person goes on using their own account, which is their consent. Deadlines go on running; what
falls due meanwhile is erased when the restriction is lifted or runs out.
"""

from collections.abc import Iterable
from datetime import datetime

from stadtmail.kit import errors
from stadtmail.people import queries
from stadtmail.people.models import Contract
from stadtmail.privacy import holds, periods, policy
from stadtmail.privacy.holds import RESTRICTION
from stadtmail.privacy.models import ERASING, Hold, Unit
from stadtmail.tenants.models import Tenant

BY = "person"
CLAIM, CLAIM_HOLD = "claim", "legal_hold"  # claims and rights of others: a purpose only beside this hold, which two people placed
# what the staff may still use restricted data for, by the reason of the restriction. "dsr" and "correction" answer the person's
# own request, which is their consent; a value that they need for a claim, or object to, is corrected by themselves alone
LEFT: dict[str, frozenset[str]] = {
    "accuracy_contested": frozenset({"dsr", "correction", CLAIM}),
    "needed_for_claim": frozenset({"dsr", CLAIM}),
    "objection_pending": frozenset({"dsr", CLAIM}),
}


class NothingToRestrict(errors.Conflict):
    """Everything that could be restricted is restricted, gone or being erased."""


class Restricted(errors.NotAllowed):
    """The person has restricted these data, and this purpose is none that Art. 18(2) GDPR leaves."""


class NoClaim(errors.NotAllowed):
    """Nobody has placed a hold for a claim on these data: there is none to open them for."""


def restrict(contract: Contract, *, tenant: Tenant, reason: str, now: datetime) -> Hold:
    """Keep what the policy lets a person restrict until it is lifted. `reason`: a code of the policy's list.

    Raises holds.NotInMatrix (unknown reason), holds.TooLate, NothingToRestrict.
    """
    rules = policy.current(tenant)
    rows = Unit.objects.filter(tenant=tenant, anchor__in=queries.anchors(tenant, contract)).exclude(state=ERASING)
    held = {unit for hold in standing(contract, tenant=tenant, now=now) for unit in hold.items.values_list("unit", flat=True)}
    wanted = [row.id for row in rows if RESTRICTION in rules.holds.get(row.category, ()) and row.id not in held]
    if not wanted:
        raise NothingToRestrict
    review = periods.add(now, rules.hold_types[RESTRICTION].review, periods.CALENDAR, rules.tz)
    return holds.place(tenant=tenant, type=RESTRICTION, reason=reason, units=wanted, by=BY, review_at=review, now=now)


def lift(contract: Contract, *, tenant: Tenant, now: datetime) -> int:
    """End the person's restrictions of this contract. Returns how many. What has fallen due meanwhile is erased at once."""
    found = standing(contract, tenant=tenant, now=now)
    for hold in found:
        holds.release(hold.id, tenant=tenant, now=now)
    return len(found)


def standing(contract: Contract, *, tenant: Tenant, now: datetime) -> list[Hold]:
    """The restrictions of this contract that stand now, whether the person clicked or somebody of the staff entered their letter."""
    return _standing(contract, RESTRICTION, tenant, now)


def ask(contract: Contract, purpose: str, *, tenant: Tenant, now: datetime) -> None:
    """May somebody of the staff use this contract's data for this purpose now? Raises Restricted, NoClaim."""
    if not leaves(standing(contract, tenant=tenant, now=now), purpose):
        raise Restricted
    if purpose == CLAIM and not _standing(contract, CLAIM_HOLD, tenant, now):
        raise NoClaim


def leaves(restrictions: Iterable[Hold], purpose: str) -> bool:
    """Does every one of these restrictions leave the purpose? Without any, all are left."""
    return all(purpose in LEFT.get(hold.reason, ()) for hold in restrictions)


def contract_of(hold: Hold) -> Contract | None:
    """Whose restriction a hold is."""
    anchors = hold.items.values_list("unit__anchor", flat=True)
    return Contract.objects.filter(tenant=hold.tenant_id, id__in=list(anchors)).select_related("tenant").first()


def _standing(contract: Contract, kind: str, tenant: Tenant, now: datetime) -> list[Hold]:
    ids = list(Unit.objects.filter(tenant=tenant, anchor__in=queries.anchors(tenant, contract)).values_list("id", flat=True))
    found = {hold.id: hold for held in holds.standing(ids, now=now).values() for hold in held if hold.type == kind}
    return sorted(found.values(), key=lambda hold: hold.placed_at)
