"""TLS on the way out over real sockets: demanded, tried, done without; what a man in the middle gets."""

import asyncio
import hashlib
import ssl
import threading
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stadtmail.mail.actions import outgoing
from stadtmail.mail.leaving import Leg
from stadtmail.mail.outbound import counts
from tests.mail.outbound.conftest import FAR, MAIL, Authority
from tests.mail.outbound.sink import Sink

MX = "mx.example.org"


@pytest.fixture
def queue(ahaus, now):
    def run(to: str = "a@example.org") -> None:
        outgoing.enqueue(ahaus, sender="", recipients=[to], raw=MAIL, now=now)

    return run


def key_of(certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def tlsa(usage: int, selector: int, matching: int, data: bytes) -> str:
    digest = {0: data, 1: hashlib.sha256(data).digest(), 2: hashlib.sha512(data).digest()}[matching]
    return f"{usage} {selector} {matching} {digest.hex()}"


def way() -> str:
    return Leg.objects.get().way


# -- opportunistic -------------------------------------------------------------------------------------------------------


def test_tls_is_used_where_it_is_offered_whatever_the_certificate_says(queue, sink, carry, authority) -> None:
    sink.tls = authority.context("somebody.else", days=1)
    queue()
    carry()
    assert sink.taken[0].tls


@pytest.mark.parametrize("wrong", [{"starttls_answer": "454 4.7.0 not now"}, {"injected": b"250 STARTTLS\r\n"}])
def test_tls_that_fails_is_done_without(wrong, queue, sink, carry, authority) -> None:
    sink.tls = authority.context(MX)
    for name, value in wrong.items():
        setattr(sink, name, value)
    queue()
    carry()
    assert not sink.taken[0].tls
    assert sink.connections == 2  # nothing that was said before the handshake is believed


# -- DANE ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("selector", "matching"), [(1, 1), (1, 2), (1, 0), (0, 1), (0, 0)])
def test_dane_ee_the_published_key_and_nothing_else_counts(selector, matching, queue, sink, dns, carry, authority) -> None:
    sink.tls = authority.context("any.name", days=1)
    data = key_of(authority.last) if selector else authority.last.public_bytes(Encoding.DER)
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(3, selector, matching, data)]}})
    dns.secure = True
    queue()
    carry()
    assert sink.taken[0].tls
    assert not Leg.objects.exists()


def test_dane_another_certificate_gets_nothing(queue, sink, dns, carry, authority) -> None:
    sink.tls = authority.context(MX)
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(3, 1, 1, b"another key")]}})
    dns.secure = True
    queue()
    carry()
    assert sink.taken == []
    assert not [line for line in sink.lines if line.startswith(("MAIL", "RCPT"))]
    assert Leg.objects.get().reason == "policy"


def test_dane_a_server_that_hides_its_tls_gets_nothing(queue, sink, dns, carry) -> None:
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(3, 1, 1, b"key")]}})
    dns.secure = True
    queue()
    carry()
    assert sink.taken == []
    assert not [line for line in sink.lines if line.startswith("MAIL")]


@pytest.mark.parametrize("insecure", [FAR, MX, "tlsa"])
def test_dane_counts_only_where_every_name_on_the_way_was_validated(insecure, queue, sink, dns, carry, authority) -> None:
    sink.tls = authority.context(MX)
    place = f"_{sink.port}._tcp.{MX}"
    dns.add({place: {"TLSA": [tlsa(3, 1, 1, b"another key")]}})
    dns.secure = {FAR, MX, place} - {place if insecure == "tlsa" else insecure}
    queue()
    carry()
    assert len(sink.taken) == 1  # an unvalidated record is nobody's word


def test_dane_follows_an_alias_to_where_it_leads(queue, sink, dns, carry, authority) -> None:
    sink.tls = authority.context("any.name", days=1)
    dns.zones[f"{MX}."] = {"CNAME": ["real.example.net."]}
    dns.add({"real.example.net": {"A": ["127.0.0.1"]}, f"_{sink.port}._tcp.real.example.net": {"TLSA": [tlsa(3, 1, 1, b"other")]}})
    dns.secure = True
    queue()
    carry()
    assert sink.taken == []
    assert Leg.objects.get().reason == "policy"


