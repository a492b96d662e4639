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
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.policy import Policy
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blind, keys


class AddressTaken(errors.Conflict):
    """Somebody has the address, or it is in quarantine."""


class AlreadyEnded(errors.Conflict):
    """The contract has ended already."""


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
    recovery_code: str = field(repr=False)
    hash: str = field(repr=False)
    source: str = "order_form"


@dataclass(frozen=True)
class Ended:
    """What a contract's end leaves in the holder's hands; both codes are shown once."""

    collection_code: str = field(repr=False)
    reclaim_code: str = field(repr=False)


def prepare(form: OrderForm, *, tenant: Tenant, policy: Policy, now: datetime, source: str = "order_form",
            password_hash: str = "") -> Prepared:  # fmt: skip
    """Make keys and hashes for a contract. Raises AddressTaken early, so that no key is made for nothing."""
    if queries.address_state(tenant, form.localpart, reclaim=form.reclaim) != queries.FREE:
        raise AddressTaken
    person, contract = uuid4(), uuid4()
    names = {"BD-ID": "BD-ID", "BD": "BD", "BD-CRED": "BD-CRED"}
    if "bank" in policy.tariffs[form.tariff].needs and is_iban(form.iban):
        names["BD-PAY"] = "BD-PAY"
    for given in form.voluntary:
        names[f"voluntary {given}"], names[f"consent {given}"] = "BD-OPT", "CONS"
    wanted = [
        units.Wanted(category, "consent", uuid4(), person) if category == "CONS" else units.Wanted(category, "contract", contract, person)
        for category in names.values()
    ]
    hashed = password_hash or passwords.hashed(form.password)
    made = dict(zip(names, units.prepare(tenant, wanted, now=now), strict=True))
    return Prepared(tenant, policy, form, person, contract, made, passwords.new_code(), hashed, source)


def conclude(made: Prepared, *, now: datetime) -> Contract:
    """Write the contract. Call inside `store.writing()`. Raises AddressTaken when another order was faster."""
    form, tenant, policy = made.form, made.tenant, made.policy
    _leave_quarantine(tenant, form)
    person = Person.objects.create(id=made.person, tenant=tenant)
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


def cancel(contract: Contract, *, ends_at: datetime, now: datetime) -> Ended | None:
    """End the contract now, or set its later end. Returns the codes when the end takes effect now. Raises AlreadyEnded."""
    from stadtmail.people.actions import ends

    if contract.state != "active":
        raise AlreadyEnded
    return ends.schedule(contract, ends_at=ends_at, now=now)


def take_back(place: Collection, *, tenant: Tenant, now: datetime) -> Contract:
    """Take the cancellation back while the contents are still there. Raises CannotReturn."""
    from stadtmail.people.actions import ends

    return ends.take_back(place, tenant=tenant, now=now)


def withdraw(contract: Contract, name: str, *, tenant: Tenant, now: datetime) -> bool:
    """Withdraw a voluntary detail: erased at once, the consent's record says when (C-2.6). Returns whether there was one."""
    from stadtmail.kit import store

    rows = [row for row in queries.voluntary(tenant, contract) if row.field == name]
    for consent in queries.consents(tenant, contract):
        if consent.purpose == name and not consent.withdrawn:
            record = {**json.loads(units.text(consent.unit, "record", consent.record)), "withdrawn_at": now.isoformat()}
            with store.writing():
                sealed = units.seal(consent.unit, "record", json.dumps(record))
                Consent.objects.filter(unit=consent.unit).update(record=sealed, withdrawn=True)
                events.record(
                    tenant=tenant, anchor_kind="consent", anchor=consent.unit.anchor, name="withdrawal", at=now, now=now
                )
    erasure.erase([row.unit_id for row in rows], tenant=tenant, now=now, cause="withdrawn")
    return bool(rows)


def reclaim_digest(tenant: Tenant, code: str) -> bytes:
    """Keyed hash of a code that was shown once (collection, reclaim, recovery, letter)."""
    return passwords.code_digest(keys.city(tenant.id, "codes"), code)


def quarantine_digest(tenant: Tenant, address: str) -> bytes:
    """Keyed hash under which an address lies in quarantine."""
    return blind.digest(tenant.id, "quarantine", address.lower())


def _leave_quarantine(tenant: Tenant, form: OrderForm) -> None:
    waiting = queries.quarantined(tenant, form.localpart)
    if waiting is None:
        return
    if not queries.is_former_holder(tenant, waiting, form.reclaim):
        raise AddressTaken
    closed = Address.objects.filter(tenant=tenant, blind=queries.address_digest(tenant, form.localpart), open=False)
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
        phone=units.seal(unit, "phone", form.phone) if form.phone else None,
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
        recovery=reclaim_digest(made.tenant, made.recovery_code),
    )  # fmt: skip


def _write_voluntary(made: Prepared, contract: Contract, now: datetime) -> None:
    for name, value in made.form.voluntary.items():
        unit, consent = made.units[f"voluntary {name}"], made.units[f"consent {name}"]
        Voluntary.objects.create(unit_id=unit.id, contract=contract, field=name, value=units.seal(unit, "value", value))
        record = {"purpose": name, "text": f"notice {made.policy.version}", "given_at": now.isoformat()}
        Consent.objects.create(
            unit_id=consent.id, contract=contract, purpose=name, record=units.seal(consent, "record", json.dumps(record))
        )


def enter_quarantine(contract: Contract, unit: units.Prepared, *, address: str, code: str) -> None:
    """The address goes to nobody else for a while (K21). Call inside `store.writing()`."""
    Quarantine.objects.create(
        unit_id=unit.id, tenant=contract.tenant, digest=quarantine_digest(contract.tenant, address),
        reclaim=reclaim_digest(contract.tenant, code),
    )  # fmt: skip
