"""What a Sieve script sees of a message: headers and bodies as text, from bytes that a stranger wrote. Nothing here raises.

Each thing is decoded when it is first asked for, and bodies only up to a bound.
"""

import html
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from stadtmail.wire import mime, mimewords

MOST_BODY = 1024 * 1024  # bytes of the body, and of each part, that are looked at
MOST_HEADER = 8 * 1024  # signs
_XHTML = "application/xhtml+xml"
_TAG = re.compile(r"<[^<>]*+>")
_HIDDEN = re.compile(r"<(?:script|style)\b[^>]*+>", re.I)


class Mail(Protocol):
    """A message as the interpreter asks for it."""

    @property
    def size(self) -> int:
        """In bytes."""

    def header(self, name: str) -> Sequence[str]:
        """All values of a header, decoded, from top to bottom."""

    def addresses(self, name: str) -> Sequence[Sequence[str]]:
        """The addresses in each header of that name, without display names."""

    def raw_body(self) -> Sequence[str]:
        """Everything after the headers, as it is; nothing where there are headers only (RFC 5173 4)."""

    def texts(self) -> Iterator[str]:
        """The readable text of each text part."""

    def contents(self, types: Sequence[str]) -> Iterator[str]:
        """Decoded contents of the parts of these types: "" for all, "text" for all text, or whole types."""


class Raw:
    """A `Mail` over the bytes of a message."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._mail = raw, mime.parse(raw)
        self._headers: dict[str, list[str]] = {}
        self._addresses: dict[str, list[list[str]]] = {}
        self._texts: list[str] | None = None

    @property
    def size(self) -> int:
        return len(self._raw)

    def header(self, name: str) -> Sequence[str]:
        if name not in self._headers:
            self._headers[name] = [mimewords.text(value)[:MOST_HEADER].strip() for value in self._values(name)]
        return self._headers[name]

    def addresses(self, name: str) -> Sequence[Sequence[str]]:
        if name not in self._addresses:
            self._addresses[name] = [[address or shown for shown, address in mimewords.addresses(raw)] for raw in self._values(name)]
        return self._addresses[name]

    def raw_body(self) -> Sequence[str]:
        root = self._mail.root
        body = self._raw[root.body : min(root.end, root.body + MOST_BODY)]
        if not body and not self._raw[max(0, root.body - 4) : root.body].endswith((b"\r\n\r\n", b"\n\n")):
            return ()
        return (body.decode("utf-8", "replace"),)

    def texts(self) -> Iterator[str]:
        if self._texts is None:
            parts = [part for part in self._mail.root.walk() if _is_text(part) and part.disposition != "attachment"]
            self._texts = [_readable(part, self._text(part)) for part in parts]
        return iter(self._texts)

    def contents(self, types: Sequence[str]) -> Iterator[str]:
        wanted = [one.strip().lower() for one in types]
        for part in self._mail.root.walk():
            main, _, _ = part.type.partition("/")
            if not any(one in ("", main, part.type) for one in wanted):
                continue
            if part.type == "message/rfc822" and part.parts:  # its headers; its parts come by themselves (RFC 5173 5.2)
                inner = part.parts[0]
                header = self._raw[inner.start : min(inner.body, inner.start + MOST_BODY)]
                yield header.removesuffix(b"\r\n" if header.endswith(b"\r\n\r\n") else b"").decode("utf-8", "replace")
            elif main == "multipart" and part.parts:
                yield from self._around(part)
            else:
                yield self._text(part)

    def _around(self, part: mime.Part) -> Iterator[str]:
        """What stands before the first part of a multipart, and after its closing line: one text each (RFC 5173 5.2)."""
        first, last = part.parts[0].start, part.parts[-1].end
        line = self._raw.rfind(b"\n", part.body, max(part.body, first - 1)) + 1 or part.body  # begin of the first boundary's line
        closing = self._raw.find(b"--", last, part.end)
        after = self._raw.find(b"\n", closing, part.end) + 1 if closing >= 0 else 0
        for start, end in ((part.body, line), (after or part.end, part.end)):
            yield self._raw[start : min(end, start + MOST_BODY)].decode("utf-8", "replace")

    def _text(self, part: mime.Part) -> str:
        body = self._raw[part.body : min(part.end, part.body + MOST_BODY)]
        return mime.text(mime.content(part, body), part.charset)

    def _values(self, name: str) -> list[bytes]:
        wanted = name.lower().encode("utf-8", "replace")
        return [value for known, value in self._mail.headers if known == wanted]


def _is_text(part: mime.Part) -> bool:
    return part.type.startswith("text/") or part.type == _XHTML


def _readable(part: mime.Part, text: str) -> str:
    """HTML without its tags: what a person reads."""
    if part.type not in ("text/html", _XHTML):
        return text
    pieces, at = [], 0
    while hidden := _HIDDEN.search(text, at):
        pieces.append(text[at : hidden.start()])
        end = text.find("</", hidden.end())
        at = len(text) if end < 0 else end
    return html.unescape(_TAG.sub(" ", "".join([*pieces, text[at:]])))
