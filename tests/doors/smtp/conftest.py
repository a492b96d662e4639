"""Doors on real sockets; after each test nothing of a connection is left in RAM."""

import datetime as dt
import shutil
from functools import partial

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stadtmail.doors.smtp.server import tls_context
from stadtmail.vault import blobs
from tests.doors.opening import opening
from tests.doors.smtp.fakes import Door, MailRoom


@pytest.fixture
def room() -> MailRoom:
    return MailRoom()


@pytest.fixture
def open_door(room: MailRoom):
    with opening(partial(Door, room), "_running", "_networks") as make:
        yield make


@pytest.fixture
def door(open_door) -> Door:
    return open_door()


@pytest.fixture
def client(door: Door):
    talk = door.client()
    assert talk.reply() == "220 mx.ahaus.net ESMTP"
    yield talk
    talk.close()


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mx.ahaus.net")])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(begin).not_valid_after(begin + dt.timedelta(days=30)).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    return tls_context(str(folder / "cert"), str(folder / "key"))


@pytest.fixture(autouse=True)
def _no_old_blobs() -> None:
    """Rows are gone after each test, files are not: what another test stored is no residue of this one."""
    shutil.rmtree(blobs.root(), ignore_errors=True)
