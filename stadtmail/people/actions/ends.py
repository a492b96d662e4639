"""The end of a contract takes effect: the address closes, the login moves behind the collection code, the clocks start.

Also its undoing: while the contents are still there, the holder can take the cancellation back.
"""

import json
from datetime import datetime

from django.db import IntegrityError

from stadtmail.kit import store
from stadtmail.people import passwords, queries
from stadtmail.people.actions import contracts
from stadtmail.people.models import Address, Collection, Consent, Contract, Credential, Identity, Quarantine
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant


def schedule(contract: Contract, *, ends_at: datetime, now: datetime) -> contracts.Ended | None:
    """Set the end of the term; one that has come takes effect at once."""
    if ends_at > now:
        with store.writing():
            Contract.objects.filter(id=contract.id, state="active").update(ends_at=ends_at)
        return None
    return take_effect(contract, at=ends_at, now=now)


def take_due_effects(now: datetime) -> int:
    """Let all ends take effect whose moment has come. Returns how many. (Their codes were shown with the cancellation.)"""
    due = queries.ends_due(now)
    for contract in due:
        assert contract.ends_at is not None
        take_effect(contract, at=contract.ends_at, now=now)
    return len(due)


def take_effect(contract: Contract, *, at: datetime, now: datetime) -> contracts.Ended:
    """The contract has ended at `at`. Raises AlreadyEnded."""
    tenant = contract.tenant
    collection_code, reclaim_code = passwords.new_code(), passwords.new_code()
    wanted = [
        units.Wanted("TOMB", "contract", contract.id, contract.person_id, keyless=True),
        units.Wanted("COLL", "contract", contract.id, contract.person_id),
    ]
    tomb, coll = units.prepare(tenant, wanted, now=now)
    with store.writing():
        if not Contract.objects.filter(id=contract.id, state="active").update(state="ended", ends_at=at):
            raise contracts.AlreadyEnded
        identity = Identity.objects.select_related("unit").get(contract=contract)
        address = units.text(identity.unit, "identifier", identity.identifier)
        _note_end(identity, at)
        credential = Credential.objects.select_related("unit").get(contract=contract)
        units.save([tomb, coll])
        _drop_old_quarantine(tenant, address)
        contracts.enter_quarantine(contract, tomb, address=address, code=reclaim_code)
        Collection.objects.create(
            unit_id=coll.id, tenant=tenant, contract=contract, digest=contracts.reclaim_digest(tenant, collection_code),
            kept=units.seal(coll, "kept", _kept(credential)),
        )  # fmt: skip
        events.record(tenant=tenant, anchor_kind="contract", anchor=contract.id, name="contract_end", at=at, now=now)
        for anchor in Consent.objects.filter(contract=contract).values_list("unit__anchor", flat=True):
            events.record(tenant=tenant, anchor_kind="consent", anchor=anchor, name="contract_end", at=at, now=now)
    return contracts.Ended(collection_code, reclaim_code)


def move(contract: Contract, *, at: datetime, now: datetime) -> None:
    """Correct the end of an ended contract, earlier or later, before anything was erased: all dates follow (C-4.1)."""
    with store.writing():
        Contract.objects.filter(id=contract.id, state="ended").update(ends_at=at)
        events.record(
            tenant=contract.tenant, anchor_kind="contract", anchor=contract.id, name="contract_end", at=at, now=now
        )


def take_back(place: Collection, *, tenant: Tenant, now: datetime) -> Contract:
    """The contract goes on as if it had not been cancelled. Raises CannotReturn."""
    contract = place.contract
    identity = Identity.objects.filter(contract=contract).exclude(unit__state=ERASING).select_related("unit").first()
    if identity is None or contract.state != "ended" or (place.unit.due_at and place.unit.due_at <= now):
        raise contracts.CannotReturn
    address = units.text(identity.unit, "identifier", identity.identifier)
    kept = json.loads(units.text(place.unit, "kept", place.kept))
    (fresh,) = units.prepare(tenant, [units.Wanted("BD-CRED", "contract", contract.id, contract.person_id)], now=now)
    old = list(Credential.objects.filter(contract=contract).values_list("unit", flat=True))
    tomb = list(Quarantine.objects.filter(tenant=tenant, digest=contracts.quarantine_digest(tenant, address)).values_list("unit", flat=True))
    with store.writing():
        Address.objects.filter(tenant=tenant, contract=contract).delete()
        units.save([fresh])
        _restore_login(contract, fresh, kept, address)
        Contract.objects.filter(id=contract.id).update(state="active", ends_at=None)
        events.revoke(tenant=tenant, anchor=contract.id, name="contract_end", now=now)
        for anchor in Consent.objects.filter(contract=contract).values_list("unit__anchor", flat=True):
            events.revoke(tenant=tenant, anchor=anchor, name="contract_end", now=now)
    erasure.erase([*old, *tomb, place.unit_id], tenant=tenant, now=now, cause="withdrawn")
    contract.refresh_from_db()
    return contract


def _restore_login(contract: Contract, fresh: units.Prepared, kept: dict[str, str], address: str) -> None:
    Credential.objects.create(
        unit_id=fresh.id, contract=contract, password=units.seal(fresh, "password", kept["password"]),
        recovery=bytes.fromhex(kept["recovery"]), mail_login=kept["mail_login"] == "yes",
    )  # fmt: skip
    try:
        Address.objects.create(
            tenant=contract.tenant, blind=queries.address_digest(contract.tenant, address.partition("@")[0]), contract=contract,
            unit_id=fresh.id,
        )  # fmt: skip
    except IntegrityError:
        raise contracts.CannotReturn from None


def _drop_old_quarantine(tenant: Tenant, address: str) -> None:
    # the former holder came back and leaves again: the younger quarantine counts, the older unit goes with its own date
    Quarantine.objects.filter(tenant=tenant, digest=contracts.quarantine_digest(tenant, address)).delete()


def _note_end(identity: Identity, at: datetime) -> None:
    dates = {**json.loads(units.text(identity.unit, "dates", identity.dates)), "ended": at.isoformat()}
    Identity.objects.filter(unit=identity.unit).update(dates=units.seal(identity.unit, "dates", json.dumps(dates)))


def _kept(credential: Credential) -> str:
    return json.dumps(
        {
            "password": units.text(credential.unit, "password", credential.password),
            "recovery": bytes(credential.recovery).hex(),
            "mail_login": "yes" if credential.mail_login else "no",
        }
    )
