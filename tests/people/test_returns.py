"""Taking back and ordering again: until the erasure, at the same moment as it, and with what is not there any more (C-4.1)."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.people import jobs, queries, second_factor, totp
from stadtmail.people.actions import app_passwords, contracts, credentials, ends, second_factors
from stadtmail.people.models import Address, Collection, Contract, Credential, Inventory, Quarantine
from stadtmail.privacy import erasure, sweep
from stadtmail.privacy.models import Unit
from tests.people.ends import DAY, due, place_of
from tests.people.people import PASSWORD, order


def test_c41_taking_back_within_the_hour_and_after_it(ahaus, now) -> None:
    for wait in (timedelta(minutes=10), 29 * DAY):
        contract = order(ahaus, now, localpart=f"anna.{wait.days}")
        ended = contracts.cancel(contract, ends_at=now, now=now)
        sweep.run(now + wait)
        back = contracts.take_back(place_of(ahaus, ended), tenant=ahaus, now=now + wait)
        assert (back.state, back.ends_at) == ("active", None)
        assert credentials.sign_in(ahaus, f"anna.{wait.days}@ahaus.net", PASSWORD).contract == contract
        assert Credential.objects.filter(contract=contract).count() == 1
        assert not Collection.objects.filter(contract=contract).exists()
        assert Unit.objects.filter(anchor=contract.id).exclude(due_at=None).count() == 0
        assert queries.address_state(ahaus, f"anna.{wait.days}") == queries.TAKEN
    assert not Quarantine.objects.exists()


def furnished(tenant, now, **changes) -> Contract:
    """A contract with a second factor, an app password and a voluntary detail."""
    contract = order(tenant, now, voluntary={"nickname": "Anni"}, **changes)
    secret = totp.new_secret()
    second_factors.turn_on_app(second_factor.of_contract(tenant, contract), secret=secret, code=totp.code(secret, now), now=now)
    app_passwords.make(contract, tenant=tenant, label="Telefon", scopes=["imap"], now=now)
    return contract


@pytest.mark.parametrize("minutes", [10, 120])
def test_a_take_back_says_what_it_did_not_bring_back(ahaus, now, minutes) -> None:
    wait, lost = timedelta(minutes=minutes), {"apps", "details"} | ({"factor"} if minutes > 60 else set())
    contract, plain = furnished(ahaus, now), order(ahaus, now, localpart="anna.l")
    for one in (contract, plain):
        ended = contracts.cancel(one, ends_at=now, now=now)
        sweep.run(now + wait)
        contracts.take_back(place_of(ahaus, ended), tenant=ahaus, now=now + wait)
    assert queries.lost(ahaus, plain) == frozenset()
    assert queries.lost(ahaus, contract) == lost
    assert ("factor" in lost) != second_factor.is_on(second_factor.of_contract(ahaus, contract))


def test_what_is_set_up_again_is_spoken_of_no_more_and_a_second_end_forgets_nothing(ahaus, musterstadt, now) -> None:
    contract, at = furnished(ahaus, now), now
    for _ in range(2):
        ended = contracts.cancel(contract, ends_at=at, now=at)
        at += 2 * timedelta(hours=1)
        sweep.run(at)
        contract = contracts.take_back(place_of(ahaus, ended), tenant=ahaus, now=at)
        assert queries.lost(ahaus, contract) == {"factor", "apps", "details"}
    ends.stop_reminding(contract, tenant=musterstadt)
    assert queries.lost(musterstadt, contract) == frozenset()
    secret, owner = totp.new_secret(), second_factor.of_contract(ahaus, contract)
    second_factors.turn_on_app(owner, secret=secret, code=totp.code(secret, at), now=at)
    assert queries.lost(ahaus, contract) == {"apps", "details"}
    second_factors.turn_off(owner, now=at)
    assert queries.lost(ahaus, contract) == {"apps", "details"}  # that was its holder's wish
    app_passwords.make(contract, tenant=ahaus, label="Telefon", scopes=["imap"], now=at)
    assert queries.lost(ahaus, contract) == {"details"}
    ends.stop_reminding(contract, tenant=ahaus)
    assert queries.lost(ahaus, contract) == frozenset()


def test_c41_too_late_to_take_back_when_the_contents_are_due(ahaus, now) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    place, moment = place_of(ahaus, ended), due(contract, "COLL")
    with pytest.raises(contracts.CannotReturn):
        contracts.take_back(place, tenant=ahaus, now=moment)
    sweep.run(moment)
    with pytest.raises(contracts.CannotReturn):
        contracts.take_back(place, tenant=ahaus, now=moment - DAY)
    contract.refresh_from_db()
    assert contract.state == "ended"


@pytest.mark.parametrize("number", [erasure.CLAIM, erasure.INTENT, erasure.KEYS, erasure.ROWS])
def test_c41_taking_back_while_it_is_being_erased_loses_and_leaves_nothing_half(ahaus, now, number) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    place, moment = place_of(ahaus, ended), due(contract, "COLL")

    class Crash(Exception):
        pass

    def step(reached: int) -> None:
        if reached == number:
            raise Crash

    with pytest.raises(Crash):
        erasure.erase([place.unit_id], tenant=ahaus, now=moment, cause="due", step=step)
    with pytest.raises(contracts.CannotReturn):
        contracts.take_back(place, tenant=ahaus, now=moment - DAY)
    sweep.run(moment)
    contract.refresh_from_db()
    assert contract.state == "ended"
    assert not Address.objects.filter(contract=contract).exists()
    assert Inventory.objects.filter(contract=contract).exists()


@pytest.mark.parametrize("turn", range(4))
def test_c41_taking_back_and_erasing_at_the_same_moment_one_of_them_wins(ahaus, now, turn) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    place, moment = place_of(ahaus, ended), due(contract, "COLL")
    ready, came_back = threading.Barrier(2), []

    def sweeping() -> None:
        try:
            ready.wait()
            sweep.run(moment)
        finally:
            connections.close_all()

    def returning() -> None:
        try:
            ready.wait()
            time.sleep(turn * 0.004)
            contracts.take_back(place, tenant=ahaus, now=moment - timedelta(seconds=1))
            came_back.append(True)
        except contracts.CannotReturn:
            came_back.append(False)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sweeping), threading.Thread(target=returning)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep.run(moment)
    contract.refresh_from_db()
    assert came_back in ([True], [False])  # told which, and not by an error
    assert contract.state == ("active" if came_back == [True] else "ended")
    if came_back == [True]:
        assert credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD)
        assert not Collection.objects.exists()
    else:
        assert not Address.objects.exists()
        assert not Credential.objects.exists()
    assert Inventory.objects.filter(contract=contract).exists()


def test_c41_what_a_crash_left_over_after_taking_back_is_mended(ahaus, now, monkeypatch) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now + DAY)
    with monkeypatch.context() as patched:
        patched.setattr(ends, "clear", lambda *args, **kwargs: 0)
        contracts.take_back(place_of(ahaus, ended), tenant=ahaus, now=now + DAY)
    assert Collection.objects.exists()
    assert Quarantine.objects.exists()
    assert place_of(ahaus, ended) is None
    jobs.run(now + DAY)
    assert not Collection.objects.exists()
    assert not Quarantine.objects.exists()
    assert queries.address(ahaus, "anna.k").contract == contract


def test_c41_reordering_within_six_months_is_a_new_anchor_and_old_dates_stay(ahaus, now) -> None:
    old = order(ahaus, now)
    ended = contracts.cancel(old, ends_at=now, now=now)
    dates = {unit.category: unit.due_at for unit in Unit.objects.filter(anchor=old.id)}
    later = now + 40 * DAY
    sweep.run(later)
    new = order(ahaus, later, reclaim=ended.reclaim_code)
    assert (new.id != old.id, new.person_id != old.person_id) == (True, True)
    left = {unit.category: unit.due_at for unit in Unit.objects.filter(anchor=old.id)}
    assert left == {category: date for category, date in dates.items() if date > later}
    sweep.run(dates["BD"])
    assert not Inventory.objects.filter(contract=old).exists()
    assert Inventory.objects.filter(contract=new).exists()
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD).contract == new


def test_c41_a_second_contract_of_one_person_keeps_only_its_own(ahaus, musterstadt, now) -> None:
    first = order(ahaus, now, voluntary={"nickname": "Änne"})
    second = order(ahaus, now, person=first.person_id, localpart="anna.verein")
    assert second.person_id == first.person_id
    contracts.cancel(first, ends_at=now, now=now)
    day = sweep.next_due(None, after=now)
    while day is not None:
        sweep.run(day)
        day = sweep.next_due(None, after=day)
    assert not Contract.objects.filter(id=first.id).exists()
    assert credentials.sign_in(ahaus, "anna.verein@ahaus.net", PASSWORD).contract == second
    assert set(Unit.objects.values_list("anchor", flat=True)) == {second.id}
    with pytest.raises(queries.NoSuchContract):
        order(musterstadt, now, person=first.person_id, localpart="anna.x")


def test_k21_an_address_given_up_and_taken_again_cannot_be_taken_back_by_the_old_contract(ahaus, now) -> None:
    old = order(ahaus, now)
    ended = contracts.cancel(old, ends_at=now, now=now)
    sweep.run(now + DAY)
    order(ahaus, now + DAY, reclaim=ended.reclaim_code)
    with pytest.raises(contracts.CannotReturn):
        contracts.take_back(place_of(ahaus, ended), tenant=ahaus, now=now + DAY)
    old.refresh_from_db()
    assert old.state == "ended"


def test_k21_nobody_else_gets_an_address_in_quarantine_not_even_within_the_hour(ahaus, musterstadt, now) -> None:
    ended = contracts.cancel(order(ahaus, now), ends_at=now, now=now)
    other = contracts.cancel(order(ahaus, now, localpart="ben.b"), ends_at=now, now=now)
    for later in (now, now + timedelta(minutes=61), now + 100 * DAY):
        sweep.run(later)
        for wrong in ("", other.reclaim_code, ended.collection_code, ended.reclaim_code[:-1]):
            assert queries.address_state(ahaus, "anna.k", reclaim=wrong) == queries.QUARANTINED
    assert queries.address_state(ahaus, "anna.k", reclaim=ended.reclaim_code) == queries.FREE
    assert queries.address_state(musterstadt, "anna.k") == queries.FREE
    end = Quarantine.objects.select_related("unit").first().unit.due_at
    sweep.run(end)
    assert queries.address_state(ahaus, "anna.k") == queries.FREE
