"""App passwords: a random password for one mail program, shown once, revoked alone and at once.

What is stored can check it and cannot tell it. It ends with the contract and is restored never. Whoever revokes one also ends
the connections that began with it (usage.connections.end_credential): rooms below do not know of them.
"""

import hmac
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import passwords, queries, scram
from stadtmail.people.models import AppPassword, Contract, Credential
from stadtmail.privacy import erasure, policy, units
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys

MOST = 20
LONGEST_LABEL = 60


class BadLabel(errors.NotAllowed):
    """A name is expected, of at most LONGEST_LABEL signs without control signs."""


class NoScope(errors.NotAllowed):
    """An app password is for something, and for nothing that does not exist."""


class TooManyAppPasswords(errors.OverQuota):
    """Nobody has so many mail programs."""


class ContractEnded(errors.Conflict):
    """The contract has ended."""


@dataclass(frozen=True)
class Made:
    """A new app password, shown once."""

    id: UUID
    password: str = field(repr=False)


def make(
    contract: Contract, *, tenant: Tenant, label: str, scopes: Collection[str], now: datetime,
    along: Callable[[units.Prepared, str, bytes], Callable[[], None]] = lambda *_: _nothing,
) -> Made:  # fmt: skip
    """Make an app password. Raises BadLabel, NoScope, TooManyAppPasswords, ContractEnded.

    `along` gets its unit, the password and its ClientKey, and returns what is written in the same transaction.
    """
    check(label, scopes)
    if queries.living_app_passwords(tenant, contract).count() >= MOST:  # early, so that no key is made for nothing
        raise TooManyAppPasswords
    password = passwords.new_code().lower()
    salt = scram.salt(tenant, queries.holder(tenant, contract).address)
    values = scram.check_values(password, salt)
    (unit,) = units.prepare(tenant, [units.Wanted("BD-CRED", "contract", contract.id, contract.person_id)], now=now)
    today = now.astimezone(policy.current(tenant).tz).date()
    write = along(unit, password, scram.client_key(password, salt))
    with store.writing():
        if not store.locked(Contract.objects.filter(id=contract.id, tenant=tenant, state="active")).exists():
            raise ContractEnded
        if queries.living_app_passwords(tenant, contract).count() >= MOST:
            raise TooManyAppPasswords
        units.save([unit])
        AppPassword.objects.create(
            unit_id=unit.id, contract=contract, label=units.seal(unit, "label", label.strip()), digest=digest(tenant, password),
            scram=units.seal(unit, "scram", values), made_on=today, **dict.fromkeys(scopes, True),
        )  # fmt: skip
        Credential.objects.filter(contract=contract).update(lost_apps=False)
        write()
    return Made(unit.id, password)


def revoke(contract: Contract, app_password: UUID, *, tenant: Tenant, now: datetime) -> bool:
    """Erase an app password. From the claim on it opens nothing. Returns whether there was one."""
    found = AppPassword.objects.filter(contract=contract, contract__tenant=tenant, unit=app_password).first()
    return found is not None and erasure.erase([found.unit_id], tenant=tenant, now=now, cause="withdrawn").erased == 1


def digest(tenant: Tenant, password: str) -> bytes:
    """Keyed hash of an app password; spaces, hyphens and case do not matter."""
    return passwords.code_digest(hmac.digest(keys.city(tenant.id, "apps"), b"digest", "sha256"), password)


def check(label: str, scopes: Collection[str]) -> None:
    """Could an app password be called so, and be for that? Raises BadLabel, NoScope."""
    check_label(label)
    if not scopes or not set(scopes) <= set(queries.SCOPES):
        raise NoScope


def check_label(label: str) -> None:
    """Could something of a person's own be called so? Raises BadLabel."""
    name = label.strip()
    if not 0 < len(name) <= LONGEST_LABEL or any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for sign in name):
        raise BadLabel


def close_imap(contract: Contract) -> None:
    """App passwords read no mail any more; one that is for nothing else has ended. Call inside `store.writing()`."""
    AppPassword.objects.filter(contract=contract).update(imap=False)


def _nothing() -> None:
    """Nothing else is written."""
