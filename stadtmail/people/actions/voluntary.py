"""Voluntary details end one by one, at once, with one click (C-2.6, C-6.2e). The proof of the consent stays its own time."""

import json
from datetime import datetime

from django.db.models import Exists, OuterRef

from stadtmail.kit import store
from stadtmail.people import queries
from stadtmail.people.models import Consent, Contract, Voluntary
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant


def withdraw(contract: Contract, name: str, *, tenant: Tenant, now: datetime) -> bool:
    """Erase the detail, and write down when the consent ended. Returns whether there was one."""
    rows = [row for row in queries.voluntary(tenant, contract) if row.field == name]
    for consent in queries.consents(tenant, contract):
        if consent.purpose == name and not consent.withdrawn:
            _end(consent, tenant, now)
    erasure.erase([row.unit_id for row in rows], tenant=tenant, now=now, cause="withdrawn")
    return bool(rows)


def mend(now: datetime) -> int:
    """Erase details that a crash left over after their consent had ended. Returns how many."""
    given = Consent.objects.filter(contract=OuterRef("contract"), purpose=OuterRef("field"))
    ended = Voluntary.objects.filter(Exists(given.filter(withdrawn=True))).exclude(Exists(given.filter(withdrawn=False)))
    left = list(ended.exclude(unit__state=ERASING).select_related("contract__tenant"))
    return sum(erasure.erase([row.unit_id], tenant=row.contract.tenant, now=now, cause="withdrawn").erased for row in left)


def _end(consent: Consent, tenant: Tenant, now: datetime) -> None:
    record = {**json.loads(units.text(consent.unit, "record", consent.record)), "withdrawn_at": now.isoformat()}
    sealed = units.seal(consent.unit, "record", json.dumps(record))
    with store.writing():
        Consent.objects.filter(unit=consent.unit).update(record=sealed, withdrawn=True)
        events.record(tenant=tenant, anchor_kind="consent", anchor=consent.unit.anchor, name="withdrawal", at=now, now=now)
