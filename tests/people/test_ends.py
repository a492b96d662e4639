"""Cancelling now and later, withdrawing and correcting an end; what a restore made active again ends again (C-4.1, C-2.8)."""

import sqlite3
import threading
from datetime import timedelta

import pytest
from django.db import connections

from stadtmail.people import jobs, queries
from stadtmail.people.actions import contracts, credentials, ends
from stadtmail.people.models import Address, Collection, Contract, Credential, Identity, Quarantine
from stadtmail.privacy import events, recovery, sweep, units
from stadtmail.privacy.models import Event, Unit
from tests.instance import POSTGRES
from tests.people.ends import DAY, due, place_of
from tests.people.people import PASSWORD, order
from tests.people.traces import files_with


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
