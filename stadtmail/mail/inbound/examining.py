"""A message is examined before it is taken: SPF, DKIM, ARC and DMARC, then scanners, all within a bounded time.

The event loop only asks the DNS; hashing and verifying run in a few threads. Whatever fails or is late is "temperror", and the
mail goes on: no trouble of ours or of the DNS loses mail or holds it up for long (law 6).
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from stadtmail.kit import log
from stadtmail.kit.resolver import NoSuchName, Resolver, TemporaryFailure
from stadtmail.mail.inbound import structure
from stadtmail.mail.inbound.signatures import Records, Signatures
from stadtmail.mail.verdicts import FAIL, NONE, PASS, TEMPERROR, UNLIKELY, Verdict
from stadtmail.wire import authres, dkimcheck, dmarc, spf
from stadtmail.wire.authres import Result
from stadtmail.wire.dkimcheck import Field

DNS_SECONDS, SCAN_SECONDS = 10.0, 20.0
MOST_KEYS = 12  # different keys of one message that are looked up
THREADS = 2
T = TypeVar("T")


class Message(Protocol):
    """Bytes, or something larger that can be read in pieces any number of times."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True, repr=False)
class Client:
    """Who brings the message: in memory while the connection lasts, and nowhere else. No address: another server vouches."""

    address: str
    helo: str
    sender: str


class Scanner(Protocol):
    """Something that looks at a message with what is known of it: rspamd, ClamAV, or another."""

    async def scan(self, message: Message, client: Client, verdict: Verdict) -> Verdict: ...


