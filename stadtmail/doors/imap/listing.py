"""LIST with its selections and results (RFC 9051 6.3.9, RFC 5258, 5819, 6154), LSUB, STATUS, NAMESPACE."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

from stadtmail.doors.imap.replies import No
from stadtmail.mail import views
from stadtmail.mail.views import State
from stadtmail.wire import imapnames, imapwrite
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

USES = {"drafts": b"\\Drafts", "sent": b"\\Sent", "junk": b"\\Junk", "trash": b"\\Trash", "archive": b"\\Archive"}
SELECTIONS = frozenset(["SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"])
RETURNS = frozenset(["SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS"])
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
    """NAMESPACE (RFC 2342): one's own, and nothing else."""
    cursor.end()
    session.say(b'NAMESPACE (("" "/")) NIL NIL')
    return b"OK Done"


async def listed(session: "Session", cursor: Cursor) -> bytes:
    """LIST."""
    asked = _asked(cursor)
    if asked.patterns == [""] and not asked.is_extended:
        session.say(b'LIST (\\Noselect) "/" ""')
        return b"OK Done"
    states = await session.quick(partial(views.states, session.box))
    for line in lines(states, asked):
        _say(session, b"LIST", line)
        if asked.items and line.state is not None:
            await _say_status(session, line.state, asked.items)
    return b"OK Done"


async def subscribed(session: "Session", cursor: Cursor) -> bytes:
    """LSUB (RFC 3501): subscribed names; with % a level above that is none has \\Noselect."""
    cursor.space()
    reference = cursor.mailbox()
    cursor.space()
    pattern = _short(reference + cursor.pattern())
    cursor.end()
    states = [one for one in await session.quick(partial(views.states, session.box)) if one.subscribed]
    for line in lines(states, Asked([pattern])):
        _say(session, b"LSUB", Line(line.name, () if line.state else (b"\\Noselect",), line.state))
    return b"OK Done"


async def status(session: "Session", cursor: Cursor) -> bytes:
    """STATUS (RFC 9051 6.3.11)."""
    cursor.space()
    name = cursor.mailbox()
    cursor.space()
    items = _items(cursor)
    cursor.end()
    state = await session.quick(partial(views.named, session.box, name))
    await _say_status(session, state, items)
    return b"OK Done"


def lines(states: Sequence[State], asked: Asked) -> list[Line]:
    """The names that match, with the levels above them that are no folders themselves. Sorted as the mailbox has them."""
    folders = {one.name: one for one in states}
    names = list(folders)
    for name in folders:
        above = name.rpartition("/")[0]
        while above and above not in folders and above not in names:
            names.append(above)
            above = above.rpartition("/")[0]
    parents = {above for name in names for above in _above(name)}
    chosen = {name for name, one in folders.items() if _is_chosen(one, asked)}
    above_chosen = {above for name in chosen for above in _above(name)}
    found = []
    for name in names:
        state = folders.get(name)
        is_chosen = name in chosen if state else not asked.selections
        info = "RECURSIVEMATCH" in asked.selections and name in above_chosen
        if (is_chosen or info) and any(imapnames.is_match(name, one) for one in asked.patterns):
            found.append(Line(name, _attributes(name, state, asked, parents=parents), state, info))
    return found


def _is_chosen(state: State, asked: Asked) -> bool:
    if "SUBSCRIBED" in asked.selections and not state.subscribed:
        return False
    return "SPECIAL-USE" not in asked.selections or state.special in USES


def _attributes(name: str, state: State | None, asked: Asked, *, parents: set[str]) -> tuple[bytes, ...]:
    found = [] if state else [b"\\NonExistent" if asked.is_extended else b"\\Noselect"]
    if state and state.special in USES:
        found.append(USES[state.special])
    if state and state.subscribed and "SUBSCRIBED" in asked.selections | asked.returns:
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
        if asked.selections - SELECTIONS or asked.selections & {"RECURSIVEMATCH"} == asked.selections != set():
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


def written(session: "Session", name: str) -> bytes:
    """A folder's name as this client reads it."""
    return imapwrite.astring(imapnames.written(name, utf8=session.utf8), utf8=session.utf8)


def _say(session: "Session", word: bytes, line: Line) -> None:
    more = b' ("CHILDINFO" ("SUBSCRIBED"))' if line.child_info else b""
    session.say(b'%b (%b) "/" %b%b' % (word, b" ".join(line.attributes), written(session, line.name), more))


async def _say_status(session: "Session", state: State, items: Sequence[str]) -> None:
    if "HIGHESTMODSEQ" in items:
        session.is_aware = True
    state, counts = await session.pool(lambda: (state, views.counts(state.id)))
    values: dict[str, Callable[[], object]] = {
        "MESSAGES": lambda: counts.total, "RECENT": lambda: 0, "UIDNEXT": lambda: state.uidnext,
        "UIDVALIDITY": lambda: state.uidvalidity, "UNSEEN": lambda: counts.total - counts.seen, "SIZE": lambda: counts.size_bytes,
        "DELETED": lambda: counts.deleted, "DELETED-STORAGE": lambda: counts.deleted_bytes, "HIGHESTMODSEQ": lambda: state.modseq,
        "APPENDLIMIT": lambda: session.server.bounds.message_bytes, "MAILBOXID": lambda: f"({mailbox_id(state.id).decode()})",
    }  # fmt: skip
    said = " ".join(f"{item} {values[item]()}" for item in items)
    session.say(b"STATUS %b (%b)" % (written(session, state.name), said.encode("ascii")))
