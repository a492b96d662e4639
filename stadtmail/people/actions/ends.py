"""The end of a contract: cancelled, withdrawn, taken effect, corrected, taken back.

With the cancellation both codes are shown and kept as keyed hashes. When the end takes effect the address closes, the
login moves behind the collection code and the clocks start. What a take-back leaves over, `mend` erases; what it cannot bring back
(second factor, app passwords, voluntary details) it marks, so that nobody believes it is still there.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import Exists, OuterRef, Q, QuerySet

from stadtmail.kit import errors, store
from stadtmail.people import passwords, queries, second_factor
from stadtmail.people.actions import contracts
from stadtmail.people.models import Address, Alias, AppPassword, Collection, Consent, Contract, Credential, Identity, Quarantine
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.models import ERASING, Event, Unit
from stadtmail.tenants.models import Tenant

GOES_AT_ONCE = ("BD-CRED", "BD-OPT")  # a take-back restores the login from its place, and cannot restore what was voluntary
NEEDED = frozenset({"COLL", "BD-ID", "BD"})


class CannotMove(errors.Conflict):
    """The end cannot be corrected: there is none, or the data are gone (there is no undelete)."""


def schedule(contract: Contract, *, ends_at: datetime, now: datetime) -> contracts.Ended:
    """Note the cancellation and make its codes; an end that has come takes effect in the same transaction."""
    tenant = contract.tenant
    clear(contract, now=now)
    codes = passwords.new_code(), passwords.new_code()
    coll, tomb = units.prepare(tenant, [_wanted("COLL", contract), _wanted("TOMB", contract)], now=now)
    with store.writing():
        if not Contract.objects.filter(id=contract.id, tenant=tenant, state="active", ends_at=None).update(ends_at=ends_at):
            raise contracts.AlreadyEnded
        units.save([coll])
        digest, reclaim = (queries.code_digest(tenant, code) for code in codes)
        Collection.objects.create(unit_id=coll.id, tenant=tenant, contract=contract, digest=digest, reclaim=reclaim)
        if ends_at <= now:
            _take_effect(contract, tomb, at=ends_at, known_at=now, now=now)
    contract.refresh_from_db()
    return contracts.Ended(*codes, ends_at)


def unschedule(contract: Contract, *, tenant: Tenant, now: datetime) -> Contract:
    """The cancellation is withdrawn before its end. Raises CannotReturn."""
    with store.writing():
        rows = Contract.objects.filter(id=contract.id, tenant=tenant, state="active", ends_at__gt=now)
        if not rows.update(ends_at=None):
            raise contracts.CannotReturn
    clear(contract, now=now)
    contract.refresh_from_db()
    return contract


def take_due_effects(now: datetime, *, ended: Callable[[Contract], object] = lambda _: None) -> int:
    """Let all ends take effect whose moment has come, and tell `ended` each. Returns how many.

    (Their codes were shown with the cancellation.)
    """
    taken = 0
    for contract in queries.ends_due(now):
        assert contract.ends_at is not None
        (tomb,) = units.prepare(contract.tenant, [_wanted("TOMB", contract)], now=now)
        try:
            with store.writing():
                _take_effect(contract, tomb, at=contract.ends_at, known_at=contract.ends_at, now=now)
            taken += 1
            ended(contract)
        except contracts.AlreadyEnded:  # withdrawn, moved or taken effect in another process meanwhile
            continue
    return taken


def move(contract: Contract, *, at: datetime, now: datetime) -> Contract:
    """Correct the end, earlier or later: all dates follow, both values stay on record (C-4.1). Raises CannotMove, CannotReturn.

    Moved to a moment that has not come yet, an ended contract goes on until then.
    """
    if contract.state == "ended" and at > now:
        place = Collection.objects.filter(contract=contract).exclude(unit__state=ERASING).select_related("unit", "contract").first()
        if place is None:
            raise CannotMove
        resume(place, tenant=contract.tenant, until=at, now=now)
        clear(contract, now=now)
    elif contract.state == "active":
        _reschedule(contract, at, now)
    else:
        _move_past(contract, at, now)
    contract.refresh_from_db()
    return contract


def take_back(place: Collection, *, tenant: Tenant, now: datetime) -> Contract:
    """The contract goes on as if it had not been cancelled. Raises CannotReturn."""
    contract = resume(place, tenant=tenant, until=None, now=now)
    clear(contract, now=now)
    return contract


def resume(place: Collection, *, tenant: Tenant, until: datetime | None, now: datetime) -> Contract:
    """An ended contract goes on, until a later end or without one. Loses the race against its erasure: CannotReturn."""
    contract = place.contract
    (fresh,) = units.prepare(tenant, [_wanted("BD-CRED", contract)], now=now)
    with store.writing():
        rows = Contract.objects.filter(id=contract.id, tenant=tenant, state="ended")
        if _is_going(tenant, contract, now) or not rows.update(state="active", ends_at=until):
            raise contracts.CannotReturn
        kept = _restore_login(contract, place, fresh)
        _mark_lost(contract, kept.get("had", ()))
        _note_end(contract, None)
        Collection.objects.filter(unit=place.unit).update(kept=None)
        events.revoke(tenant=tenant, anchor=contract.id, name="contract_end", now=now)
        for _, anchor in _others(contract):
            events.revoke(tenant=tenant, anchor=anchor, name="contract_end", now=now)
    contract.refresh_from_db()
    return contract


def stop_reminding(contract: Contract, *, tenant: Tenant) -> None:
    """Its holder knows what a take-back did not bring back, and wants to hear no more of it."""
    with store.writing():
        rows = Credential.objects.filter(contract=contract, contract__tenant=tenant)
        rows.update(lost_factor=False, lost_apps=False, lost_details=False)


def clear(contract: Contract, *, now: datetime) -> int:
    """Erase what a cancellation left over that does not stand any more: its codes, its quarantine, app passwords that ended."""
    left = Contract.objects.filter(id=contract.id, state="active", ends_at=None)
    codes = Collection.objects.filter(contract__in=left).values_list("unit", flat=True)
    tombs = Quarantine.objects.filter(unit__anchor__in=Contract.objects.filter(id=contract.id, state="active").values("id"))
    apps = _ended_apps().filter(contract__in=Contract.objects.filter(id=contract.id, state="active").values("id"))
    ids = [*codes, *tombs.values_list("unit", flat=True), *apps.values_list("unit", flat=True)]
    return erasure.erase(ids, tenant=contract.tenant, now=now, cause="withdrawn").erased if ids else 0


def mend(now: datetime) -> int:
    """`clear` every running contract at which a crash left something over. Returns how many."""
    running = Contract.objects.filter(state="active")
    codes = Collection.objects.filter(contract__state="active", contract__ends_at=None).values("contract")
    tombs = Quarantine.objects.filter(unit__anchor__in=running.values("id")).values("unit__anchor")
    apps = _ended_apps().filter(contract__state="active").values("contract")
    left = Q(id__in=codes) | Q(id__in=tombs) | Q(id__in=apps)
    found = running.filter(left).select_related("tenant")
    return sum(1 for contract in found if clear(contract, now=now))


def recover(now: datetime) -> int:
    """Contracts that a restore made active again, although the erasures that it met say that they had ended. Returns how many.

    Their credentials are gone for good; their dates run (privacy.recovery) and their address lies in quarantine again.
    """
    ended = Event.objects.filter(anchor=OuterRef("id"), name="contract_end", revoked_at=None)
    found = Contract.objects.filter(Exists(ended), state="active", credentials=None).select_related("tenant")
    return sum(_end_again(contract, now) for contract in found)


def _end_again(contract: Contract, now: datetime) -> bool:
    tenant, at = contract.tenant, events.happened(contract.tenant, contract.id, "contract_end")
    (tomb,) = units.prepare(tenant, [_wanted("TOMB", contract)], now=now)
    with store.writing():
        if at is None or not Contract.objects.filter(id=contract.id, state="active").update(state="ended", ends_at=at):
            return False
        if Identity.objects.filter(contract=contract).exists():
            place = Collection.objects.filter(contract=contract).first()  # a code from before the restore opens it; one from after cannot
            units.save([tomb])
            reclaim = bytes(place.reclaim) if place else b""
            contracts.enter_quarantine(contract, tomb, address=_note_end(contract, at), reclaim=reclaim)
        for kind, anchor in _others(contract):
            events.record(tenant=tenant, anchor_kind=kind, anchor=anchor, name="contract_end", at=at, now=now)
    return True


def _take_effect(contract: Contract, tomb: units.Prepared, *, at: datetime, known_at: datetime, now: datetime) -> None:
    tenant = contract.tenant
    if not Contract.objects.filter(id=contract.id, state="active", ends_at=at).update(state="ended"):
        raise contracts.AlreadyEnded
    address = _note_end(contract, at)
    place = Collection.objects.select_related("unit").get(contract=contract)
    credential = Credential.objects.exclude(unit__state=ERASING).select_related("unit").get(contract=contract)
    Collection.objects.filter(unit=place.unit).update(kept=units.seal(place.unit, "kept", _kept(tenant, credential)))
    AppPassword.objects.filter(contract=contract).update(imap=False, submission=False, sieve=False)  # a take-back restores none
    units.save([tomb])
    contracts.enter_quarantine(contract, tomb, address=address, reclaim=bytes(place.reclaim))
    for kind, anchor in [("contract", contract.id), *_others(contract)]:
        events.record(tenant=tenant, anchor_kind=kind, anchor=anchor, name="contract_end", at=at, known_at=known_at, now=now)


def _reschedule(contract: Contract, at: datetime, now: datetime) -> None:
    """A cancellation that has not taken effect is moved. Into the past it takes effect at once, and was not to be known before now."""
    (tomb,) = units.prepare(contract.tenant, [_wanted("TOMB", contract)], now=now)
    with store.writing():
        rows = store.locked(Contract.objects.filter(id=contract.id, tenant=contract.tenant, state="active").exclude(ends_at=None))
        before = rows.values_list("ends_at", flat=True).first()
        if before is None or not rows.update(ends_at=at):
            raise CannotMove
        if at <= now:
            _take_effect(contract, tomb, at=at, known_at=min(now, max(before, at)), now=now)


def _move_past(contract: Contract, at: datetime, now: datetime) -> None:
    tenant = contract.tenant
    with store.writing():
        if not Identity.objects.filter(contract=contract).exclude(unit__state=ERASING).exists():
            raise CannotMove
        if not Contract.objects.filter(id=contract.id, tenant=tenant, state="ended").update(ends_at=at):
            raise CannotMove
        _note_end(contract, at)
        events.record(tenant=tenant, anchor_kind="contract", anchor=contract.id, name="contract_end", at=at, now=now)
        for kind, anchor in _others(contract):
            events.record(tenant=tenant, anchor_kind=kind, anchor=anchor, name="contract_end", at=at, now=now)


def _is_going(tenant: Tenant, contract: Contract, now: datetime) -> bool:
    """Is something of the contract being erased, due or gone that a contract cannot go on without?"""
    rows = store.locked(Unit.objects.filter(tenant=tenant, anchor=contract.id).exclude(category__in=GOES_AT_ONCE))
    lasting = list(rows.values_list("category", "state", "due_at"))  # locked: the claim of an erasure takes the same rows
    if any(state == ERASING or (due is not None and due <= now) for _, state, due in lasting):
        return True
    return not NEEDED.issubset(category for category, _, _ in lasting)


def _restore_login(contract: Contract, place: Collection, fresh: units.Prepared) -> dict[str, Any]:
    """Returns what was kept at the end."""
    kept: dict[str, Any] = json.loads(units.text(place.unit, "kept", place.kept or b""))
    living = Credential.objects.filter(contract=contract).exclude(unit__state=ERASING).exists()
    if living and Address.objects.filter(contract=contract).exists():
        return kept  # within the hour: releasing opens the address again
    identity = Identity.objects.select_related("unit").get(contract=contract)
    address = units.text(identity.unit, "identifier", identity.identifier)
    Address.objects.filter(contract=contract).delete()
    units.save([fresh])
    Credential.objects.create(
        unit_id=fresh.id, contract=contract, password=units.seal(fresh, "password", kept["password"]),
        recovery=bytes.fromhex(kept["recovery"]), mail_login=kept["mail_login"] == "yes",
        scram=units.seal(fresh, "scram", bytes.fromhex(kept["scram"])) if kept["scram"] else None,
    )  # fmt: skip
    blind = queries.address_digest(contract.tenant, address.partition("@")[0])
    try:
        Address.objects.create(tenant=contract.tenant, blind=blind, contract=contract, unit_id=fresh.id)
    except IntegrityError:  # its former holder has taken it into another contract
        raise contracts.CannotReturn from None
    return kept


def _mark_lost(contract: Contract, had: Sequence[str]) -> None:
    """Of what there was at the end, what is not there now: credentials after their hour, app passwords and voluntary details at once."""
    tenant = contract.tenant
    has = _had(tenant, contract)
    Credential.objects.filter(contract=contract).exclude(unit__state=ERASING).update(
        **{f"lost_{name}": name in had and name not in has for name in ("factor", "apps", "details")}
    )


def _had(tenant: Tenant, contract: Contract) -> list[str]:
    """What hangs on the contract now, and would not come back after its end."""
    there = {
        "factor": second_factor.is_on(second_factor.of_contract(tenant, contract)),
        "apps": queries.living_app_passwords(tenant, contract).exists(),
        "details": bool(queries.voluntary(tenant, contract)),
    }
    return [name for name, is_there in there.items() if is_there]


def _note_end(contract: Contract, at: datetime | None) -> str:
    """Write the end into the identity's dates, or take it out. Returns the mail address."""
    identity = Identity.objects.select_related("unit").get(contract=contract)
    dates = {**json.loads(units.text(identity.unit, "dates", identity.dates)), "ended": at and at.isoformat()}
    sealed = units.seal(identity.unit, "dates", json.dumps({name: value for name, value in dates.items() if value}))
    Identity.objects.filter(unit=identity.unit).update(dates=sealed)
    return units.text(identity.unit, "identifier", identity.identifier)


def _ended_apps() -> QuerySet[AppPassword]:
    return AppPassword.objects.filter(imap=False, submission=False, sieve=False).exclude(unit__state=ERASING)


def _others(contract: Contract) -> list[tuple[str, UUID]]:
    """(kind, anchor) of what ends with the contract and has a clock of its own: consents, further addresses."""
    consents = Consent.objects.filter(contract=contract).values_list("unit__anchor", flat=True)
    further = Alias.objects.filter(contract=contract).values_list("unit__anchor", flat=True)
    return [*(("consent", anchor) for anchor in consents), *(("alias", anchor) for anchor in further)]


def _wanted(category: str, contract: Contract) -> units.Wanted:
    return units.Wanted(category, "contract", contract.id, contract.person_id, keyless=category == "TOMB")


def _kept(tenant: Tenant, credential: Credential) -> str:
    return json.dumps(
        {
            "password": units.text(credential.unit, "password", credential.password),
            "recovery": bytes(credential.recovery).hex(),
            "mail_login": "yes" if credential.mail_login else "no",
            "scram": units.unseal(credential.unit, "scram", credential.scram).hex() if credential.scram else "",
            "had": sorted({*_had(tenant, credential.contract), *queries.lost(tenant, credential.contract)}),
        }
    )
