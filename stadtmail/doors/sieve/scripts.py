"""The commands about scripts (RFC 5804 2.4 to 2.12): each is one call into the mail room for the mailbox of who is logged in."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.sieve.replies import No, line
from stadtmail.kit import clock
from stadtmail.mail.actions import filters
from stadtmail.mail.actions.filters import BadScript
from stadtmail.mail.filterwords import Problem
from stadtmail.wire.managesieve import BadSyntax, string

if TYPE_CHECKING:
    from stadtmail.doors.sieve.session import Session

Arguments = Sequence[bytes | int]


async def put(session: "Session", arguments: Arguments) -> bytes:
    """PUTSCRIPT name text (2.6)."""
    name, text = text_of(arguments, 0, 2), _bytes(arguments[1])
    work = partial(filters.put, session.box, name, text, enqueue=session.server.enqueue, now=clock.now())
    return await _judged(session, partial(_told, work))


async def check(session: "Session", arguments: Arguments) -> bytes:
    """CHECKSCRIPT text (2.12)."""
    expect(arguments, 1)
    return await _judged(session, partial(_told, partial(filters.check, session.box, _bytes(arguments[0]))))


async def get(session: "Session", arguments: Arguments) -> bytes:
    """GETSCRIPT name (2.9)."""
    text = (await session.pool(partial(filters.text_of, session.box, text_of(arguments, 0, 1)))).encode()
    session.stream.write(b"{%d}\r\n" % len(text) + text + b"\r\n")
    return line("OK", "Done")


async def listed(session: "Session", arguments: Arguments) -> bytes:
    """LISTSCRIPTS (2.7)."""
    expect(arguments, 0)
    for one in await session.pool(partial(filters.listed, session.box)):
        session.stream.write(string(one.name.encode()) + (b" ACTIVE" if one.is_active else b"") + b"\r\n")
    return line("OK", "Done")


async def activate(session: "Session", arguments: Arguments) -> bytes:
    """SETACTIVE name, or "" for none (2.8)."""
    await session.pool(partial(filters.activate, session.box, text_of(arguments, 0, 1), now=clock.now()))
    return line("OK", "Done")


async def delete(session: "Session", arguments: Arguments) -> bytes:
    """DELETESCRIPT name (2.10)."""
    await session.pool(partial(filters.delete, session.box, text_of(arguments, 0, 1), now=clock.now()))
    return line("OK", "Done")


async def rename(session: "Session", arguments: Arguments) -> bytes:
    """RENAMESCRIPT old new (2.11.1)."""
    old, new = text_of(arguments, 0, 2), text_of(arguments, 1, 2)
    await session.pool(partial(filters.rename, session.box, old, new, now=clock.now()))
    return line("OK", "Done")


async def have_space(session: "Session", arguments: Arguments) -> bytes:
    """HAVESPACE name size (2.5)."""
    name, size = text_of(arguments, 0, 2), arguments[1]
    if not isinstance(size, int):
        raise BadSyntax("a number is expected")
    if size > session.server.bounds.script_bytes:
        raise No("A script may not be that large", "QUOTA/MAXSIZE")
    await session.pool(partial(filters.has_room, session.box, name, size))
    return line("OK", "Done")


def expect(arguments: Arguments, count: int) -> None:
    """So many arguments. Raises BadSyntax."""
    if len(arguments) != count:
        raise BadSyntax("the number of arguments is wrong")


def text_of(arguments: Arguments, at: int, count: int) -> str:
    """An argument as text, of so many. Raises BadSyntax."""
    expect(arguments, count)
    try:
        return _bytes(arguments[at]).decode()
    except UnicodeDecodeError:
        raise BadSyntax("UTF-8 is expected") from None


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise BadSyntax("a string is expected")
    return value


def _told(work: "partial[list[Problem]]") -> list[Problem] | Problem:
    """What to know about a script, or what is wrong with it."""
    try:
        return work()
    except BadScript as bad:
        return bad.problem


async def _judged(session: "Session", work: "partial[list[Problem] | Problem]") -> bytes:
    found = await session.pool(work)
    if isinstance(found, Problem):
        raise No(found.words(session.lang))
    if found:
        return line("OK", "\r\n".join(one.words(session.lang) for one in found), "WARNINGS")
    return line("OK", "Done")
