"""Living connections (C-2.5, C-4.2): the pinned record, gone at the end, with the lease of a killed process, at the absolute limit."""

import hashlib
import ipaddress
import multiprocessing
import os
import signal
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from stadtmail.usage import connections, jobs, privacy, sessions, volatile
from stadtmail.usage.connections import UsageRecord

SECOND = timedelta(seconds=1)
PEERS = ["203.0.113.77", "2001:db8:7:7:cafe:f00d:dead:beef", "::ffff:203.0.113.77"]


def test_c25_the_record_is_exactly_this() -> None:
    columns = [(field.name, str(field.type)) for field in fields(UsageRecord)]
    assert tuple(name for name, _ in columns) == privacy.USAGE_RECORD
    pinned = "id:UUID,subject_ref:bytes,begin_at:datetime,end_at:datetime | None,tz:str,ip:str,service:str"
    real = ",".join(f"{name}:{kind.removeprefix('<class ').strip(chr(39)).rsplit('.')[-1].strip(chr(39) + '>')}" for name, kind in columns)
    assert hashlib.sha256(real.encode()).hexdigest() == hashlib.sha256(pinned.encode()).hexdigest(), real


def test_a_record_lives_as_long_as_its_connection(ahaus, now) -> None:
    anna = uuid4()
    with connections.open_connection("web", peer=PEERS[0], tenant=ahaus.pk, person=anna, now=now) as connection:
        record = connection.record(now)
        assert (record.ip, record.service, record.begin_at, record.end_at) == (PEERS[0], "web", now, None)
        assert record.tz == "Europe/Berlin +01:00"
        assert anna.bytes not in record.subject_ref
        assert connections.count(now) == 1
    assert connections.count(now) == 0
    assert connection.record(now) is None
    assert not any(connection._key)


def test_the_entry_ends_with_an_error_too(now) -> None:
    with pytest.raises(ZeroDivisionError), connections.open_connection("smtp", peer="", tenant=None, person=None, now=now):
        raise ZeroDivisionError
    assert connections.count(now) == 0


@pytest.mark.parametrize(
    ("moment", "tz"),
    [("2026-10-25T00:30:00", "Europe/Berlin +02:00"), ("2026-10-25T01:30:00", "Europe/Berlin +01:00")],
)
def test_c25_both_half_past_two_of_the_long_night_are_told_apart(ahaus, moment: str, tz: str) -> None:
    begin = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    with connections.open_connection("web", peer="", tenant=ahaus.pk, person=None, now=begin) as connection:
        assert connection.record(begin).tz == tz
        assert connection.record(begin).begin_at == begin


@pytest.mark.parametrize("peer", PEERS)
def test_c25_no_address_lies_in_the_folder(ahaus, now, ram, peer: str) -> None:
    address, anna = ipaddress.ip_address(peer), uuid4()
    with connections.open_connection("smtp", peer=peer, tenant=ahaus.pk, person=anna, now=now):
        lain = ram()
    forms = [peer, str(address), address.exploded, address.packed.hex(), anna.hex, str(anna), "203.0.113.77", "203.0.113.0/24"]
    for form in forms:
        assert form.encode() not in lain
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 6:
        assert address.packed not in lain
    packed = (mapped or address).packed if (mapped or address.version == 4) else b""
    if packed:  # four bytes: often enough there by chance in a megabyte, so compare with what lies there without it
        assert lain.count(packed) <= 1 + len(lain) // 2**24
    assert anna.bytes not in lain


def _serve(pipe, now) -> None:
    kept = [connections.begin("smtp", peer=PEERS[0], tenant=None, person=None, now=now) for _ in range(3)]
    pipe.send(len(kept))
    signal.pause()


def test_c42_kill_9_ends_the_connections_with_their_lease(now) -> None:
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, now))
    child.start()
    assert mine.recv() == 3
    own = connections.begin("web", peer="", tenant=None, person=None, now=now)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert connections.count(now) == 4
    assert own.beat(now + 29 * SECOND)
    assert connections.end_lost(now + 29 * SECOND) == 0
    assert connections.end_lost(now + 30 * SECOND) == 3
    assert connections.count(now + 30 * SECOND) == 1


def test_c42_a_half_open_connection_is_cut_at_the_absolute_limit(ahaus, now) -> None:
    end = now + timedelta(hours=12)
    for tenant in (None, ahaus.pk):
        connection, moment = connections.begin("imap", peer=PEERS[0], tenant=tenant, person=None, now=now), now
        while moment < end - 20 * SECOND:
            moment += 20 * SECOND
            assert connection.beat(moment)
        assert connections.count(end - SECOND) == 1
        assert connections.count(end) == 0
        assert not connection.beat(end)
        assert connection.record(now) is None


def test_a_connection_that_missed_its_lease_does_not_come_back(now) -> None:
    connection = connections.begin("smtp", peer="", tenant=None, person=None, now=now)
    assert not connection.beat(now + 31 * SECOND)
    assert connections.count(now) == 1  # not swept yet
    assert jobs.sweep(now + 31 * SECOND) == 1
    assert connections.count(now) == 0


def test_a_new_start_and_the_end_of_a_person_cut_their_connections(ahaus, now) -> None:
    anna = uuid4()
    hers = connections.begin("imap", peer="", tenant=ahaus.pk, person=anna, now=now)
    other = connections.begin("imap", peer="", tenant=ahaus.pk, person=uuid4(), now=now)
    sessions.end_person(ahaus.pk, anna)
    assert not hers.beat(now + SECOND)
    assert other.beat(now + SECOND)
    volatile.clear()
    assert not other.beat(now + 2 * SECOND)


def test_a_stranger_is_entered_at_the_first_beat_and_gone_at_the_end(now) -> None:
    short, long = (connections.begin("smtp", peer=PEERS[0], tenant=None, person=None, now=now, is_entered=False) for _ in range(2))
    short.end()
    assert connections.count(now) == 0
    assert not short.beat(now + SECOND)
    assert connections.count(now + SECOND) == 0  # what has ended does not come back
    assert long.beat(now + SECOND)
    assert long.is_entered
    assert long.record(now + SECOND).begin_at == now
    assert connections.count(now + 30 * SECOND) == 1  # its lease begins with its entry
    long.end()
    assert connections.count(now + SECOND) == 0
    assert not any(long._key)


def test_an_end_while_it_is_entered_leaves_nothing(now, monkeypatch) -> None:
    connection = connections.begin("smtp", peer=PEERS[0], tenant=None, person=None, now=now, is_entered=False)
    put = volatile.put

    def raced(*args, **more) -> None:
        connection.end()
        put(*args, **more)

    monkeypatch.setattr(volatile, "put", raced)
    assert not connection.beat(now)
    assert connections.count(now) == 0
    assert not any(connection._key)


def test_what_could_not_be_entered_is_entered_by_a_later_beat(now, monkeypatch) -> None:
    connection = connections.begin("smtp", peer=PEERS[0], tenant=None, person=None, now=now, is_entered=False)
    with monkeypatch.context() as broken:
        broken.setattr(volatile, "put", lambda *_, **__: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            connection.beat(now)
    assert not connection.is_entered
    assert connection.beat(now)
    assert connections.count(now) == 1
