"""Passkeys: the protocol attacked with a device in software; what lies there names no maker and no use (C-2.2, C-2.4)."""

import json
from dataclasses import replace

import pytest

from stadtmail.kit import config
from stadtmail.people import second_factor
from stadtmail.people.actions import passkeys, second_factors
from stadtmail.people.actions.second_factors import WrongCode
from stadtmail.people.models import Passkey
from stadtmail.people.webauthn import Place
from stadtmail.privacy import holdings
from stadtmail.privacy.models import Unit
from tests.people import authenticator
from tests.people.authenticator import MAKER, Device, b64
from tests.people.people import order
from tests.people.traces import files_with

HERE = Place("ahaus.localhost", "http://ahaus.localhost", "AHAUS.NET")


@pytest.fixture
def owner(ahaus, now):
    return second_factor.of_contract(ahaus, order(ahaus, now))


def add(owner, device: Device, now, *, place: Place = HERE, label: str = "Schlüssel Kanarienblau", **changes: str):
    asked = passkeys.ask_new(owner, place, name="anna.k@ahaus.net")
    return passkeys.add(owner, place, asked.state, answer=device.make(asked.options, **changes), label=label, now=now)


def opens(owner, device: Device, *, place: Place = HERE, **changes: str) -> bool:
    asked = passkeys.ask(owner, place)
    return answers(owner, asked.state, device.get(asked.options, **changes), place=place)


def answers(owner, state, answer: str, *, place: Place = HERE) -> bool:
    try:
        passkeys.check(owner, place, state, answer=answer)
    except WrongCode:
        return False
    return True


def test_it_is_added_under_a_name_and_opens(owner, now) -> None:
    device = Device()
    made = add(owner, device, now)
    assert len(made.codes) == 10
    assert second_factor.is_on(owner)
    assert [one.label for one in second_factor.standing(owner).passkeys] == ["Schlüssel Kanarienblau"]
    assert opens(owner, device)
    assert opens(owner, device)
    second = add(owner, Device(), now, label="Telefon")
    assert second.codes == ()
    assert len(second_factor.standing(owner).passkeys) == 2
    assert opens(owner, device)


@pytest.mark.parametrize("kind", ["new", "old"])
@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://evil.example"}, {"origin": "http://ahaus.localhost:81"}, {"origin": "https://ahaus.localhost"},
        {"origin": "http://musterstadt.localhost"}, {"origin": "http://x.ahaus.localhost"}, {"host": "musterstadt.localhost"},
        {"host": "localhost"}, {"flags": 0x04},
    ],
    ids=str,
)  # fmt: skip
def test_another_origin_another_city_or_nobody_present(owner, now, kind: str, change: dict) -> None:
    device = Device()
    if kind == "new":
        with pytest.raises(WrongCode):
            add(owner, replace(device, **change), now)
        assert not Passkey.objects.exists()
        return
    add(owner, device, now)
    assert not opens(owner, replace(device, **change))
    assert opens(owner, device)


def test_a_challenge_of_another_asking_or_an_answer_of_the_other_kind(owner, now) -> None:
    device = Device()
    add(owner, device, now)
    first, second = passkeys.ask(owner, HERE), passkeys.ask(owner, HERE)
    assert not answers(owner, second.state, device.get(first.options))
    assert not opens(owner, device, type="webauthn.create")
    assert not opens(owner, device, challenge=b64(bytes(32)))
    with pytest.raises(WrongCode):
        add(owner, Device(), now, type="webauthn.get")
    with pytest.raises(WrongCode):
        add(owner, Device(), now, challenge=b64(bytes(32)))


def test_somebody_elses_passkey_and_somebody_elses_key(ahaus, owner, now) -> None:
    device, bens = Device(), Device()
    ben = second_factor.of_contract(ahaus, order(ahaus, now, localpart="ben.b"))
    add(owner, device, now)
    add(ben, bens, now)
    assert not opens(owner, bens)
    assert not opens(ben, device)
    assert not opens(owner, replace(bens, id=device.id))  # Anna's id, Ben's key
    assert opens(owner, device)


def test_a_counter_that_goes_back_or_stands_still_is_a_copy(owner, now) -> None:
    device = Device(counter=7)
    add(owner, device, now)
    copy = replace(device)
    for _ in range(3):
        assert opens(owner, device)
    assert not opens(owner, copy)
    assert not opens(owner, replace(device, step=0))
    assert not opens(owner, replace(device, step=0, counter=0))
    assert opens(owner, device)


def test_one_that_counts_nothing_goes_on_working(owner, now) -> None:
    device = Device(step=0)
    add(owner, device, now)
    assert all(opens(owner, device) for _ in range(3))


NO_ANSWERS = [
    "", "{}", "[]", "null", "x", '{"id": "a"}', "9" * 30_000, "[" * 20_000, '{"id":"YQ","rawId":"YQ","type":"public-key","response":{}}',
]  # fmt: skip


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_what_is_no_answer_is_refused_and_nothing_breaks(owner, now, answer: str) -> None:
    add(owner, Device(), now)
    assert not answers(owner, passkeys.ask(owner, HERE).state, answer)
    with pytest.raises(WrongCode):
        passkeys.add(owner, HERE, passkeys.ask_new(owner, HERE, name="a").state, answer=answer, label="x", now=now)


