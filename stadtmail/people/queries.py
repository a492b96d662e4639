"""All reads of people. Every function takes the city (law 5); what is being erased is not found."""

import hmac
import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from stadtmail.kit import errors, store
from stadtmail.people import passwords
from stadtmail.people.models import (
    Access,
    Address,
    Alias,
    AppPassword,
    Collection,
    Consent,
    Contract,
    Credential,
    Identity,
    Inventory,
    Order,
    Quarantine,
    Reset,
    Voluntary,
)  # fmt: skip
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind, keys

FREE, TAKEN, QUARANTINED = "free", "taken", "quarantined"
SCOPES = ("imap", "submission", "sieve")  # what an app password may be for: a service each


class NoSuchContract(errors.NotFound):
    """The city has no contract with this id."""


@dataclass(frozen=True, repr=False)
class Holder:
    """Who a contract is with, opened for the holder. Shows nothing of it in a repr."""

    name: str
    display_name: str
    address: str
    language: str


@dataclass(frozen=True, repr=False)
class AppPasswordRow:
    """An app password in its owner's list. `id` names it and opens nothing."""

    id: UUID
    label: str
    scopes: tuple[str, ...]
    made_on: date


def contract(tenant: Tenant, contract_id: UUID) -> Contract:
    """One contract of the city. Raises NoSuchContract."""
    found = store.rows_of(Contract, "tenant_id = %s AND id = %s", [tenant.id, contract_id])
    if not found:
        raise NoSuchContract
    return found[0]


def holder(tenant: Tenant, of: Contract) -> Holder:
    """Name, form of address and mail address of a contract's holder. Raises units.Gone."""
    identity = Identity.objects.select_related("unit").filter(contract=of, contract__tenant=tenant).first()
    inventory = Inventory.objects.select_related("unit").filter(contract=of, contract__tenant=tenant).first()
    if identity is None or inventory is None:
        raise units.Gone
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


@dataclass(frozen=True, repr=False)
class AliasRow:
    """A further address, opened for its owner. `until`: the moment at which it ends by itself."""

    id: UUID
    address: str
    until: datetime | None


def aliases(tenant: Tenant, of: Contract) -> list[AliasRow]:
    """The further addresses of a contract that stand. Raises units.Gone."""
    rows = Alias.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit")
    found = [
        AliasRow(
            row.unit_id, units.text(row.unit, "address", row.address),
            datetime.fromisoformat(units.text(row.unit, "until", row.until)) if row.until else None,
        )
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.address)


@dataclass(frozen=True, repr=False)
class SenderRow:
    """An address as which a contract's holder writes, with the name before it. `alias`: of a further address, else None."""

    alias: UUID | None
    address: str
    name: str
    own_name: bool  # of a further address: a name of its own
    is_default: bool
    until: datetime | None = None


def identities(tenant: Tenant, of: Contract) -> list[SenderRow]:
    """As whom the holder may write: their own address first, one of all is the default. Raises units.Gone."""
    rows = Alias.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit")
    who, usual = holder(tenant, of), not any(row.default for row in rows)
    named = {row.unit_id: units.text(row.unit, "name", row.name) if row.name else "" for row in rows}
    default = {row.unit_id for row in rows if row.default}
    further = [
        SenderRow(one.id, one.address, named.get(one.id) or who.display_name, bool(named.get(one.id)), one.id in default, one.until)
        for one in aliases(tenant, of)
    ]
    return [SenderRow(None, who.address.lower(), who.display_name, True, usual), *further]


def owned_addresses(tenant: Tenant, of: Contract) -> list[str]:
    """Every address from which the contract's holder may write, in lower case: their own, then the further ones. Raises units.Gone."""
    return [holder(tenant, of).address.lower(), *(one.address for one in aliases(tenant, of))]


def is_own_quarantine(tenant: Tenant, localpart: str, of: Contract) -> bool:
    """Is the address in no quarantine, or in that of the contract's own holder?"""
    digest = blind.digest(tenant.id, "quarantine", f"{localpart.lower()}@{tenant.domain}")
    rows = Quarantine.objects.filter(tenant=tenant, digest=digest).exclude(unit__state=ERASING)
    return all(subject == of.person_id for subject in rows.values_list("unit__subject", flat=True))


