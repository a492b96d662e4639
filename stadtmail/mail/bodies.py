"""Bodies of messages, opened part by part: what is small lies in a row, what is large comes from its blob in pieces.

A reader never holds more of a large message than it shows; attachments stream.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import chain

from stadtmail.kit import store
from stadtmail.mail.models import Body, Message
from stadtmail.mail.sealing import Record
from stadtmail.wire import mime, mimewords
from stadtmail.wire.mime import Part

MOST_TEXT = 2 * 1024 * 1024  # bytes of one text part that are shown
MOST_HEAD = 64 * 1024  # bytes of a header that are looked at
MOST_SHOWN = 16 * 1024 * 1024  # bytes of all texts and pictures of a message that are shown; more is offered for download


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
    head: bytes


def raw(row: Message, record: Record) -> Iterator[bytes]:
    """The bytes of a message as they were received."""
    if row.blob is not None:
        return record.blob(row.blob)
    found = store.select("SELECT sealed FROM mail_body WHERE message_id = %s", [row.id])
    if not found:  # deleted meanwhile
        raise Body.DoesNotExist
    return iter([record.body(bytes(found[0][0]))])


def content(row: Message, record: Record, part: Part) -> Iterator[bytes]:
    """The decoded content of a part, in pieces."""
    pieces = between(raw(row, record), part.body, part.end)
    if part.encoding == "base64":
        return _base64(pieces)
    return _quoted(pieces) if part.encoding == "quoted-printable" else pieces


def view(row: Message, record: Record, root: Part) -> View:
    """Text, HTML, pictures and attachments of a message. The body is opened once, however many parts it shows."""
    shown = mime.shown(root)
    chosen, left_out = _affordable([*shown.text, *shown.html, *(shown.pictures if shown.html else [])])
    left_out += [] if shown.html else shown.pictures
    head = Part("", start=0, body=0, end=min(root.body, MOST_HEAD))
    heading, *cut = _cut(raw(row, record), [head, *chosen])
    opened = list(zip(chosen, cut, strict=True))
    texts = [(part, mime.said(part, data)) for part, data in opened if part.type == "text/plain"]
    htmls = [mime.text(data, part.charset) for part, data in opened if part.type == "text/html"]
    pictures = {part.cid: (part.type, data) for part, data in opened if part.type.startswith("image/")}
    attachments = [Attachment(part.id, part.saved_as, part.type, part.size_bytes) for part in (*shown.attachments, *left_out)]
    return View("\n".join(text for _, text in texts) if texts else None, _joined(root, texts, htmls), pictures, attachments, heading)


def _affordable(parts: list[Part]) -> tuple[list[Part], list[Part]]:
    """What can be shown at once, and what has to be downloaded: a stranger decides how many parts there are."""
    chosen: list[Part] = []
    left_out: list[Part] = []
    left = MOST_SHOWN
    for part in parts:
        cost = _length(part)
        (chosen if cost <= left else left_out).append(part)
        left -= cost if cost <= left else 0
    return chosen, left_out


def _length(part: Part) -> int:
    return part.end - part.body if part.type.startswith("image/") else min(part.end - part.body, MOST_TEXT)


def _cut(pieces: Iterator[bytes], parts: list[Part]) -> list[bytes]:
    """The decoded content of these parts, in one walk through the message."""
    found, at = [bytearray() for _ in parts], 0
    for piece in pieces:
        for number, part in enumerate(parts):
            if part.body < at + len(piece) and at < part.body + _length(part):
                found[number] += piece[max(0, part.body - at) : part.body + _length(part) - at]
        at += len(piece)
    return [mime.content(part, bytes(data)) for part, data in zip(parts, found, strict=True)]


def _joined(root: Part, texts: list[tuple[Part, str]], htmls: list[str]) -> str | None:
    """All HTML parts; text parts that are no alternative to one (a list's footer) follow as they are."""
    if not htmls:
        return None
    alternatives = {id(part) for one in root.walk() if one.type == "multipart/alternative" for part in one.walk()}
    alone = [text for part, text in texts if id(part) not in alternatives and text.strip()]
    return "\n".join([*htmls, *(f"<pre>{escape(text)}</pre>" for text in alone)])


def between(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    """What lies from `start` to before `end`."""
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
