"""Sending: whose address, to whom, what is added and taken away, and that it is stored as a whole or not at all."""

import re

import dkim
import pytest

from stadtmail.kit import errors
from stadtmail.mail import queries
from stadtmail.mail.actions import delivery, filters, outgoing, rates, sending, signing
from stadtmail.mail.leaving import Leg, Transit
from stadtmail.mail.models import Message
from stadtmail.people.actions import contracts
from stadtmail.people.models import Contract
from stadtmail.wire import compose
from tests.mail.conftest import form, opened
from tests.mail.outbound.conftest import MAIL

pytestmark = pytest.mark.postgres


def send(tenant, account, *to, raw=MAIL, sender="anna@ahaus.net", now, **more):
    return sending.send(tenant, contract=account.contract, sender=sender, recipients=to, raw=raw, now=now, **more)


def inbox(tenant, account) -> list[bytes]:
    o = opened(tenant, account)
    return [b"".join(queries.raw(o, 1, row.uid)) for row in queries.page(o, 1)][:-1]  # without the welcome


def test_mail_to_a_neighbour_is_there_when_send_returns_and_mail_to_elsewhere_waits(ahaus, anna, ben, now) -> None:
    sent = send(ahaus, anna, "ben@ahaus.net", "x@example.org", "BEN+liste@ahaus.net", now=now)
    assert (sent.local, sent.queued) == (2, 1)
    (mail,) = inbox(ahaus, ben)
    assert mail.startswith(b"Return-Path: <anna@ahaus.net>\r\n")
    assert b"Inhaltskanarie" in mail
    assert Transit.objects.count() == Leg.objects.count() == 1


def test_mail_to_another_city_of_this_instance_arrives_at_once(ahaus, musterstadt, anna, now) -> None:
    from stadtmail.mail.actions import accounts

    clara = accounts.open_account(form(name="Clara", localpart="clara"), tenant=musterstadt, now=now)
    assert send(ahaus, anna, "clara@musterstadt.example", now=now).local == 1
    assert len(inbox(musterstadt, clara)) == 1


@pytest.mark.parametrize(
    "sender",
    ["ben@ahaus.net", "anna@musterstadt.example", "", "anna@example.org", "postmaster@ahaus.net",
     "anna+x>\r\nRCPT TO:<y@ahaus.net", "anna+ @ahaus.net", "<anna@ahaus.net>"],
)
def test_a_sender_that_is_not_theirs_is_refused(sender, ahaus, musterstadt, anna, ben, now) -> None:
    with pytest.raises(sending.NotYourAddress):
        send(ahaus, anna, "x@example.org", sender=sender, now=now)
    assert not Transit.objects.exists()


@pytest.mark.parametrize(
    "head",
    [b"From: ben@ahaus.net", b"From: anna@ahaus.net, ben@ahaus.net", b"From: anna@ahaus.net\r\nFrom: ben@ahaus.net",
     b"From: anna@ahaus.net\r\nSender: ben@ahaus.net", b"From: nobody", b"FROM:\r\n ben@ahaus.net"],
)  # fmt: skip
def test_what_the_message_says_of_its_writer_must_be_theirs_too(head, ahaus, anna, ben, now) -> None:
    with pytest.raises(sending.NotYourAddress):
        send(ahaus, anna, "x@example.org", raw=head + b"\r\n\r\nx\r\n", now=now)


def test_the_contract_of_another_city_sends_nothing(ahaus, musterstadt, anna, now) -> None:
    with pytest.raises(sending.MayNotSend):
        send(musterstadt, anna, "x@example.org", now=now)


def test_after_the_end_of_the_contract_nothing_is_sent(ahaus, anna, now) -> None:
    contracts.cancel(Contract.objects.get(id=anna.contract), ends_at=now, now=now)
    with pytest.raises(sending.MayNotSend):
        send(ahaus, anna, "x@example.org", now=now)


def test_one_wrong_recipient_and_nobody_gets_it(ahaus, anna, ben, now) -> None:
    with pytest.raises(sending.BadRecipient) as refused:
        send(ahaus, anna, "ben@ahaus.net", "nobody@ahaus.net", "x@example.org", "no address", now=now)
    assert set(refused.value.positions) == {1, 3}
    assert inbox(ahaus, ben) == []
    assert not Transit.objects.exists()


