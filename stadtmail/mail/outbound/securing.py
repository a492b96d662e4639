"""From a host to a connection that may be used: which TLS is demanded, tried or done without, and what came of it (RFC 7672, 8461, 3207).

DANE before MTA-STS before opportunistic TLS. Where the destination demands TLS, nothing is said before it is there; where it
does not, mail goes in the clear rather than not at all (BSI TR-03108). What came of it is counted by kind, and noted on the route
for the report that its domain may have asked for (RFC 8460).
"""

import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from stadtmail.kit import instance
from stadtmail.mail.outbound import bounds, dane
from stadtmail.mail.outbound.client import Connection, Lost, Refused
from stadtmail.mail.outbound.routes import Host, Route
from stadtmail.wire import mtasts, tlsrpt
from stadtmail.wire.smtpclient import Reply

SMARTHOST, DANE, STS, TLS, PLAIN = "smarthost", "dane", "mta-sts", "tls", "plain"
INSECURE = Reply(454, ("4.7.5 the server's certificate is not the one that its domain has published",))
NO_TLS = Reply(454, ("4.7.4 the server offers no TLS, which its domain demands",))
NOT_LISTED = Reply(454, ("4.7.5 the server is not in its domain's MTA-STS policy",))
OUTSIDE = Reply(450, ("4.3.2 this instance sends nothing outside",))
_VERIFY = {10: "certificate-expired", 62: "certificate-host-mismatch"}  # OpenSSL's X509_V_ERR_…


class Securing:
    """Opens connections. `trust`: authorities for MTA-STS and the smarthost (None: the system's).

    `counted`: (policy, result) -> how often.
    """

    def __init__(self, *, helo: str, limits: bounds.Bounds, now: Callable[[], datetime], trust: ssl.SSLContext | None = None) -> None:
        self.counted: Counter[tuple[str, str]] = Counter()
        self._helo, self._limits, self._now = helo, limits, now
        self._checked = trust or ssl.create_default_context()
        self._checked.minimum_version = ssl.TLSVersion.TLSv1_2
        self._any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._any.check_hostname, self._any.verify_mode = False, ssl.CERT_NONE
        self._any.minimum_version = ssl.TLSVersion.TLSv1_2

    async def connect(self, host: Host, address: str, route: Route) -> tuple[Connection, str]:
        """A greeted connection, secured as the destination wants it, and its way. Raises Lost or Refused: the next host's turn."""
        if not bounds.may_reach(address, instance.current()):
            raise Lost(OUTSIDE)
        if route.relay is not None:
            return await self._relay(host, address, route)
        if host.tlsa:
            return await self._dane(host, address, route)
        policy = route.policy
        if policy is not None and policy.mode != mtasts.NONE:
            is_listed = policy.allows(host.name)
            if not is_listed:
                self._count("sts", "validation-failure", host, route)
            try:
                if is_listed:
                    return await self._checked_way(host, address, route, "sts", STS)
            except (Lost, Refused):
                if policy.mode == mtasts.ENFORCE:
                    raise
            if policy.mode == mtasts.ENFORCE:
                raise Lost(NOT_LISTED)
            return await self._opportunistic(host, address, replace(route, sessions=[]))  # noted by the policy that has failed
        return await self._opportunistic(host, address, route)

    async def _relay(self, host: Host, address: str, route: Route) -> tuple[Connection, str]:
        relay = route.relay
        assert relay is not None
        try:
            if relay.is_tls:
                made = await self._open(host, address, tls=self._checked)
            elif relay.needs_trust:
                made = (await self._checked_way(host, address, route, "smarthost", SMARTHOST))[0]
            else:
                made = (await self._opportunistic(host, address, route))[0]
        except ssl.SSLError as error:
            self._count("smarthost", _result(error), host, route)
            raise Lost(INSECURE) from None
        if relay.user:
            try:
                await made.login(relay.user, relay.password)
            except BaseException:
                made.abort()
                raise
        return made, SMARTHOST

    async def _dane(self, host: Host, address: str, route: Route) -> tuple[Connection, str]:
        records = dane.usable(host.tlsa)
        made = await self._open(host, address)
        try:
            if "STARTTLS" not in made.offers:
                self._count("tlsa", "starttls-not-supported", host, route)
                raise Lost(NO_TLS)
            await made.starttls(self._any, host.name)
            if records and not dane.matches(records, made.certificates, names=(host.name, route.domain), now=self._now()):
                self._count("tlsa", "validation-failure", host, route)
                raise Lost(INSECURE)
        except ssl.SSLError as error:
            made.abort()
            self._count("tlsa", _result(error), host, route)
            raise Lost(INSECURE) from None
        except BaseException:
            made.abort()
            raise
        self._count("tlsa", "success", host, route)
        return made, DANE if records else TLS

    async def _checked_way(self, host: Host, address: str, route: Route, policy: str, way: str) -> tuple[Connection, str]:
        """STARTTLS, and a certificate of that name from an authority that we know."""
        made = await self._open(host, address)
        try:
            if "STARTTLS" not in made.offers:
                self._count(policy, "starttls-not-supported", host, route)
                raise Lost(NO_TLS)
            await made.starttls(self._checked, host.name)
        except ssl.SSLError as error:
            made.abort()
            self._count(policy, _result(error), host, route)
            raise Lost(INSECURE) from None
        except BaseException:
            made.abort()
            raise
        self._count(policy, "success", host, route)
        return made, way

    async def _opportunistic(self, host: Host, address: str, route: Route) -> tuple[Connection, str]:
        made = await self._open(host, address)
        if "STARTTLS" not in made.offers:
            self._count("no-policy-found", "starttls-not-supported", host, route)
            return made, PLAIN
        try:
            await made.starttls(self._any, host.name or address)
        except (ssl.SSLError, Lost, Refused) as error:
            made.abort()
            result = _result(error) if isinstance(error, ssl.SSLError) else "validation-failure"
            self._count("no-policy-found", result, host, route)
            return await self._open(host, address), PLAIN
        self._count("no-policy-found", "success", host, route)
        return made, TLS

    async def _open(self, host: Host, address: str, tls: ssl.SSLContext | None = None) -> Connection:
        return await Connection.open(address, host.port, bounds=self._limits, helo=self._helo, tls=tls, name=host.name or None)

    def _count(self, policy: str, result: str, host: Host, route: Route) -> None:
        self.counted[policy, result] += 1
        if route.relay is None:
            route.sessions.append(tlsrpt.Session(_applied(policy, host, route), host.name, result))


def _applied(policy: str, host: Host, route: Route) -> tlsrpt.Applied:
    """The policy as its domain has published it; of DANE the domain is the name where the records stand (RFC 8460 1.1)."""
    if policy == tlsrpt.TLSA:
        return tlsrpt.Applied(policy, host.name, tuple(f"{one.usage} {one.selector} {one.matching} {one.data.hex()}" for one in host.tlsa))
    if policy == tlsrpt.STS and route.policy is not None:
        return tlsrpt.Applied(policy, route.domain, route.policy.lines, route.policy.hosts)
    return tlsrpt.Applied(tlsrpt.NO_POLICY, route.domain)


def _result(error: ssl.SSLError) -> str:
    """The word of RFC 8460 4.3 for a failure."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, "certificate-not-trusted")
    return "validation-failure"
