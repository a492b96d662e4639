"""C-4.2 and hostile clients: whatever a connection does, nothing of it stays, nothing grows, and the others are served."""

import os
import signal
import socket
import struct
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from stadtmail.kit import clock, config
from stadtmail.mail import queries
from stadtmail.mail.models import Body, Message
from stadtmail.people.actions import contracts
from stadtmail.privacy import erasure
from stadtmail.privacy.models import Unit
from stadtmail.usage import connections, sessions, volatile
from stadtmail.vault import blobs
from tests.doors.imap.conftest import Client, wait_for
from tests.mail.conftest import every_byte


def test_c42_hours_of_idle_end_at_the_absolute_limit(client, monkeypatch) -> None:
    client.ask("SELECT INBOX")
    client.send(b"i IDLE\r\n")
    client.line()
    assert connections.count(clock.now()) == 1
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(hours=12, seconds=1))
    assert client.line() == b"* BYE The time of this connection has ended"
    assert wait_for(lambda: connections.count(real()) == 0)


def test_c42_a_connection_keeps_its_lease_and_ends_with_its_socket(door, client) -> None:
    client.ask("SELECT INBOX")
    time.sleep(0.5)
    assert connections.count(clock.now()) == 1
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not a farewell
    client.close()
    assert wait_for(lambda: connections.count(clock.now()) == 0 and not door.server._sessions)


def test_c42_the_end_of_a_persons_sessions_ends_their_mail_programs(ahaus, anna, client) -> None:
    person = contracts.Contract.objects.get(id=anna.contract).person_id
    sessions.end_person(ahaus.id, person)
    assert client.line() == b"* BYE The time of this connection has ended"


def test_c42_half_open_sockets_are_cut_before_login(open_door, residents) -> None:
    door = open_door(login_seconds=0.3)
    silent = door.client(login="")
    slow = door.client(login="")
    slow.send(b"a LOG")
    assert silent.line() == b"* BYE Too long without a word"
    assert slow.line() == b"* BYE Too long without a word"
    assert wait_for(lambda: connections.count(clock.now()) == 0)


def test_c42_kill_9_leaves_nothing_after_the_lease(ahaus, residents, tmp_path) -> None:
    code = (
        "import django; django.setup()\n"
        "import asyncio\n"
        "from stadtmail.doors.imap import server\n"
        "async def main():\n"
        "    _, ports = await server.start('127.0.0.1', port=0, tls_port=None, tls=None)\n"
        "    print(ports[0], flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    env = {**os.environ, "STADTMAIL_DATA": str(config.load().data), "DJANGO_SETTINGS_MODULE": "stadtmail.settings"}
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env)
    try:
        client = Client(int(child.stdout.readline()))
        client.line()
        assert client.ask('LOGIN anna@ahaus.net "ein langer Satz 7"')[-1].startswith(b"OK")
        assert connections.count(clock.now()) == 1
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    later = clock.now() + connections.LEASE
    assert connections.count(later) == 0
    connections.end_lost(later)
    assert not [space for space, _ in volatile.every() if space == "connection"]
    client.close()


def test_erasure_of_the_mailbox_ends_the_connection_and_nothing_opens_any_more(ahaus, anna, client, now) -> None:
    client.ask("SELECT INBOX")
    client.ask("CREATE geheim")
    client.ask("STORE 1 +FLAGS ($mein)")
    client.ask("STORE 1 +FLAGS (\\Deleted)")
    client.ask("EXPUNGE")
    unit = Unit.objects.get(anchor=anna.contract, category="INH")
    erasure.erase([unit.id], tenant=ahaus, now=now, cause="deleted")
    lines = client.ask("NOOP")
    assert lines[0].startswith(b"* BYE ")
    from stadtmail.mail.models import Expunged, Folder, Keyword

    for model, path in ((Folder, "mailbox__contract"), (Keyword, "mailbox__contract"), (Expunged, "folder__mailbox__contract")):
        assert not model.objects.filter(**{path: anna.contract}).exists()


