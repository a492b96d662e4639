"""Accounts open whole or not at all; roles exist in every city; each month of a role's mail is a unit of its own."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stadtmail.mail import jobs, queries
from stadtmail.mail.actions import accounts, delivery, rolekeys, storing
from stadtmail.mail.models import Folder, Mailbox, MailboxKey, Message
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.people.models import Contract, Person
from stadtmail.privacy import holdings, sweep, units
from stadtmail.privacy.models import Unit
from stadtmail.vault import blobs
from tests.mail.conftest import form, opened


def test_c11_every_column_is_declared() -> None:
    assert [problem for problem in holdings.check() if problem.startswith("mail.")] == []


def test_a_new_mailbox_holds_the_welcome_in_the_language_of_the_order(ahaus, now) -> None:
    for lang, word in (("de", "Willkommen"), ("en", "Welcome")):
        account = accounts.open_account(form(localpart=f"neu-{lang}", language=lang), tenant=ahaus, now=now)
        box = opened(ahaus, account)
        (row,) = queries.page(box, 1)
        assert word in row.subject
        assert "Anna Kanariengelb" in queries.message(box, 1, row.uid).text
        assert account.address == f"neu-{lang}@ahaus.net"
        assert [f.role for f in queries.folders(box)] == ["inbox", "drafts", "sent", "junk", "archive", "trash"]
        assert queries.folders(box)[0].name == ("Inbox" if lang == "en" else "Posteingang")
        assert (queries.folders(box)[0].total, queries.folders(box)[0].unread) == (1, 1)


def test_an_account_that_fails_leaves_nothing(ahaus, anna, now, monkeypatch) -> None:
    before = (Person.objects.count(), Contract.objects.count(), Mailbox.objects.count(), Unit.objects.count(), Folder.objects.count())
    with pytest.raises(contracts.AddressTaken):
        accounts.open_account(form(), tenant=ahaus, now=now)
    monkeypatch.setattr(storing, "place", lambda batch: [storing.MailboxFull()])
    with pytest.raises(accounts.NotWelcomed):
        accounts.open_account(form(localpart="carla"), tenant=ahaus, now=now)
    after = (Person.objects.count(), Contract.objects.count(), Mailbox.objects.count(), Unit.objects.count(), Folder.objects.count())
    assert after == before


def test_c16_each_city_has_its_roles_and_only_the_role_reads_them(ahaus, musterstadt, deliver, now) -> None:
    assert accounts.open_roles(ahaus, now=now) == 3
    assert accounts.open_roles(ahaus, now=now) == 0
    assert accounts.open_roles(musterstadt, now=now) == 3
    assert deliver(b"Subject: Auskunft\n\nbitte", "Datenschutz@AHAUS.net", "postmaster@musterstadt.example") == [None, None]
    box = queries.role_mailbox(ahaus, "officer")
    for role in ("desk", "", "postmaster"):
        with pytest.raises(queries.NotTheHolder):
            queries.opened_role(box, role=role)
    with pytest.raises(queries.NotTheHolder):
        queries.opened(box, holder=None)
    o = queries.opened_role(box, role="officer")
    assert [row.subject for row in queries.page(o, 1)] == ["Auskunft"]
    assert queries.folders(o)[0].name == "Posteingang"
    assert {unit.category for unit in Unit.objects.all()} == {"CONT"}
    assert queries.page(queries.opened_role(queries.role_mailbox(musterstadt, "officer"), role="officer"), 1) == []


def test_c16_each_month_of_a_role_is_erased_as_one(ahaus, deliver, now) -> None:
    accounts.open_roles(ahaus, now=now)
    december = datetime(2026, 11, 30, 23, tzinfo=UTC)  # 00:00 on 1 December in Ahaus
    deliver(b"Subject: November\n\n", "abuse@ahaus.net", at=december - timedelta(seconds=1))
    deliver(b"Subject: Dezember\n\n", "abuse@ahaus.net", at=december)  # no job has run: the delivery renews the pair
    box = queries.role_mailbox(ahaus, "abuse")
    assert MailboxKey.objects.filter(mailbox=box).count() == 2
    assert jobs.renew_role_keys(december) == 2
    assert jobs.renew_role_keys(december) == 0
    used = queries.used(box)[0]
    due = MailboxKey.objects.get(mailbox=box, current=False).unit.due_at
    assert due == datetime(2027, 5, 30, 22, tzinfo=UTC)  # the month's last day plus six months, and the day is over
    sweep.run(due - timedelta(seconds=1))
    o = queries.opened_role(box, role="abuse")
    assert [row.subject for row in queries.page(o, 1)] == ["Dezember", "November"]
    sweep.run(due)
    assert [row.subject for row in queries.page(o, 1)] == ["Dezember"]
    assert queries.used(box)[0] < used
    assert Message.objects.count() == 1


def test_month_ends_are_local() -> None:
    tz = ZoneInfo("Europe/Berlin")
    assert rolekeys.month_end(datetime(2026, 12, 31, 22, 59, tzinfo=UTC), tz) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert rolekeys.month_end(datetime(2026, 12, 31, 23, tzinfo=UTC), tz) == datetime(2027, 1, 31, 23, tzinfo=UTC)
    assert rolekeys.month_end(datetime(2027, 3, 1, 0, tzinfo=UTC), tz) == datetime(2027, 3, 31, 22, tzinfo=UTC)


def test_c28_the_end_closes_the_mailbox_and_taking_it_back_opens_it(ahaus, anna, deliver, now) -> None:
    ended = contracts.cancel(people.contract(ahaus, anna.contract), ends_at=now, now=now)
    with pytest.raises(delivery.MailboxClosed):
        delivery.recipient("anna@ahaus.net", now=now)
    assert queries.page(opened(ahaus, anna), 1), "the contents can be collected during the grace period"
    sweep.run(now + timedelta(hours=2))  # the credentials and the address are gone
    with pytest.raises(delivery.NoSuchMailbox):
        delivery.recipient("anna@ahaus.net", now=now)
    place = people.collection(ahaus, contracts.reclaim_digest(ahaus, ended.collection_code))
    contracts.take_back(place, tenant=ahaus, now=now + timedelta(days=3))
    assert deliver(b"Subject: wieder da\n\n", "anna@ahaus.net") == [None]
    assert queries.page(opened(ahaus, anna), 1)[0].subject == "wieder da"


def test_c47_the_contents_are_gone_after_the_grace_period_and_the_neighbours_are_as_before(ahaus, anna, ben, deliver, now) -> None:
    from stadtmail.people import queries as people
    large = b"Subject: gross\n\n" + b"x" * 200_000
    assert deliver(large, "anna@ahaus.net", "ben@ahaus.net") == [None, None]
    theirs = sealed_bytes(Message.objects.filter(folder__mailbox__contract=ben.contract))
    o = opened(ahaus, anna)
    contracts.cancel(people.contract(ahaus, anna.contract), ends_at=now, now=now)
    due = Unit.objects.get(anchor=anna.contract, category="INH").due_at
    sweep.run(due - timedelta(seconds=1))
    assert queries.page(o, 1)
    assert sweep.run(due).erased >= 1
    with pytest.raises(units.Gone):
        queries.page(o, 1)
    with pytest.raises(queries.NoSuchMailbox):
        queries.mailbox_of(ahaus, anna.contract)
    assert len(list(blobs.every())) == 1
    assert sealed_bytes(Message.objects.all()) == theirs
    assert b"".join(queries.raw(opened(ahaus, ben), 1, 2)) == large


def sealed_bytes(rows) -> list:
    return sorted((row.id, bytes(row.record_key), bytes(row.envelope)) for row in rows)
