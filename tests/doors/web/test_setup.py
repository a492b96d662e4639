"""Mail programs set themselves up: files read as the programs' documentation says, and nothing of the address they send is kept."""

import json
import plistlib
import re
from xml.etree import ElementTree

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from django.test import Client

from stadtmail.kit import certificates, config
from tests.doors.web.browsing import Browser

ADDRESS = "setzkanarie@ahaus.net"
OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"
REQUEST = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Autodiscover><Request><EMailAddress>'
    f"{ADDRESS}&x;</EMailAddress></Request></Autodiscover>"
)  # fmt: skip
PATHS = [
    f"/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress={ADDRESS}", f"/mail/config-v1.1.xml?emailaddress={ADDRESS}",
    "/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/.well-known/mta-sts.txt",
    f"/autodiscover/autodiscover.json?Email={ADDRESS}&Protocol=AutodiscoverV1",
    f"/autodiscover/autodiscover.json/v1.0/{ADDRESS}?Protocol=AutodiscoverV1",
]  # fmt: skip


def thunderbird(raw: bytes, address: str) -> tuple[list[tuple], list[tuple]]:
    """Read as "Autoconfig file format" says: servers of known type in their order, placeholders replaced by what the user typed."""
    root = ElementTree.fromstring(raw)
    assert root.tag == "clientConfig"
    assert root.get("version") == "1.1"
    (provider,) = root.findall("emailProvider")
    assert "." in provider.get("id")
    assert [one.text for one in provider.findall("domain")] == [address.partition("@")[2]]
    assert provider.findtext("displayName")
    assert provider.findtext("displayShortName")

    def servers(tag: str, kind: str) -> list[tuple]:
        found = []
        for one in provider.findall(tag):
            assert one.get("type") == kind
            assert one.findtext("socketType") in {"SSL", "STARTTLS"}  # "plain" is never offered
            assert one.findtext("authentication") == "password-cleartext"
            name = one.findtext("username").replace("%EMAILADDRESS%", address)
            found.append((one.findtext("hostname"), int(one.findtext("port")), one.findtext("socketType"), name))
        return found

    return servers("incomingServer", "imap"), servers("outgoingServer", "smtp")


def test_thunderbird_reads_the_autoconfig(ahaus) -> None:
    ports = config.load().ports
    for path in PATHS[:2]:
        response = Browser().raw(path)
        assert response.headers["Content-Type"].startswith("application/xml")
        incoming, outgoing = thunderbird(response.content, ADDRESS)
        assert incoming == [("ahaus.localhost", ports["imaps"], "SSL", ADDRESS), ("ahaus.localhost", ports["imap"], "STARTTLS", ADDRESS)]
        assert [one[1:3] for one in outgoing] == [(ports["submissions"], "SSL"), (ports["submission"], "STARTTLS")]
    documentation = ElementTree.fromstring(response.content).find("emailProvider/documentation")
    assert documentation.get("url") == "http://ahaus.localhost/einrichten"
    assert {one.get("lang") for one in documentation.findall("descr")} == {"de", "en"}


def test_each_city_has_its_own_on_its_own_names(ahaus, musterstadt) -> None:
    for host, domain, server in (
        ("autoconfig.ahaus.net", "ahaus.net", "ahaus.localhost"),
        ("autoconfig.musterstadt.example", "musterstadt.example", "musterstadt.localhost"),
    ):
        incoming, _ = thunderbird(Browser(host).raw("/mail/config-v1.1.xml").content, f"x@{domain}")
        assert {one[0] for one in incoming} == {server}
    for host in ("autoconfig.fremd.example", "autoconfig", "autoconfig."):
        assert Client(HTTP_HOST=host).get("/mail/config-v1.1.xml").status_code in (400, 421)


def test_names_for_machines_show_no_pages(ahaus) -> None:
    for host in ("autoconfig.ahaus.net", "autodiscover.ahaus.net", "mta-sts.ahaus.net"):
        for path in ("/", "/anmelden", "/einrichten", "/en/", "/static/web/app.css", "/postfach"):
            assert Browser(host).raw(path, status=404).headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_outlook_reads_the_autodiscover(ahaus) -> None:
    """MS-OXDSCLI: Response/Account/Protocol, one a kind of server first; SSL on or an Encryption."""
    client = Client(HTTP_HOST="autodiscover.ahaus.net")
    for path in ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"):
        response = client.post(path, REQUEST, content_type="text/xml")
        assert response.status_code == 200, path
        account = ElementTree.fromstring(response.content).find(f"{OUTLOOK}Response/{OUTLOOK}Account")
        assert account.findtext(f"{OUTLOOK}AccountType") == "email"
        assert account.findtext(f"{OUTLOOK}Action") == "settings"
        protocols = account.findall(f"{OUTLOOK}Protocol")
        assert [one.findtext(f"{OUTLOOK}Type") for one in protocols] == ["IMAP", "IMAP", "SMTP", "SMTP"]
        assert {one.findtext(f"{OUTLOOK}Server") for one in protocols} == {"ahaus.localhost"}
        assert [one.findtext(f"{OUTLOOK}Encryption") for one in protocols] == ["SSL", "TLS"] * 2
        assert b"passwd" not in response.content
        assert b"root:" not in response.content


