"""The second factor: turn an authenticator app on, check its codes, use a spare code, turn everything off.

What is checked here is not remembered here: that a code of the app is good once, and how often somebody may try, is kept in RAM
by the door (doors/web/second_step.py). A spare code is good once because its use erases it, by the one path: a restore of older rows
finds it in the ledger, and its key destroyed. What stands is looked at under the owner's lock: two tabs pass one after the other.
"""

import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import passwords, second_factor, totp
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.people.models import Authenticator, Contract, Credential, SpareCode, Staff
from stadtmail.people.second_factor import Owner
from stadtmail.privacy import erasure, events, units
from stadtmail.privacy.models import ERASING, LIVE
from stadtmail.tenants.models import Tenant
from stadtmail.vault import keys

SPARE_CODES = 10
SPARE_SIGNS = 12  # 60 random bits: they are guessed at a door that counts


class WrongCode(WrongCredentials):
    """The code is wrong, was used, or is of another time; which of it is not told."""


class AlreadyOn(errors.Conflict):
    """There is an app already."""


class NotOn(errors.Conflict):
    """There is no second factor to make spare codes for."""


class HasEnded(errors.Conflict):
    """The contract, or the role, has ended."""


@dataclass(frozen=True)
class TurnedOn:
    """A new second factor. `codes`: spare codes, shown once; none where others stand. `closed`: the credential with which mail
    programs may not come in any more; whoever turns it on ends their connections (usage.connections.end_credential).
    """

    codes: tuple[str, ...] = field(repr=False)
    closed: UUID | None


def turn_on_app(owner: Owner, *, secret: str, code: str, now: datetime) -> TurnedOn:
    """An authenticator app counts from now on: it has shown a code of its secret. Raises WrongCode, AlreadyOn, HasEnded."""
    if totp.step(secret, code, now) is None:
        raise WrongCode
    (unit,) = units.prepare(owner.tenant, [owner.wanted], now=now)

    def write() -> None:
        if second_factor.authenticators(owner).exists():
            raise AlreadyOn
        units.save([unit])
        Authenticator.objects.create(unit_id=unit.id, secret=units.seal(unit, "secret", secret))

    return turn_on(owner, write, now=now)


def turn_on(owner: Owner, write: Callable[[], None], *, now: datetime) -> TurnedOn:
    """Let `write` add a factor, in one transaction with what it changes: the login password leaves the mail programs, and where
    no spare code is left there is a new set. Raises HasEnded and what `write` raises, which may be called twice.
    """
    made = None if second_factor.spare_codes(owner).exists() else _prepare_codes(owner, now)
    try:
        return _turn_on(owner, write, made)
    except _NoCodes:
        return _turn_on(owner, write, _prepare_codes(owner, now))


class _NoCodes(Exception):
    """The spare codes that stood a moment ago went with the last factor, in another tab."""


def _turn_on(owner: Owner, write: Callable[[], None], made: "_Codes | None") -> TurnedOn:
    with store.writing():
        lock(owner)
        if second_factor.spare_codes(owner).exists():  # those of another tab that was faster: they stay what its page has shown
            made = None
        elif made is None:
            raise _NoCodes
        write()
        if made:
            _write_codes(owner, made)
        closed = _close_mail_login(owner)
    return TurnedOn(made.codes if made else (), closed)


def step(owner: Owner, code: str, now: datetime) -> int:
    """The half minute of a code of the owner's app; whoever takes it remembers that it was used. Raises WrongCode."""
    row = second_factor.authenticators(owner).first()
    found = totp.step(units.text(row.unit, "secret", row.secret), code, now) if row else None
    if found is None:
        raise WrongCode
    return found


def use_spare_code(owner: Owner, code: str, *, now: datetime) -> None:
    """The code is used up: of any number that come with it at once exactly one gets in. Raises WrongCode."""
    wanted = _digest(owner.tenant, code)
    with store.writing():
        found = list(store.locked(second_factor.spare_codes(owner).filter(digest=wanted)).values_list("unit", flat=True))
        if not SpareCode.objects.filter(unit__in=found).delete()[0]:
            raise WrongCode
        claimed = erasure.claim(found, tenant=owner.tenant, now=now, cause="withdrawn", outcome=erasure.Outcome())
    with suppress(erasure.Unfinished):  # claimed, it opens nothing any more; the sweep brings the rest to its end
        erasure.forward(claimed, now)


