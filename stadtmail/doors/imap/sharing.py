"""GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS (RFC 4314): a holder shares their own folders with people of the same city.

Identifiers are first addresses. There are no groups, no "anyone" and no negative rights; k, x and a stay with the holder.
"""

import unicodedata
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap import listing, places
from stadtmail.doors.imap.places import Place
from stadtmail.doors.imap.replies import No
from stadtmail.kit import clock
from stadtmail.mail import given, shares
from stadtmail.mail.actions import sharing
from stadtmail.wire import imapwrite
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

KNOWN = frozenset("lrswipkxtea")  # and the old c and d, which stand for some of them


async def getacl(session: "Session", cursor: Cursor) -> bytes:
    """GETACL: the holder, then whom the folder is shared with."""
    place = await _administered(session, cursor)
    cursor.end()
    own = await session.pool(partial(given.address_of, session.box.mailbox))
    lent = await session.pool(partial(given.lent, session.box, place.state.id))
    pairs = [(own, shares.OWNER), *((one.address, one.rights) for one in lent)]
    said = b" ".join(b"%b %b" % (imapwrite.astring(who.encode(), utf8=session.utf8), listing.rights(may)) for who, may in pairs)
    session.say(b"ACL %b %b" % (listing.written(session, place.state.name), said))
    return b"OK Done"


async def setacl(session: "Session", cursor: Cursor) -> bytes:
    """SETACL: the rights of one person, set, added (+) or taken away (-). What stands from then on is there for them at once."""
    place = await _administered(session, cursor)
    cursor.space()
    who, _ = _identifier(cursor)
    cursor.space()
    how, rights = _change(cursor.astring())
    cursor.end()
    await _refuse_special(session, who)
    if how != "-" and not set(rights) <= set(shares.GIVEN):
        raise No("The rights a, k, p and x are given to nobody", "CANNOT")
    change = {"+": lambda old: old + rights, "-": lambda old: "".join(one for one in old if one not in rights), "": lambda _: rights}[how]
    await session.pool(partial(sharing.share, session.box, place.state.id, who, change, now=clock.now()))
    return b"OK Done"


async def deleteacl(session: "Session", cursor: Cursor) -> bytes:
    """DELETEACL: nothing is shared with this name any more; whether anything was, the answer does not say."""
    place = await _administered(session, cursor)
    cursor.space()
    who, _ = _identifier(cursor)
    cursor.end()
    await _refuse_special(session, who)
    await session.pool(partial(sharing.withdraw, session.box, place.state.id, who, now=clock.now()))
    return b"OK Done"


async def listrights(session: "Session", cursor: Cursor) -> bytes:
    """LISTRIGHTS: the same for every name but one's own, whether somebody has it or not."""
    place = await _administered(session, cursor)
    cursor.space()
    who, said = _identifier(cursor)
    cursor.end()
    name = b"%b %b" % (listing.written(session, place.state.name), imapwrite.astring(said, utf8=session.utf8))
    if who == await session.pool(partial(given.address_of, session.box.mailbox)):
        session.say(b"LISTRIGHTS %b %b" % (name, listing.rights(shares.OWNER)))
    elif _is_special(who):
        session.say(b'LISTRIGHTS %b ""' % name)
    else:
        session.say(b'LISTRIGHTS %b "" %b' % (name, b" ".join(one.encode() for one in [*shares.GIVEN, "d"])))
    return b"OK Done"


async def myrights(session: "Session", cursor: Cursor) -> bytes:
    """MYRIGHTS."""
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    place = await places.find(session, name)
    session.say(b"MYRIGHTS %b %b" % (listing.written(session, place.state.name), listing.rights(place.rights)))
    return b"OK Done"


async def _administered(session: "Session", cursor: Cursor) -> Place:
    cursor.space()
    return await places.find(session, cursor.mailbox(), needs="a")


def _identifier(cursor: Cursor) -> tuple[str, bytes]:
    """A name, prepared (RFC 4314 3), and as it was said. Raises BadSyntax."""
    said = cursor.astring()
    try:
        name = unicodedata.normalize("NFKC", said.decode())
    except UnicodeDecodeError:
        raise BadSyntax("an identifier is expected") from None
    if not name or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise BadSyntax("an identifier is expected")
    return name.strip().lower(), said


def _change(said: bytes) -> tuple[str, str]:
    """("+", "-" or "", rights). Raises BadSyntax for a right that is none (RFC 4314 3.1)."""
    text = said.decode("ascii", "replace")
    how = text[:1] if text[:1] in ("+", "-") and text else ""
    rights = text[len(how) :].replace("c", shares.CREATE).replace("d", shares.DELETE)
    if unknown := next((one for one in rights if one not in KNOWN), ""):
        raise BadSyntax("rights are lower case letters" if unknown.isupper() else "there is no such right")
    return how, shares.ordered(rights) + ("p" if "p" in rights else "")


def _is_special(who: str) -> bool:
    return who.startswith("-") or who in ("anyone", "anonymous", "authenticated", "authuser", "owner")


async def _refuse_special(session: "Session", who: str) -> None:
    if who.startswith("-"):
        raise No("There are no negative rights here", "CANNOT")
    if _is_special(who):
        raise No("A mailbox is shared with single people only", "CANNOT")
    if who == await session.pool(partial(given.address_of, session.box.mailbox)):
        raise No("The owner keeps all rights", "CANNOT")
