"""LIST with its selections and results (RFC 9051 6.3.9, RFC 5258, 5819, 6154, 8440), LSUB, STATUS, NAMESPACE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from stadtmail.doors.imap import places, telling
from stadtmail.doors.imap.replies import No
from stadtmail.kit import clock
from stadtmail.mail import shares, views
from stadtmail.mail.views import State
from stadtmail.usage import recents
from stadtmail.wire import imapnames, imapwrite
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

USES = {"drafts": b"\\Drafts", "sent": b"\\Sent", "junk": b"\\Junk", "trash": b"\\Trash", "archive": b"\\Archive"}
SELECTIONS = frozenset(["SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"])
RETURNS = frozenset(["SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS", "MYRIGHTS"])
ITEMS = frozenset(
    ["MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED", "DELETED-STORAGE", "SIZE", "HIGHESTMODSEQ", "APPENDLIMIT",
     "MAILBOXID"]
)
MOST_PATTERN = 400


@dataclass
class Asked:
    """What a LIST asks for."""

    patterns: list[str]
    selections: set[str] = field(default_factory=set)
    returns: set[str] = field(default_factory=set)
    items: list[str] = field(default_factory=list)
    is_extended: bool = False


@dataclass(frozen=True)
class Line:
    """One name of the answer."""

    name: str
    attributes: tuple[bytes, ...]
    state: State | None
    child_info: bool = False


async def namespace(session: "Session", cursor: Cursor) -> bytes:
    """NAMESPACE (RFC 2342): one's own, and what other people share."""
    cursor.end()
    session.say(b'NAMESPACE (("" "/")) ((%b "/")) NIL' % imapwrite.string(places.OTHERS.encode()))
    return b"OK Done"


async def listed(session: "Session", cursor: Cursor) -> bytes:
    """LIST."""
    asked = _asked(cursor)
    if asked.patterns == [""] and not asked.is_extended:
        session.say(b'LIST (\\Noselect) "/" ""')
        return b"OK Done"
    known = await places.all_of(session)
    may = {one.state.id: one.rights for one in known}
    gone = await _gone(session) if "SUBSCRIBED" in asked.selections else []
    for line in lines([one.state for one in known], asked, gone):
        _say(session, b"LIST", line)
        if "MYRIGHTS" in asked.returns and line.state is not None:
            session.say(b"MYRIGHTS %b %b" % (written(session, line.name), rights(may[line.state.id])))
        if line.state is not None and "r" not in may[line.state.id]:
            continue
        if asked.items and line.state is not None:
            await _say_status(session, line.state, asked.items)
    return b"OK Done"


async def subscribed(session: "Session", cursor: Cursor) -> bytes:
    """LSUB (RFC 3501): subscribed names; for a pattern with % also the levels above them, which have \\Noselect."""
    cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    pattern = _short(reference + cursor.pattern())
    cursor.end()
    states = [one.state for one in await places.all_of(session) if one.state.subscribed]
    gone = await _gone(session)
    names = {one.name for one in states} | set(gone)
    for line in lines(states, Asked([pattern]), gone):
        if line.name in names:
            _say(session, b"LSUB", Line(line.name, (), line.state))
        elif "%" in pattern:
            _say(session, b"LSUB", Line(line.name, (b"\\Noselect",), None))
    return b"OK Done"


async def _gone(session: "Session") -> list[str]:
    """Subscribed names of which there is no folder any more."""
    return list((await session.pool(partial(views.subscriptions, session.box))).values())


async def status(session: "Session", cursor: Cursor) -> bytes:
    """STATUS (RFC 9051 6.3.11)."""
    cursor.space()
    name = cursor.mailbox()
    cursor.space()
    items = _items(cursor)
    cursor.end()
    await _say_status(session, (await places.find(session, name, needs="r")).state, items)
    return b"OK Done"


def lines(states: Sequence[State], asked: Asked, gone: Sequence[str] = ()) -> list[Line]:
    """The names that match, with the levels above them that are no folders themselves. Sorted as the mailbox has them.

    `gone`: subscribed names without a folder, which belong into a list of subscriptions.
    """
    folders = {one.name: one for one in states}
    subscribed = {one.name for one in states if one.subscribed} | set(gone)
    names = [*folders, *gone]
    for name in tuple(names):
        above = name.rpartition("/")[0]
        while above and above not in folders and above not in names:
            names.append(above)
            above = above.rpartition("/")[0]
    parents = {above for name in names for above in _above(name)}
    chosen = {name for name in names if _is_chosen(name, folders.get(name), subscribed, asked)}
    matching = {name for name in names if any(imapnames.is_match(name, one) for one in asked.patterns)}
    above_chosen = {above for name in chosen - matching for above in _above(name)}  # who matches is told itself (RFC 5258 4)
    found = []
    for name in names:
        state = folders.get(name)
        info = "RECURSIVEMATCH" in asked.selections and name in above_chosen
        if (name in chosen or info) and name in matching:
            attributes = _attributes(name, state, asked, parents=parents, is_subscribed=name in subscribed)
            found.append(Line(name, attributes, state, info))
    return found