def new_spare_codes(owner: Owner, *, now: datetime) -> tuple[str, ...]:
    """A new set, shown once; every older code is void. Raises NotOn, HasEnded."""
    made = _prepare_codes(owner, now)
    with store.writing():
        lock(owner)
        if not second_factor.is_on(owner):
            raise NotOn
        old = list(second_factor.spare_codes(owner).values_list("unit", flat=True))
        claimed = erasure.claim(old, tenant=owner.tenant, now=now, cause="withdrawn", outcome=erasure.Outcome())
        _write_codes(owner, made)
    erasure.forward(claimed, now)
    return made.codes


def turn_off(owner: Owner, *, now: datetime, only: UUID | None = None) -> bool:
    """Erase the second factor: all of it, or one passkey or app (`only`: its unit); spare codes go with the last one.

    From the claim on it opens nothing. Returns whether there was something to erase.
    """
    outcome = erasure.Outcome()
    with store.writing():
        _stand_still(owner)
        rows = (second_factor.authenticators(owner), second_factor.passkeys(owner))
        found = [unit for some in rows for unit in some.values_list("unit", flat=True)]
        wanted = [unit for unit in found if only in (None, unit)]
        if wanted and len(wanted) == len(found):
            wanted += second_factor.spare_codes(owner).values_list("unit", flat=True)
        wanted += second_factor.passwordless(owner).filter(passkey__in=wanted).values_list("unit", flat=True)
        claimed = erasure.claim(wanted, tenant=owner.tenant, now=now, cause="withdrawn", outcome=outcome)
    erasure.forward(claimed, now)
    return outcome.erased > 0


def lock(owner: Owner) -> None:
    """Nobody's contract or role ends while this transaction lasts. Raises HasEnded."""
    if owner.anchor_kind == "contract":
        stands = store.locked(Contract.objects.filter(id=owner.anchor, tenant=owner.tenant, state="active")).exists()
    else:
        rows = Staff.objects.filter(tenant=owner.tenant, unit__anchor=owner.anchor, unit__state=LIVE)
        stands = bool(list(store.locked(rows).values_list("pk"))) and not events.happened(owner.tenant, owner.anchor, "role_end")
    if not stands:
        raise HasEnded


def _stand_still(owner: Owner) -> None:
    """Whoever changes the same owner's second factor waits until this transaction ends, whether contract or role have ended or not."""
    if owner.anchor_kind == "contract":
        list(store.locked(Contract.objects.filter(id=owner.anchor, tenant=owner.tenant)).values_list("pk"))
    else:
        list(store.locked(Staff.objects.filter(tenant=owner.tenant, unit__anchor=owner.anchor)).values_list("pk"))


@dataclass(frozen=True)
class _Codes:
    units: list[units.Prepared]
    codes: tuple[str, ...] = field(repr=False)


def _prepare_codes(owner: Owner, now: datetime) -> _Codes:
    made = units.prepare(owner.tenant, [owner.wanted] * SPARE_CODES, now=now)
    return _Codes(made, tuple(passwords.new_code(SPARE_SIGNS) for _ in made))


def _write_codes(owner: Owner, made: _Codes) -> None:
    units.save(made.units)
    rows = [SpareCode(unit_id=unit.id, digest=_digest(owner.tenant, code)) for unit, code in zip(made.units, made.codes, strict=True)]
    SpareCode.objects.bulk_create(rows)


def _close_mail_login(owner: Owner) -> UUID | None:
    if owner.anchor_kind != "contract":
        return None
    rows = Credential.objects.filter(contract=owner.anchor).exclude(unit__state=ERASING)
    rows.update(mail_login=False, scram=None, lost_factor=False)
    return rows.values_list("unit", flat=True).first()


def _digest(tenant: Tenant, code: str) -> bytes:
    return passwords.code_digest(hmac.digest(keys.city(tenant.id, "codes"), b"spare", "sha256"), code)
