"""What mail programs ask for to set themselves up: Thunderbird's autoconfig, Outlook's autodiscover, Apple's profile.

Written from servers and a domain; no address of a person goes in or comes out: programs put in their own.
Sources: Thunderbird's "Autoconfig file format" 1.1; MS-OXDSCLI 2.2.4 (POX) and Autodiscover v2; Apple's "Configuration Profile
Reference", payload com.apple.mail.managed; RFC 8461 3.2 for the policy of MTA-STS.
"""

import json
import plistlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5
from xml.etree import ElementTree

TLS, STARTTLS = "tls", "starttls"
_SOCKETS = {TLS: "SSL", STARTTLS: "STARTTLS"}
_OUTLOOK = {TLS: "SSL", STARTTLS: "TLS"}
_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_ACCOUNT = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_profiles = UUID("8f7c0f3e-52a9-4c53-9b44-2f9d5a6b7c10")


@dataclass(frozen=True)
class Service:
    """A door that a mail program opens. `kind`: imap | smtp | sieve; `security`: tls | starttls."""

    kind: str
    host: str
    port: int
    security: str


def autoconfig(domain: str, name: str, services: Sequence[Service], *, help_url: str) -> bytes:
    """The file of Thunderbird (also K-9, FairEmail, Evolution, KMail). %EMAILADDRESS% is replaced by the program."""
    root = ElementTree.Element("clientConfig", version="1.1")
    provider = ElementTree.SubElement(root, "emailProvider", id=domain)
    _text(provider, "domain", domain)
    _text(provider, "displayName", name)
    _text(provider, "displayShortName", name)
    for one in services:
        if one.kind != "sieve":
            server = ElementTree.SubElement(provider, "incomingServer" if one.kind == "imap" else "outgoingServer", type=one.kind)
            _text(server, "hostname", one.host)
            _text(server, "port", str(one.port))
            _text(server, "socketType", _SOCKETS[one.security])
            _text(server, "username", "%EMAILADDRESS%")
            _text(server, "authentication", "password-cleartext")  # inside of TLS
    documentation = ElementTree.SubElement(provider, "documentation", url=help_url)
    for lang, words in (("de", "Mailprogramm einrichten"), ("en", "Set up a mail program")):
        ElementTree.SubElement(documentation, "descr", lang=lang).text = words
    return _written(root)


def autodiscover(name: str, services: Sequence[Service]) -> bytes:
    """Outlook's POX answer: the same for every request, so none is read. Without LoginName programs take the mail address."""
    root = ElementTree.Element("Autodiscover", xmlns=_RESPONSE)
    account = ElementTree.SubElement(ElementTree.SubElement(root, "Response", xmlns=_ACCOUNT), "Account")
    _text(account, "AccountType", "email")
    _text(account, "Action", "settings")
    for one in services:
        if one.kind != "sieve":
            protocol = ElementTree.SubElement(account, "Protocol")
            for tag, value in (
                ("Type", one.kind.upper()), ("Server", one.host), ("Port", str(one.port)), ("DomainRequired", "off"), ("SPA", "off"),
                ("SSL", "on"), ("Encryption", _OUTLOOK[one.security]), ("AuthRequired", "on"),
            ):  # fmt: skip
                _text(protocol, tag, value)
            if one.kind == "smtp":
                _text(protocol, "UsePOPAuth", "off")
    ElementTree.SubElement(account, "DisplayName").text = name
    return _written(root)


def autodiscover_v2(url: str) -> bytes:
    """Outlook's JSON answer: where the POX answer is."""
    return json.dumps({"Protocol": "AutodiscoverV1", "Url": url}).encode()


def profile(domain: str, name: str, services: Sequence[Service]) -> bytes:
    """Apple's profile, to be signed. Without an address in it the device asks for name, address and password."""
    imap = next(one for one in services if one.kind == "imap" and one.security == TLS)
    smtp = next(one for one in services if one.kind == "smtp" and one.security == TLS)
    mail: Mapping[str, object] = {
        "PayloadType": "com.apple.mail.managed", "PayloadVersion": 1, "PayloadIdentifier": f"{_reversed(domain)}.stadtmail.mail",
        "PayloadUUID": str(uuid5(_profiles, f"mail {domain}")).upper(), "PayloadDisplayName": name, "EmailAccountDescription": name,
        "EmailAccountType": "EmailTypeIMAP",
        "IncomingMailServerHostName": imap.host, "IncomingMailServerPortNumber": imap.port, "IncomingMailServerUseSSL": True,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": smtp.host, "OutgoingMailServerPortNumber": smtp.port, "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerAuthentication": "EmailAuthPassword", "OutgoingPasswordSameAsIncomingPassword": True,
        "SMIMEEnabled": False, "disableMailRecentsSyncing": True,
    }  # fmt: skip
    whole = {
        "PayloadType": "Configuration", "PayloadVersion": 1, "PayloadIdentifier": f"{_reversed(domain)}.stadtmail",
        "PayloadUUID": str(uuid5(_profiles, f"profile {domain}")).upper(), "PayloadDisplayName": name, "PayloadOrganization": name,
        "PayloadRemovalDisallowed": False, "PayloadContent": [mail],
    }  # fmt: skip
    return plistlib.dumps(whole)


def mta_sts(hosts: Sequence[str], *, mode: str, max_age: int) -> bytes:
    """The policy of a domain for those who send to it (RFC 8461 3.2)."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def _reversed(domain: str) -> str:
    return ".".join(reversed(domain.split(".")))


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _written(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()
