"""A passkey instead of name and password, attacked with a device in software (C-2.2, C-2.4, C-2.8, C-4.1)."""

import json
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from stadtmail.people import second_factor
from stadtmail.people.actions import contracts, passkeys, passwordless, restriction, second_factors
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.models import Passkey, Passwordless
from stadtmail.people.webauthn import Place
from stadtmail.privacy import holdings, recovery, sweep
from stadtmail.privacy.models import Unit
from tests.people.authenticator import Device, b64
from tests.people.people import order
from tests.people.test_second_factor import at_once
from tests.people.traces import files_with

pytestmark = pytest.mark.postgres
HERE = Place("ahaus.localhost", "http://ahaus.localhost", "AHAUS.NET")
THERE = Place("musterstadt.localhost", "http://musterstadt.localhost", "Musterstadt")


@pytest.fixture
def anna(ahaus, now):
    return order(ahaus, now)


@pytest.fixture
def owner(ahaus, anna):
    return second_factor.of_contract(ahaus, anna)


@pytest.fixture
def device(owner, now) -> Device:
    """Anna's, which is enough without her password."""
    made = Device()
    register(owner, made, now)
    allow(owner, made, now)
    return made


def register(owner, device: Device, now, place: Place = HERE) -> None:
    asked = passkeys.ask_new(owner, place, name="anna.k@ahaus.net")
    passkeys.add(owner, place, asked.state, answer=device.make(asked.options), label="Telefon", now=now)


def allow(owner, device: Device, now, place: Place = HERE) -> None:
    asked = passwordless.ask(place)
    passwordless.allow(owner, place, asked.state, answer=device.get(asked.options), now=now)


def enters(tenant, device: Device, place: Place = HERE, **changes: str):
    """Whose contract it opens; None: nobody's."""
    asked = passwordless.ask(place)
    return answers(tenant, asked.state, device.get(asked.options, **changes), place)


def answers(tenant, state, answer: str, place: Place = HERE):
    try:
        return passwordless.enter(tenant, place, state, answer=answer).contract
    except WrongCode:
        return None


def test_it_lets_its_owner_in_as_often_as_they_come(ahaus, anna, device) -> None:
    asked = json.loads(passwordless.ask(HERE).options)
    assert asked["userVerification"] == "required"
    assert not asked.get("allowCredentials")  # nobody is named, and no passkey
    assert [enters(ahaus, device) for _ in range(3)] == [anna] * 3


def test_one_that_is_only_a_second_factor_lets_nobody_in(ahaus, owner, anna, now) -> None:
    device, other = Device(), Device()
    register(owner, device, now)
    register(owner, other, now)
    assert enters(ahaus, device) is None
    allow(owner, device, now)
    assert enters(ahaus, device) == anna
    assert enters(ahaus, other) is None
    assert [one.is_enough for one in second_factor.standing(owner).passkeys].count(True) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"flags": 0x01}, {"flags": 0x04}, {"flags": 0x00}, {"host": "musterstadt.localhost"}, {"host": "localhost"},
        {"origin": "http://musterstadt.localhost"}, {"origin": "https://evil.example"}, {"origin": "https://ahaus.localhost"},
        {"handle": ""}, {"handle": b64(bytes(32))}, {"id": bytes(32)},
    ],
    ids=str,
)  # fmt: skip
def test_no_verified_user_another_host_another_owner_or_another_id(ahaus, anna, owner, device, now, change: dict) -> None:
    assert enters(ahaus, replace(device, counter=100, **change)) is None
    assert enters(ahaus, replace(device, counter=200)) == anna
    fresh = Device()
    register(owner, fresh, now)
    with pytest.raises(WrongCode):  # nor can it be switched on like that
        allow(owner, replace(fresh, **change), now)
    assert Passwordless.objects.count() == 1


def test_a_replayed_answer_another_challenge_and_an_answer_of_the_other_kind(ahaus, device) -> None:
    asked, other = passwordless.ask(HERE), passwordless.ask(HERE)
    answer = device.get(asked.options)
    assert answers(ahaus, other.state, answer) is None
    assert answers(ahaus, asked.state, answer)
    assert answers(ahaus, asked.state, answer) is None  # its counter stands still; the door refuses the challenge as well
    assert enters(ahaus, device, type="webauthn.create") is None
    assert enters(ahaus, device, challenge=b64(bytes(32))) is None


def test_a_copied_id_with_a_key_of_ones_own(ahaus, anna, device, now) -> None:
    """Ben has seen the id of Anna's passkey: his own under the same id neither opens hers nor comes before it."""
    ben = order(ahaus, now, localpart="ben.b")
    his, forged = second_factor.of_contract(ahaus, ben), Device(id=device.id)
    register(his, forged, now)
    allow(his, forged, now)
    assert enters(ahaus, device) == anna
    assert enters(ahaus, forged) == ben
    assert enters(ahaus, replace(forged, handle=device.handle, counter=50)) is None
    assert enters(ahaus, device) == anna


