"""Attacks on the submission door, through its socket: forged senders, guessed passwords, plain text before TLS, traces of the client."""

import base64
import smtplib
import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from stadtmail.doors.smtp import submission
from stadtmail.kit import clock, config, log
from stadtmail.mail.actions import accounts, rates
from stadtmail.people import queries as people
from stadtmail.people.actions import app_passwords
from stadtmail.usage import connections, folder
from tests.doors.imap.conftest import wait_for
from tests.doors.smtp.fakes import Client
from tests.doors.submission.conftest import PASSWORD
from tests.doors.submission.scram import proven
from tests.mail.conftest import every_byte, form

CANARY = b"kanarienlaptop"


def auth(name: str, password: str, who: str = "") -> bytes:
    return b"AUTH PLAIN " + base64.b64encode(f"{who}\0{name}\0{password}".encode())


def begin(client, sender: bytes = b"anna@ahaus.net", to: bytes = b"ben@ahaus.net") -> None:
    for line in (b"MAIL FROM:<" + sender + b">", b"RCPT TO:<" + to + b">"):
        assert client.ask(line).startswith("250"), line


def send(client, header: bytes, body: bytes = b"Hallo\r\n") -> str:
    begin(client)
    assert client.ask(b"DATA").startswith("354")
    client.say(header + b"\r\n" + body + b".\r\n")
    return client.reply()


@pytest.fixture
def known(door, make):
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", make().password)).startswith("235")
    yield client
    client.close()


def test_c25_neither_name_nor_address_of_the_client_lies_anywhere(door, make, ben, inbox) -> None:
    client = door.client(hello=b"EHLO " + CANARY + b".invalid")
    assert client.ask(auth("anna@ahaus.net", make().password)).startswith("235")
    assert client.ask(b"HELO " + CANARY + b".invalid").startswith("250")
    assert client.ask(b"EHLO [127.0.0.1]").startswith("250")
    assert send(client, b"From: anna@ahaus.net\r\n") == "250 2.6.0 Taken"
    ram = b"".join(path.read_bytes() for path in folder.current().iterdir())
    (found,) = [one for one in inbox(ben) if b"Hallo" in one]
    for name, lain in [("message", found), ("ram", ram), *every_byte()]:
        assert CANARY not in lain.lower(), name
        assert b"127.0.0.1" not in lain or name.endswith(".pem"), name
    assert b"Received: by " in found
    assert b"Received: from" not in found
    assert b"\r\nDate: " in found
    assert b"\r\nMessage-ID: <" in found
    client.close()


def test_c22_a_password_lies_nowhere_however_it_came(door, make, allowed) -> None:
    made = make()
    wrong = "kanarienpasswort-9"
    for password in (made.password, PASSWORD, wrong):
        client = door.client()
        client.ask(auth("anna@ahaus.net", password))
        client.close()
    client = door.client()
    proven(client, "anna@ahaus.net", wrong)
    client.close()
    door.close()
    places = [(path.name, path.read_bytes()) for path in folder.current().iterdir()]
    for secret in (made.password, made.password.replace("-", ""), PASSWORD, wrong):
        for form_of in (secret.encode(), base64.b64encode(secret.encode()), secret.upper().encode()):
            for name, lain in [*places, *every_byte()]:
                assert form_of not in lain, name


