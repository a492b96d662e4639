"""Which doors a city's residents open with their mail programs, and which records its domain needs in the DNS to be found.

Everything here follows from settings, certificate and city; nothing is about a person.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stadtmail.kit import certificates, config
from stadtmail.mail.actions import signing
from stadtmail.tenants import queries as tenants
from stadtmail.tenants.models import Tenant
from stadtmail.wire import clientconfig
from stadtmail.wire.clientconfig import STARTTLS, TLS, Service

POLICY_SECONDS = 604_800  # a week (RFC 8461 3.2)
CERTIFIERS = {"let's encrypt": "letsencrypt.org", "digicert": "digicert.com", "sectigo": "sectigo.com", "zerossl": "sectigo.com",
              "d-trust": "d-trust.net", "telesec": "telesec.de", "geant": "sectigo.com", "harica": "harica.gr"}  # fmt: skip
_DOORS = (("imap", "imaps", TLS), ("imap", "imap", STARTTLS), ("smtp", "submissions", TLS), ("smtp", "submission", STARTTLS),
          ("sieve", "sieve", STARTTLS))  # fmt: skip
_SRV = {("imap", TLS): "_imaps", ("imap", STARTTLS): "_imap", ("smtp", TLS): "_submissions", ("smtp", STARTTLS): "_submission",
        ("sieve", STARTTLS): "_sieve"}  # fmt: skip


@dataclass(frozen=True)
class Record:
    """A record that belongs into the DNS, as a zone file has it, and why. Empty `value`: only the operator knows it, `why` says what."""

    name: str
    kind: str
    value: str
    why: str
    is_needed: bool = True  # without it mail does not come, or is not believed; the others help


def services(tenant: Tenant) -> list[Service]:
    """The doors in the order in which programs should take them: TLS from the first octet before STARTTLS (RFC 8314)."""
    host, ports = client_host(tenant), config.load().ports
    return [Service(kind, host, ports[port], security) for kind, port, security in _DOORS]


def client_host(tenant: Tenant) -> str:
    """The name that mail programs connect to: the city's first host name, which its certificate covers."""
    return next(iter(tenants.hosts_of(tenant)), tenant.domain)


def policy_text() -> bytes:
    """The policy of MTA-STS: enforced where the operator has set a certificate, else for testing."""
    return clientconfig.mta_sts([tenants.mail_host()], mode="enforce" if config.load().tls_cert else "testing", max_age=POLICY_SECONDS)


def records(tenant: Tenant, *, dkim: Sequence[tuple[str, str]]) -> list[Record]:
    """All records of a city's domain. `dkim`: (name, text) of its signing keys."""
    domain, mx, host = tenant.domain, tenants.mail_host(), client_host(tenant)
    reports = f"mailto:postmaster@{domain}"
    smarthost = config.load().smarthost.rpartition(":")[0]
    found = [
        Record(domain, "MX", f"10 {mx}.", "who takes mail for the city"),
        Record(domain, "TXT", f"v=spf1 mx{f' a:{smarthost}' if smarthost else ''} -all", "SPF: who sends for the city"),
        *(Record(name, "TXT", text, "DKIM: the key of its signatures") for name, text in dkim),
        *([] if dkim else [Record(f"_domainkey.{domain}", "TXT", "", "DKIM: make the keys first (stadtmail dkim rotate)")]),
        Record(f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=quarantine; rua={reports}", "DMARC: what becomes of forgeries"),
        Record(f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={_digest(policy_text())}", "MTA-STS: there is a policy"),
        Record(f"mta-sts.{domain}", "CNAME", f"{host}.", "MTA-STS: where the policy is"),
        Record(f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua={reports}", "TLS-RPT: who hears of failed TLS", is_needed=False),
        *_tlsa(mx),
    ]
    for one in services(tenant):
        name = f"{_SRV[one.kind, one.security]}._tcp.{domain}"
        weight = 0 if one.security == TLS or one.kind == "sieve" else 10
        value = f"{weight} 1 {one.port} {one.host}."
        found.append(Record(name, "SRV", value, "mail programs find the server (RFC 6186, 8314)", is_needed=False))
    for name, use in (("autoconfig", "Thunderbird and others set themselves up"), ("autodiscover", "Outlook sets itself up")):
        found.append(Record(f"{name}.{domain}", "CNAME", f"{host}.", use, is_needed=False))
    found.append(Record(f"_autodiscover._tcp.{domain}", "SRV", f"0 0 443 {host}.", "Outlook sets itself up", is_needed=False))
    return [*found, *(_caa(name) for name in dict.fromkeys((domain, mx, host)))]


def signing_keys(tenant: Tenant) -> list[tuple[str, str]]:
    """(name, text) of the records of the city's DKIM keys, where this instance signs."""
    return [(one.name, one.text) for one in signing.records(tenant)]


def _digest(policy: bytes) -> str:
    """The policy's id: another policy has another one."""
    return hashlib.sha256(policy).hexdigest()[:20]


def _tlsa(mx: str) -> list[Record]:
    """DANE-EE with the key's digest (RFC 7672 3.1.1): it stays when a certificate is renewed with its key."""
    certificate, name, why = _certificate(), f"_25._tcp.{mx}", "DANE: the certificate's key; only in a signed zone (DNSSEC)"
    if certificate is None:
        return [Record(name, "TLSA", "", f"{why}; there is no certificate yet", is_needed=False)]
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [Record(name, "TLSA", f"3 1 1 {hashlib.sha256(key).hexdigest()}", why, is_needed=False)]


def _caa(name: str) -> Record:
    certificate, why = _certificate(), "CAA: who may certify this name"
    issuer = certificate.issuer.rfc4514_string().lower() if certificate is not None else ""
    known = next((domain for mark, domain in CERTIFIERS.items() if mark in issuer), "")
    if not known:
        return Record(name, "CAA", "", f'{why}: 0 issue "the domain of your certifier"', is_needed=False)
    return Record(name, "CAA", f'0 issue "{known}"', why, is_needed=False)


def _certificate() -> x509.Certificate | None:
    found = certificates.existing()
    return x509.load_pem_x509_certificate(found[0].read_bytes()) if found else None
