"""A script that runs on a message, for the tests of Sieve: the message that RFC 5228 speaks of, and a mailbox that knows two folders."""

from datetime import datetime, timedelta, timezone

from stadtmail.wire import sievecheck, sievegrammar, sieverun
from stadtmail.wire.sieveactions import File
from stadtmail.wire.sievemail import Raw

NOW = datetime(2026, 11, 25, 9, 30, 15, tzinfo=timezone(timedelta(hours=1)))
# RFC 5228 2.7.4 and 5.x speak about messages like this one
MAIL = (
    b"Return-Path: <coyote@desert.example.org>\r\n"
    b"Received: from a by b; Wed, 25 Nov 2026 08:29:00 +0000\r\n"
    b"Received: from c by d; Wed, 25 Nov 2026 03:28:00 -0500\r\n"
    b"Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)\r\n"
    b"From: Wile E. Coyote <coyote@desert.example.org>\r\n"
    b"To: roadrunner@acme.example.com, ken+sieve@example.org\r\n"
    b"Subject: I have a present for you\r\n"
    b"X-Caffeine: C8H10N4O2\r\n"
    b"X-Empty:\r\n"
    b"X-Priority: 3\r\n"
    b"X-Umlaut: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    b"Message-ID: <1@desert.example.org>\r\n"
    b"\r\n"
    b"Look, I'm sorry about the whole anvil thing.\r\n"
)
PARTS = (
    b"From: a@b.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
    b"--bb\r\nContent-Type: text/html\r\n\r\n<p>Sonder<b>angebot</b> &amp; mehr<style>hidden</style></p>\r\n"
    b"--bb\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nR2VoZWltbmlz\r\n"
    b"--bb\r\nContent-Type: message/rfc822\r\n\r\nSubject: innen\r\nX-In: side\r\n\r\ninnerer Text\r\n--bb--\r\n"
)


class World:
    now = NOW
    seen: frozenset = frozenset()

    def has_folder(self, name: str) -> bool:
        return name in ("INBOX", "Shop")

    def has_use(self, name: str, use: str) -> bool:
        return use == "\\junk" and name in ("", "Spam")

    def was_seen(self, id_: str) -> bool:
        return id_ in self.seen


REQUIRE = "require [" + ", ".join(f'"{name}"' for name in sievegrammar.EXTENSIONS) + "];\n"


def run(script: str, raw: bytes = MAIL, *, sender: str = "tim@example.com", to: str = "ken+sieve@example.org", world=None):
    compiled = sievecheck.compiled(REQUIRE + script)
    return sieverun.run(compiled, Raw(raw), sieverun.Envelope(sender, to), world or World())


def holds(test: str, raw: bytes = MAIL, **more) -> bool:
    outcome = run(f"if {test} {{ discard; }}", raw, **more)
    assert not outcome.problem
    return outcome.files == ()


KEPT = (File(implied=True),)
