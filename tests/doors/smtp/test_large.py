"""Large messages at the SMTP door: spooled, sealed and forgotten, refused at their end, with memory that stays bounded."""

import os
import resource
from pathlib import Path

import pytest

from stadtmail.doors.smtp.spool import Spooled
from stadtmail.kit import config
from stadtmail.vault import blobs
from tests.doors.smtp.fakes import wait_for


def test_a_mail_of_25_mb_is_spooled_sealed_and_forgotten(client, room) -> None:
    """Nothing of it lies readable on the disk, and nothing at all afterwards."""
    canary = b"canary-" + os.urandom(9).hex().encode()
    line = canary + b"." * 40 + b"\r\n"
    message = line * (26_214_400 // len(line))
    client.begin()
    client.ask(b"DATA")
    room.hold = True
    client.say(message + b".\r\n")
    wait_for(lambda: room.held, 60)
    assert isinstance(room.sources[0], Spooled)
    assert len(room.sources[0]) == len(message)
    assert room.mails[0][0] == message
    lain = [path for path in config.load().data.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in lain if "blobs" in path.parts) > 26_000_000
    assert not any(canary in path.read_bytes() for path in lain)
    room.held[0].set_result([None])
    assert client.reply() == "250 2.6.0 Stored"
    wait_for(lambda: not list(blobs.root().glob("*/*")))


def test_a_broken_off_mail_leaves_nothing(client, room) -> None:
    client.begin()
    client.ask(b"DATA")
    client.say(b"x" * 3_000_000)
    wait_for(lambda: list(blobs.root().glob("*/*.part")))
    client.close()
    wait_for(lambda: not list(blobs.root().glob("*/*")))
    assert room.mails == []


def test_a_mail_over_the_bound_is_refused_at_its_end(open_door, room) -> None:
    client = open_door(message_bytes=100_000, memory_bytes=10_000).client()
    client.reply()
    client.begin()
    client.ask(b"DATA")
    client.say(b"x" * 150_000 + b"\r\n.\r\nNOOP\r\n")
    assert client.reply() == "552 5.3.4 Message too big"
    assert client.reply() == "250 2.0.0 OK"
    assert not list(blobs.root().glob("*/*"))
    client.begin()
    client.ask(b"DATA")
    try:
        client.say(b"x" * 3_000_000)
    except OSError:
        return
    assert client.replies_until_end()[-1:] in ([], ["421 4.7.0 Too many errors"])


def test_memory_stays_bounded_while_ten_send_much(door, room) -> None:
    """Ten connections push 15 MB each: what the process holds grows by far less than they send."""
    clients = [door.client() for _ in range(10)]
    for client in clients:
        client.reply()
        client.begin()
        client.ask(b"DATA")
    before = _resident()
    for _ in range(15):
        for client in clients:
            client.say(b"y" * 1_000_000)
    wait_for(lambda: len(list(blobs.root().glob("*/*.part"))) == 10)
    assert _resident() - before < 60_000_000
    for client in clients:
        client.close()


def test_large_messages_wait_for_a_place(open_door, room) -> None:
    door = open_door(large_at_once=1, memory_bytes=10_000)
    first, second = door.client(), door.client()
    for client in (first, second):
        client.reply()
        client.begin()
        client.ask(b"DATA")
    first.say(b"a" * 50_000)
    wait_for(lambda: list(blobs.root().glob("*/*.part")))
    second.say(b"b" * 50_000 + b"\r\n.\r\n")
    second.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        second.reply()
    second.socket.settimeout(20)
    first.close()  # a place that is given up in any way is free again
    assert second.reply() == "250 2.6.0 Stored"
    assert door.server.places._value == 1


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