@pytest.mark.parametrize(
    "header",
    [
        b"From: ben@ahaus.net\r\n",
        b"From: Anna <ben@ahaus.net>\r\n",
        b"From: anna@ahaus.net, ben@ahaus.net\r\n",
        b"From: anna@ahaus.net\r\nFrom: ben@ahaus.net\r\n",
        b"From: anna@ahaus.net\r\nSender: ben@ahaus.net\r\n",
        b"From: anna@ahaus.net\r\nfrom : ben@ahaus.net\r\n",
        b"From: =?utf-8?q?ben=40ahaus=2Enet?= <anna@ahaus.net>, x <ben@ahaus.net>\r\n",
        b"From: ben@ahaus.net <anna@ahaus.net>\r\n",
        b"From: <ben@ahaus.net> <anna@ahaus.net>\r\n",
        b"From: team: ben@ahaus.net, anna@ahaus.net;\r\n",
        b'From: "anna@ahaus.net" (<anna@ahaus.net>) <ben@ahaus.net>\r\n',
        b"From: anna@ahaus.net(\r\n ) ben@ahaus.net\r\n",
        b"From:\r\n ben@ahaus.net\r\n",
        b"From: anna@musterstadt.example\r\n",
        b"From: @ben.example:anna@ahaus.net\r\n",
        b"From: anna@ahaus.net\x00ben@ahaus.net\r\n",
        b"From: \r\n",
        b"From ben@ahaus.net Mon Nov 23\r\nFrom: anna@ahaus.net\r\n",
        b"To: ben@ahaus.net\r\n",
        b" From: ben@ahaus.net\r\nFrom: anna@ahaus.net\r\n",
    ],
)
def test_nobody_writes_as_somebody_else(known, ben, inbox, header) -> None:
    before = len(inbox(ben))
    assert send(known, header)[:3] in ("553", "554")
    assert len(inbox(ben)) == before


@pytest.mark.parametrize(
    "header",
    [
        b"From: anna@ahaus.net\r\n",
        b"from: ANNA@AHAUS.NET\r\n",
        b'From: "Kanariengelb, Anna" <anna+zeitung@ahaus.net>\r\n',
        b"From: =?utf-8?q?J=C3=BCrgen?= <anna@ahaus.net>\r\nSender: anna@ahaus.net\r\n",
        b"From: Anna\r\n <anna@ahaus.net> (zu Hause)\r\n",
        "From: Jürgen <anna@ahaus.net>\r\n".encode(),
    ],
)
def test_everybody_writes_as_themselves(known, ben, inbox, header) -> None:
    before = len(inbox(ben))
    assert send(known, header).startswith("250")
    assert len(inbox(ben)) == before + 1


def test_the_envelope_is_the_senders_own_too(known) -> None:
    for sender in (b"ben@ahaus.net", b"postmaster@ahaus.net", b"anna@peer.example", b"anna@musterstadt.example", b"nobody@ahaus.net"):
        assert known.ask(b"MAIL FROM:<" + sender + b">") == "553 5.7.1 The sender is not an address of yours"
    assert known.ask(b"MAIL FROM:<anna+liste@ahaus.net> RET=HDRS ENVID=abc AUTH=<>").startswith("250")


def test_a_notice_of_reading_may_have_no_sender(known, ben, inbox) -> None:
    before = len(inbox(ben))
    begin(known, sender=b"")
    known.ask(b"DATA")
    known.say(b"From: anna@ahaus.net\r\n\r\ngelesen\r\n.\r\n")
    assert known.reply().startswith("250")
    assert len(inbox(ben)) == before + 1


def test_another_citys_user_is_nobody_here(door, musterstadt, make, now) -> None:
    clara = accounts.open_account(form(localpart="anna", name="Clara Rot"), tenant=musterstadt, now=now)
    hers = app_passwords.make(people.contract(musterstadt, clara.contract), tenant=musterstadt, label="x", scopes=["submission"], now=now)
    mine = make()
    for name, password in (("anna@ahaus.net", hers.password), ("anna@musterstadt.example", mine.password), ("anna", mine.password)):
        client = door.client()
        assert client.ask(auth(name, password)).startswith("535")
        assert proven(client, name, password).startswith("535")
        client.close()
    client = door.client()
    assert client.ask(auth("anna@musterstadt.example", hers.password)).startswith("235")
    assert client.ask(b"MAIL FROM:<anna@ahaus.net>").startswith("553")
    client.close()


