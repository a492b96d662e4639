"""One connection: reads commands one after another, calls what does them, says what changed meanwhile, and answers.

Nothing is remembered of a command that has been answered. The right to open the mailbox is in this object and nowhere else.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from stadtmail.doors.imap import commands, selecting, telling
from stadtmail.doors.imap.bounds import Bounds
from stadtmail.doors.imap.numbers import View
from stadtmail.doors.imap.replies import Bye, No, of_error
from stadtmail.doors.imap.stream import Gone, Interrupted, Stream, TimedOut, TooLong
from stadtmail.kit import log
from stadtmail.kit.errors import StadtmailError
from stadtmail.mail import queries
from stadtmail.mail.actions.incoming import Incoming
from stadtmail.usage.connections import Connection
from stadtmail.wire import imap, mimebinary
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.server import Server

T = TypeVar("T")
_MESSAGE = re.compile(rb"[^ ]+ +APPEND +[^ ]", re.I)  # a literal that comes now is a message: the name stands before it
_TAG = re.compile(rb"[^ ]{1,200}")
SMALL_BYTES = 64 * 1024  # of a literal that is held in memory


class _Taken:
    """What one APPEND has brought so far."""

    __slots__ = ("count", "held", "size")

    def __init__(self) -> None:
        self.count = self.held = self.size = 0

    def fits(self, size: int, bounds: Bounds) -> bool:
        """May one more come?"""
        return self.count < bounds.appended and self.size + size <= bounds.appended_bytes


class Session:
    """The state of one client."""

    __slots__ = ("_farewell", "_forgets", "connection", "enabled", "is_aware", "keywords", "o", "server", "stream", "tag",
                 "view")  # fmt: skip

    def __init__(self, server: "Server", stream: Stream) -> None:
        self.server, self.stream = server, stream
        self.connection: Connection | None = None
        self.o: queries.Opened | None = None  # once logged in
        self.view: View | None = None  # once a folder is selected
        self.keywords: dict[int, str] = {}
        self.enabled: frozenset[str] = frozenset()
        self.tag = b"*"  # of the present command
        self.is_aware = False  # of modseqs (RFC 7162 3.1)
        self._farewell = ""
        self._forgets: list[Incoming] = []

    @property
    def utf8(self) -> bool:
        """Does the client read UTF-8?"""
        return bool(self.enabled & {"IMAP4REV2", "UTF8=ACCEPT"})

    @property
    def box(self) -> queries.Opened:
        """The mailbox of who is logged in."""
        assert self.o is not None
        return self.o

    @property
    def reader(self) -> queries.Opened:
        """What the selected folder is read with."""
        return self.entitled("r")

    def entitled(self, needs: str) -> queries.Opened:
        """One's own mailbox, or the right to do in the selected folder of somebody else what these rights allow."""
        given = self.selected.given
        return self.box if given is None else given.opened(needs)

    @property
    def selected(self) -> View:
        """The selected folder. Raises BadSyntax where none is."""
        if self.view is None:
            raise BadSyntax("no mailbox is selected")
        return self.view

    async def pool(self, work: Callable[[], T]) -> T:
        """Run it in a thread."""
        return await self.server.pool(work)

    async def quick(self, work: Callable[[], T]) -> T:
        """Run a short read, if possible without a change of thread."""
        return await self.server.quick(work)

    def say(self, line: bytes) -> None:
        """An untagged response."""
        self.stream.write(b"* " + line + b"\r\n")

    def interrupt(self, farewell: str) -> None:
        """End this connection with these words."""
        self._farewell = self._farewell or farewell
        self.stream.interrupt()

    def forget(self) -> None:
        """What the connection held, at its end."""
        self._forget_large()
        self.o, self.view, self.keywords = None, None, {}

    async def run(self) -> None:
        """Serve until it ends."""
        self.say(b"OK [CAPABILITY %b] ready" % commands.capabilities(self))
        try:
            while True:
                await self._command()
        except (Gone, ConnectionError):
            self.stream.close()
        except Interrupted:
            self._bye(self._farewell or "Server is going down, come back soon")
        except TimedOut:
            self._bye("Too long without a word")
        except TooLong:
            self._bye("Line too long")
        except Bye as bye:
            self._bye(str(bye))
        except asyncio.CancelledError:
            self.stream.close()
            raise
        except Exception as error:  # noqa: BLE001 - a bug ends one connection
            log.bug(error, role="doors")
            self._bye("Internal error")
        await self._leave()

    async def _leave(self) -> None:
        try:
            await selecting.leave(self)
        except StadtmailError:  # the folder, or the mailbox, is gone
            return
        except Exception as error:  # noqa: BLE001 - the connection has ended
            log.bug(error, role="doors")

    def _bye(self, words: str) -> None:
        if words:
            self.say(b"BYE " + words.encode("ascii"))
        self.stream.close()

    async def _command(self) -> None:
        try:
            text, literals = await self._read()
        except No as no:  # with its tag
            self.stream.write(no.text.encode("ascii") + b"\r\n")
            return
        try:
            await self._answer(text, literals)
        finally:
            if self._forgets:
                await self.pool(self._forget_large)
        await self.stream.drained()

    async def _answer(self, text: bytes, literals: Sequence[Any]) -> None:
        cursor, tag = Cursor(text, literals), b"*"
        try:
            tag = cursor.tag()
            cursor.space()
            word = cursor.word()
            self.tag = tag
            answer = await self._done(word, cursor)
        except BadSyntax as bad:
            answer = f"BAD {str(bad).capitalize()}".encode("ascii")
        except No as no:
            answer = bytes(no)
        except StadtmailError as error:
            known = of_error(error)
            if known is None:
                log.bug(error, role="doors")
            answer = bytes(known or No("Try again later", "UNAVAILABLE"))
        except (Gone, Interrupted, TimedOut, TooLong, Bye, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug ends one command
            log.bug(error, role="doors")
            answer = b"NO [SERVERBUG] Try again later"
        self.stream.write(tag + b" " + answer + b"\r\n")
        if answer == commands.BYE:
            raise Gone
        if answer == commands.BEGIN_TLS:
            await commands.change_to_tls(self)

    async def _done(self, word: str, cursor: Cursor) -> bytes:
        uid = word == "UID"
        if uid:
            cursor.space()
            word = f"UID {cursor.word()}"
        command = commands.TABLE.get(word)
        if command is None:
            raise BadSyntax("no such command")
        if command.state == "stranger" and self.o is not None:
            raise BadSyntax("already logged in")
        if command.state in ("known", "selected") and self.o is None:
            raise BadSyntax("log in first")
        if command.state == "selected":
            self.selected  # noqa: B018 - raises
            await telling.ask_rights(self)
        self.server.counts["commands"] += 1
        answer = await command.run(self, cursor)
        if self.view is not None and command.state != "quiet":
            await telling.catch_up(self, expunges=command.may_expunge)
        return answer

    async def _read(self) -> tuple[bytes, list[Any]]:
        """A command with its literals. Raises No (whose text has the tag) where one is refused."""
        bounds = self.server.bounds
        left = bounds.line_bytes if self.o is not None else bounds.strange_bytes
        text, taken = b"", _Taken()
        literals: list[Any] = []
        while True:
            line = await self.stream.line(limit=left, seconds=bounds.silence_seconds if not text else bounds.literal_seconds)
            piece, literal = imap.literal(line)
            if imap.HERE in piece or b"\0" in piece:
                piece = piece.replace(imap.HERE, b"\0")  # a NUL is no sign of any token
            text += piece
            left -= len(line)
            if literal is None:
                return text, literals
            is_message = self.o is not None and bool(_MESSAGE.match(text))
            if literal.size > (bounds.message_bytes if is_message else left) or (is_message and not taken.fits(literal.size, bounds)):
                await self._refuse(text, literal, big=is_message)
            if literal.waits:
                self.stream.write(b"+ Ready\r\n")
            text += imap.HERE
            if is_message:
                literals.append(await self._message(literal, taken))
            else:
                literals.append(await self.stream.exactly(literal.size, seconds=bounds.literal_seconds))
                left -= literal.size

    async def _refuse(self, text: bytes, literal: imap.Literal, *, big: bool) -> None:
        """Refuse a literal. What comes without waiting is read and forgotten, to the end of its command."""
        bounds, next_one, left = self.server.bounds, literal, self.server.bounds.discarded_bytes
        while not next_one.waits:
            left -= next_one.size
            if left < 0:
                raise Bye("Literal too large")
            size = next_one.size
            while size:
                size -= len(await self.stream.some(most=min(size, 65536), seconds=bounds.literal_seconds))
            _, announced = imap.literal(await self.stream.line(limit=bounds.line_bytes, seconds=bounds.literal_seconds))
            if announced is None:
                break
            next_one = announced
        found = _TAG.match(text)
        tag = found[0].decode("ascii", "replace") if found and found[0].isascii() else "*"
        raise No(f"{tag} NO [TOOBIG] Message too large" if big else f"{tag} BAD [TOOBIG] Literal too large")

    async def _message(self, literal: imap.Literal, taken: "_Taken") -> Incoming | bytes:
        """A message of APPEND. What came as binary is kept as a literal can give it (RFC 3516 4.4)."""
        content = await self._taken(literal.size, taken)
        if not literal.binary or not (changed := await self.pool(partial(_readable, content))):
            return content
        if len(changed) <= SMALL_BYTES:
            return changed
        incoming = Incoming(self.box.mailbox.tenant_id, in_memory=0)
        self._forgets.append(incoming)
        await self.pool(partial(incoming.write, changed))
        return incoming

    async def _taken(self, size: int, taken: "_Taken") -> Incoming | bytes:
        bounds = self.server.bounds
        room = max(0, bounds.held_bytes - taken.held)
        taken.count, taken.size = taken.count + 1, taken.size + size
        if size <= min(SMALL_BYTES, room):
            taken.held += size
            return await self.stream.exactly(size, seconds=bounds.literal_seconds)
        async with self.server.large:
            incoming = Incoming(self.box.mailbox.tenant_id, in_memory=0)
            self._forgets.append(incoming)
            left = size
            while left:
                piece = await self.stream.some(most=left, seconds=bounds.literal_seconds)
                await self.pool(partial(incoming.write, piece))
                left -= len(piece)
        return incoming

    def _forget_large(self) -> None:
        while self._forgets:
            self._forgets.pop().forget()


def _readable(content: Incoming | bytes) -> bytes:
    """The message without NUL in its parts, empty where nothing had to change."""
    raw = bytes(content)
    changed = mimebinary.without_nul(raw)
    return b"" if changed is raw else changed
