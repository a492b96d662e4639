"""C-4.2: a message in transit is the one place where traffic data may lie, sealed, and nothing of it is left after its end."""

from datetime import timedelta

import pytest

from stadtmail.kit import config
from stadtmail.mail import jobs, waiting
from stadtmail.mail.actions import accounts, legs, outgoing, sending
from stadtmail.mail.leaving import Leg, Transit
from stadtmail.mail.models import Mailbox, Message
from stadtmail.people.actions import contracts
from stadtmail.people.models import Contract
from stadtmail.privacy import erasure, scan, sweep, units
from stadtmail.privacy.models import Unit
from stadtmail.rights import archive, overview
from stadtmail.usage import folder
from stadtmail.vault import blobs, keys
from stadtmail.vault.seal import Unreadable
from tests.mail.conftest import every_byte, form
from tests.mail.outbound.test_sending import inbox

CANARIES = ("absenderkanarie", "empfaengerkanarie", "Betreffkanarie", "Inhaltskanarie", "Antwortkanarie")
RAW = b"From: absenderkanarie@ahaus.net\r\nSubject: Betreffkanarie\r\n\r\nInhaltskanarie\r\n"
SMALL, LARGE = RAW, RAW + b"x" * 90_000


@pytest.fixture
def sender(ahaus, now) -> accounts.Opened:
    return accounts.open_account(form(localpart="absenderkanarie"), tenant=ahaus, now=now)


def send(tenant, sender, now, raw=SMALL) -> Unit:
    sending.send(
        tenant, contract=sender.contract, sender="absenderkanarie@ahaus.net", recipients=["empfaengerkanarie@example.org"], raw=raw, now=now
    )
    return Transit.objects.latest("unit__due_at").unit


def hits() -> list[str]:
    """Files in which a canary can be read as it lies, also in RAM and in the log."""
    files = [*every_byte(), *((path.name, path.read_bytes()) for path in folder.current().rglob("*") if path.is_file())]
    return [name for name, raw in files for word in CANARIES for form in (word, word.lower(), word.upper()) if form.encode() in raw]


@pytest.mark.postgres
@pytest.mark.parametrize("raw", [SMALL, LARGE], ids=["row", "blob"])
def test_c42_nothing_of_a_message_in_transit_can_be_read_before_or_after_its_end(raw, ahaus, sender, now, sink, carry) -> None:
    unit = send(ahaus, sender, now, raw)
    envelope, leg = Transit.objects.get().envelope, Leg.objects.get()
    sink.answers = {"empfaengerkanarie@example.org": "451 4.7.1 Antwortkanarie"}
    carry()
    assert hits() == []
    found = {hit.place.split()[0] for hit in scan.run(list(CANARIES), now=now).hits if hit.way == "opened"}
    assert "mail.Transit" in found  # it is there, for those who have the keys, and has a rule
    assert scan.run(list(CANARIES), now=now).unexplained == []
    sink.answers = {}
    carry(now + timedelta(hours=1))
    assert len(sink.taken) == 1
    swept = sweep.run(now + timedelta(hours=1))
    assert (swept.erased, swept.late) == (1, 0)
    assert not Transit.objects.exists()
    with pytest.raises(keys.KeyGone):
        keys.one(unit.key)
    with pytest.raises(units.Gone):  # a copy of the rows from before opens for nobody
        units.unseal(unit, "envelope", envelope)
    with pytest.raises(units.Gone):
        units.unseal(unit, f"leg {leg.id}", leg.recipients)
    assert list(blobs.every()) == []
    assert hits() == []
    assert scan.run(["empfaengerkanarie", "Antwortkanarie"], now=now).hits == []


@pytest.mark.postgres
def test_c42_the_same_after_a_bounce_and_after_expiry(ahaus, sender, now, sink, carry) -> None:
    sink.answers = {"empfaengerkanarie@example.org": "550 5.1.1 Antwortkanarie"}
    first = send(ahaus, sender, now)
    carry()
    sink.answers = {"empfaengerkanarie@example.org": "451 4.7.1 Antwortkanarie"}
    second = send(ahaus, sender, now)
    carry()
    at = now + timedelta(days=5)
    assert jobs.transits_due(at - timedelta(seconds=1), now) is False
    assert jobs.transits_due(at, now) is True
    jobs.end_transits(at)
    sweep.run(at)
    assert keys.exists([first.key, second.key]) == set()
    assert not Transit.objects.exists()
    assert not Leg.objects.exists()
    assert len(inbox(ahaus, sender)) == 2  # they know
    assert hits() == []


