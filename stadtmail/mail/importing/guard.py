"""Where an import may connect to: public addresses only, and to the very address that was looked at, whatever the name says next."""

import ipaddress
import socket
from contextlib import suppress

from stadtmail.kit import errors, instance, resolver

PORTS = frozenset({993, 143})


class NotPublic(errors.NotAllowed):
    """The server is none on the internet: its address is private, local or reserved."""


class NoSuchServer(errors.NotFound):
    """The server's name is not known."""


def address_of(host: str, port: int) -> tuple[str, int]:
    """(address, port) to connect to. Raises NotPublic, NoSuchServer."""
    if port not in PORTS and not instance.current().is_test:
        raise NotPublic
    addresses = _addresses(host, port)
    if not addresses:
        raise NoSuchServer
    if not instance.current().is_test and not all(is_public(one) for one in addresses):
        raise NotPublic  # also where only one of them is not: the name is not to be trusted
    return addresses[0], port


def _addresses(host: str, port: int) -> list[str]:
    """What a name stands for, asked of the name servers that the policy lists (C-1.2). A demo knows the names of its own machine."""
    with suppress(ValueError):
        return [str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))]
    try:
        name = host.encode("idna").decode()
        if instance.current().is_test:
            return [str(one[4][0]) for one in socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        return []
    asked, found = resolver.configured(), list[str]()
    for kind in ("A", "AAAA"):
        with suppress(resolver.NoSuchName, resolver.TemporaryFailure):
            found += asked.lookup_blocking(name, kind).records
    return found


def is_public(address: str) -> bool:
    """Is it an address of the internet, and none that leads back inside?"""
    known = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(known, ipaddress.IPv6Address):
        inner = known.ipv4_mapped or known.sixtofour or (known.teredo[1] if known.teredo else None)
        if inner is None and known in ipaddress.ip_network("64:ff9b::/96"):  # NAT64 (RFC 6052)
            inner = ipaddress.IPv4Address(int(known) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return known.is_global and not (known.is_multicast or known.is_reserved or known.is_unspecified)
