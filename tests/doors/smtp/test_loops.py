"""uvloop is optional: what the other tests show with it holds with asyncio's own loop too."""

import socket
import time

import pytest

from tests.doors.smtp.test_transcripts import ANSWERS, PIPELINED


@pytest.fixture
def client(open_door, tls):
    talk = open_door(loop="asyncio", tls=tls).client()
    talk.reply()
    yield talk
    talk.close()


def test_a_whole_group_in_one_packet_and_byte_by_byte(client, open_door, room) -> None:
    client.say(PIPELINED)
    assert [reply[:3] for reply in client.replies_until_end()] == ANSWERS
    again = open_door(loop="asyncio").client()
    again.reply()
    for at in range(len(PIPELINED)):
        again.say(PIPELINED[at : at + 1])
    assert [reply[:3] for reply in again.replies_until_end()] == ANSWERS


def test_a_half_closed_client_gets_its_answers(client) -> None:
    client.say(PIPELINED.replace(b"QUIT\r\n", b""))
    client.socket.shutdown(socket.SHUT_WR)
    assert [reply[:3] for reply in client.replies_until_end()] == ANSWERS[:-1]


def test_starttls_forgets_what_came_before_and_carries_much(client, room) -> None:
    client.say(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@peer.example>\r\n")
    assert client.reply().startswith("220")
    client.start_tls()
    assert client.ask(b"MAIL FROM:<x@peer.example>").startswith("503")
    client.begin()
    client.ask(b"DATA")
    assert client.ask(b"x" * 5_000_000 + b"\r\n.").startswith("250")
    assert len(room.mails[0][0]) == 5_000_002
    assert client.ask(b"QUIT").startswith("221")


def test_a_flood_whose_answers_nobody_reads_keeps_no_place(open_door) -> None:
    door = open_door(loop="asyncio", command_seconds=0.3)
    flood = door.client()
    flood.socket.settimeout(0.3)
    try:
        for _ in range(200):
            flood.say(b"HELP\r\n" * 5_000)
    except OSError:
        pass
    end = time.monotonic() + 60
    while door.server._running and time.monotonic() < end:
        time.sleep(0.02)
    assert not door.server._running


def test_drain(open_door) -> None:
    door = open_door(loop="asyncio")
    idle = door.client()
    idle.reply()
    door.call(door.server.drain(seconds=5))
    assert idle.replies_until_end() == ["421 4.3.2 Closing for now, please come back"]