def test_a_mailbox_that_fills_up_at_the_last_moment_undoes_everything(ahaus, anna, ben, now, monkeypatch) -> None:
    monkeypatch.setattr(delivery.storing, "place", lambda sealed: [delivery.MailboxFull() for _ in sealed])
    with pytest.raises(sending.BadRecipient) as refused:
        send(ahaus, anna, "x@example.org", "ben@ahaus.net", now=now)
    assert set(refused.value.positions) == {1}
    assert not Transit.objects.exists()
    assert Message.objects.count() == 2


def test_c25_no_client_address_and_no_blind_copy_leaves(ahaus, anna, ben, now) -> None:
    raw = (
        b"Received: from laptop (client 192.0.2.77) by home\r\nX-Originating-IP: [192.0.2.77]\r\n"
        b"Bcc: secret@example.org,\r\n y@example.org\r\n"
        b"Return-Path: <laptop@192.0.2.77>\r\nAuthentication-Results: ahaus.net; spf=pass\r\n" + MAIL
    )
    send(ahaus, anna, "ben@ahaus.net", raw=raw, now=now)
    (mail,) = inbox(ahaus, ben)
    for word in (b"192.0.2.77", b"secret@", b"y@example.org", b"laptop", b"spf=pass"):
        assert word not in mail
    assert mail.endswith(b"\r\n\r\nInhaltskanarie\r\n.punkt\r\n")
    assert re.search(rb"^Received: by ahaus\.net with ESMTPA id [0-9a-f]+;\r\n\t.*2026 10:00:00 \+0000\r\n", mail, re.M)
    assert len(re.findall(rb"^(?:Date|Message-ID):", mail, re.M)) == 2


def test_a_message_with_bare_line_ends_and_without_a_header_becomes_whole(ahaus, anna, ben, now) -> None:
    send(ahaus, anna, "ben@ahaus.net", raw=b"nur Text\nund noch einer", now=now)
    (mail,) = inbox(ahaus, ben)
    assert b"From: <anna@ahaus.net>\r\n" in mail
    assert mail.endswith(b"\r\n\r\nnur Text\r\nund noch einer")


def test_too_many_and_too_far(ahaus, anna, now) -> None:
    few = rates.Rates(messages_an_hour=2)
    for _ in range(2):
        send(ahaus, anna, "x@example.org", now=now, limits=few)
    with pytest.raises(errors.OverQuota):
        send(ahaus, anna, "x@example.org", now=now, limits=few)
    with pytest.raises(sending.Loop):
        send(ahaus, anna, "x@example.org", raw=b"Received: a\r\n" * 101 + MAIL, now=now)


def verified(raw: bytes, records: dict[bytes, bytes], index: int) -> bool:
    try:
        return dkim.DKIM(raw).verify(idx=index, dnsfunc=lambda name, timeout=5: records.get(name))
    except dkim.DKIMException:
        return False


def test_dkim_both_keys_sign_and_dkimpy_agrees(ahaus, anna, ben, now, ed25519_for_dkimpy) -> None:
    records = {f"{one.name}.".encode(): one.text.encode() for one in signing.rotate(ahaus, now=now)}
    send(ahaus, anna, "ben@ahaus.net", now=now)
    raw = inbox(ahaus, ben)[0].partition(b"\r\n")[2]  # without Return-Path
    assert raw.count(b"DKIM-Signature:") == 2
    assert verified(raw, records, 0)
    assert verified(raw, records, 1)
    assert b"a=rsa-sha256" in raw
    assert b"a=ed25519-sha256" in raw
    assert b"d=ahaus.net" in raw
    for changed in (raw.replace(b"Betreff", b"Betrug!"), b"From: x@y.z\r\n" + raw, raw + b"more"):
        assert not any(verified(changed, records, n) for n in (0, 1))


