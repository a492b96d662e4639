"""STORE, EXPUNGE, COPY, MOVE, APPEND (RFC 9051 6.3.12 and 6.4, RFC 4315, 6851, 7162)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from stadtmail.doors.imap import places, telling
from stadtmail.doors.imap.fetching import GONE, messages
from stadtmail.doors.imap.numbers import View
from stadtmail.doors.imap.places import Place
from stadtmail.doors.imap.replies import No
from stadtmail.kit import clock
from stadtmail.mail import given, queries, shares
from stadtmail.mail.actions import changing, crossing, filing
from stadtmail.mail.folders import FLAG_NAMES
from stadtmail.mail.queries import Opened
from stadtmail.mail.views import NoSuchFolder
from stadtmail.wire import imap
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

WAYS = {"FLAGS": changing.REPLACE, "+FLAGS": changing.ADD, "-FLAGS": changing.REMOVE}
SYSTEM = sum(FLAG_NAMES)
Cross = Callable[..., changing.Moved]
_BITS = {name.lower().encode(): bit for bit, name in FLAG_NAMES.items()}
_NOTHING = bytes(No("Some of the messages no longer exist", "EXPUNGEISSUED"))


async def store(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """STORE, UID STORE."""
    cursor.space()
    wanted = messages(cursor)
    cursor.space()
    unchanged_since = _unchanged_since(session, cursor)
    word = cursor.word()
    how, silent = WAYS.get(word.removesuffix(".SILENT")), word.endswith(".SILENT")
    if how is None:
        raise BadSyntax("no such change")
    cursor.space()
    named = cursor.flags()
    cursor.end()
    view = _writable(session, "swt")
    uids = [view.numbers.uids[at] for at in view.indexes(wanted, uid=uid)]
    bits = await _bits(session, named, makes=how != changing.REMOVE)
    among = shares.flags_of(view.rights)
    if bits and not bits & among:  # where one of them may be changed, the others are left as they are (RFC 4314 4)
        raise places.no_permission()
    needs = "".join(one for one in view.rights if shares.flags_of(one) & (bits if how else -1))  # asked again when it is written
    wish = changing.Wish(session.entitled(needs), view.folder.id, uids, how, bits, among, unchanged_since)
    stored = await session.server.flags.store(wish)
    await telling.know_keywords(session, stored.now)
    for change in stored.now:
        if not silent or session.is_aware:
            telling.tell_flags(session, change, flags=not silent, uid=uid or session.is_aware)
        await session.stream.drained()
    view.own |= {change[0]: change for change in stored.now}
    session.server.changed(view.folder.id, session)
    if stored.modified:
        left = stored.modified if uid else [view.numbers.at(one) + 1 for one in stored.modified]
        return b"OK [MODIFIED %b] Some had changed" % imap.written(left)
    return b"OK Done" if silent or len(stored.now) == len(uids) else GONE


def _unchanged_since(session: "Session", cursor: Cursor) -> int | None:
    if not cursor.is_next(b"("):
        return None
    cursor.expect(b"(")
    if cursor.word() != "UNCHANGEDSINCE":
        raise BadSyntax("no such modifier")
    cursor.space()
    found = cursor.number()
    cursor.expect(b")")
    cursor.space()
    telling.become_aware(session)
    return found


async def expunge(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """EXPUNGE, UID EXPUNGE."""
    view = session.selected
    uids = None
    if uid:
        cursor.space()
        uids = [view.numbers.uids[at] for at in view.indexes(messages(cursor), uid=True)]
    cursor.end()
    _writable(session, "e")
    await session.pool(partial(changing.expunge, session.entitled("e"), view.folder.id, uids=uids, now=clock.now()))
    session.server.changed(view.folder.id, session)
    await telling.catch_up(session, expunges=True)
    return b"OK [HIGHESTMODSEQ %d] Done" % view.synced if "QRESYNC" in session.enabled else b"OK Done"


async def copy(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """COPY, UID COPY: all or none."""
    view, uids, place = await _to(session, cursor, uid=uid)
    target = place.state.id
    if view.given is None and place.given is None:
        copied = await session.pool(partial(filing.copy, session.box, view.folder.id, uids, to=target, now=clock.now()))
    else:
        copied = await _across(session, crossing.copy, session.reader, uids, place)
    session.server.changed(target, session)
    if len(copied.old) != len(uids) and not copied.old:
        return _NOTHING
    return b"OK [%b] Done" % _copyuid(copied) if copied.old else b"OK Nothing to copy"


async def move(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """MOVE, UID MOVE: the new uids are told before the messages go."""
    view, uids, place = await _to(session, cursor, uid=uid)
    target = place.state.id
    if not set("te") <= set(_writable(session, "te").rights):
        raise places.no_permission()
    if view.given is None and place.given is None:
        moved = await session.pool(partial(changing.move, session.box, view.folder.id, uids, to=target, now=clock.now()))
    else:
        moved = await _across(session, crossing.move, session.entitled("rte"), uids, place)
    for folder in {target, view.folder.id}:
        session.server.changed(folder, session)
    if not moved.old:
        return _NOTHING if uids else b"OK Nothing to move"
    session.say(b"OK [%b] Moved" % _copyuid(moved))
    await telling.catch_up(session, expunges=True)
    return b"OK [HIGHESTMODSEQ %d] Done" % view.synced if "QRESYNC" in session.enabled else b"OK Done"


async def append(session: "Session", cursor: Cursor) -> bytes:
    """APPEND of one message or several (RFC 3502), each with flags and date where given: all or none."""
    cursor.space()
    name = cursor.mailbox()
    found = []
    while not cursor.is_end():
        cursor.space()
        found.append(_appended(cursor))
    if not found or not all(len(content) for content, *_ in found):  # RFC 3502 6.3.11: an empty one takes everything back
        raise No("A message is expected", "CANNOT")
    place = await _named(session, name)
    folder, box = place.state.id, place.opened(session, "i")
    news = [filing.New(content, await _bits_for(session, named, place), at) for content, named, at in found]
    appended = await session.pool(partial(filing.append, box, folder, news, now=clock.now()))
    session.server.changed(folder, session)
    return b"OK [APPENDUID %d %b] Done" % (appended.uidvalidity, imap.written(appended.uids))


def _appended(cursor: Cursor) -> tuple[Any, list[bytes], datetime]:
    """One message: its content, flags, internal date."""
    named: list[bytes] = []
    if cursor.is_next(b"("):
        named = cursor.flags()
        cursor.space()
    at = clock.now()
    if cursor.is_next(b'"'):
        at = cursor.moment()
        cursor.space()
    return _content(cursor), named, at


def _content(cursor: Cursor) -> Any:
    if cursor.is_named(b"UTF8 ("):  # RFC 6855 4
        cursor.word()
        cursor.space()
        cursor.expect(b"(")
        content = cursor.content()
        cursor.expect(b")")
        return content
    return cursor.content()


async def _to(session: "Session", cursor: Cursor, *, uid: bool) -> tuple[View, list[int], Place]:
    cursor.space()
    wanted = messages(cursor)
    cursor.space()
    name = cursor.mailbox()
    cursor.end()
    view = session.selected
    uids = [view.numbers.uids[at] for at in view.indexes(wanted, uid=uid)]
    return view, uids, await _named(session, name)


async def _named(session: "Session", name: str) -> Place:
    """Where messages are to go. Raises No, also where nothing may be put."""
    try:
        return await places.find(session, name, needs="i")
    except NoSuchFolder:
        raise No("No such mailbox", "NONEXISTENT" if given.is_others(name) else "TRYCREATE") from None


async def _across(session: "Session", way: Cross, source: Opened, uids: Sequence[int], place: Place) -> changing.Moved:
    """Copy or move from one mailbox into another, with the flags that the rights in the target allow."""
    words, mask = dict(session.keywords), shares.flags_of(place.rights)
    used = [words[bit] for bit in words if any(session.selected.numbers.flags[at] >> bit & 1 for at in _at(session.selected, uids))]
    if place.given is None:
        await session.pool(partial(changing.keyword_bits, session.box, used, now=clock.now()))
        there = await session.pool(partial(queries.keywords, session.box))
    else:
        there = await session.pool(partial(given.words, place.given))
    bits = {name.lower(): bit for bit, name in there.items()}
    pairs = [(bit, bits[name.lower()]) for bit, name in words.items() if name.lower() in bits]

    def flags(old: int) -> int:
        return (old & SYSTEM | sum(1 << new for bit, new in pairs if old >> bit & 1)) & mask

    folder = session.selected.folder.id
    work = partial(way, source, folder, uids, into=place.opened(session, "i"), to=place.state.id, flags=flags, now=clock.now())
    return await session.pool(work)


def _at(view: View, uids: Sequence[int]) -> list[int]:
    return [at for at in (view.numbers.at(uid) for uid in uids) if at >= 0]


async def _bits_for(session: "Session", named: Sequence[bytes], place: Place) -> int:
    """The flags of a message that comes to a place. In somebody else's folder: what the rights allow, and keywords that it has."""
    if place.given is None:
        return await _bits(session, named, makes=True)
    system, keywords = _parted(named)
    there = await session.pool(partial(given.words, place.given)) if keywords else {}
    known = {name.lower(): bit for bit, name in there.items()}
    bits = system | sum({1 << known[name.lower()] for name in keywords if name.lower() in known})
    return bits & shares.flags_of(place.rights)


