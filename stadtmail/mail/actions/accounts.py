"""An order becomes a contract with a mailbox, in one transaction; a city gets the mailboxes of its roles.

Keys, hashes and the sealed welcome message are made before the transaction. If anything fails nothing stays but keys
without rows, which the sweep destroys after an hour.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import IntegrityError
from django.db.models import Q

from stadtmail.kit import errors, store
from stadtmail.mail import envelope, sealing, welcome
from stadtmail.mail.actions import rolekeys, storing
from stadtmail.mail.folders import STANDARD
from stadtmail.mail.models import DeliveryKey, Folder, Mailbox, MailboxKey, Route
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.people.models import Address, Alias, Contract
from stadtmail.people.orders import OrderForm
from stadtmail.privacy import events, policy, units
from stadtmail.privacy.policy import Policy
from stadtmail.tenants.models import Tenant
from stadtmail.vault import boxes

POSTMASTER, ABUSE, OFFICER = "postmaster", "abuse", "officer"
ROLE_QUOTA_BYTES = 2 * 1024**3


class NotWelcomed(errors.TryLater):
    """The welcome message did not fit into the new mailbox: the tariff's quota is wrong."""


@dataclass(frozen=True)
class Opened:
    """A new account. The recovery code is shown once, and empty where the order showed it before."""

    contract: UUID
    person: UUID
    address: str = field(repr=False)
    recovery_code: str = field(repr=False)


@dataclass(frozen=True)
class _Box:
    """Everything of a mailbox that must exist before its transaction."""

    mailbox: UUID
    unit: units.Prepared
    public: bytes
    private: bytes = field(repr=False)  # sealed
    welcome: sealing.Sealed


def open_account(form: OrderForm, *, tenant: Tenant, now: datetime, source: str = "order_form") -> Opened:
    """Conclude a contract at once and open its mailbox. Raises contracts.AddressTaken, passwords.Busy."""
    rules = policy.current(tenant)
    made = contracts.prepare(form, tenant=tenant, policy=rules, now=now, source=source)
    box = _prepared(made, rules, now)
    with store.writing():
        _open(made, box, rules, now)
    return _result(made)


def accept_order(order: UUID, *, tenant: Tenant, by: str, now: datetime) -> Opened:
    """Somebody at the desk (`by`: random id) accepts a waiting order. Raises accesses.NotStaff, pending.NoSuchOrder, AddressTaken."""
    from stadtmail.people.actions import accesses

    accesses.staff(tenant, UUID(by), "order_check", now=now)
    return _open_waiting(order, tenant, now)


def open_letter(code: str, *, tenant: Tenant, now: datetime) -> Opened:
    """The code of a letter accepts its order. Raises pending.NoSuchOrder."""
    from stadtmail.people.actions import pending

    return _open_waiting(pending.order_of_letter(code, tenant=tenant, now=now), tenant, now)


def open_roles(tenant: Tenant, *, now: datetime) -> int:
    """Open what every city has: postmaster (RFC 5321 4.5.1), abuse (RFC 2142 4) and its officer. Idempotent; returns how many."""
    rules = policy.current(tenant)
    localpart, _, domain = rules.parties.dpo.email.rpartition("@")
    wanted = {POSTMASTER: POSTMASTER, ABUSE: ABUSE}
    if domain.lower() == tenant.domain:
        wanted[OFFICER] = localpart
    known = set(Mailbox.objects.filter(tenant=tenant).exclude(role="").values_list("role", flat=True))
    missing = {role: local for role, local in wanted.items() if role not in known}
    for role, local in missing.items():
        _open_role(role, local, tenant, rules, now)
    return len(missing)


def mend(now: datetime) -> int:
    """Give every running contract without a mailbox an empty one. Returns how many.

    A restore of the rows from before a mailbox was sealed, or begun anew, meets the erasure of its old unit: its mail cannot come
    back, but the address must not be without a mailbox.
    """
    living = Contract.objects.filter(state="active").exclude(id__in=Mailbox.objects.exclude(contract=None).values("contract"))
    return sum(_mended(contract, now) for contract in living.select_related("tenant"))


