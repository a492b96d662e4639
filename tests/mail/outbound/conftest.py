"""A sink that takes mail, a name server that leads to it, and a worker that is led through its rounds by hand."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stadtmail.mail.actions import sending, signing
from stadtmail.mail.outbound.bounds import Bounds
from stadtmail.mail.outbound.worker import Worker
from tests.dns import FakeDns
from tests.mail.conftest import _no_old_blobs, anna, ben  # noqa: F401 - fixtures
from tests.mail.outbound.sink import Sink

QUICK = Bounds(
    connect_seconds=2, greeting_seconds=2, command_seconds=2, block_seconds=2, end_seconds=2, message_seconds=10, recipients=50
)  # fmt: skip
FAR = "example.org"
MAIL = b"From: Anna <anna@ahaus.net>\r\nTo: x@example.org\r\nSubject: Betreffkanarie\r\n\r\nInhaltskanarie\r\n.punkt\r\n"


@pytest.fixture(autouse=True)
def _on_loopback(monkeypatch) -> None:
    """The instance's own setting says that mail goes to a machine of its own: a test instance sends nowhere else."""
    monkeypatch.setenv("STADTMAIL_RESOLVER", "127.0.0.1:5353")
    signing.forget()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


@pytest.fixture
def dns() -> Iterator[FakeDns]:
    with FakeDns({FAR: {"MX": ["10 mx.example.org."]}, "mx.example.org": {"A": ["127.0.0.1"]}}) as made:
        yield made


@pytest.fixture
def carry(sink, dns, now) -> Callable[..., int]:
    """One round of a worker at a moment."""

    def run(at: datetime | None = None, **more) -> int:
        async def go() -> int:
            given = {"limits": QUICK, "port": sink.port, "resolver": dns.resolver(), "hostname": "post.ahaus.net", **more}
            worker = Worker(now=lambda: at or now, **given)
            try:
                return await worker.round()
            finally:
                await worker.close()

        return asyncio.run(go())

    return run


@pytest.fixture
def send(ahaus, anna, now):  # noqa: F811
    """What Anna sends."""

    def run(*to, raw=MAIL, at=None, **more):
        return sending.send(ahaus, contract=anna.contract, sender="anna@ahaus.net", recipients=to, raw=raw, now=at or now, **more)

    return run


class Authority:
    """Issues certificates for tests."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed(name, self._key.public_key(), issuer=name, ca=True)
        self._name = name

    def context(self, name: str, *, days: int = 30, chain: bool = True) -> ssl.SSLContext:
        """A server's context with a certificate for this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        own = self._signed(name, key.public_key(), issuer=self._name, days=days)
        self.last = own
        pem = self._folder / f"{name}-{days}.pem"
        certificates = [own, self.certificate] if chain else [own]
        pem.write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            + b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        return context

    def trust(self) -> ssl.SSLContext:
        """A client's context that knows this authority alone."""
        return ssl.create_default_context(cadata=self.certificate.public_bytes(serialization.Encoding.PEM).decode())

    def _signed(self, name: str, public, *, issuer: str, days: int = 30, ca: bool = False) -> x509.Certificate:
        begin = datetime(2026, 11, 1, tzinfo=UTC)
        made = x509.CertificateBuilder().serial_number(x509.random_serial_number()).public_key(public)
        made = made.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        made = made.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        made = made.not_valid_before(begin).not_valid_after(begin + timedelta(days=days * 10))
        made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return made.sign(self._key, hashes.SHA256())


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)
