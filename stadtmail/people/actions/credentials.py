"""Signing in, and changing what one signs in with. An unknown name costs the same work as a wrong password."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import passwords, queries, scram, second_factor
from stadtmail.people.models import Contract, Credential
from stadtmail.people.orders import password_problems
from stadtmail.privacy import units
from stadtmail.privacy.models import ERASING
from stadtmail.tenants.models import Tenant


class WrongCredentials(errors.NotAllowed):
    """Name or password is wrong; which of them is not told."""


class BadPassword(errors.NotAllowed):
    """The new password is too weak. `codes` say why."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__()
        self.codes = codes


class PasswordChanged(errors.Conflict):
    """The password has become another one meanwhile."""


class HasSecondFactor(errors.Conflict):
    """Mail programs cannot be asked for a second factor, so beside one they may not use the login password."""


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and with which credential: random ids only. `against`: the sealed login password that it was checked against."""

    person: UUID
    contract: Contract
    via: UUID | None = None
    against: bytes = field(default=b"", repr=False)


# gets the contract and the next recovery code (where there is one) before the transaction, and returns what is written inside it
Along = Callable[[Contract, str], Callable[[], None]]


@dataclass(frozen=True)
class Recovered:
    """Whose password was set anew, and the next recovery code, shown once."""

    contract: Contract
    recovery_code: str = field(repr=False)


def sign_in(tenant: Tenant, address: str, password: str) -> SignedIn:
    """Check login name (the full mail address) and password. Raises WrongCredentials, passwords.Busy."""
    localpart, _, domain = address.strip().lower().rpartition("@")
    known = queries.address(tenant, localpart) if domain == tenant.domain else None
    contract = known.contract if known else None
    credential = queries.credential(tenant, contract) if contract and contract.state == "active" else None
    stored = units.text(credential.unit, "password", credential.password) if credential else None
    if not passwords.matches(stored, password) or contract is None or credential is None or stored is None:
        raise WrongCredentials
    against = bytes(credential.password)
    if passwords.needs_rehash(stored):
        against = _store(credential, passwords.hashed(password))
    return SignedIn(contract.person_id, contract, via=credential.unit_id, against=against)


def stands(tenant: Tenant, who: SignedIn) -> bool:
    """Does the login password that somebody signed in with still hold? Asked after a session began: a change may have passed it."""
    credential = queries.credential(tenant, who.contract)
    if credential is None or credential.unit_id != who.via or credential.contract.state != "active":
        return False
    return hmac.compare_digest(bytes(credential.password), who.against)


def check_password(contract: Contract, password: str, *, tenant: Tenant) -> Credential:
    """Re-authentication before something that cannot be undone. Raises WrongCredentials. Returns what it was checked against."""
    credential = queries.credential(tenant, contract)
    stored = units.text(credential.unit, "password", credential.password) if credential else None
    if not passwords.matches(stored, password) or credential is None:
        raise WrongCredentials
    return credential


def still_stands(checked: Credential) -> None:
    """Is the password still the one that was checked? Call inside `store.writing()`. Raises PasswordChanged."""
    rows = Credential.objects.filter(unit=checked.unit, password=bytes(checked.password), contract__state="active")
    if not store.locked(rows.exclude(unit__state=ERASING)).exists():
        raise PasswordChanged


def mark(contract: Contract, *, tenant: Tenant) -> str:
    """Changes with the password, says nothing about it; empty where nobody signs in any more. For a log-in between its two steps."""
    credential = queries.credential(tenant, contract) if contract.state == "active" else None
    return sha256(bytes(credential.password)).hexdigest() if credential else ""


def set_password(
    contract: Contract, *, tenant: Tenant, old: str, new: str, now: datetime, along: Along = lambda *_: _nothing,
) -> None:  # fmt: skip
    """Change the login password. Raises WrongCredentials, BadPassword, PasswordChanged. The caller ends all sessions of the person."""
    checked = check_password(contract, old, tenant=tenant)
    holder = queries.holder(tenant, contract)
    codes = password_problems(new, holder.name, holder.address)
    if codes:
        raise BadPassword(codes)
    credential = queries.credential(tenant, contract)
    if credential is None:
        raise WrongCredentials
    values = _scram(tenant, holder.address, new) if credential.mail_login else None
    hashed, write = passwords.hashed(new), along(contract, "")
    with store.writing():
        still_stands(checked)
        _store(credential, hashed, scram=values and units.seal(credential.unit, "scram", values))
        write()
    _end_letters(contract, tenant, now)


def recover(
    tenant: Tenant, address: str, *, code: str, new: str, now: datetime, along: Along = lambda *_: _nothing,
) -> Recovered:  # fmt: skip
    """Set a new password with the recovery code, or with the code of a letter (resets.py); both are used up by that.

    The caller ends all sessions of the person.

    Raises WrongCredentials (no such address, or not its code: not told which), BadPassword.
    """
    localpart, _, domain = address.strip().lower().rpartition("@")
    known = queries.address(tenant, localpart) if domain == tenant.domain else None
    credential = queries.credential(tenant, known.contract) if known and known.contract else None
    digest = queries.code_digest(tenant, code)
    if known is None or known.contract is None or credential is None:
        raise WrongCredentials
    letters = queries.resets(tenant, known.contract).filter(digest=digest, opens_at__lte=now, ends_at__gt=now)
    by_letter = not hmac.compare_digest(digest, bytes(credential.recovery))
    if by_letter and not letters.exists():
        raise WrongCredentials
    holder = queries.holder(tenant, known.contract)
    codes = password_problems(new, holder.name, holder.address)
    if codes:
        raise BadPassword(codes)
    next_code, hashed = passwords.new_code(), passwords.hashed(new)
    write = along(known.contract, next_code)
    values = _scram(tenant, holder.address, new) if credential.mail_login else None
    sealed = {"password": units.seal(credential.unit, "password", hashed), "scram": values and units.seal(credential.unit, "scram", values)}
    with store.writing():
        rows = Credential.objects.filter(unit=credential.unit, recovery=credential.recovery)  # one code, one use
        if (by_letter and not letters.update(ends_at=now)) or not rows.update(**sealed, recovery=queries.code_digest(tenant, next_code)):
            raise WrongCredentials
        write()
    _end_letters(known.contract, tenant, now)
    return Recovered(known.contract, next_code)


def renew_recovery(contract: Contract, code: str, *, tenant: Tenant) -> None:
    """Another recovery code, instead of the one before. Call inside `store.writing()`."""
    Credential.objects.filter(contract=contract).update(recovery=queries.code_digest(tenant, code))


def close_mail_login(contract: Contract) -> None:
    """Mail programs may not use the login password, and its second check value goes. Call inside `store.writing()`."""
    Credential.objects.filter(contract=contract).update(mail_login=False, scram=None)


def set_mail_login(contract: Contract, *, tenant: Tenant, on: bool, password: str = "") -> UUID | None:
    """Mail programs may use the login password, or may not. Returns the id of the credential; whoever switches it off ends the
    connections that began with it.

    `password`: the login password, checked by the caller. Without it programs that choose SCRAM cannot use it. Raises HasSecondFactor.
    """
    credential = queries.credential(tenant, contract)
    if credential is None:
        return None
    values = _scram(tenant, queries.holder(tenant, contract).address, password) if on and password else None
    with store.writing():
        store.locked(Contract.objects.filter(id=contract.id)).exists()  # a second factor is turned on before this, or after it
        if on and second_factor.is_on(second_factor.of_contract(tenant, contract)):
            raise HasSecondFactor
        Credential.objects.filter(unit=credential.unit).update(mail_login=on, scram=values and units.seal(credential.unit, "scram", values))
    return credential.unit_id


def _end_letters(contract: Contract, tenant: Tenant, now: datetime) -> None:
    """A letter that could set the password is not needed any more; of one that was used the unit is left."""
    from stadtmail.people.actions import resets

    resets.stop(contract, tenant=tenant, now=now)


def _scram(tenant: Tenant, address: str, password: str) -> bytes:
    return scram.check_values(password, scram.salt(tenant, address))


def _store(credential: Credential, hashed: str, **more: bytes | None) -> bytes:
    sealed = units.seal(credential.unit, "password", hashed)
    with store.writing():
        Credential.objects.filter(unit=credential.unit).update(password=sealed, **more)
    return sealed


def _nothing() -> None:
    """Nothing else is written."""
