"""From the socket to the folder: a real door, a real name server, real mailboxes. Forged mail is refused, or lies in Junk."""

import pytest

from stadtmail.kit import config, log
from stadtmail.mail import queries, services
from stadtmail.mail.actions import accounts, delivery
from stadtmail.mail.inbound.examining import Examiner
from stadtmail.privacy import policy
from stadtmail.wire import tlsrpt
from tests.doors.smtp.fakes import Client, Door, MailRoom
from tests.mail.conftest import form, opened
from tests.mail.inbound.test_examining import RAW

FORGED = RAW.replace(b"x@peer.example", b"chief@peer.example")  # from the loopback, which peer.example does not name
JUNK = 4


@pytest.fixture
def anna(ahaus, now) -> accounts.Opened:
    accounts.open_roles(ahaus, now=now)
    return accounts.open_account(form(), tenant=ahaus, now=now)


@pytest.fixture
def send(dns, anna):
    writer, room = delivery.Writer(names=["mx.ahaus.net"]), MailRoom()
    writer.start()
    examiner = Examiner(dns.resolver(), "mx.ahaus.net")
    room.recipient, room.deliver, room.examine = delivery.recipient, writer.submit, examiner.look  # type: ignore[method-assign,attr-defined]
    door = Door(room)

    def run(raw: bytes, *to: bytes, sender: bytes = b"x@peer.example") -> str:
        client: Client = door.client()
        client.reply()
        client.begin(sender, to[0] if to else b"anna@ahaus.net")
        for more in to[1:]:
            assert client.ask(b"RCPT TO:<" + more + b">").startswith("250")
        assert client.ask(b"DATA").startswith("354")
        answer = client.ask(raw + b"\r\n.")
        client.close()
        return answer

    yield run
    door.close()
    examiner.close()
    writer.stop()


def test_a_forgery_that_its_domain_asks_to_refuse_is_refused(send, ahaus, anna) -> None:
    assert send(FORGED).startswith("550 5.7.26")
    assert len(queries.page(opened(ahaus, anna), 1)) == 1
    assert queries.page(opened(ahaus, anna), JUNK) == []


def test_what_is_only_suspicious_lies_in_junk(send, ahaus, anna) -> None:
    assert send(RAW.replace(b"x@peer.example", b"x@soft.example"), sender=b"x@soft.example").startswith("250")
    assert [row.subject for row in queries.page(opened(ahaus, anna), JUNK)] == ["ein Wort gefaltet"]


def test_what_was_found_is_told_once_and_only_by_us(send, ahaus, anna, key) -> None:
    lies = b"Authentication-Results: MX.ahaus.net; dmarc=pass\r\nX-Spam-Status: No\r\nAuthentication-Results: other.example; spf=pass\r\n"
    assert send(lies + key.signed(RAW)).startswith("250")
    raw = b"".join(queries.raw(opened(ahaus, anna), 1, 2))
    assert raw.count(b"Authentication-Results: mx.ahaus.net;\r\n\tspf=fail smtp.mailfrom=peer.example;") == 1
    assert b"dkim=pass" in raw
    assert b"MX.ahaus.net" not in raw
    assert b"X-Spam" not in raw
    assert b"Authentication-Results: other.example; spf=pass\r\n" in raw
    assert raw.endswith(RAW + b"\r\n")


def test_c15_no_forgery_and_no_suspicion_keeps_an_enquiry_from_a_role(send, ahaus) -> None:
    officer = policy.current(ahaus).parties.dpo.email.encode()
    for address, role in ((officer, "officer"), (b"abuse@ahaus.net", "abuse"), (b"postmaster@ahaus.net", "postmaster")):
        assert send(FORGED, address).startswith("250")
        box = queries.opened_role(queries.role_mailbox(ahaus, role), role=role)
        assert len(queries.page(box, 1)) == 1


def test_reports_of_others_lie_with_the_postmaster_whom_the_records_name(send, ahaus, now) -> None:
    named = {one.value for one in services.records(ahaus, dkim=()) if one.name in ("_smtp._tls.ahaus.net", "_dmarc.ahaus.net")}
    assert all(text.endswith("rua=mailto:postmaster@ahaus.net") for text in named)
    assert len(named) == 2
    session = tlsrpt.Session(tlsrpt.Applied(tlsrpt.STS, "ahaus.net"), "mx.ahaus.net", "certificate-expired")
    report = tlsrpt.Report("1", "ahaus.net", "peer.example", "tls@peer.example", now.date(), {session: 3})
    raw = tlsrpt.message(report, "postmaster@ahaus.net", now=now)
    assert send(raw, b"postmaster@ahaus.net", sender=b"").startswith("250")
    box = queries.opened_role(queries.role_mailbox(ahaus, "postmaster"), role="postmaster")
    (row,) = queries.page(box, 1)
    assert row.subject.startswith("Report Domain: ahaus.net Submitter: peer.example")
    assert raw.splitlines()[-4] in b"".join(queries.raw(box, 1, row.uid))


def test_to_a_role_and_a_resident_it_is_taken_and_lies_in_the_residents_junk(send, ahaus, anna) -> None:
    assert send(FORGED, b"anna@ahaus.net", b"abuse@ahaus.net").startswith("250")
    assert len(queries.page(opened(ahaus, anna), JUNK)) == 1


def test_trouble_with_the_dns_lets_mail_in(send, dns, ahaus, anna) -> None:
    for name in ("peer.example", "_dmarc.peer.example"):
        dns.failing[name] = "SERVFAIL"
    assert send(FORGED).startswith("250")
    assert len(queries.page(opened(ahaus, anna), 1)) == 2


def test_c42_no_name_of_a_sender_or_a_word_reaches_the_log(send, dns) -> None:
    dns.failing["_dmarc.peer.example"] = "SERVFAIL"
    assert send(FORGED.replace(b"Hallo", b"Kanarienwort")).startswith("250")
    log.event("planted", role="doors", count=1)
    written = (config.load().data / "log" / "stadtmail.log").read_bytes()
    assert b"planted" in written
    for secret in (b"peer.example", b"Kanarienwort", b"anna@", b"chief"):
        assert secret not in written
