"""DANE for SMTP (RFC 7672, 6698, 7671): is the server's certificate one that its domain has published, validated by DNSSEC?

Only what was checked by a resolver that we trust counts (kit/resolver.py). DANE-EE looks at the key or certificate alone;
DANE-TA at a chain up to the published authority, its dates and the server's name. PKIX usages cannot be used for mail (3.1.3).
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stadtmail.kit.resolver import TLSA

AUTHORITY, SERVER = 2, 3  # usages
_WHOLE, _KEY = 0, 1  # selectors
_EXACT, _SHA256, _SHA512 = 0, 1, 2  # matching


def usable(records: Sequence[TLSA]) -> list[TLSA]:
    """Those that mail may use: the others count as if they were not there, but TLS is used all the same (2.2)."""
    return [one for one in records if one.usage in (AUTHORITY, SERVER) and one.selector in (_WHOLE, _KEY) and one.matching in (0, 1, 2)]


def matches(records: Sequence[TLSA], chain: Sequence[bytes], *, names: Sequence[str], now: datetime) -> bool:
    """Does the chain (DER, the server's own first) fit one of the usable records? `names`: the server's, and the domain's (3.2.3)."""
    try:
        certificates = [x509.load_der_x509_certificate(one) for one in chain]
    except ValueError:
        return False
    if not certificates:
        return False
    for record in records:
        if record.usage == SERVER and _fits(record, certificates[0]):
            return True
        if record.usage == AUTHORITY and _is_under(record, certificates, names, now):
            return True
    return False


def _fits(record: TLSA, certificate: x509.Certificate) -> bool:
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    data = public if record.selector == _KEY else certificate.public_bytes(Encoding.DER)
    digest = {_EXACT: data, _SHA256: hashlib.sha256(data).digest(), _SHA512: hashlib.sha512(data).digest()}[record.matching]
    return digest == bytes(record.data)


def _is_under(record: TLSA, chain: Sequence[x509.Certificate], names: Sequence[str], now: datetime) -> bool:
    """Does the chain lead, link by link, from a server of that name to the authority?"""
    if not _is_named(chain[0], names) or not _is_dated(chain[0], now):
        return False
    for number, certificate in enumerate(chain[1:], 1):
        if not _is_issued(chain[number - 1], certificate) or not _is_dated(certificate, now) or not _is_authority(certificate):
            return False
        if _fits(record, certificate):
            return True
    return False


def _is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_dated(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _is_authority(certificate: x509.Certificate) -> bool:
    with suppress(x509.ExtensionNotFound, ValueError):
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    return False


def _is_named(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    found: Any = []
    with suppress(x509.ExtensionNotFound, ValueError):
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    listed = [str(one).lower() for one in found]
    wanted = [one.lower().rstrip(".") for one in names]
    return any(name == one or (one.startswith("*.") and name.partition(".")[2] == one[2:]) for name in wanted for one in listed)
