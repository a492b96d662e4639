"""Voluntary details are given and end one by one, at once, with one click (C-2.6, C-6.2e). The proof of the consent stays its own time."""

import json
from datetime import datetime
from uuid import uuid4

from django.db.models import Exists, OuterRef

from stadtmail.kit import errors, store
from stadtmail.people import fields, orders, queries
from stadtmail.people.models import Consent, Contract, Credential, Voluntary
from stadtmail.privacy import erasure, events, policy, units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant


class NotVoluntary(errors.NotAllowed):
    """The field catalogue has no voluntary field of this name."""


class BadDetail(errors.NotAllowed):
    """The detail cannot be right. `problems` say why."""

    def __init__(self, problems: list[orders.Problem]) -> None:
        super().__init__()
        self.problems = problems


class GivenAlready(errors.Conflict):
    """The detail stands: it is withdrawn before another one is given."""


class HasEnded(errors.Conflict):
    """The contract has ended: nothing is given any more."""


def give(contract: Contract, name: str, value: str, *, tenant: Tenant, now: datetime) -> None:
    """Give a detail (again), with the consent to what the current notice says of it.

    Raises NotVoluntary, BadDetail, GivenAlready, HasEnded.
    """
    if name not in fields.VOLUNTARY:
        raise NotVoluntary
    if found := orders.voluntary_problems(name, value):
        raise BadDetail(found)
    wanted = [
        units.Wanted("BD-OPT", "contract", contract.id, contract.person_id), units.Wanted("CONS", "consent", uuid4(), contract.person_id),
    ]  # fmt: skip
    detail, consent = units.prepare(tenant, wanted, now=now)
    record = {"purpose": name, "text": f"notice {policy.current(tenant).version}", "given_at": now.isoformat()}
    with store.writing():
        if not store.locked(Contract.objects.filter(id=contract.id, tenant=tenant, state="active")).exists():
            raise HasEnded
        if any(row.field == name for row in queries.voluntary(tenant, contract)):
            raise GivenAlready
        units.save([detail, consent])
        Voluntary.objects.create(unit_id=detail.id, contract=contract, field=name, value=units.seal(detail, "value", value.strip()))
        sealed = units.seal(consent, "record", json.dumps(record))
        Consent.objects.create(unit_id=consent.id, contract=contract, purpose=name, record=sealed)
        Credential.objects.filter(contract=contract).update(lost_details=False)


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
