"""Conversations as RFC 5321 and its extensions write them, word for word over real sockets."""

import smtplib
from email.message import EmailMessage

import pytest

from stadtmail.doors.smtp.replies import NO_SUCH_MAILBOX
from stadtmail.kit import errors
from tests.doors.smtp import fakes

FULL = "552 5.2.2 The mailbox is full and cannot take this message; please tell its owner another way"
MAIL = b"Subject: one\r\n\r\nHello\r\n"


def test_a_whole_mail(client, room) -> None:
    assert client.ask(b"EHLO peer.example") == (
        "250-mx.ahaus.net|250-PIPELINING|250-SIZE 52428800|250-8BITMIME|250-SMTPUTF8|250-CHUNKING|250-ENHANCEDSTATUSCODES|250 HELP"
    )
    assert client.ask(b"MAIL FROM:<x@peer.example> SIZE=30 BODY=8BITMIME") == "250 2.1.0 Sender OK"
    assert client.ask(b"RCPT TO:<anna@AHAUS.net>") == "250 2.1.5 Recipient OK"
    assert client.ask(b"DATA") == "354 End data with <CR><LF>.<CR><LF>"
    assert client.ask(MAIL + b"..dots\r\n.") == "250 2.6.0 Stored"
    assert client.ask(b"QUIT") == "221 2.0.0 Goodbye"
    assert client.replies_until_end() == []
    (message, recipients, received), *more = room.mails
    assert not more
    assert (message, recipients) == (MAIL + b".dots\r\n", ["anna@ahaus.net"])
    lines = received.decode().split("\r\n")
    assert lines[0] == "Return-Path: <x@peer.example>"
    assert lines[1] == "Received: from peer.example ([127.0.0.1])"
    assert lines[2].startswith("\tby mx.ahaus.net with ESMTP id ")
    assert lines[3] == "\tfor <anna@ahaus.net>;"
    assert lines[4] == "\tMon, 23 Nov 2026 10:" + lines[4][21:]
    assert lines[5:] == [""]


@pytest.mark.parametrize(
    ("lines", "reply"),
    [
        ([b"HELO peer.example"], "250 mx.ahaus.net"),
        ([b"EHLO"], "501 5.5.4 Argument not understood"),
        ([b"EHLO \xc3\xa4.example"], "501 5.5.4 Argument not understood"),
        ([b"MAIL FROM:<x@peer.example>"], "503 5.5.1 Bad sequence of commands"),
        ([b"EHLO a", b"RCPT TO:<anna@ahaus.net>"], "503 5.5.1 Bad sequence of commands"),
        ([b"EHLO a", b"DATA"], "503 5.5.1 Bad sequence of commands"),
        ([b"EHLO a", b"MAIL FROM:<>", b"MAIL FROM:<>"], "503 5.5.1 Bad sequence of commands"),
        ([b"EHLO a", b"MAIL FROM:<>", b"DATA"], "554 5.5.1 No valid recipients"),
        ([b"EHLO a", b"MAIL FROM:<>"], "250 2.1.0 Sender OK"),
        ([b"EHLO a", b"MAIL FROM:<> SIZE=52428801"], "552 5.3.4 Message too big"),
        ([b"EHLO a", b"MAIL FROM:<> SIZE=99999999999999999999"], "552 5.3.4 Message too big"),
        ([b"EHLO a", b"MAIL FROM:<> FOO=1"], "555 5.5.4 Parameter not known"),
        ([b"EHLO a", b"MAIL FROM:<> BODY=BINARYMIME"], "554 5.6.1 BINARYMIME is not taken: send the message as 8BITMIME"),
        ([b"EHLO a", b"MAIL FROM:<x"], "501 5.1.7 Sender address not understood"),
        ([b"EHLO a", b"MAIL FROM:<\xc3\xa4@x.example>"], "553 5.6.7 Address beyond ASCII needs SMTPUTF8"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:anna@ahaus.net"], "501 5.1.3 Recipient address not understood"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<anna@ahaus.net> X=1"], "555 5.5.4 Parameter not known"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<nobody@ahaus.net>"], "550 5.1.1 No such mailbox here"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<closed@ahaus.net>"], "550 5.1.1 No such mailbox here"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<full@ahaus.net>"], FULL),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<later@ahaus.net>"], "451 4.3.0 Not now, please try again later"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<race@ahaus.net>"], "451 4.3.0 Not now, please try again later"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<bug@ahaus.net>"], "451 4.3.0 Not now, please try again later"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<x@elsewhere.example>"], "550 5.7.1 Relaying denied"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<x@[127.0.0.1]>"], "550 5.7.1 Relaying denied"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<PostMaster>"], "250 2.1.5 Recipient OK"),
        ([b"EHLO a", "MAIL FROM:<jürgen@x.example> SMTPUTF8".encode(), "RCPT TO:<jürgen@ahaus.net>".encode()], "250 2.1.5 Recipient OK"),
        ([b"EHLO a", b"MAIL FROM:<>", "RCPT TO:<jürgen@ahaus.net>".encode()], "553 5.6.7 Address beyond ASCII needs SMTPUTF8"),
        ([b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<anna@ahaus.net>", b"RSET", b"DATA"], "503 5.5.1 Bad sequence of commands"),
        ([b"EHLO a", b"MAIL FROM:<>", b"EHLO a", b"RCPT TO:<anna@ahaus.net>"], "503 5.5.1 Bad sequence of commands"),
        ([b"NOOP anything"], "250 2.0.0 OK"),
        ([b"VRFY anna"], "252 2.5.2 Cannot verify; send mail and see"),
        ([b"VRFY nobody"], "252 2.5.2 Cannot verify; send mail and see"),
        ([b"EXPN staff"], "502 5.5.1 Command not implemented"),
        ([b"HELP"], "214 2.0.0 This is an SMTP server (RFC 5321). Questions go to postmaster."),
        ([b"AUTH PLAIN AGEAYg=="], "502 5.5.1 Command not implemented"),
        ([b"FOO"], "500 5.5.1 Command not recognised"),
        ([b"STARTTLS"], "454 4.7.0 TLS not available"),
        ([b""], "500 5.5.2 Lines end with CR LF and hold no control characters"),
        ([b"NOOP\0"], "500 5.5.2 Lines end with CR LF and hold no control characters"),
        ([b"NOOP\rQUIT"], "500 5.5.2 Lines end with CR LF and hold no control characters"),
        ([b"NOOP " + b"x" * 3000], "500 5.5.6 Line too long"),
        ([b"NOOP " + b"x" * 3000, b"NOOP"], "250 2.0.0 OK"),
        ([b"GET / HTTP/1.1"], "554 5.5.1 This is not that protocol"),
    ],
)
def test_one_answer(client, lines: list[bytes], reply: str) -> None:
    for line in lines[:-1]:
        client.ask(line)
    assert client.ask(lines[-1]) == reply


