"""The records of a city's domain: made from what runs, and compared with what a real name server says."""

import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from stadtmail.kit import certificates
from stadtmail.mail import dnscheck, services
from stadtmail.mail.dnscheck import DIFFERENT, MISSING, RIGHT, UNKNOWN
from tests.dns import FakeDns

KEY = "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQ"
DKIM = [("s1._domainkey.ahaus.net", KEY)]


@pytest.fixture
def records(ahaus) -> list[services.Record]:
    certificates.paths(["ahaus.net", "ahaus.localhost"])
    return services.records(ahaus, dkim=DKIM)


def zones(records) -> dict[str, dict[str, list[str]]]:
    """What an operator makes of them."""
    found: dict[str, dict[str, list[str]]] = {"ahaus.localhost": {"A": ["192.0.2.7"], "AAAA": ["2001:db8::7"]}}
    for one in records:
        value = one.value or '0 issue "letsencrypt.org"'
        found.setdefault(one.name, {}).setdefault(one.kind, []).append(value)
    return found


def states(records, zones, **more) -> dict[tuple[str, str], str]:
    with FakeDns(zones) as dns:
        for name, failure in more.items():
            dns.failing[name] = failure
        resolver = dns.resolver()
        return {(one.name, one.kind): dnscheck.check(one, resolver).state for one in records}


def test_every_record_that_is_asked_for_is_there(records) -> None:
    kinds = {(one.name, one.kind) for one in records}
    for name, kind in [
        ("ahaus.net", "MX"), ("ahaus.net", "TXT"), ("s1._domainkey.ahaus.net", "TXT"), ("_dmarc.ahaus.net", "TXT"), ("ahaus.net", "CAA"),
        ("_mta-sts.ahaus.net", "TXT"), ("mta-sts.ahaus.net", "CNAME"), ("_smtp._tls.ahaus.net", "TXT"), ("_25._tcp.ahaus.net", "TLSA"),
        ("_imaps._tcp.ahaus.net", "SRV"), ("_submissions._tcp.ahaus.net", "SRV"), ("_sieve._tcp.ahaus.net", "SRV"),
        ("autoconfig.ahaus.net", "CNAME"), ("autodiscover.ahaus.net", "CNAME"),
    ]:  # fmt: skip
        assert (name, kind) in kinds
    certificate = x509.load_pem_x509_certificate(certificates.existing()[0].read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert f"3 1 1 {hashlib.sha256(key).hexdigest()}" in {one.value for one in records if one.kind == "TLSA"}


def test_a_zone_made_of_them_is_right(records) -> None:
    assert set(states(records, zones(records)).values()) == {RIGHT}


def test_nothing_is_there(records) -> None:
    assert set(states(records, {}).values()) == {MISSING}


@pytest.mark.parametrize(
    ("name", "kind", "values", "state"),
    [
        ("ahaus.net", "MX", ["10 mx.elsewhere.example."], DIFFERENT),
        ("ahaus.net", "MX", ["10 ahaus.net.", "20 mx.elsewhere.example."], DIFFERENT),
        ("ahaus.net", "TXT", ["v=spf1 +all"], DIFFERENT),
        ("ahaus.net", "TXT", ["v=spf1 mx -all", "v=spf1 -all"], DIFFERENT),
        ("ahaus.net", "TXT", ["some other text", "v=spf1 mx -all"], RIGHT),
        ("ahaus.net", "TXT", ["some other text"], MISSING),
        ("s1._domainkey.ahaus.net", "TXT", [KEY.replace("; ", ";")], RIGHT),
        ("s1._domainkey.ahaus.net", "TXT", [KEY[:-3] + "xyz"], DIFFERENT),
        ("s1._domainkey.ahaus.net", "TXT", ["v=DKIM1; p="], DIFFERENT),
        ("_dmarc.ahaus.net", "TXT", ["v=DMARC1;rua=mailto:postmaster@ahaus.net;p = quarantine"], RIGHT),
        ("_dmarc.ahaus.net", "TXT", ["v=DMARC1; p=none"], DIFFERENT),
        ("_25._tcp.ahaus.net", "TLSA", ["3 1 1 " + "ab" * 32], DIFFERENT),
        ("_imaps._tcp.ahaus.net", "SRV", ["0 1 143 ahaus.localhost."], DIFFERENT),
        ("mta-sts.ahaus.net", "A", ["192.0.2.99"], DIFFERENT),
        ("ahaus.net", "CAA", ['0 issue ";"'], RIGHT),
        ("ahaus.net", "CAA", ['0 iodef "mailto:x@ahaus.net"'], DIFFERENT),
    ],
)
def test_a_record_that_is_not_as_it_should_be(records, name, kind, values, state) -> None:
    zone = zones(records)
    zone[name] = {**zone[name], kind: values}
    if kind == "A":
        del zone[name]["CNAME"]
        kind = "CNAME"
    assert states(records, zone)[name, kind] == state


def test_an_address_in_place_of_an_alias_is_as_good(records) -> None:
    zone = zones(records)
    zone["autoconfig.ahaus.net"] = {"A": ["192.0.2.7"], "AAAA": ["2001:db8::7"]}
    assert states(records, zone)["autoconfig.ahaus.net", "CNAME"] == RIGHT


def test_a_server_that_does_not_answer_is_no_missing_record(records) -> None:
    for failure in ("SERVFAIL", "REFUSED", "silent", "garbage"):
        with FakeDns(zones(records)) as dns:
            dns.failing["ahaus.net"] = failure
            record = next(one for one in records if one.kind == "MX")
            assert dnscheck.check(record, dns.resolver(try_seconds=0.1, budget_seconds=0.3)).state == UNKNOWN


def test_a_policy_that_changes_has_another_id(ahaus, monkeypatch) -> None:
    def told() -> str:
        return next(one.value for one in services.records(ahaus, dkim=()) if one.name.startswith("_mta-sts"))

    before = told()
    monkeypatch.setattr(services, "POLICY_SECONDS", 86_400)
    assert told() != before


def test_without_keys_the_operator_is_told(ahaus) -> None:
    (hint,) = [one for one in services.records(ahaus, dkim=()) if "DKIM" in one.why]
    assert hint.value == ""
    assert dnscheck.check(hint, FakeDns({}).resolver()).state == dnscheck.BY_HAND