async def _bits(session: "Session", named: Sequence[bytes], *, makes: bool) -> int:
    """The bits of these flags; keywords that are new are made, or (where flags are taken away, and by guests) left out."""
    bits, keywords = _parted(named)
    if not keywords:
        return bits
    if makes and (session.view is None or session.view.given is None):
        return bits | await session.pool(partial(changing.keyword_bits, session.box, keywords, now=clock.now()))
    await telling.learn_keywords(session)
    known = {name.lower(): bit for bit, name in session.keywords.items()}
    return bits | sum({1 << known[name.lower()] for name in keywords if name.lower() in known})


def _parted(named: Sequence[bytes]) -> tuple[int, list[str]]:
    """System flags as bits, and keywords. Raises BadSyntax."""
    bits, keywords = 0, []
    for name in named:
        if name.startswith(b"\\"):
            if name.lower() not in _BITS:
                raise BadSyntax("no such flag")
            bits |= _BITS[name.lower()]
        else:
            keywords.append(name.decode("ascii"))
    return bits, keywords


def _writable(session: "Session", needs: str) -> View:
    """The selected folder, where one of these rights is there. Raises No."""
    view = session.selected
    if view.read_only:
        raise No("The mailbox is open for reading only", "READ-ONLY")
    if not set(needs) & set(view.rights):
        raise places.no_permission()
    return view


def _copyuid(moved: changing.Moved) -> bytes:
    return b"COPYUID %d %b %b" % (moved.uidvalidity, imap.written(moved.old), imap.written(moved.new))
