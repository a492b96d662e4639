"""Mail programs sign in: with an app password that is for this service, or with the login password where the person allows that
and has no second factor: a program cannot be asked for one.

Which of it was wrong is told to nobody, and an unknown name costs the same work. App passwords are looked up by keyed hash: 130
random bits need no slow hash, and nobody can guess them. A proof (SCRAM) is checked against all of them.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import QuerySet

from stadtmail.kit import store
from stadtmail.people import queries, scram, verified
from stadtmail.people.actions import app_passwords, credentials
from stadtmail.people.actions.credentials import SignedIn, WrongCredentials
from stadtmail.people.models import AppPassword, Contract, Credential
from stadtmail.privacy import units
from stadtmail.tenants.models import Tenant

_APP = """
    SELECT contract.id, app.unit_id
    FROM people_address address
    JOIN people_contract contract ON contract.id = address.contract_id AND contract.state = 'active'
    JOIN people_apppassword app ON app.contract_id = contract.id AND app.{service}
    JOIN privacy_unit unit ON unit.id = app.unit_id AND unit.state <> 'erasing'
    WHERE address.tenant_id = %s AND address.blind = %s AND address.open AND app.digest = %s"""
_APP_STANDS = """
    SELECT 1 FROM people_apppassword app
    JOIN people_contract contract ON contract.id = app.contract_id AND contract.state = 'active'
    JOIN privacy_unit unit ON unit.id = app.unit_id AND unit.state <> 'erasing'
    WHERE contract.tenant_id = %s AND unit.tenant_id = %s AND contract.id = %s AND app.unit_id = %s AND app.{service}"""
_BESIDE = """EXISTS (SELECT 1 FROM people_{table} one JOIN privacy_unit beside ON beside.id = one.unit_id
        WHERE beside.tenant_id = contract.tenant_id AND beside.anchor = contract.id AND beside.state <> 'erasing')"""
_LOGIN = f"""
    SELECT contract.id, credential.unit_id, credential.password, credential.mail_login,
        {_BESIDE.format(table="authenticator")} OR {_BESIDE.format(table="passkey")}
    FROM people_contract contract
    JOIN people_credential credential ON credential.contract_id = contract.id
    JOIN privacy_unit unit ON unit.id = credential.unit_id AND unit.state <> 'erasing'
    WHERE contract.tenant_id = %s AND contract.state = 'active' AND contract.id = """  # noqa: S608 - our own names
_OF_ADDRESS = """(
        SELECT address.contract_id FROM people_address address WHERE address.tenant_id = %s AND address.blind = %s AND address.open)"""


@dataclass(frozen=True)
class _Login:
    """The login password as it stands: of which contract, as it lies, and whether mail programs may use it."""

    contract: UUID
    unit: UUID
    sealed: bytes = field(repr=False)
    opens_mail: bool


@dataclass(frozen=True)
class Proven:
    """Who proved to know a password of theirs, and what proves to their program that we know it too."""

    who: SignedIn
    signature: bytes = field(repr=False)
    client_key: bytes = field(default=b"", repr=False)  # in memory only: it opens a sealed mailbox


def sign_in(tenant: Tenant, address: str, password: str, *, service: str = "imap") -> SignedIn:
    """Check login name (the full mail address) and password of a mail program. Raises WrongCredentials, passwords.Busy."""
    return by_app_password(tenant, address, password, service=service) or by_login_password(tenant, address, password)


def by_app_password(tenant: Tenant, address: str, password: str, *, service: str) -> SignedIn | None:
    """Is it one of the person's app passwords for this service?"""
    assert service in queries.SCOPES
    localpart, _, domain = address.strip().lower().rpartition("@")
    digest = app_passwords.digest(tenant, password)
    if domain != tenant.domain:
        return None
    found = store.select(_APP.format(service=service), [tenant.id, queries.address_digest(tenant, localpart), digest])
    if not found:
        return None
    contract = queries.contract(tenant, store.as_id(found[0][0]))
    return SignedIn(contract.person_id, contract, via=store.as_id(found[0][1]))


