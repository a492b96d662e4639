"""Attacks on the ManageSieve door: strangers, other cities, floods, the end of a mailbox, and what a connection leaves behind."""

import socket
import time

import pytest

from stadtmail.kit import clock, config
from stadtmail.mail import queries
from stadtmail.mail.actions import accounts
from stadtmail.people import queries as people
from stadtmail.people.actions import contracts, credentials
from stadtmail.privacy import erasure
from stadtmail.privacy.models import Unit
from stadtmail.usage import connections, folder
from tests.doors.sieve.conftest import Client, wait_for
from tests.mail.conftest import every_byte, form


def test_law5_a_resident_of_another_city_sees_and_changes_nothing_of_ours(door, client, musterstadt, now) -> None:
    """Same name, same password, other city: two mailboxes that know nothing of each other."""
    other = accounts.open_account(form(name="Clara Citrin"), tenant=musterstadt, now=now)
    credentials.set_mail_login(people.contract(musterstadt, other.contract), tenant=musterstadt, on=True)
    assert client.ask('PUTSCRIPT "Kanarienskript" {}', b"discard;") == [b'OK "Done"']
    assert client.ask('SETACTIVE "Kanarienskript"') == [b'OK "Done"']
    clara = door.client(login="anna@musterstadt.example")
    assert clara.ask("LISTSCRIPTS") == [b'OK "Done"']
    for command in ("GETSCRIPT", "SETACTIVE", "DELETESCRIPT"):
        assert clara.ask(f'{command} "Kanarienskript"') == [b'NO (NONEXISTENT) "No such script"']
    clara.close()


def test_c42_no_word_of_a_conversation_lies_in_clear_anywhere(door, client) -> None:
    text = b'require ["vacation"];\r\n# Kanarienkommentar\r\nvacation "Kanariengesang";\r\n'
    assert client.ask('PUTSCRIPT "Kanarienname" {}', text) == [b'OK "Done"']
    assert client.ask('PUTSCRIPT "x" {}', b'fileinto "Kanarienfehler";')[0].startswith(b"NO ")
    assert client.login(password="Kanarienpasswort") == b'NO "Already logged in"'
    wrong = door.client(login="")
    assert wrong.login("kanarien@ahaus.net", "Kanarienpasswort").startswith(b"NO ")
    wrong.close()
    volatile_bytes = [(path.name, path.read_bytes()) for path in folder.current().rglob("*") if path.is_file()]
    for name, data in [*every_byte(), *volatile_bytes]:
        assert b"anarien" not in data, name
    assert volatile_bytes, "the volatile store was looked at"
    assert (config.load().data / "default.sqlite3").exists() or config.load().database_url


def test_c25_a_connection_is_a_record_in_ram_for_as_long_as_it_lasts(door) -> None:
    client = door.client()
    (session,) = door.server._sessions
    record = session.connection.record(clock.now())
    assert (record.service, record.ip, record.end_at) == ("sieve", "127.0.0.1", None)
    assert record.subject_ref
    client.ask("UNAUTHENTICATE")
    assert not session.connection.record(clock.now()).subject_ref
    client.close()
    assert wait_for(lambda: connections.count(clock.now()) == 0)


def test_only_failed_logins_count_and_then_nothing_is_tried_any_more(open_door, residents) -> None:
    door = open_door(logins_a_name=3)
    client = door.client(login="")
    for _ in range(5):
        assert client.login("ben@ahaus.net") == b'OK "Welcome"'
        client.ask("UNAUTHENTICATE")
    for _ in range(3):
        assert client.login(password="falsch") == b'NO "Name or password is wrong"'
    assert client.login() == b'NO (TRYLATER) "Too many tries, wait some minutes"'
    assert client.login("ben@ahaus.net") == b'OK "Welcome"'
    client.close()


def test_the_login_password_stays_out_where_it_was_not_allowed(open_door, ahaus, anna) -> None:
    client = open_door().client(login="")
    assert client.login() == b'NO "Name or password is wrong"'
    client.close()


