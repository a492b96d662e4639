"""A message that a person writes, as bytes (RFC 5322, 2045 to 2047, 2231, 3676, 6532). Pure.

Whatever was typed becomes text here and nothing else: no value ends its header line, no name of a file leaves its quotes, and
no content can hold the boundary, which is random.
"""

import re
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from mimetypes import MimeTypes
from quopri import encodestring
from urllib.parse import quote

from stadtmail.wire import flowed, mimewords
from stadtmail.wire.typed import Person

MOST_SUBJECT = 900  # signs
MOST_REFERENCES = 20  # ids: the first one and the last ones
_LINE, _WORD_OCTETS = 76, 45  # 45 octets are 60 letters of base64: an encoded word of 72
_PLAIN = re.compile(r"[ !#-'*+\-./0-9=?A-Z^-~]*\Z")  # RFC 5322 atext and blanks
_ID = re.compile(r"<[!-;=?-~]{1,250}>")
_KINDS = MimeTypes(filenames=())  # the table of the language, not that of the machine
_TYPE = re.compile(r"(?:application|audio|font|image|model|text|video)/[a-z0-9][a-z0-9.+-]{0,79}\Z")
_HTML = frozenset({"text/html", "image/svg+xml", "application/xhtml+xml"})


@dataclass(frozen=True, repr=False)
class Letter:
    """What a person has written, without its attachments. `draft` is for the writer alone and never leaves."""

    sender: Person
    to: Sequence[Person]
    cc: Sequence[Person]
    bcc: Sequence[Person]
    subject: str
    text: str
    message_id: str
    html: str = ""  # cleaned; beside the text, which says the same
    in_reply_to: str = ""
    references: str = ""
    draft: str = ""
    receipt: bool = False  # the sender asks for a notice that it was shown (RFC 8098 2.1)


@dataclass(frozen=True, repr=False)
class File:
    """An attachment. `content` is encoded as `encoding` says: base64 | quoted-printable | 8bit."""

    type: str
    filename: str
    encoding: str
    content: Iterable[bytes] = field(repr=False)
    charset: str = ""


DRAFT_FIELD = b"x-stadtmail-draft"


def message(letter: Letter, files: Sequence[File], *, now: datetime, boundary: str) -> bytes:
    """The whole message; lines end in CR LF. `boundary` is random and the caller's."""
    return b"".join(_message(letter, files, now, boundary))


def _message(letter: Letter, files: Sequence[File], now: datetime, boundary: str) -> Iterator[bytes]:
    yield _header(letter, now)
    if not files:
        yield from _body(letter, boundary)
        return
    yield f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'.encode()
    yield f"--{boundary}\r\n".encode()
    yield from _body(letter, boundary)
    for one in files:
        yield f"\r\n--{boundary}\r\n".encode()
        yield _file_header(one)
        yield from one.content
    yield f"\r\n--{boundary}--\r\n".encode()


def _body(letter: Letter, boundary: str) -> Iterator[bytes]:
    """The text, or text and HTML as alternatives (RFC 2046 5.1.4)."""
    if not letter.html:
        yield from _text(letter.text)
        return
    inner = f"{boundary}_alt"
    yield f'Content-Type: multipart/alternative; boundary="{inner}"\r\n\r\n--{inner}\r\n'.encode()
    yield from _text(letter.text)
    yield f"\r\n--{inner}\r\n".encode()
    yield from _text(letter.html, kind="text/html")
    yield f"\r\n--{inner}--\r\n".encode()


def ready(raw: bytes, *, now: datetime) -> bytes:
    """A draft as it is sent: without what was for its writer alone, dated now. Bcc is still in it."""
    from stadtmail.wire import submitted

    found, at = submitted.fields(raw)
    kept = [one for name, one in found if name not in (DRAFT_FIELD, b"date")]
    return b"".join([f"Date: {format_datetime(now)}\r\n".encode(), *kept, raw[at:]])


def encoded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """base64 in lines of 76 letters (RFC 2045 6.8), piece by piece."""
    rest = b""
    for piece in pieces:
        data = rest + piece
        cut = len(data) - len(data) % 57
        rest = data[cut:]
        yield b"".join(b2a_base64(data[at : at + 57], newline=False) + b"\r\n" for at in range(0, cut, 57))
    if rest:
        yield b2a_base64(rest, newline=False) + b"\r\n"


def type_of(filename: str) -> str:
    """The type that a file's name stands for: what a browser claims is not asked, and nothing is a page or a message."""
    kind = _KINDS.guess_type(filename)[0] or ""
    return kind if _TYPE.match(kind) and kind not in _HTML else "application/octet-stream"


def answered(subject: str, word: str) -> str:
    """The subject of an answer or of what is passed on, one word before it and not several (RFC 5322 3.6.5)."""
    marks = {"Re": r"(?:re|aw|antw|sv)", "Fwd": r"(?:fwd?|wg|tr|vs)"}[word]
    bare = re.sub(rf"\A(?:\s*{marks}(?:\[\d+\])?\s*:\s*)+", "", subject, flags=re.IGNORECASE)
    return f"{word}: {bare}"[:MOST_SUBJECT]


