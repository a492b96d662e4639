"""What hostile servers do to a door: smuggling, injection before TLS, floods, slowness, size, lists of residents (C-2.4, C-4.2)."""

import asyncio
import os
import socket
import time
from datetime import timedelta

import pytest

from stadtmail.kit import clock, config, log
from stadtmail.usage import connections, limits, volatile
from tests.doors.smtp import fakes
from tests.doors.smtp.fakes import wait_for

ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n\x00.\n", b"\n\r\n.\n"]


@pytest.mark.parametrize("end", ENDS)
def test_smuggling_a_second_mail_does_not_get_in(client, room, end: bytes) -> None:
    client.begin()
    client.ask(b"DATA")
    client.say(b"Subject: 1\r\n\r\nx" + end + b"MAIL FROM:<admin@ahaus.net>\r\nRCPT TO:<ben@ahaus.net>\r\nDATA\r\nevil\r\n.\r\n")
    assert client.reply() == "550 5.6.11 Bare CR or LF in the message"
    assert room.mails == []
    assert client.ask(b"NOOP") == "250 2.0.0 OK"  # and nothing else was answered in between
    client.begin()
    client.ask(b"DATA")
    assert client.ask(b"clean\r\n.").startswith("250 2.6.0")


@pytest.mark.parametrize("octets", [b"a\nb\r\n", b"a\rb\r\n", b"\n.\n", b"a\r"])
def test_smuggling_by_bdat(client, room, octets: bytes) -> None:
    client.begin()
    client.say(b"BDAT %d LAST\r\n" % len(octets) + octets)
    assert client.reply() == "550 5.6.11 Bare CR or LF in the message"
    assert room.mails == []
    assert client.ask(b"NOOP") == "250 2.0.0 OK"


def test_bdat_may_cut_a_line_end_in_two(client, room) -> None:
    client.begin()
    client.say(b"BDAT 2\r\na\rBDAT 3 LAST\r\n\n.\r")
    assert client.reply() == "250 2.0.0 Octets received"
    assert client.reply().startswith("550 5.6.11")  # "\r" at the very end is bare
    client.begin()
    client.say(b"BDAT 2\r\na\rBDAT 6\r\n\n.\r\nb\rBDAT 1 LAST\r\n\n")
    assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "250"]
    assert room.mails[0][0] == b"a\r\n.\r\nb\r\n"


