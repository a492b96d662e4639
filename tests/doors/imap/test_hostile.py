"""Hostile clients against the living door: bounded memory, bounded time, and everybody else is served meanwhile."""

import random
import resource
import socket
import struct
import time

import pytest

from tests.doors.imap.conftest import Client, wait_for

WORDS = [b"FETCH", b"STORE", b"SEARCH", b"SORT", b"THREAD", b"APPEND", b"LIST", b"STATUS", b"UID", b"IDLE", b"DONE", b"ENABLE", b"SELECT",
         b"INBOX", b"1:*", b"(", b")", b"{3}", b"{3+}", b"~{2+}", b"BODY[", b"]", b"<0.1>", b'"', b"\\Seen", b"$", b"*", b"%", b"\0", b"\r",
         b"RETURN", b"(ALL)", b"UTF-8", b"REFERENCES", b"(SUBJECT)",
         b"PREVIEW", b"(LAZY)", b"BINARY[1]", b"\xff", b"(QRESYNC", b"99999999999",
         b"EMAILID", b"USE", b"MODSEQ", b"NOT", b"OR"]  # fmt: skip


def mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_ten_thousand_commands_at_once_are_answered_in_order(client) -> None:
    before = mebibytes()
    client.ask("SELECT INBOX")
    client.socket.settimeout(60)
    client.send(b"".join(b"p%d NOOP\r\n" % number for number in range(10_000)))
    for number in range(10_000):
        assert client.line() == b"p%d OK Done" % number
    assert mebibytes() - before < 50


@pytest.mark.parametrize("seed", range(4))
def test_nonsense_of_real_words_never_hurts(seed, door, client) -> None:
    chance = random.Random(seed)
    client.ask("SELECT INBOX")
    lines = []
    for number in range(300):
        words = b" ".join(chance.choice(WORDS) for _ in range(chance.randrange(1, 9)))
        lines.append(b"f%d %b\r\n" % (number, words))
    client.send(b"".join(lines))
    client.send(b"DONE\r\n\r\n\r\n" + b"x" * 9 + b"\r\n" * 3 + b"DONE\r\n")
    time.sleep(0.2)
    client.close()
    other = door.client(login="ben@ahaus.net")
    assert other.ask("SELECT INBOX")[-1].startswith(b"OK")
    other.close()
    assert wait_for(lambda: not door.server._sessions)
    assert not [kind for kind in door.server.counts if kind == "bugs"]


def test_a_slow_loris_in_the_middle_of_everything_is_cut(open_door, residents) -> None:
    door = open_door(login_seconds=0.5, literal_seconds=0.4)
    slow = [Client(door.port) for _ in range(20)]
    for number, one in enumerate(slow):
        one.send([b"a", b"a LOGIN {5}\r\nab", b"a LOGIN {5+}\r\n", b"a AUTHENTICATE PLAIN\r\n"][number % 4])
    known = door.client()
    known.send(b"b APPEND INBOX {100000}\r\n")
    assert known.line() == b"+ Ready"
    known.send(b"x" * 1000)
    assert known.line() == b"* BYE Too long without a word"
    assert wait_for(lambda: not door.server._sessions, 10)
    for one in (*slow, known):
        one.close()


def test_sockets_that_are_reset_in_the_middle_leave_nothing(door) -> None:
    for number in range(30):
        client = door.client(login="anna@ahaus.net" if number % 2 else "")
        client.send([b"a APPEND INBOX {200000+}\r\n" + b"x" * 90_000, b"a SELECT INBOX\r\nb IDLE\r\n", b"a FETCH 1 BODY[]\r\n"][number % 3])
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert wait_for(lambda: not door.server._sessions, 10)
    assert not door.server._waiting


def test_literals_without_end_cost_no_memory(open_door, residents) -> None:
    door = open_door(discarded_bytes=64 * 1024 * 1024)
    before = mebibytes()
    client = door.client()
    client.socket.settimeout(60)
    client.send(b"l LOGIN {30000000+}\r\n")
    for _ in range(300):
        client.send(b"x" * 100_000)
    client.send(b"\r\nm NOOP\r\n")
    assert client.answer(b"m")[-1] == b"OK Done"
    client.send(b"n SELECT {99000000+}\r\n")
    assert client.line().startswith(b"* BYE")
    assert mebibytes() - before < 60
    client.close()
