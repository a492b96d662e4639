"""Sealed mailboxes over real sockets: which programs read them and which do not, whatever mechanism they choose."""

import imaplib

import pytest

from stadtmail.kit import clock
from stadtmail.mail import queries, wraps
from stadtmail.mail.actions import sealed
from stadtmail.people.actions import app_passwords
from stadtmail.usage import connections, folder
from tests.doors.imap.conftest import PASSWORD, wait_for
from tests.doors.imap.test_signing import scram
from tests.mail.conftest import every_byte

NAME = "anna@ahaus.net"
MAIL = b"From: vera@elsewhere.example\r\nSubject: Mohnblume 77\r\n\r\nKornblume 99\r\n"


@pytest.fixture
def seal(ahaus, contract):
    return lambda: sealed.seal_mailbox(contract, tenant=ahaus, password=PASSWORD, now=clock.now())


@pytest.fixture
def app(ahaus, contract, seal):
    """An app password of a sealed mailbox, made while it was open."""
    halves = seal().halves
    return sealed.make_app_password(contract, tenant=ahaus, label="Laptop", scopes=["imap", "submission"], halves=halves, now=clock.now())


def test_pythons_own_client_reads_and_searches_and_deletes(door, app, mail) -> None:
    mail(MAIL, MAIL.replace(b"99", b"98"))
    with imaplib.IMAP4("127.0.0.1", door.port) as client:
        client.login(NAME, app.password)
        client.select()
        assert b"Kornblume 99" in client.fetch("2", "(BODY[])")[1][0][1]
        assert client.search(None, "BODY", "Kornblume")[1] == [b"2 3"]
        client.store("2", "+FLAGS", "\\Deleted")
        client.expunge()
        assert client.search(None, "TEXT", '"Kornblume 99"')[1] == [b""]
        client.create("Kopien")
        assert client.copy("1", "Kopien")[0] == "OK"


def test_imapclient_by_plain(door, app, mail) -> None:
    imapclient = pytest.importorskip("imapclient")
    mail(MAIL)
    with imapclient.IMAPClient("127.0.0.1", door.port, ssl=False) as client:
        client.plain_login(NAME, app.password)
        client.select_folder("INBOX")
        assert b"Kornblume 99" in client.fetch([2], ["RFC822"])[2][b"RFC822"]
        client.append("INBOX", MAIL.replace(b"99", b"97"))
        assert b"Kornblume 97" in client.fetch([3], ["RFC822"])[3][b"RFC822"]


def test_scram_opens_with_the_client_key(door, app, mail) -> None:
    mail(MAIL)
    client = door.client(login="")
    assert scram(client, NAME, app.password).startswith(b"s1 OK")
    assert client.ask("SELECT INBOX")[-1].startswith(b"OK")
    assert b"Kornblume 99" in b"".join(client.ask("FETCH 2 BODY[TEXT]"))
    client.close()


def test_neither_login_password_nor_an_old_app_password_reads(ahaus, door, contract, seal) -> None:
    old = app_passwords.make(contract, tenant=ahaus, label="alt", scopes=["imap"], now=clock.now())
    with imaplib.IMAP4("127.0.0.1", door.port) as client:
        assert client.login(NAME, PASSWORD)[0] == "OK"  # while it is a standard one
    seal()
    for password in (PASSWORD, old.password):
        with imaplib.IMAP4("127.0.0.1", door.port) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            client.login(NAME, password)
        other = door.client(login="")
        assert scram(other, NAME, password).startswith(b"s1 NO [AUTHENTICATIONFAILED]")
        other.close()


def test_an_app_password_without_a_wrap_is_told_why(ahaus, door, app) -> None:
    wraps.Wrap.objects.filter(reference=app.id).delete()
    with imaplib.IMAP4("127.0.0.1", door.port) as client, pytest.raises(imaplib.IMAP4.error, match="sealed"):
        client.login(NAME, app.password)
    assert wait_for(lambda: connections.count(clock.now()) == 0)


def test_connections_of_before_end_with_the_sealing(ahaus, anna, door, contract, seal, mail) -> None:
    mail(MAIL)
    client = door.client()
    client.ask("SELECT INBOX")
    seal()
    from stadtmail.usage import sessions

    sessions.end_person(ahaus.id, contract.person_id)  # as the page does
    assert wait_for(lambda: not connections.of_person(ahaus.id, contract.person_id, clock.now()))
    client.close()


def test_revoked_in_the_middle_of_it(ahaus, door, contract, app) -> None:
    with imaplib.IMAP4("127.0.0.1", door.port) as client:
        client.login(NAME, app.password)
    app_passwords.revoke(contract, app.id, tenant=ahaus, now=clock.now())
    with imaplib.IMAP4("127.0.0.1", door.port) as client, pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(NAME, app.password)
    assert not wraps.Wrap.objects.filter(reference=app.id).exists()


def test_the_opened_half_lies_in_the_connection_and_in_no_store(ahaus, anna, door, app, mail) -> None:
    mail(MAIL)
    with imaplib.IMAP4("127.0.0.1", door.port) as client:
        client.login(NAME, app.password)
        client.select()
        (session,) = [one for one in door.server._sessions if one.o is not None]
        (half,) = session.o.halves.values()
        assert repr(half) not in repr(session.o)
        assert all(half not in data for _, data in every_byte())
        assert all(half not in path.read_bytes() for path in folder.current().parent.rglob("*") if path.is_file())
    assert wait_for(lambda: not door.server._sessions)
    with pytest.raises(queries.Locked):
        queries.opened(queries.mailbox_of(ahaus, anna.contract), holder=anna.contract)


def test_another_city_does_not_come_in(musterstadt, door, app) -> None:
    with imaplib.IMAP4("127.0.0.1", door.port) as client, pytest.raises(imaplib.IMAP4.error):
        client.login("anna@musterstadt.example", app.password)
