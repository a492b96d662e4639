"""The resolver against a name server that speaks the real protocol: kinds, aliases, trouble, DNSSEC, cache, settings."""

import asyncio
import logging
import time

import pytest

from stadtmail.kit import resolver
from stadtmail.kit.config import BadSetting
from stadtmail.kit.resolver import CAA, MX, SRV, TLSA, NoResolver, NoSuchName, Resolver, Server, TemporaryFailure
from tests.dns import FakeDns

ZONES = {
    "example.net": {
        "A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"], "MX": ["10 mx.example.net.", "20 Backup.example.ORG."],
        "TXT": ["v=spf1 -all", 'quote " and \\ ' + "x" * 600], "CAA": ['0 issue "ca.example"'],
    },
    "null.example": {"MX": ["0 ."]},
    "alias.example": {"CNAME": ["example.net."]},
    "ring.example": {"CNAME": ["gnir.example."]}, "gnir.example": {"CNAME": ["ring.example."]},
    "_25._tcp.mx.example.net": {"TLSA": ["3 1 1 " + "ab" * 32]},
    "_imaps._tcp.example.net": {"SRV": ["0 1 993 imap.example.net."]},
    "1.2.0.192.in-addr.arpa": {"PTR": ["mx.example.net."]},
    "xn--mller-kva.example": {"A": ["192.0.2.9"]},
}  # fmt: skip


@pytest.fixture
def dns():
    with FakeDns(ZONES) as server:
        yield server


def ask(one: Resolver, name: str, kind: str, **more) -> resolver.Answer:
    """Both ways must say the same."""
    try:
        answer = asyncio.run(one.lookup(name, kind, **more))
    except (NoSuchName, TemporaryFailure) as error:
        with pytest.raises(type(error)):
            one.lookup_blocking(name, kind, **more)
        raise
    assert one.lookup_blocking(name, kind, **more) == answer
    return answer


@pytest.mark.parametrize(
    ("name", "kind", "records"),
    [
        ("example.net", "A", ("192.0.2.1", "192.0.2.2")),
        ("EXAMPLE.net.", "AAAA", ("2001:db8::1",)),
        ("example.net", "MX", (MX(10, "mx.example.net"), MX(20, "backup.example.org"))),
        ("null.example", "MX", (MX(0, ""),)),
        ("example.net", "TXT", (b"v=spf1 -all", b'quote " and \\ ' + b"x" * 600)),
        ("example.net", "CAA", (CAA(0, "issue", "ca.example"),)),
        ("_25._tcp.mx.example.net", "TLSA", (TLSA(3, 1, 1, b"\xab" * 32),)),
        ("_imaps._tcp.example.net", "SRV", (SRV(0, 1, 993, "imap.example.net"),)),
        (resolver.reverse_name("192.0.2.1"), "PTR", ("mx.example.net",)),
        ("müller.example", "A", ("192.0.2.9",)),
        ("null.example", "A", ()),
    ],
)
def test_every_kind_is_read(dns: FakeDns, name: str, kind: str, records: tuple) -> None:
    assert set(ask(dns.resolver(), name, kind).records) == set(records)


def test_aliases_are_followed_and_rings_are_left(dns: FakeDns) -> None:
    answer = ask(dns.resolver(), "alias.example", "A")
    assert answer.name == "example.net"
    assert len(answer.records) == 2
    with pytest.raises(TemporaryFailure):
        ask(dns.resolver(), "ring.example", "A")


@pytest.mark.parametrize("name", ["nobody.example", "a..b", "x" * 64 + ".example", ".".join(["y" * 60] * 5)])
def test_what_is_no_name_does_not_exist(dns: FakeDns, name: str) -> None:
    with pytest.raises(NoSuchName):
        ask(dns.resolver(), name, "A")


def test_a_long_answer_comes_over_tcp(dns: FakeDns) -> None:
    dns.add({"long.example": {"TXT": ["z" * 3000]}})
    dns.truncated.add("null.example")
    assert ask(dns.resolver(), "long.example", "TXT").records == (b"z" * 3000,)
    assert ask(dns.resolver(), "null.example", "MX").records == (MX(0, ""),)
    assert {way for _, _, way in dns.asked} == {"udp", "tcp"}


