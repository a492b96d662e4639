"""Further addresses of a contract (ALI): taken only where they are free and nobody's, at most as many as the city allows.

An address that was given up goes into quarantine, and only who had it gets it back. The quarantine is written together with the
address: however it ends, by its owner, by its day or with the contract, no moment is left in which a stranger could take it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError

from stadtmail.kit import errors, store
from stadtmail.people import orders, queries
from stadtmail.people.actions import contracts
from stadtmail.people.actions.contracts import AddressTaken
from stadtmail.people.models import Address, Alias, Contract, Quarantine
from stadtmail.privacy import erasure, events, policy, units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant

CATEGORY, ANCHOR, END = "ALI", "alias", "alias_end"


class NoAddress(errors.NotAllowed):
    """The local part is none that anybody may have: its form, or the city keeps it for itself."""


class TooManyAliases(errors.OverQuota):
    """The contract has as many further addresses as the city allows."""


class NoSuchAlias(errors.NotFound):
    """The contract has no such further address."""


class InThePast(errors.NotAllowed):
    """An address cannot end before it begins."""


@dataclass(frozen=True)
class Prepared:
    """A further address before its transaction: its keys are durable, nothing is written."""

    tenant: Tenant
    contract: Contract
    localpart: str
    until: datetime | None
    most: int
    unit: units.Prepared
    tomb: units.Prepared

    @property
    def address(self) -> str:
        """The whole address."""
        return f"{self.localpart}@{self.tenant.domain}"


def prepare(contract: Contract, localpart: str, *, tenant: Tenant, until: datetime | None, now: datetime) -> Prepared:
    """Check and make the keys. Raises NoAddress, AddressTaken, TooManyAliases, InThePast, contracts.AlreadyEnded."""
    rules, name = policy.current(tenant), localpart.strip().lower()
    if not orders.is_localpart(name) or orders.is_reserved(name, rules):
        raise NoAddress
    if until is not None and until <= now:
        raise InThePast
    if contract.tenant_id != tenant.id or contract.state != "active":
        raise contracts.AlreadyEnded
    _check(contract, name, tenant, rules.mail.aliases)
    where = ANCHOR, uuid4(), contract.person_id
    unit, tomb = units.prepare(tenant, [units.Wanted(CATEGORY, *where), units.Wanted("TOMB", *where, keyless=True)], now=now)
    return Prepared(tenant, contract, name, until, rules.mail.aliases, unit, tomb)


def write(made: Prepared, *, now: datetime) -> Address:
    """Write it. Call inside `store.writing()`. Raises AddressTaken, TooManyAliases, contracts.AlreadyEnded: somebody was faster."""
    tenant, contract = made.tenant, made.contract
    if not store.locked(Contract.objects.filter(id=contract.id, tenant=tenant, state="active")).exists():
        raise contracts.AlreadyEnded
    _check(contract, made.localpart, tenant, made.most)
    units.save([made.unit, made.tomb])
    until = units.seal(made.unit, "until", made.until.isoformat()) if made.until else None
    Alias.objects.create(unit_id=made.unit.id, contract=contract, address=units.seal(made.unit, "address", made.address), until=until)
    digest = contracts.quarantine_digest(tenant, made.address)
    Quarantine.objects.create(unit_id=made.tomb.id, tenant=tenant, digest=digest, reclaim=b"")
    if made.until is not None:
        _end(tenant, made.unit.wanted.anchor, made.until, now)
    try:
        return Address.objects.create(tenant=tenant, blind=queries.address_digest(tenant, made.localpart), unit_id=made.unit.id)
    except IntegrityError:
        raise AddressTaken from None


def set_name(contract: Contract, alias: UUID, name: str, *, tenant: Tenant) -> None:
    """What stands before the address where its owner writes from it; empty: their usual name. Raises NoSuchAlias, units.Gone."""
    row = _standing(contract, alias, tenant)
    sealed = units.seal(row.unit, "name", name) if name else None
    with store.writing():
        if not Alias.objects.filter(unit=alias).exclude(unit__state=ERASING).update(name=sealed):
            raise NoSuchAlias


def set_default(contract: Contract, alias: UUID | None, *, tenant: Tenant) -> None:
    """From which address new messages are written; None: from the contract's own. Raises NoSuchAlias."""
    if alias is not None:
        _standing(contract, alias, tenant)
    with store.writing():
        rows = Alias.objects.filter(contract=contract, contract__tenant=tenant)
        rows.exclude(unit=alias).update(default=False)
        rows.filter(unit=alias).update(default=True)


def remove(contract: Contract, alias: UUID, *, tenant: Tenant, now: datetime) -> None:
    """Give a further address up: it ends now, and is erased at once. Raises NoSuchAlias."""
    found = _standing(contract, alias, tenant)
    with store.writing():
        _end(tenant, found.unit.anchor, now, now)
        Address.objects.filter(unit=found.unit).update(open=False)
    erasure.erase([found.unit_id], tenant=tenant, now=now, cause="withdrawn")


def _standing(contract: Contract, alias: UUID, tenant: Tenant) -> Alias:
    row = Alias.objects.filter(unit=alias, contract=contract, contract__tenant=tenant).exclude(unit__state=ERASING)
    found = row.select_related("unit").first()
    if found is None:
        raise NoSuchAlias
    return found


def _check(contract: Contract, localpart: str, tenant: Tenant, most: int) -> None:
    if len(queries.aliases(tenant, contract)) >= most:
        raise TooManyAliases
    if queries.reserved(tenant, localpart) or Address.objects.filter(
        tenant=tenant, blind=queries.address_digest(tenant, localpart)
    ).exists():  # fmt: skip
        raise AddressTaken
    if not queries.is_own_quarantine(tenant, localpart, contract):
        raise AddressTaken


def _end(tenant: Tenant, anchor: UUID, at: datetime, now: datetime) -> None:
    events.record(tenant=tenant, anchor_kind=ANCHOR, anchor=anchor, name=END, at=at, known_at=at, now=now)