def test_a_deleted_message_is_gone_at_once_row_body_and_blob(ahaus, anna, client) -> None:
    before = queries.used(queries.mailbox_of(ahaus, anna.contract))[0]
    client.ask("APPEND INBOX {}", b"Subject: klein\r\n\r\nx\r\n")
    client.ask("APPEND INBOX {}", b"Subject: gross\r\n\r\n" + b"x" * 100_000)
    assert len(list(blobs.every())) == 1
    client.ask("SELECT INBOX")
    client.ask("STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    client.ask("EXPUNGE")
    box = Message.objects.filter(folder__mailbox__contract=anna.contract)
    assert (box.count(), Body.objects.filter(message__folder__mailbox__contract=anna.contract).count()) == (1, 1)
    assert not list(blobs.every())
    assert queries.used(queries.mailbox_of(ahaus, anna.contract))[0] == before


def test_nothing_of_a_mail_program_lies_plain_in_the_data_folder(client) -> None:
    canary = os.urandom(8).hex()
    client.ask(f"CREATE ordner{canary}")
    client.ask(f"APPEND ordner{canary} (wort{canary}) {{}}", f"Subject: {canary}\r\n\r\n{canary}".encode() + b"x" * 300_000)
    client.ask(f"SELECT ordner{canary}")
    assert client.ask(f"SEARCH SUBJECT {canary}")[0] == b"* SEARCH 1"
    client.ask(f'ID ("name" "{canary}")')
    client.ask(f"NOSUCH {canary}")
    for name, content in every_byte():
        for one in (canary.encode(), b"anna@ahaus", b"127.0.0.1"):
            assert one not in content or name.startswith(("policy", "ahaus")), name


def test_the_quota_holds(ahaus, anna, client) -> None:
    from stadtmail.mail.models import Mailbox

    box = queries.mailbox_of(ahaus, anna.contract)
    Mailbox.objects.filter(id=box.id).update(quota_bytes=box.used_bytes + 100)
    client.ask("SELECT INBOX")
    assert client.ask("APPEND INBOX {}", b"Subject: x\r\n\r\n" + b"x" * 100)[-1] == b"NO [OVERQUOTA] Quota exceeded"
    assert client.ask("COPY 1 Archiv")[-1] == b"NO [OVERQUOTA] Quota exceeded"
    assert client.ask("STATUS Archiv (MESSAGES)")[0] == b"* STATUS Archiv (MESSAGES 0)"


def test_another_persons_mailbox_is_another_world(door, client) -> None:
    client.ask("CREATE nur-anna")
    other = door.client(login="ben@ahaus.net")
    assert other.ask("SELECT nur-anna")[-1].startswith(b"NO [NONEXISTENT]")
    assert other.ask("STATUS INBOX (MESSAGES)")[0] == b"* STATUS INBOX (MESSAGES 1)"
    other.close()


def test_no_password_without_tls_from_another_machine(door, monkeypatch) -> None:
    from stadtmail.doors.imap import signing

    monkeypatch.setattr(signing, "may_sign_in", lambda session: session.stream.is_tls)
    client = Client(door.port)
    assert b"LOGINDISABLED" in client.line()
    assert client.ask("LOGIN anna@ahaus.net x")[-1].startswith(b"NO [PRIVACYREQUIRED]")
    assert client.ask("AUTHENTICATE PLAIN AAA=")[-1].startswith(b"NO [PRIVACYREQUIRED]")
    client.close()


def test_starttls_forgets_what_came_before(open_door, residents, tls) -> None:
    import ssl

    door = open_door(tls)
    trusting = ssl._create_unverified_context()
    client = door.client(login="")
    client.send(b"s STARTTLS\r\nz NOOP\r\n")  # injected before TLS: must not be answered after it
    assert client.answer(b"s") == [b"OK Begin TLS now"]
    client.socket = trusting.wrap_socket(client.socket)
    client.file = client.socket.makefile("rb")
    assert client.ask('LOGIN anna@ahaus.net "ein langer Satz 7"')[-1].startswith(b"OK")
    client.close()
    straight = Client(door.ports[1], context=trusting)
    assert straight.line().startswith(b"* OK")
    assert straight.ask('LOGIN anna@ahaus.net "ein langer Satz 7"')[-1].startswith(b"OK")
    straight.close()


def test_guessing_is_slowed_down(open_door, residents) -> None:
    door = open_door(logins_a_name=3)
    client = door.client(login="")
    answers = [client.ask("LOGIN anna@ahaus.net wrong")[-1] for _ in range(4)]
    assert answers[3].startswith(b"NO [LIMIT]")
    client.close()


@pytest.mark.parametrize(
    "data",
    [b"\r\n" * 5, b"\0\0\0\r\n", b"a\r\n",
     b"a LOGIN {5}\r\n\0\0\0\0\0 {3}\r\nabc\r\n", b"a b c d\r\n", b"* NOOP\r\n", b"a FETCH \xff\xfe\r\n",
     b"a LOGIN {999999999999}\r\n", b"a LOGIN {99999+}\r\n" + b"x" * 99_999 + b"\r\n", b"+ a\r\n"],
)  # fmt: skip
def test_hostile_input_gets_its_answer_and_the_connection_lives(data, door) -> None:
    client = door.client(login="")
    client.send(data)
    time.sleep(0.05)
    client.send(b"zz NOOP\r\n")
    assert client.answer(b"zz")[-1] == b"OK Done"
    client.close()


def test_a_line_without_end_is_cut(door) -> None:
    client = door.client(login="")
    client.send(b"a" * 100_000)
    assert client.line() == b"* BYE Line too long"
    client.close()


def test_a_client_that_reads_nothing_is_cut_and_the_others_are_served(open_door, residents) -> None:
    door = open_door(reading_seconds=0.5)
    greedy = door.client()
    greedy.ask("APPEND INBOX {}", b"Subject: x\r\n\r\n" + b"x" * 5_000_000)
    greedy.ask("SELECT INBOX")
    for _ in range(20):
        greedy.send(b"g FETCH 2 BODY.PEEK[]\r\n")
    other = door.client(login="ben@ahaus.net")
    assert other.ask("SELECT INBOX")[-1].startswith(b"OK")
    assert wait_for(lambda: len(door.server._sessions) == 1, 15)
    greedy.close()
    other.close()
