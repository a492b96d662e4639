"""What senders are told: bounces by RFC 3464, as they asked for them (RFC 3461), to those who can be told."""

from datetime import UTC, datetime, timedelta

import pytest

from stadtmail.mail.actions import outgoing, sending
from stadtmail.mail.leaving import Leg
from tests.mail.outbound.conftest import MAIL
from tests.mail.outbound.test_carrying import waiting
from tests.mail.outbound.test_sending import inbox

pytestmark = pytest.mark.postgres
HOUR = timedelta(hours=1)


def test_a_bounce_says_what_rfc_3464_wants(send, sink, carry, ahaus, anna) -> None:
    import email

    sink.answers = {"gone@example.org": "550 5.1.1 no such user\u00e4"}
    to = outgoing.To("gone@example.org", ("FAILURE",), "rfc822;Gone+2Bold@example.org")
    send(to, envid="QQ+3D314159", ret="FULL")
    carry()
    mail = email.message_from_bytes(inbox(ahaus, anna)[0])
    assert mail["Return-Path"] == "<>"
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail.get_content_type() == "multipart/report"
    text, status, original = mail.get_payload()
    whole, one = status.get_payload()
    assert whole["Reporting-MTA"] == "dns; ahaus.net"
    assert whole["Original-Envelope-Id"] == "QQ=314159"
    assert one["Original-Recipient"] == "rfc822; Gone+old@example.org"
    assert one["Final-Recipient"] == "rfc822; gone@example.org"
    assert (one["Action"], one["Status"], one["Remote-MTA"]) == ("failed", "5.1.1", "dns; mx.example.org")
    assert str(one["Diagnostic-Code"]).startswith("smtp; 550 5.1.1 no such user")
    assert original.get_content_type() == "message/rfc822"
    assert "Inhaltskanarie" in original.as_string()
    assert "nicht zugestellt" in text.get_payload(decode=True).decode()


def test_without_ret_full_only_the_header_comes_back(send, sink, carry, ahaus, anna) -> None:
    sink.mail_answer = "553 5.7.1 go away"
    send("a@example.org")
    carry()
    (bounce,) = inbox(ahaus, anna)
    assert b"Subject: Betreffkanarie" in bounce
    assert b"Inhaltskanarie" not in bounce
    assert b"5.7.1" in bounce


@pytest.mark.parametrize(("notify", "told"), [(("NEVER",), 0), (("DELAY",), 0), (("FAILURE",), 1), ((), 1)])
def test_notify_is_honoured(notify, told, send, sink, carry, ahaus, anna) -> None:
    sink.answers = {"gone@example.org": "550 5.1.1 no"}
    send(outgoing.To("gone@example.org", notify))
    carry()
    assert len(inbox(ahaus, anna)) == told
    assert not Leg.objects.exists()


def test_a_server_with_dsn_gets_the_parameters_and_confirms_itself(send, sink, carry, ahaus, anna) -> None:
    send(outgoing.To("a@example.org", ("SUCCESS", "FAILURE"), "rfc822;a@example.org"), envid="E1", ret="HDRS")
    carry()
    assert sink.taken[0].mail.endswith("RET=HDRS ENVID=E1")
    assert sink.taken[0].rcpts == ["RCPT TO:<a@example.org> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a@example.org"]
    assert inbox(ahaus, anna) == []


def test_nothing_that_is_handed_in_becomes_a_command_of_its_own(send, sink, carry) -> None:
    evil = "x\r\nRCPT TO:<evil@example.org>"
    send(outgoing.To("a@example.org", ("SUCCESS", evil), f"rfc822;{evil}"), envid=evil, ret=evil)
    carry()
    assert not [line for line in sink.lines if "evil" in line]
    with pytest.raises(sending.BadRecipient):
        send(f"a@example.org>{evil}")


def test_without_dsn_the_sender_hears_that_it_was_handed_over(send, sink, carry, ahaus, anna) -> None:
    sink.offers = ("PIPELINING",)
    send(outgoing.To("a@example.org", ("SUCCESS",)), "b@example.org")
    carry()
    (told,) = inbox(ahaus, anna)
    assert b"Action: relayed" in told
    assert b"b@example.org" not in told


def test_success_here_is_confirmed_at_once(send, ahaus, anna, ben) -> None:
    send(outgoing.To("ben@ahaus.net", ("SUCCESS",)))
    assert b"Action: delivered" in inbox(ahaus, anna)[0]
    assert len(inbox(ahaus, ben)) == 1


def test_never_a_bounce_for_a_bounce(ahaus, sink, carry) -> None:
    sink.answers = {"gone@example.org": "550 5.1.1 no"}
    outgoing.enqueue(ahaus, sender="", recipients=["gone@example.org"], raw=MAIL, now=datetime(2026, 11, 23, 10, tzinfo=UTC))
    assert carry() == 1
    assert not Leg.objects.exists()
    assert sink.taken == []


def test_a_redirect_that_fails_is_bounced_to_its_sender_elsewhere(ahaus, anna, sink, carry, now) -> None:
    sink.answers = {"gone@example.org": "550 5.1.1 no"}
    outgoing.enqueue(ahaus, sender="them@example.org", recipients=["gone@example.org"], raw=MAIL, now=now)
    assert carry() == 2
    (bounce,) = sink.taken
    assert bounce.sender == ""
    assert bounce.recipients == ["them@example.org"]
    assert b"gone@example.org" in bounce.data


def test_a_sender_whose_mailbox_is_full_is_told_when_there_is_room(send, sink, carry, ahaus, anna, now) -> None:
    from stadtmail.mail.models import Mailbox

    sink.answers = {"gone@example.org": "550 5.1.1 no"}
    send("gone@example.org", "a@example.org")
    box = Mailbox.objects.filter(contract=anna.contract)
    room = box.get().quota_bytes
    box.update(quota_bytes=1)
    carry()
    assert waiting() == [("sender_full", 1, ["gone@example.org"])]
    assert len(sink.taken) == 1
    box.update(quota_bytes=room)
    carry(now + HOUR)
    assert len(inbox(ahaus, anna)) == 1
    assert not Leg.objects.exists()
    assert len(sink.taken) == 1