@dataclass(frozen=True)
class Examiner:
    """Examines messages for one door. `server`: our name in results; `trusted`: an upstream server whose results count here."""

    resolver: Resolver
    server: str
    scanners: Sequence[Scanner] = ()
    trusted: str = ""
    dns_seconds: float = DNS_SECONDS
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="examine"))

    @property
    def is_idle(self) -> bool:
        """Is there nothing to ask anybody?"""
        return not self.resolver.is_on and not self.scanners and not self.trusted

    async def examine(self, client: Client, message: Message) -> Verdict:
        """The verdict. Never raises but for being cancelled."""
        verdict = Verdict()
        try:
            head = await self._in_pool(lambda: structure.head(pieces(message)))
            verdict = await self._authenticated(client, message, dkimcheck.fields(head))
            async with asyncio.timeout(SCAN_SECONDS):
                for scanner in self.scanners:
                    verdict = await scanner.scan(message, client, verdict)
        except TimeoutError:
            log.event("examined_late", role="doors")
        except Exception as error:  # noqa: BLE001 - a bug here must not keep a message out
            log.bug(error, role="doors")
        return verdict

    async def look(self, message: Message, /, *, address: str, helo: str, sender: str) -> Verdict:
        """`examine`, as a door asks for it."""
        return await self.examine(Client(address, helo, sender), message)

    def close(self) -> None:
        """End the threads."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    async def _authenticated(self, client: Client, message: Message, fields: list[Field]) -> Verdict:
        verdict = Verdict(prior=structure.prior(fields))
        if self.trusted and (known := self._from_upstream(fields)) is not None:
            told = replace(_judged(known, fields), authentication_results=authres.written(self.trusted, authres.plain(known)))
            return replace(told, prior=_with_results(verdict.prior, told.dmarc, told.spf))
        if not self.resolver.is_on:
            return verdict
        mail = Signatures(fields, int(time.time()))
        domain, looked_up = structure.from_domain(fields), _Found()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._spf(client, looked_up))
            group.create_task(self._keys(mail, looked_up))
            group.create_task(self._dmarc(domain, looked_up))
        signed, chain = await self._in_pool(lambda: mail.verified(pieces(message), looked_up.keys))
        results = [_spf_result(client, looked_up.spf), *signed]
        aligned = _dmarc(domain, looked_up, results, is_whole=bool(client.address))
        results += [aligned[0], chain[0]]
        return replace(
            _judged(results, fields), authentication_results=authres.written(self.server, results), asked=aligned[1], sealer=chain[1],
            prior=_with_results(verdict.prior, aligned[0].result, looked_up.spf),
        )  # fmt: skip

    def _from_upstream(self, fields: list[Field]) -> list[Result] | None:
        """What the server in front of this door has found: only its own field, and only the first, which is its youngest. It is written
        anew; every field of that name goes, whoever wrote it (actions/delivery.py)."""
        for name, value in fields:
            if name.lower() == b"authentication-results" and (found := authres.read(value, server=self.trusted)) is not None:
                return found
        return None

    async def _spf(self, client: Client, found: "_Found") -> None:
        if not client.address:
            return
        domain = client.sender.rpartition("@")[2] or client.helo
        asking = spf.check(client.address, domain=_ascii(domain), sender=client.sender, helo=client.helo)
        try:
            async with asyncio.timeout(self.dns_seconds):
                found.spf = await _driven(asking, self.resolver)
        except (TimeoutError, ValueError):  # ValueError: no address of the internet
            found.spf = TEMPERROR

    async def _keys(self, mail: Signatures, found: "_Found") -> None:
        names = list(mail.key_names)[:MOST_KEYS]
        for name, answer in zip(names, await asyncio.gather(*(self._texts(name) for name in names)), strict=True):
            found.keys[name] = answer

    async def _dmarc(self, domain: str, found: "_Found") -> None:
        """The record of the domain in From, else of its organisation (RFC 7489 6.6.3): both within the time that one may take."""
        try:
            async with asyncio.timeout(self.dns_seconds):
                await self._dmarc_record(domain, found)
        except TimeoutError:
            found.is_dmarc_known = False

    async def _dmarc_record(self, domain: str, found: "_Found") -> None:
        for name in dict.fromkeys((domain, dmarc.organisation(domain))) if domain else ():
            texts = await self._texts(f"_dmarc.{name}")
            if texts is None:
                found.is_dmarc_known = False
                return
            records = [one for text in texts if (one := dmarc.record(text)) is not None]
            if len(records) == 1:
                found.record, found.record_of = records[0], name
                return

    async def _texts(self, name: str) -> tuple[bytes, ...] | None:
        """TXT records of a name; None where nobody answers."""
        try:
            async with asyncio.timeout(self.dns_seconds):
                return (await self.resolver.lookup(name, "TXT")).records
        except NoSuchName:
            return ()
        except (TemporaryFailure, TimeoutError):
            return None

    async def _in_pool(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.pool, work)


@dataclass
class _Found:
    """What the DNS has said. A key that is None could not be had."""

    spf: str = NONE
    keys: Records = field(default_factory=dict)
    record: dmarc.Record | None = None
    record_of: str = ""
    is_dmarc_known: bool = True


def pieces(message: Message) -> Iterator[bytes]:
    """A message in pieces."""
    return iter([message]) if isinstance(message, bytes) else iter(message)


async def _driven(asking: spf.Asking, resolver: Resolver) -> str:
    try:
        question = next(asking)
        while True:
            try:
                records = (await resolver.lookup(*question)).records
            except NoSuchName:
                question = asking.send(())
            except TemporaryFailure:
                question = asking.throw(spf.Temporary())
            else:
                question = asking.send(records)
    except StopIteration as end:
        return str(end.value)


def _spf_result(client: Client, result: str) -> Result:
    domain = client.sender.rpartition("@")[2]
    return Result("spf", result, (("smtp.mailfrom", domain.lower()),) if domain else (("smtp.helo", client.helo.lower()),))


def _dmarc(domain: str, found: _Found, results: Sequence[Result], *, is_whole: bool) -> tuple[Result, str]:
    """(the result, what the domain asks for). Whoever cannot see SPF (`is_whole` is False) judges nobody who has no DKIM."""
    name = (("header.from", domain),)
    if not found.is_dmarc_known:
        return Result("dmarc", TEMPERROR, name), NONE
    if not domain or found.record is None:
        return Result("dmarc", NONE, name if domain else ()), NONE
    record = found.record
    policy = record.policy if found.record_of == domain else record.below
    comment = f"p={policy}"
    if any(_is_aligned(one, domain, record) for one in results if one.result == PASS):
        return Result("dmarc", PASS, name, comment), NONE
    if any(one.result == TEMPERROR for one in results) or not is_whole:
        return Result("dmarc", TEMPERROR if is_whole else NONE, name, comment), NONE
    if random.randrange(100) >= record.percent:  # noqa: S311 - a share of mail, no secret (6.6.4)
        policy = {dmarc.REJECT: dmarc.QUARANTINE}.get(policy, dmarc.NONE)
    return Result("dmarc", FAIL, name, comment), policy


def _is_aligned(one: Result, domain: str, record: dmarc.Record) -> bool:
    known = dict(one.properties)
    if one.method == "dkim":
        return dmarc.is_aligned(known.get("header.d", ""), domain, strict=record.strict_dkim)
    checked = known.get("smtp.mailfrom") or known.get("smtp.helo", "")
    return one.method == "spf" and dmarc.is_aligned(checked, domain, strict=record.strict_spf)


def _judged(results: Sequence[Result], fields: Sequence[Field]) -> Verdict:
    """The words of all results; several senders in From are a fake whoever has signed it (RFC 7489 6.6.1)."""
    words: dict[str, str] = {}
    for one in results:
        if words.get(one.method) != PASS:
            words[one.method] = one.result if one.result == PASS or one.method not in words else words[one.method]
    return Verdict(
        spf=words.get("spf", NONE), dkim=words.get("dkim", NONE), dmarc=words.get("dmarc", NONE), arc=words.get("arc", NONE),
        is_junk=structure.is_from_abused(fields),
    )  # fmt: skip


def _with_results(prior: float, aligned: str, sender: str) -> float:
    """Failures make spam likelier, a checked sender a little less so."""
    weights = {FAIL: 3.0, PASS: 0.7}
    odds = prior / (1 - prior) * weights.get(aligned, 1.0) * (3.0 if sender == FAIL else 1.5 if sender == spf.SOFTFAIL else 1.0)
    return min(odds / (1 + odds), UNLIKELY - 0.05)


def _ascii(domain: str) -> str:
    try:
        return domain.encode("idna").decode() if not domain.isascii() else domain
    except UnicodeError:
        return ""
