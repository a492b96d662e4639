"""App passwords: random, checked and not kept, for what they are for, revoked alone, gone with the contract and restored never."""

import threading
from datetime import timedelta

import pytest

from stadtmail.kit import store
from stadtmail.people import jobs, passwords, proofs, queries, scram, verified
from stadtmail.people.actions import app_passwords, contracts, credentials, maillogin
from stadtmail.people.actions.credentials import WrongCredentials
from stadtmail.people.models import AppPassword, Credential
from stadtmail.privacy import holdings, recovery, sweep, units
from stadtmail.privacy.models import Unit
from stadtmail.vault import keys
from tests import backups
from tests.people.people import PASSWORD, order
from tests.people.traces import files_with

pytestmark = pytest.mark.postgres
ADDRESS = "anna.k@ahaus.net"


@pytest.fixture(autouse=True)
def _no_memory_of_others():
    verified.forget()


@pytest.fixture
def anna(ahaus, now):
    return order(ahaus, now)


@pytest.fixture
def make(ahaus, anna, now):
    def run(*scopes: str, label: str = "Telefon Kanarienblau", of=None) -> app_passwords.Made:
        return app_passwords.make(of or anna, tenant=ahaus, label=label, scopes=scopes or ("imap",), now=now)

    return run


def opens(tenant, password: str, service: str = "imap", address: str = ADDRESS) -> bool:
    try:
        maillogin.sign_in(tenant, address, password, service=service)
    except WrongCredentials:
        return False
    return True


def test_it_is_random_readable_and_no_two_are_alike(make) -> None:
    made = {make(label=str(number)).password for number in range(app_passwords.MOST)}
    assert len(made) == app_passwords.MOST
    for password in made:
        assert len(password.replace("-", "")) * 5 >= 128
        assert all(len(group) <= 4 for group in password.split("-"))
    with pytest.raises(app_passwords.TooManyAppPasswords):
        make()


def test_c22_neither_password_nor_name_lies_anywhere(ahaus, make) -> None:
    made = make()
    assert opens(ahaus, made.password)
    assert made.password not in repr(made)
    for secret in (made.password, made.password.replace("-", ""), "Kanarienblau"):
        assert files_with(secret) == []


def test_it_opens_what_it_is_for_however_it_is_typed(ahaus, musterstadt, make) -> None:
    made = make("imap", "sieve")
    for typed in (made.password, made.password.upper(), made.password.replace("-", " "), made.password.replace("-", "")):
        assert opens(ahaus, typed)
    assert opens(ahaus, made.password, "sieve")
    assert not opens(ahaus, made.password, "submission")
    assert not opens(ahaus, made.password[:-1])
    assert not opens(musterstadt, made.password)
    assert not opens(musterstadt, made.password, address="anna.k@musterstadt.example")
    with pytest.raises(WrongCredentials):
        credentials.sign_in(ahaus, ADDRESS, made.password)  # never the portal


@pytest.mark.parametrize("label", ["", "  ", "x" * 61, "a\nb", "a\u202eb", "a\x00b", "a\u2028b"])
def test_a_name_is_one_line_of_text(make, label) -> None:
    with pytest.raises(app_passwords.BadLabel):
        make(label=label)


@pytest.mark.parametrize("scopes", [("web",), ("imap", "admin"), ("IMAP",)])
def test_it_is_for_what_there_is(ahaus, anna, make, now, scopes) -> None:
    with pytest.raises(app_passwords.NoScope):
        make(*scopes)
    with pytest.raises(app_passwords.NoScope):
        app_passwords.make(anna, tenant=ahaus, label="x", scopes=[], now=now)


def test_revoking_one_leaves_the_others_and_no_key(ahaus, anna, make, now) -> None:
    lost, kept = make(label="verloren"), make(label="behalten")
    key = Unit.objects.get(id=lost.id).key
    assert app_passwords.revoke(anna, lost.id, tenant=ahaus, now=now)
    assert not app_passwords.revoke(anna, lost.id, tenant=ahaus, now=now)
    assert not opens(ahaus, lost.password)
    assert opens(ahaus, kept.password)
    assert keys.exists([key]) == set()
    assert [row.label for row in queries.app_passwords(ahaus, anna)] == ["behalten"]
    assert Credential.objects.filter(contract=anna).exists()


