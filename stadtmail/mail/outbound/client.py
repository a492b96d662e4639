"""One connection to a server that takes mail (RFC 5321, 1870, 2920, 3207, 3461, 6152, 6531). Every wait has an end.

Our own and not aiosmtplib: pipelining (one round trip for a hundred recipients), the peer's raw certificates for DANE, bodies in
pieces, and an exact knowledge of whether the answer to the final dot has come.
"""

import asyncio
import ssl
from base64 import b64encode
from collections.abc import AsyncIterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from stadtmail.mail.outbound.bounds import Bounds
from stadtmail.mail.transit import Envelope, To
from stadtmail.wire import dsn, smtpclient
from stadtmail.wire.smtpclient import Reply

LOST = Reply(421, ("4.4.2 the connection was lost",))
LATE = Reply(421, ("4.4.2 the server took too long",))
NO_UTF8 = Reply(550, ("5.6.7 the server does not take internationalised addresses",))
TOO_BIG = Reply(552, ("5.3.4 the server does not take messages of this size",))


class Lost(Exception):
    """The connection is gone, or the server speaks no SMTP. `reply` says it to the sender."""

    def __init__(self, reply: Reply = LOST) -> None:
        super().__init__()
        self.reply = reply


class Refused(Exception):
    """The server answered, and not with what was needed."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Connection:
    """A greeted connection. Made by `open`; nothing of a client or a resident is said in it but the envelope."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bounds: Bounds, helo: str) -> None:
        self.offers: Mapping[str, str] = {}
        self.carried = 0
        self._reader, self._writer, self._bounds, self._helo = reader, writer, bounds, helo

    @classmethod
    async def open(
        cls, address: str, port: int, *, bounds: Bounds, helo: str, tls: ssl.SSLContext | None = None, name: str | None = None
    ) -> "Connection":
        """Connect, wait for the greeting, say EHLO. `tls`: from the first octet. Raises Lost, Refused, ssl.SSLError."""
        try:
            async with asyncio.timeout(bounds.connect_seconds):
                reader, writer = await asyncio.open_connection(
                    address, port, limit=bounds.reply_bytes, ssl=tls, server_hostname=name if tls else None
                )
        except ssl.SSLError:
            raise
        except (OSError, TimeoutError, ValueError):  # ValueError: a name that no certificate can have
            raise Lost(Reply(421, ("4.4.1 no connection",))) from None
        made = cls(reader, writer, bounds, helo)
        try:
            greeting = await made._reply(bounds.greeting_seconds)
            if greeting.code != 220:
                raise Refused(greeting)
            await made._ehlo()
        except BaseException:
            made.abort()
            raise
        return made

    @property
    def certificates(self) -> list[bytes]:
        """The server's chain as it sent it (DER), its own certificate first."""
        secured: Any = self._writer.get_extra_info("ssl_object")
        inner: Any = getattr(secured, "_sslobj", None)
        with suppress(AttributeError, ssl.SSLError):
            return [one.public_bytes(2) for one in inner.get_unverified_chain()]  # 2: DER
        own = secured.getpeercert(True)
        return [own] if own else []

    async def starttls(self, context: ssl.SSLContext, name: str) -> None:
        """Change to TLS and greet anew (RFC 3207). Raises Lost, Refused, ssl.SSLError."""
        answer = await self._ask("STARTTLS")
        if answer.code != 220:
            raise Refused(answer)
        if self._reader._buffer:  # type: ignore[attr-defined]  # what came before the handshake was said by nobody we know
            raise Lost
        try:
            async with asyncio.timeout(self._bounds.command_seconds):
                await self._writer.start_tls(context, server_hostname=name)
        except ssl.SSLError:
            raise
        except (OSError, TimeoutError, ValueError):
            raise Lost from None
        await self._ehlo()

    async def login(self, user: str, password: str) -> None:
        """AUTH PLAIN, or LOGIN where that is all (RFC 4954). Raises Lost, Refused."""
        words = self.offers.get("AUTH", "").upper().split()
        if "PLAIN" in words or "LOGIN" not in words:
            answer = await self._ask(f"AUTH PLAIN {_coded(f'{chr(0)}{user}{chr(0)}{password}')}")
        else:
            for text in ("AUTH LOGIN", _coded(user), _coded(password)):
                answer = await self._ask(text)
        if not answer.is_ok:
            raise Refused(answer)

    async def carry(self, of: Envelope, recipients: Sequence[To], body: AsyncIterable[bytes], size: int) -> list[Reply]:
        """Hand over one message; an answer for each recipient, in order. A lost connection is an answer too: LOST for who has none."""
        if of.is_utf8 and "SMTPUTF8" not in self.offers:
            return [NO_UTF8] * len(recipients)
        limit = self.offers.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < size:
            return [TOO_BIG] * len(recipients)
        commands = [self._mail(of, size), *(self._rcpt(one, of) for one in recipients), "DATA"]
        answers: list[Reply] = []
        try:
            answers = await self._envelope(commands)
            return await self._data(answers, recipients, body)
        except Lost as lost:
            self.abort()
            if answers and not answers[0].is_ok:
                return [answers[0]] * len(recipients)
            given = answers[1 : len(recipients) + 1]
            return [one if one.is_final else lost.reply for one in given] + [lost.reply] * (len(recipients) - len(given))

    async def _envelope(self, commands: Sequence[str]) -> list[Reply]:
        """Answers to MAIL, each RCPT, and DATA if it was asked: at once where the server takes that (RFC 2920)."""
        if "PIPELINING" in self.offers:
            await self._send("".join(f"{one}\r\n" for one in commands).encode())
            return [await self._reply(self._bounds.command_seconds) for _ in commands]
        answers: list[Reply] = []
        for one in commands:
            if one == "DATA" and not any(answer.is_ok for answer in answers[1:]):
                break
            answers.append(await self._ask(one))
            if len(answers) == 1 and not answers[0].is_ok:
                break
        return answers

    async def _data(self, answers: list[Reply], recipients: Sequence[To], body: AsyncIterable[bytes]) -> list[Reply]:
        mail, to = answers[0], answers[1 : len(recipients) + 1]
        go = answers[-1] if len(answers) == len(recipients) + 2 else None
        if not mail.is_ok:
            await self._reset(go)
            return [mail] * len(recipients)
        if go is None or go.code != 354:
            await self._reset(None)
            return [one if not one.is_ok or go is None else go for one in to]
        if not any(one.is_ok for one in to):  # RFC 2920 3.1: DATA was taken although nobody is there
            await self._send(b".\r\n")
            await self._reply(self._bounds.end_seconds)
            return to
        stuffing = smtpclient.Stuffing()
        async for piece in body:
            await self._send(stuffing.feed(piece))
        await self._send(stuffing.end())
        final = await self._reply(self._bounds.end_seconds)
        self.carried += 1
        return [final if one.is_ok else one for one in to]

    async def quit(self) -> None:
        """Say goodbye; whether it is answered does not matter."""
        with suppress(Lost, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self._ask("QUIT")
        self.abort()

    def abort(self) -> None:
        """Close at once. Idempotent."""
        with suppress(Exception):
            self._writer.transport.abort()

    @property
    def is_open(self) -> bool:
        """Can it carry another message?"""
        return not self._writer.is_closing() and not self._reader.at_eof()

    async def _ehlo(self) -> None:
        answer = await self._ask(f"EHLO {self._helo}")
        if not answer.is_ok:
            answer = await self._ask(f"HELO {self._helo}")
            if not answer.is_ok:
                raise Refused(answer)
            self.offers = {}
            return
        self.offers = smtpclient.extensions(answer)

    async def _reset(self, go: Reply | None) -> None:
        """End the transaction, so that the next can begin."""
        if go is not None and go.code == 354:
            raise Lost
        if not (await self._ask("RSET")).is_ok:
            raise Lost

    def _mail(self, of: Envelope, size: int) -> str:
        words = [f"MAIL FROM:<{of.sender}>"]
        words += [f"SIZE={size}"] if "SIZE" in self.offers else []
        words += ["BODY=8BITMIME"] if of.is_8bit and "8BITMIME" in self.offers else []
        words += ["SMTPUTF8"] if of.is_utf8 else []
        if "DSN" in self.offers:
            words += [f"RET={of.ret}"] if of.ret else []
            words += [f"ENVID={of.envid}"] if of.envid else []
        return " ".join(words)

    def _rcpt(self, one: To, of: Envelope) -> str:
        words = [f"RCPT TO:<{one.address}>"]
        if "DSN" in self.offers:
            notify = one.notify or (() if of.sender else ("NEVER",))
            words += [f"NOTIFY={','.join(notify)}"] if notify else []
            words += [f"ORCPT={one.orcpt or 'rfc822;' + dsn.encoded(one.address)}"] if one.address.isascii() else []
        return " ".join(words)

    async def _ask(self, command: str) -> Reply:
        await self._send(f"{command}\r\n".encode())
        return await self._reply(self._bounds.command_seconds)

    async def _send(self, octets: bytes) -> None:
        try:
            async with asyncio.timeout(self._bounds.block_seconds):
                self._writer.write(octets)
                await self._writer.drain()
        except TimeoutError:
            raise Lost(LATE) from None
        except OSError:
            raise Lost from None

    async def _reply(self, seconds: float) -> Reply:
        lines: list[tuple[int, bool, str]] = []
        octets = 0
        try:
            async with asyncio.timeout(seconds):
                while not lines or not lines[-1][1]:
                    raw = await self._reader.readuntil(b"\n")
                    octets += len(raw)
                    if octets > self._bounds.reply_bytes:
                        raise Lost
                    lines.append(smtpclient.line(raw.rstrip(b"\r\n")))
            answer = smtpclient.reply(lines)
        except TimeoutError:
            raise Lost(LATE) from None
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, smtpclient.BadReply, OSError):
            raise Lost from None
        if answer.code == 421:
            raise Lost(answer)
        return answer


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()