@pytest.mark.postgres
def test_c42_the_end_is_noted_with_the_last_recipient_and_not_before(ahaus, sender, now, sink, carry) -> None:
    sink.answers = {"later@example.org": "451 4.7.1 later"}
    to = ["empfaengerkanarie@example.org", "later@example.org"]
    sending.send(ahaus, contract=sender.contract, sender="absenderkanarie@ahaus.net", recipients=to, raw=RAW, now=now)
    carry()
    assert sweep.run(now + timedelta(minutes=1)).erased == 0
    assert hits() == []
    assert scan.run(["empfaengerkanarie"], now=now).hits == []  # who has it is struck off at once
    sink.answers = {}
    carry(now + timedelta(hours=1))
    assert sweep.run(now + timedelta(hours=1)).erased == 1


@pytest.mark.postgres
def test_c42_without_any_worker_the_sweep_itself_ends_a_message_after_five_days(ahaus, sender, now) -> None:
    send(ahaus, sender, now)
    assert sweep.run(now + timedelta(days=5) - timedelta(seconds=1)).erased == 0
    assert sweep.run(now + timedelta(days=5)).erased == 1
    assert not Transit.objects.exists()
    assert not Leg.objects.exists()


def test_c42_prove_sees_a_message_that_outlived_its_end(ahaus, sender, now) -> None:
    from stadtmail.mail import proofs

    send(ahaus, sender, now)
    assert proofs._past(ahaus, now + timedelta(days=5, minutes=14)).kept
    found = proofs._past(ahaus, now + timedelta(days=5, minutes=16))
    assert (found.value, found.kept) == (1, False)


@pytest.mark.postgres
def test_c42_mail_of_an_ended_contract_is_carried_to_its_end_and_tells_nobody(ahaus, sender, now, sink, carry) -> None:
    send(ahaus, sender, now)
    contracts.cancel(Contract.objects.get(id=sender.contract), ends_at=now, now=now)
    sink.answers = {"empfaengerkanarie@example.org": "550 5.1.1 no"}
    assert carry(now + timedelta(minutes=1)) == 1
    assert Message.objects.count() == 1
    assert sweep.run(now + timedelta(minutes=2)).erased >= 1
    assert not Transit.objects.exists()


@pytest.mark.postgres
def test_c42_mail_of_an_erased_mailbox_is_not_carried_any_more_and_goes_with_it(ahaus, sender, now, sink, carry) -> None:
    unit = send(ahaus, sender, now)
    mailbox = Mailbox.objects.get(contract=sender.contract)
    erasure.erase([mailbox.unit_id], tenant=ahaus, now=now, cause="deleted")
    assert carry() == 0
    assert sink.connections == 0
    assert jobs.transits_due(now, now) is True
    jobs.end_transits(now)
    assert sweep.run(now).erased == 1
    assert keys.exists([unit.key]) == set()


@pytest.mark.postgres
def test_c42_a_worker_that_had_it_in_hand_while_it_was_erased_writes_nothing(ahaus, sender, now) -> None:
    from uuid import uuid4

    unit = send(ahaus, sender, now)
    (leg,) = legs.claim(uuid4(), most=1, now=now)
    erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted")
    one = leg.recipients[0].answered("failed", "5.1.1", "Antwortkanarie")
    legs.settle([(leg, legs.Try([one]))], now=now)
    assert not Leg.objects.exists()
    assert inbox(ahaus, sender) == []


