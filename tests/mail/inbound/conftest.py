"""A name server with the zones of a few honest and dishonest peers, and an examiner that asks it."""

import asyncio
from collections.abc import Iterator

import pytest

from stadtmail.mail.inbound.examining import Client, Examiner
from stadtmail.mail.verdicts import Verdict
from tests.dns import FakeDns
from tests.mail.inbound.signing import RsaKey

PEER = "198.51.100.7"  # the one address that may send for peer.example


@pytest.fixture(scope="session")
def key() -> RsaKey:
    return RsaKey()


@pytest.fixture(scope="session")
def other_key() -> RsaKey:
    return RsaKey()


@pytest.fixture
def dns(key: RsaKey) -> Iterator[FakeDns]:
    zones = {
        "peer.example": {"TXT": [f"v=spf1 ip4:{PEER} -all", "something else"]},
        "_dmarc.peer.example": {"TXT": ["v=DMARC1; p=reject"]},
        "s1._domainkey.peer.example": {"TXT": [key.record]},
        "soft.example": {"TXT": ["v=spf1 ~all"]}, "_dmarc.soft.example": {"TXT": ["v=DMARC1; p=quarantine"]},
        "open.example": {"TXT": ["v=spf1 -all"]}, "_dmarc.open.example": {"TXT": ["v=DMARC1; p=none"]},
        "list.example": {"TXT": [f"v=spf1 ip4:{PEER} -all"]}, "s1._domainkey.list.example": {"TXT": [key.record]},
    }  # fmt: skip
    with FakeDns(zones) as server:
        yield server


@pytest.fixture
def examine(dns: FakeDns):
    made: list[Examiner] = []

    def run(raw, *, address: str = PEER, helo: str = "mx.peer.example", sender: str = "x@peer.example", **more) -> Verdict:
        made.append(Examiner(**{"resolver": dns.resolver(), "server": "mx.ahaus.net", **more}))
        return asyncio.run(made[-1].examine(Client(address, helo, sender), raw))

    yield run
    for one in made:
        one.close()
