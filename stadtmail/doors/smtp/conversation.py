"""One conversation with a mail server: its commands in their order (RFC 5321 4.1.4). Each command is one method and one reply.

250 after a message means stored: the reply waits for the commit (law: no 250 before it). What goes wrong in a room becomes a
reply by the table in `replies`; a bug is noted by class and place and answered "try later".
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

from stadtmail.doors.smtp import intake, replies, stream, trace
from stadtmail.doors.smtp.replies import Reply
from stadtmail.doors.smtp.spool import Spooled
from stadtmail.kit import clock, log
from stadtmail.kit.errors import StadtmailError
from stadtmail.usage import limits
from stadtmail.usage.connections import Connection
from stadtmail.wire import smtp
from stadtmail.wire.smtp import Envelope, Malformed

if TYPE_CHECKING:
    from stadtmail.doors.smtp.listener import Server

T = TypeVar("T")
BREATH = 64  # commands between two looks at everybody else
OTHER_PROTOCOLS = ("GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "DELETE")  # a browser sent here by a hostile page


class HangUp(Exception):
    """The conversation is over, with these words."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Conversation:
    """State of one connection. `run` is its whole life."""

    def __init__(self, server: "Server", line: stream.Stream, connection: Connection) -> None:
        self._server, self._stream, self._bounds = server, line, server.bounds
        self.connection = connection  # in RAM for as long as it lasts
        self._helo, self._extended, self._tls, self._errors = "", False, line.is_tls, 0
        self._envelope: Envelope | None = None
        self._recipients: dict[str, Any] = {}
        self._named: list[Any] = []  # LMTP answers for each that was named, also for one that was named twice
        self._intake: intake.Intake | None = None
        self._verbs: dict[str, Callable[[bytes], Awaitable[Reply | None]]] = {
            "HELO": self._say_helo, "EHLO": self._say_ehlo, "MAIL": self._mail, "RCPT": self._rcpt, "DATA": self._data,
            "BDAT": self._bdat, "RSET": self._rset, "NOOP": self._noop, "QUIT": self._quit, "VRFY": self._vrfy, "HELP": self._help,
            "EXPN": self._not_here, "AUTH": self._auth, "ETRN": self._not_here, "TURN": self._not_here, "STARTTLS": self._starttls,
        }  # fmt: skip
        if server.is_lmtp:  # RFC 2033 4.1: LHLO in place of both
            self._verbs = {"LHLO": self._say_ehlo, **{name: verb for name, verb in self._verbs.items() if name not in ("HELO", "EHLO")}}

    async def run(self) -> None:
        """Greet, listen and answer until one of the two has enough."""
        try:
            self._say(_plain(220, f"{self._server.hostname} {'LMTP' if self._server.is_lmtp else 'ESMTP'}"))
            count = 0
            while True:
                self._answer(await self._one())
                count += 1
                if count % BREATH == 0:
                    await asyncio.sleep(0)
        except HangUp as end:
            self._say(end.reply)
        except stream.Gone:
            pass
        except stream.TimedOut:
            self._say(replies.TOO_SLOW)
        except stream.Interrupted:
            self._say(replies.SHUTTING_DOWN)
        except (stream.Flood, intake.Unending):
            self._say(replies.TOO_MANY_ERRORS)
        except Exception as error:  # noqa: BLE001 - law 6: no bug may look like an answer
            log.bug(error, role="doors")
            self._say(replies.OUT_OF_ORDER)
        finally:
            await self._forget()
            self._stream.close()

    async def _one(self) -> Reply | None:
        """Read one command and carry it out; None where the reply has been said already."""
        if self._server.draining:
            raise HangUp(replies.SHUTTING_DOWN)
        try:
            seconds = self._server.patience(self._bounds.command_seconds)
            line = await self._stream.line(limit=self._bounds.line_bytes, flood=self._bounds.flood_bytes, seconds=seconds)
        except stream.LineTooLong:
            return replies.LINE_TOO_LONG
        if not line.endswith(b"\r\n"):
            return replies.BAD_LINE
        try:
            verb, rest = smtp.command(line[:-2])
        except Malformed:
            return replies.BAD_LINE
        if verb in OTHER_PROTOCOLS:
            raise HangUp(replies.NOT_SMTP)
        return await self._verbs.get(verb, self._unknown)(rest)

    def _say(self, reply: Reply) -> None:
        self._stream.write(bytes(reply))
        self._server.counts[reply.code] += 1

    def _answer(self, reply: Reply | None) -> None:
        if reply is None:
            return
        self._say(reply)
        self._errors += 500 <= reply.code < 600
        if self._errors >= self._bounds.errors:
            raise HangUp(replies.TOO_MANY_ERRORS)

    async def _say_helo(self, rest: bytes) -> Reply:
        return await self._hello(rest, extended=False)

    async def _say_ehlo(self, rest: bytes) -> Reply:
        return await self._hello(rest, extended=True)

    async def _hello(self, rest: bytes, *, extended: bool) -> Reply:
        try:
            name = smtp.helo(rest)
        except Malformed:
            return replies.BAD_ARGUMENT
        await self._forget()
        self._helo, self._extended = name, extended
        return _plain(250, "\n".join([self._server.hostname, *(self._words() if extended else [])]))

    def _words(self) -> list[str]:
        """What EHLO offers."""
        size = f"SIZE {self._bounds.message_bytes}"
        words = ["PIPELINING", size, "8BITMIME", "SMTPUTF8", "CHUNKING", "ENHANCEDSTATUSCODES", "HELP"]
        return [*words, "STARTTLS"] if self._server.tls and not self._tls else words

    async def _mail(self, rest: bytes) -> Reply:
        if not self._helo or self._envelope is not None:
            return replies.BAD_SEQUENCE
        try:
            envelope = smtp.mail(rest)
        except Malformed as problem:
            return replies.of_malformed(problem.kind, address=replies.BAD_SENDER)
        if envelope.size > self._bounds.message_bytes:
            return replies.TOO_BIG
        self._envelope = envelope
        return replies.SENDER_OK

    async def _rcpt(self, rest: bytes) -> Reply:
        if self._envelope is None or self._intake is not None:
            return replies.BAD_SEQUENCE
        try:
            address = smtp.recipient(rest, utf8=self._envelope.utf8, postmaster=self._server.postmaster)
        except Malformed as problem:
            return replies.of_malformed(problem.kind, address=replies.BAD_RECIPIENT)
        if address not in self._recipients and len(self._recipients) >= self._bounds.recipients:
            return replies.TOO_MANY_RECIPIENTS
        find = partial(self._server.recipient, address, now=clock.now(), size_bytes=self._envelope.size)
        try:
            self._recipients[address] = await self._server.crew.light(find)
        except Exception as error:  # noqa: BLE001 - a bug is 451, not a lost connection
            return await self._failed(error)
        self._named.append(self._recipients[address])
        return replies.RECIPIENT_OK

    async def _failed(self, error: Exception) -> Reply:
        if not isinstance(error, StadtmailError):
            log.bug(error, role="doors")
        reply = replies.of_error(error)
        if reply is replies.NO_SUCH_MAILBOX and not await self._server.crew.light(partial(self._may_ask, self._stream.peer)):
            raise HangUp(replies.TOO_MANY_ERRORS)
        return reply

    def _may_ask(self, peer: str) -> bool:
        """May this network ask for yet another stranger?"""
        scope, network, most = f"{self._server.service}.stranger", limits.network(peer), self._bounds.strangers
        return limits.allow(scope, network, limit=most, per_seconds=self._bounds.memory_seconds, now=clock.now())

    async def _data(self, rest: bytes) -> Reply | None:
        if rest:
            return replies.BAD_ARGUMENT
        if self._envelope is None or self._intake is not None:
            return replies.BAD_SEQUENCE
        if not self._recipients:
            return replies.BAD_SEQUENCE if self._server.is_lmtp else replies.NO_RECIPIENTS  # RFC 2033 4.2
        self._say(replies.GO_AHEAD)
        self._intake = self._new_intake()
        await self._intake.data(seconds=self._server.patience(self._bounds.data_seconds))
        return await self._deliver()

    async def _bdat(self, rest: bytes) -> Reply | None:
        try:
            chunk = smtp.chunk(rest)
        except Malformed:
            raise HangUp(replies.BAD_ARGUMENT) from None  # where the next command begins cannot be known
        seconds = self._server.patience(self._bounds.data_seconds)
        if self._envelope is None or not self._recipients:
            if chunk.octets > self._bounds.message_bytes:
                raise HangUp(replies.TOO_BIG)
            await intake.swallow(self._stream, chunk.octets, seconds=seconds)
            return replies.NO_RECIPIENTS if self._envelope else replies.BAD_SEQUENCE
        if self._intake is None:
            self._intake = self._new_intake()
        await self._intake.chunk(chunk.octets, seconds=seconds)
        if chunk.last:
            return await self._deliver()
        if self._intake.refusal is not None:
            refusal = self._intake.refusal
            await self._forget()  # later chunks are read, and answered 503 (RFC 3030 3)
            return refusal
        return replies.CHUNK_OK

    def _new_intake(self) -> intake.Intake:
        return intake.Intake(self._stream, self._bounds, self._server.crew.long, self._server.places)

    async def _deliver(self) -> Reply | None:
        """Hand the message over and wait until it is stored. LMTP: the replies have been said, one a recipient (RFC 2033 4.2)."""
        named = self._named
        found = await self._delivered(named if self._server.is_lmtp else list(self._recipients.values()))
        if not self._server.is_lmtp:
            return found if isinstance(found, Reply) else self._as_one(found)
        for reply in [found] * len(named) if isinstance(found, Reply) else [self._of(answer) for answer in found]:
            self._say(reply)
        return None

    async def _delivered(self, recipients: list[Any]) -> "Reply | list[StadtmailError | None]":
        """An answer for each recipient, or a reply for all."""
        assert self._intake is not None
        assert self._envelope is not None
        message = await self._intake.finish()
        if message is None:
            refusal = self._intake.refusal
            await self._forget()
            assert refusal is not None
            return refusal
        received, sender = self._trace(self._envelope), self._envelope.sender
        await self._forget()
        self._stream.flush()
        crew = self._server.crew
        try:
            more = await self._examined(message, sender)
            run = self._way(message, recipients, more)
            future = await run(partial(self._server.deliver, message, recipients, received=received, now=clock.now(), **more))
        except Exception as error:  # noqa: BLE001 - a bug is 451
            await crew.long(partial(intake.drop, message))
            return await self._undelivered(error)
        if isinstance(message, Spooled):
            future.add_done_callback(lambda _: crew.later(message.drop))
        return await self._outcome(future)

    def _way(self, message: bytes | Spooled, recipients: list[Any], more: dict[str, Any]) -> "Callable[[Callable[[], T]], Awaitable[T]]":
        """Where the message is sealed: in the loop, in the line of what is quick, or in a thread of its own."""
        crew = self._server.crew
        if len(message) > intake.SMALL_BYTES:
            return crew.long
        is_light = len(message) <= intake.LIGHT_BYTES and not more and self._server.is_light(recipients)
        return crew.light if is_light else crew.quick

    async def _examined(self, message: bytes | Spooled, sender: str) -> dict[str, Any]:
        if self._server.examine is None:
            return {}
        peer = "" if self._server.is_lmtp else self._stream.peer  # the sending server came to the one in front
        return {"verdict": await self._server.examine(message, address=peer, helo=self._helo, sender=sender)}

    async def _outcome(self, future: "Future[list[StadtmailError | None]]") -> "Reply | list[StadtmailError | None]":
        await self._answered(future)
        if not future.done() or future.cancelled():
            return replies.TRY_LATER
        if (error := future.exception()) is not None:
            return await self._undelivered(error)
        return future.result()

    def _of(self, answer: StadtmailError | None) -> Reply:
        return replies.STORED if answer is None else replies.of_error(answer)

    def _as_one(self, answers: "list[StadtmailError | None]") -> Reply:
        """SMTP has one reply for all."""
        failed = [answer for answer in answers if answer is not None]
        if not failed:
            return replies.STORED
        if len(failed) < len(answers):  # one reply for all: come again; who has it gets it once (mail/actions/repeats.py)
            return replies.TRY_LATER
        return next((reply for error in failed if (reply := replies.of_error(error)).code < 500), replies.of_error(failed[0]))

    async def _answered(self, future: "Future[Any]") -> None:
        """Wait for the writer, but not for ever. Its future is looked at and never cancelled: the writer would trip over that."""
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        wake = partial(_wake, waiting)
        future.add_done_callback(lambda _: None if loop.is_closed() else loop.call_soon_threadsafe(wake))
        timer = loop.call_later(self._bounds.delivery_seconds, wake)
        try:
            await waiting
        finally:
            timer.cancel()

    async def _undelivered(self, error: BaseException) -> Reply:
        if isinstance(error, StadtmailError):
            return replies.of_error(error)
        log.bug(error, role="doors")
        return replies.TRY_LATER

    def _trace(self, envelope: Envelope) -> bytes:
        return trace.lines(
            sender=envelope.sender,
            helo=self._helo,
            peer=self._stream.peer,
            hostname=self._server.hostname,
            protocol=trace.protocol(extended=self._extended, tls=self._tls, utf8=envelope.utf8, lmtp=self._server.is_lmtp),
            recipients=list(self._recipients),
            now=clock.now(),
        )

    async def _starttls(self, rest: bytes) -> Reply | None:
        if rest:
            return replies.BAD_ARGUMENT
        if self._tls or self._server.tls is None:
            return replies.BAD_SEQUENCE if self._tls else replies.NO_TLS
        self._say(replies.START_TLS)
        await self._stream.start_tls(self._server.tls, seconds=self._bounds.handshake_seconds)
        await self._forget()
        self._helo, self._extended, self._tls = "", False, True  # nothing said before TLS counts (RFC 3207 4.2)
        return None

    async def _forget(self) -> None:
        """Forget the transaction, and what came of its message."""
        if self._intake is not None:
            taken, self._intake = self._intake, None
            await taken.abandon()
        self._envelope, self._recipients, self._named = None, {}, []

    async def _rset(self, rest: bytes) -> Reply:
        if rest:
            return replies.BAD_ARGUMENT
        await self._forget()
        return replies.OK

    async def _noop(self, rest: bytes) -> Reply:  # noqa: ARG002 - any argument is fine (4.1.1.9)
        return replies.OK

    async def _vrfy(self, rest: bytes) -> Reply:
        return replies.NOT_VERIFIED if rest else replies.BAD_ARGUMENT

    async def _help(self, rest: bytes) -> Reply:  # noqa: ARG002
        return replies.HELP

    async def _not_here(self, rest: bytes) -> Reply:  # noqa: ARG002
        return replies.NOT_HERE

    async def _auth(self, rest: bytes) -> Reply | None:  # noqa: ARG002 - residents send through submission
        return replies.NOT_HERE

    async def _unknown(self, rest: bytes) -> Reply:  # noqa: ARG002
        return replies.UNKNOWN

    async def _quit(self, rest: bytes) -> Reply:
        if rest:
            return replies.BAD_ARGUMENT
        raise HangUp(replies.BYE)


@lru_cache(maxsize=64)
def _plain(code: int, text: str) -> Reply:
    """A greeting or an answer to EHLO: the same words to everybody, written once."""
    return Reply(code, "", text)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
