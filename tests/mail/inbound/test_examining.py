"""What comes in is examined against a real name server: SPF, DKIM (signed by dkimpy), ARC, DMARC; trouble, time, attackers."""

import asyncio
import hashlib
import time
from base64 import b64encode
from typing import NoReturn

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from stadtmail.kit.resolver import NoSuchName, Resolver
from stadtmail.mail import verdicts
from stadtmail.mail.inbound import structure
from stadtmail.mail.inbound.signatures import Signatures
from stadtmail.wire import dkimcheck
from stadtmail.wire.dkimcheck import Unusable
from tests.mail.inbound.conftest import PEER
from tests.mail.inbound.signing import ed25519_record

RAW = (
    b"From: Peer <x@peer.example>\r\nTo: anna@ahaus.net\r\nSubject:  ein  Wort\r\n\tgefaltet\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@peer.example>\r\n\r\nHallo  Anna,\t\r\nbis bald \r\n\r\n\r\n"
)
FORGED = RAW.replace(b"x@peer.example", b"chief@peer.example")


def test_mail_from_where_it_should_come_passes(examine, key) -> None:
    verdict = examine(key.signed(RAW))
    assert (verdict.spf, verdict.dkim, verdict.dmarc, verdict.arc) == ("pass", "pass", "pass", "none")
    assert verdict.asked == "none"
    assert not verdict.is_junk
    header = verdict.authentication_results.decode()
    assert header.startswith("Authentication-Results: mx.ahaus.net;\r\n\tspf=pass smtp.mailfrom=peer.example;\r\n\tdkim=pass header.d=")
    assert "dmarc=pass (p=reject) header.from=peer.example" in header


def test_c25_no_address_of_a_machine_is_in_a_verdict(examine, key) -> None:
    verdict = examine(key.signed(RAW))
    assert PEER not in repr(verdict) + verdict.authentication_results.decode()
    assert "x@" not in verdict.authentication_results.decode()


@pytest.mark.parametrize("form", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body", [b"relaxed", b"simple"])
@pytest.mark.parametrize("text", [b"", b"\r\n", b"\r\n\r\n\r\n", b"kein Ende", b"a \t b\r\n\r\nc  \r\n \r\n", b" \r\n", b"x\r\n" * 30_000])
def test_every_canonical_form_agrees_with_dkimpy(examine, key, form: bytes, body: bytes, text: bytes) -> None:
    raw = RAW.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + text
    assert examine(key.signed(raw, canonicalize=(form, body))).dkim == "pass"


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ((b"bis bald", b"bis nie"), "fail"), ((b"ein  Wort", b"kein Wort"), "fail"), ((b"Hallo  Anna", b"Hallo Anna"), "fail"),
        ((b"\r\n\r\n\r\n", b"\r\n"), "pass"), ((b"d=peer.example", b"d=open.example"), "permerror"), ((b"v=1", b"v=2"), "permerror"),
        ((b"a=rsa-sha256", b"a=rsa-sha1"), "policy"), ((b"a=rsa-sha256", b"a=ed25519-sha256"), "permerror"),
        ((b"s=s1", b"s=\x00"), "permerror"),
        ((b"bh=", b"bh=%"), "permerror"), ((b"v=1;", b"v=1; v=1;"), "permerror"), ((b"v=1;", b"v=1; x=1000;"), "policy"),
        ((b"v=1;", b"v=1; i=@evil.example;"), "permerror"), ((b"c=relaxed/simple", b"c=nofws"), "permerror"),
        ((b"v=1;", b"v=1; l=-1;"), "permerror"),
    ],
)  # fmt: skip
def test_what_was_changed_on_its_way_does_not_pass(examine, key, change, result) -> None:
    raw = key.signed(RAW, canonicalize=(b"relaxed", b"simple"))
    assert change[0] in raw
    assert examine(raw.replace(*change, 1)).dkim == result


def test_what_was_added_after_a_signed_length_is_not_signed(examine, key) -> None:
    raw = key.signed(RAW, length=True)
    assert examine(raw).dkim == "pass"
    assert examine(raw + b"<b>und noch etwas</b>\r\n").dkim == "policy"


