"""Where a destination's mail goes: the smarthost, or its mail exchangers in their order (RFC 5321 5.1), with what their domain says of TLS.

A destination that says it takes no mail (RFC 7505), or that does not exist, is final; a name server that is silent is not.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import ip_address
from itertools import groupby

from stadtmail.kit import errors
from stadtmail.kit.resolver import MX, TLSA, NoSuchName, Resolver, TemporaryFailure
from stadtmail.kit.smarthost import Smarthost
from stadtmail.mail.outbound.policies import Policies
from stadtmail.wire import mtasts, tlsrpt
from stadtmail.wire.smtpclient import Reply

NULL_MX = Reply(556, ("5.1.10 the domain takes no mail (null MX)",))
NO_DOMAIN = Reply(550, ("5.1.2 the domain does not exist",))
NO_HOST = Reply(550, ("5.4.4 the domain has no mail server",))
TO_OURSELVES = Reply(550, ("5.4.6 the domain's mail server is this one, which does not know it",))
NO_ANSWER = Reply(450, ("4.4.3 the name servers gave no answer",))


class NoRoute(Exception):
    """The destination cannot be reached: for good (`reply` 5yz), or now."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@dataclass(frozen=True)
class Host:
    """A server to try: its name, its addresses, and what its domain has published of its certificate (secure answers only)."""

    name: str
    addresses: tuple[str, ...]
    port: int
    tlsa: tuple[TLSA, ...] = ()


@dataclass(frozen=True)
class Route:
    """Hosts in the order in which they are tried, and the domain's MTA-STS policy. `sessions`: what came of TLS on it (RFC 8460)."""

    domain: str
    hosts: tuple[Host, ...]
    policy: mtasts.Policy | None = None
    relay: Smarthost | None = field(default=None, repr=False)
    sessions: list[tlsrpt.Session] = field(default_factory=list, repr=False, compare=False)

    def without_policies(self) -> "Route":
        """The same way for a report about TLS: it must arrive although TLS fails, and is no part of the next one (RFC 8460 3)."""
        return replace(self, hosts=tuple(replace(one, tlsa=()) for one in self.hosts), policy=None, sessions=[])


class Routes:
    """Finds routes. `hostname` is our own name, `port` that of SMTP."""

    def __init__(self, resolver: Resolver, policies: Policies, *, hostname: str, relay: Smarthost | None = None, port: int = 25) -> None:
        self._resolver, self._policies, self._hostname, self._relay, self._port = resolver, policies, hostname.lower(), relay, port

    def lane(self, domain: str) -> str:
        """What shares connections: all mail to the smarthost, or one destination."""
        return "" if self._relay else domain

    async def to(self, domain: str, *, now: datetime) -> Route:
        """The route to a destination. Raises NoRoute."""
        if self._relay is not None:
            addresses = await self._addresses_of(self._relay.host)
            return Route(domain, (Host(self._relay.host, addresses, self._relay.port),), relay=self._relay)
        if domain.startswith("["):
            return Route(domain, (Host("", (domain[1:-1].removeprefix("IPv6:"),), self._port),))
        exchangers, is_secure = await self._exchangers(domain)
        hosts = [await self._host(one.host, is_secure) for one in exchangers[:10]]
        found = tuple(host for host in hosts if host is not None)
        if not found:
            raise NoRoute(NO_HOST if all(one is None for one in hosts) and hosts else NO_ANSWER)
        return Route(domain, found, await self._policies.of(domain, now=now))

    async def _exchangers(self, domain: str) -> tuple[list[MX], bool]:
        """The exchangers, best first, equal ones shuffled; a domain without any is its own (5.1)."""
        try:
            answer = await self._resolver.lookup(domain, "MX")
        except NoSuchName:
            raise NoRoute(NO_DOMAIN) from None
        except TemporaryFailure:
            raise NoRoute(NO_ANSWER) from None
        records: Sequence[MX] = answer.records
        if len(records) == 1 and not records[0].host:
            raise NoRoute(NULL_MX)
        if not records:
            return [MX(0, domain)], answer.is_secure
        ordered: list[MX] = []
        for _, same in groupby(sorted(records, key=lambda one: one.preference), key=lambda one: one.preference):
            group = list(same)
            if any(one.host.lower() == self._hostname for one in group):  # we are one of them: only better ones than we (5.1)
                if not ordered:
                    raise NoRoute(TO_OURSELVES)
                break
            random.shuffle(group)
            ordered += group
        return [one for one in ordered if one.host], answer.is_secure

    async def _host(self, name: str, is_secure: bool) -> Host | None:
        """An exchanger with its addresses, None where it has none. Raises NoRoute where nobody answers."""
        found: list[str] = []
        secure, silent, bases = is_secure, False, [name]
        for kind in ("A", "AAAA"):
            try:
                answer = await self._resolver.lookup(name, kind)
                found += answer.records
                secure = secure and answer.is_secure
                bases = [answer.name, name] if answer.records else bases  # where aliases lead to comes first (RFC 7672 2.2.2)
            except NoSuchName:
                continue
            except TemporaryFailure:
                silent = True
        if not found:
            return Host(name, (), self._port) if silent else None
        if not secure:
            return Host(name, tuple(found), self._port)
        for base in dict.fromkeys(bases):
            try:
                answer = await self._resolver.lookup(f"_{self._port}._tcp.{base}", "TLSA")
            except NoSuchName:
                continue
            except TemporaryFailure:  # RFC 7672 2.1.1: not a way to get rid of DANE
                return Host(name, (), self._port)
            if answer.records and answer.is_secure:
                return Host(base, tuple(found), self._port, answer.records)
        return Host(name, tuple(found), self._port)

    async def _addresses_of(self, name: str) -> tuple[str, ...]:
        if _is_address(name):
            return (name.strip("[]"),)
        if name == "localhost":
            return ("127.0.0.1",)
        if not self._resolver.is_on:  # the operator's own machine: the system knows it
            return (name,)
        found: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                found += (await self._resolver.lookup(name, kind)).records
            except errors.StadtmailError:
                continue
        if not found:
            raise NoRoute(NO_ANSWER)
        return tuple(found)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
