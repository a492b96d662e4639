"""LMTP (RFC 2033): a reply for each recipient, for servers of our own only; with Postfix's smtp-source and swaks as clients."""

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from stadtmail.kit import clock
from stadtmail.usage import connections
from tests.doors.smtp import fakes

MAIL = b"Subject: one\r\n\r\nHello\r\n"
OURS = ["127.0.0.1/32", "::1/128"]


@pytest.fixture
def lmtp(open_door) -> fakes.Door:
    return open_door(allowed=OURS)


@pytest.fixture
def talk(lmtp):
    client = lmtp.client()
    assert client.reply() == "220 mx.ahaus.net LMTP"
    yield client
    client.close()


def begin(client: fakes.Client, *to: bytes) -> None:
    assert client.ask(b"LHLO front.ahaus.net").startswith("250-mx.ahaus.net|250-PIPELINING|")
    assert client.ask(b"MAIL FROM:<x@peer.example>").startswith("250")
    for one in to:
        assert client.ask(b"RCPT TO:<" + one + b">").startswith("250")


def test_each_recipient_has_a_reply_in_the_order_in_which_it_was_named(talk, room) -> None:
    begin(talk, b"ben@ahaus.net", b"anna@ahaus.net", b"ben@ahaus.net")
    room.answer = [None, fakes.MailboxFull(), None]
    assert talk.ask(b"DATA").startswith("354")
    talk.say(MAIL + b".\r\n")
    assert [talk.reply()[:9] for _ in range(3)] == ["250 2.6.0", "552 5.2.2", "250 2.6.0"]
    ((raw, recipients, received),) = room.mails
    assert recipients == ["ben@ahaus.net", "anna@ahaus.net", "ben@ahaus.net"]
    assert raw == MAIL
    assert b"with LMTP id" in received
    assert received.startswith(b"Return-Path: <x@peer.example>\r\n")


def test_one_that_is_refused_at_rcpt_has_none_and_the_others_have(talk, room) -> None:
    begin(talk, b"anna@ahaus.net")
    assert talk.ask(b"RCPT TO:<nobody@ahaus.net>").startswith("550 5.1.1")
    assert talk.ask(b"DATA").startswith("354")
    talk.say(MAIL + b".\r\nNOOP\r\n")
    assert talk.reply().startswith("250 2.6.0")
    assert talk.reply() == "250 2.0.0 OK"


def test_what_is_refused_as_a_whole_is_told_for_each(talk) -> None:
    begin(talk, b"anna@ahaus.net", b"ben@ahaus.net")
    talk.ask(b"DATA")
    talk.say(b"bare\nline\r\n.\r\n")
    assert [talk.reply()[:10] for _ in range(2)] == ["550 5.6.11"] * 2


def test_a_bug_or_trouble_is_try_later_for_each(talk, room) -> None:
    for answer in (ZeroDivisionError(), fakes.errors.TryLater()):
        begin(talk, b"anna@ahaus.net", b"ben@ahaus.net")
        room.answer = answer
        talk.ask(b"DATA")
        talk.say(MAIL + b".\r\n")
        assert [talk.reply()[:9] for _ in range(2)] == ["451 4.3.0"] * 2
        talk.ask(b"RSET")


def test_chunks_have_their_replies_too(talk, room) -> None:
    begin(talk, b"anna@ahaus.net", b"ben@ahaus.net")
    assert talk.ask(b"BDAT 14\r\nSubject: one\r\n"[:-2] + b"").startswith("250")
    talk.say(b"BDAT 9 LAST\r\n\r\nHello\r\n")
    assert [talk.reply()[:3] for _ in range(2)] == ["250", "250"]


@pytest.mark.parametrize("line", [b"EHLO a", b"HELO a"])
def test_who_says_ehlo_speaks_another_protocol(talk, line) -> None:
    assert talk.ask(line).startswith("500 5.5.1")
    assert talk.ask(b"MAIL FROM:<>").startswith("503")


def test_data_without_a_recipient_is_out_of_order(talk) -> None:
    begin(talk)
    assert talk.ask(b"DATA").startswith("503")  # RFC 2033 4.2


def test_a_stranger_is_turned_away_before_anything_is_read(open_door, room) -> None:
    client = open_door(allowed=["192.0.2.0/24"]).client()
    assert client.reply().startswith("554 5.7.1")
    assert client.replies_until_end() == []
    assert not room.mails


def test_c42_a_connection_is_a_record_in_ram_and_ends(lmtp, talk) -> None:
    begin(talk)
    fakes.wait_for(lambda: connections.count(clock.now()) == 1)


@pytest.mark.skipif(shutil.which("smtp-source") is None, reason="Postfix's smtp-source is not here")
def test_postfix_delivers_over_tcp_and_over_a_socket(lmtp, open_door, room) -> None:
    folder = tempfile.mkdtemp(dir="/tmp")
    there = open_door(allowed=[], path=f"{folder}/lmtp")
    for place in (f"inet:127.0.0.1:{lmtp.server.port}", f"unix:{folder}/lmtp"):
        room.mails.clear()
        command = ["smtp-source", "-L", "-s", "4", "-m", "40", "-r", "3", "-l", "3000", "-f", "x@peer.example", "-t", "r@ahaus.net", place]
        done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(room.mails) == 40
        assert {len(recipients) for _, recipients, _ in room.mails} == {3}
    there.close()
    shutil.rmtree(folder)


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not here")
def test_swaks_delivers(lmtp, room) -> None:
    command = ["swaks", "--protocol", "LMTP", "--server", "127.0.0.1", "--port", str(lmtp.server.port), "--from", "x@peer.example",
               "--to", "anna@ahaus.net,ben@ahaus.net", "--helo", "front.ahaus.net"]  # fmt: skip
    said = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    assert said.count("250 2.6.0") == 2
    assert len(room.mails) == 1


def test_a_dead_socket_makes_room_and_another_file_does_not(open_door, tmp_path: Path) -> None:
    path = tempfile.mkdtemp(dir="/tmp") + "/lmtp"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    door = open_door(allowed=[], path=path)
    assert Path(path).stat().st_mode & 0o777 == 0o660
    door.close()
    shutil.rmtree(Path(path).parent)
    (tmp_path / "file").write_text("no socket")
    with pytest.raises(OSError, match="in use"):
        open_door(allowed=[], path=str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "no socket"
