"""FETCH (RFC 9051 6.4.5 and 7.5.2, RFC 7162): messages are opened some at a time in threads, and leave before the next are opened.

BODY[…] gives the stored bytes, never rebuilt ones. Large messages stream from their blob in pieces.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING

from stadtmail.doors.imap import selecting, telling
from stadtmail.doors.imap.numbers import View
from stadtmail.doors.imap.replies import No
from stadtmail.doors.imap.stream import Gone
from stadtmail.kit import log
from stadtmail.kit.errors import StadtmailError
from stadtmail.mail import views
from stadtmail.mail.actions import changing
from stadtmail.mail.folders import SEEN
from stadtmail.mail.views import Mail
from stadtmail.wire import imap, imapfetch, imapwrite, mime
from stadtmail.wire.imap import BadSyntax, Cursor
from stadtmail.wire.imapfetch import Item, Section

if TYPE_CHECKING:
    from stadtmail.doors.imap.session import Session

KNOWN = frozenset(["UID", "FLAGS", "MODSEQ"])  # what the view knows by itself
AT_ONCE, BODIES_AT_ONCE = 60, 4  # messages that are opened in the event loop, without bodies and with: a change of thread takes longer
MOST_HEADER = 4 * 1024 * 1024  # bytes of a header that are looked at for single fields
OPENED = frozenset(["BODY", "BINARY", "BINARY.SIZE", "PREVIEW"])  # what needs a message's bytes, or may
WHOLE = Section()
# what is there was told or changed: a NO would have programs show an error (RFC 2180 4 leaves the choice, RFC 5530 3 has the code)
GONE = b"OK [EXPUNGEISSUED] Some of the messages no longer exist"
MONTHS = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")


@dataclass(frozen=True)
class Streamed:
    """A literal that is sent in pieces."""

    head: bytes
    first: bytes
    rest: Iterator[bytes]


Answer = list[bytes | Streamed]


async def fetch(session: "Session", cursor: Cursor, *, uid: bool) -> bytes:
    """FETCH, UID FETCH."""
    cursor.space()
    wanted = messages(cursor)
    cursor.space()
    items = imapfetch.items(cursor)
    since, vanished = _modifiers(session, cursor, uid=uid)
    cursor.end()
    view = session.selected
    if since is not None or any(item.kind == "MODSEQ" for item in items):
        telling.become_aware(session)
        items += [] if any(item.kind == "MODSEQ" for item in items) else [Item("MODSEQ", label=b"MODSEQ")]
    if uid and not any(item.kind == "UID" for item in items):
        items.insert(0, Item("UID", label=b"UID"))
    indexes = view.indexes(wanted, uid=uid)
    if since is not None:
        indexes = [at for at in indexes if view.numbers.modseqs[at] > since]
    if vanished and since is not None:
        known = None if isinstance(wanted, str) else wanted
        if gone := await session.pool(partial(selecting.vanished, view, since, known)):
            session.say(b"VANISHED (EARLIER) " + imap.written(gone))
    if not view.read_only and "s" in view.rights and any(not item.peek for item in items):
        items = await _see(session, view, indexes, items)
    return b"OK Done" if await _tell(session, view, indexes, items) else GONE


def messages(cursor: Cursor) -> imap.Ranges | str:
    """A set of messages, or "$"."""
    return "$" if cursor.skip(b"$") else cursor.ranges()


def _modifiers(session: "Session", cursor: Cursor, *, uid: bool) -> tuple[int | None, bool]:
    if cursor.is_end():
        return None, False
    cursor.space()
    found: dict[str, int] = {}

    def one() -> None:
        word = cursor.word()
        if word == "CHANGEDSINCE":
            cursor.space()
            found[word] = cursor.number()
        elif word == "VANISHED" and uid and "QRESYNC" in session.enabled:
            found[word] = 1
        else:
            raise BadSyntax("no such modifier")

    cursor.list_of(one)
    if "VANISHED" in found and "CHANGEDSINCE" not in found:
        raise BadSyntax("VANISHED comes with CHANGEDSINCE")
    return found.get("CHANGEDSINCE"), "VANISHED" in found


async def _see(session: "Session", view: View, indexes: Sequence[int], items: list[Item]) -> list[Item]:
    """Reading a body marks the message as seen; the answer then says so."""
    unseen = [view.numbers.uids[at] for at in indexes if not view.numbers.flags[at] & SEEN]
    if not unseen:
        return items
    stored = await session.server.flags.store(changing.Wish(session.entitled("s"), view.folder.id, unseen, changing.ADD, SEEN))
    view.numbers = view.numbers.after(stored.now, set())
    view.own |= {change[0]: change for change in stored.now}
    session.server.changed(view.folder.id, session)
    more = [] if any(item.kind == "FLAGS" for item in items) else [Item("FLAGS", label=b"FLAGS")]
    if session.is_aware and not any(item.kind == "MODSEQ" for item in items):
        more.append(Item("MODSEQ", label=b"MODSEQ"))
    return [*items, *more]


async def _tell(session: "Session", view: View, indexes: Sequence[int], items: list[Item]) -> bool:
    """Say it, some messages at a time. Returns whether all of them were there."""
    kinds = {item.kind for item in items}
    at_once = 500 if kinds <= KNOWN | {"RFC822.SIZE"} else session.server.bounds.fetched_at_once * (1 if kinds & {"BODY"} else 4)
    all_there = True
    for start in range(0, len(indexes), at_once):
        part = indexes[start : start + at_once]
        if kinds <= KNOWN:
            answers = [_known(session, view, at, items) for at in part]
        else:
            run = session.quick if len(part) <= (BODIES_AT_ONCE if kinds & OPENED else AT_ONCE) else session.pool
            answers = await run(partial(_opened, session, view, part, items))
        all_there = all_there and len(answers) == len(part)
        for answer in answers:
            await _send(session, answer)
            await session.stream.drained()
        if session.stream.lost:
            raise Gone
    return all_there


async def _send(session: "Session", answer: Answer) -> None:
    for piece in answer:
        if isinstance(piece, bytes):
            session.stream.write(piece)
            continue
        session.stream.write(piece.head + piece.first)
        try:
            while (more := await session.pool(partial(next, piece.rest, None))) is not None:
                session.stream.write(more)
                await session.stream.drained()
        except StadtmailError as error:  # half a literal is out: there is no way to say that it will not end
            log.bug(error, role="doors")
            raise Gone from None


def _known(session: "Session", view: View, at: int, items: Sequence[Item]) -> Answer:
    return [b"* %d FETCH (%b)\r\n" % (at + 1, b" ".join(_number(session, view, at, item) for item in items))]


def _number(session: "Session", view: View, at: int, item: Item) -> bytes:
    if item.kind == "UID":
        return b"UID %d" % view.numbers.uids[at]
    if item.kind == "MODSEQ":
        return b"MODSEQ (%d)" % view.numbers.modseqs[at]
    return b"FLAGS (%b)" % telling.flag_list(session, view.numbers.uids[at], view.numbers.flags[at])


def _opened(session: "Session", view: View, indexes: Sequence[int], items: Sequence[Item]) -> list[Answer]:
    """The answers for these messages; those that were deleted meanwhile are left out. Runs in a thread."""
    uids = [view.numbers.uids[at] for at in indexes]
    if all(item.kind in KNOWN or item.kind == "RFC822.SIZE" for item in items):
        sizes = views.sizes(view.folder.id, uids)
        return [
            [b"* %d FETCH (%b)\r\n" % (at + 1, b" ".join(
                b"RFC822.SIZE %d" % sizes[uid] if item.kind == "RFC822.SIZE" else _number(session, view, at, item) for item in items
            ))]
            for at, uid in zip(indexes, uids, strict=True) if uid in sizes
        ]  # fmt: skip
    with_bodies = any(item.section is not None or item.kind == "BODY" for item in items)
    found = {mail.uid: mail for mail in views.mails(session.reader, view.folder.id, uids, with_bodies=with_bodies)}
    answers = []
    for at, uid in zip(indexes, uids, strict=True):
        mail = found.pop(uid, None)
        if mail is not None:
            answers.append(_answer(session, view, at, mail, items))
    return answers


def _answer(session: "Session", view: View, at: int, mail: Mail, items: Sequence[Item]) -> Answer:
    pieces: Answer = []
    for item in items:
        pieces += [_number(session, view, at, item)] if item.kind in KNOWN else _item(mail, item)
    head = b"* %d FETCH (" % (at + 1)
    if len(pieces) == len(items) and Streamed not in map(type, pieces):
        return [b"%b%b)\r\n" % (head, b" ".join(pieces))]  # type: ignore[arg-type]
    answer: Answer = [head]
    for number, piece in enumerate(pieces):
        answer += [b" ", piece] if number else [piece]
    return [*answer, b")\r\n"]


def _item(mail: Mail, item: Item) -> Answer:
    if item.section is not None:
        return _binary(mail, item) if item.kind.startswith("BINARY") else _section(mail, item)
    return [_VALUES[item.kind](mail, item)]


def _preview(mail: Mail, item: Item) -> bytes:
    if item.lazy and mail.envelope.preview is None:  # RFC 8970 3.2: only what is there
        return b"PREVIEW NIL"
    return b"PREVIEW " + imapwrite.string(mail.preview.encode())


_VALUES: dict[str, Callable[[Mail, Item], bytes]] = {
    "RFC822.SIZE": lambda mail, _: b"RFC822.SIZE %d" % mail.size_bytes,
    "INTERNALDATE": lambda mail, _: b'INTERNALDATE "%b"' % internal_date(mail),
    "ENVELOPE": lambda mail, _: b"ENVELOPE " + mail.for_imap[0],
    "BODYSTRUCTURE": lambda mail, _: b"BODYSTRUCTURE " + mail.for_imap[1],
    "BODY": lambda mail, _: b"BODY " + imapwrite.structure(b"".join(mail.pieces()), mail.envelope.root, extended=False),
    "EMAILID": lambda mail, _: b"EMAILID (%b)" % mail.email_id.encode(),
    "THREADID": lambda mail, _: b"THREADID (%b)" % mail.thread_id.encode(),
    "PREVIEW": _preview,
}


def internal_date(mail: Mail) -> bytes:
    """When it arrived, as IMAP writes it; always in UTC."""
    at = mail.received_at.astimezone(UTC)
    return b"%2d-%b-%04d %02d:%02d:%02d +0000" % (at.day, MONTHS[at.month - 1], at.year, at.hour, at.minute, at.second)


def _section(mail: Mail, item: Item) -> Answer:
    assert item.section is not None
    if item.section == WHOLE:  # as it came, without a look at its parts
        start, end = 0, mail.size_bytes
    else:
        place = imapfetch.place(mail.envelope.root, item.section)
        if place is None:
            return [item.label + b" NIL"]
        start, end = place.start, place.end
    if item.section.fields:
        raw = b"".join(mail.between(start, min(end, start + MOST_HEADER)))
        return [_literal(item.label, _cut(imapfetch.fields(raw, item.section), item))]
    if item.start is not None and item.length is not None:
        start = min(end, start + item.start)
        end = min(end, start + item.length)
    if mail.blob is None or start == end:
        return [_literal(item.label, b"".join(mail.between(start, end)))]
    pieces = mail.between(start, end)
    return [Streamed(b"%b {%d}\r\n" % (item.label, end - start), next(pieces, b""), pieces)]


def _binary(mail: Mail, item: Item) -> Answer:
    """BINARY[…] and BINARY.SIZE[…]: the content of a part, its transfer encoding undone."""
    assert item.section is not None
    place = imapfetch.place(mail.envelope.root, item.section)
    if place is None or (place.part is not None and item.section.path and place.part.type.startswith("multipart/")):
        return [item.label + (b" 0" if item.kind == "BINARY.SIZE" else b" NIL")]
    raw = b"".join(mail.between(place.start, place.end))
    if place.part is not None and item.section.path:
        if not _can_be_undone(mail, place.part):
            raise No("The transfer encoding is not known", "UNKNOWN-CTE")
        content = mime.content(place.part, raw)
    else:
        content = raw
    if item.kind == "BINARY.SIZE":
        return [b"%b %d" % (item.label, len(content))]
    content = _cut(content, item)
    return [_literal(item.label, content, mark=b"~" if b"\0" in content else b"")]


def _can_be_undone(mail: Mail, part: mime.Part) -> bool:
    """Is the part's transfer encoding one of RFC 2045 6.1?"""
    if part.encoding or part.type == "message/rfc822":
        return True
    header = b"".join(mail.between(part.start, min(part.body, part.start + MOST_HEADER)))
    said = dict(reversed(imapwrite.headers(header))).get(b"content-transfer-encoding", b"7bit")
    return said.lower() in (b"7bit", b"8bit", b"binary")


def _cut(content: bytes, item: Item) -> bytes:
    return content if item.start is None or item.length is None else content[item.start : item.start + item.length]


def _literal(label: bytes, content: bytes, *, mark: bytes = b"") -> bytes:
    return b"%b %b{%d}\r\n%b" % (label, mark, len(content), content)
