"""The whole way on real sockets: a script put through ManageSieve, mail through SMTP, and what IMAP shows of it."""

import asyncio
import imaplib
import smtplib
import threading

import pytest

from stadtmail.doors.imap import server as imap
from stadtmail.doors.sieve import server as sieve
from stadtmail.doors.smtp import server as smtp
from stadtmail.kit import clock
from stadtmail.mail.actions import delivery
from stadtmail.usage import connections, volatile
from tests.doors.sieve.conftest import PASSWORD, Client, wait_for
from tests.mail.outbox import Outbox

LETTER = (
    "From: Bo <bo@elsewhere.example>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@elsewhere.example>\r\n"
    "\r\nKanarienvogel\r\n"
)


class Instance:
    """All three doors with one mail room behind them."""

    def __init__(self) -> None:
        self.outbox, self.loop = Outbox(), asyncio.new_event_loop()
        self.writer = delivery.Writer(enqueue=self.outbox)
        self.writer.start()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.smtp = self.call(smtp.start("127.0.0.1", 0, recipient=delivery.recipient, deliver=self.writer.submit, hostname="mx.ahaus.net"))
        self.imap, (self.imap_port,) = self.call(imap.start("127.0.0.1", port=0, tls_port=None, tls=None))
        self.sieve, self.sieve_port = self.call(sieve.start("127.0.0.1", port=0, tls=None, enqueue=self.outbox))

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def script(self, text: str, *, name: str = "main") -> bytes:
        client = Client(self.sieve_port)
        client.answer()
        assert client.login() == b'OK "Welcome"'
        answer = client.ask(f'PUTSCRIPT "{name}" {{}}', text.encode())[-1]
        assert client.ask(f'SETACTIVE "{name}"') == [b'OK "Done"']
        client.ask("LOGOUT")
        client.close()
        return answer

    def send(self, subject: str, *to: str, sender: str = "bo@elsewhere.example") -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp.port, timeout=20) as client:
            client.sendmail(sender, to or ["anna@ahaus.net"], LETTER.format(to="anna@ahaus.net", subject=subject))

    def folder(self, name: str) -> list[tuple[str, str]]:
        """(subject, flags) of all messages."""
        client = imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=20)
        client.login("anna@ahaus.net", PASSWORD)
        found = []
        if client.select(name, readonly=True)[0] == "OK":
            for part in client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
                if isinstance(part, tuple):
                    found.append((part[1].decode().partition(":")[2].strip(), part[0].decode()))
        client.logout()
        return found

    def close(self) -> None:
        for door in (self.smtp, self.imap, self.sieve):
            self.call(door.drain(seconds=2))
        self.writer.stop()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def instance(residents):
    volatile.clear()
    made = Instance()
    yield made
    made.close()
    assert connections.count(clock.now()) == 0
    volatile.clear()


@pytest.mark.postgres
def test_what_a_script_decides_is_what_a_mail_program_sees(instance) -> None:
    script = """require ["fileinto", "mailbox", "imap4flags", "subaddress", "envelope", "copy"];
    if envelope :detail "to" "rechnungen" { addflag "$Rechnung"; fileinto :create "Rechnungen"; stop; }
    if header :contains "subject" "Angebot" { discard; stop; }
    if header :contains "subject" "wichtig" { fileinto :copy "Archiv"; addflag "\\\\Flagged"; }
    """
    assert instance.script(script) == b'OK "Done"'
    instance.send("Strom", "anna+rechnungen@ahaus.net")
    instance.send("Angebot")
    instance.send("wichtig")
    instance.send("sonst")
    (invoice,) = instance.folder("Rechnungen")
    assert invoice[0] == "Strom"
    assert "$Rechnung" in invoice[1]
    assert [subject for subject, _ in instance.folder("Archiv")] == ["wichtig"]
    inbox = dict(instance.folder("INBOX"))
    assert "\\Flagged" in inbox["wichtig"]
    assert "\\Flagged" not in inbox["sonst"]
    assert "Angebot" not in inbox
    assert "Strom" not in inbox


def test_a_refusal_reaches_the_sending_server_as_550_with_the_persons_words(instance) -> None:
    instance.script('require "reject"; if header :contains "subject" "nein" { reject "Für Sie:\r\nnicht mehr.\x07"; }')
    with pytest.raises(smtplib.SMTPDataError) as refused:
        instance.send("nein danke")
    assert refused.value.smtp_code == 550
    assert refused.value.smtp_error == b"5.7.1 Fuer Sie:\n5.7.1 nicht mehr."
    assert instance.outbox == []
    instance.send("nein danke", "anna@ahaus.net", "ben@ahaus.net")
    (report,) = instance.outbox
    assert report.to == "bo@elsewhere.example"
    assert "nein danke" not in [subject for subject, _ in instance.folder("INBOX")]


def test_forwarding_begins_with_the_code_and_a_circle_ends_it(instance) -> None:
    assert instance.script('redirect "anna@private.example";').startswith(b"OK (WARNINGS) ")
    instance.send("eins")
    code = instance.outbox[0].raw.split(b"# confirm ")[1].split()[0].decode()
    assert instance.script(f'redirect "anna@private.example";\r\n# confirm {code}\r\n') == b'OK "Done"'
    instance.send("zwei")
    _, passed = instance.outbox
    assert (passed.sender, passed.to) == ("anna@ahaus.net", "anna@private.example")
    with smtplib.SMTP("127.0.0.1", instance.smtp.port, timeout=20) as client:
        client.sendmail(passed.sender, ["anna@ahaus.net"], passed.raw)
    assert [subject for subject, _ in instance.folder("INBOX")][1:] == ["eins", "zwei"]
    assert len(instance.outbox) == 2


def test_two_people_who_are_away_do_not_talk_to_each_other_for_ever(instance) -> None:
    """What goes out is put back in through the SMTP door, as another server would."""
    instance.script('require "vacation"; vacation "weg";')
    client = Client(instance.sieve_port)
    client.answer()
    client.login("ben@ahaus.net")
    client.ask('PUTSCRIPT "x" {}', b'require "vacation"; vacation "auch weg";')
    client.ask('SETACTIVE "x"')
    client.close()
    instance.send("hallo", sender="ben@ahaus.net")
    for round_ in range(3):
        waiting = list(instance.outbox)
        assert len(waiting) == (1 if round_ == 0 else 0)
        instance.outbox.clear()
        for one in waiting:
            with smtplib.SMTP("127.0.0.1", instance.smtp.port, timeout=20) as smtp_client:
                smtp_client.sendmail(one.sender, [one.to], one.raw)
    assert wait_for(lambda: instance.outbox == [], 0.2)