def references(known: str, in_reply_to: str, message_id: str) -> str:
    """The thread of an answer (RFC 5322 3.6.4): what the answered one had, then its id."""
    ids = _ID.findall(known) or _ID.findall(in_reply_to)[:1]
    ids = list(dict.fromkeys([*ids, *_ID.findall(message_id)[:1]]))
    return " ".join(ids if len(ids) <= MOST_REFERENCES else [ids[0], *ids[1 - MOST_REFERENCES :]])


def first_id(value: str) -> str:
    """The first id in a header's value; empty where there is none."""
    found = _ID.search(value)
    return found[0] if found else ""


def _header(letter: Letter, now: datetime) -> bytes:
    lines = [
        _folded("X-Stadtmail-Draft", [letter.draft[at : at + 70] for at in range(0, len(letter.draft), 70)]),  # first: it is found
        _folded("From", [_mailbox(letter.sender)]),
        *(_folded(name, [*map(_mailbox, people)], ",") for name, people in (("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc))),
        _folded("Subject", _words(mimewords.cleaned(letter.subject)[:MOST_SUBJECT]), always=True),
        f"Date: {format_datetime(now)}\r\n",
        f"Message-ID: {letter.message_id}\r\n",
        _folded("In-Reply-To", [first_id(letter.in_reply_to)]),
        _folded("References", _ID.findall(letter.references)),
        _folded("Disposition-Notification-To", [f"<{letter.sender[1]}>"] if letter.receipt else []),
        "MIME-Version: 1.0\r\n",
    ]
    return "".join(lines).encode("utf-8", "replace")


def _folded(name: str, values: Sequence[str], between: str = "", *, always: bool = False) -> str:
    """A field with one value a line where they do not fit into one; nothing for no value."""
    given = [one for one in values if one]
    if not given and not always:
        return ""
    return f"{name}: " + f"{between}\r\n ".join(given) + "\r\n"


def _mailbox(person: Person) -> str:
    name, address = person
    name = mimewords.cleaned(name)
    return f"{_phrase(name)} <{address}>" if name else address


def _phrase(name: str) -> str:
    if _PLAIN.match(name) and not re.search(r"[.=?]", name):
        return name
    if name.isascii():
        return '"' + re.sub(r'(["\\])', r"\\\1", name) + '"'
    return "\r\n ".join(_words(name))


def _words(text: str) -> list[str]:
    """Text as it may stand in a header: as it is where it is ASCII and short, else in encoded words (RFC 2047)."""
    if text.isascii() and text.isprintable() and "=?" not in text and all(len(word) < _LINE for word in text.split(" ")):
        return _lines(text)
    words, waiting = [], b""
    for sign in text:
        octets = sign.encode("utf-8", "replace")
        if len(waiting) + len(octets) > _WORD_OCTETS:
            words.append(waiting)
            waiting = b""
        waiting += octets
    return [f"=?utf-8?b?{b2a_base64(one, newline=False).decode()}?=" for one in (*words, waiting) if one]


def _lines(text: str) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > _LINE - 12:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _text(text: str, *, kind: str = "text/plain") -> Iterator[bytes]:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    if kind == "text/plain":
        plain, kind = flowed.written(plain), f"{kind}; format=flowed"
    if not plain.endswith("\n"):
        plain += "\n"
    octets = plain.encode("utf-8", "replace")
    simple = plain.isascii() and all(len(line) < 990 for line in plain.split("\n"))
    encoding: str = "7bit" if simple else "quoted-printable"
    body = octets if simple else encodestring(octets)
    yield f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    yield body.replace(b"\n", b"\r\n")


def _file_header(one: File) -> bytes:
    """Type, name and encoding of an attachment. The type is one of ours or of a parsed message; the name is cleaned."""
    name = mimewords.file_name(one.filename) or "anhang"
    charset = f"; charset={one.charset}" if re.fullmatch(r"[A-Za-z0-9_.:-]{1,40}", one.charset) else ""
    lines = [
        f"Content-Type: {one.type}{charset}{_parameter('name', name)}\r\n",
        f"Content-Disposition: attachment{_parameter('filename', name)}\r\n",
        f"Content-Transfer-Encoding: {one.encoding}\r\n\r\n",
    ]
    return "".join(lines).encode()


def _parameter(key: str, value: str) -> str:
    """A parameter on lines of its own (RFC 2231 3 and 4): long names go on."""
    if value.isascii():
        return f';\r\n {key}="{value}"' if len(value) < 60 else _continued(key, value, lambda text: f'"{text}"', "")
    return _continued(key, value, lambda text: quote(text, safe=""), "*")


def _continued(key: str, value: str, written: Callable[[str], str], star: str) -> str:
    parts = [value[at : at + 12 if star else at + 55] for at in range(0, len(value), 12 if star else 55)]
    lead = "utf-8''" if star else ""
    if len(parts) == 1:
        return f";\r\n {key}{star}={lead}{written(value)}"
    return "".join(f";\r\n {key}*{n}{star}={lead if not n else ''}{written(part)}" for n, part in enumerate(parts))