def test_dane_a_tlsa_record_that_cannot_be_looked_up_is_no_way_around_it(queue, sink, dns, carry, authority) -> None:
    sink.tls = authority.context(MX)
    dns.secure = True
    dns.failing[f"_{sink.port}._tcp.{MX}"] = "SERVFAIL"
    queue()
    carry()
    assert sink.connections == 0
    assert Leg.objects.get().reason == "no_answer"


def test_dane_records_that_mail_cannot_use_still_demand_tls(queue, sink, dns, carry, authority, now) -> None:
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(1, 1, 1, b"pkix"), tlsa(0, 0, 1, b"pkix")]}})
    dns.secure = True
    queue()
    carry()
    assert sink.taken == []
    sink.tls = authority.context("any.name")
    carry(now + timedelta(hours=1))
    assert sink.taken[0].tls


@pytest.mark.parametrize(
    ("name", "days", "chain", "goes"),
    [(MX, 30, True, True), (FAR, 30, True, True), ("other.example.net", 30, True, False), (MX, 1, True, False), (MX, 30, False, False)],
)  # fmt: skip
def test_dane_ta_wants_chain_name_and_dates(name, days, chain, goes, queue, sink, dns, carry, authority) -> None:
    sink.tls = authority.context(name, days=days, chain=chain)
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(2, 0, 1, authority.certificate.public_bytes(Encoding.DER))]}})
    dns.secure = True
    queue()
    carry()
    assert len(sink.taken) == goes


def test_dane_ta_a_chain_that_only_carries_the_authority_is_not_under_it(queue, sink, dns, carry, authority, tmp_path) -> None:
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other", "test authority")  # the same name, another key
    stranger.certificate = authority.certificate
    sink.tls = stranger.context(MX)
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(2, 0, 1, authority.certificate.public_bytes(Encoding.DER))]}})
    dns.secure = True
    queue()
    carry()
    assert sink.taken == []


# -- MTA-STS -------------------------------------------------------------------------------------------------------------


