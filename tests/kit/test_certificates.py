"""The self-signed certificate: made once, good for its names, renewed before it ends, replaced by the operator's."""

import ssl
import stat
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context

import pytest
import time_machine
from cryptography import x509

from stadtmail.kit import certificates, config

NAMES = ["ahaus.localhost", "127.0.0.1"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STADTMAIL_DATA", str(tmp_path))
    return tmp_path


def test_it_is_made_once_and_opens_a_server() -> None:
    chain, key = certificates.paths(NAMES)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
    first = chain.read_bytes()
    assert certificates.paths(NAMES)[0].read_bytes() == first
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    listed = x509.load_pem_x509_certificate(first).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in listed] == NAMES


def test_it_is_renewed_for_a_new_name_and_before_it_ends() -> None:
    first = certificates.paths(NAMES)[0].read_bytes()
    second = certificates.paths([*NAMES, "musterstadt.localhost"])[0].read_bytes()
    assert second != first
    with time_machine.travel(datetime.now(UTC) + certificates.LIFE - timedelta(days=29), tick=False):
        assert certificates.paths(NAMES)[0].read_bytes() != second


def made(_: int) -> tuple[bytes, bytes]:
    chain, key = certificates.paths(NAMES)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain, key)
    return chain.read_bytes(), key.read_bytes()


def test_roles_that_start_at_once_get_one_pair_that_belongs_together() -> None:
    with ProcessPoolExecutor(8, mp_context=get_context("fork")) as pool:
        assert len(set(pool.map(made, range(8)))) == 1


def test_a_key_that_does_not_belong_to_the_chain_is_replaced(folder) -> None:
    """Crashed between the two files, or made by two at once: the next start must come up."""
    other, _ = made(0)
    (folder / "tls" / "chain.pem").unlink()
    made(0)
    (folder / "tls" / "chain.pem").write_bytes(other)
    with pytest.raises(ssl.SSLError):
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(folder / "tls" / "chain.pem", folder / "tls" / "key.pem")
    made(0)


def test_the_operators_own_is_used(folder, monkeypatch) -> None:
    monkeypatch.setenv("STADTMAIL_TLS_CERT", "/etc/tls/chain.pem")
    monkeypatch.setenv("STADTMAIL_TLS_KEY", "/etc/tls/key.pem")
    assert [str(path) for path in certificates.paths(NAMES)] == ["/etc/tls/chain.pem", "/etc/tls/key.pem"]
    assert not (config.load().data / "tls").exists()
