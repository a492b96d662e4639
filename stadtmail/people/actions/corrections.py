"""Corrections (Art. 16 GDPR, § 172(4) TKG, C-6.2b): the old value is gone, not kept beside the new one.

A correction moves the table's row to a fresh unit with a fresh key and erases the old unit by the one path, so that no old
page of the database opens any more. What a crash or a hold leaves over is due already: the sweep or the release erases it.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import fields, orders
from stadtmail.people.actions import accesses
from stadtmail.people.models import Contract, Identity, Inventory, Payment
from stadtmail.people.orders import OrderForm, Problem
from stadtmail.privacy import erasure, events, policy, units
from stadtmail.privacy.models import ERASING, SUPERSEDED, HoldItem, Unit
from stadtmail.privacy.policy.model import LANGUAGES
from stadtmail.tenants.models import Tenant

ADDRESS = ("street", "postcode", "town")
COLUMNS: dict[type[Identity | Inventory | Payment], tuple[str, ...]] = {
    Identity: ("name", "address", "birth_date", "identifier", "dates"),
    Inventory: ("display_name", "salutation", "language", "phone"),
    Payment: ("iban", "holder"),
}
CORRECTABLE = frozenset({"kind", "name", *ADDRESS, "birth_date", "language", "phone", "iban", "account_holder"})

Row = Identity | Inventory | Payment
Values = dict[str, str]


class NotCorrectable(errors.NotAllowed):
    """A field that a contract does not have, or that only a new contract can change (the mail address)."""


class BadCorrection(errors.NotAllowed):
    """The new values cannot be right. `problems` say which and why."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__()
        self.problems = problems


class Overtaken(errors.Conflict):
    """The contract ended, or somebody else corrected it, at the same moment: nothing was corrected."""


def correct(contract: Contract, *, tenant: Tenant, changes: Mapping[str, str], now: datetime, by: UUID | None = None) -> list[str]:
    """Put right what is wrong: field of the order form -> new value. Returns the corrected fields.

    `by`: random id of the member of staff who does it for the person, on the record and with the source "clerk"; without
    it the person does. Raises NotCorrectable, BadCorrection, Overtaken, accesses.NotStaff, units.Gone.
    """
    rules = policy.current(tenant)
    _check_names(contract, tenant, changes, rules)
    rows: dict[type[Row], Row] = {model: row for model in COLUMNS if (row := _row(model, contract)) is not None}
    old = {model: _values(row) for model, row in rows.items()}
    new = _changed(old, {name: value.strip() for name, value in changes.items()})
    _check_values(contract, new, changes, rules, now)
    todo = [model for model in rows if new[model] != old[model]]
    if by is not None:
        categories = [row.unit.category for model, row in rows.items() if model in todo] or ["BD"]
        accesses.note(tenant, by=by, purpose="correction", categories=categories, subject=contract.person_id, contract=contract, now=now)
    _replace(contract, [(rows[model], new[model]) for model in todo], "clerk" if by else "", now)
    before, after = _form(contract, old), _form(contract, new)
    return [name for name in sorted(changes) if getattr(before, name) != getattr(after, name)]


def rename(contract: Contract, name: str, *, tenant: Tenant, now: datetime) -> None:
    """What stands before the contract's own address where its holder writes; nothing else changes. Raises NotCorrectable, Overtaken."""
    row = _row(Inventory, contract)
    if contract.tenant_id != tenant.id or row is None:
        raise NotCorrectable
    old = _values(row)
    if old["display_name"] != name:
        _replace(contract, [(row, {**old, "display_name": name})], "", now)


def _check_names(contract: Contract, tenant: Tenant, changes: Mapping[str, str], rules: policy.Policy) -> None:
    tariff = rules.tariffs.get(contract.tariff)
    asked = set(changes) - {"language"}
    if contract.tenant_id != tenant.id or not set(changes) <= CORRECTABLE:
        raise NotCorrectable
    if fields.surplus(asked, tariff.needs if tariff else frozenset()):
        raise NotCorrectable


def _check_values(contract: Contract, new: Mapping[type[Row], Values], changes: Mapping[str, str], rules: policy.Policy,
                  now: datetime) -> None:  # fmt: skip
    if changes.get("language", "de") not in LANGUAGES:
        raise BadCorrection([Problem("language", "choose")])
    found = [p for p in orders.problems(_form(contract, new), policy=rules, now=now) if p.field in changes]
    if found:
        raise BadCorrection(found)