def test_c42_the_log_and_the_operators_view_name_nobody(ahaus, sender, now, sink, carry, capsys, monkeypatch) -> None:
    from stadtmail.doors.console import outgoing as commands
    class Held:
        def release(self) -> None:
            pass

    monkeypatch.setattr(commands.start, "joining", Held)
    sink.answers = {"empfaengerkanarie@example.org": "451 4.7.1 Antwortkanarie"}
    send(ahaus, sender, now)
    send(ahaus, sender, now, LARGE)
    carry()

    class Chosen:
        slug = "ahaus.net"

    for run in (commands.run_list, commands.run_tls, commands.run_retry, commands.run_hold, commands.run_list, commands.run_release):
        run(Chosen)
    said = capsys.readouterr().out
    assert [line.split()[:4] for line in said.splitlines() if "waiting" in line] == [["2", "waiting", "policy", "plain"]]
    assert "stopped by the operator" in said
    for word in (*CANARIES, "example.org", "@", "127.0.0.1", "mx."):
        assert word.lower() not in said.lower()
    log = config.load().data / "log" / "stadtmail.log"
    text = log.read_text() if log.exists() else ""
    assert not [word for word in (*CANARIES, "example.org") if word.lower() in text.lower()]
    (row,) = waiting.rows(ahaus)
    assert (row.state, row.count, row.way) == ("waiting", 2, "plain")


def test_c11_the_sender_sees_what_waits_and_takes_it_along(ahaus, sender, now) -> None:
    import io
    import zipfile

    send(ahaus, sender, now)
    seen = next(one for one in overview.overview(ahaus, sender.contract, lang="de", now=now).sections if one.category == "TRANSIT")
    assert seen.until == now + timedelta(days=5)
    assert seen.records[0]["to"] == ["empfaengerkanarie@example.org"]
    whole = zipfile.ZipFile(io.BytesIO(b"".join(archive.archive(ahaus, sender.contract, now=now))))
    (name,) = [name for name in whole.namelist() if name.startswith("mail/Auf dem Weg/")]
    assert b"Inhaltskanarie" in whole.read(name)


def test_another_persons_overview_shows_none_of_it(ahaus, musterstadt, sender, ben, now) -> None:
    send(ahaus, sender, now)
    for tenant, account in ((ahaus, ben), (musterstadt, accounts.open_account(form(localpart="clara"), tenant=musterstadt, now=now))):
        sections = overview.overview(tenant, account.contract, lang="de", now=now).sections
        assert "TRANSIT" not in {one.category for one in sections}


def test_a_reply_of_a_foreign_server_cannot_write_into_a_report(ahaus, sender, now, sink, carry) -> None:
    sink.answers = {"empfaengerkanarie@example.org": "550-5.1.1 no\x00\x1b[31m\r\n550 Final-Recipient: rfc822; forged@example.org"}
    send(ahaus, sender, now)
    carry()
    (bounce,) = inbox(ahaus, sender)
    assert b"\x1b" not in bounce
    assert b"\x00" not in bounce
    assert bounce.count(b"\r\nFinal-Recipient:") == 1


def test_c47_nobody_but_the_room_opens_what_waits(ahaus, sender, now) -> None:
    """The rows' keys are the transit's own: the mailbox's key does not open them, and neither does another transit's."""
    first, second = send(ahaus, sender, now), send(ahaus, sender, now)
    box = Mailbox.objects.get(contract=sender.contract)
    row = Transit.objects.get(unit=first)
    for other in (second, box.unit):
        with pytest.raises(Unreadable):
            units.unseal(other, "envelope", row.envelope)


def test_a_lost_blob_of_a_transit_is_removed_and_a_living_one_is_not(ahaus, sender, now) -> None:
    import os
    import time

    from stadtmail.kit import clock

    send(ahaus, sender, now, LARGE)
    lost = blobs.put([b"x"], key=b"k" * 32, tenant=ahaus.id, category="TRANSIT")
    for blob in blobs.every():
        os.utime(blobs.path_of(blob), (time.time() - 7200,) * 2)
    jobs.remove_lost_blobs(clock.now())
    assert lost not in set(blobs.every())
    assert set(blobs.every()) == {Transit.objects.get().blob}


def test_a_city_that_is_closed_delays_its_mail_and_loses_none(ahaus, musterstadt, sender, now, carry) -> None:
    clara = accounts.open_account(form(localpart="clara"), tenant=musterstadt, now=now)
    outgoing.enqueue(ahaus, sender="absenderkanarie@ahaus.net", recipients=["clara@musterstadt.example"], raw=RAW, now=now)
    musterstadt.is_open = False
    musterstadt.save()
    carry()
    assert Leg.objects.get().reason == "city_closed"
    musterstadt.is_open = True
    musterstadt.save()
    carry(now + timedelta(hours=1))
    assert len(inbox(musterstadt, clara)) == 1
