"""IDLE (RFC 2177, RFC 9051 6.3.13): what happens in the folder is told as it happens, for as long as the connection may last."""

from typing import TYPE_CHECKING

from stadtmail.doors.imap import telling
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session


async def idle(session: "Session", cursor: Cursor) -> bytes:
    """IDLE, until DONE."""
    cursor.end()
    bounds, stream = session.server.bounds, session.stream
    stream.write(b"+ Waiting\r\n")
    folder = session.view.folder.id if session.view is not None else None
    if folder is not None:
        session.server.wait_in(folder, session)
    try:
        while True:
            if session.view is not None:
                await telling.catch_up(session, expunges=True)
            happened = await stream.wait(bounds.still_here_seconds)
            if happened == "word":
                break
            if not happened:
                session.say(b"OK Still here")
    finally:
        if folder is not None:
            session.server.wait_no_more(folder, session)
    line = await stream.line(limit=bounds.strange_bytes, seconds=bounds.literal_seconds)
    if line.strip().upper() != b"DONE":
        raise BadSyntax("DONE is expected")
    return b"OK Done"
