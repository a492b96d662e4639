"""Reports about TLS to the domains that ask for them (RFC 8460): counted for a UTC day, sent after it, then forgotten (decisions/019).

Numbers lie in this process's memory alone and end with the day's report, with the process, and 28 hours after the day's beginning at
the latest. They are of a city and a domain; of no sender, recipient or message. Domains that ask for no report are not noted at all.
"""

import asyncio
import random
import re
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from stadtmail.kit import egress, errors, instance, log, store
from stadtmail.kit.resolver import Resolver
from stadtmail.mail.actions import outgoing, signing
from stadtmail.mail.importing import guard
from stadtmail.mail.outbound import bounds
from stadtmail.mail.transit import To
from stadtmail.privacy import policy
from stadtmail.tenants import queries as tenants
from stadtmail.wire import tlsrpt

MOST_DOMAINS = 2_000  # of all cities in a day: what is beyond gets no report
DAY, LATEST = timedelta(days=1), timedelta(hours=4)  # after the day's end: not everybody's reports arrive at midnight (RFC 8460 4.1)
SECONDS = 30.0


class Thread(Protocol):
    """Runs what reads or writes the database elsewhere than in the event loop."""

    async def __call__(self, work: Callable[[], Any], /) -> Any: ...


@dataclass(frozen=True)
class _Key:
    day: date
    city: UUID
    domain: str


class Reports:
    """Counts and sends. `port` is that of HTTPS, `late` how long after a day's end its reports go out (None: by chance)."""

    def __init__(
        self, resolver: Resolver, thread: Thread, *, port: int = 443, trust: ssl.SSLContext | None = None, late: timedelta | None = None
    ) -> None:
        self._resolver, self._thread, self._port = resolver, thread, port
        self._trust = trust or ssl.create_default_context()
        self._late = late if late is not None else LATEST * random.random()  # noqa: S311 - no secret
        self._counts: dict[_Key, Counter[tlsrpt.Session]] = {}
        self._places: dict[_Key, tuple[str, ...]] = {}

    async def note(self, city: UUID, domain: str, sessions: Sequence[tlsrpt.Session], *, now: datetime) -> None:
        """Count sessions with a destination for its day, if it asks for reports and the city sends them."""
        key = _Key(now.astimezone(UTC).date(), city, domain.lower())
        if not sessions or domain.startswith("["):
            return
        if key not in self._counts:
            if len(self._counts) >= MOST_DOMAINS or not await self._thread(lambda: _sends(city)):
                return
            if not (places := await self._asked(key.domain)):
                return
            self._places[key] = places
        self._counts.setdefault(key, Counter()).update(sessions)

    async def send(self, *, now: datetime) -> int:
        """Send the reports of days that have ended; whatever comes of it, their numbers are gone. Returns how many were sent."""
        ready = [key for key in self._counts if now >= datetime(key.day.year, key.day.month, key.day.day, tzinfo=UTC) + DAY + self._late]
        return sum([await self._sent(key, self._counts.pop(key), self._places.pop(key), now) for key in ready])

    async def _asked(self, domain: str) -> tuple[str, ...]:
        try:
            return tlsrpt.places((await self._resolver.lookup(f"_smtp._tls.{domain}", "TXT")).records)
        except errors.StadtmailError:
            return ()

    async def _sent(self, key: _Key, sessions: Counter[tlsrpt.Session], places: Sequence[str], now: datetime) -> bool:
        try:
            report = await self._thread(lambda: _report(key, sessions))
            return any([report is not None and await self._to(report, place, key.city, now) for place in places])
        except Exception as error:  # noqa: BLE001 - a report is never worth the mail that the worker carries
            log.bug(error, role="work")
            return False

    async def _to(self, report: tlsrpt.Report, place: str, city: UUID, now: datetime) -> bool:
        if (page := tlsrpt.page(place)) is None:
            await self._thread(lambda: _enqueued(report, tlsrpt.address(place), city, now))
            return True
        is_taken = await self._posted(report, *page)
        if not is_taken:
            log.event("tls_report_lost", role="work")
        return is_taken

    async def _posted(self, report: tlsrpt.Report, host: str, target: str) -> bool:
        """Was it taken (2xx)? Only addresses of the internet are connected to: whoever has a domain can name any host."""
        try:
            async with asyncio.timeout(SECONDS):
                for found in await self._addresses(host):
                    return await self._post(found, host, tlsrpt.request(report, host, target))
        except (TimeoutError, OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        return False

    async def _addresses(self, host: str) -> list[str]:
        found: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                found += (await self._resolver.lookup(host, kind)).records
            except errors.StadtmailError:
                continue
        here = instance.current()
        usable = bounds.may_reach if here.is_test else lambda one, _: guard.is_public(one)
        return [one for one in found if usable(one, here) and egress.allowed("tls_report", one, self._port)]

    async def _post(self, address: str, host: str, request: bytes) -> bool:
        reader, writer = await asyncio.open_connection(address, self._port, ssl=self._trust, server_hostname=host)
        try:
            writer.write(request)
            await writer.drain()
            return bool(re.match(rb"HTTP/1\.[01] 2\d\d\b", await reader.readuntil(b"\n")))
        finally:
            writer.transport.abort()


def _sends(city: UUID) -> bool:
    """Does the city send reports, and can it sign them (RFC 8460 3)?"""
    tenant = tenants.city(city)
    return policy.current(tenant).mail.tls_reports and signing.has_keys(tenant)


def _report(key: _Key, sessions: Counter[tlsrpt.Session]) -> tlsrpt.Report | None:
    """The report, or None where the city has left it out since."""
    if not _sends(key.city):
        return None
    domain = tenants.city(key.city).domain
    return tlsrpt.Report(uuid4().hex, key.domain, domain, f"postmaster@{domain}", key.day, sessions)


def _enqueued(report: tlsrpt.Report, to: str, city: UUID, now: datetime) -> None:
    """Into the queue, with nobody to be told where it cannot be delivered."""
    raw = tlsrpt.message(report, to, now=now)
    made = outgoing.prepare(tenants.city(city), sender="", recipients=[To(to)], raw=raw, now=now, sign=True, is_tls_report=True)
    with store.writing():
        outgoing.save([made])
