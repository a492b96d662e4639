"""Where two parts of the mail engine meet: a backup that is put back and the queue, filters and messages that come again, imports and
the end of a contract. Each part is right alone; these are the attacks on what lies between them."""

from datetime import timedelta

import pytest

from stadtmail.doors.console import start, work
from stadtmail.mail import jobs, queries
from stadtmail.mail.actions import delivery, filters, importing, legs, planning, repeats, sending
from stadtmail.mail.importing import running
from stadtmail.mail.leaving import HELD, Leg
from stadtmail.mail.models import Import, Mailbox, Planned
from stadtmail.mail.verdicts import Verdict
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.privacy import scan, sweep
from stadtmail.usage import volatile
from tests.backups import backup
from tests.mail.conftest import every_byte, opened
from tests.mail.outbound.conftest import _on_loopback, carry, dns, sink  # noqa: F401 - a server that takes mail
from tests.mail.outbox import Outbox
from tests.mail.planned import wait

ANNA, BEN = "anna@ahaus.net", "ben@ahaus.net"
RAW = b"From: anna@ahaus.net\r\nSubject: einmal\r\n\r\nText\r\n"
SECRET = "Fremdkanarie-55-x"


# --- a backup that is put back, and the queue -------------------------------------------------------------------------------


@pytest.fixture
def delivered_since(ahaus, anna, now, carry, sink):  # noqa: F811
    """A message to two recipients and one to a third wait; after the backup all of it is carried that can be."""

    def hand_over(*to: str) -> None:
        sending.send(ahaus, contract=anna.contract, sender=ANNA, recipients=list(to), raw=RAW, now=now)

    sink.answers = {"zweite@example.org": "451 4.7.1 later"}
    hand_over("erste@example.org", "zweite@example.org")
    hand_over("dritte@example.org")
    back = backup()
    carry()
    sweep.run(now)
    return back


@pytest.mark.postgres
def test_c42_a_backup_that_is_put_back_sends_nothing_a_second_time(delivered_since, ahaus, anna, now, carry, sink) -> None:  # noqa: F811
    assert sorted(address for one in sink.taken for address in one.recipients) == ["dritte@example.org", "erste@example.org"]
    delivered_since()
    assert start._replay(now) >= 1
    assert set(Leg.objects.values_list("state", "reason")) == {(HELD, "restored")}
    carry(now + timedelta(hours=1))
    assert len(sink.taken) == 2
    jobs.end_transits(now + timedelta(days=5, minutes=1))  # nobody let it go: its sender is told
    assert not Leg.objects.exists()
    assert any(row.sender_address.startswith("postmaster@") for row in queries.page(opened(ahaus, anna), 1))


@pytest.mark.postgres
def test_without_the_hold_it_would_and_the_operator_may_decide_so(delivered_since, ahaus, now, carry, sink) -> None:  # noqa: F811
    delivered_since()
    start._replay(now)
    assert legs.release(ahaus, now=now) == 1
    carry(now)
    got = [address for one in sink.taken for address in one.recipients]
    assert got.count("erste@example.org") == 2
    assert got.count("dritte@example.org") == 1  # its key is gone, whoever releases what


@pytest.mark.postgres
def test_c42_what_was_planned_before_a_backup_is_a_draft_again(ahaus, anna, now, carry, sink) -> None:  # noqa: F811
    """Since the backup one was sent and one was stopped by its writer: neither goes out now."""
    sending.send(ahaus, contract=anna.contract, sender=ANNA, recipients=["dritte@example.org"], raw=RAW, now=now)
    wait(opened(ahaus, anna), "erste@example.org", subject="schon gesendet", at=now)
    stopped = wait(opened(ahaus, anna), "zweite@example.org", subject="gestoppt", at=now + timedelta(days=2), later=True)
    back = backup()
    planning.stop(opened(ahaus, anna), stopped, now=now)
    assert planning.send_due(now) == 1
    carry()
    sweep.run(now)
    back()
    assert start._replay(now) >= 1
    assert planning.send_due(now + timedelta(days=9)) == 0
    carry(now + timedelta(days=3))
    assert sorted(address for one in sink.taken for address in one.recipients) == ["dritte@example.org", "erste@example.org"]
    assert {row.subject for row in queries.page(opened(ahaus, anna), 2)} == {"schon gesendet", "gestoppt"}
    told = [row.subject for row in queries.page(opened(ahaus, anna), 1)]
    assert told.count("Eine Nachricht von Ihnen wartet auf Sie") == 2


def test_an_ordinary_start_leaves_plans_alone(ahaus, anna, now) -> None:
    wait(opened(ahaus, anna), "ben@ahaus.net", at=now + timedelta(days=1), later=True)
    assert start._replay(now) == 0
    assert Planned.objects.count() == 1


