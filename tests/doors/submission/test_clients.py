"""Real programs hand mail over: smtplib, swaks, and octets by hand for SCRAM."""

import shutil
import smtplib
import ssl
import subprocess

import pytest

from tests.doors.submission.conftest import PASSWORD
from tests.doors.submission.scram import proven

pytestmark = pytest.mark.postgres
LETTER = b"From: Anna <anna@ahaus.net>\r\nTo: ben@ahaus.net\r\nBcc: zoe@ahaus.net\r\nSubject: Gruss\r\n\r\nHallo Ben\r\n"


def trusting() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("way", ["loopback", "starttls", "tls"])
def test_smtplib_logs_in_and_sends(open_door, tls, make, ben, inbox, way, mechanism) -> None:
    door, made = open_door(tls), make()
    kind = smtplib.SMTP_SSL if way == "tls" else smtplib.SMTP
    more = {"context": trusting()} if way == "tls" else {}
    with kind("127.0.0.1", door.ports[way == "tls"], timeout=20, **more) as client:
        if way == "starttls":
            client.starttls(context=trusting())
        client.ehlo()
        client.user, client.password = "anna@ahaus.net", made.password
        code, _ = client.auth(mechanism, client.auth_plain if mechanism == "PLAIN" else client.auth_login)
        assert code == 235
        assert client.sendmail("anna@ahaus.net", ["ben@ahaus.net"], LETTER) == {}
    (found, *_) = inbox(ben)
    assert b"Hallo Ben" in found
    assert b"zoe@" not in found


@pytest.mark.parametrize("way", [["-tls"], ["-tlsc"], []])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks(open_door, tls, make, ben, inbox, way, mechanism) -> None:
    door, made = open_door(tls), make()
    done = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(door.ports[way == ["-tlsc"]]), *way, "--auth", mechanism, "--auth-user",
         "anna@ahaus.net", "--auth-password", made.password, "--from", "anna@ahaus.net", "--to", "ben@ahaus.net", "--ehlo", "laptop"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"This is a test mailing" in inbox(ben)[0]


def test_the_login_password_where_it_is_allowed(door, allowed, ben, inbox) -> None:
    with smtplib.SMTP("127.0.0.1", door.ports[0], timeout=20) as client:
        client.login("anna@ahaus.net", PASSWORD)
        client.sendmail("anna@ahaus.net", ["ben@ahaus.net"], LETTER)
    assert b"Hallo Ben" in inbox(ben)[0]


def test_the_login_password_where_it_is_not(door, contract) -> None:
    with smtplib.SMTP("127.0.0.1", door.ports[0], timeout=20) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("anna@ahaus.net", PASSWORD)


@pytest.mark.parametrize("with_initial", [True, False])
def test_scram_with_any_app_password_and_with_the_login_password(door, make, allowed, with_initial) -> None:
    first, second = make(label="Laptop"), make(label="Telefon")
    for password in (first.password, second.password, PASSWORD):
        client = door.client()
        assert proven(client, "anna@ahaus.net", password, with_initial=with_initial) == "235 2.7.0 Logged in"
        assert client.ask(b"MAIL FROM:<anna@ahaus.net>").startswith("250")
        client.close()
    client = door.client()
    assert proven(client, "anna@ahaus.net", "falsch", with_initial=with_initial).startswith("535")
    client.close()


def test_a_password_is_for_what_it_was_made_for(door, make) -> None:
    made = make("imap")
    for client in (door.client(), door.client()):
        assert proven(client, "anna@ahaus.net", made.password).startswith("535")
        client.close()
    with smtplib.SMTP("127.0.0.1", door.ports[0], timeout=20) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("anna@ahaus.net", made.password)
