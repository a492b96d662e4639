"""Reports about TLS (RFC 8460), over real sockets: who asked hears numbers and nothing else, and nothing of them stays."""

import asyncio
import gzip
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes

import dkim
import pytest

from stadtmail.kit import config, instance
from stadtmail.mail.actions import outgoing, signing
from stadtmail.mail.leaving import Transit
from stadtmail.mail.outbound import reporting
from stadtmail.mail.outbound.worker import Worker
from stadtmail.usage import folder
from tests.mail.outbound.conftest import FAR, MAIL, QUICK
from tests.mail.outbound.test_securing import MX, PolicyServer, policy, tlsa

ASKED = {f"_smtp._tls.{FAR}": {"TXT": ["v=TLSRPTv1; rua=mailto:tls@reports.example"]}}
THERE = {"reports.example": {"MX": ["10 mx.reports.example."]}, "mx.reports.example": {"A": ["127.0.0.1"]}}


class Taker(PolicyServer):
    """Takes a report over HTTPS."""

    async def _client(self, reader, writer) -> None:
        self.request = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in self.request.split(b"\r\n") if line.startswith(b"Content-Length:"))
        self.body = await reader.readexactly(length)
        writer.write(f"HTTP/1.1 {self.text}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
def records(ahaus, now) -> dict[bytes, bytes]:
    return {f"{one.name}.".encode(): one.text.encode() for one in signing.rotate(ahaus, now=now)}


@pytest.fixture
def tomorrow(now) -> datetime:
    day = now.astimezone(UTC).date() + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.fixture
def work(sink, dns, now):
    """A worker whose clock is moved by hand."""

    @asynccontextmanager
    async def run(**more):
        moment = [now]
        given = {"limits": QUICK, "port": sink.port, "resolver": dns.resolver(), "hostname": "post.ahaus.net", "late": timedelta(), **more}
        worker = Worker(now=lambda: moment[0], **given)
        try:
            yield worker, moment
        finally:
            await worker.close()

    return run


def send(city, now, to: str = "kanarie@example.org") -> None:
    outgoing.enqueue(city, sender="anna@ahaus.net", recipients=[to], raw=MAIL, now=now)


async def sent(*given) -> None:
    await asyncio.to_thread(send, *given)


def report_of(raw: bytes) -> dict:
    first, second = message_from_bytes(raw).get_payload()
    assert first.get_content_type() == "text/plain"
    assert second.get_content_type() == "application/tlsrpt+gzip"
    return json.loads(gzip.decompress(second.get_payload(decode=True)))


def test_c42_who_asks_hears_a_days_numbers_and_nobody_in_them(ahaus, records, sink, dns, authority, now, tomorrow, work) -> None:
    dns.add({**ASKED, **THERE, f"_mta-sts.{FAR}": {"TXT": ["v=STSv1; id=1;"]}, f"mta-sts.{FAR}": {"A": ["127.0.0.1"]}})

    async def go() -> None:
        with PolicyServer(authority.context(f"mta-sts.{FAR}"), policy("enforce", MX)) as server:
            async with work(https_port=server.port, trust=authority.trust()) as (worker, moment):
                for number, name in enumerate((MX, MX, "somebody.else")):
                    sink.tls = authority.context(name, days=30 + number)
                    await sent(ahaus, now)
                    await worker.round()
                assert await worker.reports.send(now=tomorrow - timedelta(seconds=1)) == 0, "the day is not over"
                assert await worker.reports.send(now=tomorrow) == 1
                assert await worker.reports.send(now=tomorrow) == 0, "it is sent once"
                moment[0] = tomorrow
                await worker.round()

    asyncio.run(go())
    (found,) = [one for one in sink.taken if one.recipients == ["tls@reports.example"]]
    mail, report = message_from_bytes(found.data), report_of(found.data)
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "tlsrpt"
    assert (mail["TLS-Report-Domain"], mail["TLS-Report-Submitter"], mail["From"]) == (FAR, "ahaus.net", "postmaster@ahaus.net")
    assert found.sender == ""
    assert dkim.verify(found.data, dnsfunc=lambda name, timeout=5: records.get(name))
    day = now.astimezone(UTC).date()
    assert report["date-range"] == {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"}
    (one,) = report["policies"]
    assert one["policy"] == {
        "policy-type": "sts", "policy-domain": FAR, "mx-host": [MX],
        "policy-string": ["version: STSv1", "mode: enforce", f"mx: {MX}", "max_age: 86400"],
    }  # fmt: skip
    assert one["summary"] == {"total-successful-session-count": 2, "total-failure-session-count": 1}
    (detail,) = one["failure-details"]
    assert detail == {"result-type": "certificate-host-mismatch", "receiving-mx-hostname": MX, "failed-session-count": 1}
    told = json.dumps(report) + found.data.decode()
    assert not [word for word in ("kanarie", "anna", "127.0.0.1", "Betreffkanarie", "post.ahaus.net") if word in told]


@pytest.mark.parametrize("record", ["v=TLSRPTv2; rua=mailto:a@b.example", "v=TLSRPTv1; rua=http://b.example/", "v=spf1 -all", None])
def test_who_does_not_ask_is_not_counted(record, ahaus, records, sink, dns, now, tomorrow, work) -> None:
    dns.add({f"_smtp._tls.{FAR}": {"TXT": [record]}} if record else {})

    async def go() -> None:
        async with work() as (worker, _):
            await sent(ahaus, now)
            await worker.round()
            assert FAR not in repr(vars(worker.reports))
            assert await worker.reports.send(now=tomorrow) == 0

    asyncio.run(go())
    assert len(sink.taken) == 1


def test_c12_a_city_that_leaves_it_out_asks_counts_and_sends_nothing(musterstadt, sink, dns, now, tomorrow, work) -> None:
    dns.add({**ASKED, **THERE})
    signing.rotate(musterstadt, now=now)

    async def go() -> None:
        async with work() as (worker, _):
            await sent(musterstadt, now)
            await worker.round()
            assert await worker.reports.send(now=tomorrow) == 0

    asyncio.run(go())
    assert len(sink.taken) == 1
    assert not [name for name, _, _ in dns.asked if name.startswith("_smtp._tls")]


def test_of_two_cities_each_reports_its_own(ahaus, musterstadt, records, sink, dns, now, tomorrow, work) -> None:
    dns.add({**ASKED, **THERE})
    signing.rotate(musterstadt, now=now)

    async def go() -> None:
        async with work() as (worker, moment):
            for city in (ahaus, musterstadt, musterstadt):
                await sent(city, now)
                await worker.round()
            assert await worker.reports.send(now=tomorrow) == 1
            moment[0] = tomorrow
            await worker.round()

    asyncio.run(go())
    report = report_of(sink.taken[-1].data)
    assert report["organization-name"] == "ahaus.net"
    assert report["policies"][0]["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
    assert report["policies"][0]["failure-details"][0]["result-type"] == "starttls-not-supported"


def test_a_report_arrives_although_tls_fails_and_is_no_part_of_the_next(
    ahaus, records, sink, dns, authority, now, tomorrow, work
) -> None:  # fmt: skip
    dns.add({f"_smtp._tls.{FAR}": {"TXT": [f"v=TLSRPTv1; rua=mailto:tls@{FAR}"]}})
    dns.add({f"_{sink.port}._tcp.{MX}": {"TLSA": [tlsa(3, 1, 1, b"another key")]}})
    dns.secure, sink.tls = True, authority.context(MX)

    async def go() -> None:
        async with work(limits=replace(QUICK, per_destination=1)) as (worker, moment):
            await sent(ahaus, now)
            await worker.round()
            assert sink.taken == []
            assert await worker.reports.send(now=tomorrow) == 1
            moment[0] = tomorrow  # the first message is tried again, too: it must not go over the report's connection
            await worker.round()
            assert [one.recipients for one in sink.taken] == [[f"tls@{FAR}"]]
            (counted,) = worker.reports._counts.values()
            assert sum(counted.values()) == 1, "the message alone"

    asyncio.run(go())
    (found,) = report_of(sink.taken[0].data)["policies"]
    assert (found["policy"]["policy-type"], found["policy"]["policy-domain"]) == ("tlsa", MX)
    assert found["failure-details"][0]["result-type"] == "validation-failure"


@pytest.mark.parametrize(("answer", "count"), [("201 Created", 1), ("404 Not Found", 0), ("302 Found", 0)])
def test_a_page_takes_a_report_or_it_is_gone(answer, count, ahaus, records, dns, authority, now, tomorrow, work) -> None:
    dns.add({f"_smtp._tls.{FAR}": {"TXT": ["v=TLSRPTv1;rua=https://reports.example/v1?x=y"]}, "reports.example": {"A": ["127.0.0.1"]}})

    async def go() -> Taker:
        with Taker(authority.context("reports.example"), answer) as server:
            async with work(https_port=server.port, trust=authority.trust()) as (worker, _):
                await sent(ahaus, now)
                await worker.round()
                assert await worker.reports.send(now=tomorrow) == count
                assert FAR not in repr(vars(worker.reports))
            return server

    taker = asyncio.run(go())
    assert taker.request.startswith(b"POST /v1?x=y HTTP/1.1\r\nHost: reports.example\r\nContent-Type: application/tlsrpt+gzip\r\n")
    assert json.loads(gzip.decompress(taker.body))["policies"][0]["policy"]["policy-domain"] == FAR
    assert Transit.objects.exclude(size_bytes=len(MAIL)).count() == 0


def test_c12_a_page_in_an_inner_network_gets_nothing(dns, monkeypatch) -> None:
    """Whoever has a domain names the host: it must not be one of ours."""
    real = replace(instance.current(), kind="production")
    monkeypatch.setattr(instance, "current", lambda: real)
    monkeypatch.setattr(reporting.egress, "allowed", lambda purpose, *_: purpose == "tls_report")
    inner = ["10.0.0.7", "127.0.0.1", "169.254.169.254", "192.168.1.1", "100.64.0.1"]
    dns.add({"reports.example": {"A": [*inner, "9.9.9.9"], "AAAA": ["::1", "fd00::1", "::ffff:10.0.0.1"]}})
    reports = reporting.Reports(dns.resolver(), asyncio.to_thread)
    assert asyncio.run(reports._addresses("reports.example")) == ["9.9.9.9"]


def test_c42_numbers_lie_in_no_file(ahaus, records, sink, dns, now, work) -> None:
    dns.add({**ASKED, **THERE})

    async def go() -> None:
        async with work() as (worker, _):
            await sent(ahaus, now)
            await worker.round()
            assert worker.reports._counts
            places = [*folder.current().iterdir(), *config.load().data.rglob("*")]
            held = [path for path in places if path.is_file() and FAR.encode() in path.read_bytes()]
            assert not held

    asyncio.run(go())
    assert len(sink.taken) == 1


def test_a_bug_in_counting_keeps_no_mail(ahaus, sink, now, work, monkeypatch) -> None:
    async def broken(*_, **__) -> None:
        raise RuntimeError

    async def go() -> None:
        async with work() as (worker, _):
            monkeypatch.setattr(worker.reports, "note", broken)
            await sent(ahaus, now)
            await worker.round()

    asyncio.run(go())
    assert len(sink.taken) == 1
