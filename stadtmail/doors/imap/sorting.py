"""SORT, THREAD and their UID forms (RFC 5256, ESORT of RFC 5267, RFC 5957): found as SEARCH finds, then put in order."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from stadtmail.doors.imap import searching, telling
from stadtmail.doors.imap.stream import Gone
from stadtmail.mail import sorting
from stadtmail.mail.searching import Row
from stadtmail.wire import imapsearch, imapsort, imapthread
from stadtmail.wire.imap import BadSyntax, Cursor

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

T = TypeVar("T")
_ALGORITHMS = {"ORDEREDSUBJECT": imapthread.ordered_subject, "REFERENCES": imapthread.references}


async def sort(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """SORT, UID SORT."""
    cursor.space()
    results = imapsearch.returned(cursor)
    by = imapsort.criteria(cursor)
    cursor.space()
    view, saves = session.selected, "SAVE" in (results or ())
    rows, with_modseq = await _found(session, cursor, results)
    keys = await _collected(session, sorting.keys(session.reader, view.folder.id, _numbered(rows, uid=uid), by))
    known = {row.uid: row for row in rows}
    ordered = [known[one] for one in await session.pool(partial(sorting.ordered, keys, by))]
    if results is None:
        numbers = b"".join(b" %d" % (row.uid if uid else row.seq) for row in ordered)
        highest = b" (MODSEQ %d)" % max(row.modseq for row in ordered) if with_modseq and ordered else b""
        session.say(b"SORT" + numbers + highest)
        return b"OK Done"
    if saves:
        view.saved = frozenset(row.uid for row in searching.kept(ordered, results))
    if results != {"SAVE"}:
        session.say(searching.extended(session.tag, ordered, results, uid=uid, with_modseq=with_modseq))
    return b"OK Done"


async def thread(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """THREAD, UID THREAD."""
    cursor.space()
    algorithm = _ALGORITHMS.get(cursor.word())
    if algorithm is None:
        raise BadSyntax("no such algorithm")
    cursor.space()
    rows, _ = await _found(session, cursor)
    facts = await _collected(session, sorting.facts(session.reader, session.selected.folder.id, _numbered(rows, uid=uid)))
    threads = await session.pool(lambda: imapthread.written(algorithm(facts)))
    session.say(b"THREAD" + (b" " + threads if threads else b""))
    return b"OK Done"


async def _found(session: "Session", cursor: Cursor, results: frozenset[str] | None = None) -> tuple[list[Row], bool]:
    """The messages that the rest of the command means, and whether it asks for modseqs."""
    try:
        imapsearch.charset(cursor, results)
        key = imapsearch.keys(cursor)
    except imapsearch.BadCharset as bad:
        raise searching.refused(session, bad.results) from None
    with_modseq = "MODSEQ" in key.names()
    if with_modseq:
        telling.become_aware(session)
    saved = session.selected.saved
    if "SAVE" in (results or ()):
        session.selected.saved = frozenset()  # also where the search fails
    return await searching.rows(session, session.selected, key, saved), with_modseq


async def _collected(session: "Session", work: Iterator[list[T]]) -> list[T]:
    found: list[T] = []
    while (part := await session.pool(partial(next, work, None))) is not None:
        found += part
        if session.stream.lost:
            raise Gone
    return found


def _numbered(rows: list[Row], *, uid: bool) -> list[sorting.Numbered]:
    return [(row.uid, row.seq, row.uid if uid else row.seq) for row in rows]