def test_without_a_login_nothing_is_sent(door, ben) -> None:
    client = door.client()
    for line in (b"MAIL FROM:<anna@ahaus.net>", b"RCPT TO:<ben@ahaus.net>"):
        assert client.ask(line) == "530 5.7.0 Log in first"
    assert client.ask(b"DATA").startswith("503")
    client.close()


def test_no_password_is_read_without_tls_except_from_this_machine(open_door, tls, make, monkeypatch) -> None:
    door, made = open_door(tls), make()
    monkeypatch.setattr(submission, "ip_address", lambda text: ip_address("192.0.2.9"))  # as from another machine
    client = door.client()
    assert "AUTH" not in client.ask(b"EHLO laptop.invalid")
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("538 5.7.11")
    assert client.ask(b"AUTH SCRAM-SHA-256").startswith("538")
    assert client.ask(b"MAIL FROM:<anna@ahaus.net>").startswith("530")
    assert client.ask(b"STARTTLS").startswith("220")
    client.start_tls()
    assert client.ask(b"MAIL FROM:<anna@ahaus.net>").startswith("530")
    assert "AUTH PLAIN LOGIN SCRAM-SHA-256" in client.ask(b"EHLO laptop.invalid")
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("235")
    client.close()


def test_what_comes_in_clear_after_starttls_is_forgotten(open_door, tls, make, ben, inbox) -> None:
    door, made = open_door(tls), make()
    before = len(inbox(ben))
    client = door.client()
    envelope = b"MAIL FROM:<anna@ahaus.net>\r\nRCPT TO:<ben@ahaus.net>\r\n"
    client.say(b"STARTTLS\r\nEHLO evil\r\n" + auth("anna@ahaus.net", made.password) + b"\r\n" + envelope)
    assert client.reply().startswith("220")
    client.start_tls()
    assert client.ask(b"DATA").startswith("503")
    assert client.ask(b"MAIL FROM:<anna@ahaus.net>").startswith("530")
    assert len(inbox(ben)) == before
    client.close()


def test_whoever_logged_in_in_clear_does_not_encrypt_afterwards(open_door, tls, make) -> None:
    door = open_door(tls)
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", make().password)).startswith("235")
    assert client.ask(b"STARTTLS").startswith("503")
    client.close()


def test_guessing_ends_soon_and_locks_no_app_password_out(door, make, allowed) -> None:
    made = make()
    client = door.client()
    said = []
    while not said or not said[-1].startswith("421"):
        said.append(client.ask(auth("anna@ahaus.net", f"geraten {len(said)}")))
    assert {one[:3] for one in said[:-1]} == {"535"}
    assert len(said) <= 6
    client.close()
    for number in range(40):
        client = door.client()
        reply = client.ask(auth("anna@ahaus.net", f"geraten noch {number}"))
        client.close()
        if reply.startswith("454"):
            break
    assert reply.startswith("454 4.7.0")
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", PASSWORD)).startswith("454")  # what could be guessed waits
    assert proven(client, "anna@ahaus.net", PASSWORD).startswith("454")
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("235")  # what nobody can guess does not
    client.close()