def test_a_second_from_is_a_fake_whoever_has_signed(examine, key) -> None:
    verdict = examine(b"From: Bank <service@bank.example>\r\n" + key.signed(RAW))
    assert verdict.dmarc == "none"
    assert verdict.is_junk
    two = RAW.replace(b"Peer <x@peer.example>", b"x@peer.example, service@bank.example")
    assert examine(key.signed(two)).is_junk
    assert not examine(key.signed(RAW.replace(b"Peer <x@peer.example>", b"x@peer.example, y@peer.example"))).is_junk


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=DKIM1; k=rsa; p=", "permerror"), ("v=DKIM2; p=AA", "permerror"), ("v=DKIM1; p=!!", "permerror"), ("p", "permerror"),
        ("v=DKIM1; h=sha1; p=KEY", "permerror"), ("v=DKIM1; s=chat; p=KEY", "permerror"), ("v=DKIM1; s=email; t=s; p=KEY", "pass"),
        ("p=KEY", "pass"), ("v=DKIM1; t=y; p=KEY", "none"),
    ],
)  # fmt: skip
def test_keys_are_read_as_they_are_published(examine, dns, key, record: str, result: str) -> None:
    dns.zones["s1._domainkey.peer.example."]["TXT"] = [record.replace("KEY", key.record.partition("p=")[2])]
    assert examine(key.signed(RAW)).dkim == result


def test_keys_that_are_too_short_or_too_long_prove_nothing() -> None:
    short = rsa.RSAPublicNumbers(65537, 2**511 + 187).public_key()
    long = rsa.RSAPublicNumbers(65537, 2**8191 + 187).public_key()
    for public in (short, long):
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(Unusable, match="policy"):
            dkimcheck.key([b"p=" + b64encode(der)], "rsa")


def test_ed25519_signatures_pass(examine, dns) -> None:
    """RFC 8463. dkimpy would need another library for this: the field is put together here and signed by cryptography."""
    secret = ed25519.Ed25519PrivateKey.generate()
    dns.add({"ed._domainkey.peer.example": {"TXT": [ed25519_record(secret)]}})
    body = dkimcheck.BodyHash(is_relaxed=True, length=None)
    body.feed(RAW.partition(b"\r\n\r\n")[2])
    names = b" v=1; a=ed25519-sha256; c=relaxed/relaxed; d=peer.example; s=ed; h=from:subject:from;\r\n\tbh="
    value = names + b64encode(body.finish()) + b"; b="
    fields = [(b"DKIM-Signature", value + b"\r\n"), *dkimcheck.fields(RAW.partition(b"\r\n\r\n")[0] + b"\r\n")]
    one = dkimcheck.message_signature(0, dkimcheck.tags(value))
    signature = b64encode(secret.sign(hashlib.sha256(dkimcheck.signed_header(fields, one)).digest()))
    signed = b"DKIM-Signature:" + value + signature + b"\r\n" + RAW
    assert examine(signed).dkim == "pass"
    assert examine(signed.replace(b"Wort", b"Ort")).dkim == "fail"


