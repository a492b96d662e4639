"""A passkey that is enough, and the seal of a mailbox: killed between the steps, and both at once in two tabs (C-4.7)."""

import json
import threading
from base64 import urlsafe_b64decode

import pytest

from stadtmail.mail import queries, wraps
from stadtmail.mail.actions import sealed
from stadtmail.mail.models import Wrap
from stadtmail.people import second_factor
from stadtmail.people.actions import passkeys, passwordless
from stadtmail.people.actions.credentials import SignedIn
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.models import Passwordless
from stadtmail.people.webauthn import PRF_INPUT, Place
from stadtmail.privacy import recovery
from tests.people.authenticator import Device
from tests.people.test_second_factor import at_once

pytestmark = pytest.mark.postgres
HERE = Place("ahaus.localhost", "http://ahaus.localhost", "AHAUS.NET")


class Killed(BaseException):
    """The process died here."""


@pytest.fixture
def device(ahaus, contract, now) -> Device:
    made, owner = Device(), second_factor.of_contract(ahaus, contract)
    asked = passkeys.ask_new(owner, HERE, name="anna@ahaus.net")
    passkeys.add(owner, HERE, asked.state, answer=made.make(asked.options), label="Telefon", now=now)
    return made


def allow(tenant, contract, device: Device, now, halves=None) -> None:
    asked = passwordless.ask(HERE)
    sealed.allow_passkey(
        contract, HERE, asked.state, tenant=tenant, answer=device.get(asked.options), output=device.prf, halves=halves or {}, now=now
    )


def enter(tenant, device: Device) -> SignedIn | None:
    asked = passwordless.ask(HERE)
    try:
        return passwordless.enter(tenant, HERE, asked.state, answer=device.get(asked.options))
    except WrongCode:
        return None


def test_the_device_is_asked_for_the_output_of_one_input() -> None:
    asked = json.loads(passwordless.ask(HERE).options)
    assert urlsafe_b64decode(asked["extensions"]["prf"]["eval"]["first"] + "==") == PRF_INPUT


@pytest.mark.parametrize("step", [1, 2])
def test_killed_while_it_is_sealed_no_passkey_leads_to_a_locked_mailbox(ahaus, anna, contract, device, seal, now, step: int) -> None:
    allow(ahaus, contract, device, now)
    assert enter(ahaus, device)

    def die(number: int) -> None:
        if number == step:
            raise Killed

    with pytest.raises(Killed):
        seal(step=die)
    assert bool(enter(ahaus, device)) == (step == 1)  # before the commit it is as it was
    recovery.recover(now)
    assert Passwordless.objects.exists() == (step == 1)
    assert queries.is_sealed(queries.mailbox_of(ahaus, anna.contract)) == (step == 2)


def test_of_a_tab_that_seals_and_one_that_allows_no_passkey_is_enough_without_its_wrap(ahaus, anna, contract, device, seal, now) -> None:
    ways, turn = [seal, lambda: allow(ahaus, contract, device, now)], threading.Lock()

    def one():
        with turn:
            way = ways.pop()
        return way()

    found = at_once(one)
    assert any(isinstance(result, sealed.Sealed) for result in found)
    assert not Passwordless.objects.exclude(unit__state="erasing").exists()
    assert enter(ahaus, device) is None


def test_only_its_own_output_opens_and_a_locked_session_hands_nothing_on(ahaus, anna, contract, device, seal, now) -> None:
    made = seal()
    with pytest.raises(queries.Locked):
        allow(ahaus, contract, device, now)
    short = Device(id=device.id, key=device.key, handle=device.handle, counter=20, prf=b"")
    with pytest.raises(sealed.WrongSecret):
        allow(ahaus, contract, short, now, made.halves)
    device.counter = 30
    allow(ahaus, contract, device, now, made.halves)
    who = enter(ahaus, device)
    assert wraps.unpacked(sealed.bring_by_passkey(ahaus, who, device.prf)) == made.halves
    for output in (b"", bytes(32), device.prf[:31], device.prf + b"x"):
        with pytest.raises(sealed.WrongSecret):
            sealed.bring_by_passkey(ahaus, who, output)
    allow(ahaus, contract, device, now, made.halves)  # once more: the wrap of before goes with its unit
    assert Wrap.objects.filter(holder=wraps.PASSKEY).count() == 1
    with pytest.raises(sealed.WrongSecret):
        sealed.bring_by_passkey(ahaus, who, device.prf)


def test_beginning_anew_ends_every_wrap_and_the_passkey_goes_on(ahaus, anna, contract, device, seal, now) -> None:
    made = seal()
    allow(ahaus, contract, device, now, made.halves)
    sealed.begin_anew(contract, tenant=ahaus, password="ein langer Satz 7", now=now)
    assert not Wrap.objects.exists()
    assert sealed.bring_by_passkey(ahaus, enter(ahaus, device), b"") == {}
