"""A contract begins and ends: what is open, what is closed, what is gone at which moment (C-2.8, C-4.1)."""

from datetime import timedelta

import pytest

from stadtmail.people import queries
from stadtmail.people.actions import contracts, credentials
from stadtmail.people.models import Contract, Credential, Identity, Inventory, Person
from stadtmail.privacy import measures, sweep
from stadtmail.privacy.models import Event, Unit
from tests.people.people import order


def test_c28_nothing_runs_under_an_ended_contract(ahaus, now) -> None:
    contract = order(ahaus, now)
    assert credentials.sign_in(ahaus, "Anna.K@ahaus.net", "ein langer Satz 7").contract == contract
    contracts.cancel(contract, ends_at=now, now=now)
    with pytest.raises(credentials.WrongCredentials):
        credentials.sign_in(ahaus, "anna.k@ahaus.net", "ein langer Satz 7")
    assert queries.address(ahaus, "anna.k") is None


def test_c41_each_part_goes_at_its_own_moment(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"})
    contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now + timedelta(minutes=59))
    assert Credential.objects.exists()
    sweep.run(now + timedelta(minutes=61))
    assert not Credential.objects.exists()
    assert Inventory.objects.exists()
    day = sweep.next_due(None, after=now + timedelta(hours=2))
    while day is not None:
        before = set(Unit.objects.values_list("id", flat=True))
        sweep.run(day - timedelta(seconds=1))
        assert set(Unit.objects.values_list("id", flat=True)) == before
        assert sweep.run(day).erased > 0
        day = sweep.next_due(None, after=day)
    assert not Identity.objects.exists()
    assert not Person.objects.exists()
    assert not Contract.objects.exists()
    assert not Unit.objects.exists()
    assert not Event.objects.exists()
    assert measures.overdue(ahaus, now + timedelta(days=4000)) == 0


def test_c41_taking_the_cancellation_back_restores_everything(ahaus, now) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    sweep.run(now + timedelta(hours=2))
    place = queries.collection(ahaus, contracts.reclaim_digest(ahaus, ended.collection_code))
    contracts.take_back(place, tenant=ahaus, now=now + timedelta(days=3))
    assert credentials.sign_in(ahaus, "anna.k@ahaus.net", "ein langer Satz 7")
    assert sweep.next_due(None, after=now) is None


def test_c41_an_address_in_quarantine_goes_back_to_its_former_holder_only(ahaus, now) -> None:
    contract = order(ahaus, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    later = now + timedelta(days=40)
    sweep.run(later)
    with pytest.raises(contracts.AddressTaken):
        order(ahaus, later)
    again = order(ahaus, later, reclaim=ended.reclaim_code)
    assert again.id != contract.id


def test_c26_a_voluntary_detail_is_gone_when_it_is_withdrawn(ahaus, now) -> None:
    contract = order(ahaus, now, voluntary={"nickname": "Änne"})
    assert contracts.withdraw(contract, "nickname", tenant=ahaus, now=now)
    assert queries.voluntary(ahaus, contract) == []