def test_law5_nobody_revokes_or_lists_somebody_elses(ahaus, musterstadt, anna, make, now) -> None:
    ben, made = order(ahaus, now, localpart="ben.b", name="Ben Blau"), make()
    assert not app_passwords.revoke(ben, made.id, tenant=ahaus, now=now)
    assert not app_passwords.revoke(anna, made.id, tenant=musterstadt, now=now)
    assert queries.app_passwords(ahaus, ben) == []
    assert queries.app_passwords(musterstadt, anna) == []
    assert not opens(ahaus, made.password, address="ben.b@ahaus.net")
    assert opens(ahaus, made.password)


def test_c61_it_is_shown_to_its_owner(make) -> None:
    made = make("imap", "submission")
    (holding,) = [one for one in holdings.of_category("BD-CRED") if one.table == "people.AppPassword"]
    (record,) = holding.export(made.id)
    assert record == {"app_password": "Telefon Kanarienblau", "scopes": ["imap", "submission"], "made_on": "2026-11-23"}


def test_c28_c41_it_ends_with_the_contract_at_once_and_is_gone_within_the_hour(ahaus, anna, make, now) -> None:
    made = make()
    contracts.cancel(anna, ends_at=now, now=now)
    assert not opens(ahaus, made.password)
    assert queries.app_passwords(ahaus, anna) == []
    with pytest.raises(app_passwords.ContractEnded):
        make(label="danach")
    sweep.run(now + timedelta(minutes=59))
    assert AppPassword.objects.exists()
    sweep.run(now + timedelta(minutes=61))
    assert not AppPassword.objects.exists()
    assert proofs._credentials_after_the_end(ahaus, now + timedelta(hours=2)).value == 0


@pytest.mark.parametrize("later", [timedelta(minutes=5), timedelta(hours=5)])
def test_taking_the_cancellation_back_restores_none_and_the_login(ahaus, anna, make, now, later) -> None:
    made = make()
    credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    before = proof_of(ahaus, PASSWORD)
    ended = contracts.cancel(anna, ends_at=now, now=now)
    sweep.run(now + later)
    place = queries.collection(ahaus, queries.code_digest(ahaus, ended.collection_code))
    contracts.take_back(place, tenant=ahaus, now=now + later)
    assert not opens(ahaus, made.password)
    assert not AppPassword.objects.exists()
    assert opens(ahaus, PASSWORD)
    assert before()


def test_a_crash_in_the_middle_of_taking_back_is_mended(ahaus, anna, make, now, monkeypatch) -> None:
    from stadtmail.people.actions import ends

    made = make()
    ended = contracts.cancel(anna, ends_at=now, now=now)
    monkeypatch.setattr(ends, "clear", lambda contract, *, now: 0)
    place = queries.collection(ahaus, queries.code_digest(ahaus, ended.collection_code))
    contracts.take_back(place, tenant=ahaus, now=now)
    monkeypatch.undo()
    assert AppPassword.objects.exists()
    assert not opens(ahaus, made.password)
    jobs.run(now)
    assert not AppPassword.objects.exists()


def proof_of(tenant, password: str, service: str = "imap", address: str = ADDRESS):
    """A client that proves this password; calling it asks whether it comes in."""
    import hashlib
    import hmac

    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), scram.salt(tenant, address), scram.ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), b"said", "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))

    def ask() -> bool:
        try:
            maillogin.by_proof(tenant, address, b"said", proof, service=service)
        except WrongCredentials:
            return False
        return True

    return ask


