"""Signing in, and changing what one signs in with. An unknown name costs the same work as a wrong password."""

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import passwords, queries, scram
from stadtmail.people.models import Contract, Credential
from stadtmail.people.orders import password_problems
from stadtmail.privacy import units
from stadtmail.tenants.models import Tenant


class WrongCredentials(errors.NotAllowed):
    """Name or password is wrong; which of them is not told."""


class BadPassword(errors.NotAllowed):
    """The new password is too weak. `codes` say why."""

    def __init__(self, codes: list[str]) -> None:
        super().__init__()
        self.codes = codes


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, and with which credential: random ids only. `against`: the sealed login password that it was checked against."""

    person: UUID
    contract: Contract
    via: UUID | None = None
    against: bytes = field(default=b"", repr=False)


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


def check_password(contract: Contract, password: str, *, tenant: Tenant) -> None:
    """Re-authentication before something that cannot be undone. Raises WrongCredentials."""
    credential = queries.credential(tenant, contract)
    stored = units.text(credential.unit, "password", credential.password) if credential else None
    if not passwords.matches(stored, password):
        raise WrongCredentials


def set_password(contract: Contract, *, tenant: Tenant, old: str, new: str, now: datetime) -> None:  # noqa: ARG001
    """Change the login password. Raises WrongCredentials, BadPassword. The caller ends all sessions of the person."""
    check_password(contract, old, tenant=tenant)
    holder = queries.holder(tenant, contract)
    codes = password_problems(new, holder.name, holder.address)
    if codes:
        raise BadPassword(codes)
    credential = queries.credential(tenant, contract)
    if credential is None:
        raise WrongCredentials
    values = _scram(tenant, holder.address, new) if credential.mail_login else None
    _store(credential, passwords.hashed(new), scram=values and units.seal(credential.unit, "scram", values))


def recover(tenant: Tenant, address: str, *, code: str, new: str, now: datetime) -> Recovered:  # noqa: ARG001
    """Set a new password with the recovery code, which is used up by that. The caller ends all sessions of the person.

    Raises WrongCredentials (no such address, or not its code: not told which), BadPassword.
    """
    localpart, _, domain = address.strip().lower().rpartition("@")
    known = queries.address(tenant, localpart) if domain == tenant.domain else None
    credential = queries.credential(tenant, known.contract) if known and known.contract else None
    digest = queries.code_digest(tenant, code)
    if known is None or known.contract is None or credential is None or not hmac.compare_digest(digest, bytes(credential.recovery)):
        raise WrongCredentials
    holder = queries.holder(tenant, known.contract)
    codes = password_problems(new, holder.name, holder.address)
    if codes:
        raise BadPassword(codes)
    next_code, hashed = passwords.new_code(), passwords.hashed(new)
    values = _scram(tenant, holder.address, new) if credential.mail_login else None
    sealed = {"password": units.seal(credential.unit, "password", hashed), "scram": values and units.seal(credential.unit, "scram", values)}
    with store.writing():
        rows = Credential.objects.filter(unit=credential.unit, recovery=digest)  # one code, one use
        if not rows.update(**sealed, recovery=queries.code_digest(tenant, next_code)):
            raise WrongCredentials
    return Recovered(known.contract, next_code)


def set_mail_login(contract: Contract, *, tenant: Tenant, on: bool, password: str = "") -> UUID | None:
    """Mail programs may use the login password, or may not. Returns the id of the credential; whoever switches it off ends the
    connections that began with it.

    `password`: the login password, checked by the caller. Without it programs that choose SCRAM cannot use it.
    """
    credential = queries.credential(tenant, contract)
    if credential is None:
        return None
    values = _scram(tenant, queries.holder(tenant, contract).address, password) if on and password else None
    with store.writing():
        Credential.objects.filter(unit=credential.unit).update(mail_login=on, scram=values and units.seal(credential.unit, "scram", values))
    return credential.unit_id


def _scram(tenant: Tenant, address: str, password: str) -> bytes:
    return scram.check_values(password, scram.salt(tenant, address))


def _store(credential: Credential, hashed: str, **more: bytes | None) -> bytes:
    sealed = units.seal(credential.unit, "password", hashed)
    with store.writing():
        Credential.objects.filter(unit=credential.unit).update(password=sealed, **more)
    return sealed
