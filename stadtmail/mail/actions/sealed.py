"""Sealed mailboxes: switched on and off by their holder, opened by what the holder brings, begun anew where that is lost.

Sealing makes a new pair and moves the record keys of all messages to it; then the old unit goes by the one path, and with its key
the service's wrap of the old pair, in every copy of the keystore too. Every step may be the last before a crash: until the move is
finished (`finish`, also by the work role) both pairs open, afterwards one. Locks: contract's credentials, unit, mailbox.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.mail import queries, sealing, trusted, wraps
from stadtmail.mail.actions import indexing, moving, sharing
from stadtmail.mail.leaving import NoReceipts
from stadtmail.mail.models import OPEN, Folder, Import, Keyword, Mailbox, MailboxKey, PictureSenders, Repeat, Signature, Subscription, Wrap
from stadtmail.people import passwords, second_factor
from stadtmail.people import queries as people
from stadtmail.people.actions import app_passwords, credentials, ends, passwordless
from stadtmail.people.actions.app_passwords import Made
from stadtmail.people.actions.credentials import Recovered
from stadtmail.people.models import Contract
from stadtmail.people.webauthn import Place
from stadtmail.privacy import erasure, holds, units
from stadtmail.privacy.models import LIVE, Unit
from stadtmail.tenants.models import Tenant
from stadtmail.vault import boxes, epochs

PATIENCE = 5.0  # seconds that a request moves messages for; the work role does the rest
Step = Callable[[int], None]


class CannotSeal(errors.Conflict):
    """There is no such switch for this mailbox now: it is sealed already, or is not, or ends, or another tab was faster."""


class ImportRuns(errors.Conflict):
    """An import writes into the mailbox while nobody is logged in: it has to end first."""


class WrongSecret(errors.NotAllowed):
    """The mailbox does not open with that."""


class KeysChanged(errors.Conflict):
    """The mailbox was sealed, opened or begun anew meanwhile: nothing was changed."""


@dataclass(frozen=True)
class Sealed:
    """A mailbox was sealed. The recovery code is shown once, the halves go into the session."""

    recovery_code: str = field(repr=False)
    halves: wraps.Halves = field(repr=False)
    old_unreadable_at: datetime  # the last copy of the keystore that knows the old key


def seal_mailbox(contract: Contract, *, tenant: Tenant, password: str, now: datetime, step: Step = lambda _: None) -> Sealed:
    """From now on the mailbox opens with its holder's secrets only. Raises WrongCredentials, CannotSeal, ImportRuns, PasswordChanged.

    App passwords read no mail any more (nobody knows them to wrap for them), nor does the login password in mail programs, and no passkey
    is enough without the password until it is allowed anew. Steps: 1 keys
    durable, 2 the new pair is the mailbox's, 3 messages moved, 4 the old key destroyed. The caller ends all sessions of the person.
    """
    checked = credentials.check_password(contract, password, tenant=tenant)
    box = queries.mailbox_of(tenant, contract.id)
    if queries.is_sealed(box):
        raise CannotSeal
    unit = _prepared(contract, tenant, now)
    (half, public), code = boxes.pair(), passwords.new_code()
    own = [wraps.made(half, secret, pair=unit) for secret in (wraps.of_password(password), wraps.of_recovery(code))]
    step(1)
    with store.writing():
        credentials.still_stands(checked)
        old = _locked(box)
        if queries.is_sealed(box):
            raise CannotSeal
        if not Contract.objects.filter(id=contract.id, ends_at=None).exists():  # its collection code is made already
            raise CannotSeal
        if Import.objects.filter(mailbox=box).exists():
            raise ImportRuns
        _take_place(box, old, unit, public=public, private=None)
        wraps.replace(own)
        credentials.renew_recovery(contract, code, tenant=tenant)
        credentials.close_mail_login(contract)
        app_passwords.close_imap(contract)
        ended = passwordless.claim(second_factor.of_contract(tenant, contract), now=now)  # what opened nothing so far has no output here
    step(2)
    erasure.forward(ended, now)
    ends.clear(contract, now=now)
    moving.finish(box.id, now=now, halves={unit.id: half}, seconds=PATIENCE, step=step)
    return Sealed(code, {unit.id: half}, epochs.irrecoverable_at(now))


def unseal_mailbox(contract: Contract, *, tenant: Tenant, password: str, now: datetime) -> None:  # noqa: ARG001
    """The mailbox is a standard one again: its pair stays, the service gets its wrap. Raises WrongCredentials, WrongSecret, CannotSeal."""
    checked = credentials.check_password(contract, password, tenant=tenant)
    box = queries.mailbox_of(tenant, contract.id)
    halves = wraps.opened(box.id, wraps.of_password(password))
    if not halves:
        raise WrongSecret if queries.is_sealed(box) else CannotSeal
    with store.writing():
        credentials.still_stands(checked)
        _locked(box)
        pairs = _same(box, halves)
        for pair, half in halves.items():
            MailboxKey.objects.filter(unit=pair).update(private=units.seal(pairs[pair], "private", half))
        Wrap.objects.filter(pair__mailbox=box)._raw_delete("default")
        indexing.note(pairs)


def bring(tenant: Tenant, contract: UUID, password: str) -> dict[str, str]:
    """What a login adds to the contents of its session: nothing, or what opens the sealed mailbox. Raises passwords.Busy."""
    return _bring(tenant, contract, wraps.of_password(password))


def bring_by_passkey(tenant: Tenant, who: credentials.SignedIn, output: bytes) -> dict[str, str]:
    """The same for a login with a passkey alone, and what its PRF gave. Raises WrongSecret where that does not open a sealed mailbox."""
    assert who.via is not None
    brought = _bring(tenant, who.contract.id, wraps.of_passkey(output, own=who.via))
    if not brought and _keys(tenant, who.contract).pairs:
        raise WrongSecret
    return brought


def _bring(tenant: Tenant, contract: UUID, secret: wraps.Secret) -> dict[str, str]:
    try:
        box = queries.mailbox_of(tenant, contract)
    except queries.NoSuchMailbox:
        return {}
    if not wraps.sealed_pairs(box.id):
        return {}
    halves = wraps.opened(box.id, secret)
    if halves:
        indexing.catch_up(queries.Opened(box, halves))
    return wraps.packed(halves)


def set_password(contract: Contract, *, tenant: Tenant, old: str, new: str, now: datetime) -> dict[str, str]:
    """Change the login password, and wrap anew in the same transaction. Returns what the next session carries.

    Raises as credentials.set_password, and KeysChanged.
    """
    halves: dict[UUID, bytes] = {}

    def along(_: Contract, __: str) -> Callable[[], None]:
        keys = _keys(tenant, contract)
        halves.update(keys.opened(wraps.of_password(old)))
        return keys.wrapping(halves, [wraps.of_password(new)])

    credentials.set_password(contract, tenant=tenant, old=old, new=new, now=now, along=along)
    return wraps.packed(halves)


def recover(tenant: Tenant, address: str, *, code: str, new: str, now: datetime) -> Recovered:
    """A new password with the recovery code, which opens a sealed mailbox too. Raises as credentials.recover, and KeysChanged."""

    def along(contract: Contract, next_code: str) -> Callable[[], None]:
        keys = _keys(tenant, contract)
        halves = keys.opened(wraps.of_recovery(code))
        return keys.wrapping(halves, [wraps.of_password(new), wraps.of_recovery(next_code)])

    return credentials.recover(tenant, address, code=code, new=new, now=now, along=along)


def new_recovery_code(contract: Contract, *, tenant: Tenant, password: str, now: datetime) -> str:  # noqa: ARG001
    """Another recovery code for account and sealed mailbox, shown once; the one before opens nothing any more.

    Raises WrongCredentials, WrongSecret, KeysChanged.
    """
    checked, code = credentials.check_password(contract, password, tenant=tenant), passwords.new_code()
    keys = _keys(tenant, contract)
    halves = keys.opened(wraps.of_password(password))
    if not halves:
        raise WrongSecret
    write = keys.wrapping(halves, [wraps.of_recovery(code)])
    with store.writing():
        credentials.still_stands(checked)
        credentials.renew_recovery(contract, code, tenant=tenant)
        write()
    return code


def open_again(contract: Contract, *, tenant: Tenant, password: str, code: str, now: datetime) -> Sealed:
    """A sealed mailbox that does not open with the password any more, because somebody else set that, opens with the recovery code.

    The next code is shown once. Raises WrongCredentials, WrongSecret, KeysChanged.
    """
    checked, next_code = credentials.check_password(contract, password, tenant=tenant), passwords.new_code()
    keys = _keys(tenant, contract)
    halves = keys.opened(wraps.of_recovery(code))
    if not halves:
        raise WrongSecret
    write = keys.wrapping(halves, [wraps.of_password(password), wraps.of_recovery(next_code)])
    with store.writing():
        credentials.still_stands(checked)
        credentials.renew_recovery(contract, next_code, tenant=tenant)
        write()
    return Sealed(next_code, halves, now)


def begin_anew(contract: Contract, *, tenant: Tenant, password: str, now: datetime, step: Step = lambda _: None) -> None:
    """Password and code are lost: an empty standard mailbox with the same address and folders; what was sealed goes by the one path.

    Raises WrongCredentials, CannotSeal (the mailbox is not sealed), PasswordChanged. The caller ends all sessions of the person.
    """
    checked = credentials.check_password(contract, password, tenant=tenant)
    box = queries.mailbox_of(tenant, contract.id)
    unit = _prepared(contract, tenant, now)
    half, public = boxes.pair()
    step(1)
    with store.writing():
        credentials.still_stands(checked)
        old = _locked(box)
        if not wraps.sealed_pairs(box.id):
            raise CannotSeal
        _take_place(box, old, unit, public=public, private=units.seal(unit, "private", half))
    step(2)
    moving.finish(box.id, now=now, seconds=PATIENCE, step=step)


def make_app_password(
    contract: Contract, *, tenant: Tenant, label: str, scopes: Collection[str], halves: wraps.Halves, now: datetime
) -> Made:
    """An app password; one that reads a sealed mailbox gets its wraps. Raises as app_passwords.make, queries.Locked, KeysChanged."""
    if "imap" not in scopes:
        return app_passwords.make(contract, tenant=tenant, label=label, scopes=scopes, now=now)
    keys = _keys(tenant, contract)
    if not set(keys.pairs) <= set(halves):
        raise queries.Locked

    def along(app: units.Prepared, password: str, client_key: bytes) -> Callable[[], None]:
        return keys.wrapping(halves, [wraps.of_app(password, app=app.id), wraps.of_client_key(client_key, app=app.id)], own=app)

    return app_passwords.make(contract, tenant=tenant, label=label, scopes=scopes, now=now, along=along)


def allow_passkey(
    contract: Contract, place: Place, state: Mapping[str, str], *, tenant: Tenant, answer: str, output: bytes, halves: wraps.Halves,
    now: datetime,
) -> None:  # fmt: skip
    """A passkey is enough to log in; of a sealed mailbox only one whose PRF gave an output, which gets its wrap.

    Raises as passwordless.allow, WrongSecret (no output), queries.Locked, KeysChanged.
    """
    keys = _keys(tenant, contract)
    if not set(keys.pairs) <= set(halves):
        raise queries.Locked
    if keys.pairs and len(output) != passwords.KEY_BYTES:
        raise WrongSecret

    def along(unit: units.Prepared) -> Callable[[], None]:
        return keys.wrapping(halves, [wraps.of_passkey(output, own=unit.id)] if keys.pairs else [], own=unit)

    owner = second_factor.of_contract(tenant, contract)
    passwordless.allow(owner, place, state, answer=answer, now=now, along=along)


def open_mail_login(contract: Contract, *, tenant: Tenant, password: str) -> None:
    """Mail programs may use the login password, of a mailbox that is not sealed. Raises CannotSeal, HasSecondFactor.

    `password`: the login password, checked by the caller.
    """
    with store.writing():
        credentials.set_mail_login(contract, tenant=tenant, on=True, password=password)
        if queries.is_sealed(queries.mailbox_of(tenant, contract.id)):  # another tab was faster: nothing is written
            raise CannotSeal


def add_collection(contract: Contract, code: str, *, tenant: Tenant, halves: wraps.Halves) -> None:
    """The collection code of a contract that ends opens its sealed mailbox for the download. Raises KeysChanged."""
    place = people.place_of(tenant, contract)
    keys = _keys(tenant, contract)
    if place is None or not keys.pairs or not set(keys.pairs) <= set(halves):
        return
    write = keys.wrapping(halves, [wraps.of_collection(code, place=place.unit_id)], own=place.unit)
    with store.writing():
        write()


def collected(tenant: Tenant, contract: UUID, code: str, *, place: UUID) -> dict[str, str]:
    """What the session at a contract's narrow place carries: nothing, or what opens its sealed mailbox."""
    try:
        box = queries.mailbox_of(tenant, contract)
    except queries.NoSuchMailbox:
        return {}
    return wraps.packed(wraps.opened(box.id, wraps.of_collection(code, place=place)))