def test_no_password_is_read_without_tls_from_elsewhere(open_door, residents, tls, monkeypatch) -> None:
    from stadtmail.doors.sieve import signing

    monkeypatch.setattr(signing, "may_sign_in", lambda session: session.stream.is_tls)
    client = open_door(tls).client(login="")
    assert b'"SASL" ""' in client.ask("CAPABILITY")
    assert client.login() == b'NO (ENCRYPT-NEEDED) "Encrypt first"'
    client.ask("STARTTLS")
    client.encrypt()
    client.answer()
    assert client.login() == b'OK "Welcome"'
    client.close()


@pytest.mark.parametrize(
    "flood",
    [b"x" * 100_000, b'NOOP "' + b"y" * 100_000, b"NOOP {4294967295+}\r\n", b'PUTSCRIPT "x" {99999999+}\r\n', b"NOOP {5000+}\r\n" * 3,
     b"\0\r\n", b"NOOP\r\n" * 3 + b"\x16\x03\x01" + b"z" * 100_000],
    ids=range(7),
)  # fmt: skip
def test_floods_end_the_connection_in_bounded_memory(flood, door) -> None:
    client = door.client(login="")
    try:
        client.send(flood)
        client.socket.settimeout(10)
        while client.file.readline():
            pass
    except (ConnectionError, BrokenPipeError):
        pass
    assert wait_for(lambda: not door.server._sessions)
    client.close()


def test_silence_a_half_open_socket_and_a_client_that_never_reads_end(open_door, residents) -> None:
    door = open_door(login_seconds=0.5, silence_seconds=0.7, reading_seconds=0.5)
    stranger, holder, deaf = door.client(login="", greeted=False), door.client(), door.client()
    assert deaf.ask('PUTSCRIPT "x" {}', b"#" * 100_000 + b"\nkeep;") == [b'OK "Done"']
    deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    try:
        for _ in range(200):
            deaf.send(b'GETSCRIPT "x"\r\n')
    except OSError:
        pass
    assert wait_for(lambda: not door.server._sessions, 10)
    for one in (stranger, holder, deaf):
        one.close()


def test_too_many_nonsense_ends_the_connection(open_door, residents) -> None:
    client = open_door(bad_commands=5).client(login="")
    for _ in range(6):
        assert client.ask("FOO")[-1] == b'NO "No such command"'
    assert client.line() == b'BYE "Too many errors"'
    client.close()


def test_a_person_has_so_many_connections_and_a_door_too(open_door, residents) -> None:
    door = open_door(connections=3, connections_a_person=2)
    first, second, third = door.client(), door.client(), door.client(login="")
    assert third.login() == b'NO (TRYLATER) "Too many connections"'
    full = Client(door.port)
    assert full.answer() == [b'BYE (TRYLATER) "Too many connections"']
    for one in (first, second, third, full):
        one.close()


def test_the_end_of_the_mailbox_is_the_end_of_the_connection_and_of_its_scripts(door, client, ahaus, anna, now) -> None:
    assert client.ask('PUTSCRIPT "x" {}', b"discard;") == [b'OK "Done"']
    contracts.cancel(people.contract(ahaus, anna.contract), ends_at=now, now=now)
    units = [unit.id for unit in Unit.objects.filter(anchor=anna.contract, category="INH")]
    assert len(units) == 2, "messages, and what delivery needs"
    erasure.erase(units, tenant=ahaus, now=now, cause="deleted")
    assert client.answer()[-1].startswith(b"BYE ")
    with pytest.raises(queries.NoSuchMailbox):
        queries.mailbox_of(ahaus, anna.contract)
    again = door.client(login="")
    assert again.login() == b'NO "Name or password is wrong"'
    again.close()


def test_a_drain_says_goodbye(door, client) -> None:
    door.drain()
    assert client.answer() == [b'BYE (TRYLATER) "Server is going down, come back soon"']


def test_slow_loris_does_not_keep_others_out(door) -> None:
    slow = door.client(login="", greeted=False)
    for sign in b"CAPABILIT":
        slow.send(bytes([sign]))
        time.sleep(0.01)
    client = door.client()
    assert client.ask("NOOP") == [b'OK "Done"']
    for one in (slow, client):
        one.close()