class PolicyServer:
    """Serves one file over HTTPS on loopback."""

    def __init__(self, context: ssl.SSLContext, text: str) -> None:
        self.context, self.text, self.asked = context, text, 0
        self.head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain"

    def __enter__(self) -> "PolicyServer":
        self._loop, ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=lambda: self._loop.run_until_complete(self._serve(ready)), daemon=True)
        self._thread.start()
        ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._client, "127.0.0.1", 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()

    async def _client(self, reader, writer) -> None:
        try:
            self.request = await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            writer.write(f"{self.head}\r\n\r\n{self.text}".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def policy(mode: str, *hosts: str) -> str:
    return "version: STSv1\r\nmode: " + mode + "\r\n" + "".join(f"mx: {host}\r\n" for host in hosts) + "max_age: 86400\r\n"


@pytest.fixture
def sts(dns):
    dns.add({f"_mta-sts.{FAR}": {"TXT": ["v=STSv1; id=1;"]}, f"mta-sts.{FAR}": {"A": ["127.0.0.1"]}})


def run(carry, server, authority, at=None) -> None:
    carry(at, https_port=server.port, trust=authority.trust())


def test_mta_sts_the_listed_server_with_the_right_certificate_gets_it(queue, sts, sink, carry, authority) -> None:
    sink.tls = authority.context(MX)
    with PolicyServer(authority.context(f"mta-sts.{FAR}"), policy("enforce", "*.example.org")) as server:
        queue()
        run(carry, server, authority)
        assert b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.org\r\n" in server.request
    assert sink.taken[0].tls


@pytest.mark.parametrize(
    ("mode", "listed", "name", "goes"),
    [("enforce", MX, "other.example.org", False), ("enforce", "mx.example.net", MX, False), ("enforce", "*.mx.example.org", MX, False),
     ("enforce", MX, None, False), ("testing", MX, "other.example.org", True), ("testing", "mx.example.net", MX, True),
     ("testing", MX, None, True), ("none", MX, None, True)],
)  # fmt: skip
def test_mta_sts_enforced_or_only_tested(mode, listed, name, goes, queue, sts, sink, carry, authority) -> None:
    sink.tls = authority.context(name) if name else None
    with PolicyServer(authority.context(f"mta-sts.{FAR}"), policy(mode, listed)) as server:
        queue()
        run(carry, server, authority)
    assert len(sink.taken) == goes
    if not goes:
        assert not [line for line in sink.lines if line.startswith("MAIL")]
        assert Leg.objects.get().reason == "policy"


@pytest.mark.parametrize("wrong", ["certificate", "404", "html", "garbage", "large", "redirect"])
def test_mta_sts_a_policy_that_cannot_be_fetched_is_none(wrong, queue, sts, sink, carry, authority) -> None:
    text = {"garbage": "\x00\xff", "large": policy("enforce", "mx.example.net") + "x: y\r\n" * 30_000}.get(
        wrong, policy("enforce", "mx.example.net")
    )
    with PolicyServer(authority.context("elsewhere.test" if wrong == "certificate" else f"mta-sts.{FAR}"), text) as server:
        server.head = {
            "404": "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain", "html": "HTTP/1.1 200 OK\r\nContent-Type: text/html",
            "redirect": "HTTP/1.1 301 Moved\r\nContent-Type: text/plain\r\nLocation: https://127.0.0.1/",
        }.get(wrong, server.head)  # fmt: skip
        queue()
        run(carry, server, authority)
    assert len(sink.taken) == 1


def test_mta_sts_a_known_policy_stays_while_its_server_is_down_and_is_fetched_once(sts, dns, now, authority) -> None:
    from stadtmail.mail.outbound.policies import Policies

    async def go() -> None:
        with PolicyServer(authority.context(f"mta-sts.{FAR}"), policy("enforce", MX)) as server:
            known = Policies(dns.resolver(), port=server.port, trust=authority.trust())
            for _ in range(3):
                assert (await known.of(FAR, now=now)).mode == "enforce"
            assert server.asked == 1
            dns.zones[f"_mta-sts.{FAR}."]["TXT"] = ["v=STSv1; id=2;"]
            known._resolver = dns.resolver()
            server.text = policy("testing", MX)
            assert (await known.of(FAR, now=now)).mode == "testing"
        dns.zones[f"_mta-sts.{FAR}."]["TXT"] = ["v=STSv1; id=3;"]
        known._resolver = dns.resolver()
        assert (await known.of(FAR, now=now)).mode == "testing"
        assert await known.of(FAR, now=now + timedelta(days=2)) is None

    asyncio.run(go())


def test_dane_comes_before_mta_sts(queue, sts, sink, dns, carry, authority) -> None:
    sink.tls = authority.context("any.name", days=1)
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(3, 1, 1, key_of(authority.last))]}})
    dns.secure = True
    with PolicyServer(authority.context(f"mta-sts.{FAR}"), policy("enforce", "mx.example.net")) as server:
        queue()
        run(carry, server, authority)
    assert sink.taken[0].tls


# -- counted -------------------------------------------------------------------------------------------------------------


def test_what_came_of_tls_is_counted_without_a_name(queue, sink, dns, authority, now) -> None:
    from stadtmail.mail.outbound.worker import Worker
    from stadtmail.usage import folder
    from tests.mail.outbound.conftest import QUICK

    sink.tls = authority.context(MX)
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(3, 1, 1, b"another key")]}})
    dns.secure = True
    queue()

    async def go() -> dict:
        worker = Worker(hostname="post.ahaus.net", resolver=dns.resolver(), limits=QUICK, port=sink.port, now=lambda: now)
        await worker.round()
        found = dict(worker.securing.counted)
        await worker.close()
        return found

    counted = asyncio.run(go())
    assert counted == {("tlsa", "validation-failure"): 1}
    counts.note(counted, now)
    counts.note({**counted, ("no-policy-found", "success"): 4}, now)
    assert counts.of_day(now.date(), now=now) == {("tlsa", "validation-failure"): 2, ("no-policy-found", "success"): 4}
    assert not any(b"example.org" in path.read_bytes() for path in folder.current().iterdir())


def test_a_smarthost_is_never_given_a_password_in_the_clear(queue, dns, carry) -> None:
    from stadtmail.kit.smarthost import Smarthost

    dns.add({"relay.test": {"A": ["127.0.0.1"]}})
    with Sink(users={"me": "geheim"}) as relay:
        queue()
        carry(relay=Smarthost.read(f"smtp://me:geheim@relay.test:{relay.port}"))
        assert not [line for line in relay.lines if line.startswith(("AUTH", "MAIL"))]