def test_a_line_that_ends_with_lf_alone_is_no_command(client, room) -> None:
    client.say(b"EHLO a\nNOOP\r\n")
    assert client.reply().startswith("500 5.5.2")
    assert client.reply() == "250 2.0.0 OK"


def test_several_mails_and_recipients_in_one_connection(client, room) -> None:
    client.begin()
    assert client.ask(b"RCPT TO:<ben@ahaus.net>").startswith("250")
    assert client.ask(b"RCPT TO:<nobody@ahaus.net>").startswith("550")
    assert client.ask(b"RCPT TO:<anna@ahaus.net>").startswith("250")  # once more: one copy
    assert client.ask(b"DATA").startswith("354")
    assert client.ask(b"x\r\n.").startswith("250 2.6.0")
    client.begin(sender=b"", recipient=b"ben@ahaus.net")
    assert client.ask(b"DATA").startswith("354")
    assert client.ask(b".") == "250 2.6.0 Stored"
    assert [(message, who) for message, who, _ in room.mails] == [(b"x\r\n", ["anna@ahaus.net", "ben@ahaus.net"]), (b"", ["ben@ahaus.net"])]
    assert b"for <" not in room.mails[0][2]  # nobody learns about the other
    assert room.mails[1][2].startswith(b"Return-Path: <>\r\n")


def test_a_hundred_recipients_and_no_more(client) -> None:
    client.begin(recipient=b"r0@ahaus.net")
    for number in range(1, 100):
        assert client.ask(b"RCPT TO:<r%d@ahaus.net>" % number).startswith("250")
    for _ in range(30):  # this is no error of the client: it sends the rest in a second mail
        assert client.ask(b"RCPT TO:<r100@ahaus.net>") == "452 4.5.3 Too many recipients"
    assert client.ask(b"DATA").startswith("354")
    assert client.ask(b".").startswith("250")


