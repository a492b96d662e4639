"""A contract begins and ends. Keys and hashes first, outside; then one transaction that the caller holds open.

Nothing runs under the contract (C-2.8) after its end: the address is closed, credentials die within the hour, everything
else waits restricted for its date.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError

from stadtmail.kit import errors
from stadtmail.people import passwords, queries
from stadtmail.people.models import (
    Address,
    Collection,
    Consent,
    Contract,
    Credential,
    Identity,
    Inventory,
    Payment,
    Person,
    Quarantine,
    Voluntary,
)  # fmt: skip
from stadtmail.people.orders import OrderForm, is_iban
from stadtmail.privacy import units
from stadtmail.privacy.policy import Policy
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind


class AddressTaken(errors.Conflict):
    """Somebody has the address, or it is in quarantine."""


class AlreadyEnded(errors.Conflict):
    """The contract has ended, or has been cancelled, already."""


class CannotReturn(errors.Conflict):
    """The cancellation cannot be taken back any more: the contents are gone, or the address is somebody else's."""


@dataclass(frozen=True)
class Prepared:
    """Everything of a contract that must exist before its transaction: ids, durable keys, hashes."""

    tenant: Tenant
    policy: Policy
    form: OrderForm
    person: UUID
    contract: UUID
    units: Mapping[str, units.Prepared]
    hash: str = field(repr=False)
    recovery_code: str = field(repr=False)  # empty where the order showed it before
    recovery: bytes = field(repr=False)
    reclaim: bytes = field(repr=False)
    source: str = "order_form"
    order: UUID | None = None


@dataclass(frozen=True)
class Ordered:
    """What an order brings along that waited: who it made of whom, and which codes it has shown already."""

    order: UUID
    person: UUID
    hash: str = field(repr=False)
    recovery: bytes = field(repr=False)
    reclaim: bytes = field(repr=False)


@dataclass(frozen=True)
class Ended:
    """What a cancellation leaves in the holder's hands; both codes are shown once, now, whenever the end takes effect."""

    collection_code: str = field(repr=False)
    reclaim_code: str = field(repr=False)
    ends_at: datetime


def prepare(form: OrderForm, *, tenant: Tenant, policy: Policy, now: datetime, source: str = "order_form",
            person: UUID | None = None, ordered: Ordered | None = None) -> Prepared:  # fmt: skip
    """Make keys and hashes for a contract. Raises AddressTaken early, so that no key is made for nothing.

    `policy` is the version that was shown. `person`: somebody who has a contract already and orders another one (a new
    anchor: old dates stay). `ordered`: the order that waited.
    """
    waited = ordered.order if ordered else None
    reclaim = ordered.reclaim if ordered else queries.code_digest(tenant, form.reclaim)
    if queries.address_state(tenant, form.localpart, reclaim_digest=reclaim, order=waited) != queries.FREE:
        raise AddressTaken
    if person is not None and not Person.objects.filter(tenant=tenant, id=person).exists():
        raise queries.NoSuchContract
    subject, contract = ordered.person if ordered else person or uuid4(), uuid4()
    hashed = ordered.hash if ordered else passwords.hashed(form.password)
    code = "" if ordered else passwords.new_code()
    names = _parts(form, policy)
    made = dict(zip(names, units.prepare(tenant, _wanted(names, contract, subject), now=now), strict=True))
    recovery = ordered.recovery if ordered else queries.code_digest(tenant, code)
    return Prepared(tenant, policy, form, subject, contract, made, hashed, code, recovery, reclaim, source, waited)


def conclude(made: Prepared, *, now: datetime) -> Contract:
    """Write the contract. Call inside `store.writing()`. Raises AddressTaken when another order was faster."""
    form, tenant, policy = made.form, made.tenant, made.policy
    _leave_quarantine(made)
    if queries.reserved(tenant, form.localpart, but=made.order):
        raise AddressTaken
    person = Person.objects.filter(tenant=tenant, id=made.person).first() or Person.objects.create(id=made.person, tenant=tenant)
    contract = Contract.objects.create(
        id=made.contract, tenant=tenant, person=person, tariff=form.tariff, notice_version=policy.version,
        notice_digest=policy.digest, terms_version=policy.terms.version,
    )  # fmt: skip
    units.save(made.units.values())
    _write_identity(made, contract, now)
    _write_inventory(made, contract)
    _write_credential(made, contract)
    _write_voluntary(made, contract, now)
    try:
        Address.objects.create(
            tenant=tenant, blind=queries.address_digest(tenant, form.localpart), contract=contract, unit_id=made.units["BD-CRED"].id
        )
    except IntegrityError:
        raise AddressTaken from None
    return contract


def cancel(contract: Contract, *, ends_at: datetime, now: datetime) -> Ended:
    """End the contract at `ends_at`, now or later. Shows both codes, once. Raises AlreadyEnded."""
    from stadtmail.people.actions import ends

    return ends.schedule(contract, ends_at=ends_at, now=now)


def keep_on(contract: Contract, *, tenant: Tenant, now: datetime) -> Contract:
    """Withdraw a cancellation before its end has come: its codes open nothing. Raises CannotReturn."""
    from stadtmail.people.actions import ends

    return ends.unschedule(contract, tenant=tenant, now=now)


