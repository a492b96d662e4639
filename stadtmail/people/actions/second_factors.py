"""The second factor: turn an authenticator app on, check its codes, use a spare code, turn everything off.

What is checked here is not remembered here: that a code of the app is good once, and how often somebody may try, is kept in RAM
by the door (doors/web/second_step.py). Spare codes are good once because the row goes with its use.
"""

import hmac
from collections.abc import Callable, Sequence
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
    no spare code is left there is a new set. Raises HasEnded and what `write` raises.
    """
    wants_codes = not second_factor.spare_codes(owner).exists()
    made = _prepare_codes(owner, now) if wants_codes else None
    with store.writing():
        lock(owner)
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


def use_spare_code(owner: Owner, code: str) -> None:
    """The code is used up: of any number that come with it at once exactly one gets in. Raises WrongCode."""
    wanted = _digest(owner.tenant, code)
    with store.writing():
        gone, _ = second_factor.spare_codes(owner).filter(digest=wanted).delete()
    if gone != 1:
        raise WrongCode


def new_spare_codes(owner: Owner, *, now: datetime) -> tuple[str, ...]:
    """A new set, shown once; every older code is void. Raises NotOn, HasEnded."""
    made = _prepare_codes(owner, now)
    with store.writing():
        lock(owner)
        if not second_factor.is_on(owner):
            raise NotOn
        old = _write_codes(owner, made)
    if old:
        erasure.erase(old, tenant=owner.tenant, now=now, cause="withdrawn")
    return made.codes


def turn_off(owner: Owner, *, now: datetime, only: UUID | None = None) -> bool:
    """Erase the second factor: all of it, or one passkey or app (`only`: its unit); spare codes go with the last one.

    From the claim on it opens nothing. Returns whether there was something to erase.
    """
    rows = (second_factor.authenticators(owner), second_factor.passkeys(owner))
    found = [unit for some in rows for unit in some.values_list("unit", flat=True)]
    wanted = [unit for unit in found if only in (None, unit)]
    if wanted and len(wanted) == len(found):
        wanted += list(second_factor.spare_codes(owner).values_list("unit", flat=True).distinct())
    return bool(wanted) and erasure.erase(wanted, tenant=owner.tenant, now=now, cause="withdrawn").erased > 0


def lock(owner: Owner) -> None:
    """Nobody's contract or role ends while this transaction lasts. Raises HasEnded."""
    if owner.anchor_kind == "contract":
        stands = store.locked(Contract.objects.filter(id=owner.anchor, tenant=owner.tenant, state="active")).exists()
    else:
        rows = Staff.objects.filter(tenant=owner.tenant, unit__anchor=owner.anchor, unit__state=LIVE)
        stands = bool(list(store.locked(rows).values_list("pk"))) and not events.happened(owner.tenant, owner.anchor, "role_end")
    if not stands:
        raise HasEnded


@dataclass(frozen=True)
class _Codes:
    unit: units.Prepared
    codes: tuple[str, ...] = field(repr=False)


def _prepare_codes(owner: Owner, now: datetime) -> _Codes:
    (unit,) = units.prepare(owner.tenant, [owner.wanted], now=now)
    return _Codes(unit, tuple(passwords.new_code(SPARE_SIGNS) for _ in range(SPARE_CODES)))


def _write_codes(owner: Owner, made: _Codes) -> Sequence[UUID]:
    """The new set in place of the old ones. Returns the units that are empty now."""
    old = list(second_factor.spare_codes(owner).values_list("unit", flat=True).distinct())
    SpareCode.objects.filter(unit__in=old).delete()
    units.save([made.unit])
    rows = [SpareCode(unit_id=made.unit.id, digest=_digest(owner.tenant, code)) for code in made.codes]
    SpareCode.objects.bulk_create(rows)
    return old


def _close_mail_login(owner: Owner) -> UUID | None:
    if owner.anchor_kind != "contract":
        return None
    rows = Credential.objects.filter(contract=owner.anchor).exclude(unit__state=ERASING)
    rows.update(mail_login=False, scram=None)
    return rows.values_list("unit", flat=True).first()


def _digest(tenant: Tenant, code: str) -> bytes:
    return passwords.code_digest(hmac.digest(keys.city(tenant.id, "codes"), b"spare", "sha256"), code)
