"""Pictures that messages name are fetched here, for a reader who asked for them: the sender's server sees ours, and nothing of the reader.

What is asked says nothing of anybody: no cookie, no referrer, no language, the same name of a program for all. A name is looked up by
the policy's own name server, every address that it has must be one of the internet, and the connection goes to one that was looked at.
Nothing is written down: the address of a picture reaches no log, and its bytes lie in memory until they are shown.
"""

import ssl
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SOCK_DGRAM, socket
from threading import Lock
from typing import Any

from stadtmail.kit import config, egress, errors, resolver
from stadtmail.mail.importing import guard
from stadtmail.wire import pictures
from stadtmail.wire.pictures import NoTarget, Target

PURPOSE = "pictures"  # kit/egress.py
AGENT = "Mozilla/5.0 (compatible; mail)"  # the same for everybody; servers that send pictures refuse whoever says nothing
REDIRECTS = 2
MOST_BYTES = 3_000_000  # of a picture
MOST_TOGETHER = 12_000_000  # of a message
MOST_PICTURES = 60  # of a message
CONNECT_SECONDS, LOOKUP_SECONDS, ONE_SECONDS, ALL_SECONDS = 4.0, 4.0, 10.0, 20.0
AT_ONCE = 6  # of a message
MOST_ADDRESSES = 3  # of a name that are tried
_PIECE = 64 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})


class NoPicture(errors.NotFound):
    """There is no picture to be shown: none was sent, it is too large or too slow, or it must not be asked for."""


@dataclass(frozen=True)
class Picture:
    """A picture: its type is what its bytes say."""

    kind: str
    content: bytes = field(repr=False)


def leads() -> bool:
    """May this process fetch pictures at all? A demo or test instance may not."""
    return egress.leads(PURPOSE)


def every(urls: Sequence[str], *, own: Collection[str] = ()) -> Iterator[Picture | None]:
    """The pictures in the order of their addresses, each as soon as it is there; None for what is not shown. `own`: hosts of this
    instance, which are not asked. All together take ALL_SECONDS at most; once MOST_TOGETHER bytes are there, nothing more is asked for.
    """
    until, held = time.monotonic() + ALL_SECONDS, _Held()
    crew = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="pictures")  # its own: whoever waits for a slow server stops nobody else
    try:
        asked = deque(crew.submit(_one, url, frozenset(own), until, held) for url in urls[:MOST_PICTURES])
        for _ in urls:
            yield _result(asked.popleft(), until) if asked else None
    finally:
        crew.shutdown(wait=False, cancel_futures=True)


def fetch(url: str, *, own: Collection[str] = (), seconds: float = ONE_SECONDS) -> Picture:
    """One picture. Raises NoPicture, whatever was wrong: what a server answered is nobody's business."""
    until, base = time.monotonic() + seconds, None
    try:
        for _ in range(REDIRECTS + 1):
            target = pictures.target(url, base=base)
            with closing(_connected(target, own, until)) as connection:
                found, url = _answer(connection, target, until)
            if found is not None:
                return found
            base = target
    except (NoTarget, OSError, HTTPException, ValueError, errors.StadtmailError):
        pass
    raise NoPicture


def addresses(host: str, *, own: Collection[str] = ()) -> list[str]:
    """Where a host is, each address looked at. Raises NoPicture where one of them is none of the internet, or is this machine's own."""
    if host in own:
        raise NoPicture
    with suppress(ValueError):
        return _public([str(ip_address(host))])
    asked, found = resolver.configured(), list[str]()
    for kind in ("A", "AAAA"):
        with suppress(resolver.NoSuchName, resolver.TemporaryFailure):
            found += asked.lookup_blocking(host, kind, seconds=LOOKUP_SECONDS).records
    return _public(found)


def _public(found: list[str]) -> list[str]:
    if not found or not all(guard.is_public(one) and not _is_ours(one) for one in found):
        raise NoPicture
    return found[:MOST_ADDRESSES]


def _is_ours(address: str) -> bool:
    """Is it an address of this machine? Only those can be bound."""
    with socket(AF_INET6 if ":" in address else AF_INET, SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


class _Held:
    """How many bytes of a message's pictures are in memory."""

    def __init__(self) -> None:
        self._turn, self._bytes = Lock(), 0

    def takes(self, size: int) -> bool:
        """Count so many more; False where there were enough already."""
        with self._turn:
            self._bytes += size
            return self._bytes <= MOST_TOGETHER


def _one(url: str, own: frozenset[str], until: float, held: _Held) -> Picture | None:
    left = min(ONE_SECONDS, until - time.monotonic())
    if left <= 0 or not held.takes(0):
        return None
    with egress.within(), suppress(NoPicture):
        found = fetch(url, own=own, seconds=left)
        return found if held.takes(len(found.content)) else None
    return None


def _result(one: "Future[Picture | None]", until: float) -> Picture | None:
    try:
        return one.result(max(0.0, until - time.monotonic()))
    except NotYet:
        return None


def _connected(target: Target, own: Collection[str], until: float) -> socket:
    """A connection to one of the very addresses that were looked at: what the name says next does not matter."""
    found = addresses(target.host, own={*own, config.load().host})
    for address in found:
        if not egress.allowed(PURPOSE, address, target.port):
            raise NoPicture
        made = socket(AF_INET6 if ":" in address else AF_INET)
        try:
            made.settimeout(min(CONNECT_SECONDS, _left(until)))
            made.connect((address, target.port))
            return _secured(made, target.host) if target.scheme == "https" else made
        except OSError:
            made.close()
    raise NoPicture


def _secured(made: socket, host: str) -> socket:
    try:
        return _trust().wrap_socket(made, server_hostname=host)
    except ValueError as error:  # a name that no certificate can have
        raise OSError from error


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _answer(connection: socket, target: Target, until: float) -> tuple[Picture | None, str]:
    """The picture, or the address to which the server sends us on. Raises NoPicture, OSError, HTTPException."""
    asked = (
        f"GET {target.path} HTTP/1.1", f"Host: {target.authority}", f"User-Agent: {AGENT}",
        "Accept: image/webp, image/png, image/jpeg, image/gif", "Accept-Encoding: identity", "Connection: close", "", "",
    )  # fmt: skip
    connection.settimeout(_left(until))
    connection.sendall("\r\n".join(asked).encode("ascii"))
    with closing(HTTPResponse(_Bounded(connection, until), method="GET")) as reply:  # type: ignore[arg-type]
        reply.begin()
        if reply.status in _MOVED and (place := reply.headers.get("Location")):
            return None, place
        if reply.status != 200 or reply.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise NoPicture
        content = _content(reply.read)
    kind = pictures.kind_of(content)
    if not kind:
        raise NoPicture
    return Picture(kind, content), ""


def _content(read: Callable[[int], bytes]) -> bytes:
    """The body, as long as it can still become a picture of a size that is shown."""
    content = bytearray()
    while piece := read(_PIECE):
        content += piece
        if len(content) > MOST_BYTES or (len(content) >= 12 and not pictures.kind_of(bytes(content[:12]))):
            raise NoPicture
    return bytes(content)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Bounded(RawIOBase):
    """A connection that is read until a moment, however slowly its server drips."""

    def __init__(self, connection: socket, until: float) -> None:
        self._connection, self._until = connection, until

    def makefile(self, _mode: str) -> BufferedReader:
        """What http.client asks a socket for."""
        return BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        self._connection.settimeout(_left(self._until))
        return self._connection.recv_into(into)