def test_the_signature_of_rfc_8463_is_verified() -> None:
    """Appendix A.2: the message is signed twice, with keys that the appendix gives."""
    raw = RFC_8463.replace(b"\n", b"\r\n")
    fields = dkimcheck.fields(raw.partition(b"\r\n\r\n")[0] + b"\r\n")
    body = dkimcheck.BodyHash(is_relaxed=True, length=None)
    body.feed(raw.partition(b"\r\n\r\n")[2])
    digest = body.finish()
    keys = {"ed25519": b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", "rsa": RFC_8463_RSA}
    for index in (0, 1):
        one = dkimcheck.signature(index, fields[index][1], now=1_528_637_909)
        assert one.body_hash == digest
        key = dkimcheck.key([keys[one.algorithm]], one.algorithm)
        assert dkimcheck.is_valid(key.public, one.value, dkimcheck.signed_header(fields, one))


RFC_8463_RSA = (
    b"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb"
    b"3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
)
RFC_8463 = b"""DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""


@pytest.mark.parametrize(
    ("sender", "domain", "result", "asked"),
    [
        ("x@elsewhere.example", "peer.example", "fail", "reject"), ("x@soft.example", "soft.example", "fail", "quarantine"),
        ("x@open.example", "open.example", "fail", "none"), ("x@peer.example", "sub.peer.example", "pass", "none"),
        ("x@elsewhere.example", "sub.peer.example", "fail", "reject"), ("", "nobody.example", "none", "none"),
    ],
)  # fmt: skip
def test_dmarc_asks_what_its_domain_has_published(examine, sender, domain, result, asked) -> None:
    verdict = examine(RAW.replace(b"x@peer.example", b"x@" + domain.encode()), sender=sender)
    assert (verdict.dmarc, verdict.asked) == (result, asked)


@pytest.mark.parametrize(
    ("record", "asked"),
    [
        ("v=DMARC1; p=none; sp=reject", "reject"), ("v=DMARC1; p=reject; sp=none", "none"), ("v=DMARC1; p=nonsense", "none"),
        ("v=DMARC1; p=reject; pct=0", "quarantine"), ("v=DMARC1; p=nonsense; rua=mailto:x@peer.example", "none"),
        ("p=reject; v=DMARC1", "none"),
    ],
)  # fmt: skip
def test_dmarc_below_a_domain_and_in_parts(examine, dns, record: str, asked: str) -> None:
    dns.zones["_dmarc.peer.example."]["TXT"] = [record]
    assert examine(RAW.replace(b"x@peer", b"x@sub.peer"), sender="x@elsewhere.example").asked == asked


def test_strict_alignment_wants_the_very_domain(examine, dns, key) -> None:
    dns.add({"_dmarc.sub.peer.example": {"TXT": ["v=DMARC1; p=reject; adkim=s; aspf=s"]}})
    assert examine(key.signed(RAW.replace(b"x@peer", b"x@sub.peer"))).dmarc == "fail"


def test_a_city_decides_how_strict_it_is(examine, key, other_key) -> None:
    forged = examine(FORGED, address="203.0.113.9", sender="x@elsewhere.example")
    judged = {dmarc: verdicts.in_city(forged, dmarc=dmarc) for dmarc in ("obey", "junk", "note")}
    assert [(one.reject, one.is_junk) for one in judged.values()] == [("dmarc", True), (None, True), (None, False)]


def test_a_chain_of_arc_makes_good_for_a_failure_only_where_its_sealer_is_believed(examine, key) -> None:
    passed_on = key.sealed(RAW.replace(b"ein  Wort", b"[Liste] ein Wort"), domain=b"list.example", results=b"dmarc=pass")
    verdict = examine(passed_on, sender="bounce@list.example")
    assert (verdict.dmarc, verdict.arc, verdict.sealer, verdict.asked) == ("fail", "pass", "list.example", "reject")
    assert verdicts.in_city(verdict, dmarc="obey", sealers=["list.example"]).reject is None
    assert verdicts.in_city(verdict, dmarc="obey", sealers=["other.example"]).reject == "dmarc"
    changed = examine(passed_on.replace(b"[Liste]", b"[Gewinn]"), sender="bounce@list.example")
    assert (changed.arc, verdicts.in_city(changed, dmarc="obey", sealers=["list.example"]).reject) == ("fail", "dmarc")


def test_a_chain_of_two_and_one_with_a_hole(examine, key) -> None:
    once = key.sealed(RAW, domain=b"list.example", results=b"dmarc=pass")
    whole = key.sealed(once, domain=b"peer.example", results=b"arc=pass")
    assert (examine(whole).arc, examine(whole).sealer) == ("pass", "peer.example")
    hole = whole.replace(once, RAW)
    for broken in (whole.replace(b"i=1", b"i=3"), hole, whole.replace(b"cv=pass", b"cv=none"), whole.replace(b"cv=none", b"cv=fail")):
        assert examine(broken).arc == "fail"


@pytest.mark.parametrize("failure", ["SERVFAIL", "silent"])
def test_trouble_with_the_dns_never_loses_mail_and_ends_in_time(examine, dns, key, failure: str) -> None:
    for name in ("peer.example", "_dmarc.peer.example", "s1._domainkey.peer.example"):
        dns.failing[name] = failure
    begin = time.monotonic()
    verdict = examine(key.signed(RAW), dns_seconds=1.0)
    assert time.monotonic() - begin < 20  # each of its look-ups may take the usual five seconds otherwise
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == ("temperror", "temperror", "temperror")
    assert (verdict.asked, verdict.reject) == ("none", None)


class SlowResolver:
    """Answers each question, and each almost too late."""

    is_on = True

    def __init__(self, seconds: float) -> None:
        self.seconds, self.asked = seconds, []

    async def lookup(self, name: str, kind: str) -> NoReturn:
        self.asked.append(name)
        await asyncio.sleep(self.seconds)
        raise NoSuchName


def test_one_question_after_another_takes_no_longer_than_one_may(examine) -> None:
    slow = SlowResolver(0.8)
    verdict = examine(RAW.replace(b"peer.example", b"a.b.peer.example"), resolver=slow, dns_seconds=1.0)
    assert [name for name in slow.asked if name.startswith("_dmarc")] == ["_dmarc.a.b.peer.example", "_dmarc.peer.example"]
    assert verdict.dmarc == "temperror", "0.8 and 0.8 seconds are more than one"


def test_who_fails_only_for_trouble_is_not_refused(examine, dns, key) -> None:
    dns.failing["s1._domainkey.peer.example"] = "SERVFAIL"
    assert examine(key.signed(FORGED), sender="x@elsewhere.example").asked == "none"


def test_behind_another_server_its_results_count_and_a_strangers_do_not(examine) -> None:
    told = b"Authentication-Results: front.ahaus.net (x; y);\r\n\tspf=fail (no) smtp.mailfrom=peer.example; dkim=pass; dmarc=fail\r\n"
    verdict = examine(told + RAW, address="", trusted="front.ahaus.net")
    assert (verdict.spf, verdict.dkim, verdict.dmarc) == ("fail", "pass", "fail")
    assert verdict.told == "front.ahaus.net;\r\n\tspf=fail smtp.mailfrom=peer.example;\r\n\tdkim=pass;\r\n\tdmarc=fail"
    forged = examine(told.replace(b"front.ahaus.net", b"evil.example") + RAW, address="", trusted="front.ahaus.net")
    assert (forged.spf, forged.dkim, forged.dmarc) == ("none", "none", "none")  # without an address nobody fails for SPF


def test_without_a_name_server_nothing_is_asked_and_nothing_is_claimed(examine, dns) -> None:
    verdict = examine(RAW, resolver=Resolver())
    assert (verdict.spf, verdict.dkim, verdict.dmarc, verdict.authentication_results) == ("none", "none", "none", b"")
    assert not dns.asked


def test_few_signatures_are_looked_at(examine, dns, key) -> None:
    many = b"".join(
        b"DKIM-Signature: v=1; a=rsa-sha256; d=peer.example; s=n%d; h=from; bh=AAAA; b=AAAA\r\n" % number for number in range(200)
    )
    assert examine(many + RAW).dkim == "permerror"
    assert len([name for name, _, _ in dns.asked if "_domainkey" in name]) <= dkimcheck.MOST_SIGNATURES


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\r\n", b"\r\n\r\n", b"x", b"From:" * 100_000, b"From: \x00@\x00\r\n\r\n", b"DKIM-Signature:\r\n\r\n",
        b"ARC-Seal: i=x\r\n\r\n",
        b"DKIM-Signature: " + b"v=1;" * 50_000 + b"\r\n\r\n", b"A: b\r\n" * 200_000 + b"\r\n", b"From: a@" + b"b." * 200 + b"\r\n\r\n",
        b"X: " + b"\r\n y" * 100_000 + b"\r\n\r\n",
        b"From: x@\xff\xfe\r\nSender\x00: y\r\n\r\nz", b"ARC-Seal: i=1; cv=none\r\n" * 300 + b"\r\n",
    ],
)  # fmt: skip
def test_hostile_headers_get_a_verdict_in_time(examine, raw: bytes) -> None:
    begin = time.thread_time()
    assert examine(raw).reject is None
    assert time.thread_time() - begin < 3


def test_a_header_of_a_hundred_megabytes_costs_little(examine) -> None:
    def endless():
        for _ in range(100):
            yield b"X-Long: " + b"y" * (1024 * 1024)

    class Endless:
        def __len__(self) -> int:
            return 100 * 1024 * 1024

        def __iter__(self):
            return endless()

    begin = time.thread_time()
    assert examine(Endless()).dkim == "none"
    assert time.thread_time() - begin < 2


NAMES = st.sampled_from(["From", "DKIM-Signature", "ARC-Seal", "ARC-Message-Signature"])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(NAMES, st.text(max_size=80)), max_size=8))
def test_any_header_is_read_without_an_exception(fields) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields).encode("utf-8", "surrogatepass")
    known = dkimcheck.fields(head)
    Signatures(known, 0).verified(iter([head + b"\r\nbody"]), {})
    structure.from_domain(known)
    assert 0 < structure.prior(known) < 1