def code_digest(tenant: Tenant, code: str) -> bytes:
    """Keyed hash of a code that was shown once (recovery, collection, reclaim, letter); empty for no code."""
    return passwords.code_digest(keys.city(tenant.id, "codes"), code) if code else b""


def contract_of_address(tenant: Tenant, full: str) -> Contract | None:
    """The contract that has this mail address, as long as the address is known (an hour after its end it is not)."""
    localpart, _, domain = full.strip().lower().rpartition("@")
    if domain != tenant.domain:
        return None
    found = Address.objects.filter(tenant=tenant, blind=address_digest(tenant, localpart)).select_related("contract").first()
    return found.contract if found else None


def address_state(tenant: Tenant, localpart: str, *, reclaim: str = "", reclaim_digest: bytes = b"", order: UUID | None = None) -> str:
    """free, taken or quarantined. With the receipt's code its former holder finds a quarantined address free.

    `order`: the waiting order that asks; its own reservation does not stand in its way.
    """
    digest = address_digest(tenant, localpart)
    if reserved(tenant, localpart, but=order) or Address.objects.filter(tenant=tenant, blind=digest, open=True).exists():
        return TAKEN
    waiting = quarantined(tenant, localpart)
    if waiting is None:
        return TAKEN if Address.objects.filter(tenant=tenant, blind=digest).exists() else FREE
    return FREE if is_former_holder(waiting, reclaim_digest or code_digest(tenant, reclaim)) else QUARANTINED


def reserved(tenant: Tenant, localpart: str, *, but: UUID | None = None) -> bool:
    """Does a waiting order (another one than `but`) hold the address?"""
    return Order.objects.filter(tenant=tenant, blind=address_digest(tenant, localpart)).exclude(unit=but).exists()


def quarantined(tenant: Tenant, localpart: str) -> Quarantine | None:
    """The quarantine of an address; of several the youngest, that of its last holder."""
    digest = blind.digest(tenant.id, "quarantine", f"{localpart.lower()}@{tenant.domain}")
    rows = Quarantine.objects.filter(tenant=tenant, digest=digest).exclude(unit__state=ERASING)
    return rows.order_by("-unit__due_at").first()


def is_former_holder(waiting: Quarantine, reclaim: bytes) -> bool:
    """Does the code with this digest come from the receipt of whoever had the address?"""
    return bool(reclaim) and hmac.compare_digest(reclaim, bytes(waiting.reclaim))


def credential(tenant: Tenant, of: Contract) -> Credential | None:
    """The contract's credentials, as long as they live."""
    return Credential.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit").first()


def lost(tenant: Tenant, of: Contract) -> frozenset[str]:
    """What a take-back of the cancellation did not bring back and its holder has not seen to: factor | apps | details."""
    row = credential(tenant, of)
    marks = {"factor": row.lost_factor, "apps": row.lost_apps, "details": row.lost_details} if row else {}
    return frozenset(name for name, is_set in marks.items() if is_set)


def resets(tenant: Tenant, of: Contract) -> QuerySet[Reset]:
    """Letters with which a new password can be set, at once or later; expired ones too, until they are erased."""
    return Reset.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING)


def living_app_passwords(tenant: Tenant, of: Contract) -> QuerySet[AppPassword]:
    """The app passwords of a contract that have not ended, with their units."""
    alive = Q(imap=True) | Q(submission=True) | Q(sieve=True)
    rows = AppPassword.objects.filter(alive, contract=of, contract__tenant=tenant, unit__tenant=tenant)
    return rows.exclude(unit__state=ERASING).select_related("unit").order_by("made_on", "unit_id")


def app_passwords(tenant: Tenant, of: Contract) -> list[AppPasswordRow]:
    """A person's app passwords, as the list shows them."""
    return [
        AppPasswordRow(
            row.unit_id, units.text(row.unit, "label", row.label), tuple(name for name in SCOPES if getattr(row, name)), row.made_on
        )
        for row in living_app_passwords(tenant, of)
    ]


def collection(tenant: Tenant, digest: bytes) -> Collection | None:
    """The narrow place that a collection code (its `code_digest`) opens, from the end of the contract on."""
    rows = Collection.objects.filter(tenant=tenant, digest=digest, contract__state="ended")
    return rows.exclude(unit__state=ERASING).select_related("unit", "contract", "contract__tenant").first()


