"""Scanners that an operator may run beside us: rspamd and ClamAV, spoken to over their own protocols.

They see the message in memory, for as long as it takes, and whoever runs them names them in the policy where they are on another
host (C-1.2). One that is down, slow or says nonsense is counted, and the mail goes on without its word: a scanner must not be
able to stop a city's mail.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from stadtmail.kit import log
from stadtmail.mail.inbound.examining import Client, Message, Scanner, pieces
from stadtmail.mail.verdicts import Verdict

SECONDS = 10.0
MOST_REPLY = 1024 * 1024  # octets of an answer that are read
CHUNK = 64 * 1024
_JUNK = frozenset({"add header", "rewrite subject", "quarantine"})


@dataclass(frozen=True)
class Rspamd:
    """rspamd's HTTP protocol: POST /checkv2. What it would reject is refused, what it would mark lies in Junk; greylisting is not done."""

    url: str = field(repr=False)
    seconds: float = SECONDS

    async def scan(self, message: Message, client: Client, verdict: Verdict) -> Verdict:
        """The verdict with rspamd's word."""
        try:
            async with asyncio.timeout(self.seconds):
                answer = json.loads(await self._asked(message, client))
            action = answer["action"]
        except (OSError, TimeoutError, ValueError, KeyError, TypeError, EOFError):
            log.event("scanner_failed", role="doors", kind="rspamd")
            return verdict
        if action == "reject":
            return replace(verdict, reject=verdict.reject or "spam", is_junk=True)
        return replace(verdict, is_junk=verdict.is_junk or action in _JUNK)

    async def _asked(self, message: Message, client: Client) -> bytes:
        place = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port or 11333, limit=MOST_REPLY)
        try:
            given = {"Host": place.hostname or "", "Content-Length": str(len(message)), "Connection": "close"}
            given |= {"IP": client.address, "Helo": client.helo, "From": client.sender, "Password": unquote(place.username or "")}
            lines = [f"{name}: {_plain(value)}" for name, value in given.items() if value]
            writer.write("\r\n".join(["POST /checkv2 HTTP/1.0", *lines, "", ""]).encode())
            async for piece in _read(message):
                writer.write(piece)
                await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.partition(b"\r\n")[0] + b" ":
                raise ValueError
            return await reader.read(MOST_REPLY)
        except asyncio.LimitOverrunError:
            raise ValueError from None
        finally:
            writer.close()


@dataclass(frozen=True)
class Clamd:
    """ClamAV's clamd: INSTREAM. What it finds is refused."""

    place: str
    seconds: float = SECONDS

    async def scan(self, message: Message, client: Client, verdict: Verdict) -> Verdict:  # noqa: ARG002 - it looks at the message only
        """The verdict with ClamAV's word."""
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self._asked(message)
            if not answer.endswith((b" OK", b" FOUND")):
                raise ValueError
        except (OSError, TimeoutError, ValueError, EOFError):
            log.event("scanner_failed", role="doors", kind="clamd")
            return verdict
        return replace(verdict, reject="malware", is_junk=True) if answer.endswith(b" FOUND") else verdict

    async def _asked(self, message: Message) -> bytes:
        if self.place.startswith("/"):
            reader, writer = await asyncio.open_unix_connection(self.place)
        else:
            host, _, port = self.place.rpartition(":")
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            writer.write(b"zINSTREAM\0")
            async for piece in _read(message):
                writer.write(len(piece).to_bytes(4, "big") + piece)
                await writer.drain()
            writer.write(bytes(4))
            return (await reader.read(1000)).rstrip(b"\0\r\n")
        finally:
            writer.close()


def configured(settings: Mapping[str, str]) -> list[Scanner]:
    """The scanners that the settings name (rspamd_url, clamd), ClamAV first: what is malicious needs no second opinion."""
    found: list[Scanner] = [Clamd(settings["clamd"])] if settings["clamd"] else []
    return [*found, *([Rspamd(settings["rspamd_url"])] if settings["rspamd_url"] else [])]


async def _read(message: Message) -> AsyncIterator[bytes]:
    """The message in portions; what is spooled is opened in a thread."""
    loop, source = asyncio.get_running_loop(), pieces(message)
    while True:
        piece = next(source, None) if isinstance(message, bytes) else await loop.run_in_executor(None, next, source, None)
        if piece is None:
            return
        for at in range(0, len(piece), CHUNK):
            yield piece[at : at + CHUNK]


def _plain(value: str) -> str:
    """A value as it may stand in a header of HTTP: what is not printable ASCII goes in a form that ends no line."""
    return value if value.isascii() and value.isprintable() else b64encode(value.encode("utf-8", "replace")).decode()
