"""The certificate of the mail doors: the operator's, or a self-signed one that is made under the data folder.

A self-signed certificate keeps eavesdroppers out and proves nothing about who answers: it is for demos and first steps.
"""

import fcntl
import os
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stadtmail.kit import config, errors

LIFE = timedelta(days=825)
RENEW_BEFORE = timedelta(days=30)
PKCS8 = b"-----BEGIN PRIVATE KEY-----"


class NotUsable(errors.NotAllowed):
    """The configured certificate or its key cannot be used; the text says which and why."""


def check() -> None:
    """Can every door use the certificate that the settings name, if they name one? Raises NotUsable."""
    chosen = config.load()
    if not chosen.tls_cert:
        return
    for path in (Path(chosen.tls_cert), Path(chosen.tls_key)):
        try:
            path.read_bytes()
        except OSError as problem:
            raise NotUsable(f"{path} cannot be read (STADTMAIL_TLS_CERT, STADTMAIL_TLS_KEY): {problem.strerror}") from None
    if PKCS8 not in Path(chosen.tls_key).read_bytes():
        raise NotUsable(f"{chosen.tls_key} is no PKCS#8 key without password: `openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW` makes one")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chosen.tls_cert, chosen.tls_key)
    except ssl.SSLError:
        raise NotUsable(f"{chosen.tls_cert} and {chosen.tls_key} are no certificate chain (PEM) and its key") from None


def paths(names: Sequence[str]) -> tuple[Path, Path]:
    """(chain, key) as PEM files; without a configured certificate a self-signed one for these names, renewed in time."""
    chosen = config.load()
    if chosen.tls_cert:
        return Path(chosen.tls_cert), Path(chosen.tls_key)
    folder = chosen.data / "tls"
    chain, key = folder / "chain.pem", folder / "key.pem"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _turn(folder):  # roles start together: two that made one at once would leave a chain and a key that do not belong together
        if not _is_good(chain, key, names):
            _make(chain, key, names)
    return chain, key


def existing() -> tuple[Path, Path] | None:
    """(chain, key) as they are, made or not; None where there is none yet."""
    chosen = config.load()
    chain, key = Path(chosen.tls_cert), Path(chosen.tls_key)
    if not chosen.tls_cert:
        chain, key = chosen.data / "tls" / "chain.pem", chosen.data / "tls" / "key.pem"
    return (chain, key) if chain.is_file() and key.is_file() else None


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    fd = os.open(folder / "turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _is_good(chain: Path, key: Path, names: Sequence[str]) -> bool:
    try:
        known = x509.load_pem_x509_certificate(chain.read_bytes())
        listed = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if load_pem_private_key(key.read_bytes(), None).public_key() != known.public_key():
            return False
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    covered = {str(name.value) for name in listed}
    return known.not_valid_after_utc > datetime.now(UTC) + RENEW_BEFORE and set(names) <= covered


def _make(chain: Path, key: Path, names: Sequence[str]) -> None:
    private = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, SHA256())
    )
    # the key first: a chain without its key would count as good at the next start
    _write(key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(chain, made.public_bytes(Encoding.PEM))


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".new")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
