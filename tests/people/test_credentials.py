"""Passwords: only as Argon2id, checked in a bounded pool, never in a repr or a file; the recovery code works once (C-2.2, K10)."""

import threading
import time
from datetime import timedelta

import pytest

from stadtmail.kit import log, store
from stadtmail.people import passwords, queries
from stadtmail.people.actions import contracts, credentials
from stadtmail.people.models import Credential
from stadtmail.privacy import policy, units
from tests.people.people import PASSWORD, form, order
from tests.people.traces import files_with

CANARY = "KanarienPasswort 7 vogel"


def test_c22_a_password_lies_nowhere_and_its_check_value_is_argon2id(ahaus, now) -> None:
    contract = order(ahaus, now, password=CANARY)
    row = Credential.objects.select_related("unit").get(contract=contract)
    stored = units.text(row.unit, "password", row.password)
    assert stored.startswith("$argon2id$")
    with pytest.raises(credentials.WrongCredentials):
        credentials.sign_in(ahaus, "anna.k@ahaus.net", CANARY.upper())
    credentials.sign_in(ahaus, "anna.k@ahaus.net", CANARY)
    assert files_with(CANARY) == files_with(stored) == []


def test_c22_no_password_shows_in_a_repr_or_in_what_is_logged_of_an_error(ahaus, now) -> None:
    given = form(password=CANARY, name="Kanaria Leise")
    made = contracts.prepare(given, tenant=ahaus, policy=policy.current(ahaus), now=now)
    for shown in (repr(given), str(given), repr(made), repr(credentials.BadPassword(["password_short"]))):
        for secret in (CANARY, "Kanaria", made.hash, made.recovery_code, "Marktstraße"):
            assert secret not in shown
    with pytest.raises(credentials.WrongCredentials) as caught:
        credentials.sign_in(ahaus, "kanaria.fehlt@ahaus.net", CANARY)
    assert str(caught.value) == ""
    log.bug(caught.value, role="web")
    assert files_with(CANARY) == files_with("kanaria.fehlt") == []


def test_c22_an_unknown_name_costs_the_same_work(ahaus, now, monkeypatch) -> None:
    order(ahaus, now)
    worked: list[bool] = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda known, password: worked.append(known is not None) or real(known, password))
    for address in ("anna.k@ahaus.net", "nobody@ahaus.net", "anna.k@musterstadt.example", "nonsense"):
        with pytest.raises(credentials.WrongCredentials):
            credentials.sign_in(ahaus, address, "falsch falsch")
    assert worked == [True, False, False, False]


def test_law5_the_same_address_and_password_open_nothing_in_another_city(ahaus, musterstadt, now) -> None:
    contract = order(ahaus, now)
    for address in ("anna.k@ahaus.net", "anna.k@musterstadt.example"):
        with pytest.raises(credentials.WrongCredentials):
            credentials.sign_in(musterstadt, address, PASSWORD)
    with pytest.raises(credentials.WrongCredentials):
        credentials.check_password(contract, PASSWORD, tenant=musterstadt)
    with pytest.raises(queries.NoSuchContract):
        queries.contract(musterstadt, contract.id)
    for read in (queries.voluntary, queries.consents, queries.accesses, queries.units_of):
        assert read(musterstadt, contract) == []
    assert queries.credential(musterstadt, contract) is None


def test_c22_two_hashes_at_a_time_and_then_busy(monkeypatch) -> None:
    at_once, most, lock = [0], [0], threading.Lock()

    class Slow:
        def hash(self, password: str) -> str:
            with lock:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            time.sleep(0.05)
            with lock:
                at_once[0] -= 1
            return "hash"

    monkeypatch.setattr(passwords, "_hasher", Slow)
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.12)
    outcomes: list[str] = []

    def attempt() -> None:
        try:
            outcomes.append(passwords.hashed(CANARY))
        except passwords.Busy:
            outcomes.append("busy")

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2
    assert outcomes.count("busy") > 0
    assert [passwords._pool.acquire(timeout=0.01) for _ in range(2)] == [True, True]  # every place was given back
    for _ in range(2):
        passwords._pool.release()


def test_a_new_password_replaces_the_old_one(ahaus, now) -> None:
    contract = order(ahaus, now)
    with pytest.raises(credentials.WrongCredentials):
        credentials.set_password(contract, tenant=ahaus, old="falsch", new=CANARY, now=now)
    with pytest.raises(credentials.BadPassword):
        credentials.set_password(contract, tenant=ahaus, old=PASSWORD, new="AnnaAhaus12", now=now)
    credentials.set_password(contract, tenant=ahaus, old=PASSWORD, new=CANARY, now=now)
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", CANARY)
    with pytest.raises(credentials.WrongCredentials):
        credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD)


def test_the_recovery_code_sets_a_new_password_once(ahaus, now) -> None:
    made = contracts.prepare(form(), tenant=ahaus, policy=policy.current(ahaus), now=now)
    with store.writing():
        contracts.conclude(made, now=now)
    code = made.recovery_code
    for address, wrong in (("anna.k@ahaus.net", ""), ("anna.k@ahaus.net", code[:-1]), ("ben@ahaus.net", code), ("anna.k@x.example", code)):
        with pytest.raises(credentials.WrongCredentials):
            credentials.recover(ahaus, address, code=wrong, new=CANARY, now=now)
    with pytest.raises(credentials.BadPassword):
        credentials.recover(ahaus, "anna.k@ahaus.net", code=code, new="kurz", now=now)
    done = credentials.recover(ahaus, "anna.k@ahaus.net", code=code.lower(), new=CANARY, now=now)
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", CANARY).contract == done.contract
    assert done.recovery_code not in repr(done)
    with pytest.raises(credentials.WrongCredentials):
        credentials.recover(ahaus, "anna.k@ahaus.net", code=code, new=PASSWORD, now=now)
    credentials.recover(ahaus, "anna.k@ahaus.net", code=done.recovery_code, new=PASSWORD, now=now)


def test_c28_after_the_end_no_password_and_no_code_opens_anything(ahaus, now) -> None:
    made = contracts.prepare(form(), tenant=ahaus, policy=policy.current(ahaus), now=now)
    with store.writing():
        contract = contracts.conclude(made, now=now)
    contracts.cancel(contract, ends_at=now, now=now + timedelta(seconds=1))
    with pytest.raises(credentials.WrongCredentials):
        credentials.recover(ahaus, "anna.k@ahaus.net", code=made.recovery_code, new=CANARY, now=now)
