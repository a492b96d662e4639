"""One connection: reads commands one after another, calls what does them, and answers. Nothing is remembered of an answered one.

The right to change the filters is in this object and nowhere else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from stadtmail.doors.sieve import scripts, signing
from stadtmail.doors.sieve.replies import No, line, of_error
from stadtmail.doors.sieve.stream import Gone, Interrupted, Stream, TimedOut, TooLong
from stadtmail.kit import log
from stadtmail.kit.errors import StadtmailError
from stadtmail.mail import queries
from stadtmail.usage.connections import Connection
from stadtmail.wire import managesieve
from stadtmail.wire.managesieve import BadSyntax

if TYPE_CHECKING:
    from stadtmail.doors.sieve.server import Server

T = TypeVar("T")
Run = Callable[["Session", scripts.Arguments], Awaitable[bytes]]
STRANGERS: dict[str, Run] = {
    "CAPABILITY": signing.capability, "NOOP": signing.noop, "STARTTLS": signing.start_tls, "AUTHENTICATE": signing.authenticate,
}  # fmt: skip
HOLDERS: dict[str, Run] = {
    "UNAUTHENTICATE": signing.unauthenticate, "PUTSCRIPT": scripts.put, "CHECKSCRIPT": scripts.check, "GETSCRIPT": scripts.get,
    "LISTSCRIPTS": scripts.listed, "SETACTIVE": scripts.activate, "DELETESCRIPT": scripts.delete, "RENAMESCRIPT": scripts.rename,
    "HAVESPACE": scripts.have_space,
}  # fmt: skip


class _Bye(Exception):
    """The connection ends here, with these words."""


class Session:
    """The state of one client."""

    def __init__(self, server: "Server", stream: Stream) -> None:
        self.server, self.stream = server, stream
        self.connection: Connection | None = None
        self.o: queries.Opened | None = None  # once logged in
        self.lang = "de"
        self._contract: UUID | None = None
        self._bad = 0
        self._farewell = ""

    @property
    def box(self) -> queries.Opened:
        """The mailbox of who is logged in."""
        assert self.o is not None
        return self.o

    async def pool(self, work: Callable[[], T]) -> T:
        """Run it in a thread."""
        return await self.server.pool(work)

    def limit_login(self) -> None:
        """A stranger has so long to log in."""
        self.stream.deadline = asyncio.get_running_loop().time() + self.server.bounds.login_seconds

    def enter(self, o: queries.Opened, lang: str) -> None:
        """Somebody has logged in. Raises No where they have too many connections."""
        contract = o.mailbox.contract_id
        assert contract is not None
        if self.server.persons[contract] >= self.server.bounds.connections_a_person:
            raise No("Too many connections", "TRYLATER")
        self.server.persons[contract] += 1
        self.server.counts["logins"] += 1
        self.o, self.lang, self._contract = o, lang, contract
        self.stream.deadline = float("inf")  # from here on the registered connection has its own

    def forget(self) -> None:
        """Who was logged in is not any more."""
        if self._contract is not None:
            self.server.persons[self._contract] -= 1
            if not self.server.persons[self._contract]:
                del self.server.persons[self._contract]
        self.o, self._contract, self.lang = None, None, "de"

    def interrupt(self, farewell: str) -> None:
        """End this connection with these words."""
        self._farewell = self._farewell or farewell
        self.stream.interrupt()

    async def run(self) -> None:
        """Serve until it ends."""
        self.stream.write(signing.capabilities(self) + line("OK", "ready"))
        try:
            while True:
                await self._command()
        except (Gone, ConnectionError):
            return self.stream.close()
        except Interrupted:
            self._bye(self._farewell or "Server is going down, come back soon", "TRYLATER")
        except TimedOut:
            self._bye("Too long without a word")
        except TooLong:
            self._bye("Line too long")
        except _Bye as bye:
            self._bye(str(bye))
        except asyncio.CancelledError:
            self.stream.close()
            raise
        except Exception as error:  # noqa: BLE001 - a bug ends one connection
            log.bug(error, role="doors")
            self._bye("Internal error", "TRYLATER")
        return None

    async def read(self, most: int) -> tuple[bytes, list[bytes]]:
        """A command's text, and its literals. A script that is too large is read and forgotten. Raises No, TooLong."""
        bounds = self.server.bounds
        text, literals, room = b"", list[bytes](), most
        while True:
            piece, size = managesieve.literal(await self.stream.line(limit=bounds.line_bytes, seconds=bounds.silence_seconds))
            if managesieve.HERE in piece:
                raise _Bye("No NUL in a command")
            text += piece
            if len(text) > bounds.line_bytes:
                raise TooLong
            if size is None:
                return text, literals
            if size > room or len(literals) >= managesieve.MOST_ARGUMENTS:
                await self._forget_literal(size)
            literals.append(await self.stream.exactly(size, seconds=bounds.literal_seconds))
            room -= size
            text += managesieve.HERE

    async def _forget_literal(self, size: int) -> None:
        bounds = self.server.bounds
        if size > bounds.discarded_bytes or self.o is None:
            raise _Bye("Literal too large")
        await self.stream.exactly(size, seconds=bounds.literal_seconds, keep=False)
        if managesieve.literal(await self.stream.line(limit=bounds.line_bytes, seconds=bounds.literal_seconds))[1] is not None:
            raise _Bye("Literal too large")
        raise No("A script may not be that large", "QUOTA/MAXSIZE")

    async def _command(self) -> None:
        bounds = self.server.bounds
        try:
            text, literals = await self.read(bounds.strange_bytes if self.o is None else bounds.script_bytes + bounds.line_bytes)
            answer = await self._done(managesieve.command(text, literals))
        except BadSyntax as bad:
            answer = line("NO", f"{bad}".capitalize())
            self._bad += 1
        except No as no:
            answer = line("NO", no.text, no.code)
        except StadtmailError as error:
            known = of_error(error)
            if known is None:
                log.bug(error, role="doors")
            answer = line("NO", known.text, known.code) if known else line("NO", "Try again later", "TRYLATER")
        except (Gone, Interrupted, TimedOut, TooLong, _Bye, ConnectionError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug ends one command
            log.bug(error, role="doors")
            answer = line("NO", "Try again later", "TRYLATER")
        self.stream.write(answer)
        await self.stream.drained()
        if self._bad > bounds.bad_commands:
            raise _Bye("Too many errors")

    async def _done(self, command: managesieve.Command) -> bytes:
        if command.verb == "LOGOUT":
            scripts.expect(command.arguments, 0)
            self.stream.write(line("OK", "See you"))
            raise Gone
        run = STRANGERS.get(command.verb) or (HOLDERS.get(command.verb) if self.o is not None else None)
        if run is None:
            raise BadSyntax("log in first" if command.verb in HOLDERS else "no such command")
        self.server.counts["commands"] += 1
        return await run(self, command.arguments)

    def _bye(self, words: str, code: str = "") -> None:
        self.stream.write(line("BYE", words, code))
        self.stream.close()
