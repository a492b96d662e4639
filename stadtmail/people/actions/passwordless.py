"""A passkey instead of name and password: allow one, come in with one, end it. Of residents only: at a desk no passkey is enough.

The device has shown that it has the passkey and has verified its user: two factors. It is found by a keyed hash of its own id, and
has to name its owner as well; nothing about the use is written down but its counter. The password goes on being good beside it.
"""

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from stadtmail.kit import store
from stadtmail.people import queries, second_factor, webauthn
from stadtmail.people.actions import passkeys, second_factors
from stadtmail.people.actions.credentials import SignedIn
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.models import Passwordless
from stadtmail.people.second_factor import Owner
from stadtmail.people.webauthn import Asked, Place
from stadtmail.privacy import erasure, units
from stadtmail.privacy.models import ERASING, LedgerEntry
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys

Along = Callable[[units.Prepared], Callable[[], None]]  # gets the new unit before the transaction, returns what is written inside it


def ask(place: Place) -> Asked:
    """What the browser is asked: any passkey of this city that its device has."""
    return webauthn.ask_alone(place)


def allow(
    owner: Owner, place: Place, state: Mapping[str, str], *, answer: str, now: datetime, along: Along = lambda _: _nothing
) -> None:  # fmt: skip
    """The passkey that answers is enough from now on. Raises WrongCode (not one of the owner's, its device has not verified its user,
    or did not find it by itself), HasEnded.
    """
    credential = _named(owner, answer)
    passkey = passkeys.check(owner, place, state, answer=answer, alone=True)
    (unit,) = units.prepare(owner.tenant, [owner.wanted], now=now)
    write = along(unit)
    with store.writing():
        second_factors.lock(owner)
        if not second_factor.passkeys(owner).filter(unit=passkey).exists():  # taken off meanwhile
            raise WrongCode
        before = list(second_factor.passwordless(owner).filter(passkey=passkey).values_list("unit", flat=True))
        units.save([unit])
        blind = _digest(owner.tenant, credential)
        Passwordless.objects.create(unit_id=unit.id, contract_id=owner.anchor, passkey=passkey, blind=blind)
        write()  # takes the mailbox's lock: before units are claimed, as sealing does
        claimed = erasure.claim(before, tenant=owner.tenant, now=now, cause="withdrawn", outcome=erasure.Outcome())
    erasure.forward(claimed, now)


def enter(tenant: Tenant, place: Place, state: Mapping[str, str], *, answer: str) -> SignedIn:
    """Who comes in with a passkey alone. Raises WrongCode, whatever was wrong; an unknown passkey costs the same check."""
    try:
        credential, handle = webauthn.claimed(answer)
        row = _row(tenant, credential, handle)
        if row is None:
            webauthn.check_nothing(place, state, answer)
    except webauthn.Refused:
        raise WrongCode from None
    assert row is not None
    owner = second_factor.of_contract(tenant, row.contract)
    passkey = passkeys.check(owner, place, state, answer=answer, alone=True)
    who = SignedIn(row.contract.person_id, row.contract, via=row.unit_id)
    if passkey != row.passkey or not stands(tenant, who):
        raise WrongCode
    return who


def stands(tenant: Tenant, who: SignedIn) -> bool:
    """Is the passkey with which somebody came in still enough? Asked after a session began: a change may have passed it."""
    owner = second_factor.of_contract(tenant, who.contract)
    row = second_factor.passwordless(owner).filter(unit=who.via, contract__state="active").first()
    is_there = row is not None and second_factor.passkeys(owner).filter(unit=row.passkey).exists()
    return is_there and queries.credential(tenant, who.contract) is not None


def end(owner: Owner, *, now: datetime) -> bool:
    """No passkey is enough any more; each stays a second factor. Returns whether one was. The caller ends all sessions of the person."""
    with store.writing():
        claimed = claim(owner, now=now)
    erasure.forward(claimed, now)
    return bool(claimed)


def claim(owner: Owner, *, now: datetime) -> Sequence[LedgerEntry]:
    """`end`, as far as it must be in a transaction of the caller's; what is returned goes to erasure.forward after its commit."""
    found = list(second_factor.passwordless(owner).values_list("unit", flat=True))
    return erasure.claim(found, tenant=owner.tenant, now=now, cause="withdrawn", outcome=erasure.Outcome())


def _named(owner: Owner, answer: str) -> bytes:
    """The id of the passkey that answered, of which the device says itself whose it is."""
    try:
        credential, handle = webauthn.claimed(answer)
    except webauthn.Refused:
        raise WrongCode from None
    if not hmac.compare_digest(handle, passkeys.handle(owner)):
        raise WrongCode
    return credential


def _row(tenant: Tenant, credential: bytes, handle: bytes) -> Passwordless | None:
    """The row of a passkey, where its owner is who it says (section 7.2, step 6): nobody comes before another with a copied id."""
    rows = Passwordless.objects.filter(unit__tenant=tenant, blind=_digest(tenant, credential)).exclude(unit__state=ERASING)
    for row in rows.select_related("contract"):
        if hmac.compare_digest(handle, passkeys.handle(second_factor.of_contract(tenant, row.contract))):
            return row
    return None


def _digest(tenant: Tenant, credential: bytes) -> bytes:
    return hmac.digest(keys.city(tenant.id, "codes"), b"passkey id" + credential, "sha256")


def _nothing() -> None:
    """Nothing else is written."""