@pytest.mark.parametrize("failure", ["SERVFAIL", "REFUSED", "silent", "garbage"])
def test_trouble_is_temporary_and_ends_in_time(dns: FakeDns, failure: str) -> None:
    dns.failing["example.net"] = failure
    begin = time.monotonic()
    with pytest.raises(TemporaryFailure) as caught:
        asyncio.run(dns.resolver(try_seconds=0.2, budget_seconds=0.5).lookup("example.net", "A"))
    assert time.monotonic() - begin < 10
    assert "example" not in str(caught.value) + repr(caught.value)


def test_the_caller_may_have_less_time_and_never_more(dns: FakeDns) -> None:
    dns.failing["example.net"] = "silent"
    for seconds, budget in ((0.1, 60), (60, 0.5)):
        begin = time.monotonic()
        with pytest.raises(TemporaryFailure):
            dns.resolver(try_seconds=30, budget_seconds=budget).lookup_blocking("example.net", "A", seconds=seconds)
        assert time.monotonic() - begin < 15


def test_the_next_server_is_asked(dns: FakeDns) -> None:
    with FakeDns() as dead:
        dead.failing["example.net"] = "SERVFAIL"
        both = Resolver([Server("127.0.0.1", dead.port), Server("127.0.0.1", dns.port)], try_seconds=0.3)
        assert ask(both, "example.net", "AAAA").records == ("2001:db8::1",)


def test_only_a_trusted_server_says_what_is_secure(dns: FakeDns) -> None:
    dns.secure = {"example.net", "nobody.example"}
    assert ask(dns.resolver(), "example.net", "A").is_secure
    assert not ask(dns.resolver(), "null.example", "MX").is_secure
    assert not ask(dns.resolver(trusted=False), "example.net", "A").is_secure
    with pytest.raises(NoSuchName) as caught:
        ask(dns.resolver(), "nobody.example", "A")
    assert caught.value.is_secure


def test_answers_are_kept_for_their_ttl_and_no_longer(dns: FakeDns) -> None:
    moment = [0.0]
    one = dns.resolver(clock=lambda: moment[0])
    for _ in range(3):
        one.lookup_blocking("example.net", "A")
        with pytest.raises(NoSuchName):
            one.lookup_blocking("nobody.example", "A")
    assert len(dns.asked) == 2
    moment[0] = resolver.MOST_TTL + 1
    one.lookup_blocking("example.net", "A")
    assert len(dns.asked) == 3
    dns.ttl = 0
    for _ in range(2):
        one.lookup_blocking("null.example", "MX")
    assert len(dns.asked) == 5


def test_the_cache_has_a_bound(dns: FakeDns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "MOST_CACHED", 3)
    one = dns.resolver()
    for number in range(10):
        with pytest.raises(NoSuchName):
            one.lookup_blocking(f"n{number}.example", "A")
    assert len(one._cache.rows) == 3


def test_without_a_server_nothing_is_asked() -> None:
    with pytest.raises(NoResolver):
        ask(Resolver(), "example.net", "A")
    assert not resolver.configured("none").is_on


def test_no_name_reaches_a_log(dns: FakeDns, caplog: pytest.LogCaptureFixture) -> None:
    dns.failing["canary.example"] = "SERVFAIL"
    with caplog.at_level(logging.DEBUG), pytest.raises(TemporaryFailure):
        dns.resolver().lookup_blocking("canary.example", "A")
    assert "canary" not in caplog.text


@pytest.mark.parametrize(
    ("setting", "is_trusted", "port"),
    [
        ("127.0.0.1:5353", True, 5353), ("192.0.2.53", False, 53), ("192.0.2.53:54 trust-ad", True, 54), ("[::1]:53", True, 53),
        ("::1", True, 53),
    ],
)
def test_the_setting_is_read(setting: str, is_trusted: bool, port: int) -> None:
    read = resolver.server(setting)
    assert (read.is_trusted, read.port) == (is_trusted, port)


@pytest.mark.parametrize("setting", ["dns.example", "192.0.2.53:x", "192.0.2.53:70000", "192.0.2.53 trust", "1.2.3"])
def test_a_setting_that_is_none_is_refused(setting: str) -> None:
    with pytest.raises(BadSetting):
        resolver.server(setting)