def take_back(place: Collection, *, tenant: Tenant, now: datetime) -> Contract:
    """Take the cancellation back after the end, while the contents are still there. Raises CannotReturn."""
    from stadtmail.people.actions import ends

    return ends.take_back(place, tenant=tenant, now=now)


def withdraw(contract: Contract, name: str, *, tenant: Tenant, now: datetime) -> bool:
    """Withdraw a voluntary detail (C-2.6). Returns whether there was one."""
    from stadtmail.people.actions import voluntary

    return voluntary.withdraw(contract, name, tenant=tenant, now=now)


def reclaim_digest(tenant: Tenant, code: str) -> bytes:
    """Keyed hash of a code that was shown once (collection, reclaim, recovery, letter)."""
    return queries.code_digest(tenant, code)


def quarantine_digest(tenant: Tenant, address: str) -> bytes:
    """Keyed hash under which an address lies in quarantine."""
    return blind.digest(tenant.id, "quarantine", address.lower())


def enter_quarantine(contract: Contract, unit: units.Prepared, *, address: str, reclaim: bytes) -> None:
    """The address goes to nobody else for a while (K21). Call inside `store.writing()`."""
    digest = quarantine_digest(contract.tenant, address)
    Quarantine.objects.create(unit_id=unit.id, tenant=contract.tenant, digest=digest, reclaim=reclaim)


def _parts(form: OrderForm, policy: Policy) -> dict[str, str]:
    """name -> category of every unit that this contract needs, and no other (C-2.2)."""
    names = {"BD-ID": "BD-ID", "BD": "BD", "BD-CRED": "BD-CRED"}
    if "bank" in policy.tariffs[form.tariff].needs and is_iban(form.iban):
        names["BD-PAY"] = "BD-PAY"
    for given in form.voluntary:
        names[f"voluntary {given}"], names[f"consent {given}"] = "BD-OPT", "CONS"
    return names


def _wanted(names: Mapping[str, str], contract: UUID, person: UUID) -> list[units.Wanted]:
    return [
        units.Wanted(category, "consent", uuid4(), person) if category == "CONS" else units.Wanted(category, "contract", contract, person)
        for category in names.values()
    ]


def _leave_quarantine(made: Prepared) -> None:
    waiting = queries.quarantined(made.tenant, made.form.localpart)
    if waiting is None:
        return
    if not queries.is_former_holder(waiting, made.reclaim):
        raise AddressTaken
    closed = Address.objects.filter(tenant=made.tenant, blind=queries.address_digest(made.tenant, made.form.localpart), open=False)
    closed.delete()


def _write_identity(made: Prepared, contract: Contract, now: datetime) -> None:
    form, unit = made.form, made.units["BD-ID"]
    address = {"street": form.street.strip(), "postcode": form.postcode, "town": form.town.strip()}
    Identity.objects.create(
        unit_id=unit.id, contract=contract, source=made.source,
        name=units.seal(unit, "name", form.name.strip()),
        address=units.seal(unit, "address", json.dumps(address, ensure_ascii=False)),
        birth_date=units.seal(unit, "birth_date", form.birth_date),
        identifier=units.seal(unit, "identifier", f"{form.localpart}@{made.tenant.domain}"),
        dates=units.seal(unit, "dates", json.dumps({"concluded": now.isoformat()})),
    )  # fmt: skip


def _write_inventory(made: Prepared, contract: Contract) -> None:
    form, unit = made.form, made.units["BD"]
    Inventory.objects.create(
        unit_id=unit.id, contract=contract, source=made.source,
        display_name=units.seal(unit, "display_name", form.name.strip()),
        salutation=units.seal(unit, "salutation", form.kind),
        language=units.seal(unit, "language", form.language),
        phone=units.seal(unit, "phone", form.phone) if "phone" in made.policy.tariffs[form.tariff].needs else None,
    )  # fmt: skip
    if "BD-PAY" in made.units:
        bank = made.units["BD-PAY"]
        Payment.objects.create(
            unit_id=bank.id, contract=contract, source=made.source,
            iban=units.seal(bank, "iban", "".join(form.iban.split()).upper()),
            holder=units.seal(bank, "holder", form.account_holder.strip()),
        )  # fmt: skip


def _write_credential(made: Prepared, contract: Contract) -> None:
    unit = made.units["BD-CRED"]
    Credential.objects.create(
        unit_id=unit.id, contract=contract, password=units.seal(unit, "password", made.hash),
        recovery=made.recovery,
    )  # fmt: skip


def _write_voluntary(made: Prepared, contract: Contract, now: datetime) -> None:
    for name, value in made.form.voluntary.items():
        unit, consent = made.units[f"voluntary {name}"], made.units[f"consent {name}"]
        Voluntary.objects.create(unit_id=unit.id, contract=contract, field=name, value=units.seal(unit, "value", value))
        record = {"purpose": name, "text": f"notice {made.policy.version}", "given_at": now.isoformat()}
        Consent.objects.create(
            unit_id=consent.id, contract=contract, purpose=name, record=units.seal(consent, "record", json.dumps(record))
        )
