"""A 250 means stored: delivery against races, failing commits, closing mailboxes, full mailboxes."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from stadtmail.kit import clock, store
from stadtmail.mail import jobs, queries
from stadtmail.mail.actions import delivery, gone, storing
from stadtmail.mail.models import BlobGone, Folder, IndexWork, Mailbox, Message
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts
from stadtmail.privacy import erasure, recovery
from stadtmail.privacy.models import ERASING, Unit
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.vault import blobs
from tests.mail.conftest import opened

LARGE = b"Subject: gross\r\n\r\n" + b"0123456789abcdef" * 10_000


@pytest.mark.parametrize(
    "address", ["anna@ahaus.net", "ANNA@Ahaus.NET", "anna+rechnungen@ahaus.net", '"anna"@ahaus.net', "Anna+@ahaus.net."]
)
def test_all_ways_to_write_an_address_lead_home(address, ahaus, anna, now) -> None:
    assert delivery.recipient(address, now=now).mailbox == queries.mailbox_of(ahaus, anna.contract).id


@pytest.mark.parametrize(
    "address",
    ["", "@", "anna", "anna@", "@ahaus.net", "+x@ahaus.net", "nobody@ahaus.net", "anna@elsewhere.example", "anna@musterstadt.example",
     "a\x00@ahaus.net", "änna@ahaus.net"],
)
def test_strangers_are_refused(address, anna, musterstadt, now) -> None:
    with pytest.raises(delivery.NoSuchMailbox):
        delivery.recipient(address, now=now)


def test_what_was_known_of_a_city_does_not_outlive_it(ahaus, anna, now) -> None:
    assert delivery.recipient("anna@ahaus.net", now=now).tenant == ahaus.id
    Tenant.objects.filter(id=ahaus.id).update(is_open=False)
    with pytest.raises(tenants.CityClosed):
        delivery.recipient("anna@ahaus.net", now=now)
    Tenant.objects.filter(id=ahaus.id).update(is_open=True, domain="other.example")
    with pytest.raises(delivery.NotOurDomain):
        delivery.recipient("anna@ahaus.net", now=now)
    Tenant.objects.filter(id=ahaus.id).update(domain="ahaus.net")
    assert delivery.recipient("anna@ahaus.net", now=now).address == "anna@ahaus.net"
    known = people.address(ahaus, "anna")
    known.open = False
    known.save()
    with pytest.raises(delivery.MailboxClosed):
        delivery.recipient("anna@ahaus.net", now=now)


def test_only_what_asks_nothing_more_is_light(ahaus, anna, now) -> None:
    one = delivery.recipient("anna@ahaus.net", now=now)
    assert delivery.is_light([one])
    assert not delivery.is_light([one] * (delivery.LIGHT + 1))
    for changed in ({"script": uuid4()}, {"filter": uuid4()}):
        assert not delivery.is_light([one, replace(one, **changed)])


@pytest.mark.postgres
def test_rows_by_hand_are_the_rows_of_any_number(ahaus, anna, ben, writer, now) -> None:
    """As many at once as no power of two holds, into two mailboxes, by the statements that the batch uses."""
    to = [delivery.recipient(f"{name}@ahaus.net", now=now) for name in ("anna", "ben")]
    jobs_made = [writer.prepared(b"Subject: %d\n\nx" % n, [to[n % 2]], received=b"", now=now) for n in range(91)]
    with store.writing():
        assert delivery.place(jobs_made) == [None] * 91
    for account, count in ((anna, 46), (ben, 45)):
        rows = queries.page(opened(ahaus, account), 1, count=100)
        assert [row.uid for row in rows] == list(range(count + 1, 0, -1))
        box = Mailbox.objects.get(contract=account.contract)
        assert box.used_bytes == sum(row.size_bytes for row in rows)
        folder = Folder.objects.get(mailbox=box, role="inbox")
        assert (folder.uidnext, folder.modseq) == (count + 2, count + 2)
        assert {row.arrived_on for row in Message.objects.filter(folder=folder)} == {now.date()}
        assert IndexWork.objects.get(pair__mailbox=box).mark >= 2


def test_a_message_arrives_as_it_was_sent_behind_its_received_lines(ahaus, anna, deliver) -> None:
    raw = b"Subject: x\r\n\r\n\x00\xff bare\rcr\nand lf"
    assert deliver(raw, "anna@ahaus.net", received=b"Received: by ahaus.net\r\n") == [None]
    (row, _) = queries.page(opened(ahaus, anna), 1)
    assert (row.uid, row.subject, row.size_bytes) == (2, "x", len(raw) + 24)
    assert b"".join(queries.raw(opened(ahaus, anna), 1, 2)) == b"Received: by ahaus.net\r\n" + raw


def test_a_mailbox_that_is_named_twice_gets_the_message_once(ahaus, anna, ben, deliver) -> None:
    assert deliver(b"Subject: x\n\n", "anna@ahaus.net", "ben@ahaus.net", "anna+y@ahaus.net") == [None, None, None]
    assert len(queries.page(opened(ahaus, anna), 1)) == 2
    assert len(queries.page(opened(ahaus, ben), 1)) == 2


def test_concurrent_deliveries_get_each_uid_once(ahaus, anna, ben, writer, now) -> None:
    to = [delivery.recipient(f"{name}@ahaus.net", now=now) for name in ("anna", "ben")]
    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(lambda n: writer.submit(b"Subject: %d\n\nx" % n, to, received=b"", now=now), range(300)))
    assert all(future.result(timeout=30) == [None, None] for future in futures)
    for account in (anna, ben):
        folder = Folder.objects.get(mailbox__contract=account.contract, role="inbox")
        uids = sorted(Message.objects.filter(folder=folder).values_list("uid", flat=True))
        assert uids == list(range(1, 302))
        assert (folder.uidnext, folder.modseq) == (302, 302)
        box = Mailbox.objects.get(contract=account.contract)
        assert box.used_bytes == sum(Message.objects.filter(folder=folder).values_list("size_bytes", flat=True))


def test_the_quota_holds_in_a_race(ahaus, anna, writer, now) -> None:
    box = queries.mailbox_of(ahaus, anna.contract)
    Mailbox.objects.filter(id=box.id).update(quota_bytes=box.used_bytes + 2500)
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    with ThreadPoolExecutor(8) as pool:
        answers = [f.result(timeout=30)[0] for f in pool.map(lambda n: writer.submit(b"x" * 1000, to, received=b"", now=now), range(20))]
    assert answers.count(None) == 2
    assert all(isinstance(answer, delivery.MailboxFull) for answer in answers if answer is not None)
    Mailbox.objects.filter(id=box.id).update(quota_bytes=10)
    with pytest.raises(delivery.MailboxFull):
        delivery.recipient("anna@ahaus.net", now=now)


@pytest.mark.parametrize("how", ["cancelled", "claimed", "erased"])
def test_no_250_into_a_mailbox_that_closed_while_the_message_was_on_its_way(how, ahaus, anna, writer, now) -> None:
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    unit = Unit.objects.get(anchor=anna.contract, category="INH")
    if how == "cancelled":
        contracts.cancel(people.contract(ahaus, anna.contract), ends_at=now, now=now)
    elif how == "claimed":
        Unit.objects.filter(id=unit.id).update(state=ERASING)
    else:
        erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted")
    before = Message.objects.count()
    (answer,) = writer.submit(LARGE, to, received=b"", now=now).result(timeout=30)
    assert isinstance(answer, delivery.MailboxClosed)
    assert Message.objects.count() == before
    assert list(blobs.every()) == [], "what was written for a closed mailbox is gone at once"


class Broken(Exception):
    """The disk, in tests."""


def test_the_future_never_resolves_before_the_commit(ahaus, anna, now) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def step(number: int) -> None:
        if number == 3:
            reached.set()
            assert go_on.wait(20)

    writer = delivery.Writer(step=step)
    writer.start()
    try:
        future = writer.submit(b"Subject: x\n\n", [delivery.recipient("anna@ahaus.net", now=now)], received=b"", now=now)
        assert reached.wait(20)
        assert not future.done(), "the rows are written, and not committed yet"
        assert Message.objects.count() == 1
        go_on.set()
        assert future.result(timeout=20) == [None]
        assert Message.objects.count() == 2
    finally:
        go_on.set()
        writer.stop()


def test_a_commit_that_fails_is_no_250_and_leaves_nothing(ahaus, anna, now) -> None:
    def step(number: int) -> None:
        if number == 3:
            raise Broken

    writer = delivery.Writer(step=step)
    writer.start()
    future = writer.submit(LARGE, [delivery.recipient("anna@ahaus.net", now=now)], received=b"", now=now)
    (answer,) = future.result(timeout=20)
    writer.stop()
    assert isinstance(answer, delivery.NotStored)
    assert Message.objects.count() == 1
    assert queries.used(queries.mailbox_of(ahaus, anna.contract))[0] < len(LARGE)
    assert Folder.objects.get(mailbox__contract=anna.contract, role="inbox").uidnext == 2


def test_a_commit_whose_answer_was_lost_counts_once(ahaus, anna, now) -> None:
    lost = []

    def step(number: int) -> None:
        if number == 4 and not lost:
            lost.append(number)
            raise Broken

    writer = delivery.Writer(step=step)
    writer.start()
    assert writer.submit(LARGE, [delivery.recipient("anna@ahaus.net", now=now)], received=b"", now=now).result(timeout=20) == [None]
    writer.stop()
    assert Message.objects.count() == 2
    assert b"".join(queries.raw(opened(ahaus, anna), 1, 2)) == LARGE


def test_one_poisoned_delivery_does_not_take_the_others_with_it(ahaus, anna, now, monkeypatch) -> None:
    place = storing.place
    monkeypatch.setattr(storing, "place", lambda batch: 1 / 0 if any(one.size_bytes == 13 for one in batch) else place(batch))
    writer = delivery.Writer()
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    with store.writing():  # the writer waits, so that all of them are one batch
        writer.start()
        futures = [writer.submit(b"x" * size, to, received=b"", now=now) for size in (10, 11, 12, 13, 14)]
    answers = [type(future.result(timeout=20)[0]).__name__ for future in futures]
    writer.stop()
    assert answers == ["NoneType", "NoneType", "NoneType", "NotStored", "NoneType"]


def test_a_full_disk_is_try_later(anna, writer, now, monkeypatch) -> None:
    def full(*args, **kwargs):
        raise OSError(28, "no space")

    monkeypatch.setattr(blobs, "put", full)
    (answer,) = writer.submit(LARGE, [delivery.recipient("anna@ahaus.net", now=now)], received=b"", now=now).result(timeout=20)
    assert isinstance(answer, delivery.NotStored)


def test_a_writer_that_stops_stores_what_it_took_and_takes_no_more(ahaus, anna, now) -> None:
    writer = delivery.Writer()
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    writer.start()
    futures = [writer.submit(b"x", to, received=b"", now=now) for _ in range(50)]
    writer.stop()
    assert all(future.result(timeout=0) == [None] for future in futures)
    (answer,) = writer.submit(LARGE, to, received=b"", now=now).result(timeout=0)
    assert isinstance(answer, delivery.NotStored)
    assert list(blobs.every()) == []


def test_a_large_message_arrives_in_pieces_and_leaves_no_second_copy(ahaus, anna, ben, writer, now) -> None:
    to = [delivery.recipient(f"{name}@ahaus.net", now=now) for name in ("anna", "ben")]
    with delivery.Incoming(ahaus.id) as incoming:
        for at in range(0, len(LARGE), 7777):
            incoming.write(LARGE[at : at + 7777])
        assert len(incoming) == len(LARGE)
        assert writer.submit(incoming, to, received=b"", now=now).result(timeout=30) == [None, None]
    assert len(list(blobs.every())) == 2
    assert b"".join(queries.raw(opened(ahaus, ben), 1, 2)) == LARGE
    with delivery.Incoming(ahaus.id) as abandoned:
        abandoned.write(LARGE)
    assert len(list(blobs.root().glob("*/*"))) == 2


def test_lost_blobs_go_after_an_hour_and_no_others(ahaus, anna, deliver, now) -> None:
    deliver(LARGE, "anna@ahaus.net")
    lost = blobs.put([b"x"], key=bytes(32), tenant=ahaus.id, category="INH")
    assert jobs.remove_lost_blobs(clock.now()) == 0
    old = time.time() - 3700
    for blob in blobs.every():
        os.utime(blobs.path_of(blob), (old, old))
    assert jobs.remove_lost_blobs(clock.now()) == 1
    assert blobs.age(lost) is None
    assert b"".join(queries.raw(opened(ahaus, anna), 1, 2)) == LARGE


def test_the_moved_clock_makes_no_blob_old(ahaus, monkeypatch) -> None:
    monkeypatch.setattr(clock, "offset", lambda: timedelta(days=200))
    fresh = blobs.put([b"x"], key=bytes(32), tenant=ahaus.id, category="INH")
    assert jobs.remove_lost_blobs(clock.now()) == 0
    assert blobs.age(fresh) is not None


def test_mail_that_races_with_an_erasure_is_erased_or_refused(ahaus, anna, ben, writer, now) -> None:
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    done = threading.Event()
    late: list[object] = []

    def send() -> None:
        for _ in range(10_000):
            was_done = done.is_set()
            (answer,) = writer.submit(LARGE, to, received=b"", now=now).result(timeout=30)
            if was_done:
                late.append(answer)
                return

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    unit = Unit.objects.get(anchor=anna.contract, category="INH")
    erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted")
    done.set()
    for thread in threads:
        thread.join()
    assert len(late) == 3
    assert all(isinstance(answer, delivery.MailboxClosed) for answer in late)
    assert Message.objects.count() == 1, "Ben's welcome"
    assert list(blobs.every()) == []


def test_bytes_that_outlived_their_rows_in_a_crash_go_before_the_erasure_is_called_done(ahaus, anna, deliver, now, monkeypatch) -> None:
    deliver(LARGE, "anna@ahaus.net")
    unit = Unit.objects.get(anchor=anna.contract, category="INH")
    monkeypatch.setattr(gone, "unlink", _broken)  # the process dies between the commit and the unlinking
    with pytest.raises(erasure.Unfinished):
        erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted")
    assert Message.objects.count() == 0
    assert len(list(blobs.every())) == 1
    monkeypatch.undo()
    assert recovery.recover(now) == 1
    assert list(blobs.every()) == []
    assert not BlobGone.objects.exists()


def _broken(*args) -> None:
    raise Broken


def test_a_sender_who_gives_up_waiting_does_not_stop_the_writer(ahaus, anna, writer, deliver, now) -> None:
    to = [delivery.recipient("anna@ahaus.net", now=now)]
    with store.writing():  # the writer has to wait
        given_up = writer.submit(b"Subject: 1\r\n\r\n1", to, received=b"", now=now)
        assert given_up.cancel()
    assert deliver(b"Subject: 2\r\n\r\n2", "anna@ahaus.net") == [None]