def test_unknown_names_are_asked_like_known_ones(door, make) -> None:
    make()

    def challenge(name: str) -> str:
        client = door.client()
        reply = client.ask(b"AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,n={name},r=abc".encode()))
        client.close()
        return base64.b64decode(reply.removeprefix("334 ")).decode().partition(",")[2]

    assert challenge("anna@ahaus.net") == challenge("Anna@AHAUS.net")
    assert challenge("niemand@ahaus.net") == challenge("niemand@ahaus.net")
    assert challenge("niemand@ahaus.net") != challenge("keiner@ahaus.net")
    assert challenge("niemand@ahaus.net").rpartition(",")[2] == challenge("anna@ahaus.net").rpartition(",")[2]
    client = door.client()
    assert proven(client, "niemand@ahaus.net", "egal").startswith("535")
    assert client.ask(auth("niemand@ahaus.net", "egal")).startswith("535")
    client.close()


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH PLAIN ====", b"AUTH PLAIN =", b"AUTH PLAIN " + base64.b64encode(b"\0anna@ahaus.net"), b"AUTH PLAIN \xff\xfe",
        b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"p=tls-unique,,n=anna@ahaus.net,r=x"),
        b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,m=x,n=anna@ahaus.net,r=x"),
        b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=anna@ahaus.net,r=" + b"x" * 300),
        b"AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=an=na,r=x"), b"AUTH LOGIN =",
    ],
)  # fmt: skip
def test_what_is_no_login_is_not_understood(door, contract, line) -> None:
    client = door.client()
    reply = client.ask(line)
    assert reply.startswith(("501 5.5.2", "500")), reply
    assert client.ask(b"NOOP").startswith("250")
    client.close()


def silent(door):
    client = Client(door.ports[0])
    client.reply()
    return client


def test_logins_are_cancelled_refused_twice_and_not_for_others(door, make) -> None:
    made, client = make(), door.client()
    assert client.ask(b"AUTH CRAM-MD5").startswith("504")
    assert client.ask(b"AUTH").startswith("501")  # RFC 4954 4: a mechanism is no option
    assert client.ask(b"AUTH PLAIN").startswith("334")
    assert client.ask(b"*").startswith("501 5.7.0")
    assert client.ask(auth("anna@ahaus.net", made.password, who="ben@ahaus.net")).startswith("535")
    assert client.ask(auth("anna@ahaus.net", made.password, who="anna@ahaus.net")).startswith("235")
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("503")
    client.close()
    client = silent(door)
    assert client.ask(auth("anna@ahaus.net", made.password)).startswith("503")
    client.close()


def test_nobody_sends_more_than_a_person_does(door, make, monkeypatch) -> None:
    monkeypatch.setattr(submission, "RATES", rates.Rates(messages_an_hour=2, recipients_an_hour=100))
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", make().password)).startswith("235")
    header = b"From: anna@ahaus.net\r\n"
    assert [send(client, header)[:9] for _ in range(3)] == ["250 2.6.0", "250 2.6.0", "450 4.7.1"]
    other = door.client()  # of another password of the same person
    assert other.ask(auth("anna@ahaus.net", make(label="anderes").password)).startswith("235")
    assert send(other, header).startswith("450")
    client.close()
    other.close()


def test_recipients_count_too(ahaus, now, door, make, monkeypatch) -> None:
    accounts.open_roles(ahaus, now=now)
    monkeypatch.setattr(submission, "RATES", rates.Rates(recipients_an_hour=1))
    client = door.client()
    assert client.ask(auth("anna@ahaus.net", make().password)).startswith("235")
    begin(client)
    client.ask(b"RCPT TO:<postmaster@ahaus.net>")
    client.ask(b"DATA")
    client.say(b"From: anna@ahaus.net\r\n\r\nx\r\n.\r\n")
    assert client.reply().startswith("450")
    assert send(client, b"From: anna@ahaus.net\r\n").startswith("250")
    client.close()


def test_wrong_recipients_are_told_at_once_and_residents_cannot_be_listed(ahaus, now, door, make, ben) -> None:
    accounts.open_roles(ahaus, now=now)
    client = door.client()
    client.ask(auth("anna@ahaus.net", make().password))
    client.ask(b"MAIL FROM:<anna@ahaus.net>")
    assert client.ask(b"RCPT TO:<niemand@ahaus.net>").startswith("550 5.1.1")
    assert client.ask(b"RCPT TO:<ben@ahaus.net> NOTIFY=NEVER,DELAY").startswith("501")
    assert client.ask(b"RCPT TO:<ben@ahaus.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;ben@ahaus.net").startswith("250")
    assert client.ask(b"RCPT TO:<postmaster>").startswith("250")
    said = ""
    for number in range(40):
        said = client.ask(b"RCPT TO:<rate%d@ahaus.net>" % number)
        if said.startswith("421"):
            break
    assert said.startswith("421")
    client.close()