def by_login_password(tenant: Tenant, address: str, password: str, *, slowly: Callable[[], None] = lambda: None) -> SignedIn:
    """Is it the login password, and may mail programs use it? Raises WrongCredentials, passwords.Busy.

    `slowly` is called before the password is really checked, and may raise: what was right a moment ago needs no limit.
    """
    attempt = verified.mark(tenant.id, address, password)
    with verified.turn(attempt):
        login = _login_of(tenant, address)
        stored = login.sealed if login else b""
        if not verified.was_right(attempt, stored):
            slowly()
            stored = credentials.sign_in(tenant, address, password).against
            verified.remember(attempt, stored)
    if login is None or not login.opens_mail:
        raise WrongCredentials
    contract = queries.contract(tenant, login.contract)
    return SignedIn(contract.person_id, contract, via=login.unit, against=stored)


def by_proof(
    tenant: Tenant, address: str, auth_message: bytes, proof: bytes, *, service: str, slowly: Callable[[], None] = lambda: None
) -> Proven:
    """Does the proof belong to one of the person's passwords for this service? Raises WrongCredentials.

    `slowly` is called before the login password, which somebody could guess, is compared; it may raise.
    """
    contract = _contract(tenant, address)
    rows: list[AppPassword | Credential] = list(_for(service, tenant, contract)) if contract else []
    against = b""
    values = [units.unseal(row.unit, "scram", row.scram or b"") for row in rows]
    found = scram.proven(values, auth_message, proof)
    if found is None:
        slowly()
        login = _login(_LOGIN + "%s", [tenant.id, contract.id]) if contract else None
        credential = queries.credential(tenant, contract) if contract and login and login.opens_mail else None
        if credential is not None and credential.scram:
            rows, values = [credential], [units.unseal(credential.unit, "scram", credential.scram)]
            against = bytes(credential.password)
            found = scram.proven(values, auth_message, proof)
    if contract is None or found is None:
        raise WrongCredentials
    who = SignedIn(contract.person_id, contract, via=rows[found].unit_id, against=against)
    return Proven(who, scram.signature(values[found], auth_message), scram.proven_key(values[found], auth_message, proof))


def stands(tenant: Tenant, who: SignedIn, *, service: str) -> bool:
    """Does what somebody signed in with still open this service? Asked after a connection began: a revocation may have passed it."""
    assert service in queries.SCOPES
    contract = who.contract.id
    if who.via and store.select(_APP_STANDS.format(service=service), [tenant.id, tenant.id, contract, who.via]):
        return True
    login = _login(_LOGIN + "%s", [tenant.id, contract])
    return login is not None and login.opens_mail and login.unit == who.via and hmac.compare_digest(login.sealed, who.against)


def _login_of(tenant: Tenant, address: str) -> _Login | None:
    """The login password of a login name, where its contract runs."""
    localpart, _, domain = address.strip().lower().rpartition("@")
    if domain != tenant.domain:
        return None
    return _login(_LOGIN + _OF_ADDRESS, [tenant.id, tenant.id, queries.address_digest(tenant, localpart)])


def _login(sql: str, values: Sequence[UUID | bytes]) -> _Login | None:
    """Asked twice of every mail program, before its password is checked and once its connection has begun, so by hand.

    The one place that says whether mail programs may use the login password: IMAP, submission and filters all ask here.
    """
    for contract, unit, sealed, mail_login, has_factor in store.select(sql, values):
        return _Login(store.as_id(contract), store.as_id(unit), bytes(sealed), bool(mail_login) and not has_factor)
    return None


def _contract(tenant: Tenant, address: str) -> Contract | None:
    """The running contract of a login name."""
    localpart, _, domain = address.strip().lower().rpartition("@")
    known = queries.address(tenant, localpart) if domain == tenant.domain else None
    contract = known.contract if known else None
    return contract if contract and contract.state == "active" else None


def _for(service: str, tenant: Tenant, contract: Contract) -> QuerySet[AppPassword]:
    return queries.living_app_passwords(tenant, contract).filter(**{service: True})
