"""A message as a tree of parts with byte offsets (RFC 2045, 2046, 5322), read from bytes that a stranger wrote.

Nothing here raises and nothing is copied but headers. Bounds: depth, number of parts, bytes of headers, false boundaries;
what lies beyond a bound is one opaque part. Part ids are IMAP's section numbers (RFC 9051 6.4.5), "1" for a single body.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from stadtmail.wire import flowed, mimewords

MOST_PARTS = 500
MOST_DEPTH = 12
MOST_HEADER_BYTES = 256 * 1024  # of one part
MOST_HEADERS = 500
MOST_FALSE_BOUNDARIES = 10_000
_BLANK = re.compile(rb"\n\r?\n")
_HEADER = re.compile(rb"^([!-9;-~]{1,100}+)[ \t]*+:((?:[^\n]*+)(?:\n[ \t][^\n]*+)*+)", re.M)
_ENDINGS = {"text/plain": "txt", "text/html": "html", "text/calendar": "ics", "text/vcard": "vcf", "image/jpeg": "jpg",
            "image/png": "png", "image/gif": "gif", "application/pdf": "pdf", "message/rfc822": "eml"}  # fmt: skip
_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,80}\Z")


@dataclass(slots=True)
class Part:
    """One part: what it says it is, and where it lies. `start` to `body` is its header, `body` to `end` its content."""

    id: str
    type: str = "text/plain"
    charset: str = ""
    encoding: str = ""  # base64 | quoted-printable | "" (as it is)
    disposition: str = ""  # attachment | inline | ""
    filename: str = ""
    cid: str = ""
    start: int = 0
    body: int = 0
    end: int = 0
    root: str = ""  # multipart/related: content id of the part to begin with
    flow: str = ""  # text/plain: how its lines are wrapped (flowed.kind)
    parts: list["Part"] = field(default_factory=list)

    def walk(self) -> Iterator["Part"]:
        """This part and everything in it, in order."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @property
    def size_bytes(self) -> int:
        """Size of the decoded content, for base64 as it follows from the length."""
        length = self.end - self.body
        return (length - length // 78 * 2) * 3 // 4 if self.encoding == "base64" else length

    @property
    def saved_as(self) -> str:
        """A safe file name; one is made where the sender gave none."""
        name = mimewords.file_name(self.filename)
        return name or f"teil-{self.id or '1'}.{_ENDINGS.get(self.type, 'bin')}"

    def packed(self) -> list[Any]:
        """The part as a plain list, for sealing."""
        return [self.id, self.type, self.charset, self.encoding, self.disposition, self.filename, self.cid, self.start, self.body,
                self.end, self.root, self.flow, [part.packed() for part in self.parts]]  # fmt: skip

    @classmethod
    def unpacked(cls, packed: list[Any]) -> "Part":
        """The part that `packed` wrote."""
        *own, parts = packed
        part = cls(*own)
        part.parts = [cls.unpacked(one) for one in parts]
        return part


@dataclass(slots=True)
class Mail:
    """A parsed message: its headers (name in lower case, raw value, in order) and its tree."""

    headers: list[tuple[bytes, bytes]]
    root: Part

    def first(self, name: bytes) -> bytes:
        """Raw value of the first header of that name, empty if there is none."""
        return next((value for known, value in self.headers if known == name), b"")


@dataclass(slots=True)
class Shown:
    """Which parts of a message are its text, which its HTML, which pictures in it, and which are attachments."""

    text: list[Part] = field(default_factory=list)
    html: list[Part] = field(default_factory=list)
    pictures: list[Part] = field(default_factory=list)
    attachments: list[Part] = field(default_factory=list)


class _Budget:
    """What one message may still cost."""

    def __init__(self) -> None:
        self.parts, self.false, self.header = MOST_PARTS, MOST_FALSE_BOUNDARIES, 4 * MOST_HEADER_BYTES


def parse(raw: bytes) -> Mail:
    """Parse a message. Never raises."""
    budget = _Budget()
    headers, body = _headers(raw, 0, len(raw), budget)
    root = _part(raw, headers, Part("", start=0, body=body, end=len(raw)), 0, budget)
    return Mail(headers, root)


def shown(root: Part) -> Shown:
    """Choose what a reader sees (RFC 2046 5.1.4: the last alternative that can be shown)."""
    found = Shown()
    _choose(root, found, related=False)
    return found


def content(part: Part, body: bytes) -> bytes:
    """The decoded content of a part; `body` are its bytes from `body` to `end`."""
    if part.encoding == "base64":
        return mimewords.base64(body)
    return unquoted(body) if part.encoding == "quoted-printable" else body


def unquoted(raw: bytes) -> bytes:
    """Quoted-printable opened (RFC 2045 6.7); what is malformed stays as it is."""
    out = []
    for line in raw.splitlines(keepends=True):
        text = line.rstrip(b" \t\r\n")
        out.append(text[:-1] if text.endswith(b"=") else text + line[len(line.rstrip(b"\r\n")) :])
    return mimewords.quoted(b"".join(out))


def text(raw: bytes, charset: str) -> str:
    """Decoded content of a text part as text, line ends made one."""
    return mimewords.decoded(raw, charset).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")


def said(part: Part, content: bytes) -> str:
    """Decoded content of a part as a person reads it: paragraphs that were wrapped on their way are whole again (RFC 3676)."""
    found = text(content, part.charset)
    return flowed.read(found, delsp=part.flow == flowed.DELSP) if part.flow else found


def _headers(raw: bytes, start: int, end: int, budget: _Budget) -> tuple[list[tuple[bytes, bytes]], int]:
    """Headers of a part and where its body begins."""
    if raw[start : start + 1] == b"\n" or raw[start : start + 2] == b"\r\n":
        return [], min(end, start + (1 if raw[start : start + 1] == b"\n" else 2))
    blank = _BLANK.search(raw, start, end)
    stop, body = (blank.start() + 1, blank.end()) if blank else (end, end)
    stop = min(stop, start + MOST_HEADER_BYTES, start + budget.header)
    budget.header -= stop - start
    found = []
    for line in _HEADER.finditer(raw[start:stop]):
        found.append((line[1].lower(), line[2].replace(b"\r", b"").replace(b"\n", b"").strip()))
        if len(found) == MOST_HEADERS:
            break
    return found, body


def _part(raw: bytes, headers: list[tuple[bytes, bytes]], part: Part, depth: int, budget: _Budget) -> Part:
    number, body, end = part.id, part.body, part.end
    boundary = _describe(part, headers)
    budget.parts -= 1
    if depth < MOST_DEPTH and part.type.startswith("multipart/") and boundary:
        _multipart(raw, part, boundary, depth, budget)
    elif depth < MOST_DEPTH and part.type == "message/rfc822" and not part.encoding:
        inner, at = _headers(raw, body, end, budget)
        within = number or "1" if _is_multipart(inner) else f"{number or '1'}.1"
        part.parts = [_part(raw, inner, Part(within, start=body, body=at, end=end), depth + 1, budget)] if budget.parts > 0 else []
    if not part.parts and part.type.startswith("multipart/"):
        part.type = "text/plain" if not boundary else "application/octet-stream"
    if not part.id and not part.type.startswith("multipart/"):
        part.id = "1"
    return part


def _is_multipart(headers: list[tuple[bytes, bytes]]) -> bool:
    return any(name == b"content-type" and value.lower().startswith(b"multipart/") for name, value in headers)


def _describe(part: Part, headers: list[tuple[bytes, bytes]]) -> str:
    """Fill in what the headers say about a part. Returns the boundary."""
    found = dict(reversed(headers))  # the first of a name counts
    kind, params = mimewords.parameters(found[b"content-type"]) if b"content-type" in found else ("", {})
    if kind:  # else what is usual here
        part.type = kind if _TYPE.match(kind) else "text/plain" if "/" in kind else "application/octet-stream"
    part.charset = params.get("charset", "")[:40]
    part.root = params.get("start", "").strip("<>")[:200]
    part.flow = flowed.kind(params) if part.type == "text/plain" else ""
    encoding = found.get(b"content-transfer-encoding", b"").strip().lower()
    part.encoding = encoding.decode() if encoding in (b"base64", b"quoted-printable") else ""
    if b"content-disposition" in found:
        disposition, more = mimewords.parameters(found[b"content-disposition"])
        part.disposition = "inline" if disposition == "inline" else "attachment"
        part.filename = more.get("filename", "")[:500]
    part.filename = part.filename or params.get("name", "")[:500]
    part.cid = mimewords.cleaned(mimewords.decoded(found.get(b"content-id", b"")[:200])).strip("<>")
    return params.get("boundary", "")[:200]


def _multipart(raw: bytes, part: Part, boundary: str, depth: int, budget: _Budget) -> None:
    prefix = f"{part.id}." if part.id else ""
    usual = "message/rfc822" if part.type == "multipart/digest" else "text/plain"  # RFC 2046 5.1.5
    for count, (start, end) in enumerate(_between(raw, part.body, part.end, boundary.encode("utf-8", "replace"), budget), 1):
        headers, body = _headers(raw, start, end, budget)
        part.parts.append(_part(raw, headers, Part(f"{prefix}{count}", usual, start=start, body=body, end=end), depth + 1, budget))
        if budget.parts <= 0:
            return


def _between(raw: bytes, start: int, end: int, boundary: bytes, budget: _Budget) -> Iterator[tuple[int, int]]:
    """Where the parts between the boundary's lines lie. A missing closing line is forgiven."""
    mark, begin = b"--" + boundary, -1
    for at, after, is_last in _lines(raw, start, end, mark, budget):
        if begin >= 0:
            yield begin, max(begin, at)
        if is_last:
            return
        begin = after
    if begin >= 0:
        yield begin, end


def _lines(raw: bytes, start: int, end: int, mark: bytes, budget: _Budget) -> Iterator[tuple[int, int, bool]]:
    """The boundary's own lines: end of what stands before, begin of what follows, and whether it is the closing one."""
    at = raw.find(mark, start, end)
    while at >= 0:
        stop = at + len(mark)
        is_last = raw[stop : stop + 2] == b"--"
        line = raw.find(b"\n", stop, end)
        line = end if line < 0 else line + 1
        if (at == start or raw[at - 1 : at] == b"\n") and (is_last or not raw[stop : min(line, stop + 200)].strip(b" \t\r\n")):
            before = at - (2 if raw[at - 2 : at] == b"\r\n" else 1)
            yield max(start, before), line, is_last
        else:
            budget.false -= 1
            if budget.false < 0:
                return
        at = raw.find(mark, line if raw[at - 1 : at] == b"\n" else stop, end)


def _choose(part: Part, found: Shown, *, related: bool) -> None:
    if part.type == "multipart/alternative":
        _alternative(part, found)
    elif part.type == "multipart/related":
        first = next((one for one in part.parts if part.root and one.cid == part.root), part.parts[0])
        _choose(first, found, related=True)
        for other in part.parts:
            if other is not first:
                _choose(other, found, related=True)
    elif part.type.startswith("multipart/"):
        for one in part.parts:
            _choose(one, found, related=related)
    elif related and part.cid and part.type.startswith("image/"):
        found.pictures.append(part)
    elif part.disposition != "attachment" and not part.filename and part.type in ("text/plain", "text/html"):
        found.text.append(part) if part.type == "text/plain" else found.html.append(part)
    else:
        found.attachments.append(part)


def _alternative(part: Part, found: Shown) -> None:
    """Of each kind (text, HTML) the last alternative; what is neither, such as an invitation, is an attachment."""
    text: list[Part] = []
    html: list[Part] = []
    for one in part.parts:
        inner = Shown()
        _choose(one, inner, related=False)
        text, html = inner.text or text, inner.html or html
        found.pictures += inner.pictures
        found.attachments += inner.attachments
    found.text += text
    found.html += html
