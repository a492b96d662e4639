"""Further addresses: whose they may be, where their mail goes, how each ends, and that no stranger ever gets one too early."""

from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connections

from stadtmail.kit import config
from stadtmail.mail import queries
from stadtmail.mail.actions import accounts, aliases, delivery
from stadtmail.mail.models import Route
from stadtmail.people import queries as people
from stadtmail.people.actions import aliases as further
from stadtmail.people.actions import contracts, ends
from stadtmail.people.actions.contracts import AddressTaken
from stadtmail.people.models import Address, Alias, Contract, Quarantine
from stadtmail.privacy import sweep
from stadtmail.privacy.models import Event, Unit
from stadtmail.rights import archive, overview
from tests.mail.conftest import form, opened
from tests.people.traces import files_with

DAY = timedelta(days=1)
CANARY = "kanarienhahn77"


@pytest.fixture
def contract(anna) -> Contract:
    return Contract.objects.get(id=anna.contract)


def add(contract: Contract, localpart: str, now: datetime, **more) -> str:
    return aliases.add(contract, localpart, tenant=contract.tenant, now=now, **more)


def remove(contract: Contract, now: datetime) -> None:
    (row,) = people.aliases(contract.tenant, contract)
    further.remove(contract, row.id, tenant=contract.tenant, now=now)


def swept(now: datetime) -> None:
    sweep.run(now)


@pytest.mark.postgres
def test_mail_to_a_further_address_arrives_and_its_owner_may_write_from_it(ahaus, anna, contract, deliver, now) -> None:
    assert add(contract, "A.Kanarie", now) == "a.kanarie@ahaus.net"
    assert people.owned_addresses(ahaus, contract) == ["anna@ahaus.net", "a.kanarie@ahaus.net"]
    assert deliver(b"Subject: x\r\n\r\n", "a.kanarie+shop@ahaus.net", "anna@ahaus.net") == [None, None]
    assert len(queries.page(opened(ahaus, anna), 1)) == 2


@pytest.mark.parametrize("localpart", ["", "a", "postmaster", "p0stmaster", "rathaus-x", "ännchen", "a b", "a..b", "x" * 50, "a@b", ".ab"])
def test_not_every_name_can_be_had(contract, localpart: str, now) -> None:
    with pytest.raises(further.NoAddress):
        add(contract, localpart, now)


def test_what_somebody_has_or_has_ordered_cannot_be_had(ahaus, contract, ben, now) -> None:
    for localpart in ("anna", "ben"):
        with pytest.raises(AddressTaken):
            add(contract, localpart, now)
    add(contract, "gemeinsam", now)
    with pytest.raises(AddressTaken):
        add(Contract.objects.get(id=ben.contract), "gemeinsam", now)
    with pytest.raises(AddressTaken):
        accounts.open_account(form(localpart="gemeinsam"), tenant=ahaus, now=now)
    assert people.address_state(ahaus, "gemeinsam") == "taken"


def test_the_city_sets_how_many(contract, now) -> None:
    for number in range(5):
        add(contract, f"anna.nr{number}", now)
    with pytest.raises(further.TooManyAliases):
        add(contract, "anna.nr5", now)


@pytest.mark.postgres
def test_of_many_at_once_there_are_no_more_than_the_city_allows(contract, now) -> None:
    together, results = Barrier(8), []

    def take(number: int) -> None:
        together.wait()
        try:
            results.append(add(contract, f"anna.nr{number}", now))
        except further.TooManyAliases:
            results.append(None)
        finally:
            connections.close_all()

    threads = [Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in results) == 5
    assert Alias.objects.count() == Quarantine.objects.count() == 5


@pytest.mark.postgres
def test_c41_one_that_was_given_up_is_gone_at_once_and_goes_to_nobody_else_for_half_a_year(ahaus, contract, ben, deliver, now) -> None:
    add(contract, CANARY, now)
    remove(contract, now)
    assert (Alias.objects.count(), Route.objects.count(), people.owned_addresses(ahaus, contract)) == (0, 2, ["anna@ahaus.net"])
    with pytest.raises(delivery.NoSuchMailbox):
        delivery.recipient(f"{CANARY}@ahaus.net", now=now)
    bens = Contract.objects.get(id=ben.contract)
    with pytest.raises(AddressTaken):
        add(bens, CANARY, now + 180 * DAY)
    with pytest.raises(AddressTaken):
        accounts.open_account(form(localpart=CANARY), tenant=ahaus, now=now + DAY)
    assert people.address_state(ahaus, CANARY) == "quarantined"
    due = Unit.objects.get(category="TOMB").due_at
    assert due.date().isoformat() == "2027-05-23"  # the day after six months by the city's clock, in UTC
    swept(due + timedelta(minutes=1))
    assert people.address_state(ahaus, CANARY) == "free"
    assert add(bens, CANARY, due + timedelta(minutes=2))


