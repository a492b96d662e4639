"""Pictures on the web that a message names: which addresses are asked at all, and what kind of picture some bytes are."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, urljoin, urlsplit

MOST_URL = 4096  # signs; senders of news write long ones
PORTS = {"http": 80, "https": 443}
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"))
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
_KEPT = "!$%&'()*+,/:;=?@[]~"  # of an address that is written as it should be; all else is written as octets in percent signs


class NoTarget(ValueError):
    """Not an address of a picture on the web, or one that is not asked."""


@dataclass(frozen=True)
class Target:
    """Where a picture is asked for. `host`: a name as machines write it, or an IP address without brackets; `path` with its query."""

    scheme: str
    host: str = field(repr=False)
    path: str = field(repr=False)

    @property
    def port(self) -> int:
        """80 or 443."""
        return PORTS[self.scheme]

    @property
    def url(self) -> str:
        """The address in its plain form."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """What the Host field says (RFC 9110 7.2)."""
        return f"[{self.host}]" if ":" in self.host else self.host


def target(url: str, *, base: Target | None = None) -> Target:
    """Read an address as a message or a redirect (relative to `base`) writes it. Raises NoTarget.

    Only http and https on their own ports, no name or password, no host written as a number (2130706433, 0x7f.1, 0177.0.0.1):
    programs read those as addresses, and name servers do not.
    """
    plain = url.strip(" \t\r\n\f")
    if len(plain) > MOST_URL or "\\" in plain or any(ord(sign) < 32 or ord(sign) == 127 for sign in plain):
        raise NoTarget
    try:
        parts = urlsplit(urljoin(base.url, plain) if base else f"https:{plain}" if plain.startswith("//") else plain)
        port = parts.port
    except ValueError:
        raise NoTarget from None
    scheme = parts.scheme.lower()
    if scheme not in PORTS or "@" in parts.netloc or port not in (None, PORTS[scheme]):
        raise NoTarget
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Target(scheme, _host(parts.hostname or ""), path)


def is_remote(url: str) -> bool:
    """Does an address name a picture that would be asked for?"""
    try:
        target(url)
    except NoTarget:
        return False
    return True


def kind_of(content: bytes) -> str:
    """The media type of a picture by its bytes: PNG, JPEG, GIF or WebP; empty for anything else (SVG is a program)."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for begin, kind in _KINDS if content.startswith(begin)), "")


def _host(given: str) -> str:
    number = None if "%" in given else _address(given)  # an address with a zone is of the network next door (RFC 6874)
    if number is not None:
        return str(number)
    try:
        name = given.rstrip(".").encode("idna").decode("ascii").lower() if not given.isascii() else given.rstrip(".").lower()
    except UnicodeError:
        raise NoTarget from None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.match(one) for one in labels) or _NUMBER.match(labels[-1]):
        raise NoTarget
    return name


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
