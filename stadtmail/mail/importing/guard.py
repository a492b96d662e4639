"""Where an import may connect to: public addresses only, and to the very address that was looked at, whatever the name says next."""

import ipaddress
import socket

from stadtmail.kit import errors, instance

PORTS = frozenset({993, 143})


class NotPublic(errors.NotAllowed):
    """The server is none on the internet: its address is private, local or reserved."""


class NoSuchServer(errors.NotFound):
    """The server's name is not known."""


def address_of(host: str, port: int) -> tuple[str, int]:
    """(address, port) to connect to. Raises NotPublic, NoSuchServer."""
    if port not in PORTS and not instance.current().is_test:
        raise NotPublic
    try:
        found = socket.getaddrinfo(host.encode("idna").decode(), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NoSuchServer from None
    addresses = [str(one[4][0]) for one in found]
    if not addresses:
        raise NoSuchServer
    if not instance.current().is_test and not all(is_public(one) for one in addresses):
        raise NotPublic  # also where only one of them is not: the name is not to be trusted
    return addresses[0], port


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
