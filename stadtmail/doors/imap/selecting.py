"""SELECT and EXAMINE with quick resynchronisation (RFC 9051 6.3.2, RFC 7162 3.2.5), CLOSE, UNSELECT."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from stadtmail.doors.imap import listing, places, telling
from stadtmail.doors.imap.numbers import Numbers, Shelf, View
from stadtmail.kit import clock
from stadtmail.mail import views
from stadtmail.mail.actions import changing
from stadtmail.mail.folders import SEEN
from stadtmail.mail.views import State
from stadtmail.wire import imap
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session


@dataclass(frozen=True)
class Resync:
    """What a client still knows of a folder. (Its pairs of sequence numbers and uids only save octets: they are not used.)"""

    uidvalidity: int
    modseq: int
    known: imap.Ranges | None


async def select(session: "Session", cursor: Cursor, *, read_only: bool) -> bytes:
    """SELECT, EXAMINE."""
    cursor.space()
    name = cursor.mailbox()
    resync = None
    if not cursor.is_end():
        cursor.space()
        resync = _parameters(session, cursor)
    cursor.end()
    if session.view is not None:
        await leave(session)  # also where the new one cannot be selected
        session.say(b"OK [CLOSED] Done")
    state, view = await session.quick(partial(_view, session, name, read_only))
    session.view = view
    await telling.learn_keywords(session)
    session.say(b"%d EXISTS" % len(view.numbers))
    if "IMAP4REV2" not in session.enabled:
        await telling.say_recent(session)
        await telling.note_recent(session)
        unseen = next((at for at, flags in enumerate(view.numbers.flags, 1) if not flags & SEEN), 0)
        if unseen:
            session.say(b"OK [UNSEEN %d] First unseen" % unseen)
    else:
        session.say(b'LIST () "/" ' + listing.written(session, state.name))
    telling.say_flags(session)
    session.say(b"OK [UIDVALIDITY %d] Valid" % state.uidvalidity)
    session.say(b"OK [UIDNEXT %d] Next" % state.uidnext)
    session.say(b"OK [HIGHESTMODSEQ %d] Newest" % view.synced)
    session.say(b"OK [MAILBOXID (%b)] Same for ever" % listing.mailbox_id(state.id))
    if resync is not None and resync.uidvalidity == state.uidvalidity:
        await tell_since(session, resync.modseq, known=resync.known)
    return b"OK [READ-WRITE] Done" if view.is_changeable else b"OK [READ-ONLY] Done"


async def close(session: "Session", cursor: Cursor) -> bytes:
    """CLOSE: what is flagged as deleted goes without a word; after EXAMINE, and without the right to expunge, nothing does."""
    cursor.end()
    view, box = session.selected, session.entitled("e")
    await leave(session)
    if not view.read_only and "e" in view.rights:
        gone = await session.pool(partial(changing.expunge, box, view.folder.id, now=clock.now()))
        if gone:
            session.server.changed(view.folder.id, session)
            if "QRESYNC" in session.enabled:
                modseq, *_ = await session.pool(partial(views.position, view.folder.id))
                return b"OK [HIGHESTMODSEQ %d] Done" % modseq
    return b"OK Done"


async def unselect(session: "Session", cursor: Cursor) -> bytes:
    """UNSELECT."""
    cursor.end()
    await leave(session)
    return b"OK Done"


async def leave(session: "Session") -> None:
    """The folder is not selected any more; what came while it was is not \\Recent to the next program."""
    try:
        await telling.note_recent(session)
    finally:
        session.view = None


async def tell_since(session: "Session", modseq: int, *, known: imap.Ranges | None) -> None:
    """VANISHED (EARLIER) and the flags that changed since: what a client that comes back has to know."""
    view = session.selected
    gone = await session.pool(partial(_vanished, view, modseq, known))
    if gone:
        session.say(b"VANISHED (EARLIER) " + imap.written(gone))
    uids, flags, modseqs = view.numbers.uids, view.numbers.flags, view.numbers.modseqs
    for at, changed in enumerate(modseqs):
        if changed > modseq and (known is None or is_in(uids[at], known)):
            parts = (at + 1, uids[at], telling.flag_list(session, uids[at], flags[at]), changed)
            session.say(b"%d FETCH (UID %d FLAGS (%b) MODSEQ (%d))" % parts)
            await session.stream.drained()


def vanished(view: View, modseq: int, known: imap.Ranges | None) -> list[int]:
    """Uids that are not there and were (or may have been) at a modseq; of those that the client knows. Raises NoSuchFolder."""
    return _vanished(view, modseq, known)


def is_in(uid: int, of: imap.Ranges) -> bool:
    """Is it in a set? ("*" is any number that large.)"""
    return any(low <= uid <= high for low, high in imap.resolved(of, 2**32 - 1))


def _vanished(view: View, modseq: int, known: imap.Ranges | None) -> list[int]:
    _, uidnext, forgotten = views.position(view.folder.id)
    if forgotten > modseq:  # not remembered any more: everything that is not there (RFC 7162 3.2.5.1)
        here = set(view.numbers.uids)
        spans = [(1, uidnext - 1)] if known is None else [(low, min(high, uidnext - 1)) for low, high in imap.resolved(known, uidnext)]
        found = {uid for low, high in spans for uid in range(low, high + 1)} - here
    else:
        ranges = views.expunged(view.folder.id, since=modseq)
        found = {uid for first, last in ranges for uid in range(first, last + 1) if known is None or is_in(uid, known)}
    return sorted(uid for uid in found if view.numbers.at(uid) < 0)


def _view(session: "Session", name: str, read_only: bool) -> tuple[State, View]:
    place = places.known(session, name)
    place.opened(session, "r")
    state = place.state
    modseq, numbers = _numbers(session.server.shelf, state.id)
    session.server.shelf.put(state.id, modseq, numbers)
    state = replace(state, uidnext=views.position(state.id)[1])
    return state, View(state, numbers, modseq, read_only, place.given, place.rights)


def _numbers(shelf: Shelf, folder: UUID) -> tuple[int, Numbers]:
    """(modseq, numbers) of a folder: what is on the shelf, brought up to date, else all of it."""
    kept = shelf.newest(folder)
    if kept is not None:
        news = views.news(folder, since=kept[0], known=kept[1].uids)
        if news is None:
            return kept
        if news.is_exact:
            return news.modseq, kept[1].after(news.changes, news.gone)
    modseq, _, rows = views.snapshot(folder)
    return modseq, Numbers(rows)


def _parameters(session: "Session", cursor: Cursor) -> Resync | None:
    """(CONDSTORE) or (QRESYNC (…))."""
    found: list[Resync] = []

    def one() -> None:
        word = cursor.word()
        if word == "CONDSTORE":
            session.is_aware = True
        elif word == "QRESYNC":
            if "QRESYNC" not in session.enabled:
                raise BadSyntax("enable QRESYNC first")
            cursor.space()
            found.append(_resync(cursor))
        else:
            raise BadSyntax("no such parameter")

    cursor.list_of(one)
    return found[0] if found else None


def _resync(cursor: Cursor) -> Resync:
    cursor.expect(b"(")
    uidvalidity = cursor.number()
    cursor.space()
    modseq = cursor.number()
    known = None
    if cursor.skip(b" "):
        if not cursor.is_next(b"("):
            known = cursor.ranges()
            if any(imap.STAR in pair for pair in known):
                raise BadSyntax("known uids are numbers")
        if known is None or cursor.skip(b" "):
            cursor.expect(b"(")
            cursor.ranges()
            cursor.space()
            cursor.ranges()
            cursor.expect(b")")
    cursor.expect(b")")
    if not uidvalidity or not modseq:
        raise BadSyntax("numbers are expected")
    return Resync(uidvalidity, modseq, known)
