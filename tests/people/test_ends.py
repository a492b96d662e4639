"""Cancelling now and later, withdrawing, correcting, taking back, twice and at the same moment as the erasure (C-4.1, C-2.8)."""

import sqlite3
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.people import jobs, queries, second_factor, totp
from stadtmail.people.actions import app_passwords, contracts, credentials, ends, second_factors
from stadtmail.people.models import Address, Collection, Contract, Credential, Identity, Inventory, Quarantine
from stadtmail.privacy import erasure, events, recovery, sweep, units
from stadtmail.privacy.models import Event, Unit
from tests.instance import POSTGRES
from tests.people.people import PASSWORD, order
from tests.people.traces import files_with

DAY = timedelta(days=1)


def place_of(tenant, ended):
    return queries.collection(tenant, contracts.reclaim_digest(tenant, ended.collection_code))


def due(contract, category):
    return Unit.objects.get(anchor=contract.id, category=category).due_at


def test_c41_a_later_end_shows_its_codes_at_once_and_takes_effect_at_its_moment(ahaus, now) -> None:
    contract = order(ahaus, now)
    at = now + 30 * DAY
    ended = contracts.cancel(contract, ends_at=at, now=now)
    assert (ended.ends_at, contract.state, place_of(ahaus, ended)) == (at, "active", None)
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD)
    assert jobs.run(at - timedelta(seconds=1)) == 0
    assert queries.next_end(now) == at
    assert jobs.run(at) == 1
    assert jobs.run(at) == 0
    assert place_of(ahaus, ended).contract == contract
    with pytest.raises(credentials.WrongCredentials):
        credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD)
    assert events.happened(ahaus, contract.id, "contract_end") == at


def test_c41_the_clock_starts_at_the_effective_end_and_not_when_somebody_notices(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now + DAY, now=now)
    jobs.run(now + 5 * DAY)
    assert due(contract, "BD-CRED") == now + DAY + timedelta(hours=1)


def test_c41_a_scheduled_end_that_is_put_back_into_the_past_makes_nothing_late_and_one_that_was_overslept_does(ahaus, now) -> None:
    first, second = order(ahaus, now), order(ahaus, now, localpart="anna.l")
    for contract, end in ((first, now + 30 * DAY), (second, now + 2 * DAY)):
        contracts.cancel(contract, ends_at=end, now=now)
    later = now + 9 * DAY
    for contract in (first, second):
        ends.move(contract, at=now + DAY, now=later)
        assert contract.state == "ended"
    known = {c.id: Unit.objects.get(anchor=c.id, category="BD-CRED").known_at for c in (first, second)}
    assert known == {first.id: later, second.id: now + 2 * DAY}
    assert sweep.run(later).late == 1


def test_c47_no_code_lies_anywhere(ahaus, now) -> None:
    ended = contracts.cancel(order(ahaus, now), ends_at=now + DAY, now=now)
    for code in (ended.collection_code, ended.reclaim_code):
        assert code not in repr(ended)
        assert files_with(code) == files_with(code.replace("-", "")) == []


def test_c41_a_cancellation_is_withdrawn_before_its_end_and_its_codes_open_nothing(ahaus, now) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now + DAY, now=now)
    contracts.keep_on(contract, tenant=ahaus, now=now)
    assert (contract.ends_at, jobs.run(now + 2 * DAY), place_of(ahaus, ended)) == (None, 0, None)
    assert not Collection.objects.exists()
    again = contracts.cancel(contract, ends_at=now + 3 * DAY, now=now + 2 * DAY)
    jobs.run(now + 3 * DAY)
    assert place_of(ahaus, ended) is None
    assert place_of(ahaus, again) is not None
    with pytest.raises(contracts.CannotReturn):
        contracts.keep_on(contract, tenant=ahaus, now=now + 4 * DAY)


def test_c41_cancelling_twice_is_refused_and_the_first_codes_stay(ahaus, now) -> None:
    contract = order(ahaus, now)
    first = contracts.cancel(contract, ends_at=now + DAY, now=now)
    for again in (now, now + 2 * DAY):
        with pytest.raises(contracts.AlreadyEnded):
            contracts.cancel(contract, ends_at=again, now=now)
    jobs.run(now + DAY)
    with pytest.raises(contracts.AlreadyEnded):
        contracts.cancel(contract, ends_at=now + DAY, now=now + DAY)
    assert place_of(ahaus, first) is not None