def test_smtplib_sends_it(door, room) -> None:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "Jörg <x@peer.example>", "anna@ahaus.net", "Grüße"
    letter.set_content(".\n..\nÄÖÜ\n.end\n")
    with smtplib.SMTP("127.0.0.1", door.server.port, local_hostname="peer.example") as client:
        assert client.send_message(letter) == {}
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail("x@peer.example", ["nobody@ahaus.net"], b"x")
        assert client.sendmail("x@peer.example", ["ben@ahaus.net", "nobody@ahaus.net"], b"x")["nobody@ahaus.net"][0] == 550
        assert client.noop()[0] == 250
    assert room.mails[0][0].replace(b"\r\n", b"\n") == letter.as_bytes()
    assert len(room.mails) == 2


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        ([fakes.MailboxFull()], FULL),
        ([fakes.MailboxClosed()], str(bytes(NO_SUCH_MAILBOX), "ascii").strip()),
        ([errors.TryLater()], "451 4.3.0 Not now, please try again later"),
        (errors.TryLater(), "451 4.3.0 Not now, please try again later"),
        (ZeroDivisionError(), "451 4.3.0 Not now, please try again later"),
        ([errors.StadtmailError()], "451 4.3.0 Not now, please try again later"),
    ],
)
def test_after_data_an_error_is_told_and_the_connection_goes_on(client, room, answer, reply: str) -> None:
    room.answer = answer
    client.begin()
    client.ask(b"DATA")
    assert client.ask(b"x\r\n.") == reply
    room.answer = None
    client.begin()
    client.ask(b"DATA")
    assert client.ask(b"x\r\n.") == "250 2.6.0 Stored"


@pytest.mark.parametrize("failed", [fakes.MailboxFull(), fakes.MailboxClosed(), errors.TryLater()])
def test_where_one_of_two_failed_the_sender_comes_again(client, room, failed) -> None:
    """Never 250, which would lose one, and never 5xx, which would tell a lie about the other."""
    room.answer = [None, failed]
    client.begin()
    client.ask(b"RCPT TO:<ben@ahaus.net>")
    client.ask(b"DATA")
    assert client.ask(b"x\r\n.").startswith("451 4.3.0")


def test_a_cancelled_commit_is_no_250(client, room, door) -> None:
    room.hold = True
    client.begin()
    client.ask(b"DATA")
    client.say(b"x\r\n.\r\n")
    while not room.held:
        door.call(_nap())
    assert room.held[0].cancel()
    assert client.reply().startswith("451")


def test_no_250_before_the_commit(client, room, door) -> None:
    """Law 6: the reply comes after the future is done, not a moment before."""
    room.hold = True
    client.begin()
    client.ask(b"DATA")
    client.say(b"x\r\n.\r\nNOOP\r\n")
    while not room.held:
        door.call(_nap())
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.reply()
    client.socket.settimeout(20)
    room.held[0].set_result([None])
    assert client.reply() == "250 2.6.0 Stored"
    assert client.reply() == "250 2.0.0 OK"


async def _nap() -> None:
    import asyncio

    await asyncio.sleep(0.01)


PIPELINED = (
    b"EHLO peer.example\r\nMAIL FROM:<x@peer.example>\r\nRCPT TO:<nobody@ahaus.net>\r\nRCPT TO:<anna@ahaus.net>\r\nDATA\r\n"
    b"..one\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<ben@ahaus.net>\r\nBDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nRSET\r\nQUIT\r\n"
)
ANSWERS = ["250", "250", "550", "250", "354", "250", "250", "250", "250", "250", "250", "221"]


def test_c2920_a_whole_group_in_one_packet(client, room) -> None:
    client.say(PIPELINED)
    assert [reply[:3] for reply in client.replies_until_end()] == ANSWERS
    assert [message for message, _, _ in room.mails] == [b".one\r\n", b"a\r\nb\r\n"]


def test_c2920_split_at_every_byte(door, room) -> None:
    for cut in range(1, len(PIPELINED)):
        client = door.client()
        client.reply()
        client.say(PIPELINED[:cut])
        client.say(PIPELINED[cut:])
        assert [reply[:3] for reply in client.replies_until_end()] == ANSWERS, cut
        client.close()
    assert {message for message, _, _ in room.mails} == {b".one\r\n", b"a\r\nb\r\n"}
    assert len(room.mails) == 2 * (len(PIPELINED) - 1)


def test_c2920_byte_by_byte(client, room) -> None:
    for at in range(len(PIPELINED)):
        client.say(PIPELINED[at : at + 1])
    assert [reply[:3] for reply in client.replies_until_end()] == ANSWERS


def test_a_half_closed_client_gets_its_answers(client, room) -> None:
    import socket

    client.say(PIPELINED.replace(b"QUIT\r\n", b""))
    client.socket.shutdown(socket.SHUT_WR)
    assert [reply[:3] for reply in client.replies_until_end()] == ANSWERS[:-1]
