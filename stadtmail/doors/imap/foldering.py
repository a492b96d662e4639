"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 9051 6.3.4 to 6.3.8)."""

from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap import listing, places
from stadtmail.doors.imap.replies import No
from stadtmail.kit import clock
from stadtmail.mail import given
from stadtmail.mail.actions import foldering, sharing
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session


async def create(session: "Session", cursor: Cursor) -> bytes:
    """CREATE; a "/" at the end only says that others will lie below it. With USE (RFC 6154 3) for one of the uses that LIST tells."""
    cursor.space()
    name = cursor.mailbox().removesuffix("/")
    use = ""
    if not cursor.is_end():
        cursor.space()
        use = _use(cursor)
    cursor.end()
    places.refuse_others(name)
    made = await session.pool(partial(foldering.create, session.box, name, use=use, subscribed=False, now=clock.now()))
    return b"OK [MAILBOXID (%b)] Done" % listing.mailbox_id(made)


def _use(cursor: Cursor) -> str:
    """(USE (…)). Raises No for what no folder can be here, and for more than one."""
    found: list[bytes] = []

    def one() -> None:
        if cursor.word() != "USE":
            raise BadSyntax("no such parameter")
        cursor.space()
        found.extend(cursor.flags())

    cursor.list_of(one)
    known = {attribute.lower(): use for use, attribute in listing.USES.items()}
    if not found:
        return ""
    if len(found) > 1 or found[0].lower() not in known:
        raise No("No mailbox is for that here", "USEATTR")
    return known[found[0].lower()]


async def delete(session: "Session", cursor: Cursor) -> bytes:
    """DELETE: with everything in it, for good. Sessions that have it open end."""
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    if given.is_others(name):
        await places.find(session, name, needs="x")
    gone = await session.pool(partial(foldering.delete, session.box, name, keep_subscription=True, now=clock.now()))
    if session.view is not None and session.view.folder.id == gone:
        session.view = None
    session.server.changed(gone, session)
    return b"OK Done"


async def rename(session: "Session", cursor: Cursor) -> bytes:
    """RENAME: what lies below goes along; of the inbox only its messages go."""
    cursor.space()
    old = cursor.mailbox()
    cursor.space()
    new = cursor.mailbox().removesuffix("/")
    cursor.end()
    if given.is_others(old):
        await places.find(session, old, needs="x")
    places.refuse_others(new)
    await session.pool(partial(foldering.rename, session.box, old, new, now=clock.now()))
    return b"OK Done"


async def subscribe(session: "Session", cursor: Cursor, *, on: bool) -> bytes:
    """SUBSCRIBE and UNSUBSCRIBE; of a folder that somebody shares it says whether the portal shows it, too."""
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    if given.is_others(name):
        theirs = (await places.find(session, name)).given
        assert theirs is not None
        await session.pool(partial(sharing.take, session.box, theirs.id, on=on, now=clock.now()))
        return b"OK Done"
    await session.pool(partial(foldering.subscribe, session.box, name, on=on, now=clock.now()))
    return b"OK Done"
