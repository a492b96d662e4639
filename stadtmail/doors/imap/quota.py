"""GETQUOTA and GETQUOTAROOT (RFC 9208): one root for the whole mailbox, counted in units of 1,024 octets. Nobody sets it here."""

from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap import listing
from stadtmail.doors.imap.replies import No
from stadtmail.mail import given, views
from stadtmail.wire.imap import Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

UNIT = 1024


async def root(session: "Session", cursor: Cursor) -> bytes:
    """GETQUOTAROOT; of a name that does not exist too, as RFC 9208 4.1.2 wants it."""
    cursor.space()
    name = views.canonical(cursor.mailbox())
    cursor.end()
    if given.is_others(name):  # it counts for its holder, and how full their mailbox is they alone know
        session.say(b"QUOTAROOT %b" % listing.written(session, name))
        return b"OK Done"
    session.say(b'QUOTAROOT %b ""' % listing.written(session, name))
    return await _told(session)


async def of_root(session: "Session", cursor: Cursor) -> bytes:
    """GETQUOTA."""
    cursor.space()
    name = cursor.astring()
    cursor.end()
    if name:
        raise No("No such quota root", "NONEXISTENT")
    return await _told(session)


async def _told(session: "Session") -> bytes:
    used, allowed = await session.pool(partial(views.quota, session.box))
    session.say(b'QUOTA "" (STORAGE %d %d)' % (-(-used // UNIT), allowed // UNIT))
    return b"OK Done"
