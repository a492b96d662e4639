"""Fetches MTA-STS policies (RFC 8461 3.3) over HTTPS with a checked certificate, and keeps them in RAM for as long as they say.

Which domains our residents write to is nobody's business: the cache is never written down and dies with the process.
"""

import asyncio
import re
import ssl
from collections import OrderedDict
from datetime import datetime, timedelta

from stadtmail.kit import errors, instance
from stadtmail.kit.resolver import Resolver
from stadtmail.mail.outbound import bounds
from stadtmail.wire import mtasts

MOST_KEPT = 10_000
SECONDS = 20.0
AGAIN = timedelta(minutes=5)  # after a failed fetch (3.3)
_HEAD = 16 * 1024


class Policies:
    """The policies of the domains that we write to. `trust`: authorities that may vouch (None: the system's)."""

    def __init__(self, resolver: Resolver, *, port: int = 443, trust: ssl.SSLContext | None = None) -> None:
        self._resolver, self._port = resolver, port
        self._trust = trust or ssl.create_default_context()
        self._kept: OrderedDict[str, tuple[str, mtasts.Policy, datetime]] = OrderedDict()
        self._failed: dict[str, datetime] = {}

    async def of(self, domain: str, *, now: datetime) -> mtasts.Policy | None:
        """The domain's policy, or None. A policy that is known stays in force while it cannot be fetched anew (5.1)."""
        known = self._kept.get(domain)
        kept = known[1] if known is not None and known[2] > now else None
        ident = await self._ident(domain)
        if ident is None or (known is not None and kept is not None and known[0] == ident):
            return kept
        if self._failed.get(domain, now) > now:
            return kept
        found = await self._fetch(domain)
        if found is None:
            self._failed[domain] = now + AGAIN
            while len(self._failed) > MOST_KEPT:
                del self._failed[next(iter(self._failed))]
            return kept
        self._keep(domain, ident, found, now)
        return found

    def _keep(self, domain: str, ident: str, found: mtasts.Policy, now: datetime) -> None:
        self._kept[domain] = (ident, found, now + timedelta(seconds=found.max_age))
        self._kept.move_to_end(domain)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    async def _ident(self, domain: str) -> str | None:
        try:
            return mtasts.record((await self._resolver.lookup(f"_mta-sts.{domain}", "TXT")).records)
        except errors.StadtmailError:
            return None

    async def _fetch(self, domain: str) -> mtasts.Policy | None:
        name = f"mta-sts.{domain}"
        try:
            async with asyncio.timeout(SECONDS):
                for kind in ("A", "AAAA"):
                    for address in await self._addresses(name, kind):
                        raw = await self._get(name, address)
                        return mtasts.policy(raw) if raw is not None else None
        except (TimeoutError, OSError, ssl.SSLError, asyncio.IncompleteReadError, ValueError):
            pass
        return None

    async def _addresses(self, name: str, kind: str) -> tuple[str, ...]:
        try:
            found = (await self._resolver.lookup(name, kind)).records
        except errors.StadtmailError:
            return ()
        return tuple(one for one in found if bounds.may_reach(one, instance.current()))

    async def _get(self, name: str, address: str) -> bytes | None:
        """The body of an answer 200 of text/plain; redirects are not followed (3.3)."""
        reader, writer = await asyncio.open_connection(address, self._port, ssl=self._trust, server_hostname=name, limit=_HEAD)
        try:
            asked = ("GET /.well-known/mta-sts.txt HTTP/1.1", f"Host: {name}", "Connection: close", "Accept: text/plain", "", "")
            writer.write("\r\n".join(asked).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            if not re.match(r"http/1\.[01] 200\b", head) or not re.search(r"\r\ncontent-type:[ \t]*text/plain\b", head):
                return None
            raw = b""
            while piece := await reader.read(_HEAD):
                raw += piece
                if len(raw) > 2 * mtasts.MOST_BYTES:
                    return None
            return _unchunked(raw) if re.search(r"\r\ntransfer-encoding:[ \t]*chunked", head) else raw
        finally:
            writer.transport.abort()


def _unchunked(raw: bytes) -> bytes:
    """RFC 9112 7.1. Raises ValueError."""
    found = b""
    while True:
        size, _, rest = raw.partition(b"\r\n")
        octets = int(size.partition(b";")[0], 16)
        if not octets:
            return found
        found, raw = found + rest[:octets], rest[octets + 2 :]