def _mended(contract: Contract, now: datetime) -> bool:
    rules = policy.current(contract.tenant)
    (unit,) = units.prepare(contract.tenant, [units.Wanted(sealing.RESIDENT, "contract", contract.id, contract.person_id)], now=now)
    private, public = boxes.pair()
    language = people.holder(contract.tenant, contract).language
    with store.writing():
        rows = Contract.objects.filter(id=contract.id, state="active")
        if not store.locked(rows).exists() or Mailbox.objects.filter(contract=contract).exists():
            return False
        units.save([unit])
        quota = rules.tariffs[contract.tariff].quota_bytes
        mailbox = Mailbox.objects.create(tenant=contract.tenant, contract=contract, unit_id=unit.id, quota_bytes=quota)
        MailboxKey.objects.create(unit_id=unit.id, mailbox=mailbox, public=public, private=units.seal(unit, "private", private))
        _add_folders(mailbox, now, unit, language)
        further = Alias.objects.filter(contract=contract).values("unit")
        for address in Address.objects.filter(Q(contract=contract) | Q(unit__in=further)):
            Route.objects.update_or_create(address=address, defaults={"mailbox": mailbox})
        DeliveryKey.objects.filter(unit__anchor=contract.id).update(mailbox=mailbox)  # filters are their holder's still
    return True


def _open_waiting(order: UUID, tenant: Tenant, now: datetime) -> Opened:
    from stadtmail.people.actions import pending

    made = pending.prepare(order, tenant=tenant, now=now)
    rules = policy.current(tenant)
    box = _prepared(made, rules, now)
    with store.writing():
        pending.accepted(order, tenant=tenant, now=now)
        _open(made, box, rules, now)
    pending.clear(order, tenant=tenant, now=now)
    return _result(made)


def _prepared(made: contracts.Prepared, rules: Policy, now: datetime) -> _Box:
    wanted = units.Wanted(sealing.RESIDENT, "contract", made.contract, made.person)
    (unit,) = units.prepare(made.tenant, [wanted], now=now)
    private, public = boxes.pair()
    raw = welcome.message(made.form, policy=rules, now=now)
    target = sealing.Target(made.tenant.id, uuid4(), "", unit.id, public)
    first = sealing.sealed(raw, target, envelope.packed(envelope.summary(raw, now=now, found=envelope.OWN)), now=now)
    return _Box(target.mailbox, unit, public, units.seal(unit, "private", private), first)


def _open(made: contracts.Prepared, box: _Box, rules: Policy, now: datetime) -> None:
    contract = contracts.conclude(made, now=now)
    units.save([box.unit])
    mailbox = Mailbox.objects.create(
        id=box.mailbox, tenant=made.tenant, contract=contract, unit_id=box.unit.id,
        quota_bytes=rules.tariffs[made.form.tariff].quota_bytes,
    )  # fmt: skip
    MailboxKey.objects.create(unit_id=box.unit.id, mailbox=mailbox, public=box.public, private=box.private)
    _add_folders(mailbox, now, box.unit, made.form.language)
    Route.objects.create(address=Address.objects.get(contract=contract), mailbox=mailbox)
    if storing.place([box.welcome]) != [None]:
        raise NotWelcomed


def _open_role(role: str, localpart: str, tenant: Tenant, rules: Policy, now: datetime) -> None:
    until = rolekeys.month_end(now, rules.tz)
    (unit,) = units.prepare(tenant, [units.Wanted(sealing.ROLE, rolekeys.ANCHOR, uuid4())], now=now)
    try:
        with store.writing():
            mailbox = Mailbox.objects.create(tenant=tenant, role=role, quota_bytes=ROLE_QUOTA_BYTES)
            _add_folders(mailbox, now, None, "de")
            address = Address.objects.create(tenant=tenant, blind=people.address_digest(tenant, localpart), role=role)
            Route.objects.create(address=address, mailbox=mailbox)
            rolekeys.add(mailbox, unit, until=until)
            events.record(
                tenant=tenant, anchor_kind=rolekeys.ANCHOR, anchor=unit.wanted.anchor, name="month_end",
                at=until - timedelta(seconds=1), now=now,
            )  # fmt: skip
    except IntegrityError:
        if not Mailbox.objects.filter(tenant=tenant, role=role).exists():  # somebody else has the address
            raise contracts.AddressTaken from None


def _add_folders(mailbox: Mailbox, now: datetime, unit: units.Prepared | None, lang: str) -> None:
    for one in STANDARD:
        folder = Folder(mailbox=mailbox, number=one.number, role=one.role, uidvalidity=int(now.timestamp()), name=b"")
        if unit is not None:
            folder.name = units.seal(unit, f"folder {folder.id}", one.en if lang == "en" else one.de)
        folder.save(force_insert=True)


def _result(made: contracts.Prepared) -> Opened:
    return Opened(made.contract, made.person, f"{made.form.localpart}@{made.tenant.domain}", made.recovery_code)