@pytest.mark.parametrize(
    ("octets", "answers"),
    [
        (b"BDAT 4\r\nNOOPNOOP\r\n", ["503", "250"]),
        (b"EHLO a\r\nMAIL FROM:<>\r\nBDAT 4\r\nNOOPNOOP\r\n", ["250", "250", "554", "250"]),
        (b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<anna@ahaus.net>\r\nBDAT 1\r\nxDATA\r\nMAIL FROM:<>\r\nRCPT TO:<ben@ahaus.net>\r\nRSET\r\n",
         ["250", "250", "250", "250", "503", "503", "503", "250"]),
        (b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<anna@ahaus.net>\r\nBDAT 0 LAST\r\n", ["250", "250", "250", "250"]),
        (b"BDAT x\r\nNOOP\r\n", ["501"]),
        (b"BDAT 99999999999\r\nNOOP\r\n", ["552"]),
    ],
)  # fmt: skip
def test_bdat_octets_are_never_taken_for_commands(client, octets: bytes, answers: list[str]) -> None:
    client.say(octets)
    assert [client.reply()[:3] for _ in answers] == answers


def test_bdat_too_big_is_read_to_its_end(open_door, room) -> None:
    client = open_door(message_bytes=1000).client()
    client.reply()
    client.begin()
    client.say(b"BDAT 1500\r\n" + b"x" * 1500 + b"BDAT 4 LAST\r\nNOOPNOOP\r\n")
    assert [client.reply()[:9] for _ in range(3)] == ["552 5.3.4", "503 5.5.1", "250 2.0.0"]
    assert room.mails == []


def test_starttls_and_what_was_said_before_it_does_not_count(open_door, room, tls) -> None:
    client = open_door(tls=tls).client()
    client.reply()
    assert "STARTTLS" in client.ask(b"EHLO peer.example")
    client.ask(b"MAIL FROM:<x@peer.example>")
    assert client.ask(b"STARTTLS now").startswith("501")
    assert client.ask(b"STARTTLS") == "220 2.0.0 Ready to start TLS"
    client.start_tls()
    assert client.ask(b"RCPT TO:<anna@ahaus.net>").startswith("503")
    assert client.ask(b"MAIL FROM:<x@peer.example>").startswith("503")
    assert "STARTTLS" not in client.ask(b"EHLO peer.example")
    assert client.ask(b"STARTTLS").startswith("503")
    client.begin()
    client.ask(b"DATA")
    assert client.ask(b"x" * 100_000 + b"\r\n.").startswith("250")
    assert b" with ESMTPS id " in room.mails[0][2]
    assert client.ask(b"QUIT").startswith("221")


def test_starttls_plaintext_injected_behind_it_is_forgotten(open_door, room, tls) -> None:
    """CVE-2011-0411: commands that came in the same packet must not run inside TLS."""
    client = open_door(tls=tls).client()
    client.reply()
    client.ask(b"EHLO peer.example")
    client.say(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@peer.example>\r\nRCPT TO:<anna@ahaus.net>\r\nDATA\r\nevil\r\n.\r\n")
    assert client.reply().startswith("220")
    client.start_tls()
    assert client.ask(b"NOOP") == "250 2.0.0 OK"
    assert client.ask(b"DATA").startswith("503")
    assert room.mails == []


def test_starttls_with_rubbish_ends_the_connection(open_door, tls) -> None:
    client = open_door(tls=tls).client()
    client.reply()
    client.ask(b"STARTTLS")
    client.say(b"no hello\r\n" * 10)
    assert len(client.replies_until_end()) <= 1


def test_a_client_that_says_nothing_is_sent_away(open_door) -> None:
    client = open_door(command_seconds=0.2).client()
    client.reply()
    client.say(b"EHL")
    assert client.replies_until_end() == ["421 4.4.2 Timeout"]


def test_slow_loris_in_data(open_door, room) -> None:
    """An octet now and then keeps no place: the whole message has to have a speed."""
    client = open_door(grace_seconds=0.3, slowest_bytes_a_second=1_000).client()
    client.reply()
    client.begin()
    client.ask(b"DATA")
    end = time.monotonic() + 10
    try:
        while time.monotonic() < end:
            client.say(b"x")
            time.sleep(0.05)
    except OSError:
        pass
    assert time.monotonic() < end
    assert room.mails == []


def test_slow_loris_in_commands(open_door) -> None:
    client = open_door(session_seconds=0.5).client()
    client.reply()
    replies: list[str] = []
    end = time.monotonic() + 10
    while not (replies and replies[-1].startswith("421")) and time.monotonic() < end:
        replies.append(client.ask(b"NOOP"))
        time.sleep(0.05)
    assert replies[-1] == "421 4.4.2 Timeout"


def test_patience_is_short_while_places_are_scarce(open_door) -> None:
    door = open_door(connections=2, busy_seconds=0.2)
    first, second = door.client(), door.client()
    assert first.reply().startswith("220")
    assert second.reply().startswith("220")
    third = door.client()
    assert third.replies_until_end() == ["421 4.7.0 Too many connections, please come back later"]
    assert second.ask(b"NOOP").startswith("250")
    assert second.replies_until_end() == ["421 4.4.2 Timeout"]


def test_a_network_gets_no_more_than_its_share(open_door) -> None:
    door = open_door(connections_a_network=2, trusted_networks=())
    kept = [door.client() for _ in range(2)]
    assert all(client.reply().startswith("220") for client in kept)
    assert door.client().replies_until_end()[0].startswith("421 4.7.0")
    assert kept[0].ask(b"QUIT").startswith("221")
    wait_for(lambda: sum(door.server._networks.values()) == 1)
    assert door.client().reply().startswith("220")


def test_a_network_arrives_no_more_often_than_it_may(open_door) -> None:
    door = open_door(arrivals_a_minute=3, trusted_networks=())
    for _ in range(3):
        client = door.client()
        assert client.reply().startswith("220")
        client.ask(b"QUIT")
    assert door.client().replies_until_end()[0].startswith("421 4.7.0")


def test_too_many_errors(client) -> None:
    answers = [client.ask(b"FOO")[:3] for _ in range(19)]
    client.say(b"FOO\r\n")
    assert set(answers) == {"500"}
    assert client.replies_until_end() == ["500 5.5.1 Command not recognised", "421 4.7.0 Too many errors"]


def test_nobody_lists_the_residents(open_door) -> None:
    """Over many connections too; counted by keyed hash of the network."""
    door, asked = open_door(strangers=12, errors=6), 0
    for _ in range(6):
        client = door.client()
        client.reply()
        client.ask(b"EHLO a")
        client.ask(b"MAIL FROM:<>")
        client.say(b"".join(b"RCPT TO:<guess%d@ahaus.net>\r\n" % number for number in range(10)))
        asked += sum(reply.startswith("550") for reply in client.replies_until_end())
    assert asked == 12


@pytest.mark.parametrize("line", [b"x" * 5_000_000, b"\0" * 2_000_000, b"MAIL FROM:<" + b"a" * 3_000_000])
def test_a_line_that_does_not_end(client, line: bytes) -> None:
    try:
        client.say(line)
    except OSError:
        return
    assert client.replies_until_end()[-1:] in ([], ["421 4.7.0 Too many errors"])


def test_a_flood_of_commands_whose_answers_nobody_reads(open_door) -> None:
    door = open_door(command_seconds=0.5)
    flood = door.client()
    flood.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    flood.socket.settimeout(0.5)
    try:
        for _ in range(200):
            flood.say(b"HELP\r\n" * 5_000)
    except OSError:
        pass
    polite = door.client()
    assert polite.reply().startswith("220")
    assert polite.ask(b"NOOP").startswith("250")
    wait_for(lambda: len(door.server._running) <= 1)
    flood.close()


def test_random_octets_never_break_the_door(door) -> None:
    for _ in range(60):
        client = door.client()
        client.reply()
        try:
            client.say(os.urandom(2_000).replace(b"QUIT", b"") + b"\r\n")
            client.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        assert all(reply[:3].isdigit() for reply in client.replies_until_end())
        client.close()
    assert door.client().reply().startswith("220")


def test_nul_octets_in_a_mail_arrive(client, room) -> None:
    client.begin()
    client.ask(b"DATA")
    assert client.ask(b"a\0b\xff\r\n.").startswith("250")
    assert room.mails[0][0] == b"a\0b\xff\r\n"


def test_c42_a_connection_is_in_ram_while_it_lasts(door) -> None:
    client = door.client()
    client.reply()
    wait_for(lambda: connections.count(clock.now()) == 1)
    client.close()
    wait_for(lambda: connections.count(clock.now()) == 0)


def test_c42_a_connection_whose_record_has_ended_is_cut(door) -> None:
    """A new start of `serve`, or the absolute limit: the next beat ends it."""
    client = door.client()
    client.reply()
    wait_for(lambda: connections.count(clock.now()) == 1)
    volatile.clear()
    assert client.replies_until_end() == ["421 4.3.2 Closing for now, please come back"]


def test_c42_a_connection_that_cannot_be_entered_is_cut(door, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(volatile, "put", full)
    client = door.client()
    assert client.replies_until_end()[-1].startswith("421")
    assert not door.server._live


def test_c42_half_open_connections_are_cut_at_the_absolute_limit(door, monkeypatch) -> None:
    client = door.client()
    client.reply()
    far = clock.now() + timedelta(hours=12)
    monkeypatch.setattr(clock, "now", lambda: far)
    assert client.replies_until_end()[0].startswith("421 4.3.2")


def test_c42_no_connection_without_its_record(open_door, monkeypatch) -> None:
    door = open_door()

    def broken(*args, **more):
        raise OSError

    monkeypatch.setattr(connections, "begin", broken)
    assert door.client().replies_until_end()[0].startswith("421 4.3.0")


def test_c42_the_log_holds_counts_and_codes_only(open_door, room) -> None:
    path = config.load().data / "log" / "stadtmail.log"
    before, dropped = len(path.read_text()) if path.exists() else 0, log.dropped["schema"]
    door = open_door()
    client = door.client()
    client.reply()
    client.begin(sender=b"canary-sender@peer.example", recipient=b"ranary@ahaus.net")
    client.ask(b"RCPT TO:<bug@ahaus.net>")
    room.answer = ValueError("canary in a text")
    client.ask(b"DATA")
    client.ask(b"canary\r\n.")
    client.ask(b"FOO canary")
    door.close()
    added = path.read_text()[before:]
    assert "smtp.replies" in added
    assert '"code":451' in added
    for word in ("canary", "ranary", "127.0.0.1", "peer.example", "@", "nobody"):
        assert word not in added
    assert log.dropped["schema"] == dropped


def test_limits_of_the_door_name_no_network(open_door) -> None:
    door = open_door(trusted_networks=())
    client = door.client()
    client.reply()
    client.ask(b"EHLO a")
    client.ask(b"MAIL FROM:<>")
    client.ask(b"RCPT TO:<nobody@ahaus.net>")
    from stadtmail.usage import folder

    lain = b"".join(path.read_bytes() for path in folder.current().iterdir())
    for word in (b"127.0.0.1", limits.network("127.0.0.1").encode(), b"nobody", b"ahaus"):
        assert word not in lain


def test_drain_lets_data_finish_and_sends_the_idle_away(open_door, room) -> None:
    door = open_door()
    idle, busy, waiting = door.client(), door.client(), door.client()
    for client in (idle, busy, waiting):
        client.reply()
    busy.begin()
    busy.ask(b"DATA")
    busy.say(b"first half\r\n")
    room.hold = True
    waiting.begin()
    waiting.ask(b"DATA")
    waiting.say(b"all\r\n.\r\n")
    wait_for(lambda: room.held)
    room.hold = False
    draining = asyncio.run_coroutine_threadsafe(door.server.drain(seconds=10), door.loop)
    assert idle.replies_until_end() == ["421 4.3.2 Closing for now, please come back"]
    with pytest.raises(OSError):  # noqa: PT011 - refused or reset, both are fine
        fakes.Client(door.server.port if door.server._listeners[0].sockets else 1).reply()
    busy.say(b"second half\r\n.\r\n")
    assert busy.replies_until_end() == ["250 2.6.0 Stored", "421 4.3.2 Closing for now, please come back"]
    room.held[0].set_result([None])
    assert waiting.replies_until_end() == ["250 2.6.0 Stored", "421 4.3.2 Closing for now, please come back"]
    draining.result(20)
    assert connections.count(clock.now()) == 0


def test_drain_does_not_wait_for_ever(open_door) -> None:
    door = open_door()
    client = door.client()
    client.reply()
    client.begin()
    client.ask(b"DATA")
    begin = time.monotonic()
    door.call(door.server.drain(seconds=0.3))
    assert time.monotonic() - begin < 20  # the client says nothing for five minutes
    assert client.replies_until_end() == ["421 4.3.2 Closing for now, please come back"]