def test_new_outlook_is_led_to_the_old_answer(ahaus) -> None:
    for path in PATHS[5:]:
        told = json.loads(Browser().raw(path).content)
        assert told == {"Protocol": "AutodiscoverV1", "Url": "http://ahaus.localhost/autodiscover/autodiscover.xml"}


def test_apple_profile_is_signed_by_the_certificate(ahaus) -> None:
    chain, _ = certificates.paths(["ahaus.localhost"])
    response = Browser().raw("/einrichten/apple.mobileconfig")
    assert response.headers["Content-Type"] == "application/x-apple-aspen-config"
    content, signature, attributes = opened(response.content)
    assert verified(x509.load_pem_x509_certificate(chain.read_bytes()), content, signature, attributes)
    assert not verified(x509.load_pem_x509_certificate(chain.read_bytes()), content + b" ", signature, attributes)
    told = plistlib.loads(content)
    assert told["PayloadType"] == "Configuration"
    (mail,) = told["PayloadContent"]
    assert mail["PayloadType"] == "com.apple.mail.managed"
    assert mail["EmailAccountType"] == "EmailTypeIMAP"
    assert (mail["IncomingMailServerHostName"], mail["IncomingMailServerPortNumber"], mail["IncomingMailServerUseSSL"]) == (
        "ahaus.localhost", config.load().ports["imaps"], True,
    )  # fmt: skip
    assert mail["OutgoingMailServerPortNumber"] == config.load().ports["submissions"]
    assert not {"EmailAddress", "IncomingMailServerUsername", "IncomingPassword"} & set(mail)  # the device asks


def test_mta_sts_policy(ahaus, musterstadt) -> None:
    response = Browser("mta-sts.ahaus.net").raw("/.well-known/mta-sts.txt")
    assert response.headers["Content-Type"].startswith("text/plain")
    lines = dict(line.split(": ") for line in response.content.decode().split("\r\n") if line)
    assert lines["version"] == "STSv1"
    assert lines["mode"] == "testing"  # there is no certificate of the operator's
    assert lines["mx"] == "ahaus.net"
    assert 86_400 <= int(lines["max_age"]) <= 31_557_600
    assert Browser("mta-sts.musterstadt.example").raw("/.well-known/mta-sts.txt").content == response.content


def test_c24_the_address_that_programs_send_is_kept_nowhere(ahaus) -> None:
    for path in PATHS:
        response = Browser().raw(path)
        assert b"setzkanarie" not in response.content
        assert not response.cookies
        assert "setzkanarie" not in str(response.headers)
    for path in ("/autodiscover/autodiscover.xml",):
        Client(HTTP_HOST="ahaus.localhost").post(path, REQUEST, content_type="text/xml")
    for path in config.load().data.rglob("*"):
        if path.is_file():
            assert b"setzkanarie" not in path.read_bytes(), path


@pytest.mark.parametrize("lang", ["", "/en"])
def test_the_page_says_how_in_plain_words(ahaus, lang) -> None:
    certificates.paths(["ahaus.localhost"])
    page = Browser().get(f"{lang}/einrichten")
    for word in ("Thunderbird", "Outlook", "K-9", "FairEmail", "iPhone", "ahaus.localhost", str(config.load().ports["imaps"])):
        assert word in page.text
    assert f"{lang}/einrichten/apple.mobileconfig" in page.links
    assert ("svg" in [tag for tag, _ in page.tags]) is True
    assert not [given for _, given in page.tags if "style" in given or "onload" in given]
    assert f"{lang}/datenschutz/meine-daten/mailprogramme" in page.links


def test_the_code_carries_the_address_of_the_page_and_no_session(ahaus, now) -> None:
    """A URL session must not get into a code that others scan."""
    from tests.doors.web import cast

    cast.resident(ahaus, "anna.k", now)
    browser = Browser()
    browser.login("anna.k@ahaus.net", cast.PASSWORD, way="url")
    prefix = re.match(r"/s/[^/]+", browser.at)[0]
    with_session = re.search(r"<svg.*?</svg>", browser.get(f"{prefix}/einrichten").response.content.decode(), re.S)[0]
    without = re.search(r"<svg.*?</svg>", Browser().get("/einrichten").response.content.decode(), re.S)[0]
    assert with_session == without


def opened(der: bytes) -> tuple[bytes, bytes, bytes]:
    """(content, signature, signed attributes) of a CMS SignedData (RFC 5652), by a reader of DER of our own."""
    content_info = children(der_value(der))
    signed = children(content_info[1][1])  # [0] EXPLICIT
    parts = children(signed[0][1])
    content = b"".join(value for _, value in children(children(parts[2][1])[1][1]))
    signer = children(children(parts[-1][1])[0][1])
    attributes = next(value for tag, value in signer if tag == 0xA0)
    return content, signer[-1][1], b"\x31" + length(len(attributes)) + attributes


def verified(certificate, content: bytes, signature: bytes, attributes: bytes) -> bool:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(content)
    if digest.finalize() not in attributes:
        return False
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, attributes, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature, attributes, ec.ECDSA(hashes.SHA256()))
    return True


def der_value(raw: bytes) -> bytes:
    return next(iter(children(raw)))[1]


def children(raw: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(raw):
        tag, size, at = raw[at], raw[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(raw[at : at + count], "big"), at + count
        found.append((tag, raw[at : at + size]))
        at += size
    return found


def length(size: int) -> bytes:
    if size < 128:
        return bytes([size])
    raw = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(raw)]) + raw