def place_of(tenant: Tenant, of: Contract) -> Collection | None:
    """The narrow place that a cancellation has made, open or not yet."""
    rows = Collection.objects.filter(tenant=tenant, contract=of).exclude(unit__state=ERASING)
    return rows.select_related("unit").first()


def voluntary(tenant: Tenant, of: Contract) -> list[Voluntary]:
    """Voluntary details that stand."""
    rows = Voluntary.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING)
    return list(rows.select_related("unit").order_by("field"))


def consents(tenant: Tenant, of: Contract) -> list[Consent]:
    """Consents of the contract."""
    return list(Consent.objects.filter(contract=of, contract__tenant=tenant).exclude(unit__state=ERASING).select_related("unit"))


def accesses(tenant: Tenant, of: Contract) -> list[dict[str, Any]]:
    """Who of the staff looked at this contract's data, as the person sees it: the role, never the name; newest first."""
    found = [json.loads(units.text(row.unit, "record", row.record)) for row in _accesses(tenant, of).select_related("unit")]
    shown = [{name: record[name] for name in ("at", "role", "purpose", "case", "categories") if name in record} for record in found]
    return sorted(shown, key=lambda record: record["at"], reverse=True)


def access_units(tenant: Tenant, of: Contract) -> list[Unit]:
    """The units of those accesses: what their clocks hang on, and nothing of what they say."""
    return [row.unit for row in _accesses(tenant, of).select_related("unit")]


def anchors(tenant: Tenant, of: Contract) -> list[UUID]:
    """Everything that clocks of this contract hang on: the contract, its consents and further addresses, the accesses to its data."""
    # mail of theirs that waits to be delivered hangs on anchors of its own, and its units name the person
    waiting = Unit.objects.filter(tenant=tenant, subject=of.person_id, anchor_kind="transit").values_list("anchor", flat=True)
    consents_of = Consent.objects.filter(contract=of, contract__tenant=tenant).values_list("unit__anchor", flat=True)
    further = Alias.objects.filter(contract=of, contract__tenant=tenant).values_list("unit__anchor", flat=True)
    # the quarantine of one that was given up names the person only
    quiet = Unit.objects.filter(tenant=tenant, subject=of.person_id, anchor_kind="alias", category="TOMB").values_list("anchor", flat=True)
    looked = _accesses(tenant, of).values_list("unit__anchor", flat=True)
    return [of.id, *consents_of, *dict.fromkeys([*further, *quiet]), *waiting, *looked]


def units_of(tenant: Tenant, of: Contract) -> list[Unit]:
    """Every living unit of a contract, those of rooms above included: what an overview, a download and a receipt cover."""
    rows = Unit.objects.filter(tenant=tenant, anchor__in=anchors(tenant, of)).exclude(state=ERASING)
    return list(rows.select_related("tenant").order_by("category", "id"))


def _accesses(tenant: Tenant, of: Contract) -> QuerySet[Access]:
    # those to the order that became this contract have no contract of their own: they name its person
    mine = Q(contract=of) | Q(contract=None, unit__subject=of.person_id)
    return Access.objects.filter(mine, unit__tenant=tenant).exclude(unit__state=ERASING)


def waiting_orders(tenant: Tenant) -> list[Order]:
    """Orders that wait for the desk (its approval, or its letter), oldest first: ids and states; whoever opens one says why."""
    rows = Order.objects.filter(tenant=tenant, state__in=("approval", "letter")).exclude(unit__state=ERASING)
    return list(rows.select_related("unit").order_by("unit__due_at", "unit_id"))


def ends_due(now: datetime) -> list[Contract]:
    """Contracts whose term has run out and whose end has not taken effect yet."""
    return list(Contract.objects.filter(state="active", ends_at__lte=now).select_related("tenant").order_by("ends_at"))


def next_end(after: datetime) -> datetime | None:
    """The next moment at which a contract ends."""
    rows = Contract.objects.filter(state="active", ends_at__gt=after).order_by("ends_at")
    return rows.values_list("ends_at", flat=True).first()
