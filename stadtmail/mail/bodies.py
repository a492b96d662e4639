"""Bodies of messages, opened part by part: what is small lies in a row, what is large comes from its blob in pieces.

A reader never holds more of a large message than it shows; attachments stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import chain

from stadtmail.mail.models import Body, Message
from stadtmail.mail.sealing import Record
from stadtmail.wire import mime, mimewords
from stadtmail.wire.mime import Part

MOST_TEXT = 2 * 1024 * 1024  # bytes of one text part that are shown
MOST_PICTURES = 12 * 1024 * 1024  # bytes of all pictures that are shown inside a message


@dataclass(frozen=True)
class Attachment:
    """A part that is offered for download."""

    id: str
    filename: str
    type: str
    size_bytes: int


@dataclass(frozen=True)
class View:
    """What a reader sees of a body."""

    text: str | None
    html: str | None
    pictures: dict[str, tuple[str, bytes]]
    parts: list[Attachment]


def raw(row: Message, record: Record) -> Iterator[bytes]:
    """The bytes of a message as they were received."""
    if row.blob is not None:
        return record.blob(row.blob)
    return iter([record.body(bytes(Body.objects.values_list("sealed", flat=True).get(message=row.id)))])


def content(row: Message, record: Record, part: Part) -> Iterator[bytes]:
    """The decoded content of a part, in pieces."""
    pieces = _between(raw(row, record), part.body, part.end)
    if part.encoding == "base64":
        return _base64(pieces)
    return _quoted(pieces) if part.encoding == "quoted-printable" else pieces


def view(row: Message, record: Record, root: Part) -> View:
    """Text, HTML, pictures and attachments of a message."""
    shown = mime.shown(root)
    whole = b"".join(raw(row, record)) if row.blob is None else None  # a small body is opened once

    def take(part: Part, most: int) -> bytes:
        if whole is not None:
            return mime.content(part, whole[part.body : part.end])[:most]
        return _most(content(row, record, part), most)

    texts = [mime.text(take(part, MOST_TEXT), part.charset) for part in shown.text]
    htmls = [mime.text(take(part, MOST_TEXT), part.charset) for part in shown.html]
    pictures: dict[str, tuple[str, bytes]] = {}
    left, more = MOST_PICTURES, []
    for part in shown.pictures:
        if part.size_bytes > left or not htmls:
            more.append(part)
            continue
        pictures[part.cid] = (part.type, take(part, left))
        left -= part.size_bytes
    attachments = [Attachment(p.id, p.saved_as, p.type, p.size_bytes) for p in (*shown.attachments, *more)]
    return View("\n".join(texts) if texts else None, _joined(root, shown, texts, htmls), pictures, attachments)


def _joined(root: Part, shown: mime.Shown, texts: list[str], htmls: list[str]) -> str | None:
    """All HTML parts; text parts that are no alternative to one (a list's footer) follow as they are."""
    if not htmls:
        return None
    pairs = zip(shown.text, texts, strict=True)
    alone = [text for part, text in pairs if not any(p.type == "multipart/alternative" and part in p.walk() for p in root.walk())]
    return "\n".join([*htmls, *(f"<pre>{escape(text)}</pre>" for text in alone if text.strip())])


def _between(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    at = 0
    for piece in pieces:
        if at >= end:
            return
        if at + len(piece) > start:
            yield piece[max(0, start - at) : end - at]
        at += len(piece)


def _base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        data = rest + mimewords.base64_signs(piece)
        cut = len(data) - len(data) % 4
        rest = data[cut:]
        yield mimewords.base64(data[:cut])
    yield mimewords.base64(rest)


def _quoted(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in chain(pieces, [b""]):
        data = rest + piece
        cut = data.rfind(b"\n") + 1 if piece else len(data)
        rest = data[cut:]
        yield mime.unquoted(data[:cut])


def _most(pieces: Iterator[bytes], most: int) -> bytes:
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= most:
            break
    return bytes(found[:most])