def _is_chosen(name: str, state: State | None, subscribed: set[str], asked: Asked) -> bool:
    if "SUBSCRIBED" in asked.selections and name not in subscribed:
        return False
    return "SPECIAL-USE" not in asked.selections or (state is not None and state.special in USES)


def _attributes(name: str, state: State | None, asked: Asked, *, parents: set[str], is_subscribed: bool) -> tuple[bytes, ...]:
    found = [] if state else [b"\\NonExistent" if asked.is_extended else b"\\Noselect"]
    if state and state.special in USES:
        found.append(USES[state.special])
    if is_subscribed and "SUBSCRIBED" in asked.selections | asked.returns:
        found.append(b"\\Subscribed")
    found.append(b"\\HasChildren" if name in parents else b"\\HasNoChildren")
    return tuple(found)


def _above(name: str) -> list[str]:
    levels = name.split("/")
    return ["/".join(levels[:n]) for n in range(1, len(levels))]


def _asked(cursor: Cursor) -> Asked:
    cursor.space()
    asked = Asked([])
    if cursor.is_next(b"("):
        asked.is_extended = True
        asked.selections = set(cursor.list_of(cursor.word))
        if asked.selections - SELECTIONS or "RECURSIVEMATCH" in asked.selections <= {"RECURSIVEMATCH", "REMOTE"}:
            raise BadSyntax("no such selection")
        cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    if cursor.is_next(b"("):
        asked.is_extended = True
        patterns = cursor.list_of(cursor.pattern)
        if not patterns or len(patterns) > 50:
            raise BadSyntax("patterns are expected")
    else:
        patterns = [cursor.pattern()]
    asked.patterns = [_short(reference + one) if one or asked.is_extended else "" for one in patterns]
    if not cursor.is_end():
        cursor.space()
        _returns(cursor, asked)
    cursor.end()
    return asked


def _returns(cursor: Cursor, asked: Asked) -> None:
    if cursor.word() != "RETURN":
        raise BadSyntax("RETURN is expected")
    asked.is_extended = True
    cursor.space()

    def option() -> str:
        word = cursor.word()
        if word not in RETURNS:
            raise BadSyntax("no such result")
        if word == "STATUS":
            cursor.space()
            asked.items = _items(cursor)
        return word

    asked.returns = set(cursor.list_of(option))


def _items(cursor: Cursor) -> list[str]:
    items: list[str] = cursor.list_of(cursor.word)
    if not items or set(items) - ITEMS:
        raise BadSyntax("no such status")
    return list(dict.fromkeys(items))


def _short(pattern: str) -> str:
    if len(pattern) > MOST_PATTERN:
        raise No("Pattern too long", "LIMIT")
    return pattern


def mailbox_id(folder: UUID) -> bytes:
    """What stays the same when a folder is renamed (RFC 8474 4)."""
    return b"F" + folder.hex.encode()


def rights(may: str) -> bytes:
    """Rights as they are told: with the old c and d where one of their members is there (RFC 4314 2.1.1)."""
    old = [word for word, members in (("c", shares.CREATE), ("d", shares.DELETE)) if set(members) & set(may)]
    return (shares.ordered(may) + "".join(old)).encode() or b'""'


def written(session: "Session", name: str) -> bytes:
    """A folder's name as this client reads it."""
    return imapwrite.astring(imapnames.written(name, utf8=session.utf8), utf8=session.utf8)


def _say(session: "Session", word: bytes, line: Line) -> None:
    more = b' ("CHILDINFO" ("SUBSCRIBED"))' if line.child_info else b""
    session.say(b'%b (%b) "/" %b%b' % (word, b" ".join(line.attributes), written(session, line.name), more))


async def _say_status(session: "Session", state: State, items: Sequence[str]) -> None:
    if "HIGHESTMODSEQ" in items:
        telling.become_aware(session)
    counts = await session.pool(lambda: views.counts(state.id, recent=_first_recent(state) if "RECENT" in items else 0))
    values: dict[str, Callable[[], object]] = {
        "MESSAGES": lambda: counts.total, "RECENT": lambda: counts.recent, "UIDNEXT": lambda: state.uidnext,
        "UIDVALIDITY": lambda: state.uidvalidity, "UNSEEN": lambda: counts.total - counts.seen, "SIZE": lambda: counts.size_bytes,
        "DELETED": lambda: counts.deleted, "DELETED-STORAGE": lambda: counts.deleted_bytes, "HIGHESTMODSEQ": lambda: state.modseq,
        "APPENDLIMIT": lambda: session.server.bounds.message_bytes, "MAILBOXID": lambda: f"({mailbox_id(state.id).decode()})",
    }  # fmt: skip
    said = " ".join(f"{item} {values[item]()}" for item in items)
    session.say(b"STATUS %b (%b)" % (written(session, state.name), said.encode("ascii")))


def _first_recent(state: State) -> int:
    return recents.first(state.id, at_least=state.recent, now=clock.now())