def test_law5_it_is_of_one_city(ahaus, musterstadt, device, owner, now) -> None:
    assert enters(musterstadt, device) is None
    moved = replace(device, host=THERE.host, origin=THERE.origin, counter=50)
    assert enters(musterstadt, moved, THERE) is None
    clara = second_factor.of_contract(musterstadt, order(musterstadt, now, localpart="clara.c"))
    with pytest.raises(WrongCode):
        allow(clara, replace(device, counter=60), now)


@pytest.mark.parametrize("answer", ["", "{}", "[]", "null", "x", '{"id": "a"}', "9" * 30_000, "[" * 20_000])
def test_what_is_no_answer_is_refused_and_nothing_breaks(ahaus, device, answer: str) -> None:
    assert answers(ahaus, passwordless.ask(HERE).state, answer) is None


def test_an_unknown_passkey_costs_a_check_too(ahaus, device, monkeypatch) -> None:
    """Time must not tell whether there is a passkey."""
    from fido2.cose import ES256

    checked, real = [], ES256.verify
    monkeypatch.setattr(ES256, "verify", lambda *given: checked.append(1) or real(*given))
    assert enters(ahaus, Device()) is None
    assert enters(ahaus, replace(device, handle="")) is None
    assert len(checked) == 2


def test_c28_taken_off_or_switched_off_it_opens_nothing(ahaus, anna, owner, device, now) -> None:
    asked = passwordless.ask(HERE)
    answer = device.get(asked.options)  # on its way
    who = passwordless.enter(ahaus, HERE, asked.state, answer=answer)
    assert passwordless.stands(ahaus, who)
    assert passwordless.end(owner, now=now)
    assert not passwordless.end(owner, now=now)
    assert not passwordless.stands(ahaus, who)
    assert enters(ahaus, device) is None
    assert second_factor.is_on(owner)  # as a second factor it goes on
    allow(owner, device, now)
    assert enters(ahaus, device) == anna
    (key,) = Passkey.objects.values_list("unit", flat=True)
    assert second_factors.turn_off(owner, now=now, only=key)
    assert enters(ahaus, device) is None
    assert not Passwordless.objects.exists()


def test_switched_on_twice_there_is_one_row(ahaus, anna, owner, device, now) -> None:
    allow(owner, device, now)
    assert Passwordless.objects.count() == 1
    assert enters(ahaus, device) == anna


def test_c28_c41_after_the_end_it_opens_nothing_and_is_gone_within_the_hour(ahaus, anna, owner, device, now) -> None:
    contracts.cancel(anna, ends_at=now, now=now)
    assert enters(ahaus, device) is None
    with pytest.raises(second_factors.HasEnded):
        allow(owner, device, now)
    sweep.run(now + timedelta(hours=1))
    assert not Passwordless.objects.exists()


def test_c62c_who_restricts_their_data_comes_in_as_with_a_password(ahaus, anna, device, now) -> None:
    restriction.restrict(anna, tenant=ahaus, reason="accuracy_contested", now=now)
    assert enters(ahaus, device) == anna


def test_a_restore_switches_nothing_on_again(ahaus, owner, device, now) -> None:
    kept = {model: list(model.objects.all()) for model in (Unit, Passwordless)}
    passwordless.end(owner, now=now)
    for model in (Unit, Passwordless):
        known = set(model.objects.values_list("pk", flat=True))
        model.objects.bulk_create([row for row in kept[model] if row.pk not in known])
    assert enters(ahaus, device)  # the restored rows would
    recovery.replay(now)
    assert enters(ahaus, device) is None


def test_of_a_tab_that_takes_it_off_and_one_that_switches_it_on_nothing_is_left_that_opens(ahaus, owner, now) -> None:
    device = Device()
    register(owner, device, now)
    (key,) = Passkey.objects.values_list("unit", flat=True)
    ways, turn = [lambda: second_factors.turn_off(owner, now=now, only=key), lambda: allow(owner, device, now)], threading.Lock()

    def one():
        with turn:
            way = ways.pop()
        return way()

    at_once(one)
    assert not Passkey.objects.exists()
    assert not Passwordless.objects.exists()
    assert enters(ahaus, device) is None


def test_c22_c24_neither_id_nor_owner_nor_use_lies_there(ahaus, owner, device, now) -> None:
    enters(ahaus, device)
    for canary in (device.id.hex(), b64(device.id), device.handle):
        assert files_with(canary) == [], canary
    (row,) = Passwordless.objects.all()
    assert {column.name for column in row._meta.fields} == {"unit", "contract", "passkey", "blind"}
    exports = [holding.export for holding in holdings.of_category("BD-CRED") if holding.export]
    records = [one for unit in Unit.objects.filter(anchor=owner.anchor) for export in exports for one in export(unit.id)]
    assert {"passwordless": True} in records