def test_any_of_them_proves_itself_and_the_salt_says_nothing(ahaus, musterstadt, make) -> None:
    first, second = make(label="1"), make("submission", label="2")
    assert proof_of(ahaus, first.password)()
    assert not proof_of(ahaus, second.password)()
    assert proof_of(ahaus, second.password, "submission")()
    assert not proof_of(ahaus, PASSWORD)()  # not allowed
    assert not proof_of(ahaus, first.password, address="niemand@ahaus.net")()
    assert scram.salt(ahaus, ADDRESS) == scram.salt(ahaus, ADDRESS.upper())
    assert scram.salt(ahaus, ADDRESS) != scram.salt(musterstadt, ADDRESS)
    salts = [scram.salt(ahaus, f"{name}@ahaus.net") for name in ("anna.k", "niemand", "keiner")]
    assert len({*salts}) == 3
    assert {len(salt) for salt in salts} == {16}


def test_what_proves_a_password_is_not_what_lies_there(ahaus, make) -> None:
    """Who has the rows and their keys has StoredKey and ServerKey, and cannot come in with them."""
    made = make()
    row = AppPassword.objects.select_related("unit").get(unit=made.id)
    values = units.unseal(row.unit, "scram", row.scram)
    for guess in (values[:32], values[32:], bytes(32)):
        with pytest.raises(WrongCredentials):
            maillogin.by_proof(ahaus, ADDRESS, b"said", guess, service="imap")
    assert not opens(ahaus, values.hex())


def test_a_second_check_value_lies_there_only_while_it_is_allowed(ahaus, anna, now) -> None:
    asks = proof_of(ahaus, PASSWORD)
    assert not asks()
    credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    assert asks()
    assert proofs._reversible(ahaus, now).value == 0
    credentials.set_password(anna, tenant=ahaus, old=PASSWORD, new="ganz neuer Satz 8", now=now)
    assert not asks()
    assert proof_of(ahaus, "ganz neuer Satz 8")()
    credentials.set_mail_login(anna, tenant=ahaus, on=False)
    assert not proof_of(ahaus, "ganz neuer Satz 8")()
    assert not Credential.objects.exclude(scram=None).exists()
    with store.writing():
        Credential.objects.filter(contract=anna).update(scram=b"left over")
    assert proofs._reversible(ahaus, now).value == 1


def test_an_unknown_name_costs_the_same_work(ahaus, make, monkeypatch) -> None:
    make()
    worked: list[bool] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda known, password: worked.append(known is not None) or real(known, password))
    for address in (ADDRESS, "nobody@ahaus.net", "nonsense@ahaus.net"):
        assert not opens(ahaus, "aaaa-bbbb-cccc-dddd-eeee-ffff-gg", address=address)
    assert worked == [True, False, False]


def test_five_connections_at_once_cost_one_slow_hash(ahaus, anna, monkeypatch) -> None:
    credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    worked: list[str] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda known, password: worked.append(password) or real(known, password))
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(opens(ahaus, PASSWORD))) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 5
    assert worked == [PASSWORD]
    assert not opens(ahaus, PASSWORD + "x")
    assert not opens(ahaus, PASSWORD + "x")
    assert len(worked) == 3  # what was wrong is not remembered


def test_what_was_right_a_moment_ago_is_forgotten_after_a_minute(ahaus, anna, monkeypatch) -> None:
    import time

    credentials.set_mail_login(anna, tenant=ahaus, on=True, password=PASSWORD)
    assert opens(ahaus, PASSWORD)
    real = time.monotonic
    monkeypatch.setattr(verified.time, "monotonic", lambda: real() + verified.SECONDS + 1)
    worked: list[bool] = []
    monkeypatch.setattr(passwords, "matches", lambda known, password: worked.append(True) or True)
    assert opens(ahaus, PASSWORD)
    assert worked == [True]
    assert not any(PASSWORD.encode() in key + value for key, (value, _) in verified._known.items())


def test_c28_a_restored_backup_brings_no_revoked_one_back(ahaus, anna, make, now) -> None:
    """Rows of before its revocation come back; the ledger names it, and its key is gone. The one that was not revoked goes on."""
    revoked, kept = make(label="verloren"), make(label="behalten")
    put_back = backups.backup()
    assert app_passwords.revoke(anna, revoked.id, tenant=ahaus, now=now)
    put_back()
    assert AppPassword.objects.count() == 2
    recovery.replay(now)
    verified.forget()
    assert not opens(ahaus, revoked.password)
    assert opens(ahaus, kept.password)
