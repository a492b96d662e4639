"""Passkeys as a second factor: add one under a name, check one. Each is a unit of its own and can be taken off alone.

That one is enough without the password is said beside it (passwordless.py).
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from stadtmail.kit import errors, store
from stadtmail.people import second_factor, webauthn
from stadtmail.people.actions import app_passwords, second_factors
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.models import Passkey
from stadtmail.people.second_factor import Owner
from stadtmail.people.webauthn import Asked, Known, Place
from stadtmail.privacy import units
from stadtmail.vault import keys

MOST = 10
BadLabel, check_label = app_passwords.BadLabel, app_passwords.check_label


class TooManyPasskeys(errors.OverQuota):
    """Nobody has so many."""


def ask_new(owner: Owner, place: Place, *, name: str) -> Asked:
    """What the browser is asked for a new passkey. `name` is shown by the owner's own device. Raises TooManyPasskeys."""
    known = _known(owner)
    if len(known) >= MOST:
        raise TooManyPasskeys
    return webauthn.ask_new(place, handle=handle(owner), name=name, known=list(known.values()))


def handle(owner: Owner) -> bytes:
    """What a device calls its owner: random to everybody without the city's key."""
    return hmac.digest(keys.city(owner.tenant.id, "codes"), b"passkey" + owner.anchor.bytes, "sha256")


def add(
    owner: Owner, place: Place, state: Mapping[str, str], *, answer: str, label: str, now: datetime
) -> second_factors.TurnedOn:
    """A passkey counts from now on. Raises BadLabel, WrongCode (the answer does not hold), TooManyPasskeys, HasEnded."""
    check_label(label)
    try:
        new = webauthn.take_new(place, state, answer)
    except webauthn.Refused:
        raise WrongCode from None
    (unit,) = units.prepare(owner.tenant, [owner.wanted], now=now)

    def write() -> None:
        if second_factor.passkeys(owner).count() >= MOST:
            raise TooManyPasskeys
        units.save([unit])
        Passkey.objects.create(
            unit_id=unit.id, label=units.seal(unit, "label", label.strip()), credential=units.seal(unit, "credential", new.credential),
            counter=units.seal(unit, "counter", str(new.counter)),
        )  # fmt: skip

    return second_factors.turn_on(owner, write, now=now)


def ask(owner: Owner, place: Place) -> Asked | None:
    """What the browser is asked at the log-in; None where there is no passkey."""
    known = list(_known(owner).values())
    return webauthn.ask(place, known) if known else None


def check(owner: Owner, place: Place, state: Mapping[str, str], *, answer: str, alone: bool = False) -> UUID:
    """Does the answer come from one of the owner's passkeys? Its counter moves on with that. Returns its unit. Raises WrongCode.

    `alone`: no password was asked, so its device must have verified its user.
    """
    with store.writing():  # of two that bring the same counter at once one is refused
        known = _known(owner, locked=True)
        try:
            number, counter = webauthn.check(place, state, list(known.values()), answer, alone=alone)
        except webauthn.Refused:
            raise WrongCode from None
        unit = list(known)[number]
        row = second_factor.passkeys(owner).get(unit=unit)
        Passkey.objects.filter(unit=unit).update(counter=units.seal(row.unit, "counter", str(counter)))
    return unit


def _known(owner: Owner, *, locked: bool = False) -> dict[UUID, Known]:
    rows = second_factor.passkeys(owner)
    if locked:
        list(store.locked(Passkey.objects.filter(unit__in=list(rows.values_list("unit", flat=True)))).values_list("pk"))
    return {
        row.unit_id: Known(units.unseal(row.unit, "credential", row.credential), int(units.text(row.unit, "counter", row.counter)))
        for row in rows
    }