@pytest.mark.parametrize("raw", [b"", b"\x81" * 5000, b"\x1c", b"\xfb", b"\xbf", b"\xa3\x63fmt\x64none"], ids=len)
def test_an_answer_that_is_cut_or_nested_is_refused_and_nothing_breaks(owner, now, raw: bytes) -> None:
    device = Device()
    add(owner, device, now)
    asked, new = passkeys.ask(owner, HERE), passkeys.ask_new(owner, HERE, name="a")
    given, made = json.loads(device.get(asked.options)), json.loads(Device().make(new.options))
    given["response"]["authenticatorData"] = made["response"]["attestationObject"] = b64(raw)
    assert not answers(owner, asked.state, json.dumps(given))
    with pytest.raises(WrongCode):
        passkeys.add(owner, HERE, new.state, answer=json.dumps(made), label="x", now=now)


@pytest.mark.parametrize("key", [b"\xa1\x03\x26", b"\xa2\x01\x02\x03\x39\xff\xff", b"\xa4\x01\x02\x03\x26\x20\x01\x21\x40"], ids=len)
def test_a_key_that_nobody_can_check_is_not_taken(owner, now, monkeypatch, key: bytes) -> None:
    """Half a key, or one of a kind that was not asked for: with it the owner would be locked out."""
    monkeypatch.setattr(authenticator, "cose", lambda _: key)
    with pytest.raises(WrongCode):
        add(owner, Device(), now)
    assert not second_factor.is_on(owner)


def test_a_damaged_signature_is_refused(owner, now) -> None:
    device = Device()
    add(owner, device, now)
    asked = passkeys.ask(owner, HERE)
    given = json.loads(device.get(asked.options))
    given["response"]["signature"] = given["response"]["signature"][:-4] + "AAAA"
    assert not answers(owner, asked.state, json.dumps(given))


def test_known_ones_are_excluded_and_there_is_an_end(owner, now) -> None:
    device = Device()
    add(owner, device, now)
    asked = json.loads(passkeys.ask_new(owner, HERE, name="a").options)
    assert [one["id"] for one in asked["excludeCredentials"]] == [b64(device.id)]
    assert asked["rp"]["id"] == "ahaus.localhost"
    assert asked["authenticatorSelection"]["userVerification"] == "preferred"
    assert "anna" not in asked["user"]["id"]
    for _ in range(passkeys.MOST - 1):
        add(owner, Device(), now)
    with pytest.raises(passkeys.TooManyPasskeys):
        passkeys.ask_new(owner, HERE, name="a")


@pytest.mark.parametrize("label", ["", "   ", "x" * 61, "a\nb", "a\u202eb"])
def test_a_name_is_a_name(owner, now, label: str) -> None:
    with pytest.raises(passkeys.BadLabel):
        add(owner, Device(), now, label=label)


def test_c22_c24_it_lies_sealed_and_says_neither_maker_nor_use(owner, now) -> None:
    device = Device(counter=4711)
    add(owner, device, now)
    opens(owner, device)
    point = device.key.public_key().public_numbers()
    assert files_with("Kanarienblau") == []  # which also closes the databases
    lying = b"".join(path.read_bytes() for path in config.load().data.rglob("*") if path.is_file())
    for canary in (device.id, point.x.to_bytes(32, "big"), MAKER):
        assert canary not in lying
        assert b64(canary).encode() not in lying
    (row,) = Passkey.objects.all()
    assert {column.name for column in row._meta.fields} == {"unit", "label", "credential", "counter"}
    assert MAKER not in passkeys._known(owner)[row.unit_id].credential
    exports = [holding.export for holding in holdings.of_category("BD-CRED") if holding.export]
    records = [one for unit in Unit.objects.filter(anchor=owner.anchor) for export in exports for one in export(unit.id)]
    assert {"second_factor": "passkey", "passkey": "Schlüssel Kanarienblau"} in records


def test_each_is_taken_off_alone_and_spare_codes_go_with_the_last(ahaus, owner, now) -> None:
    first, second = Device(), Device()
    codes = add(owner, first, now, label="eins").codes
    add(owner, second, now, label="zwei")
    one, two = sorted(second_factor.standing(owner).passkeys, key=lambda row: row.label)
    ben = second_factor.of_contract(ahaus, order(ahaus, now, localpart="ben.b"))
    assert not second_factors.turn_off(ben, now=now, only=one.id)
    assert second_factors.turn_off(owner, now=now, only=one.id)
    assert not opens(owner, first)
    assert opens(owner, second)
    second_factors.use_spare_code(owner, codes[0], now=now)
    assert second_factors.turn_off(owner, now=now, only=two.id)
    assert not second_factor.is_on(owner)
    with pytest.raises(WrongCode):
        second_factors.use_spare_code(owner, codes[1], now=now)
    assert passkeys.ask(owner, HERE) is None
