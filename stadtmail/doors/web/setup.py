"""Setting up a mail program: a page for people, and the files that programs ask for by themselves.

The programs send the address of who sets them up (?emailaddress=…, a form in XML). It is not read: the answer is the same for
everybody, and a program puts the address in itself. So nothing of it can be logged or leaked.
"""

from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import pkcs7
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from stadtmail.doors.web import origin, pictures
from stadtmail.doors.web.request import PortalRequest
from stadtmail.kit import certificates, errors
from stadtmail.mail import services
from stadtmail.wire import clientconfig

XML, PROFILE = "application/xml; charset=utf-8", "application/x-apple-aspen-config"
SPELLINGS = ("Autodiscover", "AutoDiscover", "autodiscover")  # programs do not agree on capitals
HOUR = "max-age=3600"


class NoCertificate(errors.NotFound):
    """There is no certificate to sign with yet: the mail doors have never been open."""


def setup(request: PortalRequest) -> HttpResponse:
    """GET /einrichten: in plain words, with the servers, a QR code to this page and the profile for Apple's devices."""
    found = services.services(request.city)
    context = {
        "imap": next(one for one in found if one.kind == "imap" and one.security == clientconfig.TLS),
        "smtp": next(one for one in found if one.kind == "smtp" and one.security == clientconfig.TLS),
        "others": [one for one in found if one.security == clientconfig.STARTTLS],
        "has_certificate": certificates.existing() is not None,
        "code": pictures.code(f"{origin.own(request)}{reverse('setup')}"),
    }
    return render(request, "web/setup.html", context)


def autoconfig(request: PortalRequest) -> HttpResponse:
    """GET /.well-known/autoconfig/mail/config-v1.1.xml and /mail/config-v1.1.xml: Thunderbird, K-9, FairEmail, Evolution."""
    text = clientconfig.autoconfig(
        request.city.domain, _name(request), services.services(request.city), help_url=f"{origin.own(request)}{reverse('setup')}"
    )
    return _file(text, XML)


def autodiscover(request: PortalRequest) -> HttpResponse:
    """GET and POST /autodiscover/autodiscover.xml: Outlook. What it sends is not read."""
    return _file(clientconfig.autodiscover(_name(request), services.services(request.city)), XML)


def autodiscover_v2(request: PortalRequest, address: str = "") -> HttpResponse:  # noqa: ARG001 - in the protocol's own path
    """GET /autodiscover/autodiscover.json: Outlook, newer. The address stands in the path as Microsoft wrote it, and is not read."""
    return _file(clientconfig.autodiscover_v2(f"{origin.own(request)}/autodiscover/autodiscover.xml"), "application/json")


def apple(request: PortalRequest) -> HttpResponse:
    """GET /einrichten/apple.mobileconfig: the profile, signed with the certificate of the mail doors. Raises NoCertificate."""
    found = certificates.existing()
    if found is None:
        raise NoCertificate
    text = clientconfig.profile(request.city.domain, _name(request), services.services(request.city))
    response = _file(_signed(text, *found), PROFILE)
    response.headers["Content-Disposition"] = 'attachment; filename="mail.mobileconfig"'
    return response


def mta_sts(request: PortalRequest) -> HttpResponse:  # noqa: ARG001
    """GET /.well-known/mta-sts.txt: how other servers reach ours safely (RFC 8461)."""
    return _file(services.policy_text(), "text/plain; charset=us-ascii")


def _signed(text: bytes, chain: Path, key: Path) -> bytes:
    first, *others = x509.load_pem_x509_certificates(chain.read_bytes())
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(text).add_signer(first, private, SHA256())  # type: ignore[arg-type]
    for one in others:
        builder = builder.add_certificate(one)
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def _name(request: PortalRequest) -> str:
    return f"{request.policy.parties.controller.town} Mail"


def _file(text: bytes, kind: str) -> HttpResponse:
    return HttpResponse(text, headers={"Content-Type": kind, "Cache-Control": HOUR})