def _row(model: type[Row], contract: Contract) -> Row | None:
    rows = model._default_manager.filter(contract=contract).exclude(unit__state=ERASING)
    found: Row | None = rows.select_related("unit", "unit__tenant").first()
    return found


def _values(row: Row) -> Values:
    sealed = {name: getattr(row, name) for name in COLUMNS[type(row)]}
    return {name: units.text(row.unit, name, value) for name, value in sealed.items() if value is not None}


def _changed(old: Mapping[type[Row], Values], changes: Mapping[str, str]) -> dict[type[Row], Values]:
    new = {model: dict(values) for model, values in old.items()}
    places: dict[str, tuple[type[Row], str]] = {
        "name": (Identity, "name"), "birth_date": (Identity, "birth_date"), "kind": (Inventory, "salutation"),
        "language": (Inventory, "language"), "phone": (Inventory, "phone"), "iban": (Payment, "iban"),
        "account_holder": (Payment, "holder"),
    }  # fmt: skip
    for name, (model, column) in places.items():
        if name in changes and model in new:
            new[model][column] = "".join(changes[name].split()).upper() if name == "iban" else changes[name]
    if "name" in changes and Inventory in new and Identity in old and old[Inventory]["display_name"] == old[Identity]["name"]:
        new[Inventory]["display_name"] = changes["name"]  # the name must not live on as what mail programs show
    if set(ADDRESS) & set(changes):
        lines = {**json.loads(new[Identity]["address"]), **{name: changes[name] for name in ADDRESS if name in changes}}
        new[Identity]["address"] = json.dumps(lines, ensure_ascii=False)
    return new


def _form(contract: Contract, new: Mapping[type[Row], Values]) -> OrderForm:
    identity, inventory, bank = (new.get(model, {}) for model in (Identity, Inventory, Payment))
    lines = json.loads(identity.get("address", "{}"))
    return OrderForm(
        kind=inventory.get("salutation", ""), name=identity.get("name", ""), birth_date=identity.get("birth_date", ""),
        localpart=identity.get("identifier", "").partition("@")[0], tariff=contract.tariff, language=inventory.get("language", ""),
        password="", phone=inventory.get("phone", ""), iban=bank.get("iban", ""), account_holder=bank.get("holder", ""),
        **{name: lines.get(name, "") for name in ADDRESS},
    )  # fmt: skip


def _replace(contract: Contract, changed: list[tuple[Row, Values]], source: str, now: datetime) -> None:
    tenant = contract.tenant
    wanted = [units.Wanted(row.unit.category, "contract", contract.id, contract.person_id) for row, _ in changed]
    fresh = units.prepare(tenant, wanted, now=now)
    with store.writing():
        units.save(fresh)
        for (row, values), unit in zip(changed, fresh, strict=True):
            # as it was read: neither superseded nor ended meanwhile, or the end would be lost with the old row
            anchored = Unit.objects.filter(id=row.unit_id, anchor=contract.id, state=row.unit.state).exclude(state=ERASING)
            # an anchor of its own, on which it falls due now: a wrong value is kept for nobody
            if not anchored.update(anchor_kind=SUPERSEDED, anchor=row.unit_id):
                raise Overtaken
            events.record(tenant=tenant, anchor_kind=SUPERSEDED, anchor=row.unit_id, name=SUPERSEDED, at=now, now=now)
            Unit.objects.filter(id=unit.id).update(state=row.unit.state)
            # what holds the old value holds the new one too; the old one then stays until that hold is released
            held = HoldItem.objects.filter(unit=row.unit_id).values_list("hold", flat=True)
            HoldItem.objects.bulk_create([HoldItem(hold_id=hold, unit_id=unit.id) for hold in list(held)])
            same = {name: getattr(row, name) for name in COLUMNS[type(row)]}
            if not type(row)._default_manager.filter(unit=row.unit_id, **same)._raw_delete("default"):
                raise Overtaken
            sealed: dict[str, Any] = {name: units.seal(unit, name, value) for name, value in values.items()}
            type(row)._default_manager.create(unit_id=unit.id, contract=contract, source=source or row.source, **sealed)
    erasure.erase([row.unit_id for row, _ in changed], tenant=tenant, now=now, cause="withdrawn")
