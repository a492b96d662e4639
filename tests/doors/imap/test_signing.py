"""How mail programs come in over IMAP: app passwords, SCRAM, LOGIN; revoked ones are cut."""

import base64
import imaplib
import shutil
import ssl
import subprocess

import pytest

from stadtmail.kit import clock
from stadtmail.people.actions import app_passwords
from stadtmail.usage import connections
from tests.doors.imap.conftest import PASSWORD
from tests.doors.submission.scram import NONCE, proof


@pytest.fixture
def made(ahaus, contract):
    return app_passwords.make(contract, tenant=ahaus, label="Laptop", scopes=["imap"], now=clock.now())


def scram(client, name: str, password: str) -> bytes:
    bare = f"n={name},r={NONCE}"
    client.send(b"s1 AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(f"n,,{bare}".encode()) + b"\r\n")
    challenge = base64.b64decode(client.line().removeprefix(b"+ ")).decode()
    without = f"c=biws,r={challenge.split(',')[0].removeprefix('r=')}"
    mine, theirs = proof(password, bare, challenge, without)
    client.send(base64.b64encode(f"{without},p={base64.b64encode(mine).decode()}".encode()) + b"\r\n")
    line = client.line()
    if line.startswith(b"s1 "):
        return line
    assert base64.b64decode(line.removeprefix(b"+ ")) == b"v=" + base64.b64encode(theirs)
    client.send(b"\r\n")
    return client.line()


def test_pythons_own_client_logs_in_with_an_app_password(door, made) -> None:
    with imaplib.IMAP4("127.0.0.1", door.port) as client:
        assert client.login("anna@ahaus.net", made.password)[0] == "OK"
        assert client.select()[0] == "OK"


def test_imapclient_logs_in_with_an_app_password(door, made) -> None:
    imapclient = pytest.importorskip("imapclient")
    with imapclient.IMAPClient("127.0.0.1", door.port, ssl=False) as client:
        assert {b"AUTH=PLAIN", b"AUTH=LOGIN", b"AUTH=SCRAM-SHA-256"} <= set(client.capabilities())
        client.plain_login("anna@ahaus.net", made.password)
        client.select_folder("INBOX")


def test_scram_with_app_password_and_login_password(door, made) -> None:
    for password in (made.password, PASSWORD):
        client = door.client(login="")
        assert scram(client, "anna@ahaus.net", password).startswith(b"s1 OK [CAPABILITY IMAP4rev2")
        assert client.ask("SELECT INBOX")[-1].startswith(b"OK")
        client.close()
    client = door.client(login="")
    assert scram(client, "anna@ahaus.net", "falsch") == b"s1 NO [AUTHENTICATIONFAILED] Name or password is wrong"
    assert scram(client, "niemand@ahaus.net", "falsch") == b"s1 NO [AUTHENTICATIONFAILED] Name or password is wrong"
    assert scram(client, "anna@ahaus.net", made.password).startswith(b"s1 OK")
    client.close()


def test_login_as_a_mechanism(door, made) -> None:
    client = door.client(login="")
    client.send(b"a AUTHENTICATE LOGIN\r\n")
    for said in (b"anna@ahaus.net", made.password.encode()):
        assert base64.b64decode(client.line().removeprefix(b"+ ")) in (b"Username:", b"Password:")
        client.send(base64.b64encode(said) + b"\r\n")
    assert client.line().startswith(b"a OK")
    client.close()


def test_an_app_password_for_sending_reads_nothing(ahaus, contract, door) -> None:
    other = app_passwords.make(contract, tenant=ahaus, label="nur senden", scopes=["submission"], now=clock.now())
    client = door.client(login="")
    assert client.ask(f"LOGIN anna@ahaus.net {other.password}")[-1].startswith(b"NO [AUTHENTICATIONFAILED]")
    assert scram(client, "anna@ahaus.net", other.password).startswith(b"s1 NO")
    client.close()


def test_revoking_ends_what_began_with_it_and_nothing_else(ahaus, contract, door, made) -> None:
    lost, kept = door.client(login=""), door.client()
    assert lost.ask(f"LOGIN anna@ahaus.net {made.password}")[-1].startswith(b"OK")
    assert connections.of_credential(ahaus.id, made.id, clock.now()) == 1
    app_passwords.revoke(contract, made.id, tenant=ahaus, now=clock.now())
    connections.end_credential(ahaus.id, made.id)
    assert lost.line().startswith(b"* BYE")
    assert kept.ask("NOOP")[-1].startswith(b"OK")
    assert lost.file.readline() == b""
    lost.close()
    kept.close()


@pytest.mark.parametrize("line", [b"!!!", b"=", base64.b64encode(b"p=tls-unique,,n=a,r=x"), base64.b64encode(b"\xff\xfe")])
def test_what_is_no_proof_is_bad_and_the_connection_stays(door, residents, line) -> None:
    client = door.client(login="")
    assert client.ask(b"AUTHENTICATE SCRAM-SHA-256 " + line)[-1].startswith(b"BAD")
    assert client.ask("NOOP")[-1].startswith(b"OK")
    client.close()


@pytest.mark.skipif(shutil.which("mbsync") is None, reason="mbsync is not installed (apt-get install isync)")
@pytest.mark.parametrize("which", ["app", "login"])
def test_mbsync_chooses_a_mechanism_by_itself(door, made, tmp_path, which) -> None:
    """With Cyrus' modules it takes SCRAM-SHA-256 where that is offered, and nothing else if it fails."""
    password = made.password if which == "app" else PASSWORD
    (tmp_path / "mail").mkdir()
    (tmp_path / "rc").write_text(
        f'IMAPAccount a\nHost 127.0.0.1\nPort {door.port}\nUser anna@ahaus.net\nPass "{password}"\nSSLType None\n\n'
        "IMAPStore r\nAccount a\n\n"
        f"MaildirStore l\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n\n"
        "Channel c\nFar :r:\nNear :l:\nPatterns INBOX\nCreate Near\nSyncState *\n"
    )
    done = subprocess.run(["mbsync", "-c", str(tmp_path / "rc"), "-a"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "mail" / "INBOX").rglob("*,*"))  # the welcome


def test_over_tls_too(open_door, tls, residents, made) -> None:
    door = open_door(tls)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with imaplib.IMAP4_SSL("127.0.0.1", door.ports[1], ssl_context=context) as client:
        assert client.login("anna@ahaus.net", made.password)[0] == "OK"