@dataclass(frozen=True)
class _Keys:
    """A contract's mailbox, and its sealed pairs as they were before anything was opened or wrapped."""

    mailbox: UUID | None
    pairs: dict[UUID, Unit]

    def opened(self, secret: wraps.Secret) -> dict[UUID, bytes]:
        """What the secret opens; nothing of a standard mailbox."""
        return wraps.opened(self.mailbox, secret) if self.mailbox is not None and self.pairs else {}

    def wrapping(
        self, halves: wraps.Halves, secrets: list[wraps.Secret], *, own: units.Prepared | Unit | None = None
    ) -> Callable[[], None]:  # fmt: skip
        """Wrap for these secrets now; returns what writes it, and refuses where the mailbox has another pair meanwhile.

        A sealed mailbox that nothing has opened (no halves) stays locked: its wraps are left as they are.
        """
        made = [wraps.made(halves[pair], one, pair=unit, own=own) for pair, unit in self.pairs.items() if pair in halves for one in secrets]

        def write() -> None:
            if self.mailbox is None:
                return
            store.locked(Mailbox.objects.filter(id=self.mailbox)).first()
            if set(wraps.sealed_pairs(self.mailbox)) != set(self.pairs):
                raise KeysChanged
            wraps.replace(made)

        return write


def _keys(tenant: Tenant, contract: Contract) -> _Keys:
    try:
        box = queries.mailbox_of(tenant, contract.id).id
    except queries.NoSuchMailbox:
        return _Keys(None, {})
    return _Keys(box, wraps.sealed_pairs(box))


