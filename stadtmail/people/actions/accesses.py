"""The record of who of the staff looked at whose data (C-2.4, C-4.7): written and durable before anything is shown.

Purposes are a closed list, and each opens its categories only; contents are in none of them. What its person has restricted
opens for fewer of them still (Art. 18(2) GDPR): every way of the staff to somebody's data leads through `note`.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID, uuid4

from stadtmail.kit import errors, store
from stadtmail.people.actions import restriction
from stadtmail.people.models import Access, Contract, Staff
from stadtmail.privacy import events, units
from stadtmail.privacy.models import LIVE
from stadtmail.tenants.models import Tenant

# purpose -> categories that it opens
PURPOSES: dict[str, frozenset[str]] = {
    "order_check": frozenset({"ORD"}),
    "support_with_person": frozenset({"BD", "BD-ID"}),
    "correction": frozenset({"BD", "BD-ID", "BD-PAY"}),
    "dsr": frozenset({"BD", "BD-ID", "BD-PAY", "BD-OPT", "CONS"}),
    "login_reset": frozenset({"BD-ID"}),  # two people of the desk, for a letter to the person's own address (resets.py)
    "claim": frozenset({"BD", "BD-ID", "BD-PAY"}),  # only beside a hold for a claim, which two people have placed
}
ROLES: dict[str, frozenset[str]] = {
    "desk": frozenset({"order_check", "support_with_person", "correction", "dsr", "claim", "login_reset"}),
    "officer": frozenset({"correction", "dsr"}),
}


class NotStaff(errors.NotAllowed):
    """Nobody of this city's staff, or not for this purpose or category."""


def staff(tenant: Tenant, staff_id: UUID, purpose: str, *, now: datetime) -> Staff:
    """The member of staff, if their role may act for this purpose. Raises NotStaff."""
    row = Staff.objects.filter(unit=staff_id, tenant=tenant, unit__state=LIVE).select_related("unit").first()
    ended = row is not None and row.unit.due_at is not None and row.unit.due_at <= now
    if row is None or ended or events.happened(tenant, row.unit.anchor, "role_end") or purpose not in ROLES.get(row.role, ()):
        raise NotStaff
    return row


def note(tenant: Tenant, *, by: UUID, purpose: str, categories: Sequence[str], subject: UUID | None, now: datetime,
         contract: Contract | None = None, case: str = "") -> UUID:  # fmt: skip
    """Record an access, with its `case` where there is one; durable when this returns. Returns its unit.

    Raises NotStaff, restriction.Restricted, NoClaim.
    """
    row = staff(tenant, by, purpose, now=now)
    if not categories or not set(categories) <= PURPOSES[purpose]:
        raise NotStaff
    anchor = uuid4()
    (unit,) = units.prepare(tenant, [units.Wanted("ACC", "access", anchor, subject)], now=now)
    wanted = sorted(set(categories))
    record: dict[str, object] = {"at": now.isoformat(), "role": row.role, "staff": str(by), "purpose": purpose, "categories": wanted}
    record |= {"case": case} if case else {}
    with store.writing():
        if contract is not None:  # in here: a restriction of this moment is placed before the access, or after it
            restriction.ask(contract, purpose, tenant=tenant, now=now)
        events.record(tenant=tenant, anchor_kind="access", anchor=anchor, name="access", at=now, now=now)
        units.save([unit])
        Access.objects.create(unit_id=unit.id, contract=contract, record=units.seal(unit, "record", json.dumps(record)))
    return unit.id