def test_c41_two_cancellations_at_the_same_moment_give_one(ahaus, now) -> None:
    contract = order(ahaus, now)
    got: list[object] = []

    def attempt() -> None:
        try:
            got.append(contracts.cancel(Contract.objects.get(id=contract.id), ends_at=now, now=now))
        except contracts.AlreadyEnded:
            got.append(None)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got.count(None) == 3
    assert place_of(ahaus, next(one for one in got if one)) is not None
    assert Event.objects.filter(name="contract_end", anchor=contract.id).count() == 1


def test_c41_a_corrected_end_moves_every_date_both_ways_and_both_values_stay(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"})
    contracts.cancel(contract, ends_at=now, now=now)
    before = due(contract, "BD"), due(contract, "TOMB")
    ends.move(contract, at=now - 20 * DAY, now=now + DAY)
    assert due(contract, "BD") == before[0] - 20 * DAY
    assert due(contract, "TOMB") == before[1] - 20 * DAY
    ends.move(contract, at=now + DAY, now=now + DAY)
    assert due(contract, "BD") > before[0]
    consent = Unit.objects.get(category="CONS")
    assert events.happened(ahaus, consent.anchor, "contract_end") == now + DAY
    assert Event.objects.filter(name="contract_end", anchor=contract.id).count() == 3
    identity = Identity.objects.select_related("unit").get()
    assert (now + DAY).isoformat() in units.text(identity.unit, "dates", identity.dates)


def test_c41_after_the_erasure_no_end_can_be_corrected(ahaus, now) -> None:
    contract = order(ahaus, now)
    contracts.cancel(contract, ends_at=now, now=now)
    far = now + 900 * DAY
    sweep.run(far)
    for at in (now - DAY, far + DAY):
        with pytest.raises(ends.CannotMove):
            ends.move(contract, at=at, now=far)


def test_c41_an_end_moved_to_a_coming_day_lets_the_contract_go_on_until_then(ahaus, now) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now + DAY)
    ends.move(contract, at=now + 9 * DAY, now=now + DAY)
    assert (contract.state, contract.ends_at) == ("active", now + 9 * DAY)
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", PASSWORD)
    assert not Quarantine.objects.exists()
    jobs.run(now + 9 * DAY)
    assert place_of(ahaus, ended) is not None
    assert due(contract, "BD-CRED") == now + 9 * DAY + timedelta(hours=1)


def test_c41_a_running_contract_without_cancellation_has_no_end_to_correct(ahaus, now) -> None:
    with pytest.raises(ends.CannotMove):
        ends.move(order(ahaus, now), at=now, now=now)


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


def test_c28_no_credential_and_no_open_address_under_an_ended_contract(ahaus, now) -> None:
    contracts.cancel(order(ahaus, now), ends_at=now, now=now)
    assert not Address.objects.filter(open=True).exists()
    sweep.run(now + timedelta(hours=1))
    assert not Address.objects.exists()
    assert not Credential.objects.exists()


@pytest.mark.parametrize("scheduled", [False, True])
@pytest.mark.skipif(bool(POSTGRES), reason="the copy of a SQLite file")
def test_c41_a_contract_that_a_restore_made_active_again_ends_again(ahaus, now, scheduled) -> None:
    """The backup is from before the end: without its clocks, inventory data would stay for ever."""
    contract, later = order(ahaus, now), now + timedelta(days=1)
    if scheduled:
        contracts.cancel(contract, ends_at=later, now=now)
    connection = connections["default"]
    connection.ensure_connection()
    copy = sqlite3.connect(":memory:")
    connection.connection.backup(copy)
    jobs.run(later)
    if not scheduled:
        contracts.cancel(contract, ends_at=later, now=later)
    dates = dict(Unit.objects.filter(category__in=("BD", "BD-ID")).values_list("category", "due_at"))
    sweep.run(later + timedelta(hours=1))
    copy.backup(connection.connection)
    restored = later + timedelta(hours=2)
    assert recovery.replay(restored) >= 1
    assert jobs.recover(restored) == 1
    assert jobs.recover(restored) == 0
    contract.refresh_from_db()
    assert (contract.state, contract.ends_at) == ("ended", later)
    assert dict(Unit.objects.filter(category__in=("BD", "BD-ID")).values_list("category", "due_at")) == dates
    assert queries.address_state(ahaus, "anna.k") == queries.QUARANTINED
    jobs.run(restored)
    day = sweep.next_due(None, after=restored)
    while day is not None:
        assert sweep.run(day).late == 0
        day = sweep.next_due(None, after=day)
    assert not Unit.objects.exclude(category="CONT").exists()
    assert not Contract.objects.exists()
