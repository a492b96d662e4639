"""Look-ups in the DNS, over the name servers that the operator has set (STADTMAIL_RESOLVER) or the system's own.

Names that are looked up say who writes to whom: they reach no log, no error's text and no disk; answers lie in a small cache in RAM
until their TTL has passed. What cannot be answered within the time is TemporaryFailure, and mail waits or goes on without.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, NamedTuple, cast

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.reversename

from stadtmail.kit import config, errors, instance

TRY_SECONDS, ROUNDS = 2.5, 2  # of one question to one server; each server is asked so often
BUDGET_SECONDS = 10.0  # of one look-up, however many servers there are
MOST_CACHED, MOST_TTL, MOST_NEGATIVE_TTL = 4096, 300, 60
UDP_BYTES = 1232  # fits into one packet everywhere (DNS flag day 2020)
_REFUSED = (dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR, dns.rcode.NOTIMP)


class NoSuchName(errors.NotFound):
    """The name does not exist (NXDOMAIN). `is_secure`: a validating resolver that we trust has checked that."""

    def __init__(self, *, is_secure: bool = False) -> None:
        super().__init__()
        self.is_secure = is_secure


class TemporaryFailure(errors.TryLater):
    """No answer now: the servers were silent, refused, or could not validate what they got."""


class NoResolver(TemporaryFailure):
    """This instance looks nothing up."""


class MX(NamedTuple):
    """A mail exchanger (RFC 5321 5.1); `host` is "" in a null MX (RFC 7505)."""

    preference: int
    host: str


class TLSA(NamedTuple):
    """A certificate's association (RFC 6698 2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes


class SRV(NamedTuple):
    """A service's place (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


class CAA(NamedTuple):
    """Who may issue certificates (RFC 8659)."""

    flags: int
    tag: str
    value: str


@dataclass(frozen=True)
class Answer:
    """What a name has of one kind: A, AAAA, PTR, CNAME, NS: str; TXT: bytes, its strings joined; MX, TLSA, SRV, CAA as above.

    Empty where the name exists and has none. `is_secure`: validated (DNSSEC) by a resolver that we trust. `name` is where the
    aliases led to (CNAME), names are without the last dot.
    """

    records: tuple[Any, ...]
    is_secure: bool
    name: str
    ttl: int


@dataclass(frozen=True)
class Server:
    """A name server, and whether its word on DNSSEC (the AD flag) is believed: on this machine, or where the operator says so."""

    host: str
    port: int = 53
    is_trusted: bool = False


Reader = Callable[[Any], Any]
_READERS: dict[str, Reader] = {
    "A": lambda one: one.address,
    "AAAA": lambda one: one.address,
    "CNAME": lambda one: _text(one.target),
    "NS": lambda one: _text(one.target),
    "PTR": lambda one: _text(one.target),
    "TXT": lambda one: b"".join(one.strings),
    "MX": lambda one: MX(one.preference, _text(one.exchange)),
    "TLSA": lambda one: TLSA(one.usage, one.selector, one.mtype, one.cert),
    "SRV": lambda one: SRV(one.priority, one.weight, one.port, _text(one.target)),
    "CAA": lambda one: CAA(one.flags, one.tag.decode("ascii", "replace").lower(), one.value.decode("utf-8", "replace")),
}


@dataclass
class _Cache:
    """What was answered, until its TTL has passed; the oldest go first where there is no room."""

    clock: Callable[[], float]
    rows: "OrderedDict[tuple[str, str], tuple[float, Answer | NoSuchName]]" = field(default_factory=OrderedDict)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def find(self, key: tuple[str, str]) -> Answer | None:
        """What is known, or None. Raises NoSuchName where that is known."""
        with self.turn:
            until, known = self.rows.get(key, (0.0, None))
            if known is None or until <= self.clock():
                return None
        if isinstance(known, NoSuchName):
            raise NoSuchName(is_secure=known.is_secure)
        return known

    def keep(self, key: tuple[str, str], answer: Answer | NoSuchName, ttl: int) -> None:
        """Keep an answer for its time."""
        with self.turn:
            self.rows[key] = (self.clock() + ttl, answer)
            self.rows.move_to_end(key)
            while len(self.rows) > MOST_CACHED:
                self.rows.popitem(last=False)


class Resolver:
    """Asks `servers` in their order. Without any, every look-up raises NoResolver at once. Safe for many threads and loops."""

    def __init__(
        self, servers: Sequence[Server] = (), *, try_seconds: float = TRY_SECONDS, budget_seconds: float = BUDGET_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.servers = tuple(servers)
        self._try_seconds, self._budget_seconds, self._clock = try_seconds, budget_seconds, clock
        self._cache = _Cache(clock)

    @property
    def is_on(self) -> bool:
        """Does this instance look anything up?"""
        return bool(self.servers)

    async def lookup(self, name: str, kind: str, *, seconds: float | None = None) -> Answer:
        """What `name` has of `kind` (see Answer), within `seconds` at most. Raises NoSuchName, TemporaryFailure."""
        key, known = self._known(name, kind)
        if known is not None:
            return known
        for server, question, left in self._tries(key, seconds):
            try:
                reply, _ = await dns.asyncquery.udp_with_fallback(
                    question, server.host, left, server.port, ignore_unexpected=True, ignore_errors=True
                )
            except (dns.exception.DNSException, OSError, EOFError):
                continue
            if reply.rcode() not in _REFUSED:
                return self._read(key, reply, server)
        raise TemporaryFailure

    def lookup_blocking(self, name: str, kind: str, *, seconds: float | None = None) -> Answer:
        """The same for a thread: never in an event loop."""
        key, known = self._known(name, kind)
        if known is not None:
            return known
        for server, question, left in self._tries(key, seconds):
            try:
                reply, _ = dns.query.udp_with_fallback(
                    question, server.host, left, server.port, ignore_unexpected=True, ignore_errors=True
                )
            except (dns.exception.DNSException, OSError, EOFError):
                continue
            if reply.rcode() not in _REFUSED:
                return self._read(key, reply, server)
        raise TemporaryFailure

    def _known(self, name: str, kind: str) -> tuple[tuple[str, str], Answer | None]:
        """The question in its plain form, and what the cache knows. Raises NoResolver, NoSuchName."""
        if not self.servers:
            raise NoResolver
        try:
            asked = dns.name.from_text(name).canonicalize().to_text()
        except (dns.exception.DNSException, UnicodeError):  # no name at all: an empty label, one of 64 octets, no IDN
            raise NoSuchName from None
        assert kind in _READERS
        return (asked, kind), self._cache.find((asked, kind))

    def _tries(self, key: tuple[str, str], seconds: float | None) -> Any:
        """(server, question, seconds for it), as long as the budget lasts."""
        until = self._clock() + min(self._budget_seconds, self._budget_seconds if seconds is None else seconds)
        for _ in range(ROUNDS):
            for server in self.servers:
                left = until - self._clock()
                if left <= 0:
                    return
                question = dns.message.make_query(key[0], key[1], use_edns=0, payload=UDP_BYTES)
                question.flags |= dns.flags.AD  # "tell me whether it is validated" (RFC 6840 5.7)
                yield server, question, min(left, self._try_seconds)

    def _read(self, key: tuple[str, str], reply: dns.message.Message, server: Server) -> Answer:
        is_secure = server.is_trusted and bool(reply.flags & dns.flags.AD)
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise TemporaryFailure
        try:
            chain = cast(dns.message.QueryMessage, reply).resolve_chaining()
        except dns.exception.DNSException:  # a ring or a chain without end
            raise TemporaryFailure from None
        negative = min(max(chain.minimum_ttl, 0), MOST_NEGATIVE_TTL)
        if reply.rcode() == dns.rcode.NXDOMAIN:
            self._cache.keep(key, NoSuchName(is_secure=is_secure), negative)
            raise NoSuchName(is_secure=is_secure)
        read = _READERS[key[1]]
        records = tuple(read(one) for one in chain.answer) if chain.answer is not None else ()
        ttl = min(max(chain.minimum_ttl, 0), MOST_TTL) if records else negative
        answer = Answer(records, is_secure, _text(chain.canonical_name), ttl)
        self._cache.keep(key, answer, ttl)
        return answer


def configured(setting: str | None = None) -> Resolver:
    """The resolver of this instance. STADTMAIL_RESOLVER is `host[:port]`, with ` trust-ad` after it where its word on DNSSEC is
    believed though it is another machine; `none` looks nothing up. Empty: the system's, but none on demo and test instances.

    Raises config.BadSetting.
    """
    setting = config.load().resolver if setting is None else setting
    if setting == "none" or (not setting and instance.current().is_test):
        return Resolver()
    return Resolver([server(setting)] if setting else _of_the_system())


def server(setting: str) -> Server:
    """Read `host[:port] [trust-ad]`, the host an IP address (IPv6 in brackets where a port follows). Raises config.BadSetting."""
    place, _, word = setting.strip().partition(" ")
    host, _, port = place.rpartition(":") if place.startswith("[") or place.count(":") == 1 else (place, "", "")
    host = host or place
    try:
        address = ip_address(host.strip("[]"))
        number = int(port or 53)
    except ValueError:
        raise config.BadSetting("STADTMAIL_RESOLVER must be the IP address of a name server, with :port where it is not 53") from None
    if word.strip() not in ("", "trust-ad") or not 0 < number < 65536:
        raise config.BadSetting("STADTMAIL_RESOLVER: only the word trust-ad may follow host:port")
    return Server(str(address), number, address.is_loopback or bool(word))


def host(setting: str) -> str:
    """The host that a setting names, "" for none (C-1.2: who is asked must be listed). Raises config.BadSetting."""
    return "" if setting in ("", "none") else server(setting).host


def hosts_of_the_system() -> list[str]:
    """The system's own name servers that are neither on this machine nor in its own networks: who is asked must be listed too."""
    return [one.host for one in _of_the_system() if ip_address(one.host.partition("%")[0]).is_global]


def reverse_name(address: str) -> str:
    """The name under which an IP address has its PTR records. Raises ValueError."""
    return dns.reversename.from_address(str(ip_address(address))).to_text()


def _of_the_system() -> list[Server]:
    try:
        system = dns.resolver.Resolver()
    except dns.exception.DNSException:  # no resolv.conf
        return []
    return [Server(host, system.port, ip_address(host.partition("%")[0]).is_loopback) for host in map(str, system.nameservers)]


def _text(name: dns.name.Name) -> str:
    return name.canonicalize().to_text(omit_final_dot=True) if name != dns.name.root else ""