def test_dkim_holds_for_text_whose_lines_flow(ahaus, anna, ben, now, ed25519_for_dkimpy) -> None:
    """Soft line ends, stuffed blanks and a signature's line are signed as they are sent (RFC 3676)."""
    records = {f"{one.name}.".encode(): one.text.encode() for one in signing.rotate(ahaus, now=now)}
    text = f"{'Wort ' * 60}\n From hier, ä\n> {'Zitat ' * 40}\n-- \nAnna"
    letter = compose.Letter(("Anna", "anna@ahaus.net"), [("", "ben@ahaus.net")], [], [], "S", text, "<flow@ahaus.net>", receipt=True)
    send(ahaus, anna, "ben@ahaus.net", raw=compose.message(letter, [], now=now, boundary="b"), now=now)
    raw = inbox(ahaus, ben)[0].partition(b"\r\n")[2]
    assert b"format=flowed" in raw
    assert verified(raw, records, 0)
    assert verified(raw, records, 1)


def test_dkim_after_a_rotation_the_new_keys_sign_and_the_old_records_stay_for_a_week(ahaus, anna, now) -> None:
    from datetime import timedelta

    first = signing.rotate(ahaus, now=now)
    with pytest.raises(signing.RotatedToday):
        signing.rotate(ahaus, now=now)
    second = signing.rotate(ahaus, now=now + timedelta(days=30))
    assert [one.state for one in second] == ["signs", "signs", "retired", "retired"]
    assert {one.name for one in second[2:]} == {one.name for one in first}
    third = signing.rotate(ahaus, now=now + timedelta(days=60))
    assert len(third) == 4
    assert not {one.name for one in third} & {one.name for one in first}


def test_dkim_a_city_signs_with_its_own_key_alone(ahaus, musterstadt, anna, now) -> None:
    signing.rotate(musterstadt, now=now)
    assert signing.signed(ahaus, MAIL, now=now) == MAIL
    assert b"d=musterstadt.example" in signing.signed(musterstadt, MAIL, now=now)


@pytest.fixture
def ed25519_for_dkimpy(monkeypatch) -> None:
    """dkimpy checks Ed25519 with PyNaCl, which is not here: the same three names over cryptography."""
    import base64
    import types

    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    class BadSignatureError(Exception):
        pass

    class VerifyKey:
        def __init__(self, key, encoder=None) -> None:
            self._key = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))

        def verify(self, message, signature=None, encoder=None):
            try:
                self._key.verify(signature, message)
            except InvalidSignature:
                raise BadSignatureError from None
            return message

    nacl = types.SimpleNamespace(
        signing=types.SimpleNamespace(VerifyKey=VerifyKey), encoding=types.SimpleNamespace(Base64Encoder=None),
        exceptions=types.SimpleNamespace(BadSignatureError=BadSignatureError, ValueError=ValueError),
    )  # fmt: skip
    monkeypatch.setattr(dkim, "nacl", nacl, raising=False)


def filtered(tenant, account, text: str, now) -> None:
    o = opened(tenant, account)
    assert filters.put(o, "main", text.encode(), enqueue=outgoing.enqueue, now=now) == []
    filters.activate(o, "main", now=now)


def test_a_neighbours_filter_sorts_what_comes_from_within(ahaus, anna, ben, now) -> None:
    filtered(ahaus, ben, 'require "fileinto"; fileinto "Archiv";', now)
    assert send(ahaus, anna, "ben@ahaus.net", now=now).local == 1
    assert inbox(ahaus, ben) == []
    o = opened(ahaus, ben)
    assert [row.subject for row in queries.page(o, 5)] == ["Betreffkanarie"]


def test_a_neighbours_filter_that_refuses_tells_the_sender_and_stops_nobody_else(ahaus, anna, ben, now) -> None:
    filtered(ahaus, ben, 'require "reject"; reject "Bitte nicht.";', now)
    sent = send(ahaus, anna, "ben@ahaus.net", "x@example.org", now=now)
    assert (sent.local, sent.queued) == (1, 1)
    assert inbox(ahaus, ben) == []
    (told,) = inbox(ahaus, anna)
    assert b"Action: failed" in told
    assert b"Bitte nicht." in told
    assert b"x@example.org" not in told.partition(b"rfc822-headers")[0]
    assert Leg.objects.count() == 1


def test_a_neighbours_filter_throws_away_and_nobody_hears_of_it(ahaus, anna, ben, now) -> None:
    filtered(ahaus, ben, "discard;", now)
    assert send(ahaus, anna, "ben@ahaus.net", now=now).local == 1
    assert inbox(ahaus, ben) == inbox(ahaus, anna) == []
