"""What FETCH asks for (RFC 9051 6.4.5, RFC 3501, RFC 7162): items with sections and partials, and which part a section names."""

import re
from dataclasses import dataclass, field

from stadtmail.wire import imapwrite
from stadtmail.wire.imap import BadSyntax, Cursor
from stadtmail.wire.mime import Part

MACROS = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
PLAIN = frozenset(
    ["FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "BODY", "MODSEQ", "EMAILID", "THREADID", "PREVIEW"]
)
_OLD = {"RFC822": "", "RFC822.HEADER": "HEADER", "RFC822.TEXT": "TEXT"}  # older names of whole sections
_WORD = re.compile(rb"[A-Za-z0-9.]{1,40}")
_SECTION = re.compile(rb"((?:[1-9]\d{0,4}\.){0,40}[1-9]\d{0,4})?\.?([A-Za-z.]{0,20})")
_PARTIAL = re.compile(rb"<(\d{1,18})(?:\.(\d{1,18}))?>")
_LAZY = re.compile(rb" \(LAZY\)", re.I)
MOST_ITEMS = 100


@dataclass(frozen=True)
class Section:
    """Part of a message: a path of numbers, and what of that part. `of`: "" all, HEADER, HEADER.FIELDS[.NOT], TEXT, MIME."""

    path: tuple[int, ...] = ()
    of: str = ""
    fields: tuple[bytes, ...] = ()

    def __bytes__(self) -> bytes:
        names = [*(b"%d" % one for one in self.path), *([self.of.encode()] if self.of else [])]
        listed = b" (%b)" % b" ".join(imapwrite.astring(one) for one in self.fields) if self.fields else b""
        return b".".join(names) + listed


@dataclass(frozen=True)
class Item:
    """One thing that is asked for. `kind` is its word; BODY, BINARY and BINARY.SIZE have a section."""

    kind: str
    section: Section | None = None
    peek: bool = True
    start: int | None = None
    length: int | None = None
    lazy: bool = False
    label: bytes = field(default=b"", compare=False)  # what the answer calls it


def items(cursor: Cursor) -> list[Item]:
    """The items of a FETCH, a macro or a list. Raises BadSyntax."""
    if not cursor.is_next(b"("):
        return _item(cursor, macros=True)
    found = [one for some in cursor.list_of(lambda: _item(cursor, macros=False)) for one in some]
    if not found or len(found) > MOST_ITEMS:
        raise BadSyntax("a list of items is expected")
    return found


def _item(cursor: Cursor, *, macros: bool) -> list[Item]:
    word = cursor.match(_WORD, "an item")[0].decode("ascii").upper()
    if word in MACROS and macros:
        return [Item(one, label=one.encode()) for one in MACROS[word]]
    if word in ("BODY", "BODY.PEEK", "BINARY", "BINARY.PEEK", "BINARY.SIZE") and cursor.skip(b"["):
        return [_sectioned(cursor, word)]
    if word in _OLD:
        return [Item("BODY", Section(of=_OLD[word]), peek=word == "RFC822.HEADER", label=word.encode())]
    if word not in PLAIN:
        raise BadSyntax("no such item")
    if word == "PREVIEW" and cursor.is_named(b" (LAZY)"):  # RFC 8970 3.2
        cursor.match(_LAZY, "a modifier")
        return [Item(word, lazy=True, label=word.encode())]
    return [Item(word, label=word.encode())]


def _sectioned(cursor: Cursor, word: str) -> Item:
    kind = word.removesuffix(".PEEK")
    path, of = cursor.match(_SECTION, "a section").groups()
    numbers = tuple(int(one) for one in path.split(b".")) if path else ()
    wanted = of.decode("ascii").upper()
    fields: tuple[bytes, ...] = ()
    if wanted in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
        cursor.space()
        fields = tuple(cursor.list_of(cursor.astring))
        if not fields:
            raise BadSyntax("names of fields are expected")
    elif wanted not in ("", "HEADER", "TEXT", "MIME") or (wanted == "MIME" and not numbers) or (kind != "BODY" and wanted):
        raise BadSyntax("no such section")
    cursor.expect(b"]")
    section = Section(numbers, wanted, fields)
    label = b"%b[%b]" % (kind.encode(), bytes(section))
    if kind == "BINARY.SIZE" or not cursor.is_next(b"<"):
        return Item(kind, section, peek=word != kind or kind == "BINARY.SIZE", label=label)
    start, length = (int(one) if one is not None else None for one in cursor.match(_PARTIAL, "a partial").groups())
    if length is None or not length:
        raise BadSyntax("a partial is expected")
    return Item(kind, section, peek=word != kind, start=start, length=length, label=label + b"<%d>" % (start or 0))


@dataclass(frozen=True)
class Place:
    """Where a section lies in a message; `part` is whose content it is, where it is a whole part."""

    start: int
    end: int
    part: Part | None = None
    header: bool = False


def place(root: Part, section: Section) -> Place | None:
    """Where a section lies; None where the message has no such part."""
    if not section.path:
        return Place(root.start, root.end, root) if section.of == "" else _half(root, section)
    part = _walk(root, section.path)
    if part is None:
        return None
    if section.of == "":
        return Place(part.body, part.end, part)
    if section.of == "MIME":
        return Place(part.start, part.body, header=True)
    if part.type != "message/rfc822" or not part.parts:
        return None
    return _half(part.parts[0], section)


def _half(whole: Part, section: Section) -> Place:
    return Place(whole.start, whole.body, header=True) if section.of.startswith("HEADER") else Place(whole.body, whole.end)


def _walk(root: Part, path: tuple[int, ...]) -> Part | None:
    """The part that numbers lead to: children of a multipart; a part that is none is its own number 1."""
    part = root
    for depth, number in enumerate(path):
        if depth and part.type == "message/rfc822":
            if not part.parts:
                return None
            part = part.parts[0]
        elif depth and not _is_multipart(part):
            return None
        if _is_multipart(part):
            if number > len(part.parts):
                return None
            part = part.parts[number - 1]
        elif number != 1:
            return None
    return part


def _is_multipart(part: Part) -> bool:
    return part.type.startswith("multipart/") and bool(part.parts)


def fields(header: bytes, section: Section) -> bytes:
    """Those header lines that HEADER.FIELDS (or .NOT) names, as they stand, and the empty line."""
    wanted = {name.lower() for name in section.fields}
    keep = section.of == "HEADER.FIELDS"
    out: list[bytes] = []
    taken = False
    for line in header.splitlines(keepends=True) if b"\r\n" not in header else _lines(header):
        if not line.strip(b"\r\n"):
            break
        if line[:1] not in (b" ", b"\t"):
            taken = (line.partition(b":")[0].strip().lower() in wanted) == keep
        if taken:
            out.append(line)
    found = b"".join(out)
    return found + (b"" if not found or found.endswith(b"\n") else b"\r\n") + b"\r\n"


def _lines(header: bytes) -> list[bytes]:
    return [line + b"\n" for line in header.split(b"\n")[:-1]] + ([header.rpartition(b"\n")[2]] if not header.endswith(b"\n") else [])