def _prepared(contract: Contract, tenant: Tenant, now: datetime) -> units.Prepared:
    wanted = units.Wanted(sealing.RESIDENT, "contract", contract.id, contract.person_id)
    (unit,) = units.prepare(tenant, [wanted], now=now)
    return unit


def _locked(box: Mailbox) -> Unit:
    """The mailbox's unit, locked as delivery locks: before the mailbox. Raises CannotSeal where it ends or is being erased."""
    own = Mailbox.objects.filter(id=box.id).values_list("unit", flat=True).first()
    unit = store.locked(Unit.objects.filter(id=own, state=LIVE)).first() if own is not None else None
    rows = Mailbox.objects.filter(id=box.id, unit=own, state=OPEN, contract__state="active")
    if unit is None or store.locked(rows).first() is None:
        raise CannotSeal
    assert isinstance(unit, Unit)
    return unit


def _same(box: Mailbox, halves: wraps.Halves) -> dict[UUID, Unit]:
    pairs = wraps.sealed_pairs(box.id)
    if set(pairs) != set(halves):
        raise KeysChanged
    return pairs


def _take_place(box: Mailbox, old: Unit, unit: units.Prepared, *, public: bytes, private: bytes | None) -> None:
    """A new unit and pair for the mailbox; names are sealed anew, what holds the old unit holds the new one. Inside `store.writing()`.

    What it shares with others ends; what others share with it stays.
    """
    sharing.end_of_mailbox(box.id)
    sharing.follow(box.tenant_id, old.id, unit.id)
    units.save([unit])
    MailboxKey.objects.filter(mailbox=box, current=True).update(current=False)
    MailboxKey.objects.create(unit_id=unit.id, mailbox=box, public=public, private=private)
    for folder in Folder.objects.filter(mailbox=box):
        name = units.unseal(old, f"folder {folder.id}", folder.name)
        Folder.objects.filter(id=folder.id).update(name=units.seal(unit, f"folder {folder.id}", name))
    for word in Keyword.objects.filter(mailbox=box):
        name = units.unseal(old, f"keyword {word.bit}", word.name)
        Keyword.objects.filter(id=word.id).update(name=units.seal(unit, f"keyword {word.bit}", name))
    for kept in Subscription.objects.filter(mailbox=box):
        name = units.unseal(old, f"subscription {kept.id}", kept.name)
        Subscription.objects.filter(id=kept.id).update(name=units.seal(unit, f"subscription {kept.id}", name))
    for signature in Signature.objects.filter(unit=old.id):
        text = units.unseal(old, "signature", signature.text)
        Signature.objects.filter(unit=old.id)._raw_delete("default")
        Signature.objects.create(unit_id=unit.id, text=units.seal(unit, "signature", text))
    for row in PictureSenders.objects.filter(unit=old.id):
        addresses = units.unseal(old, trusted.COLUMN, row.addresses)
        PictureSenders.objects.filter(unit=old.id)._raw_delete("default")
        PictureSenders.objects.create(unit_id=unit.id, addresses=units.seal(unit, trusted.COLUMN, addresses))
    if NoReceipts.objects.filter(unit=old.id)._raw_delete("default"):
        NoReceipts.objects.create(unit_id=unit.id)
    Mailbox.objects.filter(id=box.id).update(unit_id=unit.id)
    Repeat.objects.filter(pair=old.id).update(pair_id=unit.id)
    holds.extend(old.id, unit.id)