def test_an_ordinary_start_holds_nothing(ahaus, anna, now) -> None:
    sending.send(ahaus, contract=anna.contract, sender=ANNA, recipients=["x@example.org"], raw=RAW, now=now)
    assert start._replay(now) == 0
    assert not Leg.objects.filter(reason="restored").exists()


# --- filters, and a message that comes again because somebody else's mailbox is full ----------------------------------------

AGAIN = b"From: Bo <bo@elsewhere.example>\r\nTo: anna@ahaus.net\r\nSubject: an alle\r\nMessage-ID: <7@elsewhere.example>\r\n\r\nText\r\n"


@pytest.fixture
def comes_again(ahaus, anna, ben, now):
    """Bo's server sends one message to Anna and Ben; Ben's mailbox is full, so it comes again. Returns what went out."""
    volatile.clear()
    outbox = Outbox()
    box = queries.mailbox_of(ahaus, ben.contract)
    Mailbox.objects.filter(id=box.id).update(used_bytes=box.quota_bytes - 10)

    def run(script: str, *hours: float, confirms: bool = False) -> Outbox:
        o = opened(ahaus, anna)
        filters.put(o, "main", script.encode(), enqueue=outbox, now=now)
        if confirms:
            code = outbox[-1].raw.split(b"# confirm ")[1].split()[0].replace(b"=\r\n", b"").decode()
            assert filters.confirm(o, code, now=now)
            outbox.clear()
        filters.activate(o, "main", now=now)
        writer = delivery.Writer(enqueue=outbox)
        writer.start()
        try:
            for hour in hours:
                at = now + timedelta(hours=hour)
                to = [delivery.recipient(one, now=at) for one in (ANNA, BEN)]
                trace = f"Return-Path: <bo@elsewhere.example>\r\nReceived: by ahaus.net; {hour}\r\n".encode()
                writer.submit(AGAIN, to, received=trace, now=at, verdict=Verdict(spf="pass", dmarc="pass")).result(timeout=30)
        finally:
            writer.stop()
        return outbox

    yield run
    volatile.clear()


def test_who_was_refused_is_told_once_however_often_it_comes_again(comes_again) -> None:
    out = comes_again('require "reject"; reject "nein danke";', 0, 0.5, 5, 13, 30, 100)
    assert [(one.sender, one.to) for one in out] == [("", "bo@elsewhere.example")]


def test_what_is_passed_on_goes_once_in_all_the_days_in_which_a_sender_tries(comes_again) -> None:
    script = 'require "copy"; redirect :copy "anna@umzug.example";'
    out = comes_again(script, 0, 0.5, 5, 13, 30, 100, confirms=True)
    assert [one.to for one in out] == ["anna@umzug.example"]
    assert timedelta(hours=100) <= repeats.KEPT


def test_an_answer_of_absence_goes_once_too(comes_again, ahaus, anna) -> None:
    out = comes_again('require "vacation"; vacation :days 7 "Ich bin fort.";', 0, 0.5, 5, 13, 30, 100)
    assert len(out) <= 1
    assert [row.subject for row in queries.page(opened(ahaus, anna), 1)].count("an alle") == 1


# --- an import, and the end of its contract ----------------------------------------------------------------------------------


@pytest.fixture
def importing_anna(ahaus, anna, now) -> Import:
    importing.begin_imap(opened(ahaus, anna), host="imap.alt.example", port=993, user="alt", password=SECRET, lang="de", now=now)
    return Import.objects.get()


def ends(ahaus, anna, now) -> None:
    contracts.cancel(people.contract(ahaus, anna.contract), ends_at=now, now=now)


def test_c28_no_import_begins_or_goes_on_under_an_ended_contract(ahaus, anna, importing_anna, now) -> None:
    (row,) = importing.claim(now, most=5)
    assert importing.note(row, where={}, now=now)
    ends(ahaus, anna, now)
    assert not importing.note(row, where={}, now=now)  # the one that runs is told so at its next portion
    assert importing.claim(now + timedelta(hours=1), most=5) == []
    with pytest.raises(running.Stopped):
        running._Job(row)._note()


def test_c41_with_the_contract_the_credentials_of_the_other_provider_go(ahaus, anna, importing_anna, now) -> None:
    assert [hit.place.split()[0] for hit in scan.run([SECRET], now=now).hits] == ["mail.Import"]
    ends(ahaus, anna, now)
    work.Work(tuple(task for task in work.TASKS if task.name == "ends")).round(now)
    assert not Import.objects.exists()
    assert scan.run([SECRET], now=now).hits == []
    assert all(SECRET.encode() not in data for _, data in every_byte())
