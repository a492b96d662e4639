"""SEARCH and UID SEARCH (RFC 9051 6.4.4, RFC 7162 3.1.5): the mail room looks, some messages at a time; the answer is written here."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap import telling
from stadtmail.doors.imap.numbers import View
from stadtmail.doors.imap.replies import No
from stadtmail.kit import clock
from stadtmail.mail import searching
from stadtmail.mail.searching import Row
from stadtmail.wire import imap, imapsearch
from stadtmail.wire.imap import BadSyntax, Cursor
from stadtmail.wire.imapsearch import Key

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session


async def search(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """SEARCH, UID SEARCH."""
    cursor.space()
    try:
        asked = imapsearch.search(cursor)
    except imapsearch.BadCharset as bad:
        raise refused(session, bad.results) from None
    cursor.end()
    if asked.has_charset and "UTF8=ACCEPT" in session.enabled:
        raise BadSyntax("there is one charset now")
    view, saves = session.selected, "SAVE" in (asked.results or ())
    saved = view.saved
    with_modseq = "MODSEQ" in asked.key.names()
    if with_modseq:
        telling.become_aware(session)
    if saves:
        view.saved = frozenset()  # also where the search fails
    found = await rows(session, view, asked.key, saved)
    results = asked.results
    if results is None and "IMAP4REV2" in session.enabled:
        results = frozenset(["ALL"])
    if results is None:
        numbers = b"".join(b" %d" % (row.uid if uid else row.seq) for row in found)
        highest = b" (MODSEQ %d)" % max(row.modseq for row in found) if with_modseq and found else b""
        session.say(b"SEARCH" + numbers + highest)
        return b"OK Done"
    if saves:
        view.saved = frozenset(row.uid for row in kept(found, results))
    if results != {"SAVE"}:
        session.say(extended(session.tag, found, results, uid=uid, with_modseq=with_modseq))
    return b"OK Done"


def refused(session: "Session", results: frozenset[str] | None) -> No:
    """The answer to a charset that is not known; what was saved before is no more where SAVE was asked for (RFC 9051 6.4.4.1)."""
    if "SAVE" in (results or ()):
        session.selected.saved = frozenset()
    return No("Texts are UTF-8 here", "BADCHARSET (UTF-8 US-ASCII)")


async def rows(session: "Session", view: View, key: Key, saved: frozenset[int]) -> list[Row]:
    """The messages that a key means, in order."""
    keywords = {name.upper(): bit for bit, name in session.keywords.items()}
    uids = view.numbers.uids
    largest = uids[-1] if uids else 0
    frame = searching.Frame(session.reader, view.folder.id, len(uids), largest, view.is_recent, saved, keywords, clock.now())
    plan = await session.pool(partial(searching.plan, frame, key))
    work = searching.found(plan, _portions(view, _candidates(view, key, plan.uids), plan.portion))
    found: list[Row] = []
    while (part := await session.pool(partial(next, work, None))) is not None:
        found += part
        if session.stream.lost:
            break
    return found


def _candidates(view: View, key: Key, known: frozenset[int] | None) -> Sequence[int]:
    """Indexes of the messages that may match: the search index or a set of uids narrows the search before anything is looked at."""
    if known is not None:
        return sorted(at for uid in known if (at := view.numbers.at(uid)) >= 0)
    sets = [one for one in key.keys if one.name == "UID"]
    return view.indexes(sets[0].value, uid=True) if sets else range(len(view.numbers))


def _portions(view: View, indexes: Sequence[int], size: int) -> Iterator[list[Row]]:
    numbers = view.numbers  # frozen: the view may move on meanwhile, this search does not
    for start in range(0, len(indexes), size):
        yield [Row(at + 1, numbers.uids[at], numbers.flags[at], numbers.modseqs[at]) for at in indexes[start : start + size]]


def kept(rows: Sequence[Row], results: frozenset[str]) -> Sequence[Row]:
    """What SAVE remembers (RFC 9051 6.4.4.1): with MIN or MAX alone only those."""
    if results & {"ALL", "COUNT"} or not results & {"MIN", "MAX"} or not rows:
        return rows
    return [*(rows[:1] if "MIN" in results else []), *(rows[-1:] if "MAX" in results else [])]


def extended(tag: bytes, rows: Sequence[Row], results: frozenset[str], *, uid: bool, with_modseq: bool) -> bytes:
    """An ESEARCH answer (RFC 4731); the rows are in the order in which they are told."""
    results = results if results - {"SAVE"} else results | {"ALL"}
    numbers = [row.uid if uid else row.seq for row in rows]
    parts = [b'ESEARCH (TAG "%b")' % tag, *([b"UID"] if uid else [])]
    if "MIN" in results and rows:
        parts.append(b"MIN %d" % numbers[0])
    if "MAX" in results and rows:
        parts.append(b"MAX %d" % numbers[-1])
    if "ALL" in results and rows:
        parts.append(b"ALL " + imap.written(numbers))
    if "COUNT" in results:
        parts.append(b"COUNT %d" % len(rows))
    if with_modseq and rows:
        parts.append(b"MODSEQ %d" % max(row.modseq for row in kept(rows, results)))
    return b" ".join(parts)
