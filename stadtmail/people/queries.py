"""All reads of people. Every function takes the city (law 5); what is being erased is not found."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors
from stadtmail.people.models import (
    Access,
    Address,
    Collection,
    Consent,
    Contract,
    Credential,
    Identity,
    Inventory,
    Order,
    Quarantine,
    Voluntary,
)  # fmt: skip
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind

FREE, TAKEN, QUARANTINED = "free", "taken", "quarantined"


class NoSuchContract(errors.NotFound):
    """The city has no contract with this id."""


@dataclass(frozen=True)
class Holder:
    """Who a contract is with, opened for the holder."""

    name: str
    display_name: str
    address: str
    language: str


def contract(tenant: Tenant, contract_id: UUID) -> Contract:
    """One contract of the city. Raises NoSuchContract."""
    found = Contract.objects.filter(tenant=tenant, id=contract_id).first()
    if found is None:
        raise NoSuchContract
    return found


def holder(tenant: Tenant, of: Contract) -> Holder:
    """Name, form of address and mail address of a contract's holder. Raises units.Gone."""
    identity = Identity.objects.select_related("unit").get(contract=of, contract__tenant=tenant)
    inventory = Inventory.objects.select_related("unit").get(contract=of)
    return Holder(
        name=units.text(identity.unit, "name", identity.name),
        display_name=units.text(inventory.unit, "display_name", inventory.display_name),
        address=units.text(identity.unit, "identifier", identity.identifier),
        language=units.text(inventory.unit, "language", inventory.language),
    )


def address_digest(tenant: Tenant, localpart: str) -> bytes:
    """Blind index of an address of the city's domain."""
    return blind.digest(tenant.id, "blind.address", f"{localpart.lower()}@{tenant.domain}")


def address(tenant: Tenant, localpart: str) -> Address | None:
    """The open address, if there is one."""
    return Address.objects.filter(tenant=tenant, blind=address_digest(tenant, localpart), open=True).first()


def address_state(tenant: Tenant, localpart: str, *, reclaim: str = "") -> str:
    """free, taken or quarantined. With the receipt's code its former holder finds a quarantined address free."""
    digest = address_digest(tenant, localpart)
    if Order.objects.filter(tenant=tenant, blind=digest).exists() or Address.objects.filter(tenant=tenant, blind=digest, open=True).exists():
        return TAKEN
    waiting = quarantined(tenant, localpart)
    if waiting is None:
        return TAKEN if Address.objects.filter(tenant=tenant, blind=digest).exists() else FREE
    return FREE if is_former_holder(tenant, waiting, reclaim) else QUARANTINED


def quarantined(tenant: Tenant, localpart: str) -> Quarantine | None:
    """The quarantine of an address."""
    digest = blind.digest(tenant.id, "quarantine", f"{localpart.lower()}@{tenant.domain}")
    return Quarantine.objects.filter(tenant=tenant, digest=digest).exclude(unit__state=ERASING).first()


def is_former_holder(tenant: Tenant, waiting: Quarantine, reclaim: str) -> bool:
    """Does the code come from the receipt of whoever had the address?"""
    from stadtmail.people import passwords
    from stadtmail.vault import keys

    return bool(reclaim) and passwords.code_digest(keys.city(tenant.id, "codes"), reclaim) == bytes(waiting.reclaim)


def credential(tenant: Tenant, of: Contract) -> Credential | None:
    """The contract's credentials, as long as they live."""
    return Credential.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit").first()


def collection(tenant: Tenant, digest: bytes) -> Collection | None:
    """The narrow place that a collection code opens."""
    rows = Collection.objects.filter(tenant=tenant, digest=digest).exclude(unit__state=ERASING)
    return rows.select_related("unit", "contract", "contract__tenant").first()


def voluntary(tenant: Tenant, of: Contract) -> list[Voluntary]:
    """Voluntary details that stand."""
    rows = Voluntary.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING)
    return list(rows.select_related("unit").order_by("field"))


def consents(tenant: Tenant, of: Contract) -> list[Consent]:
    """Consents of the contract."""
    return list(Consent.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit"))


def accesses(tenant: Tenant, of: Contract) -> list[dict[str, str]]:
    """Who of the staff looked at this contract's data, newest first."""
    rows = Access.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit")
    found = [json.loads(units.text(row.unit, "record", row.record)) for row in rows]
    return sorted(found, key=lambda record: record["at"], reverse=True)


def waiting_orders(tenant: Tenant) -> list[Order]:
    """Orders that wait for the desk: ids and states only; whoever opens one says why first."""
    return list(Order.objects.filter(tenant=tenant, state="approval").exclude(unit__state=ERASING).order_by("unit_id"))


def ends_due(now: datetime) -> list[Contract]:
    """Contracts whose term has run out and whose end has not taken effect yet."""
    return list(Contract.objects.filter(state="active", ends_at__lte=now).select_related("tenant").order_by("ends_at"))


def next_end(after: datetime) -> datetime | None:
    """The next moment at which a contract ends."""
    rows = Contract.objects.filter(state="active", ends_at__gt=after).order_by("ends_at")
    return rows.values_list("ends_at", flat=True).first()