def test_its_former_owner_gets_it_back(ahaus, contract, now) -> None:
    add(contract, CANARY, now)
    remove(contract, now)
    add(contract, CANARY, now + DAY)
    remove(contract, now + DAY)
    add(contract, CANARY, now + 2 * DAY)
    assert people.address_state(ahaus, CANARY) == "taken"


@pytest.mark.postgres
def test_a_temporary_one_ends_by_itself(ahaus, contract, now) -> None:
    add(contract, CANARY, now, until=now + 7 * DAY)
    (row,) = people.aliases(ahaus, contract)
    assert row.until == now + 7 * DAY
    swept(now + 7 * DAY - timedelta(seconds=1))
    assert delivery.recipient(f"{CANARY}@ahaus.net", now=now)
    swept(now + 7 * DAY)
    assert (Alias.objects.count(), people.address_state(ahaus, CANARY)) == (0, "quarantined")
    with pytest.raises(further.InThePast):
        add(contract, "spaeter", now, until=now)


def test_c28_with_the_contract_it_closes_and_a_take_back_opens_it_again(ahaus, anna, contract, now) -> None:
    add(contract, CANARY, now)
    ended = contracts.cancel(contract, ends_at=now, now=now)
    with pytest.raises(delivery.MailboxClosed):
        delivery.recipient(f"{CANARY}@ahaus.net", now=now)
    swept(now + 2 * DAY)  # credentials and their address are gone
    place = people.collection(ahaus, contracts.reclaim_digest(ahaus, ended.collection_code))
    ends.take_back(place, tenant=ahaus, now=now + 3 * DAY)
    assert delivery.recipient(f"{CANARY}@ahaus.net", now=now).mailbox == queries.mailbox_of(ahaus, anna.contract).id


def test_c41_after_the_end_of_the_contract_nothing_is_left_when_its_dates_have_come(ahaus, contract, now) -> None:
    add(contract, CANARY, now, until=now + 400 * DAY)
    contracts.cancel(contract, ends_at=now, now=now)
    for days in (1, 31, 190, 800):
        swept(now + days * DAY)
        assert Alias.objects.exists() == (days < 30)
    assert not Contract.objects.exists()
    assert not Address.objects.exists()
    assert not Quarantine.objects.exists()
    assert not Event.objects.exists()


def test_c41_no_file_has_the_name_before_during_or_after(ahaus, contract, now) -> None:
    assert not files_with(CANARY)
    add(contract, CANARY, now)
    assert not files_with(CANARY)
    remove(contract, now)
    assert not files_with(CANARY)
    assert config.load().data.exists()


def test_c61_its_owner_sees_it_and_takes_it_along(ahaus, anna, contract, now) -> None:
    add(contract, CANARY, now, until=now + DAY)
    (section,) = [one for one in overview.overview(ahaus, anna.contract, lang="de", now=now).sections if one.category == "ALI"]
    assert section.records == [{"further_address": f"{CANARY}@ahaus.net", "until": (now + DAY).isoformat()}]
    assert CANARY.encode() in b"".join(archive.archive(ahaus, anna.contract, now=now))


def test_law5_from_another_city_nothing_is_had_seen_or_ended(ahaus, musterstadt, contract, now) -> None:
    add(contract, CANARY, now)
    (row,) = people.aliases(ahaus, contract)
    assert people.aliases(musterstadt, contract) == []
    with pytest.raises(further.NoSuchAlias):
        further.remove(contract, row.id, tenant=musterstadt, now=now)
    with pytest.raises((contracts.AlreadyEnded, queries.NoSuchMailbox)):
        aliases.add(contract, "drueben", tenant=musterstadt, now=now)
    assert people.address_state(musterstadt, CANARY) == "free"