def test_bcc_and_claims_of_the_way_are_taken_out(known, ben, inbox) -> None:
    header = (
        b"From: anna@ahaus.net\r\nBcc: zoe@ahaus.net,\r\n yves@ahaus.net\r\nbcc: xaver@ahaus.net\r\n"
        b"Return-Path: <a@b.example>\r\nReceived: from laptop (192.0.2.7)\r\n\tby x\r\nTo: ben@ahaus.net\r\n"
        b"Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMessage-ID: <a@b>\r\n"
    )
    assert send(known, header, b"Bcc: im Text\r\n").startswith("250")
    found = next(one for one in inbox(ben) if b"im Text" in one)
    for gone in (b"zoe@", b"yves@", b"xaver@", b"192.0.2.7", b"a@b.example"):
        assert gone not in found
    assert b"Bcc: im Text" in found
    assert found.count(b"Date:") == found.count(b"Message-ID:") == 1


def test_a_message_that_goes_round_in_circles_is_not_taken(known) -> None:
    assert send(known, b"Received: by x;\r\n now\r\n" * 101 + b"From: anna@ahaus.net\r\n").startswith("554 5.4.6")


def test_the_log_counts_replies_and_says_nothing_more(door, known) -> None:
    refused = log.dropped["schema"]
    send(known, b"From: anna@ahaus.net\r\nSubject: Kanarienvogel\r\n")
    known.close()
    door.close()
    lain = (Path(config.load().data) / "log" / "stadtmail.log").read_text()
    assert '"kind":"submission"' in lain
    for word in ("anna", "Kanarienvogel", "laptop.invalid", "127.0.0"):
        assert word not in lain
    assert log.dropped["schema"] == refused


def test_chunks_and_8_bit_and_utf8(known, ben, inbox) -> None:
    assert known.ask(b"MAIL FROM:<anna@ahaus.net> BODY=8BITMIME SMTPUTF8").startswith("250")
    assert known.ask(b"RCPT TO:<ben@ahaus.net>").startswith("250")
    letter = "From: anna@ahaus.net\r\nSubject: Grüße\r\n\r\nschöner Tag\r\n".encode()
    known.say(b"BDAT 10\r\n" + letter[:10])
    assert known.reply().startswith("250")
    known.say(b"BDAT %d LAST\r\n" % len(letter[10:]) + letter[10:])
    assert known.reply().startswith("250 2.6.0")
    assert any("schöner Tag".encode() in one for one in inbox(ben))


def test_hangs_ups_in_the_middle_of_a_login_leave_nothing(door, make) -> None:
    made = make()
    whole = auth("anna@ahaus.net", made.password) + b"\r\n"
    for octets in (b"AUTH PLAIN\r\n", b"AUTH SCRAM-SHA-256\r\n", whole, b"AUTH LOGIN\r\nYW5uYQ==\r\n"):
        made_socket = socket.create_connection(("127.0.0.1", door.ports[0]))
        made_socket.sendall(b"EHLO x\r\n" + octets)
        made_socket.close()
    assert wait_for(lambda: not door.server._running)
    assert connections.count(clock.now()) == 0


def test_a_large_message_is_taken_whole(door, make, ben, inbox) -> None:
    with smtplib.SMTP("127.0.0.1", door.ports[0], timeout=60) as client:
        client.login("anna@ahaus.net", make().password)
        body = b"x" * 70 + b"\r\n"
        client.sendmail("anna@ahaus.net", ["ben@ahaus.net"], b"From: anna@ahaus.net\r\n\r\n" + body * 30_000)
    assert max(len(one) for one in inbox(ben)) > 2_000_000
